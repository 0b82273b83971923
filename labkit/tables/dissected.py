"""A tape, dissected once for all tables: the rows of every flow, with their times."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from labkit.capture.stream import Stream
from labkit.capture.tape import Flow, Tape
from labkit.dissect.dissector import dissect
from labkit.dissect.row import Row, Sheet, Span
from labkit.dissect.whole import Protocol
from labkit.net.tap import Side
from labkit.tables.arrays import packed
from labkit.tables.moments import ABSENT, Moments, Times

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANY = 500
"""Rows from which on numpy is quicker than looking up one by one."""

_SUBMISSION = frozenset(("submission", "submissions", "smtps"))


@dataclass(slots=True, eq=False)
class Talk:
    """One flow that was dissected."""

    flow: Flow
    protocol: Protocol | None
    rows: Sheet
    step: str | None
    moments: list[Moments] | Times = field(default_factory=list)  # of each row

    @property
    def number(self) -> int:
        return self.flow.number

    def half(self, row: Row, side: Side) -> Stream:
        """The stream that a row's offsets speak of."""
        stream = self.flow.side(side)
        return stream.tls or stream if row.verb == "TLS" else stream

    def octets(self, side: Side, span: Span) -> bytes:
        return self.flow.side(side).data[span[0] : span[1]]


def dissected(tape: Tape) -> list[Talk]:
    """Every flow of the tape, in order."""
    talks = []
    with not_collecting():
        for flow in tape:
            protocol, rows = dissect(flow)
            talks.append(Talk(flow, protocol, rows, step_of(flow, protocol, rows)))
        _join_times(tape, talks)
    return talks


@contextmanager
def not_collecting() -> Iterator[None]:
    """Rows are many, all are kept, and none is in a cycle: looking for garbage among them costs a quarter."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def step_of(flow: Flow, protocol: Protocol | None, rows: Sheet) -> str | None:
    """Which of the five steps a connection serves, where that can be told."""
    connection = flow.connection
    if protocol in ("pop3", "imap"):
        return "access"
    if protocol != "smtp":
        return None
    if connection.service == "lmtp" or "LHLO" in rows.column("verb"):
        return "deliver"
    if connection.service == "smtp" or connection.server_port == 25:
        return "relay"  # also from a host that hands its mail to nobody but the recipient's server
    submitted = connection.service in _SUBMISSION or connection.server_port in (465, 587)
    return "submit" if submitted or connection.client_role == "sender's host" else None


def moments_of(talk: Talk, row: Row) -> Moments:
    """When one row was seen."""
    flow = talk.flow
    if talk.protocol == "dns":
        asked = flow.datagrams[row.start] if row.start >= 0 else None
        answered = flow.datagrams[row.reply_start] if row.reply_start >= 0 else None
        sent, replied = asked and asked.time, answered and answered.time
        return Moments(sent, sent, replied, replied, asked and asked.frame, answered and answered.frame)
    client, server = talk.half(row, "client"), talk.half(row, "server")
    start = sent = first = replied = frame = reply_frame = None
    if row.start >= 0 and len(client):
        start, sent = client.time_at(row.start), client.time_at(max(row.end - 1, row.start))
        frame = client.frame_at(row.start)
    elif row.start >= 0:  # TLS whose records nobody saw
        start = sent = flow.connection.opened
    if row.reply_start >= 0 and len(server):
        first, replied = (
            server.time_at(row.reply_start),
            server.time_at(max(row.reply_end - 1, row.reply_start)),
        )
        reply_frame = server.frame_at(row.reply_start)
    if start is None and first is None:
        start = flow.connection.opened
    return Moments(start, sent, first, replied, frame, reply_frame)


def _join_times(tape: Tape, talks: list[Talk]) -> None:
    """Look up when the rows were seen: one by one where they are few, in columns where they are many."""
    if sum(len(talk.rows) for talk in talks) < MANY:
        for talk in talks:
            talk.moments = [moments_of(talk, row) for row in talk.rows]
        return
    columns = _many_moments(tape, talks)
    behind = 0
    for talk in talks:
        begin, behind = behind, behind + len(talk.rows)
        talk.moments = Times(columns[:, begin:behind])


def _many_moments(tape: Tape, talks: list[Talk]) -> NDArray[np.int64]:
    """`moments_of` for the rows of all flows of a tape at once, as the columns of Times."""
    import numpy as np

    counts = [len(talk.rows) for talk in talks]
    flows = np.repeat(np.arange(len(talks), dtype=np.int64), counts)
    found = np.full((len(Moments._fields), len(flows)), ABSENT, np.int64)
    spans: tuple[tuple[Side, str, str], ...] = (
        ("client", "start", "end"),
        ("server", "reply_start", "reply_end"),
    )
    for place, (side, first, behind) in enumerate(spans):
        begins = packed(column(talks, first))
        ends = np.maximum(packed(column(talks, behind)) - 1, begins)
        there = begins >= 0
        found[2 * place, there], frames = tape.seen_at(flows[there], side, begins[there])
        found[2 * place + 1, there], _ = tape.seen_at(flows[there], side, ends[there])
        if tape.framed:
            found[4 + place, there] = frames
    odd = np.array([talk.protocol == "dns" or "TLS" in talk.rows.column("verb") for talk in talks], bool)
    unseen = (found[0] == ABSENT) & (found[2] == ABSENT)
    first_of = np.cumsum([0, *counts])
    for index in np.flatnonzero(odd[flows] | unseen).tolist():
        talk = talks[flows[index]]
        row = talk.rows[index - first_of[flows[index]]]
        found[:, index] = Times.of([moments_of(talk, row)]).columns[:, 0]
    return found


def column(talks: Sequence[Talk], name: str) -> list[Any]:
    """A field of all rows of all talks."""
    return list(chain.from_iterable([talk.rows.column(name) for talk in talks]))
