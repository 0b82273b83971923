"""The wire as annotated octets: what is verb, argument, code and text, and how each line ends.

A frame, which is one command or one reply, stands in a bracket; its lines are cut in pieces.py.
A flaw has its caret below the octet at which the dissector found it, and beside it the rule
that is broken.  Rows of one exchange carry its class, so that a selection finds them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

from labkit.views.bytes_draw import html, write
from labkit.views.picture import Picture
from labkit.views.pieces import LETTERS, Cutter, Piece
from labkit.views.rows import Row, rows_of, tables_of
from labkit.views.words import plural

__all__ = ["LETTERS", "annotate"]

_FOLD, _HEAD, _TAIL = 10, 5, 3  # a run of more data lines than this is folded to its head and tail


class Flaw(NamedTuple):
    """Something wrong at an octet of a line."""

    at: int
    name: str
    said: str  # what it means, and the rule


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the view; `place` is where it stands in its frame: first, middle, last or only."""

    offset: int
    sender: str
    connection: int
    exchange: int
    pieces: tuple[Piece, ...]
    begins: bool  # its exchange
    place: str
    flaws: tuple[Flaw, ...] = ()
    folded: str = ""  # in place of pieces: what is left out here

    @property
    def octets(self) -> int:
        return sum(len(piece.data) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Wire:
    """All that the view shows."""

    lines: Sequence[Line]
    alt: str
    note: str = ""
    selected: tuple[int, int] | None = None


def annotate(
    source: Any,
    *,
    connection: int | None = None,
    exchange: int | Iterable[int] | None = None,
    limit: int = 400,
    hex: bool = False,
    selected: tuple[int, int] | None = None,
) -> Picture:
    """The octets of one connection (the first, when not named), or of some of its exchanges.

    `source` is a world, a capture, or a `lines` table; from that table alone only line ends
    are marked.  Beyond `limit` lines the rest is counted and not shown.  `hex` writes the octets as
    numbers beside the text, sixteen in a row; `selected` is a connection and an exchange that stand out.
    """
    if connection is None:
        found = rows_of(source, "lines")
        connection = found[0]["connection"] if found else 0
    lines, exchanges, flaws = tables_of(source, "lines", "exchanges", "flaws", connections={connection})
    if exchange is not None:
        wanted = {exchange} if isinstance(exchange, int) else set(exchange)
        lines, flaws = ([row for row in rows if row["exchange"] in wanted] for rows in (lines, flaws))
    marked = list(_marked(lines, {row["exchange"]: row for row in exchanges}))
    shown = list(_folded(_with_flaws(marked, flaws)))
    rest = len(shown) - limit
    wire = Wire(
        shown[:limit],
        f"The octets of connection {connection}, {plural(len(lines), 'line')}, each part named.",
        f"{plural(rest, 'more line')} not shown" if rest > 0 else "",
        selected,
    )
    return Picture(write(wire, hex), wire.alt, html=html(wire, hex), parts=("bytes",))


def _marked(lines: Sequence[Row], rows: dict[int, Row]) -> Iterator[Line]:
    """The lines, cut; a frame is a run of lines that one side sent in one exchange."""
    cutters: dict[tuple[int, str], Cutter] = {}
    begun: set[int] = set()
    for (number, sender), run in groupby(lines, key=lambda line: (line["exchange"], line["sender"])):
        frame = list(run)
        cutter = cutters.setdefault((number, sender), Cutter(rows.get(number), sender))
        for i, line in enumerate(frame):
            place = ("only" if len(frame) == 1 else "first") if i == 0 else "middle"
            place = "last" if i and i == len(frame) - 1 else place
            begins, cut = number not in begun, cutter.cut(line["raw"])
            begun.add(number)
            yield Line(line["offset"], sender, line["connection"], number, cut, begins, place)


def _with_flaws(lines: list[Line], flaws: Iterable[Row]) -> list[Line]:
    """Each flaw at the line that holds its octet, or at the end of the last line before it."""
    sides: dict[str, list[int]] = {}  # by sender: where its lines stand in `lines`
    for index, line in enumerate(lines):
        sides.setdefault(line.sender, []).append(index)
    offsets = {sender: [lines[i].offset for i in found] for sender, found in sides.items()}
    for row in flaws:
        sender = row["sender"]
        place = bisect_right(offsets.get(sender, []), row["offset"]) - 1
        if place < 0:
            continue
        index = sides[sender][place]
        line = lines[index]
        said = ": ".join(filter(None, [row.get("meaning"), row.get("detail")]))
        said += f" ({row['rfc']})" if row.get("rfc") else ""
        flaw = Flaw(min(row["offset"] - line.offset, line.octets), row["flaw"], said)
        lines[index] = replace(line, flaws=(*line.flaws, flaw))
    return lines


def _folded(lines: Iterable[Line]) -> Iterator[Line]:
    """Long runs of data, shortened; a line with a flaw is always shown."""
    for (is_data, _, _), group in groupby(
        lines, key=lambda line: (_is_data(line) and not line.flaws, line.exchange, line.sender)
    ):
        run = list(group)
        if not is_data or len(run) <= _FOLD:
            yield from run
            continue
        hidden = run[_HEAD:-_TAIL]
        octets = sum(line.octets for line in hidden)
        words = f"… {plural(len(hidden), 'line')} of data, {plural(octets, 'octet')}"
        yield from run[:_HEAD]
        yield replace(hidden[0], pieces=(), begins=False, place="middle", folded=words)
        yield from run[-_TAIL:]


def _is_data(line: Line) -> bool:
    return all(piece.kind in ("data", "dot", "ending") for piece in line.pieces)
