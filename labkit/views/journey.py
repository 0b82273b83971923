"""The devices and the message's way between them, with the protocol on each leg.

A leg is all connections of one protocol and step between two devices.  The picture says who
speaks what to whom and in which order the legs were first used; the lines below it say
when each message crossed which leg, and with what outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labkit.views.ends import Device, devices_of, ends_of
from labkit.views.markup import Markup, el, join
from labkit.views.picture import Picture
from labkit.views.rows import Row, tables_of
from labkit.views.style import sheet
from labkit.views.words import (
    OUTCOME_MARKS,
    clock,
    listing,
    plural,
    protocol_name,
    short,
    visible,
    weekday,
)

STEPS = {
    "submit": "submission",
    "relay": "delivery",
    "deliver": "local delivery",
    "access": "access",
    None: "",
}
"""The table's step in the words of the communication model."""


@dataclass(slots=True)
class Leg:
    """Positions of devices; `number` says in which order the legs were first used."""

    number: int
    client: int
    server: int
    words: str
    port: str
    connections: list[int] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)


def journey(
    source: Any,
    *,
    trace: str | None = None,
    title: str = "The way of the mail",
    moment: int | None = None,
) -> Picture:
    """The devices and legs of a world or a capture; `trace` (a trace_id) follows one message alone.

    `moment` is the journey as it stands at that one of its steps (see moments.py), negative from the last.
    """
    if moment is not None:
        from labkit.views.moments import moments, still

        return still(moments(source, trace=trace), moment)
    connections, messages, lookups = tables_of(source, "connections", "messages", "lookups")
    if trace is not None:
        messages = [row for row in messages if row.get("trace_id") == trace]
    devices, legs = _legs(list(ends_of(connections, lookups).values()), messages)
    events = _events(legs, devices)
    alt = f"{title}: " + (listing(_leg_words(leg, devices) for leg in legs) or "nothing travelled") + "."
    return Picture(_write(title, devices, legs, events), alt, svg=_draw(title, alt, devices, legs, events))


def _legs(connections: Sequence[Row], messages: Sequence[Row]) -> tuple[list[Device], list[Leg]]:
    devices = devices_of(connections)
    uses: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in sorted(connections, key=lambda row: row["connection"]):
        use = (row["client_name"], row["server_name"], protocol_words(row), port_words(row))
        uses.setdefault(use, []).append(row)
    place = {device.name: position for position, device in enumerate(devices)}
    crossed: dict[int, list[Row]] = {}
    for row in messages:
        crossed.setdefault(row["connection"], []).append(row)
    legs: list[Leg] = []
    for (client, server, words, port), rows in uses.items():
        leg = Leg(
            len(legs) + 1, place[client], place[server], words, port, [row["connection"] for row in rows]
        )
        leg.messages = [message for number in leg.connections for message in crossed.get(number, [])]
        legs.append(leg)
    return devices, legs


def protocol_words(row: Row) -> str:
    """`SMTP submission`."""
    step = "look-up" if row["protocol"] == "dns" else STEPS.get(row.get("step"), row.get("step"))
    return " ".join(filter(None, [protocol_name(row["protocol"]), step]))


def port_words(row: Row) -> str:
    """`port 587, STARTTLS`."""
    tls = {"implicit": ", TLS", "STARTTLS": ", STARTTLS"}.get(row.get("tls") or "", "")
    return f"port {row['server_port']}{tls}"


def _leg_words(leg: Leg, devices: Sequence[Device]) -> str:
    client, server = (device.role or device.name for device in (devices[leg.client], devices[leg.server]))
    return f"{leg.number} {client} to {server} by {leg.words} ({leg.port})"


def _events(legs: Sequence[Leg], devices: Sequence[Device]) -> list[str]:
    """When which message crossed which leg, in order of time."""
    crossings = [(row["time"], leg.number, leg, row) for leg in legs for row in leg.messages]
    lines = []
    for time, number, crossed, row in sorted(crossings, key=lambda crossing: crossing[:2]):
        end = devices[crossed.client if row["direction"] == "retrieved" else crossed.server]
        mark, where = OUTCOME_MARKS.get(row["outcome"], "?"), end.role or end.name
        words = [f"{weekday(time)} {clock(time)}  leg {number}  {mark} to {where}"]
        words += [f" ({row['outcome']})"] if row["outcome"] != "ok" else []
        words += [f" “{short(visible(row['subject']), 40)}”"] if row.get("subject") else []
        words += [f", {plural(row['octets'], 'octet')}"] if row.get("octets") is not None else []
        lines.append("".join(words))
    return lines


_LEGEND = "● opens the connection; the envelope stands where the message arrived"
_LIMIT = 12  # lines of events in the drawing and in the text
_BOX, _GAP, _TOP, _LANE = 154, 72, 14, 60


def _draw(
    title: str, alt: str, devices: Sequence[Device], legs: Sequence[Leg], events: Sequence[str]
) -> Markup:
    xs = [12 + (_BOX + _GAP) * place for place in range(max(len(devices), 1))]
    width = max(xs[-1] + _BOX + 12, 620)
    foot = _TOP + 60 + _LANE * len(legs) + 20
    shown = _shortened(events)
    height = foot + 20 * len(shown) + 20
    lives = [
        el("line", class_="lk-line lk-dotted", x1=x + _BOX / 2, y1=_TOP + 52, x2=x + _BOX / 2, y2=foot - 14)
        for x in xs[: len(devices)]
    ]
    return el(
        "svg",
        el("title", title),
        el("desc", alt),
        sheet("svg"),
        *lives,
        *(_box(device, x) for device, x in zip(devices, xs, strict=False)),
        *(_leg(leg, xs, _TOP + 66 + _LANE * i) for i, leg in enumerate(legs)),
        el("text", _LEGEND, class_="lk-dim lk-small", x=16, y=foot + 4),
        *(el("text", line, class_="lk-mono", x=16, y=foot + 28 + 20 * i) for i, line in enumerate(shown)),
        xmlns="http://www.w3.org/2000/svg",
        class_="lk lk-svg",
        viewBox=f"0 0 {width} {height}",
        style=f"min-width:{width * 5 // 8}px;max-width:{width}px",
        role="img",
    )


def _box(device: Device, x: int) -> Markup:
    middle = x + _BOX / 2
    name = el(
        "text",
        short(device.name, 20),
        class_="lk-mono lk-dim lk-small",
        x=middle,
        y=_TOP + 40,
        text_anchor="middle",
    )
    return el(
        "g",
        el("rect", class_="lk-box", x=x, y=_TOP, width=_BOX, height=52, rx=8),
        el("text", short(device.role or device.name, 22), class_="lk-strong", x=middle,
           y=_TOP + (22 if device.role else 31), text_anchor="middle"),
        name if device.role else None,
    )  # fmt: skip


def _leg(leg: Leg, xs: list[int], y: int) -> Markup:
    """An arrow from the client, who opens the connection, and the envelope that went along it."""
    x1, x2 = xs[leg.client] + _BOX / 2, xs[leg.server] + _BOX / 2
    if x1 == x2:
        x2 = x1 + _BOX / 2 + 30
    way = 1 if x2 > x1 else -1
    line = y + 26
    words = f"{leg.number}  {leg.words}"
    middle = (x1 + x2) / 2
    letters = [
        el(
            "text",
            f"{leg.port} · {_crossings(leg)}",
            class_="lk-small lk-halo",
            x=middle,
            y=line + 21,
            text_anchor="middle",
        )
    ]
    if any(row["outcome"] == "ok" for row in leg.messages):
        retrieved = any(row["direction"] == "retrieved" for row in leg.messages)
        letters.append(envelope((x1 + way * 30 if retrieved else x2 - way * 36) - 11, line - 7))
    return el(
        "g",
        el(
            "title",
            f"{plural(len(leg.connections), 'connection')}: {', '.join(map(str, leg.connections[:20]))}",
        ),
        el("line", class_="lk-stroke", x1=x1, y1=line, x2=x2 - way * 9, y2=line),
        el("circle", class_="lk-fill", cx=x1, cy=line, r=4),
        el("path", class_="lk-fill", d=f"M{x2:g} {line}l{-way * 11} -5.5v11z"),
        el("text", words, class_="lk-strong lk-halo", x=middle, y=line - 10, text_anchor="middle"),
        *letters,
        class_="lk-client-ink" if any(row["outcome"] == "ok" for row in leg.messages) else "lk-dim-ink",
    )


def _crossings(leg: Leg) -> str:
    good = sum(row["outcome"] == "ok" for row in leg.messages)
    bad = len(leg.messages) - good
    said = (
        [f"{plural(good, 'message')} {'fetched' if leg.messages[0]['direction'] == 'retrieved' else 'sent'}"]
        if good
        else []
    )
    said += [f"{bad} not accepted"] if bad else []
    more = f" in {len(leg.connections)} connections" if len(leg.connections) > 1 else ""
    if not said:
        return (
            plural(len(leg.connections), "question") if leg.words.startswith("DNS") else f"no message{more}"
        )
    return ", ".join(said) + more


def envelope(x: float, y: float) -> Markup:
    """A letter, 22 by 14."""
    return join(
        [
            el("rect", class_="lk-box", x=x, y=y, width=22, height=14, rx=2, style="stroke:currentColor"),
            el("path", class_="lk-stroke", d=f"M{x:g} {y + 1:g}l11 8l11 -8"),
        ]
    )


def _shortened(events: Sequence[str]) -> list[str]:
    if len(events) <= _LIMIT:
        return list(events)
    return [*events[: _LIMIT - 1], f"… and {plural(len(events) - _LIMIT + 1, 'crossing')} more"]


def _write(title: str, devices: Sequence[Device], legs: Sequence[Leg], events: Sequence[str]) -> str:
    lines = [title, ""]
    lines += [f"  [{device.role or 'other'}: {device.name}]" for device in devices]
    lines += [""] + [f"  {_leg_words(leg, devices)}: {_crossings(leg)}" for leg in legs]
    lines += ["", *(f"  {line}" for line in _shortened(events))] if events else []
    return "\n".join(lines)
