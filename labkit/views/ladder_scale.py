"""Where each step of a ladder stands: compact, a row for each, or to scale, as far down as time went.

To scale, what several ends said at one instant is spread a little, so that every arrow can be
seen; a silence much longer than what octets need on their way is drawn as a break.
"""

from __future__ import annotations

from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from labkit.views.ladder import Ladder

ROW = 30
SPREAD = 18  # between arrows that leave one place at one instant
SLOPE = 52.0  # how far down an arrow goes that is on its way for the usual time
BREAK = 9  # a silence of more than so many usual times is not drawn in full
BREAK_HEIGHT = 46.0
OPENING = 24


class Place(NamedTuple):
    """How far down the step leaves its sender, and comes to the other end."""

    left: float
    came: float


class Plan(NamedTuple):
    """Places of all steps; where how many µs were left out; and the scale (0: compact)."""

    places: list[Place]
    height: float
    breaks: tuple[tuple[float, int], ...] = ()
    per_second: float = 0


def plan(model: Ladder) -> Plan:
    return _to_scale(model) if model.to_scale else _compact(model)


def _compact(model: Ladder) -> Plan:
    places = [Place(ROW * i + 21.0, ROW * i + 25.0) for i in range(len(model.steps))]
    return Plan(places, ROW * len(model.steps))


def _to_scale(model: Ladder) -> Plan:
    steps = model.steps
    ways = [s.came - s.left for s in steps if s.kind in ("command", "reply") and s.came > s.left]
    usual = median(ways) if ways else 1
    per_us = SLOPE / usual
    events: list[tuple[int, int, int, bool]] = []  # time, arrivals first, step, whether it leaves
    for i, step in enumerate(steps):
        if step.at is not None:
            events += [(step.left, int(step.came != step.left), i, True), (step.came, 0, i, False)]
    events.sort(key=lambda event: (event[0], event[1], event[2], not event[3]))
    left, came = [0.0] * len(steps), [0.0] * len(steps)
    breaks: list[tuple[float, int]] = []
    y, before = 0.0, None
    for at, instant in groupby(events, key=lambda event: event[0]):
        if before is not None and at - before > BREAK * usual:
            breaks.append((10 + y + BREAK_HEIGHT / 3, at - before))
            y += BREAK_HEIGHT
        elif before is not None:
            y += (at - before) * per_us
        arrived: dict[int, int] = {}  # by lifeline
        departed: dict[int, float] = {}
        deepest = y
        for _, _, i, leaves in instant:
            step = steps[i]
            if leaves:
                here = departed.get(step.source, y + SPREAD * max(arrived.get(step.source, 1) - 1, 0))
                if step.kind == "close":
                    here = max([here, *departed.values()]) + OPENING
                elif step.kind == "open" and (step.source in arrived or step.source in departed):
                    here += OPENING
                departed[step.source] = here + (OPENING / 2 if step.kind == "open" else SPREAD)
                left[i] = here
            else:
                here = y + SPREAD * arrived.get(step.target, 0)
                arrived[step.target] = arrived.get(step.target, 0) + (step.kind in ("command", "reply"))
                came[i] = here = max(here, left[i])
            deepest = max(deepest, here + (OPENING / 2 if step.kind == "open" else 0))
        y, before = deepest, at
    for i, step in enumerate(steps):  # what has no time stands where the one before it ends
        if step.at is None:
            left[i] = came[i] = came[i - 1] if i else 0.0
    places = [Place(10 + a, 10 + b) for a, b in zip(left, came, strict=True)]
    return Plan(places, y + 30, tuple(breaks), per_us * 1e6)
