"""Writes a ladder as SVG and as Unicode text; what stands in it is decided in ladder.py."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from labkit.views.markup import Markup, el, join
from labkit.views.style import sheet
from labkit.views.words import short

if TYPE_CHECKING:
    from labkit.views.ladder import Ladder, Step

_GUTTER, _ROW, _HEAD, _MARGIN = 104, 30, 66, 24
_GAPS = {2: 470, 3: 370}  # between lifelines; four and more stand closer
_LETTER = 7.6  # width of a monospaced letter of 12.5 px, rounded up
_NARROW = 6.6  # of one in a heading
_CLASSES = {
    "command": "lk-client-ink",
    "permanent": "lk-bad-ink",
    "temporary": "lk-warn-ink",
    "closed": "lk-warn-ink",
    "unanswered": "lk-bad-ink",
}
_DASHES = {
    "permanent": " lk-dashed",
    "temporary": " lk-dashed",
    "closed": " lk-dotted",
    "unanswered": " lk-dotted",
}


def draw(model: Ladder, alt: str) -> Markup:
    """The ladder as one SVG element."""
    gap = _GAPS.get(len(model.lifelines), 300)
    xs = [_GUTTER + 80 + gap * place for place in range(max(len(model.lifelines), 1))]
    width, height = xs[-1] + 80 + _MARGIN, _HEAD + _ROW * len(model.steps) + _MARGIN
    heads = join(_head(line.name, line.role, x) for line, x in zip(model.lifelines, xs, strict=False))
    lives = join(
        el("line", class_="lk-life", x1=x, y1=_HEAD - 8, x2=x, y2=height - 10)
        for x in xs[: len(model.lifelines)]
    )
    body = join(
        _row(step, xs, _HEAD + _ROW * i, model.when(step), width) for i, step in enumerate(model.steps)
    )
    return el(
        "svg",
        el("title", model.title),
        el("desc", alt),
        sheet("svg", "ladder"),
        _shades(model, xs),
        lives,
        heads,
        body,
        xmlns="http://www.w3.org/2000/svg",
        class_="lk lk-svg",
        viewBox=f"0 0 {width} {height}",
        style=f"min-width:{width * 4 // 5}px;max-width:{width}px",
        role="img",
    )


def _head(name: str, role: str | None, x: float) -> Markup:
    return el(
        "g",
        el("title", f"{role}: {name}" if role else name),
        el("rect", class_="lk-box", x=x - 96, y=6, width=192, height=44, rx=6),
        el(
            "text",
            short(role or name, 26),
            class_="lk-strong",
            x=x,
            y=24 if role else 33,
            text_anchor="middle",
        ),
        el("text", short(name, 25), class_="lk-mono lk-dim lk-small", x=x, y=41, text_anchor="middle")
        if role
        else None,
    )


def _shades(model: Ladder, xs: list[int]) -> Markup:
    """A shaded field behind each run of steps that one connection made under TLS."""
    fields: list[Markup] = []
    runs = groupby(enumerate(model.steps), key=lambda item: (item[1].encrypted, item[1].connection))
    for (encrypted, _), run in runs:
        if not encrypted:
            continue
        (top, step), *rest = run
        left, right = sorted((xs[step.source], xs[step.target]))
        x, y, width, height = left - 5, _HEAD + _ROW * top, right - left + 10, _ROW * (1 + len(rest))
        fields.append(el("rect", class_="lk-tls", x=x, y=y, width=width, height=height, rx=4))
        fields.append(el("text", "TLS", class_="lk-tls-word", x=right + 10, y=y + 19))
    return join(fields)


def _row(step: Step, xs: list[int], y: int, when: str, width: int) -> Markup:
    if step.kind in ("pause", "more"):
        words = ("⋮ " if step.kind == "pause" else "") + step.label
        return el("text", words, class_="lk-dim lk-halo", x=width / 2, y=y + 20, text_anchor="middle")
    left, right = sorted((xs[step.source], xs[step.target]))
    time = el("text", when, class_="lk-mono lk-dim lk-small", x=_GUTTER - 20, y=y + 20, text_anchor="end")
    if step.kind == "open":
        band = el("rect", class_="lk-band", x=left + 6, y=y + 5, width=right - left - 12, height=20, rx=10)
        return el("g", time, band, _label(step, left, right, y + 19, "lk-small lk-strong"))
    kind = "command" if step.kind == "command" else step.outcome or ""
    colour = _CLASSES.get(kind, "lk-server-ink")
    dashes = "" if step.kind == "command" else _DASHES.get(step.outcome or "", "")
    return el(
        "g",
        el("title", step.detail) if step.detail else None,
        time,
        _arrow(step, xs[step.source], xs[step.target], y + 20, dashes),
        _label(step, left, right, y + 15, "lk-mono " + ("lk-halo-tls" if step.encrypted else "lk-halo")),
        class_=colour,
    )


def _arrow(step: Step, x1: float, x2: float, y: float, dashes: str) -> Markup:
    way = 1 if x2 > x1 else -1
    tip = x2 - way * 3
    if step.kind == "missing":  # it breaks off half-way, at a cross
        tip = x1 + (x2 - x1) * 0.5
        cross = f"M{tip - 5:g} {y - 1:g}l10 10m0 -10l-10 10"
        return join([_line(x1, y, tip, y + 4, dashes), el("path", class_="lk-stroke", d=cross)])
    head = f"M{tip:g} {y + 5:g}l{-way * 9} -4.5v9z"
    ends = [
        _line(x1 + way * 2, y + (5 if step.kind == "tls" else 1), tip - way * 8, y + 5, dashes),
        _tip(head),
    ]
    if step.kind == "tls":
        ends.append(_tip(f"M{x1 + way * 3:g} {y + 5:g}l{way * 9} -4.5v9z"))
    return join(ends)


def _line(x1: float, y1: float, x2: float, y2: float, dashes: str) -> Markup:
    return el("line", class_="lk-stroke" + dashes, x1=x1, y1=y1, x2=x2, y2=y2)


def _tip(path: str) -> Markup:
    return el("path", class_="lk-fill", d=path)


def _label(step: Step, left: float, right: float, y: float, class_: str) -> Markup:
    room = int((right - left - 28) / (_LETTER if "mono" in class_ else _NARROW))
    return el("text", short(step.label, room), class_=class_, x=(left + right) / 2, y=y, text_anchor="middle")


_TIME, _COLUMN = 11, {2: 62, 3: 48}


def write(model: Ladder) -> str:
    """The same ladder as lines of text."""
    column = _COLUMN.get(len(model.lifelines), 42)
    places = [_TIME + 14 + column * place for place in range(max(len(model.lifelines), 1))]
    lines = [model.title, ""]
    for attribute in ("role", "name"):
        row = _Line(places[-1] + 28)
        for line, x in zip(model.lifelines, places, strict=False):
            row.centre(x, short(getattr(line, attribute) or "", 26))
        lines.append(str(row))
    lines.extend(_text(step, places, model.when(step)) for step in model.steps)
    return "\n".join(line for i, line in enumerate(lines) if line or i == 1)


def _text(step: Step, places: list[int], when: str) -> str:
    row = _Line(places[-1] + 28)
    if step.kind in ("pause", "more"):
        row.centre((places[0] + places[-1]) // 2, ("⋮ " if step.kind == "pause" else "") + step.label)
        return str(row)
    for x in places:
        row.put(x, "│")
    row.put(0, when.rjust(_TIME))
    left, right = sorted((places[step.source], places[step.target]))
    body = {"open": "·", "reply": "─", "missing": "╌", "tls": "═"}.get(step.kind, "─")
    row.put(left + 1, body * (right - left - 1))
    forth = step.target > step.source
    if step.kind in ("command", "reply", "tls"):
        row.put(right - 1 if forth else left + 1, ">" if forth else "<")
    if step.kind == "tls":
        row.put(left + 1 if forth else right - 1, "<" if forth else ">")
    row.centre((left + right) // 2, f" {short(step.label, right - left - 7)} ")
    if step.encrypted and step.kind != "open":
        row.put(right + 2, "TLS")
    return str(row)


class _Line:
    """A line of text that is written by position."""

    def __init__(self, width: int) -> None:
        self.letters = [" "] * width

    def put(self, at: int, text: str) -> None:
        self.letters[at : at + len(text)] = text

    def centre(self, at: int, text: str) -> None:
        self.put(max(at - len(text) // 2, 0), text)

    def __str__(self) -> str:
        return "".join(self.letters).rstrip()
