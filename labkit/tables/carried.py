"""The messages that crossed a connection, rebuilt to the octet.

SMTP: the data behind DATA without its dot-stuffing, or the chunks of BDAT (RFC 3030).  POP3: RETR,
not TOP.  IMAP: the whole message in a FETCH (BODY[], RFC822, BINARY[]) or in several (see
pieces.py), and APPEND.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
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
from labkit.tables.pieces import in_pieces

_PATH = re.compile(rb"\s*(?:FROM|TO)\s*:\s*(?:<((?:\"(?:[^\"\\]|\\.)*\"|[^\">])*)>?|(\S+))", re.IGNORECASE)
_WHOLE = re.compile(rb"(?:BODY\[\]|RFC822|BINARY\[\]) ~?\{([0-9]{1,19})\}\r?\n\Z", re.IGNORECASE)
_FETCH = re.compile(rb"\* [0-9]+ FETCH \(", re.IGNORECASE)
_UID = re.compile(rb"[( ]UID ([0-9]{1,10})[) ]", re.IGNORECASE)
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
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
    def complete(self) -> bool:
        return not self.damaged and not is_damaged(self.row)

    @cached_property
    def tree(self) -> Part:
        return parse(self.data)

    @cached_property
    def body_sha256(self) -> str:
        return sha256(self.tree.body).hexdigest()

    def text_of(self, name: str) -> str | None:
        """A header field for people."""
        value = self.tree.get(name)
        return None if value is None else decode_words(value)

    def date(self) -> int | None:
        """The Date field in µs since the epoch."""
        from labkit.tables.table import micros

        value = self.tree.get("Date")
        found = None if value is None else parse_date(value.decode("utf-8", "backslashreplace"))
        return None if found is None else micros(found)

    @property
    def trace_id(self) -> str:
        """From what no server changes: its Message-ID, else author, date and subject, and its body."""
        names = ("Message-ID",) if self.tree.get("Message-ID") else ("From", "Date", "Subject")
        known = b"\0".join(self.tree.get(name) or b"" for name in names)
        return sha256(known + b"\0" + self.body_sha256.encode()).hexdigest()[:16]


def is_damaged(row: Row) -> bool:
    """Whether octets of what a row carried are missing."""
    return any(flaw.name in _DAMAGED for flaw in row.flaws)


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
    for index, row in enumerate(talk.rows):
        taken = (row.status or (b"2" if one_sided else b""))[:1] == b"2"
        if row.verb in ("EHLO", "HELO", "LHLO", "RSET", "STARTTLS") and taken:
            reverse_path, recipients, chunks = None, [], []
        elif row.verb == "MAIL" and taken:
            reverse_path, recipients, chunks = path_of(row.argument), [], []
        elif row.verb == "RCPT" and taken:
            recipients.append(index)
        elif row.verb == "." and row.body >= 0:
            data = dot_unstuff(_without_lax_end(talk.octets("client", (row.body, row.end))))
            yield Carried(talk, index, data, "sent", 0, reverse_path, recipients)
            recipients = []
        elif row.verb == "BDAT" and row.body >= 0:
            chunks.append(index)
            if (row.argument or b"").upper().rstrip().endswith(b"LAST"):
                yield _of_chunks(talk, chunks, reverse_path, recipients)
                recipients, chunks = [], []
    if chunks:  # the connection or the capture ended before the last one
        yield replace(_of_chunks(talk, chunks, reverse_path, recipients), damaged=True)


def _of_chunks(talk: Talk, chunks: list[int], reverse_path: str | None, recipients: list[int]) -> Carried:
    """The message of several BDATs."""
    rows = [talk.rows[index] for index in chunks]
    data = b"".join(talk.octets("client", (row.body, row.end)) for row in rows)
    damaged = any(map(is_damaged, rows))
    return Carried(talk, chunks[-1], data, "sent", 0, reverse_path, recipients, damaged=damaged)


def _without_lax_end(block: bytes) -> bytes:
    """A block whose final dot stands between bare LFs, as one that ends in CRLF."""
    if block.endswith(b"\r\n.\r\n"):
        return block
    found = re.search(rb"(\n|\A)\.\r?\n\Z", block)
    if found is None:
        return block
    return block[: found.start()] + found[1] + b".\r\n" if found[1] == b"" else block[: found.end(1)]


def _pop3(talk: Talk) -> Iterator[Carried]:
    for index, row in enumerate(talk.rows):
        if row.verb not in ("RETR", None) or row.status != b"+OK":
            continue
        reply = talk.octets("server", (row.reply_start, row.reply_end))
        first = re.search(rb"^\+OK[^\n]*\n", reply, re.MULTILINE)
        start = first.end() if first else 0
        # Where only the server was captured, a reply that goes on like a message is one.
        if row.verb == "RETR" or (row.reply_lines > 1 and _FIELD.match(reply, start)):
            yield Carried(talk, index, dot_unstuff(reply[start:]), "retrieved")


def _imap(talk: Talk) -> list[Carried]:
    found: list[Carried] = []
    for index, row in enumerate(talk.rows):
        if row.verb in ("FETCH", "UID FETCH", None) and row.reply_start >= 0:
            found += _fetched(talk, index, row)
        elif row.verb == "APPEND" and row.body >= 0 and b"CATENATE" not in (row.argument or b"").upper():
            found += _appended(talk, index, row)
    if joined := list(in_pieces(talk)):
        numbers = Counter(each.index for each in found)
        for message, copy, data in joined:
            index = copy.rows[-1]
            damaged = copy.damaged or any(is_damaged(talk.rows[each]) for each in copy.rows)
            found.append(Carried(talk, index, data, "retrieved", numbers[index], damaged=damaged))
            found[-1].mailbox, found[-1].uid = message.mailbox, message.uid
            numbers[index] += 1
        found.sort(key=lambda each: (each.index, each.number))
    return found


def _fetched(talk: Talk, index: int, row: Row) -> Iterator[Carried]:
    number = 0
    for response in frames_of(talk.octets("server", (row.reply_start, row.reply_end))):
        if not _FETCH.match(response[0]):
            continue
        uid = next((found for line in response[::2] if (found := _UID.search(line))), None)
        for line, literal in zip(response[::2], response[1::2], strict=False):
            if whole := _WHOLE.search(line):
                message = Carried(talk, index, literal, "retrieved", number, mailbox=row.mailbox)
                message.uid = int(uid[1]) if uid else None
                message.damaged = len(literal) < int(whole[1])
                yield message
                number += 1


def _appended(talk: Talk, index: int, row: Row) -> Iterator[Carried]:
    literals = next(frames_of(talk.octets("client", (row.start, row.end))), [])[1::2]
    if (row.argument or b"").startswith(b"{"):  # the mailbox's name
        literals = literals[1:]
    uids = (row.response_code or b"").split(b" ")
    for number, data in enumerate(literals):
        message = Carried(talk, index, data, "appended", number, mailbox=mailbox_of(row.argument))
        if uids[0].upper() == b"APPENDUID" and len(literals) == 1 and uids[-1].isdigit():
            message.uid = int(uids[-1])
        yield message
