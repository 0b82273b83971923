"""Plots of what analysts ask: how long replies took, how busy it was, and one measure against another.

Each takes a table of a capture as a DataFrame and returns a `Picture`, whose text says the same
in words.  Protocols are told apart by markers or hatching as well as by colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.tables.analysis import asked, length
from labkit.tables.analysis import timeline as busy
from labkit.views.picture import Picture
from labkit.views.plots import COLOURS, HATCHES, PAPER, PROTOCOLS, figure, picture
from labkit.views.words import duration, listing, plural

if TYPE_CHECKING:
    import pandas as pd

MARKERS = {"smtp": "o", "pop3": "s", "imap": "^", "dns": "x"}


def latency(exchanges: pd.DataFrame, title: str = "How long replies took") -> Picture:
    """The share of replies that came within a time, a line for each protocol; the time is logarithmic."""
    rows = asked(exchanges, "how long replies took", "exchanges", "protocol", "latency_s")
    rows = rows[rows["latency_s"] > 0]
    told = []
    with figure(8.6, 2.9) as (drawing, (axes,)):
        for protocol, of in rows.groupby("protocol", observed=True):
            took = sorted(of["latency_s"])
            share = [(place + 1) / len(took) for place in range(len(took))]
            apart = max(len(took) // 10, 1)  # markers, so that they stay apart
            axes.step(took, share, where="post", markevery=apart, **_line(str(protocol)))
            half = duration(round(took[(len(took) - 1) // 2] * 1e6))
            told.append(f"{protocol}: half of {len(took)} replies within {half}, "
                        f"the slowest after {duration(round(took[-1] * 1e6))}")  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlabel("seconds")
        axes.set_ylabel("share of replies")
        axes.set_ylim(0, 1.04)
        return _told(drawing, axes, title, "Share of replies by latency", told, bool(len(rows)))


def timeline(exchanges: pd.DataFrame, every: str = "1s", title: str = "How busy it was") -> Picture:
    """Exchanges per stretch of time, stacked by protocol; `every` is pandas' notation."""
    found = busy(exchanges, every)
    told = []
    with figure(8.6, 2.6) as (drawing, (axes,)):
        begin: Any = found["time"].min() if len(found) else None
        floor: dict[Any, int] = {}
        width = length(every).total_seconds()
        for protocol, of in found.groupby("protocol", observed=True):
            name, since = str(protocol), of["time"] - begin
            at = since.dt.total_seconds().tolist()
            counts = of["exchanges"].astype(int).tolist()
            below = [floor.get(place, 0) for place in at]
            axes.bar(at, counts, width * 0.9, bottom=below, align="edge", label=name, edgecolor=PAPER,
                     color=COLOURS[PROTOCOLS.get(name, "bad")], hatch=HATCHES.get(name, "++"))  # fmt: skip
            floor |= {place: base + count for place, base, count in zip(at, below, counts, strict=True)}
            told.append(f"{name}: {plural(sum(counts), 'exchange')}, at most {max(counts)} in one stretch")
        axes.set_xlabel(f"seconds since {begin:%H:%M:%S}" if begin is not None else "seconds")
        axes.set_ylabel(f"exchanges in {every}")
        axes.yaxis.get_major_locator().set_params(integer=True)
        return _told(drawing, axes, title, f"Exchanges in each {every}", told, bool(len(found)))


def lines(rows: pd.DataFrame, x: str, y: str, by: str, title: str, *, log: bool = False) -> Picture:
    """A line through the points (x, y) of each kind (`by`, at most five); `log`: both scales logarithmic."""
    told = []
    with figure(8.6, 2.9) as (drawing, (axes,)):
        looks = zip(COLOURS.values(), [*MARKERS.values(), "D"], strict=True)
        for (name, of), (colour, marker) in zip(
            rows.groupby(by, sort=False, observed=True), looks, strict=False
        ):
            points = of.sort_values(x)
            axes.plot(points[x], points[y], label=str(name), color=colour, marker=marker, markersize=4)
            first, last = points.iloc[0], points.iloc[-1]
            told.append(f"{name}: from {first[y]:.3g} at {first[x]:g} to {last[y]:.3g} at {last[x]:g}")
        if log:
            axes.set_xscale("log")
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        return _told(drawing, axes, title, f"{y} against {x}", told, bool(len(rows)))


def _line(protocol: str) -> dict[str, Any]:
    colour = COLOURS[PROTOCOLS.get(protocol, "bad")]
    return {"label": protocol, "color": colour, "marker": MARKERS.get(protocol, "D"), "markersize": 4}


def _told(drawing: Any, axes: Any, title: str, kind: str, told: list[str], any_rows: bool) -> Picture:
    axes.set_title(title)
    axes.grid(axis="y" if kind.startswith("Exchanges") else "both")
    if any_rows:
        drawing.legend(loc="outside right upper")
    said = f"{kind}. {listing(told) if told else 'Nothing to show'}."
    return picture(drawing, title, said, "\n".join([title, *(f"  {each}" for each in told)]))
