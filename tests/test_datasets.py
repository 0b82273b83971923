"""Every dataset is what its script makes, and the README beside them says what is in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit import cli
from labkit.dissect.exchange import Exchange, columns_of
from labkit.tables import read_capture

FOLDER = Path(cli.__file__).parents[1] / "datasets"
SCRIPTS = sorted(FOLDER.glob("make_*.py"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_makes_the_same_octets_again(script: Path, tmp_path: Path) -> None:
    elsewhere = {**os.environ, "PYTHONHASHSEED": "1", "TZ": "Pacific/Auckland", "LC_ALL": "C"}
    subprocess.run([sys.executable, script, tmp_path], env=elsewhere, check=True)
    made = sorted(tmp_path.iterdir())
    assert made
    for file in made:
        same = file.read_bytes() == (FOLDER / file.name).read_bytes()
        assert same, f"datasets/{file.name} is not what {script.name} makes; if that is right: make refresh"


def test_the_tour_is_that_of_the_command_line(tmp_path: Path) -> None:
    assert cli.main(["tour", "--format", "pcap", "-o", str(tmp_path / "tour.pcap")]) == 0
    assert (tmp_path / "tour.pcap").read_bytes() == (FOLDER / "tour.pcap").read_bytes()


def test_the_readme_names_every_file_and_every_column() -> None:
    files = {file.name for file in FOLDER.iterdir() if file.is_file()} - {"README.md"}
    assert {name for name in files if name not in README} == set()
    for column in columns_of(Exchange):
        assert f"| {column.name} | {column.meaning} |" in README


def test_the_tour_holds_what_the_readme_says() -> None:
    capture = read_capture(FOLDER / "tour.pcap")
    assert capture.tape.notes == []
    assert capture.rows("connections")["protocol"] == ["smtp", "smtp", "pop3", "imap"]
    assert capture.rows("connections")["tls"] == ["none"] * 4
    assert [row.type for row in capture.rows("lookups")] == ["MX", "A"]
    assert len({row.trace_id for row in capture.rows("messages")}) == 1
