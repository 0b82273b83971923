"""Draws one moment of a journey: the devices, what lies in them, and the letter between two of them."""

from __future__ import annotations

from collections.abc import Iterator

from labkit.views.ends import Device
from labkit.views.journey import envelope
from labkit.views.markup import Markup, el, join
from labkit.views.moments import PLACES, Letter, Moment, Place, Walk
from labkit.views.picture import Picture
from labkit.views.style import sheet
from labkit.views.words import OUTCOME_MARKS, clock, listing, short, visible, weekday

_BOX, _GAP, _TOP = 172, 54, 62
_LANE = _TOP + 94  # where the arrow is
_SHELF = _LANE + 34  # where what lies in the devices begins
_ROW, _SHOWN = 20, 4  # letters of one place that are shown by name
_FIELDS = 8  # Received fields that are shown


def picture(walk: Walk, number: int) -> Picture:
    if not walk.moments:
        words = "Nothing travelled: there is no moment to show"
        return Picture(words, words + ".", svg=_svg("Nothing travelled", words + ".", [], 420, 60))
    number = number % len(walk) if -len(walk) <= number < len(walk) else len(walk) - 1
    moment = walk[number]
    head = f"Moment {number + 1} of {len(walk)}, {weekday(moment.at)} {clock(moment.at, 3)}"
    alt = f"{head}: {moment.words}. {_lying_words(walk, moment)}"
    return Picture(_write(walk, moment, head), alt, svg=_draw(walk, moment, head, alt))


def _lying_words(walk: Walk, moment: Moment) -> str:
    said = [
        f"{len(lying)} in the {place} of the {device.title}"
        for device, place, lying in _shelves(walk, moment)
        if lying
    ]
    return f"Messages: {listing(said)}." if said else "No message lies anywhere."


def _shelves(walk: Walk, moment: Moment) -> Iterator[tuple[Device, Place, tuple[Letter, ...]]]:
    """What lies where; places that nothing ever lies in are left out."""
    used, places = walk.most, moment.places
    for device in walk.devices:
        for place in PLACES:
            if (device.name, place) in used:
                yield device, place, places.get((device.name, place), ())


def _draw(walk: Walk, moment: Moment, head: str, alt: str) -> Markup:
    xs = {device.name: 12 + (_BOX + _GAP) * i for i, device in enumerate(walk.devices)}
    width = max(12 + (_BOX + _GAP) * len(xs) - _GAP + 12, 640)
    parts: list[Markup | None] = [
        el("text", head, class_="lk-dim lk-small", x=14, y=20),
        el("text", short(visible(moment.words), 96), class_="lk-strong", x=14, y=42),
    ]
    depth = dict.fromkeys(xs, float(_SHELF))
    shelves = []
    for device, place, lying in _shelves(walk, moment):
        most = walk.most[device.name, place]
        shelves.append(_shelf(place, lying, moment, xs[device.name], depth[device.name]))
        depth[device.name] += 26 + _ROW * min(most, _SHOWN) + (_ROW - 4) * (most > _SHOWN)
    floor = max(depth.values(), default=_SHELF)
    parts += [_device(device, xs[device.name], floor, moment) for device in walk.devices]
    parts += [*shelves, _arrow(moment, xs)]
    fields = [_field(words, i, moment, floor) for i, words in enumerate(moment.received[-_FIELDS:])]
    if fields and moment.letter is not None:
        title = f"Received fields of letter {moment.letter.number}, the newest on top in the message"
        parts.append(el("text", title, class_="lk-dim lk-small", x=14, y=floor + 30))
        parts += fields
    height = floor + (40 + 19 * len(fields) if fields else 16)
    return _svg(head, alt, parts, width, round(height))


def _svg(title: str, alt: str, parts: list[Markup | None], width: int, height: int) -> Markup:
    return el(
        "svg",
        el("title", title),
        el("desc", alt),
        sheet("svg", "moments"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        class_="lk lk-svg",
        viewBox=f"0 0 {width} {height}",
        style=f"min-width:{width * 5 // 8}px;max-width:{width}px",
        role="img",
    )


def _device(device: Device, x: int, floor: float, moment: Moment) -> Markup:
    kind = "lk-box lk-part" if device.name in (moment.source, moment.target) else "lk-box"
    middle, y = x + _BOX / 2, _TOP + (22 if device.role else 31)
    small = {"class_": "lk-mono lk-dim lk-small", "text_anchor": "middle"}
    return el(
        "g",
        el("line", class_="lk-line lk-dotted", x1=middle, y1=_TOP + 52, x2=middle, y2=_SHELF - 6),
        el("rect", class_=kind, x=x, y=_TOP, width=_BOX, height=52, rx=8),
        el("text", short(device.title, 24), class_="lk-strong", x=middle, y=y, text_anchor="middle"),
        el("text", short(device.name, 23), x=middle, y=_TOP + 40, **small) if device.role else None,
        el("rect", class_="lk-floor", x=x, y=_SHELF - 6, width=_BOX, height=floor - _SHELF + 6, rx=6),
    )


def _shelf(place: Place, lying: tuple[Letter, ...], moment: Moment, x: int, y: float) -> Markup:
    """What lies in one place."""
    words = f"{place}: {len(lying) or 'empty'}"
    parts = [el("text", words, class_="lk-small lk-dim", x=x + 10, y=y + 12)]
    y += 18
    for letter in lying[-_SHOWN:]:
        is_it = moment.letter is not None and letter.trace == moment.letter.trace
        label = short(f"{letter.number} {letter.subject}", 19)
        kind, ink = ("lk-small lk-strong", "lk-client-ink") if is_it else ("lk-small", "lk-dim-ink")
        whole = el("title", f"letter {letter.number}: {letter.subject}")
        word = el("text", label, class_=kind, x=x + 38, y=y + 12)
        parts.append(el("g", whole, envelope(x + 10, y + 1), word, class_=ink))
        y += _ROW
    if len(lying) > _SHOWN:
        more = f"and {len(lying) - _SHOWN} more"
        parts.append(el("text", more, class_="lk-small lk-dim", x=x + 38, y=y + 10))
    return join(parts)


def _arrow(moment: Moment, xs: dict[str, int]) -> Markup | None:
    """Who speaks to whom, and the letter on its way."""
    if moment.source not in xs or moment.target not in xs or moment.source == moment.target:
        return None
    x1, x2 = xs[moment.source] + _BOX / 2, xs[moment.target] + _BOX / 2
    way = 1 if x2 > x1 else -1
    failed = moment.outcome in ("permanent", "temporary", "unanswered", "closed")
    ink = "lk-bad-ink" if failed else "lk-client-ink"
    mark = f" {OUTCOME_MARKS[moment.outcome]}" if moment.outcome in OUTCOME_MARKS else ""
    middle, y = (x1 + x2) / 2, _LANE
    words = f"{moment.protocol}{mark}"
    return el(
        "g",
        el(
            "line",
            class_="lk-stroke lk-dashed" if failed else "lk-stroke",
            x1=x1,
            y1=y,
            x2=x2 - way * 9,
            y2=y,
        ),
        el("path", class_="lk-fill", d=f"M{x2:g} {y}l{-way * 11} -5.5v11z"),
        el("text", words, class_="lk-strong lk-halo", x=middle, y=y - 14, text_anchor="middle"),
        envelope(middle - 11, y - 7) if moment.letter is not None else None,
        class_=ink,
    )


def _field(words: str, i: int, moment: Moment, floor: float) -> Markup:
    """A Received field; they stand as in the message, the newest on top."""
    shown = min(len(moment.received), _FIELDS)
    y = floor + 50 + 19 * (shown - 1 - i)
    is_new = i == shown - 1 and f" by {moment.target} " in words
    label = f"{'+ ' if is_new else '  '}{words}"
    return el("text", short(label, 132), class_="lk-mono lk-small lk-client-ink lk-fill" if is_new else
              "lk-mono lk-small", x=14, y=y)  # fmt: skip


def _write(walk: Walk, moment: Moment, head: str) -> str:
    lines = [head, moment.words, ""]
    if moment.source is not None and moment.target is not None:
        what = f"letter {moment.letter.number}" if moment.letter is not None else "…"
        mark = OUTCOME_MARKS.get(moment.outcome or "", "")
        lines += [f"  {moment.source} ──({what})──> {moment.target}  {moment.protocol} {mark}".rstrip(), ""]
    shelves = list(_shelves(walk, moment))
    for device in walk.devices:
        lines.append(f"  [{device.role or 'other'}: {device.name}]")
        for where, place, lying in shelves:
            if where is device:
                said = [f"{one.number} “{short(one.subject, 30)}”" for one in lying[-_SHOWN:]]
                said += [f"and {len(lying) - _SHOWN} more"] if len(lying) > _SHOWN else []
                lines.append(f"    {place}: {', '.join(said) or 'empty'}")
    if moment.received:
        lines += ["", *(f"  {words}" for words in reversed(moment.received[-_FIELDS:]))]
    return "\n".join(lines)
