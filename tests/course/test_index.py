"""The index: every notebook and every track, from what the notebooks say of themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labkit.course import index
from labkit.course.record import Progress
from labkit.course.shelf import shelf

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.name for path in shelf().glob("*.ipynb"))


def text(folder: Path, names: list[str]) -> str:
    return "".join(index.page(folder, names)["cells"][0]["source"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).write_bytes((shelf() / name).read_bytes())
    return tmp_path


def test_every_notebook_has_a_title_and_minutes() -> None:
    for entry in index.entries(shelf(), NAMES):
        assert entry.title != Path(entry.name).stem
        assert entry.minutes is not None
        assert 10 <= entry.minutes <= 60
        assert entry.exercises


def test_a_row_for_each_notebook_and_each_track(folder: Path) -> None:
    said = text(folder, NAMES)
    for entry in index.entries(folder, NAMES):
        row = next(line for line in said.splitlines() if line.startswith(f"| {entry.number} | "))
        assert f"]({entry.name}) | {entry.minutes} | 0 of {len(entry.exercises)} |" in row
    for track in index.TRACKS:
        assert f"\n| {track} | [00](00-start-here.ipynb)" in said
    row = next(line for line in said.splitlines() if line.startswith("| 00 |"))
    assert row.endswith("| First evening, Developer, Analyst, Security |")


def test_a_track_adds_up_what_is_there(folder: Path) -> None:
    progress = Progress(folder / ".labkit" / "progress.json")
    for number in ("00.1", "01.2", "12.1", "13.1"):
        progress.record(number)
    evening = [
        entry for entry in index.entries(folder, NAMES) if entry.number in index.TRACKS["First evening"]
    ]
    minutes = sum(entry.minutes or 0 for entry in evening)
    exercises = sum(len(entry.exercises) for entry in evening)
    row = next(line for line in text(folder, NAMES).splitlines() if line.startswith("| First evening |"))
    assert row.endswith(f"| {minutes} | 3 of {exercises} |")
    assert "(to come: 22, 23, 25)" in text(folder, ["00-start-here.ipynb"])


def test_tracks_are_read_in_order_and_begin_at_the_beginning() -> None:
    for numbers in index.TRACKS.values():
        assert list(numbers) == sorted(set(numbers))
        assert numbers[0] == "00"


def test_the_readme_has_the_same_notebooks_with_the_same_minutes() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[[^]]+\]\(notebooks/([^)]+)\) \| (\d+) \|", readme, flags=re.MULTILINE)
    assert rows == [(entry.name, str(entry.minutes)) for entry in index.entries(shelf(), NAMES)]
