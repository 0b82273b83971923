"""A stream cut, shuffled, repeated and overlapped comes back octet by octet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.packets import ACK, CLIENT, EPOCH, FIN, RST, SERVER, SYN, ipv4, pcap, tcp

from labkit.capture.pcap import read
from labkit.capture.stream import Gap
from labkit.capture.tape import Flow, Tape


def there(seq: int, data: bytes = b"", flags: int = ACK, *, port: int = 40000) -> bytes:
    return ipv4(tcp(port, 25, seq, data, flags=flags), CLIENT, SERVER)


def back(ack: int, flags: int = ACK, *, seq: int = 1) -> bytes:
    return ipv4(tcp(25, 40000, seq, b"", flags=flags, ack=ack), SERVER, CLIENT)


def tape(packets: Sequence[bytes | tuple[int, bytes]]) -> Tape:
    return read(io.BytesIO(pcap(packets)), name="x")


def flow(*packets: bytes) -> Flow:
    (found,) = tape(packets).flows
    return found


Segments = list[tuple[int, bytes]]


@st.composite
def segments(draw: st.DrawFn) -> Segments:
    """Segments as (position, octets) in order of arrival, many of them overlapping.

    Each copy of an octet differs, so that the test knows which of them counts.
    """
    size = draw(st.integers(1, 60))
    spans = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(1, size)), min_size=1, max_size=25))
    if draw(st.booleans()):  # nothing missing
        cuts = sorted({0, size, *draw(st.lists(st.integers(0, size), max_size=8))})
        spans += [(a, b - a) for a, b in pairwise(cuts)]
    spans = draw(st.permutations(spans))
    return [(at, bytes([65 + copy]) * length) for copy, (at, length) in enumerate(spans)]


def model(sent: Segments) -> tuple[bytes, list[int], list[Gap]]:
    """Octets, their segments and the gaps, one octet at a time: the first copy counts."""
    octets: dict[int, tuple[int, int]] = {}
    for number, (at, data) in enumerate(sent):
        for i, octet in enumerate(data):
            octets.setdefault(at + i, (octet, number))
    data, frames, gaps, expected = bytearray(), [], [], 0
    for position in sorted(octets):
        if position > expected:
            gaps.append(Gap(len(data), position - expected))
        data.append(octets[position][0])
        frames.append(octets[position][1])
        expected = position + 1
    return bytes(data), frames, gaps


@given(segments(), st.integers(0, 2**32 - 1))
def test_first_copies_in_order(sent: Segments, isn: int) -> None:
    # Two streams interleave, so that neither can borrow from the other.
    packets = [there(isn, flags=SYN), there(isn + 7, flags=SYN, port=40001)]
    for at, data in sent:
        packets += [there(isn + 1 + at, data), there(isn + 8 + at, data.lower(), port=40001)]
    one, other = tape(packets).flows
    data, numbers, gaps = model(sent)
    assert one.client.data == data
    assert other.client.data == data.lower()
    assert one.client.gaps == other.client.gaps == gaps
    assert one.client.orders_at(range(len(data))).tolist() == [3 + 2 * number for number in numbers]
    readable = [max(numbers[: i + 1]) for i in range(len(numbers))]
    times = [EPOCH + 1000 * (2 + 2 * number) for number in readable]
    assert one.client.times_at(range(len(data))).tolist() == times
    assert tape_times(one) == times


def tape_times(found: Flow) -> list[int]:
    return [found.client.time_at(offset) for offset in range(len(found.client))]


def test_sequence_numbers_wrap_around_more_than_once() -> None:
    step, isn = 1 << 30, 2**32 - 3
    packets = [there(isn, flags=SYN)]
    packets += [there(isn + 1 + i * step, bytes([65 + i])) for i in range(12)]
    found = flow(*packets).client
    assert found.data == b"ABCDEFGHIJKL"
    assert found.gaps == [Gap(i, step - 1) for i in range(1, 12)]


def test_a_segment_that_is_sent_again_in_larger_pieces() -> None:
    found = flow(
        there(100, flags=SYN), there(101, b"one "), there(105, b"two "), there(101, b"ONE TWO THREE")
    )
    assert found.client.data == b"one two THREE"
    assert [found.client.frame_at(i) for i in (0, 4, 8)] == [2, 3, 4]


def test_a_keep_alive_repeats_nothing() -> None:
    found = flow(
        there(100, flags=SYN), there(101, b"NOOP\r\n"), there(106, b"\0"), there(106), there(107, b"QUIT")
    )
    assert found.client.data == b"NOOP\r\nQUIT"
    assert flow(there(106, b"\0"), there(107, b"QUIT")).client.data == b"QUIT"
    assert flow(there(106, b"\0")).client.data == b"\0"


def test_a_missing_start_cannot_be_seen_without_a_syn() -> None:
    found = flow(there(500, b"RCPT"))
    assert (found.client.data, found.client.gaps, found.client.begun) == (b"RCPT", [], False)
    found = flow(there(100, flags=SYN), there(500, b"RCPT"))
    assert (found.client.data, found.client.gaps, found.client.begun) == (b"RCPT", [Gap(0, 399)], True)


def test_the_first_segments_may_come_in_disorder() -> None:
    assert flow(there(504, b"b"), there(500, b"aaaa"), there(505, b"c")).client.data == b"aaaabc"


def test_octets_with_the_syn() -> None:
    found = flow(there(100, b"early ", SYN), there(107, b"later"))
    assert found.client.data == b"early later"


def test_octets_before_the_start_are_dropped() -> None:
    assert flow(there(100, flags=SYN), there(95, b"......ab"), there(103, b"cd")).client.data == b"abcd"


@pytest.mark.parametrize(
    ("packets", "gaps"),
    [
        ([there(110, flags=FIN | ACK)], [Gap(4, 5)]),
        ([there(105, flags=FIN | ACK)], []),
        ([back(110)], [Gap(4, 5)]),
        ([back(110), back(120)], [Gap(4, 15)]),
        ([back(106)], []),  # may be a FIN that was not captured
        ([back(105)], []),
        ([back(2**31 + 300)], []),
        ([back(0, RST)], []),
        ([back(110), there(105, b"there")], []),
    ],
)
def test_a_missing_end_is_known_from_a_fin_or_an_acknowledgement(
    packets: list[bytes], gaps: list[Gap]
) -> None:
    found = flow(there(100, flags=SYN), there(101, b"DATA"), *packets)
    assert found.client.gaps == gaps


def test_of_a_side_that_was_not_captured_its_size_is_known() -> None:
    found = flow(*(ipv4(tcp(40000, 25, 1 + i, b"x", ack=ack)) for i, ack in enumerate([5_001, 5_001, 5_101])))
    assert (found.server.data, found.server.gaps, found.server.begun) == (b"", [Gap(0, 100)], False)


def test_a_segment_cut_by_the_capture_leaves_a_gap() -> None:
    cut = there(101, b"MAIL FROM:<a@b>\r\n")[: 20 + 20 + 4]
    found = flow(there(100, flags=SYN), cut, there(118, b"DATA\r\n"))
    assert found.client.data == b"MAILDATA\r\n"
    assert found.client.gaps == [Gap(4, 13)]


def test_what_lies_far_away_is_left_out_and_noted() -> None:
    far = [there(101 + (i << 30) + (i << 20), b"far") for i in (1, 2)]
    found = tape([there(100, flags=SYN), there(101, b"near"), *far, there(105, b"by")])
    assert found.flows[0].client.data == b"nearby"
    assert found.flows[0].client.gaps == []
    (note,) = found.notes
    assert note == "x: 2 packets left out, more than 1 GiB away from the rest of their stream"


def test_times_ascend_though_clocks_do_not() -> None:
    times = [5, 7, 6, 9]
    packets = [(EPOCH + time, there(1 + i, b"%d" % i)) for i, time in enumerate(times)]
    assert tape_times(tape(packets).flows[0]) == [EPOCH + time for time in (5, 7, 7, 9)]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 2**32 - 1) | st.integers(2**31 - 20, 2**31 + 20) | st.integers(0, 50),
            st.integers(0, 2**32 - 1) | st.integers(0, 50),
            st.integers(0, 63),
            st.binary(max_size=12),
        ),
        max_size=40,
    )
)
def test_no_segments_raise(drawn: list[tuple[int, int, int, int, bytes]]) -> None:
    packets = []
    for who, seq, ack, flags, data in drawn:
        ends = (40000 + who // 2, 25) if who % 2 else (25, 40000 + who // 2)
        segment = tcp(*ends, seq, data, flags=flags, ack=ack)
        packets.append(ipv4(segment, *((CLIENT, SERVER) if who % 2 else (SERVER, CLIENT))))
    for found in tape(packets):
        for stream in (found.client, found.server):
            assert len(stream.data) == len(stream)
            assert all(0 <= gap.offset <= len(stream) and 0 < gap.length <= 1 << 30 for gap in stream.gaps)
            starts, times = list(stream.starts), list(stream.times)
            assert starts == sorted(set(starts))
            assert times == sorted(times)
