"""The stylesheet of the widgets, and small tables of exchanges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from labkit.views.markup import Markup, el
from labkit.views.picture import Picture
from labkit.views.rows import Row
from labkit.views.style import css
from labkit.views.words import OUTCOME_MARKS, clock, plural, short, visible

WIDE = 60  # characters of a cell

_CSS = (Path(__file__).parent / "look.css").read_text(encoding="utf-8").partition("*/")[2]


def sheet() -> Markup:
    """The base and the widgets' own part, as a style element."""
    return Markup(f"<style>{css()} {' '.join(_CSS.split())}</style>")


def table(
    headings: Sequence[str],
    rows: Iterable[tuple[Sequence[str], str, bool]],
    label: str,
    note: str = "",
    keys: Sequence[tuple[int, int]] = (),
) -> Markup:
    """Rows of (cells, class of the last cell, whether it is the chosen one).

    `keys` says whose connection and exchange each row is, for views that are clicked on.
    """
    whose = [{"data_connection": key[0], "data_exchange": key[1]} for key in keys]
    body = [
        el(
            "tr",
            *(
                el("td", cell, class_=kind if column == len(cells) - 1 and kind else None)
                for column, cell in enumerate(cells)
            ),
            class_="lk-here" if here else None,
            **(whose[place] if whose else {}),
        )
        for place, (cells, kind, here) in enumerate(rows)
    ]
    head = el("tr", *(el("th", heading, scope="col") for heading in headings))
    return el(
        "div",
        sheet(),
        el("div", el("table", el("thead", head), el("tbody", *body), aria_label=label), class_="lk-rows"),
        el("p", note, class_="lk-note") if note else None,
    )


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text, one column below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def exchanges(
    rows: Sequence[Row],
    *,
    chosen: tuple[int, int] | None = None,
    last: int = 30,
    connections: bool = False,
) -> Picture:
    """The last exchanges: time, state before, command, reply; with the number of the connection if asked for.

    `chosen` is a connection and an exchange.
    """
    shown = rows[-last:]
    left_out = len(rows) - len(shown)
    note = f"{plural(left_out, 'exchange')} before these not shown" if left_out else ""
    headings = ("", "time", "state before", "command", "reply")
    lines = []
    for row in shown:
        key = (row["connection"], row["exchange"])
        number = f"{key[0]}.{key[1]}" if connections else str(key[1])
        mark = "▸ " if key == chosen else ""
        when = clock(row["time"], 3) if row.get("time") is not None else ""
        cells = (mark + number, when, row.get("state") or "", command_of(row), reply_of(row))
        lines.append((cells, f"lk-{row['outcome']}", key == chosen))
    text = columns((headings, *(cells for cells, _, _ in lines)))
    keys = [(row["connection"], row["exchange"]) for row in shown]
    html = table(headings, lines, "Exchanges", note, keys)
    return Picture("\n".join(filter(None, [text, note])), "Exchanges", html=html)


def command_of(row: Row, width: int = WIDE) -> str:
    """`a1 LOGIN alice •••`, cut to a width."""
    words = [row.get("tag"), row.get("verb"), row.get("argument")]
    return short(visible(" ".join(str(word) for word in words if word)), width)


def reply_of(row: Row, width: int = WIDE) -> str:
    """`✓ 250 2.1.0 Ok`, and how many lines more."""
    first, *more = (row.get("text") or "").split("\n")
    extra = (row.get("untagged") or 0) or len(more)
    mark = OUTCOME_MARKS.get(row["outcome"], "")
    said = short(visible(" ".join(filter(None, [row.get("status"), first]))), width)
    flaw = f"  ⚠ {row['flaw']}" if row.get("flaw") else ""
    return f"{mark} {said or row['outcome']}" + (f" (+{plural(extra, 'line')})" if extra else "") + flaw


def said(words: str, *, limit: int = 4000) -> Markup:
    """Words of the other side as they stand, shortened if they are very many."""
    rest = len(words) - limit
    tail = f"\n… {plural(rest, 'character')} more" if rest > 0 else ""
    return el("pre", words[:limit] + tail, class_="lk-said", tabindex="0")
