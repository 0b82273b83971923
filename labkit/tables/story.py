"""A capture told for people: time, who to whom, the command, the reply, and what they mean.

Five columns, whatever the protocols.  Hosts have their names where the lab knows them.  The
meanings come from the registry of standards; a flaw is named before all else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labkit import standards
from labkit.dissect.exchange import Exchange
from labkit.dissect.flaws import CATALOGUE
from labkit.tables import show

if TYPE_CHECKING:
    from labkit.tables.capture import Capture
    from labkit.tables.dissected import Talk

COLUMNS = ("time", "from → to", "command", "reply", "meaning")
WIDTHS = (23, 40, 38, 36, 44)
_PARTIES = "{client} → {server}"


class Story:
    """The rows, and how they print."""

    def __init__(self, rows: list[tuple[int, str, str, str, str]]) -> None:
        self.rows = rows

    @classmethod
    def of(cls, capture: Capture) -> Story:
        parties = {talk.number: parties_of(talk) for talk in capture.talks()}
        times = capture.rows("exchanges")["time"]
        return cls(
            [
                (time, parties[row.connection], command_of(row), reply_of(row), meaning_of(row))
                for time, row in zip(times, capture.rows("exchanges"), strict=True)
            ]
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[int, str, str, str, str]]:
        return iter(self.rows)

    def frame(self) -> Any:
        """The same as a DataFrame of text."""
        import pandas as pd

        from labkit.tables.frame import mail_frame

        return mail_frame(pd.DataFrame(self._texts(), columns=list(COLUMNS)))

    def __repr__(self) -> str:
        return show.plain(self._grid(), sum(WIDTHS) + 2 * len(WIDTHS))

    def _repr_html_(self) -> str:
        return show.html(self._grid(), sum(WIDTHS) + 2 * len(WIDTHS))

    def __rich__(self) -> Any:
        return show.RichGrid(self._grid())

    def _texts(self) -> list[tuple[str, ...]]:
        times = show.times([row[0] for row in self.rows])
        return [(time, *row[1:]) for time, row in zip(times, self.rows, strict=True)]

    def _grid(self) -> show.Grid:
        texts = self._texts()
        found = [
            show.Cells(name, "text", [show.cut(row[index], width) for row in texts])
            for index, (name, width) in enumerate(zip(COLUMNS, WIDTHS, strict=True))
        ]
        return show.Grid(found, len(texts), len(COLUMNS), None)


def parties_of(talk: Talk) -> str:
    """Names where they are known, else addresses."""
    seen = talk.flow.connection
    server = seen.server_name or f"{seen.server} port {seen.server_port}"
    return _PARTIES.format(client=seen.client_name or seen.client, server=server)


def command_of(row: Exchange) -> str:
    """As it was said, without IMAP's tag; "" for a greeting."""
    if row.verb == ".":
        return f"(message, {row.octets_sent} octets)"
    if row.verb == "BDAT":
        return f"BDAT {row.argument} (chunk)"
    if row.protocol == "dns":
        return f"{row.argument} {row.verb}?"
    if row.verb == "(response)":
        return row.argument or ""
    return " ".join(filter(None, (row.verb, row.argument)))


def reply_of(row: Exchange) -> str:
    """As it was said: status, codes and the first line of the text."""
    if row.status is None:
        return "(no reply)" if row.outcome == "unanswered" else ""
    if row.protocol == "dns":
        return (row.text or row.status).replace("\n", ", ")
    bracketed = f"[{row.response_code}]" if row.response_code else None
    first, more, _ = (row.text or "").partition("\n")
    return " ".join(filter(None, (row.status, row.enhanced, bracketed, first, more and "…")))


def meaning_of(row: Exchange) -> str:
    """What the command is for; if it was refused, why; and its flaw, if it has one."""
    about = _about(row)
    if row.flaw:
        return f"{row.flaw}: {CATALOGUE[row.flaw].meaning}"
    if row.outcome in ("temporary", "permanent", "closed"):
        return _refusal(row) or about
    return about


def _about(row: Exchange) -> str:
    if row.protocol == "dns":
        return {"MX": "which hosts take mail for it?", "A": "its address"}.get(
            row.verb or "", "asks the name server"
        )
    if row.verb is None:
        return "the server is ready" if row.exchange == 0 else "said unasked"
    if row.verb == "TLS":
        return "both go into TLS"
    if row.verb == "(response)":
        return "a line of the login"
    found = standards.command(row.protocol or "smtp", row.verb)
    return found.gist if found else ""


def _refusal(row: Exchange) -> str:
    protocol = row.protocol or ""
    if protocol not in standards.CODES:
        return {"NXDOMAIN": "there is no such name", "SERVFAIL": "the name server failed"}.get(
            row.status or "", ""
        )
    later = {"temporary": "; try again later", "closed": "; the connection closes"}.get(row.outcome or "", "")
    for said in (row.enhanced, row.response_code, row.status):
        found = standards.code(protocol, said) if said else None
        if found:
            return found.meaning + later
    return ("refused" if row.outcome != "closed" else "goodbye") + later
