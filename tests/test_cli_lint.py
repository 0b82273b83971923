"""`labkit lint`: a sentence, the line and a caret; exit code 1 only for errors."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from labkit import cli

GOOD = b"Date: Mon, 5 Jan 2026 09:00:00 +0000\r\nFrom: alice@example.org\r\nMessage-ID: <1@a>\r\n\r\nHi\r\n"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = cli.main(["lint", *arguments])
    return code, capsys.readouterr().out


def test_the_line_and_a_caret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    letter = tmp_path / "a.eml"
    letter.write_bytes(b"To: Al\xff\x01ice <alice example.org>\r\nSubject : x\r\n" + GOOD)
    code, out = run(capsys, str(letter))
    assert code == 1
    lines = out.splitlines()
    assert lines[:4] == [
        f"{letter}:1:7: error: In this list of addresses: expected UTF-8. (RFC 5322 3.4)",
        "    To: Al\\xff\\x01ice <alice example.org>",
        "          ^",
        f"{letter}:1:7: error: Octets that are neither ASCII nor UTF-8. (RFC 6532 3)",
    ]
    assert f"{letter}:2:8: warning: White space before the colon is obsolete. (RFC 5322 4.5)" in lines
    assert lines[-1] == "2 errors, 2 warnings"


def test_a_long_line_is_shown_around_the_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    letter = tmp_path / "a.eml"
    letter.write_bytes(GOOD + b"a" * 500 + b"\0" + b"b" * 400 + b"\r\n")
    said = run(capsys, str(letter))[1].splitlines()
    place = said.index(
        f"{letter}:6:501: error: A NUL, which only binary may have; it stays as it is. (RFC 2045 2.8)"
    )
    assert said[place + 1] == "    " + "a" * 36 + "\\x00" + "b" * 35
    assert said[place + 2] == "    " + " " * 36 + "^"


def test_warnings_alone_are_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in (("a.eml", GOOD), ("b.eml", GOOD.replace(b"From:", b"From :"))):
        (tmp_path / name).write_bytes(text)
    assert run(capsys, str(tmp_path / "a.eml")) == (0, "0 errors, 0 warnings\n")
    code, out = run(capsys, str(tmp_path / "a.eml"), str(tmp_path / "b.eml"))
    assert (code, out.splitlines()[-1]) == (0, "0 errors, 1 warning")


def test_for_programs_and_from_the_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.replace(b"Hi", b"H\ni"))))
    code, out = run(capsys, "-", "--format", "jsonl")
    assert code == 1
    assert json.loads(out) == {
        "file": "-",
        "offset": len(GOOD) - 3,
        "field": "",
        "name": "bare-lf",
        "rule": "RFC 5322 2.3",
        "sentence": "A bare LF; CR and LF stand together, as the end of a line, or not at all.",
        "severity": "error",
    }


def test_a_file_that_is_not_there(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lint", "nowhere.eml"]) == 1
    assert capfd.readouterr().err == "labkit: cannot use nowhere.eml: No such file or directory\n"
