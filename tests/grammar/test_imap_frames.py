"""What is too big is refused before it is read, and what comes behind it is read again."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import ProtocolError
from labkit.grammar.imap_frames import CommandFrames, Frame, GoAhead, Refused, frames_of, split_at_literals

Events = list[Frame | GoAhead | Refused]


def events(*stream: bytes, limit: int = 100, line_limit: int = 80) -> Events:
    frames = CommandFrames(lambda start: limit, line_limit)
    found: Events = []
    for octets in stream:
        frames.feed(octets)
        while event := frames.next():
            found.append(event)
    return found


def one_by_one(stream: bytes) -> list[bytes]:
    return [stream[i : i + 1] for i in range(len(stream))]


NOOP = Frame(b"b NOOP\r\n")
APPEND = b"a APPEND x {200}\r\n"
CASES: list[tuple[bytes, Events]] = [
    (b"b NOOP\r\n", [NOOP]),
    (
        b"a LOGIN {1}\r\nx {1}\r\ny\r\n",
        [GoAhead(1), GoAhead(1), Frame(b"a LOGIN {1}\r\nx {1}\r\ny\r\n")],
    ),
    (b"a LOGIN {1+}\r\nx {0+}\r\n\r\n", [Frame(b"a LOGIN {1+}\r\nx {0+}\r\n\r\n")]),
    # the client waits for "+" and never sends what was refused
    (APPEND, [Refused(APPEND, 200)]),
    # this client does not wait: its octets are dropped, and so is the rest of its command
    (
        b"a APPEND x {200+}\r\n" + b"c NOOP\r\n" * 25 + b" {8+}\r\nd NOOP\r\n more\r\n",
        [Refused(b"a APPEND x {200+}\r\n", 200)],
    ),
    # the rest announces one for which it waits, in vain: the next is a command
    (b"a APPEND x {200+}\r\n" + b"c NOOP\r\n" * 25 + b" {8}\r\n", [Refused(b"a APPEND x {200+}\r\n", 200)]),
    # many small ones are a big one
    (b"a X {60+}\r\n" + b"y" * 60 + b" {30+}\r\n" + b"z" * 30 + b"\r\n", [Refused(b"a X {60+}\r\n", 30)]),
    (b"a " + b"x" * 100 + b"\r\n", [Refused(b"a " + b"x" * 79, None)]),
    (b"a {1+}\r\ny" + b"x" * 100 + b"\r\n", [Refused(b"a {1+}\r\n", None)]),
]


@pytest.mark.parametrize(("stream", "expected"), CASES, ids=lambda case: repr(case)[:40])
def test_cut_whole_byte_by_byte_and_with_a_tail(stream: bytes, expected: Events) -> None:
    assert events(stream) == expected
    assert events(*one_by_one(stream)) == expected
    assert events(stream + b"b NOOP\r\n") == [*expected, NOOP]
    assert events(*one_by_one(stream + b"b NOOP\r\n")) == [*expected, NOOP]


def test_what_is_refused_is_not_kept() -> None:
    frames = CommandFrames(lambda start: 1000)
    frames.feed(b"a APPEND x {4000000000+}\r\n")
    assert frames.next() == Refused(b"a APPEND x {4000000000+}\r\n", 4_000_000_000)
    chunk = b"y" * 100_000
    tracemalloc.start()
    for _ in range(100):
        frames.feed(chunk)
        assert frames.next() is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300_000


def test_says_what_it_waits_for() -> None:
    frames = CommandFrames(lambda start: 100)
    assert frames.waiting_for == "a command"
    frames.feed(b"a LOGIN {5}\r\n")
    assert frames.next() == GoAhead(5)
    assert frames.waiting_for == "5 octets of a literal"
    frames.feed(b"abcde")
    assert frames.next() is None
    assert frames.waiting_for == "the rest of a command"
    frames.clear()
    assert frames.waiting_for == "a command"


def test_a_bare_line_may_look_like_a_literal() -> None:
    frames = CommandFrames(lambda start: 100, 20)
    frames.feed(b"DONE {5}\r\n" + b"x" * 30 + b"\r\nb NOOP\r\n")
    assert frames.line() == b"DONE {5}"
    with pytest.raises(ProtocolError):
        frames.line()
    assert frames.next() == NOOP


def test_split_at_literals() -> None:
    assert split_at_literals(b"a NOOP\r\n") == [b"a NOOP\r\n"]
    assert split_at_literals(b"a LOGIN {3}\r\n{2} {2}\r\n\r\n\r\n") == [
        b"a LOGIN {3}\r\n",
        b"{2} {2}\r\n",
        b"\r\n\r\n",
    ]


@pytest.mark.parametrize(("before", "behind"), [(b"", b""), (b"x\r\n* {9}\r\n", b"c\r\nmore {1}\r\n")])
def test_lines_and_literals(before: bytes, behind: bytes) -> None:
    data = b"* 1 FETCH (A {3}\r\n}\r\n B {0}\r\n)\r\n* OK {3}\r\na NO x\r\n+ {9}\r\nbare {2}\nb {5}\r\nab"
    assert list(frames_of(before + data + behind, len(before), len(before + data))) == [
        [b"* 1 FETCH (A {3}\r\n", b"}\r\n", b" B {0}\r\n", b"", b")\r\n"],
        [b"* OK {3}\r\n"],
        [b"a NO x\r\n"],
        [b"+ {9}\r\n"],
        [b"bare {2}\n"],
        [b"b {5}\r\n", b"ab", b""],
    ]


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_any_octets_are_cut(stream: list[bytes]) -> None:
    whole = b"".join(stream)
    assert events(*stream) == events(*one_by_one(whole))
    assert all(event.data in whole for event in events(*stream) if isinstance(event, Frame))
