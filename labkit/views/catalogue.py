"""The catalogue of faults, and what became of trials with them, as tables to read."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from labkit.views.markup import el
from labkit.views.picture import Picture
from labkit.views.rows import Row, to_rows
from labkit.views.words import protocol_name
from labkit.world.faults import CATALOGUE

PLACES = {"network": "on the line", "middle": "in the middle", "server": "at the server"}
PROTOCOLS = ("smtp", "pop3", "imap")
WIDTH = 76
_LEFT = "text-align:left"
_GOOD = ("arrived", "fetched")


def catalogue() -> Picture:
    """Every fault: its name, where it sits, what it does, and the RFC."""
    rows = [[each.name, PLACES[each.place], each.sentence, each.rfc] for each in CATALOGUE.values()]
    title = f"{len(rows)} faults"
    lines = [title]
    for place in PLACES.values():
        lines += ["", place]
        for name, _, sentence, rfc in (row for row in rows if row[1] == place):
            first, *rest = wrap(f"{sentence} ({rfc})", WIDTH - 26)
            lines += [f"  {name:<23} {first}", *(" " * 26 + line for line in rest)]
    alt = f"Table. {title}: on the line between two hosts, in its middle, and at the server."
    return _picture("\n".join(lines), alt, ["fault", "place", "what happens", "RFC"], rows)


def outcomes(trials: Any) -> Picture:
    """What became of each trial (see `labkit.world.trials`), by fault and protocol.

    ✓ is what would have happened without the fault, ~ what comes out right all the same, ✗ what does not.
    """
    found: dict[str, dict[str, Row]] = {}
    for row in to_rows(trials):
        found.setdefault(row["fault"], {})[row["protocol"]] = row
    heads = [name for name in PROTOCOLS if any(name in by for by in found.values())]
    rows = [
        [fault, *(_outcome(by[name]) if name in by else "" for name in heads)] for fault, by in found.items()
    ]
    titles = ["fault", *map(protocol_name, heads)]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    lines = [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in (titles, *rows)
    ]
    alt = f"Table. What became of a letter under {len(rows)} faults, by {', '.join(titles[1:])}."
    return _picture("\n".join(lines), alt, titles, rows)


def _outcome(row: Row) -> str:
    words = str(row["outcome"])
    if words in _GOOD:
        return f"✓ {words}"
    ends_well = words.startswith("arrived at attempt")
    return f"{'~' if ends_well else '✗'} {words}"


def _picture(text: str, alt: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Picture:
    head = el("tr", *(el("th", word, scope="col", style=_LEFT) for word in heads))
    body = [
        el(
            "tr",
            el("th", first, scope="row"),
            *(el("td", cell, style=f"{_LEFT};white-space:normal") for cell in rest),
        )
        for first, *rest in rows
    ]
    table = el("table", el("thead", head), el("tbody", *body))
    return Picture(text, alt, html=el("div", table, class_="lk-sum"), parts=("summary",))
