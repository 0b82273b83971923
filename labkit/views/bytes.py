"""The wire as annotated octets: what is verb, argument, code and text, and how each line ends.

A frame, which is one command or one reply, stands in a bracket; its lines are cut in pieces.py.
A flaw has its caret below the octet at which the dissector found it, and beside it the rule
that is broken; what a fault did to a line stands below it in the same way.  Rows of one exchange
carry its class, so that a selection finds them, and its numbers, so that a click is understood.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, NamedTuple

from labkit.tables.dissected import not_collecting
from labkit.views.bytes_draw import CARET, html, write
from labkit.views.meddled import SIGN, Mark, meddled
from labkit.views.picture import Picture
from labkit.views.pieces import LETTERS, Cutter, Piece
from labkit.views.rows import Row, numbers, rows_of, tables_of
from labkit.views.words import plural

__all__ = ["LETTERS", "annotate"]

_FOLD, _HEAD, _TAIL = 10, 5, 3  # a run of more data lines than this is folded to its head and tail


class Note(NamedTuple):
    """Something to be said at an octet of a line: a flaw, or the work of a fault."""

    at: int
    sign: str
    name: str
    said: str  # of a flaw: what it means, and the rule


class Line(NamedTuple):
    """One line of the view; `place` is where it stands in its frame: first, middle, last or only."""

    offset: int
    sender: str
    connection: int
    exchange: int
    pieces: tuple[Piece, ...]
    begins: bool  # its exchange
    place: str
    octets: int
    named: bool = False  # its exchange is another than that of the line above
    notes: Sequence[Note] = ()
    folded: str = ""  # in place of pieces: what is left out here
    lines: int = 1  # for which it stands


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
    fold: bool = True,
    selected: tuple[int, int] | None = None,
) -> Picture:
    """The octets of one connection (the first, when not named), or of some of its exchanges.

    `source` is a world, a capture, or a `lines` table; from that table alone only line ends
    are marked.  Beyond `limit` lines the rest is counted and not shown.  `hex` writes the octets as
    numbers beside the text, sixteen in a row; without `fold` long data is shown whole; `selected` is a
    connection and an exchange that stand out.
    """
    if connection is None:
        found = rows_of(source, "lines")
        connection = found[0]["connection"] if found else 0
    lines, exchanges, flaws = tables_of(source, "lines", "exchanges", "flaws", connections={connection})
    marks: Iterable[Mark] = meddled(source, {connection}).marks
    if exchange is not None:
        wanted = numbers(exchange, "an exchange")
        lines, flaws = ([row for row in rows if row["exchange"] in wanted] for rows in (lines, flaws))
        marks = [mark for mark in marks if mark.exchange in wanted]
    with not_collecting():
        marked = _marked(lines, {row["exchange"]: row for row in exchanges}, _notes(lines, flaws, marks))
        shown = list(islice(_folded(marked) if fold else marked, limit))
        rest = len(lines) - sum(line.lines for line in shown)
        wire = Wire(
            shown,
            f"The octets of connection {connection}, {plural(len(lines), 'line')}, each part named.",
            f"{plural(rest, 'more line')} not shown" if rest > 0 else "",
            selected,
        )
        return Picture(write(wire, hex), wire.alt, html=html(wire, hex), parts=("bytes",))


def _marked(
    lines: Sequence[Row], rows: Mapping[int, Row], notes: Mapping[int, Sequence[Note]]
) -> Iterator[Line]:
    """The lines, cut; a frame is a run of lines that one side sent in one exchange."""
    cutters: dict[tuple[int, str], Cutter] = {}
    begun: set[int] = set()
    index, above = 0, None
    for (number, sender), run in groupby(lines, key=lambda line: (line["exchange"], line["sender"])):
        frame = list(run)
        last = len(frame) - 1
        cutter = cutters.setdefault((number, sender), Cutter(rows.get(number), sender))
        for i, line in enumerate(frame):
            place = ("first" if i == 0 else "last" if i == last else "middle") if last else "only"
            raw, begins = line["raw"], number not in begun
            yield Line(
                line["offset"], sender, line["connection"], number, cutter.cut(raw), begins, place,
                len(raw), number != above, notes.get(index, ()),
            )  # fmt: skip
            begun.add(number)
            above = number
            index += 1


def _notes(lines: Sequence[Row], flaws: Iterable[Row], marks: Iterable[Mark]) -> dict[int, list[Note]]:
    """What is to be said, by the line that holds its octet; or the last line before it of that side."""
    sides: dict[str, list[int]] = {}  # by sender: where its lines stand in `lines`
    ends: dict[int, int] = {}  # by exchange: where its last line stands
    found: dict[int, list[Note]] = {}

    def put(sender: str, offset: int, exchange: int | None, note: Note) -> None:
        mine = sides.get(sender, [])
        place = bisect_right(mine, offset, key=lambda index: lines[index]["offset"]) - 1
        index = mine[place] if place >= 0 else None
        if exchange is not None and (index is None or lines[index]["exchange"] != exchange):
            index, offset = ends.get(exchange), 1 << 60  # nothing of it is there: behind what is
        if index is not None:
            at = min(offset - lines[index]["offset"], len(lines[index]["raw"]))
            found.setdefault(index, []).append(note._replace(at=at))

    for index, line in enumerate(lines):
        sides.setdefault(line["sender"], []).append(index)
        ends[line["exchange"]] = index
    for row in flaws:
        said = ": ".join(filter(None, [row.get("meaning"), row.get("detail")]))
        said += f" ({row['rfc']})" if row.get("rfc") else ""
        put(row["sender"], row["offset"], None, Note(0, CARET, row["flaw"], said))
    for mark in marks:
        put(mark.sender, mark.offset, mark.exchange, Note(0, SIGN, mark.name, mark.detail))
    return found


def _folded(lines: Iterable[Line]) -> Iterator[Line]:
    """Long runs of data, shortened; a line of which something is to be said is always shown."""
    for (is_data, _, _), group in groupby(
        lines, key=lambda line: (not line.notes and _is_data(line), line.exchange, line.sender)
    ):
        if not is_data:
            yield from group
            continue
        run = list(group)
        if len(run) <= _FOLD:
            yield from run
            continue
        hidden = run[_HEAD:-_TAIL]
        octets = sum(line.octets for line in hidden)
        words = f"… {plural(len(hidden), 'line')} of data, {plural(octets, 'octet')}"
        yield from run[:_HEAD]
        yield hidden[0]._replace(
            pieces=(), begins=False, named=False, place="middle", folded=words, lines=len(hidden)
        )
        yield from run[-_TAIL:]


_DATA = frozenset({"data", "dot", "ending"})


def _is_data(line: Line) -> bool:
    return _DATA.issuperset([piece.kind for piece in line.pieces])
