"""Damaged captures and senseless talk: no exception, and no more rows than octets can be.

`make soak` runs all of it; otherwise a tenth, which the seeds choose.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.capture.tape import Tape
from labkit.capture.windows import Reading
from labkit.dissect.flaws import CATALOGUE
from labkit.errors import LabError
from labkit.net.tap import Connection, Record, Side, Tap
from labkit.tables import Capture
from labkit.tables.schema import TABLES

SOAK = bool(os.environ.get("LABKIT_SOAK"))
CUTS, FLIPS, SEQUENCES = (200, 1000, 100_000) if SOAK else (20, 100, 10_000)
FOLDER = Path(__file__).parents[3] / "shared" / "captures"
FILES = sorted(path for path in FOLDER.rglob("*") if {".pcap", ".pcapng"} & set(path.suffixes))
DATASETS = sorted((Path(__file__).parents[2] / "datasets").glob("postfix-relay*.pcap*"))


def bear(raw: bytes, window: int | None = None) -> None:
    """Make every table of a file, or refuse it in words."""
    try:
        tape = Tape("x", framed=True)
        tape.flows = [flow for flows in Reading(io.BytesIO(raw), window=window) for flow in flows]
    except LabError:
        return
    sizes = {table: len(look(tape).rows(table)) for table in TABLES}
    octets = sum(len(side) for flow in tape for side in (flow.client, flow.server))
    assert sizes["lines"] <= octets + 1
    assert sizes["exchanges"] <= octets + 3 * len(tape) + sizes["lookups"]


def look(tape: Tape) -> Capture:
    capture = Capture(tape, name="x")
    assert set(capture.rows("flaws")["flaw"]) <= set(CATALOGUE)
    return capture


@pytest.mark.parametrize("path", [*FILES, *DATASETS], ids=lambda path: path.name)
def test_damaged_captures(path: Path) -> None:
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    chance = random.Random(path.name)
    fewer = 1 if SOAK else max(1, len(raw) // 50_000)
    for _ in range(CUTS // fewer):
        bear(raw[: chance.randrange(len(raw))])
    for _ in range(FLIPS // fewer):
        damaged = bytearray(raw)
        for _ in range(chance.choice((1, 1, 2, 8, 60))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        bear(bytes(damaged), chance.choice((None, 1_000, 20_000)))


WORDS = st.sampled_from(
    [
        *(
            b"EHLO a\r\n",
            b"MAIL FROM:<a@b>\r\n",
            b"RCPT TO:<c>\r\n",
            b"DATA\r\n",
            b"BDAT 7 LAST\r\n",
            b"QUIT\r\n",
        ),
        *(b"AUTH PLAIN AGEAYg==\r\n", b"STARTTLS\r\n", b"STLS\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
        *(
            b"220 a ESMTP\r\n",
            b"250-a\r\n",
            b"250 2.0.0 b\r\n",
            b"354 go\r\n",
            b"550 5.1.1 no\r\n",
            b"334 \r\n",
        ),
        *(
            b"+OK a\r\n",
            b"-ERR [IN-USE] b\r\n",
            b"USER a\r\n",
            b"PASS b\r\n",
            b"RETR 1\r\n",
            b"LIST\r\n",
            b"1 2\r\n",
        ),
        *(
            b"* OK a\r\n",
            b"a OK [X] b\r\n",
            b"a LOGIN b {3}\r\n",
            b"a UID FETCH 1 BODY[]\r\n",
            b"+ \r\n",
            b"* BYE\r\n",
        ),
        *(
            b"* 1 FETCH (BODY[] {20}\r\n",
            b"a APPEND b {9+}\r\n",
            b"a IDLE\r\n",
            b"DONE\r\n",
            b"a COMPRESS DEFLATE\r\n",
        ),
        *(
            b".\r\n",
            b"\n.\n",
            b"..\r\n",
            b"Subject: =?utf-8?q?=\r\n",
            b"Content-Type: multipart/x; boundary=b\r\n\r\n",
        ),
        *(
            b"--b\r\n",
            b"--b--\r\n",
            b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
            b"\x17\x03\x03\xff\xff",
            b"\r",
            b"\n",
        ),
    ]
)
PIECES = st.lists(
    st.tuples(st.booleans(), WORDS | st.binary(max_size=9), st.integers(0, 2)), min_size=1, max_size=14
)


@pytest.mark.parametrize("port", [25, 110, 143, 587, 993])
@settings(max_examples=SEQUENCES // 5, suppress_health_check=list(HealthCheck), derandomize=True)
@given(said=PIECES)
def test_senseless_talk(port: int, said: list[tuple[bool, bytes, int]]) -> None:
    tap = Tap()
    tap.connections.append(Connection(0, "tcp", "192.0.2.1", 40_000, "192.0.2.2", port, 1))
    layers = ("plain", "plain", "inside")
    for number, (by_client, data, layer) in enumerate(said):
        sender: Side = "client" if by_client else "server"
        tap.records.append(Record(0, number + 1, number + 1, sender, data, layers[layer]))  # type: ignore[arg-type]
    look(Tape.from_tap(tap)).rows("exchanges")


def test_lengths_that_lie() -> None:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 2**32 - 1, 1)
    for length in (2**31, 2**32 - 1, 262_145, 1 << 27):
        bear(head + struct.pack("<IIII", 0, 0, length, length) + bytes(100))
    for total in (0, 8, 2**32 - 4, 1 << 27):
        bear(b"\x0a\x0d\x0d\x0a" + struct.pack("<II", total, 0x1A2B3C4D) + bytes(100))


@pytest.mark.parametrize("hole", [2**30, 2**31, 2**32 - 1])
def test_a_hole_of_four_gigabytes_takes_no_room(hole: int) -> None:
    from support.packets import FIN, SYN, ipv4, pcap, tcp

    packets = [
        ipv4(tcp(40000, 25, 0, flags=SYN)),
        ipv4(tcp(40000, 25, 1, b"EHLO a\r\n")),
        ipv4(tcp(40000, 25, 9 + hole, b"QUIT\r\n")),
        ipv4(tcp(40000, 25, 15 + hole, flags=FIN)),
    ]
    bear(pcap(packets))
    bear(pcap(packets), 1_000)
