"""What an IMAP server says: status, data or continuation (RFC 3501 7 and 9).

Data comes out as numbers, strings and lists, whatever its name, and is interpreted by who
asked for it.  Lenient: a missing text or a space too many at the end is no reason to stop
listening to a server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from labkit.grammar import imap_elements as el
from labkit.grammar.imap_elements import ImapCursor


class Atom(str):
    """An atom in a response's data: FLAGS, \\Seen, BODY[HEADER.FIELDS (DATE)]."""

    __slots__ = ()


Value: TypeAlias = "Atom | bytes | int | tuple[Value, ...] | None"
"""Strings are bytes, NIL is None, lists are tuples."""


@dataclass(frozen=True, slots=True)
class Status:
    """OK, NO, BAD, PREAUTH or BYE; without a tag it stands by itself.  `code` is what [ ] enclose."""

    tag: str | None
    status: str
    text: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """Any other untagged response: FETCH and its like have a `number` before the name."""

    name: str
    values: tuple[Value, ...] = ()
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Continuation:
    """ "+": the server waits for more of the command."""

    text: str = ""


Response: TypeAlias = Status | Data | Continuation

STATUSES = ("OK", "NO", "BAD", "PREAUTH", "BYE")
_RULE = "RFC 3501 7"
_CODE = re.compile(rb"\[([^\]\r\n]*)\] ?")
_LINE = re.compile(rb"[^\r\n]*")
_LINE_ENDS = re.compile(r"[\r\n]")
_NUMBERED = re.compile(rb"([0-9]{1,18}) ")
_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9.=+_-]*")
_SECTION = re.compile(rb'[A-Z0-9.]+\[(?:[^"\]\r\n]|"(?:[^"\\\r\n]|\\.)*")*\](?:<[0-9]+>)?', re.IGNORECASE)
_WORD = re.compile(rb'[^\x00-\x20\x7f(){"]+')
_DIGITS = re.compile(rb"[0-9]{1,18}")
DEEPEST = 100


def parse_response(frame: bytes) -> Response:
    """One response, from its first octet to its CRLF; raises ProtocolError."""
    at = ImapCursor(frame, _RULE)
    if at.skip(b"+"):
        at.skip(b" ")
        found: Response = Continuation(_text(at))
    else:
        tag = None if at.skip(b"*") else at.take(el.TAG, "a tag, * or +").decode("ascii")
        at.space()
        found = _status_or_data(at, tag)
    at.expect(b"\r\n", "the end of the line")
    at.end()
    return found


def _status_or_data(at: ImapCursor, tag: str | None) -> Status | Data:
    start = at.offset
    number = None
    if numbered := at.maybe(_NUMBERED):
        number = int(numbered)
    name = at.take(_NAME, "the name of a response").decode("ascii").upper()
    if name in STATUSES and number is None:
        at.skip(b" ")
        code = at.maybe(_CODE)
        return Status(tag, name, _text(at), None if code is None else _decoded(code.rstrip(b" ")[1:-1]))
    if tag is not None:
        at.fail("expected OK, NO or BAD", start)
    values: list[Value] = []
    while at.skip(b" ") and at.peek() != b"\r":
        values.append(_value(at, 0))
    return Data(name, tuple(values), number)


def _value(at: ImapCursor, depth: int) -> Value:
    first = at.peek()
    if first == b"(":
        return _list(at, depth + 1)
    if first in (b'"', b"{"):
        return at.string()
    word = at.maybe(_SECTION)
    if word is None:
        word = at.take(_WORD, "an atom, a number, a string or a list")
        if word.upper() == b"NIL":
            return None
        if _DIGITS.fullmatch(word):
            return int(word)
    return Atom(_decoded(word))


def _list(at: ImapCursor, depth: int) -> tuple[Value, ...]:
    """A list; the spaces in it may be missing between lists, as BODYSTRUCTURE and ENVELOPE have it."""
    if depth > DEEPEST:
        at.fail(f"expected lists nested at most {DEEPEST} deep")
    at.expect(b"(")
    values: list[Value] = []
    while not at.skip(b")"):
        if values and not (at.skip(b" ") or (at.peek() == b"(" and isinstance(values[-1], tuple))):
            at.fail("expected a space or ')'")
        values.append(_value(at, depth))
    return tuple(values)


def _text(at: ImapCursor) -> str:
    return _decoded(at.take(_LINE, "text"))


def _decoded(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _encoded_text(text: str) -> bytes:
    return _LINE_ENDS.sub(" ", text).encode("utf-8", "surrogateescape")


def write_response(response: Response) -> bytes:
    """A response as one frame.  A line end in a text for people becomes a space."""
    match response:
        case Continuation(text):
            return b"+ " + _encoded_text(text) + b"\r\n"
        case Status(tag, status, text, code):
            bracketed = b"[" + _encoded_text(code) + b"] " if code is not None else b""
            return b"%b %b %b%b\r\n" % (
                (tag or "*").encode(),
                status.encode(),
                bracketed,
                _encoded_text(text),
            )
        case Data(name, values, number):
            head = [b"*", *([b"%d" % number] if number is not None else []), name.encode()]
            return b" ".join([*head, *map(write_value, values)]) + b"\r\n"


def write_value(value: Value) -> bytes:
    if value is None:
        return b"NIL"
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, bytes):
        return el.write_string(value)
    if isinstance(value, str):
        return _encoded_text(value)
    written = b""
    for before, each in zip((None, *value), value, strict=False):
        adjacent = isinstance(before, tuple) and isinstance(each, tuple)
        written += (b"" if not written or adjacent else b" ") + write_value(each)
    return b"(" + written + b")"
