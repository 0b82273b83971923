"""A tape, dissected once for all tables: the rows of every flow, with their times."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from labkit.capture.stream import Stream
from labkit.capture.tape import Flow, Tape
from labkit.dissect.dissector import Protocol, dissect
from labkit.dissect.row import Row, Span
from labkit.net.tap import Side

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANY = 2000
"""Offsets from which on numpy is quicker than looking up one by one, its import included."""

_SUBMISSION = frozenset(("submission", "submissions", "smtps"))


@dataclass(slots=True, eq=False)
class Talk:
    """One flow that was dissected."""

    flow: Flow
    protocol: Protocol | None
    rows: list[Row]
    step: str | None
    moments: list[Moments] = field(default_factory=list)  # of each row

    @property
    def number(self) -> int:
        return self.flow.number

    def half(self, row: Row, side: Side) -> Stream:
        """The stream that a row's offsets speak of."""
        stream = self.flow.side(side)
        return stream.tls or stream if row.verb == "TLS" else stream

    def octets(self, side: Side, span: Span) -> bytes:
        return self.flow.side(side).data[span[0] : span[1]]


class Moments(NamedTuple):
    """When a row was seen: µs; and the packets of its first octets."""

    start: int | None
    sent: int | None
    first_reply: int | None
    replied: int | None
    frame: int | None
    reply_frame: int | None

    @property
    def time(self) -> int:
        found = self.start if self.start is not None else self.first_reply
        assert found is not None
        return found


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


def step_of(flow: Flow, protocol: Protocol | None, rows: Sequence[Row]) -> str | None:
    """Which of the five steps a connection serves, where that can be told."""
    connection = flow.connection
    if protocol in ("pop3", "imap"):
        return "access"
    if protocol != "smtp":
        return None
    if connection.service == "lmtp" or any(row.verb == "LHLO" for row in rows):
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
    plain = [
        (talk, row) for talk in talks if talk.protocol != "dns" for row in talk.rows if row.verb != "TLS"
    ]
    quick = iter(_many_moments(tape, plain)) if len(plain) > MANY else None
    for talk in talks:
        talk.moments = [
            moments_of(talk, row)
            if quick is None or talk.protocol == "dns" or row.verb == "TLS"
            else next(quick)
            for row in talk.rows
        ]


def _many_moments(tape: Tape, found: list[tuple[Talk, Row]]) -> list[Moments]:
    """`moments_of` for many rows of streams at once."""
    import numpy as np

    flows = np.array([talk.number for talk, _ in found], np.int64)
    spans: tuple[tuple[Side, list[int], list[int]], ...] = (
        ("client", [row.start for _, row in found], [row.end for _, row in found]),
        ("server", [row.reply_start for _, row in found], [row.reply_end for _, row in found]),
    )
    columns: list[list[int | None]] = []
    frames: list[list[int | None]] = []
    for side, first, behind in spans:
        begins = np.array(first, np.int64)
        ends = np.maximum(np.array(behind, np.int64) - 1, begins)
        absent = (begins < 0).nonzero()[0].tolist()
        for offsets in (begins, ends):
            columns.append(_with_none(tape.times_at(flows, side, offsets), absent))
        if tape.framed:
            frames.append(_with_none(tape.orders_at(flows, side, begins), absent))
        else:
            frames.append([None] * len(found))
    return [Moments(*values) for values in zip(*columns, *frames, strict=True)]


def _with_none(values: NDArray[np.int64], absent: list[int]) -> list[int | None]:
    found: list[int | None] = values.tolist()
    for index in absent:
        found[index] = None
    return found
