"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labkit.capture.files import whole_file
from labkit.errors import LabError


def test_the_file_has_its_name_only_once_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with whole_file(target) as part:
        part.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail_half_way() -> None:
        with whole_file(target) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    with (
        pytest.raises(LabError, match=r"cannot write .*No such file"),
        whole_file(tmp_path / "no" / "a") as part,
    ):
        part.write_text("x")


def test_a_device_is_written_to_directly() -> None:
    with whole_file(os.devnull) as part:
        part.write_text("x")
    assert not Path(os.devnull).is_file()
