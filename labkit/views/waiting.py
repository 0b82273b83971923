"""Where each letter was, and when: what a capture tells about waiting.

A letter is known by its `trace_id`.  It is at the server that took it from its author's
host, from then on at whoever said 250 to it, and has arrived when a recipient's host has it,
whether that host was given it by SMTP or fetched it.  Whoever fetches a notice that names
the letter's Message-ID and comes from another author knows that it was returned.

`waiting` draws several captures below each other on one scale of time; `compare` puts them
side by side in a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from labkit.views.ends import ROLES, ends_of
from labkit.views.picture import Picture
from labkit.views.rows import Row, micros, tables_of
from labkit.views.waiting_draw import draw
from labkit.views.words import clock, digits, duration, listing, plural, short, visible, weekday

if TYPE_CHECKING:
    import pandas as pd

RECIPIENTS_HOST = ROLES[3]


@dataclass(frozen=True, slots=True)
class Stay:
    """A letter rests at a device; times in µs, `until` None where the capture ends first."""

    device: str
    since: int
    until: int | None


@dataclass(slots=True)
class Whereabouts:
    """One letter: where it rested in turn, and how that ended: arrived, returned, or still on its way."""

    subject: str
    message_id: str
    sent: int
    stays: list[Stay] = field(default_factory=list)
    arrived: int | None = None
    returned: int | None = None

    @property
    def end(self) -> int | None:
        return self.returned if self.arrived is None else self.arrived

    @property
    def fate(self) -> str:
        if self.arrived is not None:
            return "arrived"
        return "on its way" if self.returned is None else "returned"


@dataclass(frozen=True, slots=True)
class Traffic:
    """One capture as `waiting` and `compare` read it."""

    letters: Sequence[Whereabouts]
    tries: int  # connections by which servers tried to pass letters on
    in_vain: Sequence[int]  # µs: when those began that nobody answered
    fetches: int  # connections that a recipient's host opened
    octets: int  # to and from the recipient's host
    start: int
    end: int


def traffic(source: Any) -> Traffic:
    """What a world or a capture tells about its letters."""
    capture = getattr(source, "capture", source)
    connections, messages = tables_of(capture, "connections", "messages")
    ends = ends_of(connections)
    relays = [row for row in connections if row.get("step") == "relay"]
    last_leg = [row for row in ends.values() if RECIPIENTS_HOST in (row["client_role"], row["server_role"])]
    starts = [row["start"] for row in connections]
    return Traffic(
        letters=_letters(capture, messages, ends),
        tries=len(relays),
        in_vain=[row["start"] for row in relays if row.get("ended") == "timeout"],
        fetches=sum(row["client_role"] == RECIPIENTS_HOST for row in last_leg),
        octets=sum((row["octets_sent"] or 0) + (row["octets_received"] or 0) for row in last_leg),
        start=min(starts, default=0),
        end=max(starts, default=0),
    )


def _letters(capture: Any, messages: Sequence[Row], ends: Mapping[int, Row]) -> list[Whereabouts]:
    found: dict[str, Whereabouts] = {}
    others: list[Row] = []
    for row in sorted(messages, key=lambda row: (row["time"], row["connection"])):
        if row["outcome"] != "ok":
            continue
        end, at = ends[row["connection"]], row["time"]
        letter = found.get(row["trace_id"])
        if row.get("step") == "submit" and letter is None:
            letter = Whereabouts(row["subject"] or "", row["message_id"] or "", at)
            letter.stays.append(Stay(_at(end, "server"), at, None))
            found[row["trace_id"]] = letter
        elif letter is None:
            others.append(row)
        elif letter.arrived is None:
            _move(letter, _at(end, "client" if row["direction"] == "retrieved" else "server"), at)
    for row in others:
        data: bytes = capture.message_bytes(row["connection"], row["exchange"], row["message"])
        for letter in found.values():
            if letter.message_id and letter.message_id.encode() in data and letter.end is None:
                letter.returned = micros(row["header_date"]) or row["time"]
                _end(letter, letter.returned)
    return list(found.values())


def _at(end: Row, side: str) -> str:
    return str(end.get(f"{side}_role") or end[f"{side}_name"])


def _move(letter: Whereabouts, device: str, at: int) -> None:
    _end(letter, at)
    if device == RECIPIENTS_HOST:
        letter.arrived = at
    else:
        letter.stays.append(Stay(device, at, None))


def _end(letter: Whereabouts, at: int) -> None:
    last = letter.stays[-1]
    letter.stays[-1] = Stay(last.device, last.since, at)


def waiting(
    sources: Mapping[str, Any],
    *,
    online: tuple[int, int] | None = None,
    title: str = "Where each letter waited",
) -> Picture:
    """The letters of several worlds or captures, by name, as lines on one scale of time.

    `online` is the recipient's habit, two hours of the day, shaded.
    """
    known = {name: traffic(source) for name, source in sources.items()}
    alt = " ".join([f"{title}.", *(f"{name}: {_summary(one)}." for name, one in known.items())])
    return Picture(_write(title, known), alt, svg=draw(title, alt, known, online))


def compare(sources: Mapping[str, Any]) -> pd.DataFrame:
    """The same worlds or captures side by side: a row for each thing that is worth comparing."""
    import pandas as pd

    from labkit.tables.frame import mail_frame

    columns = {name: _measures(traffic(source)) for name, source in sources.items()}
    rows = list(next(iter(columns.values()), {}))
    values = {name: [measures[row] for row in rows] for name, measures in columns.items()}
    return mail_frame(pd.DataFrame({"": rows, **values}))


def _measures(one: Traffic) -> dict[str, str]:
    delays = [letter.arrived - letter.sent for letter in one.letters if letter.arrived is not None]
    return {
        "letters sent": str(len(one.letters)),
        "arrived at the recipient's host": str(len(delays)),
        "returned to the sender": str(sum(letter.fate == "returned" for letter in one.letters)),
        "delay, median": duration(round(median(delays))) if delays else "",
        "delay, longest": duration(max(delays)) if delays else "",
        "tries of servers to pass letters on": str(one.tries),
        "tries that nobody answered": str(len(one.in_vain)),
        "connections opened by the recipient's host": str(one.fetches),
        "octets to and from the recipient's host": digits(one.octets),
        "where the letters waited": _where(one),
    }


def _where(one: Traffic) -> str:
    """The device at which most of all waiting was done."""
    spent: dict[str, int] = {}
    for letter in one.letters:
        for stay in letter.stays:
            spent[stay.device] = spent.get(stay.device, 0) + (stay.until or one.end) - stay.since
    return max(spent, key=lambda device: spent[device], default="")


def _summary(one: Traffic) -> str:
    fates = [letter.fate for letter in one.letters]
    counted = [f"{fates.count(fate)} {fate}" for fate in dict.fromkeys(sorted(fates))]
    return f"{plural(len(fates), 'letter')}, {listing(counted)}" if fates else "no letters"


def _summary_of_tries(one: Traffic) -> str:
    return f"{len(one.in_vain)} of {plural(one.tries, 'connection')} between servers in vain"


def _write(title: str, known: Mapping[str, Traffic]) -> str:
    lines = [title]
    for name, one in known.items():
        lines += ["", f"{name}: {_summary(one)}; {_summary_of_tries(one)}"]
        lines += [f"  {_words(letter)}" for letter in one.letters]
    return "\n".join(lines)


def _words(letter: Whereabouts) -> str:
    rests = [
        f"{duration(stay.until - stay.since)} at the {stay.device}"
        for stay in letter.stays
        if stay.until is not None
    ]
    begin = f"{weekday(letter.sent)} {clock(letter.sent)[:5]}"
    return f"{begin}  {short(visible(letter.subject), 30)}: {', '.join([*rests, letter.fate])}"
