"""Which lines of a conversation are the work of a fault, and what they were before it or behind it.

A live capture knows what was written and what arrived (see capture/changes.py); here each
change finds its exchange and its words.  What the tables hide as a secret stays hidden.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from labkit.capture.changes import Change, broken, changes
from labkit.capture.tape import Tape
from labkit.views.rows import Row, tables_of
from labkit.views.words import plural, short, visible

SIGN = "✎"
"""What a fault did is told by this sign and a word."""

_LENGTH = 60  # letters of what stood there, or arrived


class Mark(NamedTuple):
    """What a fault did at an octet of what `sender` said: in a word, and what it was before or behind it."""

    connection: int
    exchange: int
    sender: str
    offset: int
    word: str  # changed, lost, put in, taken away
    detail: str
    octets: int = 0  # of it that the view shows

    @property
    def name(self) -> str:
        return f"{self.word} by a fault"


class Meddled(NamedTuple):
    """The work of faults: lines, and connections that were refused, left unanswered, cut or ended."""

    marks: Sequence[Mark] = ()
    broken: Collection[int] = ()


def meddled(source: Any, connections: Collection[int] | None = None) -> Meddled:
    """What faults did on these connections; nothing where the source, a file or a table, cannot know."""
    capture = getattr(source, "capture", source)
    tape = getattr(capture, "tape", None)
    if not isinstance(tape, Tape):
        return Meddled()
    found = [each for each in changes(tape) if connections is None or each.flow in connections]
    numbers = {each.flow for each in found}
    lines, rows = tables_of(capture, "lines", "exchanges", connections=numbers) if found else ([], [])
    sides: dict[tuple[int, str], list[Row]] = {}
    for line in lines:
        sides.setdefault((line["connection"], line["sender"]), []).append(line)
    talks: dict[int, list[Row]] = {}
    for row in rows:
        talks.setdefault(row["connection"], []).append(row)
    secrets = getattr(capture, "secrets", False)
    marks = [
        _mark(each, sides.get((each.flow, each.sender), []), talks.get(each.flow, []), secrets)
        for each in found
    ]
    return Meddled(marks, broken(tape))


def _mark(change: Change, lines: Sequence[Row], rows: Sequence[Row], secrets: bool) -> Mark:
    """`lines` are those of its connection and sender, `rows` the exchanges of its connection."""
    here, other = (change.written, change.arrived) if change.own else (change.arrived, change.written)
    place = bisect_right(lines, change.offset if here else change.offset - 1, key=lambda row: row["offset"])
    exchange = lines[place - 1]["exchange"] if place else 0
    if not here:
        exchange = _waiting(rows, change) or exchange
    hidden = change.sender == "client" and not secrets
    hidden = hidden and (not change.own or not _are_shown(lines, max(place - 1, 0), change.offset, here))
    words = "something else" if hidden else _quoted(other)
    if not here:
        word, detail = "put in" if change.own else "taken away", words
    elif not other:
        word, detail = ("lost", "it never arrived") if change.own else ("put in", "nobody wrote it")
    else:
        word, detail = "changed", f"{words} arrived" if change.own else f"the {change.sender} wrote {words}"
    offset = change.offset if here else max(change.offset - 1, 0)
    return Mark(change.flow, exchange, change.sender, offset, word, detail, len(here))


def _waiting(rows: Sequence[Row], change: Change) -> int | None:
    """The last exchange begun before a reply was lost, if it is still without one."""
    begun = bisect_right(rows, change.time, key=lambda row: row["time"])
    is_lost = change.sender == "server" and begun and rows[begun - 1]["outcome"] == "unanswered"
    return rows[begun - 1]["exchange"] if is_lost else None


def _are_shown(lines: Sequence[Row], place: int, offset: int, octets: bytes) -> bool:
    """Whether the table, from that line on, shows these octets as they are, without a secret among them."""
    begin = offset - lines[place]["offset"] if lines else 0
    known = b""
    while len(known) < begin + len(octets) and place < len(lines):
        known += lines[place]["raw"]
        place += 1
    return known[begin : begin + len(octets)] == octets


def _quoted(octets: bytes) -> str:
    first, end, rest = octets.partition(b"\n")
    words = short(visible((first + end).decode("utf-8", "backslashreplace")), _LENGTH)
    more = rest.count(b"\n") + bool(rest and not rest.endswith(b"\n"))
    return f"“{words}”" + (f" and {plural(more, 'line')} more" if more else "")
