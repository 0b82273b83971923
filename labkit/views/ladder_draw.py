"""Writes a ladder as SVG; what stands in it is decided in ladder.py, and where in ladder_scale.py."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from math import atan2, degrees
from typing import TYPE_CHECKING

from labkit.views.ladder_scale import ROW, Place, Plan, plan
from labkit.views.ladder_text import marks
from labkit.views.markup import Markup, el, join
from labkit.views.style import sheet
from labkit.views.words import duration, exchange_class, short

if TYPE_CHECKING:
    from labkit.views.ladder import Ladder, Wait
    from labkit.views.ladder_steps import Step

_GUTTER, _HEAD, _MARGIN = 104, 66, 24
_GAPS = {2: 470, 3: 370}  # between lifelines; four and more stand closer
_LETTER = 7.6  # width of a monospaced letter of 12.5 px, rounded up
_NARROW = 6.6  # of one in a heading
_SHARE, _TOWARDS = 0.86, 0.56  # of a slanted arrow: what its label takes, and where its middle is
_LANE, _LANES = 5, 12  # bars of commands in flight: how far from each other, and how many at most
_CLASSES = {
    "command": "lk-client-ink",
    "permanent": "lk-bad-ink",
    "temporary": "lk-warn-ink",
    "closed": "lk-warn-ink",
    "unanswered": "lk-bad-ink",
}
_BODY = Markup("<!-- steps -->")  # text cannot hold it: it would be escaped
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
    where = plan(model)
    width, height = xs[-1] + 80 + _MARGIN, round(_HEAD + where.height + _MARGIN)
    frame = el(
        "svg",
        el("title", model.title),
        el("desc", alt),
        sheet("svg", "ladder"),
        *_shades(model, where, xs),
        _lives(model, xs, height),
        _BODY,
        *(_break(y, passed, width) for y, passed in where.breaks),
        _ruler(where) if where.per_second else None,
        *(_head(line.name, line.role, x) for line, x in zip(model.lifelines, xs, strict=False)),
        xmlns="http://www.w3.org/2000/svg",
        class_="lk lk-svg",
        viewBox=f"0 0 {width} {height}",
        style=f"min-width:{width * 4 // 5}px;max-width:{width}px",
        role="img",
    )
    before, _, behind = frame.partition(_BODY)
    body = [*(_wait(model, wait, where, xs) for wait in model.waits), *_body(model, where, xs, width)]
    return Markup("".join([before, *body, behind]))  # once: the element around them would copy them


def _lives(model: Ladder, xs: list[int], height: int) -> Markup:
    return join(
        el("line", class_="lk-life", x1=x, y1=_HEAD - 8, x2=x, y2=height - 10)
        for x in xs[: len(model.lifelines)]
    )


def _head(name: str, role: str | None, x: float) -> Markup:
    title = short(role or name, 26)
    return el(
        "g",
        el("title", f"{role}: {name}" if role else name),
        el("rect", class_="lk-box", x=x - 96, y=6, width=192, height=44, rx=6),
        el("text", title, class_="lk-strong", x=x, y=24 if role else 33, text_anchor="middle"),
        el("text", short(name, 25), class_="lk-mono lk-dim lk-small", x=x, y=41, text_anchor="middle")
        if role
        else None,
    )


def _shades(model: Ladder, where: Plan, xs: list[int]) -> Iterator[Markup]:
    """A shaded field behind each run of steps under TLS between the same two devices."""
    pairs: dict[tuple[int, int], list[tuple[int, Step]]] = {}
    for i, step in enumerate(model.steps):
        if step.at is not None and step.kind != "close":
            low, high = sorted((step.source, step.target))
            pairs.setdefault((low, high), []).append((i, step))
    for (low, high), found in pairs.items():
        for (encrypted, _), group in groupby(found, key=lambda item: (item[1].encrypted, item[1].connection)):
            if not encrypted:
                continue
            run = [i for i, _ in group]
            left, right = xs[low], xs[high]
            top, bottom = where.places[run[0]].left - 20, where.places[run[-1]].came + 6
            x, y, width = left - 5, _HEAD + top, right - left + 10
            yield el("rect", class_="lk-tls", x=x, y=y, width=width, height=bottom - top, rx=4)
            yield el("text", "TLS", class_="lk-tls-word", x=right + 10, y=y + 18)


def _wait(model: Ladder, wait: Wait, where: Plan, xs: list[int]) -> Markup:
    """A bar beside the client's line for as long as the command waits for its reply."""
    command, reply = model.steps[wait.command], model.steps[wait.reply]
    away = -1 if command.target > command.source else 1
    x = xs[command.source] + away * (4 + _LANE * min(wait.lane, _LANES))
    top, bottom = _HEAD + where.places[wait.command].left, _HEAD + where.places[wait.reply].came
    late = " lk-late" if reply.late or reply.kind == "missing" else ""
    return el("line", class_=f"lk-wait{late}", x1=x, y1=top + 1, x2=x, y2=max(bottom - 1, top + 3))


def _body(model: Ladder, where: Plan, xs: list[int], width: int) -> Iterator[Markup]:
    told = -99.0  # how far down the last time stands
    lanes = min(max((wait.lane for wait in model.waits), default=0), _LANES)
    for step, place in zip(model.steps, where.places, strict=True):
        if step.kind in ("pause", "more"):
            words = ("⋮ " if step.kind == "pause" else "") + step.label
            if not where.per_second or step.kind == "more":
                y = _HEAD + place.came + (16 if where.per_second else -1)
                yield el("text", words, class_="lk-dim lk-halo", x=width / 2, y=y, text_anchor="middle")
            continue
        here = _HEAD + (place.came if step.kind == "reply" else place.left)
        when = "" if step.kind == "missing" or (where.per_second and here - told < 13) else model.when(step)
        told = here if when else told
        yield _step(model, step, place, xs, when, here, lanes)


def _step(
    model: Ladder, step: Step, place: Place, xs: list[int], when: str, here: float, lanes: int
) -> Markup:
    x1, x2, y1, y2 = xs[step.source], xs[step.target], _HEAD + place.left, _HEAD + place.came
    if step.kind == "tls":
        y1 = y2 = (y1 + y2) / 2
    left, right = min(x1, x2), max(x1, x2)
    time = (
        el("text", when, class_="lk-mono lk-dim lk-small", x=_GUTTER - 20, y=here - 1, text_anchor="end")
        if when
        else None
    )
    if step.kind == "open":
        band = el("rect", class_="lk-band", x=left + 6, y=y1 - 16, width=right - left - 12, height=20, rx=10)
        label = _label(step.label, left, right, y1 - 2, "lk-small lk-strong")
        return el("g", time, band, label, data_connection=step.connection)
    if step.kind == "close":
        words = f"✂ {step.label}"
        mark = el("line", class_="lk-stroke lk-dotted", x1=left + 8, y1=y1, x2=right - 8, y2=y1)
        label = _label(words, left, right, y1 - 5, "lk-small lk-strong lk-halo lk-fill")
        return el("g", time, mark, label, class_="lk-bad-ink", data_connection=step.connection)
    kind = "command" if step.kind == "command" else step.outcome or ""
    classes = [_CLASSES.get(kind, "lk-server-ink")]
    chosen = None
    if step.connection is not None and step.exchange is not None:
        classes.append(exchange_class(step.connection, step.exchange))
        is_chosen = model.selected == (step.connection, step.exchange)
        hit = "lk-hit lk-chosen" if is_chosen else "lk-hit"
        chosen = el("rect", class_=hit, x=left + 4, y=min(y1, y2) - 18, width=right - left - 8,
                    height=abs(y2 - y1) + 22, rx=4)  # fmt: skip
    dashes = "" if step.kind == "command" else _DASHES.get(step.outcome or "", "")
    halo = "lk-halo-tls" if step.encrypted else "lk-halo"
    return el(
        "g",
        el("title", step.detail) if step.detail else None,
        chosen,
        time,
        _arrow(step, x1, x2, y1, y2, dashes),
        _slanted(step, x1, x2, y1, y2, f"lk-mono {halo}", model.to_scale and step.kind == "missing"),
        _latency(step, x2, x1, y2, lanes) if step.waited is not None else None,
        class_=" ".join(classes),
        data_connection=step.connection,
        data_exchange=step.exchange,
    )


def _arrow(step: Step, x1: float, x2: float, y1: float, y2: float, dashes: str) -> Markup:
    way = 1 if x2 > x1 else -1
    tip = x2 - way * 3
    if step.kind == "missing" or step.lost:  # it breaks off half-way, at a cross
        tip, y = x1 + (x2 - x1) * 0.5, (y1 + y2) / 2
        cross = f"M{tip - 5:g} {y - 5:g}l10 10m0 -10l-10 10"
        return join([_line(x1, y1, tip, y, dashes), el("path", class_="lk-stroke", d=cross)])
    turn = degrees(atan2(y2 - y1, x2 - x1))
    head = _tip(x2 - way * 3, y2, turn)
    if step.kind != "tls":
        return join([_line(x1 + way * 2, y1, tip - way * 8, y2 - (y2 - y1) * 8 / abs(x2 - x1), dashes), head])
    y = y2  # both speak
    return join(
        [_line(x1 + way * 11, y, tip - way * 8, y, dashes), _tip(tip, y, 0 if way > 0 else 180),
         _tip(x1 + way * 3, y, 180 if way > 0 else 0)]
    )  # fmt: skip


def _line(x1: float, y1: float, x2: float, y2: float, dashes: str) -> Markup:
    return el("line", class_="lk-stroke" + dashes, x1=x1, y1=y1, x2=x2, y2=y2)


def _tip(x: float, y: float, turn: float) -> Markup:
    turned = f"translate({x:g} {y:.2f}) rotate({turn:.1f})"
    return el("path", class_="lk-fill", d="M0 0l-9 -4.5v9z", transform=turned)


def _slanted(
    step: Step, x1: float, x2: float, y1: float, y2: float, class_: str, is_below: bool = False
) -> Markup:
    """The label above the middle of its arrow, along it; or below, where another arrow ends above it."""
    is_flat = abs(y2 - y1) <= 5
    room = int((abs(x2 - x1) * (1 if is_flat else _SHARE) - 28) / _LETTER)
    flaws = marks(step, room)
    warning = el("tspan", flaws, class_="lk-flaw") if flaws else None
    words = short(step.label, room - len(flaws))
    if is_flat:
        x, y = (x1 + x2) / 2, (y1 + y2) / 2 + (15 if is_below else -6.5)
        return el("text", words, warning, class_=class_, x=x, y=y, text_anchor="middle")
    x, y = x1 + (x2 - x1) * _TOWARDS, y1 + (y2 - y1) * _TOWARDS - 6
    turn = degrees(atan2((y2 - y1) * (1 if x2 > x1 else -1), abs(x2 - x1)))
    turned = f"rotate({turn:.1f} {x:g} {y:.2f})"
    return el("text", words, warning, class_=class_, x=x, y=y, text_anchor="middle", transform=turned)


def _latency(step: Step, x: float, other: float, y: float, lanes: int) -> Markup:
    """How long the client waited, at its line, beside the bars."""
    room = 10 + _LANE * lanes
    away, anchor = (-room, "end") if x < other else (room, "start")
    words = ("◷ " if step.late else "") + duration(step.waited or 0)
    class_ = "lk-small lk-halo lk-late-word" if step.late else "lk-small lk-halo lk-dim"
    return el("text", words, class_=class_, x=x + away, y=y + 4, text_anchor=anchor)


def _label(words: str, left: float, right: float, y: float, class_: str) -> Markup:
    room = int((right - left - 28) / _NARROW)
    return el("text", short(words, room), class_=class_, x=(left + right) / 2, y=y, text_anchor="middle")


def _break(y: float, passed: int, width: int) -> Markup:
    """Time that is left out."""
    y += _HEAD
    wave = f"M{_GUTTER + 10} {y:.2f}" + "q4 -5 8 0t8 0" * ((width - _GUTTER - 30) // 16)
    words = el(
        "text", f"⋮ {duration(passed)}", class_="lk-dim lk-small", x=_GUTTER - 20, y=y + 4, text_anchor="end"
    )
    return el(
        "g", el("path", class_="lk-gap", d=wave), el("path", class_="lk-stroke", d=wave), words,
        class_="lk-dim-ink",
    )  # fmt: skip


def _ruler(where: Plan) -> Markup:
    """How long a stretch of the picture is."""
    length = next(n for n in _ROUND if n * where.per_second / 1e6 >= 24)
    size = length * where.per_second / 1e6
    bar = f"M12 {_HEAD - 6:g}h8m-4 0v{-size:.2f}m-4 0h8"
    word = el("text", duration(length), class_="lk-small lk-dim", x=26, y=_HEAD - 2 - size / 2)
    return el("g", el("path", class_="lk-stroke", d=bar), word, class_="lk-dim-ink")


_ROUND = [digit * 10**power for power in range(14) for digit in (1, 2, 5)]

__all__ = ["ROW", "draw"]
