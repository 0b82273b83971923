"""Looks: accessible in both themes, and usable at twice the size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.browsing import WIDGETS, Lab, use

GRAVE = ("serious", "critical")


@pytest.mark.parametrize("name", WIDGETS)
def test_no_grave_obstacle_to_anybody(name: str, lab: Lab, open_notebook: Callable[..., Any]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    notebook = open_notebook(*WIDGETS[name])
    use(notebook, name)
    grave = []
    for theme in ("Light", "Dark"):
        lab.wear(theme)
        found = axe.Axe().run(notebook.page, context=".lk-panel").response["violations"]
        grave += [
            f"{theme}: {each['id']}: {each['help']}: {[node['html'][:200] for node in each['nodes'][:3]]}"
            for each in found
            if each["impact"] in GRAVE
        ]
    assert grave == []


@pytest.mark.parametrize("name", WIDGETS)
def test_at_twice_the_size_nothing_is_out_of_reach(
    name: str, lab: Lab, open_notebook: Callable[..., Any]
) -> None:
    lab.page.set_viewport_size({"width": 640, "height": 450})  # what 1280 by 900 is at 200 %
    notebook = open_notebook(*WIDGETS[name])
    use(notebook, name)
    cut_off = notebook.panel.evaluate(
        """panel => [...panel.querySelectorAll('button, input, select, textarea')]
            .filter(each => each.getBoundingClientRect().width > 0)
            .filter(each => each.getBoundingClientRect().right > panel.getBoundingClientRect().right + 1)
            .map(each => each.outerHTML.slice(0, 120))"""
    )
    assert cut_off == []
