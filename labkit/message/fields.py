"""Header fields: cutting, Received, Date, Message-ID, encoded words (RFC 5322 2.2 and 3.6, RFC 2047).

Reading never raises: a line ends with LF, with or without CR before it; a line that is
no field ends the header, and what cannot be read is None or stays as it is.  Writing is strict and
canonical: CRLF, lines of at most 78 octets where there is a space to fold at.
"""

from __future__ import annotations

import binascii
import codecs
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_tz
from functools import lru_cache
from typing import NamedTuple

from labkit.errors import LabError
from labkit.message.address import comment_end

LINE_LENGTH = 78
"""Octets, without CRLF, that a line should not exceed (RFC 5322 2.1.1)."""

# field = field-name ":" unstructured CRLF, and lines that begin with white space belong to it
_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?")


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


def unfold(value: bytes) -> bytes:
    """A field's value on one line, without white space around it (RFC 5322 2.2.3)."""
    if b"\n" in value:
        value = re.sub(rb"\r?\n(?=[ \t])", b"", value)
    return value.strip(b" \t\r\n")


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
    _refuse_line_ends(name, value)
    first, *words = value.split(" ")
    lines, line = [], f"{name}: {first}"
    for word in words:
        if word and line.strip(" ") and len(line.encode()) + 1 + len(word.encode()) > LINE_LENGTH:
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line, ""]).encode()


def _refuse_line_ends(name: str, value: str) -> None:
    if "\r" in value or "\n" in value:
        raise LabError(f"the value of {name} must not hold a line's end: {value!r}")


# encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="
_ENCODED_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bq])\?([^?\s]*)\?=", re.IGNORECASE)
_OCTETS_OF_WORD = 39  # before base64: then even the first word fits behind `Subject: ` (RFC 2047 2)


def decode_words(value: str | bytes) -> str:
    """A field's value for people: unfolded, its encoded words decoded (RFC 2047 6).

    Octets that are not UTF-8 become backslash escapes.  A word of an unknown charset or
    with broken contents stays as it stands.
    """
    if isinstance(value, bytes):
        value = unfold(value).decode("utf-8", "backslashreplace")
    if "=?" not in value:
        return value
    text, behind = "", 0
    charset, octets = "ascii", bytearray()
    for found in _ENCODED_WORD.finditer(value):
        name, decoded = found[1].lower(), _word_octets(found[2], found[3])
        if decoded is None or not known_charset(name):
            continue
        between = value[behind : found.start()]
        neighbours = behind > 0 and not between.strip()
        if name != charset or not neighbours:  # else they may share a character
            text += octets.decode(charset, "backslashreplace") + ("" if neighbours else between)
            charset, octets = name, bytearray()
        octets += decoded
        behind = found.end()
    return text + octets.decode(charset, "backslashreplace") + value[behind:]


def encode_words(text: str) -> str:
    """`text` for a header field in ASCII: itself, or encoded words of UTF-8 in base64."""
    if text.isascii() and "=?" not in text and all(len(word) < 900 for word in text.split(" ")):
        return text
    words, chunk = [], b""
    for octets in (character.encode() for character in text):
        if len(chunk) + len(octets) > _OCTETS_OF_WORD:
            words.append(chunk)
            chunk = b""
        chunk += octets
    return " ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in [*words, chunk])


def _word_octets(encoding: str, text: str) -> bytes | None:
    try:
        if encoding in "bB":
            return binascii.a2b_base64(text + "=" * (-len(text) % 4))
        return binascii.a2b_qp(text, header=True)
    except ValueError:
        return None


_NO_CHARSETS = {
    "idna",
    "punycode",
    "undefined",
    "unicode-escape",
    "raw-unicode-escape",
}  # codecs of Python's own


@lru_cache(256)
def known_charset(name: str) -> bool:
    """True if `octets.decode(name, "backslashreplace")` gives text, whatever the octets."""
    try:
        b" ".decode(name, "replace")
        return codecs.lookup(name).name not in _NO_CHARSETS
    except (LookupError, ValueError):
        return False


def format_date(moment: datetime) -> str:
    """A Date field's value (RFC 5322 3.3): `Mon, 05 Jan 2026 09:00:00 +0000`."""
    return format_datetime(moment)


def parse_date(text: str) -> datetime | None:
    """The moment that a Date field or a Received field names, in UTC; None if it cannot be read.

    Obsolete zones and years of two digits are understood (RFC 5322 4.3); a zone nobody knows counts as UTC.
    """
    try:
        found = parsedate_tz(re.sub(r"\([^()]*\)", " ", text))
        if found is None:
            return None
        year, month, day, hour, minute, second = found[:6]
        second = 59 if second == 60 else second  # a leap second
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC) - timedelta(seconds=found[9] or 0)
    except (ValueError, OverflowError, IndexError, TypeError):  # parsedate_tz is not proof against all text
        return None


def new_message_id(token: Callable[[int], str], domain: str) -> str:
    """A Message-ID with its angle brackets (RFC 5322 3.6.4); `token(n)` gives n new characters."""
    return f"<{token(16)}@{domain}>"


@dataclass(frozen=True, slots=True)
class Received:
    """A trace field: who took the message from whom, how, for whom and when (RFC 5321 4.4).

    `from_name` is what the client said in EHLO, `from_address` where it really was.
    """

    from_name: str | None = None
    from_address: str | None = None
    by: str | None = None
    with_: str | None = None
    id: str | None = None
    for_address: str | None = None
    time: datetime | None = None

    def write(self) -> bytes:
        """The whole field, folded, with its last CRLF."""
        tag = "IPv6:" if ":" in (self.from_address or "") else ""
        client = (
            f"{self.from_name or 'unknown'} ([{tag}{self.from_address}])"
            if self.from_address
            else self.from_name
        )
        lines = [
            _clauses(("from", client)),
            _clauses(("by", self.by), ("with", self.with_), ("id", self.id)),
            _clauses(("for", self.for_address and f"<{self.for_address}>")),
        ]
        value = "\r\n\t".join(line for line in lines if line)
        if self.time:
            value += f";\r\n\t{format_date(self.time)}"
        return f"Received: {value}\r\n".encode()


def _clauses(*clauses: tuple[str, str | None]) -> str:
    for word, what in clauses:
        _refuse_line_ends(f"Received {word}", what or "")
    return " ".join(f"{word} {what}" for word, what in clauses if what)


_CLAUSES = {"from", "by", "via", "with", "id", "for"}
_ADDRESS = re.compile(r"\[(?:IPv6:)?([0-9a-f:.]+)\]|\b(\d{1,3}(?:\.\d{1,3}){3})\b", re.IGNORECASE)


def parse_received(value: bytes | str) -> Received:
    """Whatever can be told from a Received field's value, as written here or by others."""
    octets = value.encode("utf-8", "backslashreplace") if isinstance(value, str) else value
    words, comments, date = _trace_words(unfold(octets))
    said: dict[str, str] = {}
    for here, word in enumerate(words[:-1]):
        clause = word.lower()
        if clause in _CLAUSES and clause not in said and words[here + 1].lower() not in _CLAUSES:
            said[clause] = words[here + 1]
            client = [said[clause], *comments.get(here + 1, [])] if clause == "from" else []
            if found := _ADDRESS.search(" ".join(client)):
                said["address"] = found[1] or found[2]
    return Received(
        from_name=said.get("from"),
        from_address=said.get("address"),
        by=said.get("by"),
        with_=said.get("with"),
        id=said.get("id"),
        for_address=said["for"].strip("<>") if "for" in said else None,
        time=parse_date(date),
    )


# white space, a comment's beginning, the date's beginning, a word with quoted parts, a quote without end
_TRACE_TOKEN = re.compile(rb"""\s++|\(|;|(?:"[^"]*"|[^\s();"]++)++|.""", re.DOTALL)


def _trace_words(value: bytes) -> tuple[list[str], dict[int, list[str]], str]:
    """The words before the date, the comments by the index of the word before each, and the date."""
    words: list[str] = []
    comments: dict[int, list[str]] = {}
    offset = 0
    while found := _TRACE_TOKEN.match(value, offset):
        start, offset = found.span()
        if found[0] == b";":
            return words, comments, value[offset:].decode("utf-8", "backslashreplace")
        if found[0] == b"(":
            end = comment_end(value, start)
            offset = end if end > 0 else len(value)
            comment = value[start:offset].decode("utf-8", "backslashreplace")
            comments.setdefault(len(words) - 1, []).append(comment)
        elif not found[0].isspace():
            words.append(found[0].decode("utf-8", "backslashreplace"))
    return words, comments, ""
