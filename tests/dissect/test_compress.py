"""IMAP behind COMPRESS DEFLATE (RFC 4978): read as if nobody had packed it."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest

from labkit.capture.stream import Gap
from labkit.capture.tape import Flow, Tape
from labkit.dissect.dissector import dissect
from labkit.tables import Capture, read_capture

MESSAGE = b"Subject: long\r\n\r\n" + b"x" * 3000 + b"\r\n"
AFTER = [
    ("C", b"b SELECT INBOX\r\n"),
    ("S", b"* 1 EXISTS\r\nb OK done\r\n"),
    ("C", b"c FETCH 1 BODY[]\r\nd NOOP\r\n"),
    ("S", b"* 1 FETCH (BODY[] {%d}\r\n" % len(MESSAGE) + MESSAGE + b")\r\nc OK done\r\n"),
    ("S", b"d OK done\r\n"),
    ("C", b"e LOGOUT\r\n"),
    ("S", b"* BYE\r\ne OK bye\r\n"),
]
BEFORE = [("S", b"* PREAUTH ready\r\n"), ("C", b"a COMPRESS DEFLATE\r\n"), ("S", b"a OK packed\r\n")]


class Packer:
    """Packs what each side says, flushed behind every piece as RFC 4978 4 asks."""

    def __init__(self) -> None:
        self._ways = {who: zlib.compressobj(wbits=-15) for who in "CS"}

    def __call__(self, who: str, octets: bytes) -> tuple[str, bytes]:
        way = self._ways[who]
        return who, way.compress(octets) + way.flush(zlib.Z_SYNC_FLUSH)


def packed(flow: Any, said: list[tuple[str, bytes]] = AFTER) -> Flow:
    pack = Packer()
    found: Flow = flow(*BEFORE, *(pack(*each) for each in said), port=143)
    return found


def capture_of(flow: Flow) -> Capture:
    tape = Tape("x", framed=True)
    tape.flows = [flow]
    return Capture(tape)


def test_the_same_rows_as_without(flow: Any) -> None:
    before = [(who, said.replace(b"COMPRESS", b"XOMPRESS")) for who, said in BEFORE]
    one, other = capture_of(packed(flow)), capture_of(flow(*before, *AFTER, port=143))
    for table in ("exchanges", "messages", "lines", "flaws"):
        behind, without = ([row for row in each.rows(table) if row.exchange > 1] for each in (one, other))
        assert behind == without
    assert len(one.rows()) == 6
    assert one.message_bytes(0, 3) == MESSAGE
    (connection,) = one.rows("connections")
    assert connection.octets_received < 1000, "as they were on the wire"


def test_octet_by_octet(flow: Any, bytewise: Any) -> None:
    whole = packed(flow)
    growing = bytewise(packed(flow))
    _, rows = dissect(whole)
    assert [(row.verb, row.status, row.start, row.reply_end) for row in growing] == [
        (row.verb, row.status, row.start, row.reply_end) for row in rows
    ]


@pytest.mark.parametrize("suffix", ["pcap", "jsonl", "parquet"])
def test_files_have_what_was_on_the_wire(flow: Any, tmp_path: Path, suffix: str) -> None:
    capture = capture_of(packed(flow))
    before = capture.rows()  # by now it is unpacked
    path = tmp_path / f"x.{suffix}"
    capture.save(path)
    assert len(path.read_bytes()) < len(MESSAGE) or suffix == "parquet"
    again = read_capture(path, name="x")
    assert [row.text for row in again.rows()] == [row.text for row in before]
    assert again.rows()["replied_at"] == before["replied_at"]
    assert again.message_bytes(0, 3) == MESSAGE
    masked = capture.without_secrets()
    masked.save(path)
    assert read_capture(path).message_bytes(0, 3) == MESSAGE


def test_behind_a_gap_nothing_can_be_unpacked(flow: Any) -> None:
    lost = packed(flow)
    lost.server.gaps.append(Gap(lost.server.starts[3], 50))
    _, rows = dissect(lost)
    assert [(row.verb, row.status) for row in rows[2:]] == [
        *(("SELECT", b"OK"), ("FETCH", None), ("NOOP", None), ("LOGOUT", None))
    ]
    assert [flaw.name for flaw in rows[3].flaws] == ["gap"]
    assert lost.server.gaps[-1].offset == len(lost.server)
    (again,) = capture_of(lost).tape.flows
    assert again.server.packed is not None
    assert again.server.packed.gaps[0].length == 50


def test_a_bomb(flow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.capture.inflate.ENOUGH", 100_000)
    said = [("S", b"* 1 EXISTS\r\n"), ("S", b"* OK " + b"x" * 10_000_000 + b"\r\n"), ("C", b"b NOOP\r\n")]
    bomb = packed(flow, said)
    _, rows = dissect(bomb)
    assert len(bomb.server) < 2_000_000
    (flaw,) = rows[1].flaws
    assert (flaw.name, flaw.sender) == ("compressed", "server")
    assert flaw.detail is not None
    assert "unpack to more than" in flaw.detail
    assert [row.verb for row in rows[2:]] == ["NOOP"]
