"""Rows of a conversation that still goes on: each exchange once it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from labkit.capture import live
from labkit.dissect.dissector import Dissection
from labkit.dissect.exchange import Exchange
from labkit.dissect.row import Sheet
from labkit.tables.dissected import Talk, moments_of, step_of
from labkit.tables.exchanges import exchange


def exchanges(
    source: BinaryIO, notes: list[str], *, name: str = "standard input", secrets: bool = False
) -> Iterator[Exchange]:
    """Each exchange of a pcap or pcapng that grows, as soon as it is whole; at the end those that are not.

    TLS stays closed.  `notes` gets a sentence about what could not be read.  Connections that are over
    are forgotten, so memory holds the open ones.  Raises LabError if it is no capture.
    """
    talks: dict[int, tuple[Dissection, Talk]] = {}
    for flows in live.follow(source, name, notes):
        for flow in flows:
            if flow.number not in talks:
                talks[flow.number] = Dissection(flow), Talk(flow, None, Sheet([]), None)
            yield from advance(*talks[flow.number], secrets)
            if flow.closed:
                del talks[flow.number]
    for dissection, talk in talks.values():
        talk.flow.connection.closed = talk.flow.connection.opened  # nothing more will come
        yield from advance(dissection, talk, secrets)


def advance(dissection: Dissection, talk: Talk, secrets: bool = False) -> Iterator[Exchange]:
    """The exchanges of one flow that have become whole since the last call."""
    for row in dissection.advance():
        talk.protocol = dissection.protocol
        talk.step = step_of(talk.flow, talk.protocol, Sheet([row]))
        talk.rows.append(row)
        assert isinstance(talk.moments, list)
        talk.moments.append(moments_of(talk, row))
        yield exchange(talk, "", len(talk.rows) - 1, secrets)
