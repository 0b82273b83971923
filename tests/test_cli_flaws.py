"""`labkit flaws`: the catalogue, for people and for programs."""

from __future__ import annotations

import json

import pytest

from labkit import cli
from labkit.dissect.examples import EXAMPLES
from labkit.dissect.flaws import CATALOGUE
from labkit.views import terminal
from labkit.world.faults import CATALOGUE as FAULTS


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(arguments) == 0
    return capsys.readouterr().out


def test_the_list_has_every_flaw_and_its_octets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    out = run(capsys, "flaws")
    for each in CATALOGUE.values():
        assert each.name in out
        assert each.meaning[:50] in out
        assert (each.rfc or "").removeprefix("RFC ") in out
    for octets in (r"'NOOP a\rb\r\n'", r"'x\n.\n'", "'NOO'", r"'BDAT -1 LAST\r\n'", r"'\x16\x03\x01"):
        assert octets in out


def test_the_list_as_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in run(capsys, "flaws", "--format", "jsonl").splitlines()]
    assert [row["flaw"] for row in rows] == list(CATALOGUE)
    for row in rows:
        said = tuple((who, text.encode("latin-1")) for who, text in row["example"])
        assert (said, row["port"]) == EXAMPLES[row["flaw"]][:2]
    assert [row["keys"] is None for row in rows].count(False) == 4
    assert rows[0]["meaning"] == "a line ends with LF alone, not CRLF"


def test_a_narrow_terminal_shows_what_is_wrong_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "PIPE_WIDTH", 40)
    for command, catalogue in (("flaws", CATALOGUE), ("faults", FAULTS)):
        out = run(capsys, command)
        assert max(map(len, out.splitlines())) <= 40
        said = " ".join(out.split())
        for each in catalogue.values():
            text = each.meaning if command == "flaws" else each.sentence
            assert text in said
            assert (each.rfc or "") in said
