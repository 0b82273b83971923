"""A protocol's state machine, drawn from its table, with the present state and the path taken.

States stand below each other in the table's order.  A step to the next state is an arrow
between the two; a verb that leads to one state from three or more others is one short
arrow at the left of that state; every other step is an arc at the right.  Verbs that
change nothing are named inside the state, refusals that change nothing are left out.
Numbers on the way taken are those of the column `exchange`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import zip_longest
from typing import Any

from labkit.states.machine import Machine, Status
from labkit.views.picture import Picture
from labkit.views.rows import Row, tables_of
from labkit.views.states_draw import draw
from labkit.views.words import listing, plural, protocol_name, visible

SUCCESS: frozenset[Status] = frozenset({2, 3, "+OK", "OK", "+"})
MANY = 3

Steps = dict[tuple[str, str], dict[str, list[Status]]]
"""(state, next state) -> verb -> the statuses that lead there."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Every step from one state to another (`source` None: from several); positions of states."""

    source: int | None
    target: int
    label: str
    taken: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    stays: str  # the verbs that change nothing
    here: tuple[int, ...] = ()  # the exchanges that changed nothing here
    visited: bool = False
    current: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """One exchange as a step of the path."""

    exchange: int
    source: str
    verb: str
    status: str
    target: str


@dataclass(slots=True)
class Drawing:
    title: str
    alt: str
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def diagram(
    machine: Machine[Any],
    source: Any = (),
    *,
    connection: int | None = None,
    current: Enum | str | None = None,
) -> Picture:
    """The machine; with a world, a capture or `exchanges` rows also the path that a connection took.

    `connection` picks one (else the first of the machine's protocol); `current` says where it
    is now, when no path tells.
    """
    moves = path_of(machine, source, connection)
    now = moves[-1].target if moves else None
    if current is not None:
        now = state_name(current)
    drawing = _drawing(machine, moves, now)
    return Picture(_write(machine, moves, now), drawing.alt, svg=draw(drawing))


def path_of(machine: Machine[Any], source: Any, connection: int | None) -> list[Move]:
    """The path of a connection of this source, the first of the machine's protocol when not named."""
    wanted = None if connection is None else {connection}
    (rows,) = tables_of(source, "exchanges", connections=wanted)
    rows = [row for row in rows if row["protocol"] == machine.protocol]
    return path(machine, [row for row in rows if row["connection"] == rows[0]["connection"]])


def path(machine: Machine[Any], rows: Sequence[Row]) -> list[Move]:
    """What each exchange did to the state, from the rows of one connection.

    The state after an exchange is the state before the next one, as the dissector saw it; after the
    last it is where the table leads.
    """
    commands = [row for row in rows if row.get("verb") is not None and row["verb"] != "TLS"]
    moves = []
    for row, following in zip_longest(commands, commands[1:]):
        before = row.get("state") or state_name(machine.start)
        after = following.get("state") if following else None
        if after is None or (following and following.get("pipelined")):
            after = _step(machine, before, row)
        moves.append(Move(row["exchange"], before, row["verb"], row.get("status") or "no reply", after))
    return moves


def _step(machine: Machine[Any], before: str, row: Row) -> str:
    status: Status = row.get("status")
    if machine.protocol == "smtp" and row.get("code") is not None:
        status = row["code"] // 100
    state = next((state for state in machine.table if state_name(state) == before), None)
    after = machine.step(state, row["verb"], status) if state is not None else None
    return before if after is None else state_name(after)


def _drawing(machine: Machine[Any], moves: Sequence[Move], now: str | None) -> Drawing:
    names = [state_name(state) for state in machine.table]
    steps: Steps = {}
    for state, verb, status, after in machine.edges():
        steps.setdefault((state_name(state), state_name(after)), {}).setdefault(verb, []).append(status)
    taken: dict[tuple[str, str], list[Move]] = {}
    for move in moves:
        taken.setdefault((move.source, move.target), []).append(move)
    visited = {name for move in moves for name in (move.source, move.target)}
    nodes = [
        Node(
            name,
            ", ".join(v for v, statuses in steps.get((name, name), {}).items() if SUCCESS & set(statuses)),
            tuple(move.exchange for move in taken.get((name, name), [])),
            name in visited,
            name == now,
        )
        for name in names
    ]
    title = f"{protocol_name(machine.protocol)}: the states of a connection"
    where = f" The connection is now in state {now}." if now else ""
    way = f" Its path has {plural(len(moves), 'step')}." if moves else ""
    alt = f"State diagram. {title}: {listing(names)}.{where}{way}"
    return Drawing(title, alt, nodes, list(_edges(machine.protocol, names, steps, taken)))


def _edges(
    protocol: str, names: Sequence[str], steps: Steps, taken: dict[tuple[str, str], list[Move]]
) -> Iterator[Edge]:
    place = {name: position for position, name in enumerate(names)}
    for target in names:
        into = {source: verbs for (source, after), verbs in steps.items() if after == target != source}
        count = Counter(verb for verbs in into.values() for verb in verbs)
        shared: dict[str, list[Status]] = {}
        others: list[int] = []
        for source, verbs in into.items():
            next_door = place[target] == place[source] + 1
            own = {verb: verbs[verb] for verb in verbs if next_door or count[verb] < MANY}
            shared |= {verb: verbs[verb] for verb in verbs if verb not in own}
            went = taken.get((source, target), [])
            others += [move.exchange for move in went if move.verb not in own]
            if own:
                exchanges = tuple(move.exchange for move in went if move.verb in own)
                yield Edge(place[source], place[target], _label(own, protocol), exchanges)
        if shared:
            yield Edge(None, place[target], _label(shared, protocol), tuple(sorted(others)))


def _label(verbs: dict[str, list[Status]], protocol: str) -> str:
    plain = [verb for verb, statuses in verbs.items() if set(statuses) <= SUCCESS]
    rest = [
        f"{verb} ({', '.join(f'{status}xx' if protocol == 'smtp' else str(status) for status in statuses)})"
        for verb, statuses in verbs.items()
        if verb not in plain
    ]
    return ", ".join(plain + rest)


def state_name(state: Enum | str) -> str:
    """A state as the tables write it."""
    return str(state.value) if isinstance(state, Enum) else state


def _write(machine: Machine[Any], moves: Sequence[Move], now: str | None) -> str:
    names = [state_name(state) for state in machine.table]
    width = max(map(len, names), default=0)
    lines = [
        f"{protocol_name(machine.protocol)}: the states of a connection" + (f"; now {now}" if now else "")
    ]
    for state, name in zip(machine.table, names, strict=True):
        steps: dict[str, dict[str, list[Status]]] = {}
        for (verb, status), after in machine.table[state].items():
            if after is not state or status in SUCCESS:
                steps.setdefault(state_name(after), {}).setdefault(verb, []).append(status)
        marker = ">" if name == now else " "
        said = [
            f"{'stays' if to == name else '→ ' + to}: {_label(verbs, machine.protocol)}"
            for to, verbs in steps.items()
        ]
        for i, words in enumerate(said or ["no command comes here"]):
            lines.append(f"{marker if i == 0 else ' '} {name if i == 0 else '':{width}}  {words}")
    if moves:
        lines.append("Path: " + _path_words(moves))
    return "\n".join(lines)


def _path_words(moves: Iterable[Move]) -> str:
    words: list[str] = []
    for move in moves:
        words.append(move.source) if not words else None
        after = f"→ {move.target}" if move.target != move.source else "(stays)"
        words.append(f"{move.exchange}: {visible(move.verb)} {visible(move.status)} {after}")
    return "; ".join(words)
