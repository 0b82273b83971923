"""What the command line tells: a conversation as a table, a serving lab line by line.

On a terminal each exchange has one line, whatever the width; the meanings stand beside it where
there is room.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from labkit.tables.show import cut, times
from labkit.tables.story import command_of, reply_of
from labkit.views.meddled import SIGN, Meddled, meddled
from labkit.views.words import plural

if TYPE_CHECKING:
    from rich.console import Console

    from labkit.dissect.exchange import Exchange
    from labkit.tables import Capture
    from labkit.world.journey import Journey, Step
    from labkit.world.serve import Serving
    from labkit.world.world import World

ROOM_FOR_MEANING = 100
INDENT = 3
LONGEST_ESCAPE = 10  # characters: \U0001f600
MARKS = 5  # lines of what faults did, below a conversation
TIME = 12
GAP = 2
STYLES = ("", "", "dim")
StoryRow = tuple[int, str, str, str, str]
IMPLICIT_TLS = {"smtps", "pop3s", "imaps"}
TLS_BY = {"pop3": "STLS"}  # the others say STARTTLS
LINE = "time, connection, command → reply"


def tell_step(terminal: Console, step: Step, capture: Capture) -> None:
    """One of the five steps, and what was said on its connections."""
    terminal.print(f"[bold]{step.number}  {step.name}[/bold] [dim]({step.device})[/dim]")
    terminal.print(Padding(step.text, (0, 0, 1, INDENT)), highlight=False)
    if not step.connections:
        return
    faults = meddled(capture, step.connections)
    for connection, group in _by_parties(capture.where(*step.connections), faults):
        terminal.print(Padding(_conversation(group, terminal.width - INDENT), (0, 0, 0, INDENT)))
        for words in _work_of(faults, connection):
            terminal.print(Padding(words, (0, 0, 0, INDENT)), highlight=False, markup=False)
        terminal.print()


def _by_parties(capture: Capture, faults: Meddled) -> list[tuple[int, list[StoryRow]]]:
    """The rows of a capture's story for each connection; look-ups of one host stay together."""
    groups: dict[tuple[str, int], list[StoryRow]] = {}
    touched = {(mark.connection, mark.exchange, mark.sender) for mark in faults.marks}
    for exchange, (time, parties, *said, meaning) in zip(
        capture.rows("exchanges"), capture.story(), strict=True
    ):
        connection = -1 if exchange.protocol == "dns" else exchange.connection
        command, reply = (
            f"{SIGN} {words}".rstrip() if (exchange.connection, exchange.exchange, side) in touched else words
            for side, words in zip(("client", "server"), said, strict=True)
        )
        groups.setdefault((parties, connection), []).append((time, parties, command, reply, meaning))
    return [(connection, rows) for (_, connection), rows in groups.items()]


def _work_of(faults: Meddled, connection: int) -> Iterator[str]:
    """What faults did on a connection, below what was said on it."""
    mine = [mark for mark in faults.marks if mark.connection == connection]
    for mark in mine[:MARKS]:
        yield f"{SIGN} {mark.sender}'s line {mark.name}: {mark.detail}"
    if len(mine) > MARKS:
        yield f"{SIGN} and {plural(len(mine) - MARKS, 'line')} more"
    if connection in faults.broken:
        yield "✂ a fault ended this connection"


def _conversation(rows: list[StoryRow], width: int) -> Grid:
    grid = Grid(box=None, padding=(0, GAP, 0, 0), title=rows[0][1], title_justify="left", header_style="dim")
    grid.title_style = "bold cyan"
    columns = ["command", "reply", "meaning"] if width >= ROOM_FOR_MEANING else ["command", "reply"]
    said = [row[2:][: len(columns)] for row in rows]
    wished = [max(map(len, column)) for column in zip(columns, *said, strict=True)]
    grid.add_column("time", width=TIME, no_wrap=True)
    for name, room in zip(columns, _shared(wished, width - TIME - GAP * (1 + len(columns))), strict=True):
        grid.add_column(name, width=room, no_wrap=True, overflow="ellipsis")
    for time, texts in zip(times([row[0] for row in rows]), said, strict=True):
        grid.add_row(time, *map(Text, texts, STYLES))
    return grid


def _shared(wished: list[int], room: int) -> list[int]:
    """Widths that fill the room: each gets what it wishes, or an equal share of what the small ones leave."""
    given: dict[int, int] = {}
    for left, index in zip(
        range(len(wished), 0, -1), sorted(range(len(wished)), key=wished.__getitem__), strict=True
    ):
        given[index] = min(wished[index], (room - sum(given.values())) // left)
    return [given[index] for index in range(len(wished))]


def tell_totals(terminal: Console, journey: Journey, world: World, seconds: float) -> None:
    """The last line of a tour."""
    capture = world.capture
    connections = capture.rows("connections")
    octets = sum(connections["octets_sent"]) + sum(connections["octets_received"])
    received = next(messages[0] for messages in journey.retrieved.values())
    terminal.print(
        f"[bold]In all[/bold]  {len(capture.rows('exchanges'))} exchanges on {len(connections)} connections "
        f"and {len(capture.rows('lookups'))} DNS look-ups; {octets:,} octets in {seconds:.2f} seconds; "
        f"the message left with {len(journey.sent):,} octets and arrived with {len(received):,}.",
        highlight=False,
    )


def tell_where(terminal: Console, serving: Serving) -> None:
    """Where the servers listen, who lives there, and whom to trust."""
    grid = Grid(box=None, padding=(0, GAP, 0, 0), header_style="bold")
    for heading in ("service", "host", "port", ""):
        grid.add_column(heading)
    for service, place in serving.endpoints.items():
        about = "TLS from the start" if service in IMPLICIT_TLS else TLS_BY.get(service, "STARTTLS")
        grid.add_row(service, place["host"], str(place["port"]), about)
    terminal.print(grid)
    terminal.print()
    for address, password in serving.passwords.items():
        terminal.print(f"user {address}  password {password}", highlight=False, markup=False, soft_wrap=True)
    terminal.print(f"CA file {serving.ca_file}", highlight=False, markup=False, soft_wrap=True)
    if serving.passwords:
        terminal.print(f"try {_first_look(serving)}", highlight=False, markup=False, soft_wrap=True)
    host = serving.endpoints["pop3"]["host"]
    if not ipaddress.ip_address(host).is_loopback:
        terminal.print(f"[bold]Warning:[/bold] other machines can reach {host}, its mail and passwords.")
    terminal.print(f"\nEach exchange appears here as it happens: {LINE}.\nCtrl-C ends it.\n", highlight=False)


def _first_look(serving: Serving) -> str:
    """A command that lists the first user's mail."""
    host, port = (serving.endpoints["pop3"][name] for name in ("host", "port"))
    login = shlex.quote(":".join(next(iter(serving.passwords.items()))))
    return f"curl -u {login} pop3://{f'[{host}]' if ':' in host else host}:{port}/"


def tell_exchange(terminal: Console, row: Exchange, world: World) -> None:
    """One exchange on one line, cut where the terminal ends; what is written to a pipe is whole."""
    service = world.network.tap.connections[row.connection].service or row.protocol or "?"
    tell_said(terminal, row, f"{service} {row.connection}")


def tell_said(terminal: Console, row: Exchange, where: str) -> None:
    """The same for an exchange of which it is known where it happened."""
    said = (Text(printable(command_of(row)), "bold"), Text(" → ")) if row.verb else ()
    line = Text.assemble(
        (f"{row.time:%H:%M:%S.%f}"[:-3] + "  ", "dim"),
        where.ljust(15) + " ",
        *said,
        printable(reply_of(row)),
        (f"  ⚠ {row.flaw}" if row.flaw else "", "red"),
    )
    if terminal.is_terminal:
        terminal.print(line, no_wrap=True, overflow="ellipsis")
    else:
        terminal.print(line, soft_wrap=True)


def printable(text: str) -> str:
    """The text with what would steer the terminal, where a stranger sent it, spelled out."""
    return cut(text, len(text) * LONGEST_ESCAPE)
