"""The file of what was typed: whole, by name, and never in anybody's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.views.panels.byhand import Typed
from labkit.views.panels.saved import Saved

STEPS = [Typed("connect", "mail.example.com", "25"), Typed("line", "é \x00"), Typed("literal", "a1 X", "y")]


def test_consoles_are_kept_by_name(tmp_path: Path) -> None:
    saved = Saved(tmp_path / "deep" / "consoles.json")
    assert saved.load("one") == []
    saved.keep("one", STEPS)
    saved.keep("two", STEPS[:1])
    assert Saved(saved.path).load("one") == STEPS
    saved.keep("one", [])
    assert saved.load("one") == []
    assert saved.load("two") == STEPS[:1]
    assert [path.name for path in saved.path.parent.iterdir()] == ["consoles.json"]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"version": 1}', '{"version": 1, "consoles": {"one": [["jump", "", ""]]}}',
     '{"version": 1, "consoles": {"one": [["line", 1, ""]]}}', '{"version": 1, "consoles": {"one": [3]}}',
     '{"version": 1, "consoles": {"one": null}}', "[" * 100_000],
)  # fmt: skip
def test_a_file_that_is_none_of_ours_is_set_aside(tmp_path: Path, content: str) -> None:
    saved = Saved(tmp_path / "consoles.json")
    saved.path.write_text(content)
    assert saved.load("one") == []
    assert "set aside as consoles.json.unreadable" in saved.trouble
    assert (tmp_path / "consoles.json.unreadable").read_text() == content
    saved.keep("one", STEPS)
    assert saved.load("one") == STEPS
    assert saved.trouble == ""


def test_a_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    saved = Saved(tmp_path / "file" / "consoles.json")
    saved.keep("one", STEPS)
    assert "cannot be" in saved.trouble
