"""labkit's own captures on the disk: whole or not at all.  What is in them: tests/tables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labkit.capture import archive
from labkit.capture.stream import Stream
from labkit.capture.tape import Flow, Tape
from labkit.errors import LabError
from labkit.net.tap import Connection


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_file_appears_whole_or_not_at_all(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    archive.write(Tape("before"), path)

    def fail(tape: Tape) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_rows", fail)
    with pytest.raises(LabError, match=r"cannot write .+: No space left on device"):
        archive.write(Tape("after"), path)
    assert os.listdir(tmp_path) == [name]
    assert archive.read(path).name == "before"


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_who_was_seen_from_the_beginning(tmp_path: Path, name: str) -> None:
    """A capture that begins later is one when it is read back: its first reply is no greeting."""
    flow = Flow(0, 0, Connection(0, "tcp", "192.0.2.1", 4000, "192.0.2.2", 110, 0), Stream(), Stream())
    flow.server.begun = False
    tape = Tape("a")
    tape.flows = [flow]
    archive.write(tape, tmp_path / name)
    (again,) = archive.read(tmp_path / name).flows
    assert (again.client.begun, again.server.begun) == (True, False)


def test_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"a capture is written as \.pcap, \.jsonl or \.parquet"):
        archive.write(Tape("x"), tmp_path / "x.csv")


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]\n", b"1\n", b"{}\n", b"PAR1", b"\xff\x00", b'{"kind": "capture", "version": 1}\n'],
)
def test_what_is_no_archive_is_refused_in_words(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(LabError, match=f"{name} is (no|a damaged) capture of labkit"):
        archive.read(tmp_path / name)
