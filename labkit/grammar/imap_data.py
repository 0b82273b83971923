"""What IMAP's message commands speak of: sets of messages, items to fetch, flags to change.

Sequence sets: RFC 3501 6.4.8 and 9; fetch items and sections: 6.4.5; STORE: 6.4.6; STATUS:
6.3.10.  A set is kept as ranges: "1:4294967295" costs no more than "1".
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from labkit.grammar.imap_elements import (
    ImapCursor,
    write_astring,
    write_flags,
)

# seq-number = nz-number / "*"
_SEQ_NUMBER = re.compile(rb"[1-9][0-9]{0,9}(?![0-9])|\*")
_WORD = re.compile(rb"[A-Za-z0-9.]+")

STAR = 0
"""Stands for "*", the highest number in use, in a range's ends."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Numbers or UIDs as ranges (first, last), as the client wrote them; `STAR` is "*"."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, numbers: Sequence[int]) -> SequenceSet:
        """The shortest set of ascending numbers: 1:3,7."""
        ranges: list[tuple[int, int]] = []
        for number in numbers:
            if ranges and ranges[-1][1] == number - 1:
                ranges[-1] = (ranges[-1][0], number)
            else:
                ranges.append((number, number))
        return cls(tuple(ranges))

    def __str__(self) -> str:
        def name(number: int) -> str:
            return "*" if number == STAR else str(number)

        return ",".join(name(a) if a == b else f"{name(a)}:{name(b)}" for a, b in self.ranges)

    def highest(self, star: int) -> int:
        """The highest number that is named, "*" being `star`."""
        return max(number or star for pair in self.ranges for number in pair)

    def among(self, numbers: Sequence[int]) -> list[int]:
        """Those of the ascending `numbers` that are in the set, in ascending order.

        "*" is the last of them; a range counts from its smaller end (RFC 3501 9, seq-range).
        """
        found: list[int] = []
        star, reached = numbers[-1] if numbers else 0, 0
        for first, last in sorted(sorted(number or star for number in pair) for pair in self.ranges):
            if last > reached:  # ranges that overlap count once
                start = bisect_left(numbers, max(first, reached + 1))
                found += numbers[start : bisect_right(numbers, last)]
                reached = last
        return found


def sequence_set(at: ImapCursor) -> SequenceSet:
    """sequence-set = (seq-number / seq-range) *("," sequence-set)."""
    ranges = [_seq_range(at)]
    while at.skip(b","):
        ranges.append(_seq_range(at))
    return SequenceSet(tuple(ranges))


def _seq_range(at: ImapCursor) -> tuple[int, int]:
    first = _seq_number(at)
    return (first, _seq_number(at)) if at.skip(b":") else (first, first)


def _seq_number(at: ImapCursor) -> int:
    start = at.offset
    text = at.take(_SEQ_NUMBER, 'a message number or "*"')
    number = STAR if text == b"*" else int(text)
    if number > 0xFFFF_FFFF:
        at.fail("expected a message number below 4294967296", start)
    return number


def write_sequence_set(numbers: SequenceSet) -> bytes:
    return str(numbers).encode("ascii")


SectionText = Literal["", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"]


@dataclass(frozen=True, slots=True)
class Section:
    """Which part of a message: `part` 1.2 as (1, 2), and what of it; "" is all."""

    part: tuple[int, ...] = ()
    text: SectionText = ""
    fields: tuple[bytes, ...] = ()

    def write(self) -> bytes:
        words = [".".join(map(str, self.part)).encode()] if self.part else []
        if self.text:
            words.append(self.text.encode())
        names = b" (" + b" ".join(map(write_astring, self.fields)) + b")" if self.fields else b""
        return b"[" + b".".join(words) + names + b"]"


@dataclass(frozen=True, slots=True)
class FetchItem:
    """One thing to fetch.  `section` and `partial` (first octet, number of octets) belong to BODY alone.

    `peek`: without setting \\Seen.
    """

    name: str
    section: Section | None = None
    partial: tuple[int, int] | None = None
    peek: bool = False

    @property
    def sets_seen(self) -> bool:
        return self.name in ("RFC822", "RFC822.TEXT") or (self.section is not None and not self.peek)

    @property
    def label(self) -> bytes:
        """The item's name in the FETCH response."""
        if self.section is None:
            return self.name.encode()
        return (
            self.name.encode() + self.section.write() + (b"<%d>" % self.partial[0] if self.partial else b"")
        )

    def write(self) -> bytes:
        """The item as it is asked for."""
        if self.section is None:
            return self.name.encode()
        name = b"BODY.PEEK" if self.peek else b"BODY"
        partial = b"<%d.%d>" % self.partial if self.partial else b""
        return name + self.section.write() + partial


FETCH_ITEMS = (
    *("FLAGS", "UID", "INTERNALDATE", "ENVELOPE", "BODY", "BODYSTRUCTURE"),
    *("RFC822", "RFC822.HEADER", "RFC822.SIZE", "RFC822.TEXT"),
)
_FAST = ("FLAGS", "INTERNALDATE", "RFC822.SIZE")
MACROS = {"FAST": _FAST, "ALL": (*_FAST, "ENVELOPE"), "FULL": (*_FAST, "ENVELOPE", "BODY")}


MOST_ITEMS = 50
"""Each may be a whole message, and a response with all of them is made in one piece."""


def fetch_items(at: ImapCursor) -> tuple[FetchItem, ...]:
    """("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")"); macros come out as items."""
    at.rule = "RFC 3501 6.4.5"
    start = at.offset
    if at.peek() == b"(":
        items = tuple(dict.fromkeys(at.listed(lambda: _fetch_item(at))))
        if len(items) > MOST_ITEMS:
            at.fail(f"expected at most {MOST_ITEMS} items", start)
        return items
    macro = MACROS.get(at.take(_WORD, "an item to fetch").decode().upper())
    if macro:
        return tuple(map(FetchItem, macro))
    at.offset = start
    return (_fetch_item(at),)


def _fetch_item(at: ImapCursor) -> FetchItem:
    start = at.offset
    name = at.take(_WORD, "an item to fetch").decode().upper()
    if name in ("BODY", "BODY.PEEK") and at.peek() == b"[":
        return FetchItem("BODY", _section(at), _partial(at), peek=name == "BODY.PEEK")
    if name not in FETCH_ITEMS:
        at.fail("expected an item to fetch", start)
    return FetchItem(name)


# section = "[" [section-spec] "]" ; section-spec = section-msgtext / (section-part ["." section-text])
_PART = re.compile(rb"[1-9][0-9]{0,8}(?![0-9])")
_MESSAGE_TEXT = re.compile(rb"(?:HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT)(?![A-Z.])", re.IGNORECASE)
_PART_TEXT = re.compile(rb"(?:HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)(?![A-Z.])", re.IGNORECASE)


def _section(at: ImapCursor) -> Section:
    at.expect(b"[")
    part: list[int] = []
    text: SectionText = ""
    if at.peek() != b"]":
        while found := at.maybe(_PART):
            part.append(int(found))
            if not at.skip(b"."):
                break
        else:
            pattern = _PART_TEXT if part else _MESSAGE_TEXT
            text = at.take(pattern, "a part of a message").upper().decode()  # type: ignore[assignment]
    fields: tuple[bytes, ...] = ()
    if text.startswith("HEADER.FIELDS"):
        at.space()
        fields = at.listed(lambda: at.astring("the name of a header field"))
    at.expect(b"]")
    return Section(tuple(part), text, fields)


def _partial(at: ImapCursor) -> tuple[int, int] | None:
    """ "<" number "." nz-number ">"."""
    if not at.skip(b"<"):
        return None
    first = at.number("the first octet")
    at.expect(b".")
    size = at.number("the number of octets")
    if size == 0:
        at.fail("expected at least one octet")
    at.expect(b">")
    return first, size


def write_fetch_items(items: tuple[FetchItem, ...]) -> bytes:
    written = b" ".join(item.write() for item in items)
    return written if len(items) == 1 else b"(" + written + b")"


@dataclass(frozen=True, slots=True)
class FlagChange:
    """What STORE does: `how` is "+" (set), "-" (clear) or "" (these and no others)."""

    how: Literal["", "+", "-"]
    flags: tuple[str, ...]
    silent: bool = False


_STORE_ITEM = re.compile(rb"([+-]?)FLAGS(\.SILENT)?(?= )", re.IGNORECASE)


def flag_change(at: ImapCursor) -> FlagChange:
    """store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))."""
    at.rule = "RFC 3501 6.4.6"
    item = at.take(_STORE_ITEM, "FLAGS, +FLAGS or -FLAGS").decode().upper()
    at.space()
    if at.peek() == b"(":
        flags = at.flags()
    else:
        found = [at.flag()]
        while at.skip(b" "):
            found.append(at.flag())
        flags = tuple(dict.fromkeys(found))
    how = item[0] if item[0] in "+-" else ""
    return FlagChange(how, flags, item.endswith(".SILENT"))  # type: ignore[arg-type]


def write_flag_change(change: FlagChange) -> bytes:
    silent = b".SILENT" if change.silent else b""
    return change.how.encode() + b"FLAGS" + silent + b" " + write_flags(change.flags)


STATUS_ITEMS = ("MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN")


def status_items(at: ImapCursor) -> tuple[str, ...]:
    """ "(" status-att *(SP status-att) ")"."""
    at.rule = "RFC 3501 6.3.10"

    def item() -> str:
        start = at.offset
        name = at.word("an item of STATUS")
        if name not in STATUS_ITEMS:
            at.fail(f"expected one of {', '.join(STATUS_ITEMS)}", start)
        return name

    return tuple(dict.fromkeys(at.listed(item)))


def write_status_items(items: tuple[str, ...]) -> bytes:
    return b"(" + " ".join(items).encode() + b")"
