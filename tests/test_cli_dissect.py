"""`labkit dissect` with a key log, and with messages as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.sealed import Spoken, contexts

from labkit import cli
from labkit.capture import pcap
from labkit.capture.tape import Tape

TOUR = Path(__file__).parents[1] / "datasets" / "tour.pcap"


@pytest.fixture
def sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A session of IMAP in TLS, and its keys beside it."""
    monkeypatch.chdir(tmp_path)
    spoken = Spoken(*contexts(tmp_path / "keys.log"))
    spoken.say("server", b"* PREAUTH hello\r\n")
    spoken.say("client", b"a NOOP\r\n")
    spoken.say("server", b"a OK done\r\n")
    tape = Tape("x")
    tape.flows = [spoken.flow()]
    pcap.write(tape, "tls.pcap")
    return tmp_path


def verbs(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str | None]:
    assert cli.main(["dissect", "tls.pcap", "--format", "jsonl", *arguments]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return [json.loads(line)["verb"] for line in said.out.splitlines()]


def test_a_key_log_opens_tls(
    sealed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", "keys.log")
    assert verbs(capsys) == ["TLS"], "nobody said that the keys are to be used"
    assert verbs(capsys, "--keys", "keys.log") == ["TLS", None, "NOOP"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--keys", "absent.log"], 1, "cannot read absent.log: No such file or directory"),
        (["--keys", "tls.pcap"], 1, "tls.pcap is no key log: no line has a label, a random and a secret"),
        (["--messages", "."], 1, ". is not empty: name a new folder"),
        (["--messages", "x", "-o", "y"], 2, "'--messages': it writes no table: leave out -o"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else "",
)
def test_what_cannot_be_used(
    sealed: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    assert cli.main(["dissect", "tls.pcap", *arguments]) == code
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1


def test_messages_as_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dissect", str(TOUR), "--messages", str(tmp_path / "letters")]) == 0
    assert capsys.readouterr().out == f"Written to {tmp_path}/letters: 4 messages.\n"
    written = [path.read_bytes() for path in (tmp_path / "letters").iterdir()]
    assert [data.count(b"\nSubject: The journey of a message\r\n") for data in written] == [1] * 4
