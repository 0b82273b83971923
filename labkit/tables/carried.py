"""The messages that crossed a connection, rebuilt to the octet.

SMTP: the data behind DATA without its dot-stuffing, or the chunks of BDAT (RFC 3030).  POP3: RETR,
not TOP.  IMAP: the whole message in a FETCH (BODY[], RFC822, BINARY[]) or in several (see
pieces.py), and APPEND.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256

from labkit.dissect.imap import mailbox_of
from labkit.dissect.row import Row
from labkit.grammar.framing import dot_unstuff
from labkit.grammar.imap_frames import frames_of
from labkit.message.fields import decode_words, parse_date
from labkit.message.mime import Part, parse
from labkit.tables.dissected import Talk
from labkit.tables.pieces import FETCHING, in_pieces
from labkit.tables.table import micros

_PATH = re.compile(
    rb"\s*(?:FROM|TO)\s*:\s*(?:<((?:[^\">]++|\"(?:[^\"\\]|\\.)*+\")*+)>?|(\S+))", re.IGNORECASE
)
_WHOLE = re.compile(rb"(?:BODY\[\]|RFC822|BINARY\[\]) ~?\{([0-9]{1,19})\}\r?\n\Z", re.IGNORECASE)
_FETCH = re.compile(rb"\* [0-9]+ FETCH \(", re.IGNORECASE)
_UID = re.compile(rb"[( ]UID ([0-9]{1,10})[) ]", re.IGNORECASE)
_APPENDED = re.compile(
    rb"APPENDUID [0-9]{1,10} ([0-9]{1,10}(?::[0-9]{1,10})?(?:,[0-9]{1,10}(?::[0-9]{1,10})?)*)", re.IGNORECASE
)
_CATENATE = re.compile(rb" CATENATE \(", re.IGNORECASE)
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_POSITIVE = re.compile(rb"\+OK[^\n]*\n")
_LATER_POSITIVE = re.compile(rb"\n\+OK[^\n]*\n")
_LAX_END = re.compile(rb"(\n|\A)\.\r?\n\Z")
_DAMAGED = frozenset(("gap", "truncated", "no-final-dot"))


@dataclass(eq=False)
class Carried:
    """One message, and the exchange that carried it."""

    talk: Talk
    index: int  # of the row that carried it
    data: bytes
    direction: str
    number: int = 0  # among the messages of that exchange
    reverse_path: str | None = None
    recipients: list[int] = field(default_factory=list)  # rows of the RCPTs that were accepted
    mailbox: bytes | None = None
    uid: int | None = None
    damaged: bool = False  # before the row that ends it

    @property
    def row(self) -> Row:
        return self.talk.rows[self.index]

    @property
    def exchange(self) -> int:
        """The number of the row."""
        number: int = self.talk.rows.column("number")[self.index]
        return number

    @property
    def complete(self) -> bool:
        return not self.damaged and not is_damaged(self.talk, self.index)

    @cached_property
    def tree(self) -> Part:
        return parse(self.data)

    @cached_property
    def body_sha256(self) -> str:
        tree = self.tree
        return sha256(memoryview(self.data)[tree.header_end : tree.end]).hexdigest()

    def text_of(self, name: str) -> str | None:
        """A header field for people."""
        value = self._said(name)
        return None if value is None else decode_words(value)

    def date(self) -> int | None:
        """The Date field in µs since the epoch."""
        value = self._said("Date")
        found = None if value is None else parse_date(value)
        return None if found is None else micros(found)

    def _said(self, name: str) -> str | None:
        """What a field says, on one line."""
        value = self.tree.get(name)
        return None if value is None else value.decode("utf-8", "backslashreplace")

    @property
    def trace_id(self) -> str:
        """From what no server changes: its Message-ID, else author, date and subject, and its body."""
        get = self.tree.get
        known = get("Message-ID") or b"\0".join([get(name) or b"" for name in ("From", "Date", "Subject")])
        return sha256(known + b"\0" + self.body_sha256.encode()).hexdigest()[:16]


def is_damaged(talk: Talk, index: int) -> bool:
    """Whether octets of what a row carried are missing."""
    return any([flaw.name in _DAMAGED for flaw in talk.rows.column("flaws")[index]])


def carried(talk: Talk) -> list[Carried]:
    """The messages of one connection, in order."""
    found = {"smtp": _smtp, "pop3": _pop3, "imap": _imap}.get(talk.protocol or "")
    return list(found(talk)) if found else []


def path_of(argument: bytes | None) -> str | None:
    """The address in the argument of MAIL or RCPT, without angle brackets."""
    found = _PATH.match(argument or b"")
    if found is None:
        return None
    return (found[1] if found[1] is not None else found[2]).decode("utf-8", "backslashreplace")


def _smtp(talk: Talk) -> Iterator[Carried]:
    one_sided = not len(talk.flow.server)
    reverse_path: str | None = None
    recipients: list[int] = []
    chunks: list[int] = []  # rows of BDAT
    columns = map(talk.rows.column, ("verb", "status", "argument", "body", "end"))
    for index, (verb, status, argument, body, end) in enumerate(zip(*columns, strict=True)):
        taken = (status or (b"2" if one_sided else b""))[:1] == b"2"
        if verb in ("EHLO", "HELO", "LHLO", "RSET", "STARTTLS") and taken:
            reverse_path, recipients, chunks = None, [], []
        elif verb == "MAIL" and taken:
            reverse_path, recipients, chunks = path_of(argument), [], []
        elif verb == "RCPT" and taken:
            recipients.append(index)
        elif verb == "." and body >= 0:
            yield Carried(
                talk, index, _message(talk.flow.client.data, body, end), "sent", 0, reverse_path, recipients
            )
            recipients = []
        elif verb == "BDAT" and body >= 0:
            chunks.append(index)
            if (argument or b"").upper().rstrip().endswith(b"LAST"):
                yield _of_chunks(talk, chunks, reverse_path, recipients)
                recipients, chunks = [], []
    if chunks:  # the connection or the capture ended before the last one
        yield replace(_of_chunks(talk, chunks, reverse_path, recipients), damaged=True)


def _of_chunks(talk: Talk, chunks: list[int], reverse_path: str | None, recipients: list[int]) -> Carried:
    """The message of several BDATs."""
    rows = [talk.rows[index] for index in chunks]
    data = b"".join(talk.octets("client", (row.body, row.end)) for row in rows)
    damaged = any(is_damaged(talk, index) for index in chunks)
    return Carried(talk, chunks[-1], data, "sent", 0, reverse_path, recipients, damaged=damaged)


def _message(stream: bytes, start: int, end: int) -> bytes:
    """The message in the block `stream[start:end]`, whose final dot may also stand between bare LFs."""
    if not stream.endswith(b"\r\n.\r\n", start, end):
        block = stream[start:end]
        if found := _LAX_END.search(block):
            return dot_unstuff(block[: found.end(1)])
    return dot_unstuff(stream, start, end)


def _pop3(talk: Talk) -> Iterator[Carried]:
    stream = talk.flow.server.data
    columns = map(talk.rows.column, ("verb", "status", "reply_start", "reply_end", "reply_lines"))
    for index, (verb, status, begin, end, lines) in enumerate(zip(*columns, strict=True)):
        if verb not in ("RETR", None) or status != b"+OK":
            continue
        first = _POSITIVE.match(stream, begin, end) or _LATER_POSITIVE.search(stream, begin, end)
        start = first.end() if first else begin
        # Where only the server was captured, a reply that goes on like a message is one.
        if verb == "RETR" or (lines > 1 and _FIELD.match(stream, start, end)):
            yield Carried(talk, index, dot_unstuff(stream, start, end), "retrieved")


def _imap(talk: Talk) -> list[Carried]:
    found: list[Carried] = []
    stream = talk.flow.server.data
    columns = map(talk.rows.column, ("verb", "argument", "body", "reply_start", "reply_end"))
    for index, (verb, argument, body, begin, end) in enumerate(zip(*columns, strict=True)):
        if verb in FETCHING and begin >= 0:
            if stream.find(b"}\r\n", begin, end) >= 0:  # there is a literal
                found += _fetched(talk, index, frames_of(stream, begin, end))
        elif verb == "APPEND" and body >= 0 and not _CATENATE.search(argument or b""):
            found += _appended(talk, index, talk.rows[index])
    if joined := list(in_pieces(talk)):
        numbers = Counter(each.index for each in found)
        for message, copy, data in joined:
            index = copy.rows[-1]
            damaged = copy.damaged or any(is_damaged(talk, each) for each in copy.rows)
            found.append(Carried(talk, index, data, "retrieved", numbers[index], damaged=damaged))
            found[-1].mailbox, found[-1].uid = message.mailbox, message.uid
            numbers[index] += 1
        found.sort(key=lambda each: (each.index, each.number))
    return found


def _fetched(talk: Talk, index: int, responses: Iterable[list[bytes]]) -> Iterator[Carried]:
    number, mailbox = 0, talk.rows.column("mailbox")[index]
    for response in responses:
        if not _FETCH.match(response[0]):
            continue
        uid = next((found for line in response[::2] if (found := _UID.search(line))), None)
        for line, literal in zip(response[::2], response[1::2], strict=False):
            if whole := _WHOLE.search(line):
                message = Carried(talk, index, literal, "retrieved", number, mailbox=mailbox)
                message.uid = int(uid[1]) if uid else None
                message.damaged = len(literal) < int(whole[1])
                yield message
                number += 1


def _appended(talk: Talk, index: int, row: Row) -> Iterator[Carried]:
    literals = next(frames_of(talk.octets("client", (row.start, row.end))), [])[1::2]
    if (row.argument or b"").startswith(b"{"):  # the mailbox's name
        literals = literals[1:]
    uids = _uids_of(row.response_code or b"", len(literals))
    for number, data in enumerate(literals):
        message = Carried(talk, index, data, "appended", number, mailbox=mailbox_of(row.argument))
        message.uid = uids[number] if uids else None
        yield message


def _uids_of(code: bytes, number: int) -> list[int]:
    """The UIDs that APPENDUID tells, in the order of the messages (RFC 4315 3); none if not so many."""
    found = _APPENDED.fullmatch(code)
    ranges = [list(map(int, part.split(b":"))) for part in found[1].split(b",")] if found else []
    if sum(abs(ends[-1] - ends[0]) + 1 for ends in ranges) != number:
        return []
    return [uid for ends in ranges for uid in range(min(ends), max(ends) + 1)]
