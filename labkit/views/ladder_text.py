"""Writes a ladder as lines of text; what stands in it is decided in ladder.py."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from labkit.views.meddled import SIGN
from labkit.views.words import duration, short

if TYPE_CHECKING:
    from labkit.views.ladder import Ladder
    from labkit.views.ladder_steps import Step

_TIME, _COLUMN = 11, {2: 62, 3: 48}
_EMPTY = 6  # empty lines at most for time that passes
_LABEL = 14  # letters of a label that are worth more than the words of a mark
_BODIES = {"open": "·", "missing": "╌", "tls": "═", "close": "✂"}


def write(model: Ladder) -> str:
    """The whole ladder."""
    column = _COLUMN.get(len(model.lifelines), 42)
    places = [_TIME + 14 + column * place for place in range(max(len(model.lifelines), 1))]
    lines = [model.title, ""]
    for attribute in ("role", "name"):
        row = _Line(places[-1] + 28)
        for line, x in zip(model.lifelines, places, strict=False):
            row.centre(x, short(getattr(line, attribute) or "", 26))
        if str(row):
            lines.append(str(row))
    unit = _unit(model) if model.to_scale else 0
    if unit:
        lines.append(f"To scale: an empty line is {duration(unit)}, at most {_EMPTY} of them.")
    before: int | None = None
    for step in model.steps:
        if unit and step.at is not None:
            lines += [str(_life(places))] * min((step.at - (before or step.at)) // unit, _EMPTY)
            before = step.at
        lines.append(_text(model, step, places))
    return "\n".join(lines)


def _unit(model: Ladder) -> int:
    """µs of an empty line: half of the shortest time that passes between two steps."""
    times = sorted({step.at for step in model.steps if step.at is not None})
    return min((b - a for a, b in pairwise(times)), default=0) // 2


def _text(model: Ladder, step: Step, places: list[int]) -> str:
    if step.kind in ("pause", "more"):
        row = _Line(places[-1] + 28)
        row.centre((places[0] + places[-1]) // 2, ("⋮ " if step.kind == "pause" else "") + step.label)
        return str(row)
    row = _life(places)
    row.put(0, model.when(step).rjust(_TIME))
    left, right = sorted((places[step.source], places[step.target]))
    row.put(left + 1, _BODIES.get(step.kind, "─") * (right - left - 1))
    forth = step.target > step.source
    if step.lost:
        row.put(right - 9 if forth else left + 1, "✗        ")
    elif step.kind in ("command", "reply", "tls"):
        row.put(right - 1 if forth else left + 1, ">" if forth else "<")
    if step.kind == "tls":
        row.put(left + 1 if forth else right - 1, "<" if forth else ">")
    if model.selected is not None and model.selected == (step.connection, step.exchange):
        row.put(_TIME + 1, "▸")
    room = right - left - 7
    flaws = marks(step, room)
    row.centre((left + right) // 2, f" {short(step.label, room - len(flaws))}{flaws} ")
    notes = "; ".join(_notes(step))
    return f"{row!s:{places[-1] + 2}}{notes}" if notes else str(row)


def marks(step: Step, room: int) -> str:
    """What stands behind a label: that something is wrong, or the work of a fault; in brief if need be."""
    flaws = f"  ⚠ {', '.join(step.flaws)}" if step.flaws else ""
    if not step.meddled:
        return flaws
    whole = f"{flaws}  {SIGN} {step.meddled} by a fault"
    return whole if len(whole) + min(len(step.label), _LABEL) <= room else f"{flaws}  {SIGN} a fault"


def _notes(step: Step) -> Iterator[str]:
    """What stands at the right of a step."""
    if step.encrypted:
        yield "TLS"
    if step.waited is not None:
        yield ("late, " if step.late else "") + f"after {duration(step.waited)}"
    if step.kind == "command" and step.in_flight > 1:
        yield f"{step.in_flight} in flight"


def _life(places: list[int]) -> _Line:
    row = _Line(places[-1] + 1)
    for x in places:
        row.put(x, "│")
    return row


class _Line:
    """A line of text that is written by position."""

    def __init__(self, width: int) -> None:
        self.letters = [" "] * width

    def put(self, at: int, text: str) -> None:
        self.letters[at : at + len(text)] = text

    def centre(self, at: int, text: str) -> None:
        self.put(max(at - len(text) // 2, 0), text)

    def __str__(self) -> str:
        return "".join(self.letters).rstrip()
