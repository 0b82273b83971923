"""What the command line tells: a conversation as a table, a serving lab line by line, or a file.

On a terminal each exchange has one line, whatever the width; the meanings stand beside it where
there is room.
"""

from __future__ import annotations

import io
import ipaddress
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from labkit.capture.files import whole_file
from labkit.tables.show import cut, times
from labkit.tables.story import command_of, reply_of
from labkit.views.meddled import SIGN, Meddled, meddled
from labkit.views.words import plural

if TYPE_CHECKING:
    import pyarrow as pa

    from labkit.capture.windows import Reading
    from labkit.dissect.exchange import Exchange
    from labkit.tables import Capture, Table
    from labkit.world.journey import Journey, Step
    from labkit.world.serve import Serving
    from labkit.world.world import World

PIPE_WIDTH = 120  # characters, where no terminal says how wide it is
ROOM_FOR_MEANING = 100
INDENT = 3
QUICK = 4 << 20  # octets of captures that are read before a bar would be seen
LARGE = 64 << 20  # octets of captures that are read in windows
LONGEST_ESCAPE = 10  # characters: \U0001f600
MARKS = 5  # lines of what faults did, below a conversation
TIME = 12
GAP = 2
STYLES = ("", "", "dim")
StoryRow = tuple[int, str, str, str, str]
IMPLICIT_TLS = {"smtps", "pop3s", "imaps"}
TLS_BY = {"pop3": "STLS"}  # the others say STARTTLS
LINE = "time, connection, command → reply"


class Terminal(Console):
    """A console whose reader may leave (| head): the caller is told, and can put things in order."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(file: TextIO | None = None) -> Console:
    """The terminal, or whatever stdout is; or a text file."""
    terminal = Terminal(file=file)
    return terminal if terminal.is_terminal else Terminal(file=file, width=PIPE_WIDTH)


@contextmanager
def telling(output: Path | None) -> Iterator[Console]:
    """Where a story is told: on the terminal, or in a text file that appears whole."""
    if output is None:
        yield console()
    else:
        with whole_file(output) as part, part.open("w", encoding="utf-8") as file:
            yield console(file)


def write_table(table: Table, format: str, output: Path | None) -> None:
    """A table as text, jsonl, csv or parquet, on stdout or in a file that appears whole."""
    if format == "table":
        with telling(output) as terminal:
            terminal.print(table)
        return
    write = {"jsonl": table.to_jsonl, "csv": table.to_csv}.get(format)
    if output is None:
        assert write is not None
        if isinstance(sys.stdout, io.TextIOWrapper):  # the same octets on every system
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        write(sys.stdout)
        return
    with whole_file(output) as part:
        if write is None:
            with part.open("wb") as octets:
                table.to_parquet(octets)
        else:
            with part.open("w", encoding="utf-8", newline="\n") as file:
                write(file)


def write_parts(
    parts: Iterable[pa.Table], table: str, format: str, output: Path | None, by_day: bool
) -> None:
    """The same for a table that comes in parts; by day as a new folder."""
    from labkit.tables.writing import joined, write_days, write_parquet, write_text

    if format == "table":
        write_table(joined(parts, table), format, output)
    elif output is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        write_text(parts, table, format, sys.stdout)
    elif by_day:
        write_days(parts, table, output)
    else:
        with whole_file(output) as part:
            if format == "parquet":
                with part.open("wb") as octets:
                    write_parquet(parts, table, octets)
            else:
                with part.open("w", encoding="utf-8", newline="\n") as file:
                    write_text(parts, table, format, file)


def is_large(files: Sequence[Path]) -> bool:
    """Whether captures are better read in windows: large ones, and none of labkit's own."""
    from labkit.capture.archive import is_archive

    return _octets(files) >= LARGE and not any(is_archive(file) for file in files)


def _octets(files: Sequence[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file())


@contextmanager
def reading(files: Sequence[Path]) -> Iterator[Callable[[Reading], None]]:
    """A bar on stderr while files are read in windows, if somebody watches: octets, packets, time left.

    Gives the call to be told how far the reading is.
    """
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    watcher = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TextColumn("{task.fields[packets]:,} packets"),
        TimeRemainingColumn(),
    )
    total = _octets(files) or None  # a pipe does not tell
    done: dict[str, tuple[int, int]] = {}
    quick = (total or LARGE) < QUICK or not watcher.is_terminal
    with Progress(*columns, console=watcher, transient=True, disable=quick) as shown:
        bar = shown.add_task("reading", total=total, packets=0)

        def watch(reading: Reading) -> None:
            done[reading.name] = reading.position, reading.packets
            octets, packets = (sum(column) for column in zip(*done.values(), strict=True))
            shown.update(bar, description=f"reading {reading.name}", completed=octets, packets=packets)

        yield watch


@contextmanager
def progress(files: Sequence[Path]) -> Iterator[Callable[[str], None]]:
    """A bar on stderr while files are read and dissected, if somebody watches and it takes a while.

    Gives the call that names what begins: two for each file.
    """
    sizes = [file.stat().st_size if file.is_file() else 0 for file in files]
    watcher = Console(stderr=True)
    if sum(sizes) < QUICK or not watcher.is_terminal:
        yield lambda what: None
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=watcher, transient=True) as shown:
        bar = shown.add_task("", total=2 * sum(sizes))
        done = iter([0, *(size for size in sizes for _ in range(2))])
        yield lambda what: shown.update(bar, description=what, advance=next(done))


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
