from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from labkit.course.record import Progress


def test_solved_is_kept_across_instances(tmp_path: Path) -> None:
    path = tmp_path / ".labkit" / "progress.json"
    Progress(path).record("00.2")
    Progress(path).record("00.1")
    Progress(path).record("00.1")
    assert Progress(path).solved() == {"00.1", "00.2"}
    assert json.loads(path.read_text(encoding="utf-8")) == {"version": 1, "solved": ["00.1", "00.2"]}
    assert os.listdir(path.parent) == ["progress.json"]  # no temporary file is left


def test_the_file_lies_beside_the_notebook_unless_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert Progress().path == tmp_path / "progress.json"  # as conftest.py names it
    monkeypatch.delenv("LABKIT_PROGRESS")
    assert Progress().path == Path(".labkit", "progress.json")


def test_no_file_is_nothing_solved_and_no_file_is_made(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "none.json")
    assert progress.solved() == set()
    progress.reset()
    assert os.listdir(tmp_path) == []


def test_one_can_be_reset_without_the_others(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "p.json")
    for number in ("00.1", "00.2", "01.1"):
        progress.record(number)
    progress.reset(["00.1"])
    assert progress.solved() == {"00.2", "01.1"}
    progress.reset()
    assert progress.solved() == set()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"version": 9, "solved": []}', b'{"version": 1, "solved": [1]}'],
)
def test_a_file_that_cannot_be_read_is_set_aside_and_reported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(content)
    progress = Progress(path)
    assert progress.solved() == set()
    assert progress.troubles == [f"{path} could not be read; it was set aside as p.json.unreadable."]
    assert (tmp_path / "p.json.unreadable").read_bytes() == content
    progress.record("00.1")
    path.write_bytes(b"again")
    assert progress.solved() == set()
    assert (tmp_path / "p.json.unreadable").read_bytes() == content  # the first is still there
    assert (tmp_path / "p.json.unreadable-2").read_bytes() == b"again"


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    progress = Progress(tmp_path / "file" / "p.json")
    progress.record("00.1")
    assert progress.troubles
    assert "cannot be" in progress.troubles[-1]
