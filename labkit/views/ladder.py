"""The sequence diagram of a connection, or of a journey with several devices.

Time runs down, one step per thing that happened and not to scale; the times stand at the
left.  Commands that were sent before the reply to the one before stand above that reply,
so pipelining is seen as it was.  What went under TLS is shaded and named, a message's data
is folded into one arrow, a reply that never came is said to be missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from labkit.views.ends import ROLES, ends_of
from labkit.views.ladder_draw import draw, write
from labkit.views.picture import Picture
from labkit.views.rows import Row, tables_of, to_rows
from labkit.views.words import (
    OUTCOME_MARKS,
    clock,
    duration,
    listing,
    plural,
    protocol_name,
    short,
    visible,
    weekday,
)

PAUSE = 10_000_000
"""µs; a longer silence is said in words between the steps."""

MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Lifeline:
    name: str
    role: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the ladder: `source` and `target` are lifelines' positions."""

    kind: Literal["open", "command", "reply", "missing", "tls", "pause", "more"]
    at: int | None
    label: str
    source: int = 0
    target: int = 0
    connection: int | None = None
    outcome: str | None = None
    encrypted: bool = False
    detail: str = ""  # the whole of what the label shortens


@dataclass(frozen=True, slots=True)
class Ladder:
    title: str
    lifelines: Sequence[Lifeline]
    steps: Sequence[Step]
    start: int = 0  # µs: of the first step
    end: int = 0  # µs: of the last

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
) -> Picture:
    """The ladder of a world, a capture or an `exchanges` table.

    `connections` is the table of that name when `source` is only a table of exchanges; without
    it the ends are called client and server.  `connection` picks one or several; beyond `limit`
    exchanges the rest is counted and not drawn.
    """
    exchanges, known, lookups = tables_of(source, "exchanges", "connections", "lookups")
    ends = ends_of(known if connections is None else to_rows(connections), lookups)
    if connection is not None:
        wanted = {connection} if isinstance(connection, int) else set(connection)
        exchanges = [row for row in exchanges if row["connection"] in wanted]
    model = _model(exchanges, ends, title, limit)
    return Picture(
        text=write(model),
        alt=_alt(model, exchanges),
        svg=draw(model, _alt(model, exchanges)),
        parts=("svg", "ladder"),
    )


def _model(exchanges: list[Row], ends: dict[int, Row], title: str | None, limit: int) -> Ladder:
    shown = exchanges[:limit]
    lifelines, places = _lifelines(shown, ends)
    steps = sorted(_steps(shown, ends, places), key=lambda keyed: keyed[0])
    times = [step.at for _, step in steps if step.at is not None] or [0]
    ladder_steps = list(_with_pauses(step for _, step in steps))
    if len(exchanges) > limit:
        rest = plural(len(exchanges) - limit, "more exchange")
        ladder_steps.append(Step("more", None, f"{rest} not drawn; pick one connection, or raise the limit"))
    used = list(dict.fromkeys(row["connection"] for row in shown))
    if title is None:
        names = list(dict.fromkeys(protocol_name(row["protocol"]) for row in shown))
        number = f"connection {used[0]}" if len(used) == 1 else plural(len(used), "connection")
        title = f"{listing(names)}, {number}" if used else "No exchange was captured"
    return Ladder(title, lifelines, ladder_steps, min(times), max(times))


def _lifelines(
    exchanges: list[Row], ends: dict[int, Row]
) -> tuple[list[Lifeline], dict[int, tuple[int, int]]]:
    """The devices, in the order of the journey, and where each connection's ends are among them."""
    found: dict[str, Lifeline] = {}
    keys: dict[int, tuple[str, str]] = {}
    askers: dict[str, str] = {}
    for number in dict.fromkeys(row["connection"] for row in exchanges):
        end = ends.get(number, {})
        client, server = (str(end.get(f"{side}_name") or side) for side in ("client", "server"))
        if client == server:  # two lines for one device, or no arrow would have a length
            server = f"{server} (server)"
        for name, side in ((client, "client"), (server, "server")):
            found.setdefault(name, Lifeline(name, end.get(f"{side}_role")))
        if end.get("protocol") == "dns":
            askers.setdefault(server, client)
        keys[number] = (client, server)
    order = sorted((name for name in found if name not in askers), key=lambda name: _rank(found[name].role))
    for server, client in askers.items():
        order.insert(order.index(client) + 1 if client in order else 0, server)  # beside who asks it
    place = {name: position for position, name in enumerate(order)}
    return [found[name] for name in order], {n: (place[a], place[b]) for n, (a, b) in keys.items()}


def _rank(role: str | None) -> int:
    return ROLES.index(role) if role in ROLES else len(ROLES)


def _steps(
    exchanges: list[Row], ends: dict[int, Row], places: dict[int, tuple[int, int]]
) -> Iterator[tuple[tuple[int, ...], Step]]:
    """Every step with what it is sorted by: time, connection, exchange, order within it."""
    last: dict[int, int] = {}
    for row in exchanges:
        number = row["connection"]
        forth, back = places[number], places[number][::-1]
        if number not in last:
            end = ends.get(number, {})
            last[number] = _first(end, "start") or _first(row, "time") or 0
            opened = Step("open", last[number], _opening(row, end), *forth, number)
            yield (last[number], number, -1, 0), opened
        asked = _first(row, "sent_at", "time")
        for step in _of_exchange(row, last[number] if asked is None else asked, forth, back):
            last[number] = step.at or last[number]
            yield (last[number], number, row["exchange"], step.kind != "command"), step


def _of_exchange(row: Row, asked: int, forth: tuple[int, int], back: tuple[int, int]) -> Iterator[Step]:
    """The arrows of one row: the command, and its reply or that it is missing."""
    common: dict[str, Any] = {"connection": row["connection"], "encrypted": bool(row.get("encrypted"))}
    replied = _first(row, "replied_at", "first_reply_at")
    flaw = f"  ⚠ {row['flaw']}" if row.get("flaw") else ""
    if row.get("verb") == "TLS":
        words = " ".join(filter(None, ["TLS handshake", row.get("argument"), row.get("text")]))
        yield Step("tls", asked, visible(words) + flaw, *forth, row["connection"], row["outcome"])
        return
    if row.get("verb") is not None:
        yield Step("command", asked, _command(row) + flaw, *forth, detail=_detail(row), **common)
        flaw = ""
    if replied is not None:
        reply = _reply(row) + flaw
        yield Step("reply", replied, reply, *back, outcome=row["outcome"], detail=_detail(row), **common)
    elif row["outcome"] == "unanswered":
        yield Step("missing", asked, "no reply arrived", *back, outcome="unanswered", **common)


def _with_pauses(steps: Iterable[Step]) -> Iterator[Step]:
    before: int | None = None
    for step in steps:
        if step.at is not None:
            if before is not None and step.at - before > PAUSE:
                yield Step(
                    "pause", None, f"{duration(step.at - before)} pass, {weekday(step.at)} {clock(step.at)}"
                )
            before = step.at
        yield step


def _opening(row: Row, end: Row) -> str:
    words = [" ".join(filter(None, [protocol_name(row["protocol"]), row.get("step")]))]
    if end.get("server_port"):
        words.append(f"port {end['server_port']}")
    if end.get("tls") == "implicit":
        words.append("implicit TLS")
    return f"connection {row['connection']}: {', '.join(words)}"


def _command(row: Row) -> str:
    if row["verb"] == ".":
        return f"message, {plural(row.get('octets_sent') or 0, 'octet')}, then ."
    words = [row.get("tag"), row["verb"] if row["verb"] != "(response)" else None, row.get("argument")]
    return visible(" ".join(str(word) for word in words if word))


def _reply(row: Row) -> str:
    first, *more = (row.get("text") or "").split("\n")
    extra = (row.get("untagged") or 0) or (row.get("reply_lines") or 1) - 1 or len(more)
    text = visible(" ".join(filter(None, [row.get("status"), short(first, 18) if extra else first])))
    return f"{OUTCOME_MARKS.get(row['outcome'], '')} {text}" + (
        f" (+{plural(extra, 'line')})" if extra else ""
    )


def _detail(row: Row) -> str:
    """What a pointer resting on the step shows: the whole command and reply."""
    latency = row.get("latency_s")
    waited = f"; answered after {duration(round(latency * 1e6))}" if latency is not None else ""
    said = visible(" ".join(str(row[name]) for name in ("verb", "argument") if row.get(name)))
    return (
        f"exchange {row['exchange']}: {said}{waited}" if said else f"exchange {row['exchange']}: the greeting"
    )


def _first(row: Row, *columns: str) -> int | None:
    return next((row[name] for name in columns if row.get(name) is not None), None)


def _alt(model: Ladder, exchanges: list[Row]) -> str:
    names = listing(line.name for line in model.lifelines) or "nobody"
    return f"Sequence diagram. {model.title}: {plural(len(exchanges), 'exchange')} between {names}."
