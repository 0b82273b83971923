"""Octets missing anywhere: rows say so, and what stands behind is read as if they were there."""

from __future__ import annotations

import random
from typing import Any

import pytest
from support.sessions import SESSIONS

from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import Flow
from labkit.dissect.dissector import dissect
from labkit.net.tap import Connection


def without(port: int, side: str, start: int, end: int) -> Flow:
    """The session, but the octets of one side from `start` up to `end`."""
    flow = Flow(
        0, 0, Connection(0, "tcp", "192.0.2.1", 4000, "192.0.2.2", port, 0, closed=1), Stream(), Stream()
    )
    place = {"C": 0, "S": 0}
    for order, (who, octets) in enumerate(SESSIONS[port], 1):
        stream = flow.client if who == "C" else flow.server
        first, place[who] = place[who], place[who] + len(octets)
        if who != side:
            stream.append(octets, order, order)
            continue
        stream.append(octets[: max(0, start - first)], order, order)
        if first <= start < place[who]:
            stream.gaps.append(Gap(len(stream), end - start))
        stream.append(octets[max(0, end - first) :], order, order)
    return flow


def told(rows: Any) -> list[tuple[str | None, bytes | None]]:
    return [(row.verb, row.status) for row in rows]


@pytest.mark.parametrize("length", [1, 2, 5, 20, 60, 130])
@pytest.mark.parametrize("port", SESSIONS)
def test_missing_replies(port: int, length: int) -> None:
    """All rows but those of the gap are those of the whole session."""
    whole_flow = without(port, "C", -1, -1)
    whole = dissect(whole_flow)[1]
    size, draw = len(whole_flow.server), random.Random(length)
    for start in (draw.randrange(1, size - length) for _ in range(60)):
        rows = dissect(without(port, "S", start, start + length))[1]
        assert "gap" in [flaw.name for row in rows for flaw in row.flaws]
        order = whole_flow.server.order_at(start + length)
        behind = [row for row in whole if row.start >= 0 and whole_flow.client.order_at(row.start) > order]
        asked = [row for row in rows if row.verb is not None]  # without replies whose tag is damaged
        assert told(asked)[len(asked) - len(behind) :] == told(behind), start
        before = [row for row in whole if 0 <= row.reply_end <= start]
        assert told(rows)[: len(before)] == told(before)


@pytest.mark.parametrize("length", [1, 2, 5, 20, 60, 300])
@pytest.mark.parametrize("port", SESSIONS)
def test_missing_commands(port: int, length: int) -> None:
    """No reply goes to a command that was sent later, and the dissection recovers at the next command."""
    whole_flow = without(port, "S", -1, -1)
    whole = dissect(whole_flow)[1]
    size, draw = len(whole_flow.client), random.Random(length)
    last = whole[-1].start
    for start in (draw.randrange(1, max(last - length - 10, 2)) for _ in range(60)):
        flow = without(port, "C", start, min(start + length, last - 3, size))
        rows = dissect(flow)[1]
        assert "gap" in [flaw.name for row in rows for flaw in row.flaws]
        assert told(rows)[-1] == told(whole)[-1] or port == 143
        assert told(whole)[-1] in told(rows)
        for row in rows:
            if row.verb and row.verb != "." and row.reply_start >= 0:
                assert flow.server.order_at(row.reply_end - 1) > flow.client.order_at(row.start)


def test_a_message_whose_go_ahead_is_missing_is_one() -> None:
    server = b"".join(octets for who, octets in SESSIONS[25] if who == "S")
    start = server.index(b"354")
    rows = dissect(without(25, "S", start, start + 11))[1]
    assert told(rows)[4:7] == [("DATA", None), (".", b"250"), ("MAIL", b"250")]
    assert [flaw.name for flaw in rows[4].flaws] == ["gap"]


def test_many_gaps_take_the_time_of_as_many_rows() -> None:
    """Each command asks for the gaps around it, not for all of them: this took a minute."""
    flow = Flow(
        0, 0, Connection(0, "tcp", "192.0.2.1", 4000, "192.0.2.2", 143, 0, closed=1), Stream(), Stream()
    )
    flow.server.append(b"* OK\r\n", 0, 0)
    for order in range(1, 10_000):
        flow.client.append(b"a NOOP\r\n", 2 * order, 2 * order)
        flow.server.gaps.append(Gap(len(flow.server), 3))
        flow.server.append(b"OK\r\n", 2 * order + 1, 2 * order + 1)
    assert [row.verb for row in dissect(flow)[1]].count("NOOP") == 9_999
