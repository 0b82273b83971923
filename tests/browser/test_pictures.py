"""Pictures of every widget and notebook, in both themes, for people to look at (`make screenshots`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.browsing import WIDGETS, Lab, use

FOLDER = os.environ.get("LABKIT_PICTURES")
NOTEBOOKS = sorted(path.name for path in (Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))
TALL = {"width": 1180, "height": 3800}
NARROW = {"narrow": {"width": 720, "height": 4200}, "zoomed": {"width": 590, "height": 4200}}
"""A narrow window, and what a window of 1180 is at 200 %; without the list of files."""

pytestmark = pytest.mark.skipif(not FOLDER, reason="pictures are made by `make screenshots`")


@pytest.fixture(params=["Light", "Dark"])
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def keep(shown: Any, name: str, theme: str) -> None:
    assert FOLDER
    Path(FOLDER).mkdir(parents=True, exist_ok=True)
    shown.screenshot(path=Path(FOLDER) / f"{name}-{theme.lower()}.png")


@pytest.mark.parametrize("name", WIDGETS)
def test_widgets(name: str, theme: str, lab: Lab, open_notebook: Callable[..., Any]) -> None:
    lab.page.set_viewport_size(TALL)
    lab.wear(theme)
    notebook = open_notebook(*WIDGETS[name])
    use(notebook, name)
    keep(notebook.panel, name, theme)


@pytest.mark.parametrize("how", NARROW)
@pytest.mark.parametrize("name", WIDGETS)
def test_narrow_widgets(name: str, how: str, lab: Lab, open_notebook: Callable[..., Any]) -> None:
    lab.page.set_viewport_size(NARROW[how])
    lab.show_files(False)
    notebook = open_notebook(*WIDGETS[name])
    use(notebook, name)
    keep(notebook.panel, f"{name}-{how}", "light")


@pytest.mark.parametrize("name", [*NOTEBOOKS, "index.ipynb"])
def test_notebooks(name: str, theme: str, lab: Lab, open_notebook: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    page = lab.page
    page.set_viewport_size({**TALL, "height": TALL["height"] if name[0] != "i" else 700})
    lab.wear(theme)
    notebook = open_notebook(name=name)
    if name[0] != "i":
        notebook.run_all()
        page.locator(".jp-WindowedPanel-outer").evaluate("panel => { panel.scrollTop = 0; }")
        expect(page.locator(".jp-Cell h1").first).to_be_in_viewport()  # the cells there are drawn anew
    keep(page.locator(".jp-NotebookPanel"), name.removesuffix(".ipynb"), theme)
