"""A capture to look around in, without widgets: filters, pages and one selection that all panes share.

Whatever is picked, an exchange is selected: a connection's first, or the one that carried a message.  Only a
page of each list is ever made into text, so ten thousand exchanges cost no more than a hundred.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

from labkit.errors import LabError
from labkit.tables import Table, read_capture, wire
from labkit.views.bytes import annotate
from labkit.views.ends import ends_of
from labkit.views.ladder import ladder
from labkit.views.panels import look
from labkit.views.panels.letter import letter
from labkit.views.panels.shell import note
from labkit.views.picture import Picture
from labkit.views.rows import Row, rows_of
from labkit.views.words import clock, plural, short, visible

PAGE = 100
AROUND = 6
"""Exchanges before and behind the selected one that the ladder shows."""
CHOICES = 200
"""What a filter offers: the most frequent values."""
FLAWED = "any flaw"

Key = tuple[int, int]
"""Connection and exchange."""


class Finder:
    """All exchanges of a capture, those that the filters let through, and the selected one."""

    def __init__(self, source: Any) -> None:
        self.capture = _capture(source)
        self.look_again()

    def look_again(self) -> None:
        """Read the tables (a world goes on); the filters are taken off."""
        self.exchanges = rows_of(self.capture, "exchanges")
        self.connections = ends_of(rows_of(self.capture, "connections"), rows_of(self.capture, "lookups"))
        self.messages = rows_of(self.capture, "messages")
        self._talks = {talk.number: talk for talk in self.capture.talks()}
        self._cut: tuple[int, Table] | None = None
        self._place = {_key(row): place for place, row in enumerate(self.exchanges)}
        self.filters: dict[str, str] = {}
        self.selected: Key | None = None
        self.filter()

    # Filters

    def choices(self, name: str) -> list[str]:
        """The values that a filter (protocol, host, verb, flaw) can have, in their order."""
        if name == "host":
            found = Counter(host for row in self.exchanges for host in self._hosts(row))
        else:
            found = Counter(str(row[name]) for row in self.exchanges if row.get(name))
        values = sorted(value for value, _ in found.most_common(CHOICES))
        return [FLAWED, *values] if name == "flaw" and values else values

    def filter(self, **wanted: str | None) -> None:
        """Let only these through: protocol, host, verb, flaw; None or "": all."""
        chosen = {name: value for name, value in wanted.items() if value}
        tests: list[Callable[[Row], bool]] = [self._test(name, value) for name, value in chosen.items()]
        self.filters = chosen
        self.shown = [i for i, row in enumerate(self.exchanges) if all(test(row) for test in tests)]
        self.shown_connections = list(dict.fromkeys(self.exchanges[i]["connection"] for i in self.shown))
        keys = {_key(self.exchanges[i]) for i in self.shown}
        self.shown_messages = [i for i, row in enumerate(self.messages) if _key(row) in keys]
        if self.selected not in keys:
            self.selected = _key(self.exchanges[self.shown[0]]) if self.shown else None

    def _test(self, name: str, value: str) -> Callable[[Row], bool]:
        if name == "host":
            return lambda row: value in self._hosts(row)
        if name == "flaw" and value == FLAWED:
            return lambda row: bool(row.get("flaw"))
        if name not in ("protocol", "verb", "flaw"):
            raise LabError(f"there is no filter {name!r}; there are protocol, host, verb and flaw")
        return lambda row: row.get(name) == value

    def _hosts(self, row: Row) -> tuple[str, ...]:
        end = self.connections.get(row["connection"], {})
        return tuple(str(end[side]) for side in ("client_name", "server_name") if end.get(side))

    # The selection

    def select(self, connection: int, exchange: int | None = None) -> None:
        """Select an exchange, or a connection: the first of its exchanges that is shown."""
        keys = [_key(self.exchanges[i]) for i in self.shown]
        if exchange is None:
            found = next((key for key in keys if key[0] == connection), None)
        else:
            found = (connection, exchange) if (connection, exchange) in self._place else None
        if found is None and exchange is None:
            raise LabError(f"connection {connection} has no exchange that is shown")
        if found is None:
            raise LabError(f"there is no exchange {exchange} of connection {connection}")
        self.selected = found

    def step(self, by: int) -> None:
        """Go so many exchanges on, or back; stops at the ends."""
        if self.shown:
            place = min(max(self.position + by, 0), len(self.shown) - 1)
            self.selected = _key(self.exchanges[self.shown[place]])

    @property
    def position(self) -> int:
        """The place of the selected exchange among those shown."""
        if self.selected is None:
            return 0
        return min(bisect_left(self.shown, self._place[self.selected]), max(len(self.shown) - 1, 0))

    @property
    def row(self) -> Row | None:
        return None if self.selected is None else self.exchanges[self._place[self.selected]]

    @property
    def message(self) -> int | None:
        """The place in `messages` of the one that the selected exchange carried."""
        return next((i for i in self.shown_messages if _key(self.messages[i]) == self.selected), None)

    # Lists: a page of each, as (words, key)

    def exchange_lines(self) -> list[tuple[str, Key]]:
        start = self.position // PAGE * PAGE
        rows = [self.exchanges[i] for i in self.shown[start : start + PAGE]]
        return [(_exchange_line(row), _key(row)) for row in rows]

    def connection_lines(self) -> list[tuple[str, int]]:
        chosen = self.selected[0] if self.selected else None
        return [(self._connection_line(n), n) for n in _page(self.shown_connections, chosen)]

    def message_lines(self) -> list[tuple[str, int]]:
        found = self.message
        if found is None and self.shown_messages and self.selected is not None:  # the page stays near
            keys = [_key(self.messages[i]) for i in self.shown_messages]
            found = self.shown_messages[min(bisect_left(keys, self.selected), len(keys) - 1)]
        return [(_message_line(self.messages[i]), i) for i in _page(self.shown_messages, found)]

    def _connection_line(self, number: int) -> str:
        end = self.connections.get(number, {})
        ways = f"{end.get('client_name', 'client')} → {end.get('server_name', 'server')}"
        port = f":{end['server_port']}" if end.get("server_port") else ""
        tail = f"  ⚠ {end['flaws']}" if end.get("flaws") else ""
        return f"{number:>5}  {(end.get('protocol') or '?'):4}  {short(visible(ways + port), 64)}{tail}"

    # Pictures of the selection

    def summary(self) -> str:
        """How many are shown, and where the selected one is."""
        if not self.exchanges:
            return "There is not one exchange of mail in this capture."
        where = ", ".join(f"{name} {visible(value)}" for name, value in self.filters.items())
        among = f"of {plural(len(self.exchanges), 'exchange')}" + (f" with {where}" if where else "")
        return f"{self.position + 1 if self.shown else 0} of {len(self.shown)} shown, {among}"

    def ladder(self) -> Picture:
        """The connection around the selected exchange."""
        row = self.row
        if row is None:
            return note("No exchange is selected.")
        place, number = self._place[_key(row)], row["connection"]
        near = self.exchanges[max(place - 20 * AROUND, 0) : place + 20 * AROUND]
        own = [other for other in near if other["connection"] == number]
        here = own.index(row)
        around = own[max(here - AROUND, 0) : here + AROUND + 1]
        return ladder(around, [self.connections.get(number, {})], connection=number, selected=_key(row))

    def octets(self) -> Picture:
        """The octets of the selected exchange."""
        row = self.row
        if row is None or row["connection"] not in self._talks:
            return note("No octets.")
        wanted = self._lines_of(row["connection"]).where(exchange=row["exchange"])
        if not len(wanted):
            return note("No lines: the octets of this exchange are no text.")
        tables = {"lines": wanted, "exchanges": [row]}
        return annotate(tables, connection=row["connection"], exchange=row["exchange"], limit=PAGE)

    def _lines_of(self, connection: int) -> Table:
        """All lines of a connection; of a long one they are cut once, however often one steps on in it."""
        if self._cut is None or self._cut[0] != connection:
            talk = self._talks[connection]
            self._cut = connection, wire.lines([talk], self.capture.name, self.capture.secrets)
        return self._cut[1]

    def letter(self) -> Picture:
        """The message that the selected exchange carried."""
        place = self.message
        if place is None:
            return note("This exchange carried no message.")
        row = self.messages[place]
        return letter(self.capture.message_bytes(row["connection"], row["exchange"], row.get("message") or 0))

    def table(self) -> Picture:
        """The exchanges near the selected one, as a table."""
        place = max(self.position - AROUND, 0)
        rows = [self.exchanges[i] for i in self.shown[place : place + 2 * AROUND]]
        return look.exchanges(rows, chosen=self.selected, connections=True)


def _capture(source: Any) -> Any:
    if isinstance(source, str | PathLike):
        return read_capture(source)
    capture = getattr(source, "capture", source)
    if not callable(getattr(capture, "talks", None)):
        raise LabError(
            f"this is no capture: {type(source).__name__}; give a world, one capture, or the path of a pcap"
        )
    return capture


def _key(row: Row) -> Key:
    return row["connection"], row["exchange"]


def _page(values: Sequence[int], chosen: int | None) -> Sequence[int]:
    start = values.index(chosen) // PAGE * PAGE if chosen in values else 0
    return values[start : start + PAGE]


def _exchange_line(row: Row) -> str:
    when = clock(row["time"], 3) if row.get("time") is not None else ""
    number = f"{row['connection']}.{row['exchange']}"
    return f"{number:>9}  {when:12}  {look.command_of(row, 34):34}  {look.reply_of(row, 34)}"


def _message_line(row: Row) -> str:
    number = f"{row['connection']}.{row['exchange']}"
    subject = short(visible(row.get("subject") or "(no subject)"), 40)
    sender = short(visible(row.get("header_from") or ""), 30)
    return f"{number:>9}  {row['direction']:9}  {subject:40}  {sender}"
