"""The cursor: what it reads, and that each failure shows the place and the rule."""

import re
from collections.abc import Callable

import pytest

from labkit.errors import ProtocolError
from labkit.grammar.cursor import Cursor

ATOM = re.compile(rb"[a-z]+")
RULE = "RFC 5321 4.1.1.2"


def test_reads_a_frame_once_from_left_to_right() -> None:
    at = Cursor(b"MAIL from:<abc>{3}xyz tail", RULE)
    at.expect(b"MAIL ")
    at.expect(b"FROM:", ignore_case=True)
    assert at.peek() == b"<"
    assert at.skip(b"<")
    assert not at.skip(b"<")
    assert at.take(ATOM, "a local part") == b"abc"
    assert at.maybe(ATOM) is None
    at.expect(b">{3}")
    assert at.octets(3, "the literal") == b"xyz"
    assert not at.at_end()
    assert at.rest() == b" tail"
    assert at.at_end()
    assert at.peek() == b""
    at.end()


def test_can_start_in_the_middle() -> None:
    at = Cursor(b"RCPT abc", RULE, 5)
    assert at.take(ATOM, "an atom") == b"abc"
    assert at.offset == 8


BAD: list[tuple[Callable[[Cursor], object], bytes, int, str]] = [
    (lambda at: at.expect(b"<"), b"", 0, "expected '<'"),
    (lambda at: at.expect(b"<", "the path"), b"a", 0, "expected the path"),
    (lambda at: at.expect(b"FROM:"), b"from:", 0, "expected 'FROM:'"),
    (lambda at: at.take(ATOM, "an atom"), b"1", 0, "expected an atom"),
    (lambda at: (at.skip(b"ab"), at.take(ATOM, "an atom")), b"ab1", 2, "expected an atom"),
    (
        lambda at: (at.skip(b"a"), at.octets(3, "a literal")),
        b"abc",
        1,
        "expected 3 octets of a literal, found 2",
    ),
    (lambda at: (at.skip(b"a"), at.end()), b"a ", 1, "expected the end"),
    (lambda at: at.fail("no such day", 4), b"0123456", 4, "no such day"),
]


@pytest.mark.parametrize(("read", "data", "offset", "message"), BAD)
def test_failure_names_place_and_rule(
    read: Callable[[Cursor], object], data: bytes, offset: int, message: str
) -> None:
    with pytest.raises(ProtocolError) as raised:
        read(Cursor(data, RULE))
    error = raised.value
    assert (error.message, error.data, error.offset, error.rule) == (message, data, offset, RULE)


def test_the_error_shows_the_bytes_with_a_caret() -> None:
    at = Cursor(b"MAIL FROM: <a@b>", RULE, 10)
    with pytest.raises(ProtocolError) as raised:
        at.expect(b"<")
    assert str(raised.value).splitlines() == [
        "expected '<' at byte 10 (RFC 5321 4.1.1.2)",
        "  MAIL FROM: <a@b>",
        "            ^",
    ]
