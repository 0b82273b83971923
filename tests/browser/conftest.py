"""A real JupyterLab and a real Chromium, for tests that do what a learner does.

Everything waits on a condition of the page, never on time.  Without Chromium (`make programs` installs
it) or Playwright these tests are skipped, and say so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browsing import LAB_OPTIONS, Lab, Notebook, Server, notebook_of
from support.serving import LABKIT

PROJECT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 90_000  # ms: a wait that takes longer is a failure, on a busy machine too
SIZE = {"width": 1280, "height": 900}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed; `make programs` installs it")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with playwright.sync_playwright() as running:
        found = running.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def chromium_for_nbconvert(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For PLAYWRIGHT_BROWSERS_PATH: a folder where nbconvert finds Debian's Chromium as if Playwright had
    downloaded it.  Where it looks, Playwright only says when nothing is there.
    """
    folder = tmp_path_factory.mktemp("browsers")
    script = "from playwright.sync_api import sync_playwright as p; p().start().chromium.launch()"
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(folder)}
    said = subprocess.run(command, env=environment, check=False, capture_output=True, text=True).stderr
    place = re.search(rf"{re.escape(str(folder))}\S+", said)
    assert place is not None, said
    link = Path(place[0])
    link.parent.mkdir(parents=True)
    link.symlink_to(CHROMIUM)
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labkit as it is installed, for PYTHONPATH."""
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    built, site = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    (found,) = built.glob("*.whl")
    with zipfile.ZipFile(found) as packed:
        packed.extractall(site)
    return site


@pytest.fixture(scope="session")
def server(browser: Any, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`labkit lab` from a wheel, in an empty folder."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "course"
    options = [*LAB_OPTIONS, "--LabApp.expose_app_in_browser=True"]
    serving = Server([*LABKIT, "lab", str(folder), "--", *options], folder, home, PYTHONPATH=str(wheel))
    yield serving
    serving.stop()


@pytest.fixture(scope="session")
def shared_lab(browser: Any, server: Server) -> Iterator[Lab]:
    context = browser.new_context(viewport=SIZE)
    context.set_default_timeout(PATIENCE)
    yield Lab(context.new_page(), server)
    context.close()


@pytest.fixture
def lab(shared_lab: Lab) -> Iterator[Lab]:
    """JupyterLab with nothing opened, in its usual looks."""
    yield shared_lab
    shared_lab.tidy()
    shared_lab.wear("Light")
    shared_lab.show_files(True)
    shared_lab.page.set_viewport_size(SIZE)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that knows nothing."""
    context = browser.new_context(viewport=SIZE)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture
def open_notebook(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Callable[..., Notebook]]:
    """Open a notebook of these cells, or one of the course by its name."""
    own = lab.folder / (re.sub(r"\W+", "-", request.node.name)[:60] + ".ipynb")
    shutil.rmtree(lab.folder / ".labkit", ignore_errors=True)

    def opened(*cells: str, name: str = "") -> Notebook:
        path = lab.folder / name if name else own
        if cells:
            path.write_text(json.dumps(notebook_of(cells)), encoding="utf-8")
        return lab.open(path)

    yield opened
    own.unlink(missing_ok=True)
