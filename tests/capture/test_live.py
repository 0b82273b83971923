"""A capture that grows gives, row by row, what the finished file gives; and names what was not captured."""

from __future__ import annotations

import gc
import io
import random
import struct
from typing import Any

import pytest

from labkit import datasets
from labkit.capture.live import follow
from labkit.capture.source import CHUNK
from labkit.capture.tape import Flow
from labkit.dissect.exchange import Exchange
from labkit.tables import Capture, live, read_capture

LEFT_OUT = {"capture"}
CLIENT, SERVER = ("192.0.2.1", 40000), ("192.0.2.2", 25)
SYN, ACK, FIN, RST = 2, 16, 1, 4


class Slowly(io.RawIOBase):
    """A file of which only so many octets come at once."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size, self._at = data, size, 0

    def read(self, size: int = -1) -> bytes:
        taken = min(size, self._size) if size >= CHUNK else size
        found = self._data[self._at : self._at + taken]
        self._at += len(found)
        return found


def exchanges(data: bytes, size: int = 1 << 20) -> tuple[list[Exchange], list[str]]:
    notes: list[str] = []
    source: Any = Slowly(data, size)
    return list(live.exchanges(source, notes)), notes


def plain(rows: Any) -> list[dict[str, Any]]:
    found = [{name: getattr(row, name) for name in row.__slots__ if name not in LEFT_OUT} for row in rows]
    return sorted(found, key=lambda row: (row["connection"], row["exchange"]))


def whole(capture: Capture) -> list[dict[str, Any]]:
    """TLS stays closed in a live capture."""
    return plain(row for row in capture.rows() if row.verb == "TLS" or not row.encrypted)


@pytest.mark.parametrize("name", datasets.names())
def test_the_rows_are_those_of_the_file(name: str) -> None:
    data = datasets.path(name).read_bytes()
    for size in (1 << 20, 700):
        rows, notes = exchanges(data, size)
        assert notes == []
        assert plain(rows) == whole(datasets.load(name))


def test_nothing_is_kept_of_what_is_over() -> None:
    """Of 200 flows in the capture few are there at any time."""
    gc.collect()
    before, most = flows_there(), 0
    source: Any = Slowly(datasets.path("office-day").read_bytes(), 1 << 15)
    for flows in follow(source, "day", []):
        del flows
        most = max(most, flows_there() - before)
    assert 0 < most < 30


def flows_there() -> int:
    return sum(isinstance(each, Flow) for each in gc.get_objects())


# Packets made by hand


def pcap(*packets: tuple[tuple[str, int], int, int, int, bytes]) -> bytes:
    """(source, flags, sequence number, acknowledgement, payload), a millisecond apart; raw IPv4."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    for number, (source, flags, seq, ack, data) in enumerate(packets):
        target = SERVER if source == CLIENT else CLIENT
        tcp = struct.pack(">HHIIBBHHH", source[1], target[1], seq, ack, 0x50, flags, 1000, 0, 0) + data
        addresses = b"".join(bytes(map(int, end[0].split("."))) for end in (source, target))
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + addresses
        out += struct.pack("<IIII", 1_767_603_600, number * 1000, len(ip + tcp), len(ip + tcp)) + ip + tcp
    return out


HELLO = b"220 mx.example.org ESMTP\r\n"
ASKED = b"EHLO a.example.com\r\n"
SAID = b"250 mx.example.org\r\n"
OPENING = [
    (CLIENT, SYN, 99, 0, b""),
    (SERVER, SYN | ACK, 499, 100, b""),
    (CLIENT, ACK, 100, 500, b""),
]
TALK = [
    (SERVER, ACK, 500, 100, HELLO),
    (CLIENT, ACK, 100, 500 + len(HELLO), ASKED),
    (SERVER, ACK, 500 + len(HELLO), 100 + len(ASKED), SAID),
]


def verbs(data: bytes) -> list[tuple[str | None, str | None, str | None]]:
    return [(row.verb, row.status, row.flaw) for row in exchanges(data)[0]]


def test_a_conversation() -> None:
    assert verbs(pcap(*OPENING, *TALK)) == [(None, "220", None), ("EHLO", "250", None)]


def test_out_of_order_repeated_and_overlapping() -> None:
    again = (SERVER, ACK, 500, 100, HELLO + SAID[:4])
    halves = [
        (CLIENT, ACK, 110, 500 + len(HELLO), ASKED[10:]),
        (CLIENT, ACK, 100, 500 + len(HELLO), ASKED[:12]),
    ]
    data = pcap(*OPENING, TALK[0], TALK[0], *halves, halves[0], again, TALK[2])
    assert verbs(data) == [(None, "220", None), ("EHLO", "250", None)]


def test_without_the_start() -> None:
    assert verbs(pcap(*TALK)) == [(None, "220", None), ("EHLO", "250", None)]


@pytest.mark.parametrize("start", [2**32 - 1, 2**32 - 5, 2**32 - len(HELLO) - 500])
def test_sequence_numbers_go_round_the_corner(start: int) -> None:
    moved = [
        (source, flags, (seq + start) % 2**32, (ack + start) % 2**32, data)
        for source, flags, seq, ack, data in [*OPENING, *TALK]
    ]
    assert verbs(pcap(*moved)) == [(None, "220", None), ("EHLO", "250", None)]


def test_what_was_not_captured_is_a_gap() -> None:
    """The client's command is missing: that it was sent shows in the server's acknowledgement."""
    more = [
        (CLIENT, ACK, 100 + len(ASKED), 500 + len(HELLO + SAID), b"NOOP\r\n"),
        (SERVER, ACK, 500 + len(HELLO + SAID), 106 + len(ASKED), b"250 ok\r\n"),
    ]
    data = pcap(*OPENING, TALK[0], TALK[2], *more)
    assert plain(exchanges(data)[0]) == plain(read_capture(io.BytesIO(data)).rows())
    assert "gap" in [row.flaw for row in exchanges(data)[0]]


@pytest.mark.parametrize("end", [FIN | ACK, RST])
def test_an_end_makes_rows_whole(end: int) -> None:
    asked = (CLIENT, ACK, 100, 500 + len(HELLO), b"NOOP")
    closed = [
        (CLIENT, end, 104, 500 + len(HELLO), b""),
        (SERVER, FIN | ACK, 500 + len(HELLO), 105, b""),
    ]
    rows = verbs(pcap(*OPENING, TALK[0], asked, *closed))
    assert [row[0] for row in rows] == [None, "NOOP"]
    assert rows[1][1] is None


def test_ports_that_are_used_again_are_another_connection() -> None:
    closed = [(CLIENT, RST, 100 + len(ASKED), 0, b"")]
    again = [(end, flags, seq + 9000, ack + 9000, data) for end, flags, seq, ack, data in [*OPENING, *TALK]]
    rows = exchanges(pcap(*OPENING, *TALK, *closed, *again))[0]
    assert [(row.connection, row.verb) for row in rows] == [(0, None), (0, "EHLO"), (1, None), (1, "EHLO")]


def test_any_octets_end_in_order() -> None:
    """Captures with octets changed at random: no exception but that it is no capture."""
    lots = random.Random("live")
    good = datasets.path("tour").read_bytes()
    for _ in range(20):
        bad = bytearray(good)
        for _ in range(lots.randrange(1, 40)):
            bad[lots.randrange(24, len(bad))] = lots.randrange(256)
        exchanges(bytes(bad), lots.choice((500, 5000)))


def test_octets_that_come_too_early_wait_at_no_cost_for_each_other() -> None:
    """Looked for among all that wait, these took minutes."""
    size, commands = 24_000, b"NOOP\r\n" * 4_000
    early = [(CLIENT, ACK, 100 + at, 500, commands[at : at + 1]) for at in (*range(1, size), 0)]
    assert verbs(pcap(*OPENING, *early)) == [("NOOP", None, "one-sided")] * 4_000
