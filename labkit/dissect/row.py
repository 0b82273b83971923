"""What a protocol module yields: one command and its reply, as octets and offsets.

Nothing is decoded and nothing has a time yet: that is joined on by offset when a table is made
(see tables/exchanges.py), so that the pass over the octets stays short.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from labkit.dissect.flaws import Found

Span = tuple[int, int]
FLAWS = 16  # of one reply that are named; garbage may have one in every line


class Reply(NamedTuple):
    """A reply in the server's stream; `status` is None where the octets are no reply or there are none."""

    start: int
    end: int
    status: bytes | None
    text: bytes | None = None
    lines: int = 0
    enhanced: bytes | None = None
    response_code: bytes | None = None
    untagged: int | None = None
    flaws: tuple[Found, ...] = ()


@dataclass(slots=True)
class Row:
    """One command and its reply.

    `start` and `end` are offsets in the client's stream (-1: no command), `reply_start` and
    `reply_end` in the server's (-1: no reply); of the row of a TLS handshake, in the two
    streams of TLS records.  `argument` is whole: `secrets` are the spans of the client's
    stream that a table hides, `echoes` those of the server's that repeat one.  `body` is where a
    chunk or block of data begins in a command that carries one.
    """

    number: int
    state: str
    verb: str | None
    argument: bytes | None
    start: int
    end: int
    status: bytes | None = None
    text: bytes | None = None
    reply_start: int = -1
    reply_end: int = -1
    reply_lines: int = 0
    enhanced: bytes | None = None
    response_code: bytes | None = None
    untagged: int | None = None
    tag: bytes | None = None
    mailbox: bytes | None = None
    secrets: tuple[Span, ...] = ()
    echoes: tuple[Span, ...] = ()
    body: int = -1
    encrypted: bool = False
    flaws: tuple[Found, ...] = ()


Rows = Iterator[Row | None]
"""Rows as they become whole; None: not before more octets come."""
