"""Draws where letters waited: a line for each letter, time from left to right.

A dashed line is time in the queue of the sender's server, a thick one time at the recipient's server;
a dot is the arrival at the recipient's host, a cross the return to the sender.  Ticks below are tries
that nobody answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.views.ends import ROLES
from labkit.views.markup import Markup, el, join
from labkit.views.style import sheet
from labkit.views.words import clock, duration, short, weekday

if TYPE_CHECKING:
    from labkit.views.waiting import Traffic, Whereabouts

DAY = 86_400_000_000  # µs
HOUR = DAY // 24
_BAND = "fill:var(--lk-rule);fill-opacity:.45"
_LEFT, _PLOT, _ROW, _GAP = 12, 820, 9, 22


@dataclass(frozen=True, slots=True)
class Axis:
    """Time from left to right in days, or in hours where all happens within one."""

    first: int
    unit: int
    units: int

    @classmethod
    def of(cls, first: int, last: int) -> Axis:
        unit = DAY if last - first > DAY else HOUR
        first = first // unit * unit
        return cls(first, unit, (last - first) // unit + 1)

    def __call__(self, at: int) -> float:
        """The place of a moment, in µs."""
        return _LEFT + _PLOT * (at - self.first) / (self.units * self.unit)

    @property
    def ticks(self) -> Iterator[int]:
        """When its units begin."""
        return (self.first + unit * self.unit for unit in range(self.units))

    def label(self, at: int) -> str:
        return weekday(at) if self.unit == DAY else clock(at)[:5]


def draw(title: str, alt: str, known: Mapping[str, Traffic], online: tuple[int, int] | None) -> Markup:
    """Panels below each other, one for each capture."""
    first = min((one.start for one in known.values()), default=0)
    x = Axis.of(first, max((_end(one) for one in known.values()), default=first))
    panels, y = [], 58
    for name, one in known.items():
        height = _ROW * len(one.letters) + (12 if one.in_vain else 0) + 6
        panels += [
            el("text", name, class_="lk-strong", x=_LEFT, y=y),
            _grid(x, y + 8, height, online),
            *(_letter(x, letter, one.end, y + 16 + _ROW * row) for row, letter in enumerate(one.letters)),
            _ticks(x, one, y + 8 + height),
        ]
        y += 8 + height + _GAP
    width, height = 2 * _LEFT + _PLOT, y + 2
    return el(
        "svg",
        el("title", title),
        el("desc", alt),
        sheet("svg"),
        _legend(online),
        *panels,
        _labels(x, y - _GAP + 15),
        xmlns="http://www.w3.org/2000/svg",
        class_="lk lk-svg",
        viewBox=f"0 0 {width} {height}",
        style=f"min-width:{width * 3 // 4}px;max-width:{width}px",
        role="img",
    )


def _end(one: Traffic) -> int:
    return max([letter.end or one.end for letter in one.letters] or [one.end])


def _grid(x: Axis, y: int, height: int, online: tuple[int, int] | None) -> Markup:
    """Where the days or hours begin, and when the recipient's host is online."""
    parts = []
    for tick in x.ticks:
        if online and x.unit == DAY:
            begin, end = (x(tick + hour * HOUR) for hour in online)
            parts.append(el("rect", style=_BAND, x=begin, y=y, width=end - begin, height=height))
        parts.append(el("line", class_="lk-line lk-dotted", x1=x(tick), y1=y, x2=x(tick), y2=y + height))
    return join(parts)


def _letter(x: Axis, letter: Whereabouts, end: int, y: float) -> Markup:
    lines = [_stay(x(stay.since), x(stay.until or end), y, stay.device) for stay in letter.stays]
    waited = "" if letter.end is None else f" after {duration(letter.end - letter.sent)}"
    mark = None if letter.end is None else _mark(x(letter.end), y, letter.fate)
    return el("g", el("title", f"{short(letter.subject, 40)}: {letter.fate}{waited}"), *lines, mark)


def _stay(x1: float, x2: float, y: float, device: str) -> Markup:
    queue = device == ROLES[1]
    kind, ink = ("lk-stroke lk-dashed", "lk-warn-ink") if queue else ("lk-stroke", "lk-client-ink")
    width = 1.6 if queue else 3.5
    return el(
        "g", el("line", class_=kind, x1=x1, y1=y, x2=x2, y2=y, style=f"stroke-width:{width}"), class_=ink
    )


def _mark(x: float, y: float, fate: str) -> Markup:
    if fate == "arrived":
        return el("g", el("circle", class_="lk-fill", cx=x, cy=y, r=3.2), class_="lk-server-ink")
    cross = el(
        "path", class_="lk-stroke", d=f"M{x - 3.5:.2f} {y - 3.5:g}l7 7m0 -7l-7 7", style="stroke-width:2"
    )
    return el("g", cross, class_="lk-bad-ink")


def _ticks(x: Axis, one: Traffic, bottom: float) -> Markup:
    lines = "".join(f"M{x(at):.2f} {bottom - 9:g}v6" for at in one.in_vain)
    return el(
        "g",
        el("path", class_="lk-stroke", d=lines, style="stroke-width:1") if lines else None,
        class_="lk-dim-ink",
    )


def _labels(x: Axis, y: float) -> Markup:
    return join(el("text", x.label(tick), class_="lk-dim lk-small", x=x(tick) + 3, y=y) for tick in x.ticks)


def _legend(online: tuple[int, int] | None) -> Markup:
    y = 16
    said = [
        (_stay(_LEFT, _LEFT + 34, y - 4, ROLES[1]), 40, "in the sender's server"),
        (_stay(_LEFT + 200, _LEFT + 234, y - 4, ROLES[2]), 240, "in the mailbox at the recipient's server"),
        (_mark(_LEFT + 515, y - 4, "arrived"), 524, "arrived"),
        (_mark(_LEFT + 590, y - 4, "returned"), 600, "returned"),
        (
            el("g", el("path", class_="lk-stroke", d=f"M{_LEFT + 672} {y - 8}v7"), class_="lk-dim-ink"),
            680,
            "a try in vain",
        ),
    ]
    parts = [
        join([sign, el("text", words, class_="lk-small", x=_LEFT + at, y=y)]) for sign, at, words in said
    ]
    if online:
        parts.append(el("rect", style=_BAND, x=_LEFT + 14, y=y + 8, width=12, height=11))
        begin, end = online
        words = f"the recipient's host is online, {begin}:00 to {end}:00"
        parts.append(el("text", words, class_="lk-small", x=_LEFT + 40, y=y + 18))
    return join(parts)
