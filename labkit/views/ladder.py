"""The sequence diagram of a connection, or of a journey with several devices.

Time runs down: compact, one row per thing that happened, or to scale, so that latency is seen
as slope.  Commands that were sent before the reply to the one before stand above that reply,
and a bar at the client's line lasts as long as a command waits, so pipelining is seen as it was.
What went under TLS is shaded and named, a message's data is folded into one arrow, flaws are
named, and so are faults as far as a capture shows them: a reply that never came, one that
kept the client waiting, a connection that was cut, refused or not answered.  A live capture knows
more: what a fault changed, lost or put in is marked as its work.

A capture knows when its own end sent and received, not when the other did: how long octets are
on their way is taken to be half of the quickest reply between the two hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from labkit.errors import LabError
from labkit.tables.dissected import not_collecting
from labkit.views.ends import SIDES, Device, devices_of, ends_of
from labkit.views.ladder_draw import draw
from labkit.views.ladder_steps import Step, steps_of
from labkit.views.ladder_text import write
from labkit.views.meddled import Meddled, meddled
from labkit.views.picture import Picture
from labkit.views.rows import Row, numbers, tables_of, to_rows
from labkit.views.words import clock, duration, listing, plural, protocol_name, weekday

PAUSE = 10_000_000
"""µs; a longer silence is said in words between the steps."""

MINUTE = 60_000_000
Scale = Literal["compact", "time"]


@dataclass(frozen=True, slots=True)
class Wait:
    """From a command to its reply: positions of both steps, and which of several waits beside each other."""

    command: int
    reply: int
    lane: int


@dataclass(frozen=True, slots=True)
class Ladder:
    title: str
    lifelines: Sequence[Device]
    steps: Sequence[Step]
    waits: Sequence[Wait] = ()
    to_scale: bool = False
    start: int = 0  # µs: of the first step
    end: int = 0  # µs: of the last
    selected: tuple[int, int] | None = None

    def when(self, step: Step) -> str:
        """Seconds since the first step; the clock's time when all takes longer than a minute."""
        if step.at is None:
            return ""
        brief = self.end - self.start < MINUTE
        return f"{(step.at - self.start) / 1e6:.3f} s" if brief else clock(step.at, 2)


def ladder(
    source: Any,
    connections: Any = None,
    *,
    connection: int | Iterable[int] | None = None,
    title: str | None = None,
    limit: int = 300,
    scale: Scale = "compact",
    selected: tuple[int, int] | None = None,
) -> Picture:
    """The ladder of a world, a capture or an `exchanges` table.

    `connections` is the table of that name when `source` is only a table of exchanges; without
    it the ends are called client and server.  `connection` picks one or several; beyond `limit`
    exchanges the rest is counted and not drawn.  `scale="time"` draws time to scale, with
    breaks where nothing happens for long.  `selected` is a connection and an exchange that stand out.
    """
    wanted = None
    if connection is not None:
        wanted = numbers(connection, "a connection")
    if scale not in get_args(Scale):
        raise LabError(f"a ladder has the scale {' or '.join(get_args(Scale))}, not {scale!r}")
    exchanges, known, lookups, flaws = tables_of(
        source, "exchanges", "connections", "lookups", "flaws", connections=wanted
    )
    ends = ends_of(known if connections is None else to_rows(connections, wanted), lookups)
    with not_collecting():
        model = _model(exchanges, ends, flaws, title, limit, meddled(source, wanted))
        model = replace(model, to_scale=scale == "time", selected=selected)
        alt = _alt(model, exchanges)
        return Picture(text=write(model), alt=alt, svg=draw(model, alt), parts=("svg", "ladder"))


def _model(
    exchanges: list[Row],
    ends: dict[int, Row],
    flaws: Iterable[Row],
    title: str | None,
    limit: int,
    faults: Meddled,
) -> Ladder:
    shown = exchanges[:limit]
    numbers = list(dict.fromkeys(row["connection"] for row in shown))
    if len(shown) == len(exchanges):
        numbers += [number for number, end in ends.items() if _in_vain(end) and number not in numbers]
    lifelines, places = _lifelines(numbers, ends)
    mine = {number: ends.get(number, {}) for number in numbers}
    steps = _with_pauses(steps_of(shown, mine, places, flaws, *faults))
    times = [step.at for step in steps if step.at is not None] or [0]
    waits = _waits(steps)
    if len(exchanges) > limit:
        rest = plural(len(exchanges) - limit, "more exchange")
        steps.append(Step("more", None, f"{rest} not drawn; pick one connection, or raise the limit"))
    if title is None:
        names = list(dict.fromkeys(protocol_name(row["protocol"]) for row in shown))
        number = f"connection {numbers[0]}" if len(numbers) == 1 else plural(len(numbers), "connection")
        title = ", ".join(filter(None, [listing(names), number])) if numbers else "No exchange was captured"
    return Ladder(title, lifelines, steps, waits, start=min(times), end=max(times))


def _in_vain(end: Row) -> bool:
    """A connection on which nothing was said, since it failed."""
    return end.get("ended") in ("cut", "reset", "timeout") and not end.get("exchanges")


def _lifelines(
    numbers: Iterable[int], ends: dict[int, Row]
) -> tuple[list[Device], dict[int, tuple[int, int]]]:
    """The devices, in the order of the journey, and where each connection's ends are among them."""
    rows = {number: _two_lines(ends.get(number, {})) for number in numbers}
    devices = devices_of(rows.values())
    place = {device.name: position for position, device in enumerate(devices)}
    return devices, {n: (place[row["client_name"]], place[row["server_name"]]) for n, row in rows.items()}


def _two_lines(end: Row) -> Row:
    """Ends have names, and a device that talks to itself has two, or no arrow would have a length."""
    client, server = (str(end.get(f"{side}_name") or side) for side in SIDES)
    return {**end, "client_name": client, "server_name": server if server != client else f"{server} (server)"}


def _with_pauses(steps: Iterable[Step]) -> list[Step]:
    found: list[Step] = []
    before: int | None = None
    for step in steps:
        if step.at is not None:
            if before is not None and step.at - before > PAUSE:
                passed = f"{duration(step.at - before)} pass, {weekday(step.at)} {clock(step.at)}"
                found.append(Step("pause", None, passed))
            before = step.at
        found.append(step)
    return found


def _waits(steps: Sequence[Step]) -> list[Wait]:
    """Every command that was or should have been answered; those in flight together get lanes."""
    found: list[Wait] = []
    sent: dict[tuple[int | None, int | None], tuple[int, int]] = {}  # exchange -> step, lane
    taken: dict[int, set[int]] = {}  # by lifeline: lanes in use
    for place, step in enumerate(steps):
        key = (step.connection, step.exchange)
        if step.kind == "command":
            lanes = taken.setdefault(step.source, set())
            lane = next(lane for lane in range(len(lanes) + 1) if lane not in lanes)
            lanes.add(lane)
            sent[key] = (place, lane)
        elif step.kind in ("reply", "missing") and key in sent:
            begun, lane = sent.pop(key)
            taken[steps[begun].source].discard(lane)
            found.append(Wait(begun, place, lane))
    return found


def _alt(model: Ladder, exchanges: list[Row]) -> str:
    names = listing(line.name for line in model.lifelines) or "nobody"
    scale = ", time to scale" if model.to_scale else ""
    return f"Sequence diagram{scale}. {model.title}: {plural(len(exchanges), 'exchange')} between {names}."
