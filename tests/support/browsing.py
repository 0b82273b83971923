"""JupyterLab and Voilà as processes, and a notebook in a page: what the tests in a browser stand on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

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
    """A program that says on stderr where it serves."""

    def __init__(self, command: list[str], folder: Path, home: Path) -> None:
        environment = {
            **os.environ,
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "IPYTHONDIR": str(home / "ipython"),
            "JUPYTER_PLATFORM_DIRS": "1",
        }
        self.folder = folder
        self.log = (home / "server.log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        self.url = self._said()
        self.base = re.sub(r"(http://[^/]*).*", r"\1", self.url)

    def _said(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.write(line)
            found = re.search(r"http://(?:127\.0\.0\.1|localhost):[1-9]\d*/\S*", line)
            if found:
                return found[0]
        self.log.seek(0)
        raise AssertionError(f"the server ended before it served:\n{self.log.read()}")

    def stop(self) -> None:
        """End it and what it started."""
        os.killpg(self.process.pid, signal.SIGTERM)
        assert self.process.stdout is not None
        for line in self.process.stdout:  # until the last of them has gone
            self.log.write(line)
        self.process.stdout.close()
        self.process.wait(30)
        self.log.close()


class Notebook:
    """One notebook, open in JupyterLab."""

    def __init__(self, page: Any, server: Server, path: Path) -> None:
        self.page, self.server, self.path = page, server, path
        self.troubles: list[str] = []
        page.on("console", lambda said: self._note(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.goto(f"{server.base}/lab/tree/{path.name}?reset")
        page.locator(".jp-Notebook").wait_for()
        self._idle()

    def _idle(self) -> None:
        """Wait until the kernel is there and has nothing to do."""
        self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for()

    def _note(self, words: str) -> None:
        if "favicon" not in words:
            self.troubles.append(words)

    def menu(self, *names: str) -> None:
        """Choose from the menu bar."""
        bar, *items = names
        self.page.get_by_role("menuitem", name=bar, exact=True).click()
        for item in items:
            self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}$")).last.click()

    def run_all(self) -> None:
        """Run every cell and wait until the kernel has nothing left to do."""
        self.menu("Run", "Run All Cells")
        count = self.page.locator(".jp-CodeCell").count()
        assert count
        self.page.wait_for_function(
            """() => {
                const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
                return prompts.length && prompts.every(p => /\\[\\d+\\]/.test(p.textContent));
            }"""
        )

    def restart(self) -> None:
        """A kernel that knows nothing, and no outputs."""
        self.menu("Kernel", "Restart Kernel and Clear Outputs of All Cells…")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.locator(".jp-CodeCell .jp-InputPrompt", has_text="[ ]").first.wait_for()
        self._idle()

    def shut_down(self) -> None:
        """End the kernel, so that the next test does not share a machine with it."""
        base = self.server.base
        cookies = {each["name"]: each["value"] for each in self.page.context.cookies()}
        headers = {"X-XSRFToken": cookies.get("_xsrf", ""), "Referer": base}
        for session in self.page.request.get(f"{base}/api/sessions").json():
            self.page.request.delete(f"{base}/api/sessions/{session['id']}", headers=headers)

    def saved(self) -> dict[str, Any]:
        """The notebook as JupyterLab writes it."""
        with self.page.expect_response(
            lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url
        ):
            self.page.keyboard.press("Control+s")
        content: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return content

    @property
    def panel(self) -> Any:
        """The last widget that is not part of another one."""
        return self.page.locator(".lk-panel").last


def dark(page: Any) -> None:
    """JupyterLab's own dark theme, from its menu."""
    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-itemLabel", has_text="Theme").first.click()
    page.locator(".lm-Menu-itemLabel", has_text="JupyterLab Dark").first.click()
    page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    page.locator("#jupyterlab-splash").wait_for(state="detached")


def use(notebook: Any, name: str) -> None:
    """Bring a widget into the state in which it shows most."""
    page = notebook.page
    notebook.run_all()
    notebook.panel.wait_for()
    if name == "console":
        line = page.get_by_label("alice-pc.example.com types")
        for text in ("EHLO me", "RCPT TO:<bob@example.org>", "MAIL FROM:<alice@example.com>"):
            line.fill(text)
            line.press("Enter")
        page.locator(".lk-rows td", has_text="MAIL FROM").wait_for()
    elif name == "explorer":
        page.get_by_role("button", name="Last").click()
        for _ in range(2):
            page.get_by_role("button", name="Previous").click()
        page.get_by_text("26 of 28 shown").wait_for()
    elif name == "player":
        for step in range(2, 9):
            page.get_by_role("button", name="Forward").click()
            page.get_by_text(f"Moment {step} of").first.wait_for()
    elif name == "faults":
        page.get_by_label("cut-before-final-reply").check()
        page.get_by_role("button", name="Send a letter").click()
        page.get_by_text("delivered 2 times").wait_for()
    else:
        page.get_by_label("Answer").fill("[0, 1, 2]")
        page.get_by_label("Answer").press("Tab")
        page.get_by_role("button", name="Check", exact=True).click()
        page.get_by_text("not yet").first.wait_for()


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
