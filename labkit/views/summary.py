"""A capture in figures: how much of what was spoken, how long replies took, and three plots of it.

What is counted stands in the tables already; a group is a protocol with the step it served,
`SMTP submission`.  Latencies are counted in classes of 1, 2, 5, 10 … so that the text twin shows the
same distribution as the plot.  Without matplotlib the plots are left out, and that is said.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from labkit.errors import LabError
from labkit.views.ends import ends_of
from labkit.views.journey import protocol_words
from labkit.views.markup import Markup, el
from labkit.views.picture import Picture
from labkit.views.rows import Row, tables_of
from labkit.views.words import digits, duration, listing, visible

EDGES = [digit * 10**power for power in range(1, 12) for digit in (1, 2, 5)]
"""µs: where one class of latencies ends and the next begins."""

_BAR = 40  # characters of the longest bar in the text twin


@dataclass(slots=True)
class Group:
    """All connections of one protocol and step; a look-up is none, and counts as an exchange."""

    name: str
    protocol: str
    connections: int = 0
    exchanges: int = 0
    round_trips: int = 0
    sent: int = 0  # octets of the clients
    received: int = 0
    refused: int = 0  # exchanges answered with no
    unanswered: int = 0
    latencies: list[int] = field(default_factory=list)  # µs


@dataclass(slots=True)
class Figures:
    """What is counted of a capture; `classes` are the classes of latencies that occur, as (from, to) µs."""

    groups: list[Group]
    messages: int
    flaws: int
    span: int  # µs from the first exchange to the last
    classes: list[tuple[int, int]]
    lookups: int = 0

    def total(self, name: str) -> int:
        return sum(getattr(group, name) for group in self.groups)

    def counts(self, group: Group) -> list[int]:
        """How many of the group's latencies are in each class."""
        found = [_class(latency) for latency in group.latencies]
        return [found.count(bounds) for bounds in self.classes]


def figures(source: Any) -> Figures:
    """What can be counted of a world, a capture, or tables."""
    tables = tables_of(source, "exchanges", "connections", "messages", "lookups", "flaws")
    exchanges, connections, messages, lookups, flaws = tables
    ends = ends_of(connections, lookups)
    groups: dict[str, Group] = {}
    for _, end in sorted(ends.items()):
        group = _group(groups, end)
        group.connections += end["protocol"] != "dns"
        group.round_trips += end.get("round_trips") or (1 if end["protocol"] == "dns" else 0)
        group.sent += end.get("octets_sent") or 0  # a look-up's octets are its exchange's
        group.received += end.get("octets_received") or 0
    for row in exchanges:
        _count(_group(groups, ends.get(row["connection"], row)), row)
    times = [row["time"] for row in exchanges if row.get("time") is not None]
    classes = sorted({_class(latency) for group in groups.values() for latency in group.latencies})
    if classes:  # those between them, empty ones too
        first, last = EDGES.index(classes[0][1]), EDGES.index(classes[-1][1])
        classes = [_class(EDGES[i] - 1) for i in range(first, last + 1)]
    span = max(times, default=0) - min(times, default=0)
    return Figures(list(groups.values()), len(messages), len(flaws), span, classes, len(lookups))


def _group(groups: dict[str, Group], end: Row) -> Group:
    name = visible(protocol_words(end)) if end.get("protocol") else "no mail"
    return groups.setdefault(name, Group(name, end.get("protocol") or ""))


def _count(group: Group, row: Row) -> None:
    group.exchanges += 1
    group.refused += row["outcome"] in ("temporary", "permanent")
    group.unanswered += row["outcome"] == "unanswered"
    if row.get("latency_s") is not None and row.get("verb") != "TLS":
        group.latencies.append(round(row["latency_s"] * 1e6))
    if row["protocol"] == "dns":
        group.sent += row.get("octets_sent") or 0
        group.received += row.get("octets_received") or 0


def _class(latency: int) -> tuple[int, int]:
    place = bisect_right(EDGES, min(max(latency, 0), EDGES[-1] - 1))
    return (EDGES[place - 1] if place else 0), EDGES[place]


def summary(source: Any, *, title: str = "Summary", plots: bool = True) -> Picture:
    """The figures of a world or a capture: facts, a row for each protocol and step, and plots."""
    found = figures(source)
    facts = _facts(found)
    alt = f"{title}: {listing(_told(facts))}."
    drawn: list[Markup | None] = []
    if plots and found.total("exchanges"):
        drawn = _plots(found)
    html = el(
        "div",
        el("h2", title),
        el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in facts), class_="lk-facts"),
        el("div", _table(found.groups), class_="lk-scroll"),
        *drawn,
        class_="lk-sum",
    )
    return Picture(_write(title, found, facts), alt, html=html, parts=("summary",))


def _facts(found: Figures) -> list[tuple[str, str]]:
    columns = ("connections", "exchanges", "round_trips")
    counted = [(name.replace("_", " "), found.total(name)) for name in columns]
    if found.lookups:
        counted.insert(1, ("look-ups", found.lookups))
    counted += [("messages carried", found.messages)]
    counted += [("octets", found.total("sent") + found.total("received"))]
    counted += [("refusals", found.total("refused")), ("without reply", found.total("unanswered"))]
    facts = [(name, digits(value)) for name, value in [*counted, ("flaws", found.flaws)]]
    return [*facts, ("from first to last", duration(found.span))]


def _told(facts: Sequence[tuple[str, str]]) -> list[str]:
    """`1 message carried`, `2 messages carried`."""
    one = {name: re.sub(r"s\b", "", name, count=1) for name, value in facts if value == "1"}
    return [f"{value} {one.get(name, name)}" for name, value in facts]


_HEADS = ("", "connections", "exchanges", "round trips", "octets sent", "octets received", "refused",
          "no reply", "median latency", "longest")  # fmt: skip


def _cells(group: Group) -> list[str]:
    numbers = [group.exchanges, group.round_trips, group.sent, group.received]
    numbers += [group.refused, group.unanswered]
    connections = digits(group.connections) if group.protocol != "dns" else ""
    waits = [round(median(group.latencies)), max(group.latencies)] if group.latencies else []
    return [group.name, connections, *map(digits, numbers), *(map(duration, waits) if waits else ("", ""))]


def _table(groups: Iterable[Group]) -> Markup:
    rows = [
        el("tr", el("th", first, scope="row"), *(el("td", cell) for cell in rest))
        for first, *rest in map(_cells, groups)
    ]
    head = el("tr", *(el("th", word, scope="col") for word in _HEADS))
    return el("table", el("thead", head), el("tbody", *rows))


def _plots(found: Figures) -> list[Markup | None]:
    from labkit.views import summary_plots

    try:
        return [summary_plots.latencies(found), summary_plots.legs(found)]
    except LabError as error:
        return [el("p", f"The plots are left out: {error}", class_="lk-legend")]


def _write(title: str, found: Figures, facts: Sequence[tuple[str, str]]) -> str:
    lines = [f"{title}: " + ", ".join(_told(facts)), ""]
    grid = [_HEADS, *map(_cells, found.groups)]
    widths = [max(len(row[i]) for row in grid) for i in range(len(_HEADS))]
    for row in grid:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    if found.classes:
        totals = [sum(column) for column in zip(*(found.counts(g) for g in found.groups), strict=True)]
        lines += ["", "How long replies took, and how many of them:"]
        names = [class_name(bounds) for bounds in found.classes]
        for name, total in zip(names, totals, strict=True):
            bar = "█" * max(round(_BAR * total / max(totals)), 1 if total else 0)
            lines.append("  ".join([f"  {name:>{max(map(len, names))}}", *filter(None, [bar]), str(total)]))
    return "\n".join(lines)


def class_name(bounds: tuple[int, int]) -> str:
    """`20 to 50 ms`."""
    low, high = (duration(bound) for bound in bounds)
    same = low.rpartition(" ")[2] == high.rpartition(" ")[2] or bounds[0] == 0
    return f"{low.rpartition(' ')[0] if same else low} to {high}"
