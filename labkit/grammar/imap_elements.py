"""The elements that IMAP's commands and responses are made of (RFC 3501 4, 5.1 and 9).

Atoms, strings, literals, lists, flags, dates and mailbox names: each has a method of
`ImapCursor` that reads it and a function that writes it, named as in the ABNF.  The
reader expects whole frames, literals and all (see `imap_frames.py`).

Strict, save that a quoted string may hold octets over 127 (RFC 9051 does allow UTF-8
there).  It refuses NUL everywhere, and mailbox names that are not in the one canonical form of
modified UTF-7: two spellings of one name are how mailboxes get lost.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import TypeVar

from labkit.errors import ProtocolError
from labkit.grammar.cursor import Cursor

T = TypeVar("T")

RULE = "RFC 3501 9"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# atom-specials = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
_ATOM_CHAR = rb"[^(){ \x00-\x1f\x7f-\xff%*\"\\\]]"
ATOM = re.compile(_ATOM_CHAR + b"+")
# ASTRING-CHAR = ATOM-CHAR / resp-specials
ASTRING_ATOM = re.compile(rb"[^(){ \x00-\x1f\x7f-\xff%*\"\\]+")
# tag = 1*<any ASTRING-CHAR except "+">
TAG = re.compile(rb"[^(){ \x00-\x1f\x7f-\xff%*\"\\+]+")
# list-char = ATOM-CHAR / list-wildcards / resp-specials
LIST_ATOM = re.compile(rb"[^(){ \x00-\x1f\x7f-\xff\"\\]+")
# flag = "\Answered" / ... / flag-keyword / flag-extension ; flag-extension = "\" atom
FLAG = re.compile(rb"\\?" + _ATOM_CHAR + b"+")
QUOTED = re.compile(rb'"(?:[^\x00\r\n"\\]|\\["\\])*"')
_ESCAPED = re.compile(rb"\\(.)")
# literal = "{" number "}" CRLF *CHAR8 ; with "+": RFC 7888
_LITERAL = re.compile(rb"\{([0-9]{1,19})\+?\}\r\n")
_NUMBER = re.compile(rb"[0-9]{1,10}(?![0-9])")
_DATE = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
_DATE_TIME = re.compile(rb'"(?: [0-9]|[0-9]{2})-[A-Za-z]{3}-[0-9]{4} [0-9:]{8} [+-][0-9]{4}"')
LONGEST_QUOTED = 1000  # longer strings are written as literals

SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
"""The flags that a client may set (RFC 3501 2.3.2); \\Recent is the server's own."""
_CANONICAL = {flag.lower(): flag for flag in (*SYSTEM_FLAGS, "\\Recent")}


class ImapCursor(Cursor):
    """Reads the elements; every method reads exactly one and names it when it fails."""

    def __init__(self, data: bytes, rule: str = RULE, offset: int = 0) -> None:
        super().__init__(data, rule, offset)

    def space(self) -> None:
        self.expect(b" ", "a space")

    def atom(self, what: str = "an atom") -> str:
        return self.take(ATOM, what).decode("ascii")

    def word(self, what: str) -> str:
        """An atom that is a keyword of the grammar: in upper case."""
        return self.atom(what).upper()

    def number(self, what: str = "a number") -> int:
        """number = 1*DIGIT, less than 4,294,967,296."""
        start = self.offset
        value = int(self.take(_NUMBER, what))
        if value > 0xFFFF_FFFF:
            self.fail(f"expected {what} below 4294967296", start)
        return value

    def literal(self, what: str = "a literal") -> bytes:
        found = _LITERAL.match(self.data, self.offset)
        if found is None:
            self.fail(f"expected {what}")
        self.offset = found.end()
        octets = self.octets(int(found[1]), what)
        if b"\0" in octets:
            self.fail("expected a literal without NUL", self.offset - len(octets) + octets.index(0))
        return octets

    def string(self, what: str = "a string") -> bytes:
        if self.peek() == b"{":
            return self.literal(what)
        return _ESCAPED.sub(rb"\1", self.take(QUOTED, what)[1:-1])

    def nstring(self, what: str = "a string or NIL") -> bytes | None:
        return None if self.skip(b"NIL", ignore_case=True) else self.string(what)

    def astring(self, what: str = "an atom or a string", atom: re.Pattern[bytes] = ASTRING_ATOM) -> bytes:
        if self.peek() in (b'"', b"{"):
            return self.string(what)
        return self.take(atom, what)

    def text(self, what: str) -> str:
        """An astring that is read as UTF-8."""
        start = self.offset
        try:
            return self.astring(what).decode()
        except UnicodeDecodeError:
            self.fail(f"expected {what} in UTF-8", start)

    def mailbox(self, what: str = "a mailbox's name", atom: re.Pattern[bytes] = ASTRING_ATOM) -> str:
        """A mailbox's name out of modified UTF-7; INBOX in any case is "INBOX"."""
        start = self.offset
        try:
            name = decode_mailbox(self.astring(what, atom))
        except ProtocolError as error:
            self.fail(error.message, start)
        return "INBOX" if name.upper() == "INBOX" else name

    def list_mailbox(self) -> str:
        """A name in which % and * stand for others (RFC 3501 6.3.8)."""
        return self.mailbox("a mailbox's name or pattern", LIST_ATOM)

    def flag(self) -> str:
        name = self.take(FLAG, "a flag").decode("ascii")
        return _CANONICAL.get(name.lower(), name)

    def flags(self) -> tuple[str, ...]:
        """flag-list = "(" [flag *(SP flag)] ")", each flag once."""
        return tuple(dict.fromkeys(self.listed(self.flag, empty=True)))

    def listed(self, element: Callable[[], T], *, empty: bool = False) -> tuple[T, ...]:
        """Elements in parentheses, a space between them."""
        self.expect(b"(")
        if empty and self.skip(b")"):
            return ()
        found = [element()]
        while self.skip(b" "):
            found.append(element())
        self.expect(b")")
        return tuple(found)

    def date(self) -> date:
        """date = date-text / DQUOTE date-text DQUOTE."""
        start = self.offset
        quoted = self.skip(b'"')
        day, month, year = self.take(_DATE, "a date like 5-Jan-2026").split(b"-")
        if quoted:
            self.expect(b'"')
        try:
            return date(int(year), _month(month), int(day))
        except ValueError:
            self.fail("expected a day that exists", start)

    def date_time(self) -> datetime:
        """A date-time, turned to UTC."""
        start = self.offset
        raw = self.take(_DATE_TIME, 'a time like " 5-Jan-2026 09:00:00 +0000"')[1:-1]
        day, clock, zone = raw.decode("ascii").strip().split(" ")
        try:
            there = datetime.strptime(clock, "%H:%M:%S").replace(tzinfo=_zone(zone))
            number, month, year = day.split("-")
            return there.replace(int(year), _month(month.encode()), int(number)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("expected a time that exists", start)


def _month(name: bytes) -> int:
    return MONTHS.index(name.decode("ascii").capitalize()) + 1


def _zone(text: str) -> timezone:
    minutes = int(text[1:3]) * 60 + int(text[3:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def write_quoted(value: bytes) -> bytes:
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def write_literal(value: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(value), value)


def write_string(value: bytes) -> bytes:
    """Quoted if that is possible, else a literal."""
    plain = len(value) <= LONGEST_QUOTED and value.isascii() and not re.search(rb"[\x00\r\n]", value)
    return write_quoted(value) if plain else write_literal(value)


def write_nstring(value: bytes | None) -> bytes:
    return b"NIL" if value is None else write_string(value)


def write_astring(value: bytes, atom: re.Pattern[bytes] = ASTRING_ATOM) -> bytes:
    """An atom if that is possible; never the atom NIL, which some readers take for nothing."""
    if atom.fullmatch(value) and len(value) <= LONGEST_QUOTED and value.upper() != b"NIL":
        return value
    return write_string(value)


def write_text(value: str) -> bytes:
    return write_astring(value.encode())


def write_mailbox(name: str) -> bytes:
    return write_astring(encode_mailbox(name))


def write_list_mailbox(pattern: str) -> bytes:
    return write_astring(encode_mailbox(pattern), LIST_ATOM)


def write_flags(flags: Iterable[str]) -> bytes:
    return b"(" + " ".join(flags).encode("ascii") + b")"


def write_date(day: date) -> bytes:
    return b"%d-%b-%04d" % (day.day, MONTHS[day.month - 1].encode(), day.year)


def write_date_time(time: datetime) -> bytes:
    """A time in its own zone, quoted."""
    offset = time.utcoffset() or timedelta()
    minutes = abs(offset) // timedelta(minutes=1)
    return b'"%2d-%b-%04d %02d:%02d:%02d %b%02d%02d"' % (
        *(time.day, MONTHS[time.month - 1].encode(), time.year, time.hour, time.minute, time.second),
        *(b"-" if offset < timedelta() else b"+", minutes // 60, minutes % 60),
    )


# Modified UTF-7 (RFC 3501 5.1.3): printable US-ASCII stands for itself, "&" is "&-", and all
# else is UTF-16 in base64 with "," for "/", without padding, between "&" and "-".
_PLAIN_OR_NOT = re.compile(r"[\x20-\x7e]+|[^\x20-\x7e]+")
_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")


def encode_mailbox(name: str) -> bytes:
    """A mailbox's name as it stands on the wire."""
    return b"".join(
        run.encode("ascii").replace(b"&", b"&-") if " " <= run[0] <= "~" else _shift(run)
        for run in _PLAIN_OR_NOT.findall(name)
    )


@lru_cache(maxsize=256)
def decode_mailbox(raw: bytes) -> str:
    """The name that `raw` stands for; raises ProtocolError unless it is canonical."""
    try:
        name = _SHIFTED.sub(lambda found: _unshift(found[1]), raw).decode()
        canonical = encode_mailbox(name) == raw
    except (UnicodeError, binascii.Error):
        canonical = False
    if not canonical or "\0" in name:
        raise ProtocolError("expected a name in modified UTF-7", raw, 0, "RFC 3501 5.1.3")
    return name


def _shift(run: str) -> bytes:
    encoded = binascii.b2a_base64(run.encode("utf-16-be"), newline=False)
    return b"&" + encoded.rstrip(b"=").replace(b"/", b",") + b"-"


def _unshift(encoded: bytes) -> bytes:
    if not encoded:
        return b"&"
    padded = encoded.replace(b",", b"/") + b"=" * (-len(encoded) % 4)
    return binascii.a2b_base64(padded).decode("utf-16-be").encode()
