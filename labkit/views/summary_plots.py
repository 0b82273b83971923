"""The plots of a summary: how long replies took, and what each protocol cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.views.markup import Markup
from labkit.views.plots import COLOURS, HATCHES, PAPER, PROTOCOLS, figure, svg_of
from labkit.views.words import plural

if TYPE_CHECKING:
    from labkit.views.summary import Figures, Group


def latencies(found: Figures) -> Markup:
    """The distribution of latencies, a bar for each class, stacked by protocol and step."""
    from labkit.views.summary import class_name

    groups = [group for group in found.groups if group.latencies]
    names = [class_name(bounds) for bounds in found.classes]
    with figure(8.6, 2.7) as (drawing, (axes,)):
        floor = [0] * len(names)
        for group in groups:
            counts = found.counts(group)
            axes.bar(range(len(names)), counts, 0.72, bottom=floor, label=group.name, **_look(group))
            floor = [below + count for below, count in zip(floor, counts, strict=True)]
        axes.set_xticks(range(len(names)), names)
        room = max(3 - len(names), 0) / 2  # few classes stand in the middle
        axes.set_xlim(-0.6 - room, len(names) - 0.4 + room)
        axes.set_title("How long replies took")
        axes.set_ylabel("replies")
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.grid(axis="y")
        if groups:
            drawing.legend(loc="outside right upper")
        said = ", ".join(f"{name}: {count}" for name, count in zip(names, floor, strict=True) if count)
        return svg_of(drawing, "How long replies took", f"Bar chart of latencies. {said or 'No replies'}.")


def legs(found: Figures) -> Markup:
    """Exchanges against round trips, and octets of both sides, a row for each protocol and step."""
    groups = found.groups[::-1]
    names = [group.name for group in groups]
    rows = range(len(groups))
    with figure(8.6, 0.9 + 0.42 * max(len(groups), 2), panels=2) as (drawing, (talk, size)):
        talked = [(g.exchanges, g.round_trips) for g in groups]
        carried = [(g.sent, g.received) for g in groups]
        for axes, pairs, first, second in (
            (talk, talked, "exchanges", "round trips"),
            (size, carried, "octets from clients", "octets from servers"),
        ):
            ones, others = [a for a, _ in pairs], [b for _, b in pairs]
            axes.barh([y + 0.2 for y in rows], ones, 0.36, color=COLOURS["client"], label=first)
            axes.barh([y - 0.2 for y in rows], others, 0.36, color=COLOURS["server"], hatch="////",
                      edgecolor=PAPER, label=second)  # fmt: skip
            axes.set_yticks(rows, names if axes is talk else [""] * len(names))
            axes.grid(axis="x")
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1)
            axes.xaxis.get_major_locator().set_params(integer=True, nbins=5)
        said = "; ".join(
            f"{g.name}: {plural(g.exchanges, 'exchange')} in {plural(g.round_trips, 'round trip')}, "
            f"{plural(g.sent, 'octet')} sent and {plural(g.received, 'octet')} received"
            for g in found.groups
        )
        return svg_of(drawing, "What each protocol cost", f"Two bar charts. {said}.")


def _look(group: Group) -> dict[str, str]:
    """Colour by protocol; of several steps of one protocol each is hatched differently."""
    hatch = "--" if "delivery" in group.name else HATCHES.get(group.protocol, "++")
    colour = COLOURS[PROTOCOLS.get(group.protocol, "bad")]
    return {"color": colour, "hatch": hatch, "edgecolor": PAPER}
