"""The notebooks of the course in JupyterLab, as `labkit lab` lays them out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.browsing import CARD, TRAVELLED

NOTEBOOKS = sorted(path.name for path in (Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_notebook_runs_without_a_complaint(name: str, open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(name=name)
    notebook.run_all()
    saved = notebook.saved()
    for cell in saved["cells"]:
        for output in cell.get("outputs", []):
            assert output["output_type"] != "error", "".join(output["traceback"])
            assert output.get("name") != "stderr", output["text"]
    assert "widgets" not in saved["metadata"], "the notebook is saved with the state of its widgets"
    assert notebook.troubles == []


def test_an_exercise_from_wrong_to_right(open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(TRAVELLED, CARD)
    notebook.run_all()
    page = notebook.panel
    answer = page.get_by_label("Answer")
    check = page.get_by_role("button", name="Check", exact=True)
    for typed, words in (("[0, 1, 2, 3]", "not yet"), ("[0, 3, 4, 5]", "")):
        answer.fill(typed)
        answer.press("Tab")
        check.click()
        page.get_by_text(words or "00.1").first.wait_for()
    for which in (1, 2, 3):
        page.get_by_role("button", name=f"Hint {which} of 3").click()
        page.get_by_text(f"00.1, hint {which} of 3").wait_for()
    page.get_by_role("button", name="Show the solution").click()
    page.get_by_text("A second way").first.wait_for()
    assert notebook.troubles == []
