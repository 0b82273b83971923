"""JupyterLab and Voilà as processes, and a notebook in a page: what the tests in a browser stand on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from support.serving import LONGEST_START

LAB_OPTIONS = ["--no-browser", "--ServerApp.port=0", "--ServerApp.token=", "--allow-root"]
NOBODY = "http://127.0.0.1:9"
WORLD = """\
from labkit import World
world = World(seed=0)
alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
"""
TRAVELLED = WORLD + "from labkit import travel\njourney = travel(world)\n"
CONSOLE = "from labkit.views.panels import Console\nConsole(world, 'mail.example.com', 25)"
EXPLORER = "from labkit.views.panels import Explorer\nExplorer(world)"
PLAYER = "from labkit.views.panels import Player\nPlayer(world)"
FAULTS = "from labkit.views.panels import Faults\nFaults(world)"
CARD = "from labkit import course\ncourse.exercise('00.1', world)"
WIDGETS = {"console": (WORLD, CONSOLE), "explorer": (TRAVELLED, EXPLORER), "player": (TRAVELLED, PLAYER),
           "faults": (WORLD, FAULTS), "card": (TRAVELLED, CARD)}  # fmt: skip
"""Each widget, and the cells that show it."""


class Server:
    """A program that says on stderr where it serves; whom it asks in the network does not answer."""

    def __init__(self, command: list[str], folder: Path, home: Path, **more: str) -> None:
        environment = {
            **os.environ,
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "IPYTHONDIR": str(home / "ipython"),
            "JUPYTER_PLATFORM_DIRS": "1",
            "http_proxy": NOBODY,
            "https_proxy": NOBODY,
            **more,
        }
        self.folder = folder
        self.log = (home / "server.log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.url = self._said()
        self.base = re.sub(r"(http://[^/]*).*", r"\1", self.url)
        self._wait()

    def _said(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.write(line)
            found = re.search(r"http://(?:127\.0\.0\.1|localhost):[1-9]\d*/\S*", line)
            if found:
                return found[0]
        self.log.seek(0)
        raise AssertionError(f"the server ended before it served:\n{self.log.read()}")

    def _wait(self) -> None:
        """It says where it will serve a moment before it does."""
        deadline = monotonic() + LONGEST_START
        while True:
            try:
                urllib.request.urlopen(f"{self.base}/favicon.ico").close()
            except urllib.error.HTTPError:
                return
            except OSError:
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.05)
                assert self.process.returncode is None, "the server ended before it served"
                assert monotonic() < deadline, "the server never served"
            else:
                return

    def stop(self) -> None:
        """End it, as a service manager does: it alone is told."""
        self.process.terminate()
        assert self.process.stdout is not None
        for line in self.process.stdout:  # until the last that it started has gone
            self.log.write(line)
        self.process.stdout.close()
        self.process.wait(30)
        self.log.close()


class Lab:
    """JupyterLab in a page that stays: to load it anew for each notebook takes longer than most tests."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page, self.folder, self._base = page, server.folder, server.base
        self.troubles: list[str] = []
        page.on("console", lambda said: self._note(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", lambda asked: self._note_stranger(asked.url))
        self.load()

    def load(self) -> None:
        self.page.goto(f"{self._base}/lab?reset")
        self.page.locator("#jp-main-statusbar").wait_for()
        self.page.evaluate("jupyterapp.restored.then(() => null)")

    def _note(self, words: str) -> None:
        if "favicon" not in words:
            self.troubles.append(words)

    def _note_stranger(self, url: str) -> None:
        if not url.startswith((self._base, "data:", "blob:")):
            self.troubles.append(f"somebody else is asked: {url}")

    def command(self, name: str, **arguments: Any) -> None:
        """What a menu or a key would call, to its end."""
        run = "([name, given]) => jupyterapp.commands.execute(name, given).then(() => null)"
        self.page.evaluate(run, [name, arguments])

    def open(self, path: Path) -> Notebook:
        """Open a notebook, and wait for its kernel."""
        self.troubles.clear()
        self.command("docmanager:open", path=path.name)
        self.page.wait_for_function(
            "name => jupyterapp.shell.currentWidget?.context?.path === name", arg=path.name
        )  # it is in front a moment after it is open
        self.page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.ready")
        self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()
        return Notebook(self, path)

    def wear(self, theme: str) -> None:
        """One of JupyterLab's own themes: Light or Dark."""
        self.command("apputils:change-theme", theme=f"JupyterLab {theme}")
        is_light = str(theme == "Light").lower()
        self.page.locator(f"body[data-jp-theme-light={is_light}]").wait_for(state="attached")

    def show_files(self, shown: bool) -> None:
        """The list of files at the left, which takes a part of a narrow window."""
        self.page.evaluate("""shown => jupyterapp.shell[shown ? "expandLeft" : "collapseLeft"]()""", shown)

    def tidy(self) -> None:
        """End the kernels, so that the next test does not share a machine with them, and close all."""
        try:
            self.page.evaluate(
                """async () => {
                    await jupyterapp.serviceManager.sessions.shutdownAll();
                    for (const opened of [...jupyterapp.shell.widgets("main")]) {
                        if (!opened.context) continue;
                        opened.context.model.dirty = false; // nothing is asked
                        opened.close();
                    }
                }"""
            )
            self.page.locator(".jp-NotebookPanel").wait_for(state="detached")
        except Exception:  # whatever a test that failed has left behind
            self.load()


class Notebook:
    """One notebook, open in JupyterLab."""

    def __init__(self, lab: Lab, path: Path) -> None:
        self.lab, self.page, self.path, self.troubles = lab, lab.page, path, lab.troubles

    def run_all(self) -> None:
        """Run every cell and wait until the kernel has nothing left to do."""
        self.lab.command("notebook:run-all-cells")

    def restart(self) -> None:
        """A kernel that knows nothing, and no outputs."""
        self.page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.restartKernel()")
        self.lab.command("notebook:clear-all-cell-outputs")
        self.page.locator(".lk-panel").wait_for(state="detached")

    def saved(self) -> dict[str, Any]:
        """The notebook as JupyterLab writes it."""
        self.lab.command("docmanager:save")
        content: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return content

    @property
    def panel(self) -> Any:
        """The last widget that is not part of another one."""
        return self.page.locator(".lk-panel").last


def use(notebook: Any, name: str) -> None:
    """Bring a widget into the state in which it shows most."""
    notebook.run_all()
    panel = notebook.panel
    panel.wait_for()
    if name == "console":
        line = panel.get_by_label("alice-pc.example.com types")
        for text in ("EHLO me", "RCPT TO:<bob@example.org>", "MAIL FROM:<alice@example.com>"):
            line.fill(text)
            line.press("Enter")
        panel.locator(".lk-status", has_text="2.1.0").wait_for()
    elif name == "explorer":
        panel.get_by_role("button", name="Last").click()
        for _ in range(2):
            panel.get_by_role("button", name="Previous").click()
        panel.get_by_text("26 of 28 shown").wait_for()
    elif name == "player":
        for step in range(2, 9):
            panel.get_by_role("button", name="Forward").click()
            panel.get_by_text(f"Moment {step} of").first.wait_for()
    elif name == "faults":
        panel.get_by_label("cut-before-final-reply").check()
        panel.get_by_role("button", name="Send a letter").click()
        panel.get_by_text("delivered 2 times").wait_for()
    else:
        panel.get_by_label("Answer").fill("[0, 1, 2]")
        panel.get_by_label("Answer").press("Tab")
        panel.get_by_role("button", name="Check", exact=True).click()
        panel.get_by_text("not yet").first.wait_for()


def notebook_of(cells: tuple[str, ...]) -> dict[str, Any]:
    code = [
        {
            "cell_type": "code",
            "id": f"c{i}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": s,
        }
        for i, s in enumerate(cells)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": code, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
