"""Frames come out the same whatever the chunks, at a bounded cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import ProtocolError
from labkit.grammar.framing import (
    Buffer,
    block_end,
    dot_stuff,
    dot_unstuff,
    line_end,
    literal_size,
)

TAIL = b"tail\r"

# frame kind, frame
FRAMES = [
    ("line", b"\r\n"),
    ("line", b"NOOP\r\n"),
    ("line", b"bare \r and \n stay\r\r\n"),
    ("line", b"\n.\n\r\n"),
    ("block", b".\r\n"),
    ("block", b"\r\n.\r\n"),
    ("block", b"a.\r\nb\r\n.\r\n"),
    ("block", b"..\r\n...\r\n.\r\n"),
    ("block", b"\n.\r\nno end before CRLF\r\n.\n.\r\n\r\n.\r\n"),
]
FIND = {"line": line_end, "block": block_end}


def read(buffer: Buffer, kind: str) -> bytes | None:
    return buffer.line(100) if kind == "line" else buffer.block(100)


@pytest.mark.parametrize(("kind", "frame"), FRAMES)
def test_frame_whole(kind: str, frame: bytes) -> None:
    assert FIND[kind](b"xx" + frame, 2) == 2 + len(frame)
    buffer = Buffer()
    buffer.feed(frame)
    assert read(buffer, kind) == frame
    assert len(buffer) == 0


@pytest.mark.parametrize(("kind", "frame"), FRAMES)
def test_frame_byte_by_byte(kind: str, frame: bytes) -> None:
    buffer = Buffer()
    for size in range(len(frame)):
        assert FIND[kind](frame[:size], 0) == -1
        assert read(buffer, kind) is None
        buffer.feed(frame[size : size + 1])
        if size:
            assert FIND[kind](frame, 0, searched=size) == len(frame)
    assert read(buffer, kind) == frame


@pytest.mark.parametrize(("kind", "frame"), FRAMES)
def test_frame_with_a_tail(kind: str, frame: bytes) -> None:
    assert FIND[kind](frame + TAIL, 0) == len(frame)
    buffer = Buffer()
    buffer.feed(frame + TAIL)
    assert read(buffer, kind) == frame
    assert len(buffer) == len(TAIL)
    assert buffer.line(100) is None
    buffer.feed(b"\n")
    assert buffer.line(100) == TAIL + b"\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"a LOGIN {5}\r\n", (5, True)),
        (b"a LOGIN {5+}\r\n", (5, False)),
        (b"a APPEND x ~{0}", (0, True)),
        (b"{9223372036854775807+}\r\n", (2**63 - 1, False)),
        (b"{5} \r\n", None),
        (b"{}\r\n", None),
        (b"{-1}\r\n", None),
        (b"{5-}\r\n", None),
        (b"5}\r\n", None),
        (b"{5}\n", None),
        (b"{" + b"1" * 5000 + b"}\r\n", None),
        (b"", None),
    ],
)
def test_literal_size(line: bytes, expected: tuple[int, bool] | None) -> None:
    assert literal_size(line) == expected


@pytest.mark.parametrize(
    ("data", "block"),
    [
        (b"", b".\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.\r\n..b\r\n", b"a\r\n..\r\n...b\r\n.\r\n"),
        (b"a\n.\n", b"a\n.\n\r\n.\r\n"),
        (b"a\r", b"a\r\r\n.\r\n"),
    ],
)
def test_dot_stuffing(data: bytes, block: bytes) -> None:
    assert dot_stuff(data) == block
    whole = data if not data or data.endswith(b"\r\n") else data + b"\r\n"
    assert dot_unstuff(block) == whole


@given(st.binary(max_size=5), st.lists(st.sampled_from((b".", b"\r\n", b"a", b"\n"))), st.binary(max_size=5))
def test_a_block_may_stand_among_other_octets(before: bytes, block: list[bytes], behind: bytes) -> None:
    octets = b"".join(block)
    assert dot_unstuff(before + octets + behind, len(before), len(before + octets)) == dot_unstuff(octets)


def test_unstuffing_deletes_any_leading_dot_and_takes_a_block_cut_short() -> None:
    assert dot_unstuff(b".a\r\n.b\r\n.\r\n") == b"a\r\nb\r\n"
    assert dot_unstuff(b"a\r\n..b") == b"a\r\n.b"


# limit, octets fed, the frame that is then read behind the over-long one
BAD = [
    ("line", 5, b"1234\r\n", b"ok\r\n"),
    ("line", 5, b"x" * 1000 + b"\r\r\n", b"ok\r\n"),
    ("block", 8, b"a\r\n.a.\r\n12345\r\n.\r\n", b".\r\n"),
    ("block", 8, b"1234567890.\r\n..\r\n\r\n.\r\n", b"ok\r\n.\r\n"),
]


@pytest.mark.parametrize(("kind", "limit", "frame", "after"), BAD)
@pytest.mark.parametrize("step", [1, 3, 10_000])
def test_an_overlong_frame_is_refused_once_and_dropped(
    kind: str, limit: int, frame: bytes, after: bytes, step: int
) -> None:
    buffer = Buffer()
    stream = frame + after
    errors, frames, largest = [], [], 0
    for first in range(0, len(stream), step):
        buffer.feed(stream[first : first + step])
        while True:
            try:
                found = buffer.line(limit) if kind == "line" else buffer.block(limit)
            except ProtocolError as error:
                errors.append(error)
                continue
            largest = max(largest, len(buffer))
            if found is None:
                break
            frames.append(found)
    assert frames == [after]
    assert [error.offset for error in errors] == [limit]
    assert len(errors[0].data) == limit + 1
    assert largest <= limit + step


def test_a_frame_of_just_the_limit_is_read() -> None:
    buffer = Buffer()
    buffer.feed(b"1234\r\n")
    assert buffer.line(6) == b"1234\r\n"


def test_kinds_of_frames_may_follow_each_other() -> None:
    buffer = Buffer()
    buffer.feed(b"DATA\r\nbody\r\n.\r")
    assert buffer.line(100) == b"DATA\r\n"
    assert buffer.block(100) is None
    buffer.feed(b"\n{4}\r\nab\r")
    assert buffer.block(100) == b"body\r\n.\r\n"
    assert buffer.line(100) == b"{4}\r\n"
    assert buffer.octets(4) is None
    assert buffer.line(100) is None
    buffer.feed(b"\n.\r\n")
    assert buffer.block(100) == b"ab\r\n.\r\n"
    assert buffer.octets(0) == b""


def test_a_refused_literal_is_discarded_as_it_comes() -> None:
    buffer = Buffer()
    buffer.feed(b"ab")
    buffer.discard(1_000)
    for _ in range(99):
        buffer.feed(b"x" * 10)
        assert buffer.line(10) is None
        assert len(buffer) == 0
    buffer.feed(b"12345678ok\r\n")
    assert buffer.line(10) == b"ok\r\n"


def test_clear_forgets_frames_and_errors() -> None:
    buffer = Buffer()
    buffer.feed(b"x" * 20)
    with pytest.raises(ProtocolError):
        buffer.line(10)
    buffer.discard(5)
    buffer.clear()
    buffer.feed(b"ok\r\n")
    assert buffer.line(10) == b"ok\r\n"


TEXT = st.lists(st.sampled_from([b".", b"\r\n", b"\r", b"\n", b"a"]), max_size=30).map(b"".join)


@given(TEXT | st.binary(max_size=100))
def test_stuffed_data_has_one_end_and_comes_back(data: bytes) -> None:
    block = dot_stuff(data)
    assert block_end(block + data, 0) == len(block)
    assert dot_unstuff(block) == (data if not data or data.endswith(b"\r\n") else data + b"\r\n")


@given(TEXT, st.lists(st.integers(1, 8)))
def test_lines_are_the_same_whatever_the_chunks(stream: bytes, sizes: list[int]) -> None:
    buffer, lines, first = Buffer(), [], 0
    for size in [*sizes, len(stream) or 1]:
        buffer.feed(stream[first : first + size])
        first += size
        while (line := buffer.line(1000)) is not None:
            lines.append(line)
    *whole, rest = stream.split(b"\r\n")
    assert lines == [line + b"\r\n" for line in whole]
    assert len(buffer) == len(rest)
