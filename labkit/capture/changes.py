"""What faults did to octets on their way, for the end from which a tape is read.

A fault leaves two marks in the tap: what was written and did not arrive so, and what arrived and
nobody wrote.  Both together are one change; a line that is the same before and behind the
fault is no part of it.  Only a live capture knows: a file holds what was seen, not why.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import NamedTuple

from labkit.capture.tape import Tape
from labkit.net.tap import Connection, Side, Tap

_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


class Change(NamedTuple):
    """Octets of one side that did not arrive as they were written; one of the two may be empty.

    `own`: the tape's end wrote them, and that side's stream holds them as written; else it holds
    what arrived.  `offset` is their place there; if it has none of them, they are missing before it.
    """

    flow: int
    sender: Side
    own: bool
    offset: int
    time: int  # µs
    written: bytes
    arrived: bytes


class _Run(NamedTuple):
    """Records that one fault touched, one behind the other."""

    first: int  # index of the record
    time: int
    written: bytes
    arrived: bytes


def changes(tape: Tape) -> Iterator[Change]:
    """Every change that faults made, flow by flow; none on a tape out of a file."""
    tap = tape._tap
    if tap is None:
        return
    for (number, sender), indexes in sorted(_concerned(tap).items()):
        if number >= len(tape.flows) or tape.flows[number].connection.transport == "udp":
            continue
        stream, own = tape.flows[number].side(sender), sender == tape._vantage
        for run in _runs(indexes, tap, tap.connections[number]):
            place = bisect_left(stream.orders, run.first)
            offset = stream.starts[place] if place < len(stream.starts) else len(stream)
            for at, written, arrived in _by_lines(run, own):
                yield Change(number, sender, own, offset + at, run.time, written, arrived)


def broken(tape: Tape) -> frozenset[int]:
    """The flows that a fault refused, left unanswered, cut or ended."""
    return frozenset(tape._tap.broken) if tape._tap is not None else frozenset()


def _concerned(tap: Tap) -> dict[tuple[int, Side], list[int]]:
    """The readable records of every connection that a fault touched, by their sender."""
    numbers = {tap.records[index].connection for index in tap.stopped} | tap.broken
    found: dict[tuple[int, Side], list[int]] = {}
    for index, record in enumerate(tap.records) if numbers else ():
        if record.connection in numbers and record.layer != "tls":
            found.setdefault((record.connection, record.sender), []).append(index)
    return found


def _runs(indexes: Iterable[int], tap: Tap, connection: Connection) -> Iterator[_Run]:
    is_broken = connection.number in tap.broken
    run: _Run | None = None
    for index in indexes:
        record = tap.records[index]
        is_lost = index in tap.stopped or (is_broken and record.arrived is None)
        if run is not None and not run.arrived and not is_lost and _is_substitute(tap, index):
            run = run._replace(arrived=record.data)
            continue
        if run is not None and (record.sent is not None and (not is_lost or run.arrived)):
            yield run
            run = None
        if record.sent is not None and not is_lost:
            continue
        time = record.sent if record.sent is not None else record.arrived or 0
        run = run or _Run(index, time, b"", b"")
        if is_lost:
            run = run._replace(written=run.written + record.data)
        else:
            run = run._replace(arrived=run.arrived + record.data)
    if run is not None and (run.arrived or connection.closed is not None):  # else it is only held back
        yield run


def _is_substitute(tap: Tap, index: int) -> bool:
    """Whether a record, behind one of the same side that was stopped, is what a fault sent in its place.

    On real sockets between two hosts of the lab only the client's end takes notes: what the
    server's end put in place of its own octets comes in next, and looks like any other.
    """
    record = tap.records[index]
    if record.sender == "client" or record.sent != record.arrived:
        return False
    number = record.connection
    before = next(i for i in range(index - 1, -1, -1) if tap.records[i].connection == number)
    return before in tap.stopped


def _by_lines(run: _Run, own: bool) -> Iterator[tuple[int, bytes, bytes]]:
    """The lines that differ, each with its offset among those that the tape's end has."""
    written, arrived = _LINE.findall(run.written), _LINE.findall(run.arrived)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(written, arrived, strict=False)))
    at = sum(map(len, written[:same]))
    written, arrived = written[same:], arrived[same:]
    while written and arrived and written[-1] == arrived[-1]:
        del written[-1], arrived[-1]
    if len(written) != len(arrived):
        yield at, b"".join(written), b"".join(arrived)
        return
    for one, other in zip(written, arrived, strict=True):
        if one != other:
            yield at, one, other
        at += len(one if own else other)
