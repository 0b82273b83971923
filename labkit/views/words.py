"""How views say numbers, times and text, the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

OUTCOME_MARKS = {
    "ok": "✓",
    "continue": "…",
    "temporary": "↻",
    "permanent": "✗",
    "closed": "■",
    "unanswered": "?",
}
"""An outcome is told by a sign and only then by a colour."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def visible(text: str) -> str:
    """Text with every character shown: controls, bidirectional overrides and the like as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def short(text: str, width: int) -> str:
    """At most `width` characters, the end cut away with an ellipsis."""
    return text if len(text) <= width else text[: max(width - 1, 0)].rstrip() + "…"


def digits(number: int) -> str:
    """A whole number, its digits in groups of three: `1 024`."""
    return f"{number:,}".replace(",", " ")


def plural(number: int, noun: str) -> str:
    """`1 octet`, `1 024 octets`."""
    return f"{digits(number)} {noun}" + ("" if number == 1 else "s")


def duration(microseconds: int) -> str:
    """A length of time at the precision a reader wants: `50 ms`, `1.25 s`, `3 h 20 min`, `2 d 4 h`."""
    seconds = microseconds / 1e6
    if seconds < 0:
        return "-" + duration(-microseconds)
    if seconds < 0.9995:
        return f"{microseconds / 1e3:.3g} ms" if microseconds else "0 s"
    if seconds < 59.995:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"
    whole = round(seconds)
    for (unit, name), (smaller, small_name) in pairwise(_UNITS):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{whole} s"


def clock(at: int, decimals: int = 0) -> str:
    """A time of the lab's clock (UTC) as `09:00:00`, with decimals of the second if asked for."""
    when = _EPOCH + timedelta(microseconds=at)
    fraction = f".{when.microsecond:06d}"[: decimals + 1] if decimals else ""
    return f"{when:%H:%M:%S}{fraction}"


def weekday(at: int) -> str:
    """`Mon` to `Sun`, in English whatever the locale."""
    return _DAYS[(_EPOCH + timedelta(microseconds=at)).weekday()]


def listing(words: Iterable[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    parts = list(words)
    return f" {last} ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def exchange_class(connection: int, exchange: int) -> str:
    """The class that every view gives to what it shows of an exchange: a selection finds it in all of them.

    No id: several views of one page show the same exchange, and an id may stand there only once.
    """
    return f"lk-x-{connection}-{exchange}"


def protocol_name(protocol: str | None) -> str:
    """The protocol as it is written in prose."""
    return (protocol or "unknown protocol").upper() if protocol else "unknown protocol"


_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NAMED = {"\r": "\\r", "\n": "\\n", "\t": "\\t"}


def _escape(character: str) -> str:
    code = ord(character)
    named = _NAMED.get(character)
    return named or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
