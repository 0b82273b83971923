"""What the command line writes: a table, on the terminal or in a file, and how far the reading is."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from rich.console import Console

from labkit.capture.files import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

    from labkit.capture.windows import Reading
    from labkit.tables import Table

PIPE_WIDTH = 120  # characters, where no terminal says how wide it is
QUICK = 4 << 20  # octets of captures that are read before a bar would be seen
LARGE = 64 << 20  # octets of captures that are read in windows


class Terminal(Console):
    """A console whose reader may leave (| head): the caller is told, and can put things in order."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(file: TextIO | None = None) -> Console:
    """The terminal, or whatever stdout is; or a text file.  What mail has between colons is no emoji."""
    terminal = Terminal(file=file, emoji=False)
    if terminal.is_terminal:
        return terminal
    return Terminal(file=cast(TextIO, _Trimmed(file or sys.stdout)), emoji=False, width=PIPE_WIDTH)


class _Trimmed:
    """A text file in which no line ends with the blanks that fill a table or a paragraph to its width."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(re.sub(r" +(?=\n)", "", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


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
