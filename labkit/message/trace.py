"""Trace fields: the way of a message, told by those who carried it (RFC 5321 4.4, RFC 5322 3.6.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from labkit.message.dates import format_date, parse_date
from labkit.message.tokens import comment_end, refuse_line_ends, unfold


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
        refuse_line_ends(f"Received {word}", what or "")
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
