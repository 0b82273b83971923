"""Lines on the wire cut into what their grammar calls them: tag, verb, argument, code, text, data.

Nothing is looked for here that was not found before: where a frame begins and ends, its tag, verb,
status and codes are the dissector's, and stand at known places of a line; how long a
literal is, the grammar's framing tells.  Octets that do not agree with their row stay unmarked.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

from labkit.grammar.framing import literal_size
from labkit.grammar.imap_frames import response_ends_in_text
from labkit.views.rows import Row


class Piece(NamedTuple):
    """Octets of one kind: a key of LETTERS, "ending", or "" for what stands between."""

    kind: str
    data: bytes


LETTERS = {
    "verb": "V",
    "argument": "a",
    "code": "C",
    "detail": "e",
    "text": "t",
    "tag": "g",
    "literal": "n",
    "data": "d",
    "dot": "s",
}
"""The kinds, and the letter that marks each in the text twin."""

MEANINGS = {
    "verb": "the command's word, or the dot that ends a message's data",
    "argument": "what the command is about",
    "code": "the status of the reply",
    "detail": "an enhanced status code, or a response code in brackets",
    "text": "text of the reply",
    "tag": "IMAP's tag, which joins a reply to its command",
    "literal": "announces so many octets of data",
    "data": "a message or a listing",
    "dot": "a dot of the framing: it is taken away, or ends the data",
}
ENDINGS = {b"\r\n": "CRLF", b"\n": "LF", b"\r": "CR"}


class Cutter:
    """Cuts the lines that one side wrote in one exchange, given in their order."""

    def __init__(self, row: Row | None, sender: str) -> None:
        self.row = row
        self._is_client = sender == "client"
        self._first = True
        self._literal = 0  # octets of a literal still to come

    def cut(self, raw: bytes) -> tuple[Piece, ...]:
        """The next line in pieces, its ending the last of them."""
        ending = next((end for end in ENDINGS if raw.endswith(end)), b"")
        body = raw[: len(raw) - len(ending)]
        found = [piece for piece in self._body(body, len(ending)) if piece.data]
        self._first = False
        return (*found, Piece("ending", ending)) if ending else tuple(found)

    def _body(self, body: bytes, behind: int) -> Iterable[Piece]:
        row = self.row
        if row is None:
            return [Piece("", body)]
        if self._literal:
            inside = body[: self._literal]
            rest = body[len(inside) :]
            self._literal -= len(inside)
            if not rest:
                self._literal = max(self._literal - behind, 0)
                return [Piece("data", inside)]
            return [Piece("data", inside), *self._announced("argument" if self._is_client else "text", rest)]
        return self._command(body, row) if self._is_client else self._reply(body, row)

    def _command(self, body: bytes, row: Row) -> Iterable[Piece]:
        verb = (row.get("verb") or "").encode()
        if verb == b"(response)":
            return [Piece("argument", body)]
        if verb == b".":
            return [Piece("verb", body)] if body == b"." else _stuffed(body)
        if not self._first:
            is_done = verb == b"IDLE" and body.upper() == b"DONE"
            return [Piece("verb" if is_done else "data", body)]
        return self._first_line(body, verb, (row.get("tag") or "").encode())

    def _first_line(self, body: bytes, verb: bytes, tag: bytes) -> Iterator[Piece]:
        if tag and body.startswith(tag):
            yield Piece("tag", tag)
            body = yield from _blank(body[len(tag) :])
        if not verb or body[: len(verb)].upper() != verb:
            yield Piece("", body)
            return
        yield Piece("verb", body[: len(verb)])
        rest = yield from _blank(body[len(verb) :])
        yield from self._announced("argument", rest)

    def _reply(self, body: bytes, row: Row) -> Iterable[Piece]:
        status, tag = (row.get("status") or "").encode(), (row.get("tag") or "").encode()
        protocol = row["protocol"]
        if protocol == "pop3" and not self._first:
            return [Piece("dot", body)] if body == b"." else _stuffed(body)
        if protocol != "imap":
            return _status(body, status, row)
        if tag and body.startswith(tag + b" " + status):
            return [Piece("tag", tag), Piece("", b" "), *_status(body[len(tag) + 1 :], status, row)]
        if body[:2] not in (b"* ", b"+ "):
            return [Piece("text", body)]
        said = [Piece("tag", body[:1]), Piece("", b" ")]
        if row.get("verb") is None and body[2:].startswith(status):  # the greeting
            return [*said, *_status(body[2:], status, row)]
        if response_ends_in_text(body):
            return [*said, Piece("text", body[2:])]
        return [*said, *self._announced("text", body[2:])]

    def _announced(self, kind: str, body: bytes) -> list[Piece]:
        """The end of a line, which in IMAP may announce a literal."""
        row = self.row
        found = literal_size(body) if row is not None and row["protocol"] == "imap" else None
        if found is None:
            return [Piece(kind, body)]
        self._literal = found[0]
        at = body.rindex(b"{")
        return [Piece(kind, body[:at]), Piece("literal", body[at:])]


def _status(body: bytes, status: bytes, row: Row) -> Iterator[Piece]:
    if not status or not body.startswith(status):
        yield Piece("text", body)
        return
    yield Piece("code", status)
    body = body[len(status) :]
    yield Piece("", body[:1])
    body = body[1:]
    enhanced, bracketed = (row.get("enhanced") or "").encode(), f"[{row.get('response_code') or ''}]".encode()
    for detail in (enhanced, bracketed if len(bracketed) > 2 else b""):
        if detail and body.startswith(detail):
            yield Piece("detail", detail)
            body = yield from _blank(body[len(detail) :])
    yield Piece("text", body)


def _stuffed(body: bytes) -> list[Piece]:
    """A line of data; a dot at its start is the framing's (RFC 5321 4.5.2, RFC 1939 3)."""
    return [Piece("dot", body[:1]), Piece("data", body[1:])] if body[:1] == b"." else [Piece("data", body)]


def _blank(rest: bytes) -> Generator[Piece, None, bytes]:
    """The spaces that `rest` begins with; what is behind them is the generator's result."""
    behind = rest.lstrip(b" ")
    yield Piece("", rest[: len(rest) - len(behind)])
    return behind
