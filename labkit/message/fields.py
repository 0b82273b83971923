"""Header fields: cutting them out, finding, writing (RFC 5322 2.2 and 3.6).

Reading never raises: a line ends with LF, with or without CR before it, and a line that is
no field ends the header.  Writing is strict and canonical: CRLF, lines of at most 78 octets where
there is a space to fold at.  What stands in a field is read by `words`, `dates`, `trace`,
`address` and `parameters`; the names most asked for stand here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from labkit.message.dates import format_date, parse_date
from labkit.message.tokens import refuse_line_ends, unfold
from labkit.message.trace import Received, parse_received
from labkit.message.words import decode_words, encode_words, known_charset

__all__ = [
    "Field",
    "Received",
    "decode_words",
    "encode_words",
    "find",
    "format_date",
    "get",
    "iter_fields",
    "known_charset",
    "new_message_id",
    "parse_date",
    "parse_received",
    "split_fields",
    "unfold",
    "without",
    "write_field",
]

LINE_LENGTH = 78
"""Octets, without CRLF, that a line should not exceed (RFC 5322 2.1.1)."""

# field = field-name ":" unstructured CRLF, and lines that begin with white space belong to it
_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?")
_FIELD_OR_REST = re.compile(_FIELD.pattern + rb"|[\s\S]+")  # in which no field is looked for


class Field(NamedTuple):
    """One header field where it stands: `data[offset:end]`, its line's end included.

    `value` is what stands behind the colon, still folded, without the line's end.
    """

    name: str
    value: bytes
    offset: int
    end: int


def iter_fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields of the header that begins at `start`, up to the empty line or whatever is no field."""
    stop = len(data) if end is None else end
    while found := _FIELD.match(data, start, stop):
        name, value = found.groups()
        yield Field(name.decode(), value.removesuffix(b"\r"), start, found.end())
        start = found.end()


def split_fields(data: bytes, start: int = 0, end: int | None = None) -> list[Field]:
    """The same as a list."""
    return list(iter_fields(data, start, end))


def first_values(data: bytes, start: int, end: int) -> dict[str, bytes]:
    """What the first field of each name says, still folded, by the name in lower case.

    The same fields as `iter_fields`, found at once: many messages are only asked what they say.
    """
    found = _FIELD_OR_REST.findall(data, start, end)
    return {name.lower().decode(): value for name, value in reversed(found) if name}


def get(data: bytes, name: str) -> bytes | None:
    """The unfolded value of a message's first field of that name, in any case; None if there is none."""
    return find(iter_fields(data), name)


def without(data: bytes, name: str) -> bytes:
    """The message without its fields of that name, in any case: Bcc, before it is sent (RFC 5322 3.6.3)."""
    kept, behind = [], 0
    for field in iter_fields(data):
        if field.name.lower() == name.lower():
            kept.append(data[behind : field.offset])
            behind = field.end
    return b"".join([*kept, data[behind:]])


def find(fields: Iterable[Field], name: str) -> bytes | None:
    """The unfolded value of the first field of that name, in any case; None if there is none."""
    wanted = name.lower()
    return next((unfold(field.value) for field in fields if field.name.lower() == wanted), None)


def write_field(name: str, value: str) -> bytes:
    """`name: value` and CRLF, folded at spaces; raises LabError if the value holds a line's end."""
    refuse_line_ends(name, value)
    first, *words = value.split(" ")
    lines, line = [], f"{name}: {first}"
    for word in words:
        if word and line.strip(" ") and len(line.encode()) + 1 + len(word.encode()) > LINE_LENGTH:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line, ""]).encode()


def new_message_id(token: Callable[[int], str], domain: str) -> str:
    """A Message-ID with its angle brackets (RFC 5322 3.6.4); `token(n)` gives n new characters."""
    return f"<{token(16)}@{domain}>"
