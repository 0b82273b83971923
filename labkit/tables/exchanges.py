"""The tables `exchanges` and `flaws`: what the dissector found, as text and with times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from labkit.dissect.exchange import Exchange
from labkit.dissect.flaws import CATALOGUE
from labkit.dissect.row import Row, Sheet
from labkit.tables.dissected import Talk, not_collecting
from labkit.tables.table import Table

HIDDEN = "•••"
_TEMPORARY_CODES = frozenset((b"IN-USE", b"SYS/TEMP", b"LOGIN-DELAY", b"UNAVAILABLE", b"INUSE", b"SERVERBUG"))
_OUTCOMES = {
    **{
        b"%d" % digit: outcome
        for digit, outcome in ((2, "ok"), (3, "continue"), (4, "temporary"), (5, "permanent"))
    },
    **dict.fromkeys((b"+OK", b"OK", b"PREAUTH", b"NOERROR", b"ServerHello"), "ok"),
    **dict.fromkeys((b"-ERR", b"NO", b"BAD", b"NXDOMAIN", b"alert"), "permanent"),
    b"SERVFAIL": "temporary",
    b"+": "continue",
    b"BYE": "closed",
}


def exchanges(talks: Iterable[Talk], capture: str, secrets: bool) -> Table:
    """One row per command and its reply."""
    from labkit.tables.columns import columns

    spoken = [talk for talk in talks if talk.rows]
    if not spoken:
        return Table("exchanges")
    with not_collecting():
        found = columns(spoken, capture, secrets)
    return Table("exchanges", found)


def exchange(talk: Talk, capture: str, index: int, secrets: bool = False) -> Exchange:
    """One row, as the documented dataclass."""
    from labkit.tables.columns import columns

    behind, before = index + 1, max(index - 1, 0)
    part = replace(talk, rows=talk.rows[before:behind], moments=talk.moments[before:behind])
    table = Table("exchanges", columns([part], capture, secrets))
    found: Exchange = next(each for each in table if each.exchange == talk.rows[index].number)
    return found


def outcome(row: Row) -> str | None:
    """A reply in the vocabulary of all protocols; None for what only the server said of itself."""
    if row.status is not None:
        return outcome_of(row.status, row.response_code)
    if row.verb == "PROXY":  # to which nobody replies
        return None
    return "unanswered" if row.verb is not None or row.reply_start < 0 else None


def outcome_at(rows: Sheet, index: int) -> str | None:
    """The outcome of one row of many, which is not made for it where the status tells."""
    status = rows.column("status")[index]
    if status is None:
        return outcome(rows[index])
    return outcome_of(status, rows.column("response_code")[index])


def outcome_of(status: bytes, response_code: bytes | None) -> str:
    """What a reply with this status and code amounts to."""
    found = _OUTCOMES.get(status) or _OUTCOMES.get(status[:1], "permanent")
    if found == "permanent" and (response_code or b"").upper() in _TEMPORARY_CODES:
        return "temporary"
    return found


def masked(talk: Talk, index: int) -> bytes | None:
    """The argument of a row without its secrets."""
    argument: bytes | None
    argument, secrets, verb = (talk.rows.column(name)[index] for name in ("argument", "secrets", "verb"))
    for span in reversed(secrets if verb != "TLS" else ()):  # whose secrets stand before it
        secret = talk.octets("client", span)
        at = (argument or b"").rfind(secret)
        if at < 0:  # it lies in several pieces
            return HIDDEN.encode()
        if argument and secret:
            argument = argument[:at] + HIDDEN.encode() + argument[at + len(secret) :]
    return argument


def without_echoes(talk: Talk, index: int) -> bytes | None:
    """The text of a row's reply without the secrets that the server repeats in it."""
    text: bytes | None = talk.rows.column("text")[index]
    for span in talk.rows.column("echoes")[index]:
        text = text and text.replace(talk.octets("server", span), HIDDEN.encode())
    return text


def flaws(talks: Iterable[Talk], capture: str) -> Table:
    """One row per thing that is wrong."""
    return Table.of("flaws", _flaws(talks, capture))


def _flaws(talks: Iterable[Talk], capture: str) -> Iterator[tuple[Any, ...]]:
    for talk in talks:
        for row in sorted(talk.rows, key=lambda row: row.number):
            for found in row.flaws:
                entry = CATALOGUE[found.name]
                place = (capture, talk.number, row.number, found.sender, found.offset)
                yield (*place, found.name, found.detail, entry.meaning, entry.rfc)
