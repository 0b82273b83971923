"""Windows of any size give the same flows, and what is over is not kept."""

from __future__ import annotations

import io
import random
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.packets import ACK, CLIENT, FIN, RST, SERVER, SYN, ethernet, ipv4, pcap, tcp, udp

from labkit.capture import closing
from labkit.capture.tape import Flow, Stream
from labkit.capture.windows import Reading

FOLDER = Path(__file__).parents[3] / "shared" / "captures"
FILES = sorted(path for path in FOLDER.rglob("*") if {".pcap", ".pcapng"} & set(path.suffixes))


def side(stream: Stream) -> tuple[Any, ...]:
    """All that a stream says of itself."""
    columns = [list(map(int, column)) for column in (stream.starts, stream.times, stream.orders)]
    return (
        stream.data,
        columns,
        stream.gaps,
        stream.begun,
        stream.ended,
        stream.tls_at,
        stream.tls and side(stream.tls),
    )


def flow_facts(flow: Flow) -> tuple[Any, ...]:
    seen = flow.connection
    about = (flow.number, flow.stream, flow.first_frame, seen, flow.datagrams)
    return *about, side(flow.client), side(flow.server)


def facts(raw: bytes, window: int | None) -> tuple[list[tuple[Any, ...]], list[str], int]:
    reading = Reading(io.BytesIO(raw), name="x", window=window)
    flows = [flow_facts(flow) for flows in reading for flow in flows]
    return sorted(flows, key=lambda flow: flow[0]), reading.notes, reading.packets


def a_session(port: int, chance: random.Random, *, reset: bool = False, closed: bool = True) -> list[bytes]:
    """A handshake, some segments in nearly the right order, and an end."""
    ours, theirs = chance.randrange(2**32), chance.randrange(2**32)

    def one(mine: bool, at: int, data: bytes = b"", flags: int = ACK) -> bytes:
        begin, ports, ends = (
            (ours, (port, 2525), (CLIENT, SERVER)) if mine else (theirs, (2525, port), (SERVER, CLIENT))
        )
        return ethernet(ipv4(tcp(*ports, begin + at, data, flags=flags, ack=0), *ends))

    packets = [one(True, 0, flags=SYN), one(False, 0, flags=SYN | ACK)]
    at = [1, 1]
    said: list[bytes] = []
    for _ in range(chance.randrange(2, 12)):
        mine = chance.random() < 0.5
        data = bytes(chance.choices(b"abc\r\n", k=chance.randrange(1, 40)))
        said.append(one(mine, at[mine], data))
        at[mine] += len(data)
    for _ in range(chance.randrange(3)):
        i = chance.randrange(len(said))
        if chance.random() < 0.5 and i:
            said[i - 1 : i + 1] = said[i - 1 : i + 1][::-1]
        elif chance.random() < 0.5:
            said.append(said[i])
        else:
            del said[i]
    packets += said
    if reset:
        packets.append(one(True, at[True], flags=RST))
    elif closed:
        packets += [one(True, at[True], flags=FIN | ACK), one(False, at[False], flags=FIN | ACK)]
        packets.append(one(True, at[True] + 1))
    return packets


def a_capture(seed: int) -> bytes:
    """Some sessions at a time, ports that are taken again, look-ups, and datagrams of no interest."""
    chance = random.Random(seed)
    packets: list[bytes] = []
    going: dict[int, list[bytes]] = {}
    begun = 0
    while going or begun < 12:
        if begun < 12 and len(going) < 3:
            port = next(port for port in range(40_000, 40_003) if port not in going)
            going[port] = a_session(port, chance, reset=begun % 5 == 1, closed=begun % 5 != 2)
            begun += 1
        port = chance.choice(list(going))
        packets.append(going[port].pop(0))
        if not going[port]:
            del going[port]
        if chance.random() < 0.1:
            ports = (5000 + chance.randrange(3), chance.choice((53, 123)))
            packets.append(ethernet(ipv4(udp(*ports, b"question"), protocol=17)))
    return pcap(packets, link=1)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(100, 3_000))
def test_windows_of_any_size_give_the_same(seed: int, window: int) -> None:
    raw = a_capture(seed)
    whole = facts(raw, None)
    assert facts(raw, window) == whole
    assert len(whole[0]) > 5


@pytest.mark.parametrize("window", [1, 1_000])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_windows_over_real_captures(path: Path, window: int) -> None:
    raw = path.read_bytes()
    window *= max(1, len(raw) // 400)
    assert facts(raw, window) == facts(raw, None)


@pytest.mark.parametrize("cut", [1, 15, 17, 40])
def test_a_file_that_is_cut_short_says_so_whatever_the_windows(cut: int) -> None:
    raw = a_capture(1)[:-cut]
    whole = facts(raw, None)
    assert facts(raw, 700) == whole
    assert "stops at byte" in whole[1][0]


def test_what_comes_long_behind_a_reset_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "LINGER", 20)
    chance = random.Random(5)
    first = a_session(40_000, chance, reset=True)
    others = [packet for port in range(41_000, 41_006) for packet in a_session(port, chance)]
    raw = pcap([*first, *others, first[2], *others[:3], *a_session(40_000, chance)], link=1)
    whole = facts(raw, None)
    assert len(whole[0]) == 8
    for window in (100, 1_000, 5_000):
        assert facts(raw, window) == whole


def test_flows_are_given_once_they_are_over_and_then_forgotten() -> None:
    chance = random.Random(3)
    packets = [packet for port in range(500) for packet in a_session(20_000 + port, chance)]
    counts = [len(flows) for flows in Reading(io.BytesIO(pcap(packets, link=1)), window=10_000)]
    assert sum(counts) == 500
    assert max(counts) < 250


@settings(max_examples=10)
@given(st.integers(0, 10_000), st.integers(100, 3_000))
def test_flows_that_are_kept_stay_what_they_were(seed: int, window: int) -> None:
    """The room of a window is used again, but not while somebody may still look into it."""
    raw = a_capture(seed)
    kept = [flow for flows in Reading(io.BytesIO(raw), name="x", window=window) for flow in flows]
    assert sorted(map(flow_facts, kept), key=lambda flow: flow[0]) == facts(raw, None)[0]


def test_the_room_of_a_window_is_used_again() -> None:
    raw, rooms = a_capture(3), []  # the octets are held, so that no two rooms can have one place
    reading = Reading(io.BytesIO(raw), window=500).finished()
    while (finished := next(reading, None)) is not None:
        rooms.append(finished.connections.buffer.file)
        del finished
    kept = list(Reading(io.BytesIO(raw), window=500).finished())
    assert len(rooms) == len(kept) > 3
    assert all(room is rooms[0] for room in rooms[:-1])  # the last is no longer than what is left
    assert len({id(finished.connections.buffer.file) for finished in kept}) == len(kept)


def test_readers_share_the_flows_of_a_file() -> None:
    raw = a_capture(7)
    shares = [
        [
            flow_facts(flow)
            for flows in Reading(io.BytesIO(raw), name="x", window=900, share=(k, 3))
            for flow in flows
        ]
        for k in range(3)
    ]
    assert all(flow[0] % 3 == k for k, share in enumerate(shares) for flow in share)
    every = [flow for share in shares for flow in share]
    assert sorted(every, key=lambda flow: flow[0]) == facts(raw, None)[0]


def test_a_length_that_lies_does_not_make_a_window_wait() -> None:
    raw = a_capture(2)
    lie = raw + struct.pack("<IIII", 0, 0, 2**31, 60) + bytes(5_000)
    assert facts(lie, 500)[1] == facts(lie, None)[1] != []
