"""A notebook of widgets where no kernel runs: saved without their state, read as HTML, compared by nbval."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.browsing import CARD, CONSOLE, EXPLORER, FAULTS, PLAYER, TRAVELLED, notebook_of

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("anywidget")

WIDGET = "application/vnd.jupyter.widget-view+json"
TYPED = CONSOLE.replace("Console(world", "console = Console(world") + "\nconsole"
LATER = "console = console.type('EHLO me').select(1)"
CELLS = (TRAVELLED, TYPED, LATER, EXPLORER, PLAYER, FAULTS + ".on('latency:0.5').send()", CARD)
SHOWN = {1: "console", 3: "explorer", 4: "player", 5: "faults", 6: "card"}
FACTS = {
    "console": "connected to mail.example.com",
    "explorer": "of 30 exchanges",
    "player": "Moment 1 of",
    "faults": "submitted, delivered",
    "card": "Exercise 00.1",
}


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *, clicked: bool) -> Any:
    """The notebook after a run; with widgets, or as nbval and the course's own refresh run it."""
    monkeypatch.setenv("LABKIT_WIDGETS", "1" if clicked else "0")
    notebook = nbformat.from_dict(notebook_of(CELLS))
    client = nbclient.NotebookClient(
        notebook, kernel_name="python3", timeout=120, store_widget_state=False, record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )  # fmt: skip
    client.execute()
    return notebook


class Rows(HTMLParser):
    """The cells of every row of every table."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        self._in_cell = tag in ("td", "th") or (self._in_cell and tag not in ("tr", "table"))
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


@pytest.mark.parametrize("clicked", [False, True], ids=["still", "with widgets"])
def test_each_widget_is_there_as_text_and_html(
    clicked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = run(tmp_path, monkeypatch, clicked=clicked)
    assert "widgets" not in notebook.metadata
    for place, name in SHOWN.items():
        outputs = notebook.cells[place].outputs
        assert any(WIDGET in output.data for output in outputs) is clicked
        still = outputs[-1].data
        assert set(still) == {"text/plain", "text/html"}
        assert FACTS[name] in still["text/plain"]
    console = notebook.cells[1].outputs[-1].data
    assert ("EHLO me" in console["text/plain"]) is clicked, "only a widget follows what is done later"
    assert ("EHLO me" in console["text/html"]) is clicked


def test_html_shows_what_the_text_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbconvert = pytest.importorskip("nbconvert")
    notebook = run(tmp_path, monkeypatch, clicked=True)
    page, _ = nbconvert.HTMLExporter(embed_images=True).from_notebook_node(notebook)
    rows = [[cell.strip("▸ ") for cell in row] for row in Rows(page).rows]
    for row in (
        ["1", "09:00:07.080", "connected", "EHLO me", "✓ 250 mail.example.com greets me (+7 lines)"],
        ["0.0", "09:00:00.000", "connected", "", "✓ 220 mail.example.com ESMTP labkit"],
    ):
        assert any(found[:1] + found[2:] == row[:1] + row[2:] for found in rows), f"{row} not in {rows}"
    assert any("latency:seconds=0.5@*" in row and "submitted, delivered, fetched" in row for row in rows)
    for fact in (*FACTS.values(), "EHLO me", "lk-svg"):
        assert fact in page
    assert "model_id" not in page


def test_nbval_passes_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nbval")
    notebook = run(tmp_path, monkeypatch, clicked=False)
    nbformat.write(notebook, tmp_path / "widgets.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider", "widgets.ipynb"]
    for _ in range(2):
        ended = subprocess.run(
            command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout
        assert f"{len(CELLS)} passed" in ended.stdout
