"""Messages that an IMAP client fetched in pieces, joined (RFC 3501 6.4.5, 7.4.2; RFC 3516 4.2).

A large message is often asked for as BODY[]<0.65536>, BODY[]<65536.65536> and so on, or as
BODY[HEADER] and BODY[TEXT].  Pieces belong together if they are of one UID of one mailbox or, where
no UID is told, of one message number, until an EXPUNGE changes it.  A header alone is no message.

The end is known by a piece that is empty or shorter than was asked for, else by RFC822.SIZE.  Once all
is there, what comes again begins the message anew; if that never becomes whole, it was nothing new.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from labkit.dissect.imap import mailbox_of
from labkit.dissect.row import Row
from labkit.grammar.imap_frames import frames_of
from labkit.tables.dissected import Talk

_TELLING = re.compile(rb"\[\]<|\[TEXT\]|RFC822\.TEXT", re.IGNORECASE)
_ASKED = re.compile(rb"(?:\.PEEK|BODY|BINARY)\[(HEADER|TEXT|)\]<([0-9]{1,19})\.([0-9]{1,19})>", re.IGNORECASE)
_RESPONSE = re.compile(
    rb"\* (?:([0-9]{1,10}) (?:(FETCH) \(|EXPUNGE\b)|VANISHED [^(]|OK \[UIDVALIDITY ([0-9]{1,10})\])",
    re.IGNORECASE,
)
# The last alternative passes over the strings of other items: what they say is not ours to obey.
_ITEM = re.compile(
    rb"(?<=[( ])(?:UID (?P<uid>[0-9]{1,10})|RFC822\.SIZE (?P<size>[0-9]{1,19})"
    rb"|(?P<item>(?:BODY|BINARY)\[(?P<section>HEADER|TEXT|)\]|RFC822(?:\.(?P<old>HEADER|TEXT))?)"
    rb"(?:<(?P<origin>[0-9]{1,19})>)? "
    rb'(?:~?\{(?P<literal>[0-9]{1,19})\}\r\n\Z|NIL\b|"(?P<quoted>(?:[^"\\]|\\.)*+)"))'
    rb'|"(?:[^"\\]|\\.)*+"?',
    re.IGNORECASE,
)
_EMPTY_LINE = re.compile(rb"(?:\A|\n)\r?\n")
_NO_LIMIT = 1 << 64
_SELECTS = ("SELECT", "EXAMINE")
FETCHING = ("FETCH", "UID FETCH", None)
"""Verbs of the rows that bring messages; None: the server said it unasked."""

Asked = dict[tuple[bytes, int], set[int]]
"""How many octets the client asked for, by section and origin."""


class Piece(NamedTuple):
    """A string in a FETCH response."""

    section: bytes  # HEADER, TEXT, or empty: the whole message
    origin: int | None  # where in the section it begins; None: the section was not asked for in pieces
    octets: bytes
    last: bool  # the section has no more octets
    binary: bool = False
    cut: bool = False  # the capture has not all of it


class Mosaic:
    """Octets whose places are known."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytes]] = []
        self._spans: list[tuple[int, int]] = []  # which octets there are; no span touches another

    def put(self, begin: int, octets: bytes) -> None:
        self._pieces.append((begin, octets))
        end, spans = begin + len(octets), self._spans
        first = bisect_left(spans, begin, key=itemgetter(1))
        behind = bisect_right(spans, end, key=itemgetter(0))
        if first < behind:
            begin, end = min(begin, spans[first][0]), max(end, spans[behind - 1][1])
        spans[first:behind] = [(begin, end)]

    @property
    def end(self) -> int:
        return self._spans[-1][1] if self._spans else 0

    @property
    def reached(self) -> int:
        """So many octets there are before the first that is missing."""
        return self._spans[0][1] if self._spans and not self._spans[0][0] else 0

    def joined(self) -> tuple[bytes, bool]:
        """All octets that there are, in order; and whether those that came twice are the same."""
        data, end, agree = bytearray(), 0, True
        for begin, octets in sorted(self._pieces, key=itemgetter(0)):
            again = min(max(end - begin, 0), len(octets))
            at = len(data) - (end - begin)
            agree &= not again or data[at : at + again] == octets[:again]
            data += octets[again:]
            end = max(end, begin + len(octets))
        return bytes(data), agree

    def is_part_of(self, whole: bytes) -> bool:
        return all(whole.startswith(octets, begin) for begin, octets in self._pieces)


class Copy:
    """What was fetched of a message, once; `header` are the octets of its header, if that is known."""

    def __init__(self, header: int | None = None) -> None:
        self.rows: list[int] = []  # that brought the pieces
        self.mosaic = Mosaic()
        self.damaged = False
        self._sections: set[bytes] = set()
        self._limit = _NO_LIMIT  # the message ends there or before
        self.header = header
        self._texts: list[Piece] = []  # until it is: nobody knows where they begin

    def add(self, piece: Piece) -> None:
        self.damaged |= piece.cut
        self._sections.add(piece.section)
        if piece.section == b"TEXT" and self.header is None:
            self._texts.append(piece)
            return
        begin = self._begin(piece)
        end = begin + len(piece.octets)
        if piece.last and piece.section != b"HEADER":
            self._limit = min(self._limit, end)
        if begin == end and begin > 0:
            return
        self.mosaic.put(begin, piece.octets)
        if self.header is None and piece.section == b"HEADER" and piece.last:
            self._begin_text(end)
        elif self.header is None and begin == 0 and (empty_line := _EMPTY_LINE.search(piece.octets)):
            self._begin_text(empty_line.end())

    def is_whole(self, size: int | None) -> bool:
        """Whether nothing is missing, by what is known of the end; `size` is what the server said."""
        reached = self.mosaic.reached
        return self.mosaic.end == reached <= self._limit and reached in (self._limit, size)

    def has(self, piece: Piece) -> bool:
        """Whether all of a piece is there already."""
        return self._begin(piece) + len(piece.octets) <= self.mosaic.reached

    def joined(self) -> bytes | None:
        """Its octets, without those that are missing; None if they are no message."""
        if b"" not in self._sections and not self._sections >= {b"HEADER", b"TEXT"}:
            return None
        if self._texts:  # no piece had all of the header
            front, _ = self.mosaic.joined()
            empty_line = _EMPTY_LINE.search(front, 0, self.mosaic.reached)
            self.damaged |= empty_line is None
            self._begin_text(empty_line.end() if empty_line else self.mosaic.end)
        data, agree = self.mosaic.joined()
        self.damaged |= not agree
        return data

    def _begin(self, piece: Piece) -> int:
        """Where in the message a piece begins."""
        return (piece.origin or 0) + ((self.header or 0) if piece.section == b"TEXT" else 0)

    def _begin_text(self, at: int) -> None:
        self.header, texts, self._texts = at, self._texts, []
        for piece in texts:
            self.add(piece)


@dataclass(slots=True, eq=False)
class Fetched:
    """A message in a mailbox, and what was fetched of it: its octets, or those of BINARY."""

    mailbox: bytes | None
    uid: int | None = None
    size: int | None = None
    copies: tuple[list[Copy], list[Copy]] = field(default_factory=lambda: ([], []))
    whole: dict[bool, bytes] = field(default_factory=dict)  # what came in one literal

    def add(self, index: int, piece: Piece) -> None:
        """A piece that the row `index` brought."""
        if not piece.section and piece.origin is None:
            self.whole[piece.binary] = piece.octets
            return
        copies = self.copies[piece.binary]
        if not copies or (self._is_whole(copies[-1], piece.binary) and copies[-1].has(piece)):
            copies.append(Copy(copies[-1].header if copies else None))
        copies[-1].rows.append(index)
        copies[-1].add(piece)

    def joined(self) -> Iterator[tuple[Copy, bytes]]:
        """The messages that came in pieces; of one that came whole too, no part again."""
        for binary in (False, True):
            known = [self.whole[binary]] if binary in self.whole else []
            for copy in self.copies[binary]:
                data = copy.joined()
                if data is None:
                    continue
                if self._is_whole(copy, binary):
                    known.append(data)
                elif not copy.damaged and any(map(copy.mosaic.is_part_of, known)):
                    continue
                else:
                    copy.damaged = True
                yield copy, data

    def _is_whole(self, copy: Copy, binary: bool) -> bool:
        return copy.is_whole(None if binary else self.size)


class _Session:
    """What the responses on a connection tell of messages."""

    def __init__(self) -> None:
        self.messages: list[Fetched] = []
        self._by_uid: dict[tuple[bytes | None, bytes | None, int | None], Fetched] = {}
        self._by_number: dict[int, Fetched] = {}
        self._numbers: list[int] = []  # the keys of that, sorted
        self._validity: bytes | None = None

    def hear(self, index: int, row: Row, reply: bytes) -> None:
        """The responses of a row."""
        mailbox = row.mailbox
        if row.verb in _SELECTS:
            mailbox, self._validity = mailbox_of(row.argument), None
            self._renumber(0)
        asked = _asked(row.argument or b"")
        for response in frames_of(reply):
            found = _RESPONSE.match(response[0])
            if found is None:
                continue
            number, fetch, validity = found.groups()
            if not fetch:
                self._renumber(int(number or 0))
                self._validity = validity or self._validity
                continue
            uid, size, pieces = _read(response, asked)
            message = self._message(mailbox, int(number), uid)
            message.size = message.size if size is None else size
            for piece in pieces:
                message.add(index, piece)

    def _message(self, mailbox: bytes | None, number: int, uid: int | None) -> Fetched:
        key = (mailbox, self._validity, uid)
        message, here = self._by_uid.get(key), self._by_number.get(number)
        if message is None and here is not None and None in (uid, here.uid):
            message = here
        if message is None:
            message = Fetched(mailbox)
            self.messages.append(message)
        if uid is not None:
            message.uid = uid
            self._by_uid[key] = message
        if here is None:
            insort(self._numbers, number)
        self._by_number[number] = message
        return message

    def _renumber(self, first: int) -> None:
        """From this number on, the messages have other numbers now."""
        at = bisect_left(self._numbers, first)
        for number in self._numbers[at:]:
            del self._by_number[number]
        del self._numbers[at:]


def in_pieces(talk: Talk) -> Iterator[tuple[Fetched, Copy, bytes]]:
    """The messages of a connection that were fetched in pieces: which one, its pieces, its octets."""
    stream = talk.flow.server.data
    columns = map(talk.rows.column, ("verb", "argument", "reply_start", "reply_end"))
    if not any(
        _TELLING.search(argument or b"") if verb else _brings_pieces(stream, begin, end)
        for verb, argument, begin, end in zip(*columns, strict=True)
        if verb in FETCHING
    ):
        return
    session = _Session()
    for index, row in enumerate(talk.rows):
        if row.reply_start >= 0:
            session.hear(index, row, talk.octets("server", (row.reply_start, row.reply_end)))
    for message in session.messages:
        for copy, data in message.joined():
            yield message, copy, data


def _brings_pieces(stream: bytes, start: int, end: int) -> bool:
    """Whether what the server said unasked has pieces that are more than a header."""
    if start < 0 or not _TELLING.search(stream, start, end):
        return False
    return any(_TELLING.search(line) for response in frames_of(stream, start, end) for line in response[::2])


def _asked(argument: bytes) -> Asked:
    asked: Asked = {}
    for section, origin, octets in _ASKED.findall(argument):
        asked.setdefault((section.upper(), int(origin)), set()).add(int(octets))
    return asked


def _read(response: list[bytes], asked: Asked) -> tuple[int | None, int | None, list[Piece]]:
    """UID and RFC822.SIZE, if a FETCH response has them, and the pieces in it."""
    uid = size = None
    pieces = []
    for place, line in enumerate(response[::2]):
        for item in _ITEM.finditer(line):
            if item["uid"]:
                uid = int(item["uid"])
            elif item["size"]:
                size = int(item["size"])
            elif item["item"]:
                octets = re.sub(rb"\\(.)", rb"\1", item["quoted"] or b"")
                if item["literal"]:
                    octets = response[2 * place + 1]
                section = (item["section"] or item["old"] or b"").upper()
                origin = int(item["origin"]) if item["origin"] else None
                cut = len(octets) < int(item["literal"] or 0)
                last = not cut and (origin is None or _is_short(octets, asked.get((section, origin))))
                binary = item["item"][:2].upper() == b"BI"
                pieces.append(Piece(section, origin, octets, last, binary, cut))
    return uid, size, pieces


def _is_short(octets: bytes, asked: set[int] | None) -> bool:
    """Whether a piece is shorter than was asked for, or empty."""
    return not octets or (asked is not None and len(octets) not in asked and len(octets) < max(asked))
