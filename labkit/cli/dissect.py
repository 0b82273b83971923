"""`labkit dissect`: tables of the mail traffic in captures."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, get_args

import typer

from labkit.cli.options import Output, TableFormat, TableName, check_target, complain, misused, option

STDIN = Path("-")


def dissect(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="pcap or pcapng, compressed or not, or labkit's own; - is standard input."
        ),
    ],
    table: Annotated[
        TableName, option(form="TABLE", help=f"{', '.join(get_args(TableName))}.")
    ] = "exchanges",
    format: Annotated[
        TableFormat,
        option("--format", form="FORMAT", help="table (as much as fits), csv, jsonl or parquet."),
    ] = "table",
    output: Output = None,
    keys: Annotated[
        Path | None,
        option(form="KEYLOG", help="Read what was said inside TLS, with a key log (SSLKEYLOGFILE)."),
    ] = None,
    jobs: Annotated[
        int, option("-j", "--jobs", form="N", help="Share the work of each file among N processes.")
    ] = 1,
    by_day: Annotated[
        bool,
        typer.Option("--by-day", help="Parquet: -o is a new folder, with a folder for each day in it."),
    ] = False,
    messages: Annotated[
        Path | None,
        option(form="DIR", help="Write each message as an .eml file into a new folder, and no table."),
    ] = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="Show passwords and other secrets.")] = False,
) -> None:
    """Make a table of the mail traffic in captures.

    What cannot be understood is not left out: its row names the flaw.

    [dim]labkit dissect session.pcap[/dim]
    [dim]labkit dissect session.pcap --table messages[/dim]
    [dim]labkit dissect tls.pcap --keys keys.log[/dim]
    [dim]labkit dissect session.pcap --messages letters[/dim]    letters/0-6.eml ...
    [dim]labkit dissect *.pcapng --format parquet -o exchanges.parquet[/dim]
    [dim]labkit dissect week.pcap.zst --jobs 4 --format parquet --by-day -o week[/dim]
    [dim]tcpdump -i any -U -w - | labkit dissect -[/dim]    each exchange as it happens
    """
    live = (table, format) == ("exchanges", "table") and not (output or keys or messages)
    if files == [STDIN] and live:
        _tell_live(secrets)
        return
    from labkit.capture.keys import key_log
    from labkit.tables import Captures, read_capture
    from labkit.views.terminal import is_large, progress, write_table

    check_target(format, output)
    if messages is not None and output is not None:
        raise misused("--messages", "it writes no table: leave out -o")
    if by_day and format != "parquet":
        raise misused("--by-day", "only Parquet is parted by day: --format parquet -o FOLDER")
    if jobs < 1:
        raise misused("--jobs", "there has to be one process at least")
    log = key_log(keys)
    if messages is None and (jobs > 1 or by_day or is_large(files)):
        _by_windows(files, table, format, output, by_day, {"jobs": jobs, "keys": log, "secrets": secrets})
        return
    captures = []
    with progress(files) as begin:
        for file in files:
            begin(f"reading {file}")
            if file == STDIN:
                capture = read_capture(sys.stdin.buffer, name="standard input", keys=log)
            else:
                capture = read_capture(file, keys=log)
            for note in capture.tape.notes:
                complain(note)
            begin(f"dissecting {file}")
            captures.append(capture.with_secrets() if secrets else capture)
            if messages is None:
                captures[-1].rows(table)
    if messages is not None:
        from labkit.tables.letters import write_letters
        from labkit.views.words import plural

        print(f"Written to {messages}: {plural(len(write_letters(captures, messages)), 'message')}.")
        return
    write_table(Captures(captures).rows(table), format, output)


def _by_windows(
    files: list[Path], table: str, format: str, output: Path | None, by_day: bool, how: dict[str, Any]
) -> None:
    """The same for large files: nothing is held as a whole but what a table for the terminal needs."""
    from labkit.tables.passes import Pass
    from labkit.views.terminal import reading, write_parts

    with ExitStack() as stack:
        passes: list[Pass] = []
        with reading(files) as watch:
            for file in files:
                source = sys.stdin.buffer if file == STDIN else file
                name = "standard input" if file == STDIN else None
                passes.append(stack.enter_context(Pass(source, [table], name=name, watch=watch, **how)))
        for each in passes:
            for note in each.notes:
                complain(note)
        write_parts(chain.from_iterable(each.rows(table) for each in passes), table, format, output, by_day)


def _tell_live(secrets: bool) -> None:
    """Each exchange of what comes in, on a line, once it is whole.

    The first Ctrl-C is for who captures: what it still writes before it ends is read.
    """
    from labkit.tables import live
    from labkit.views.terminal import console, tell_said

    def once(number: int, frame: FrameType | None) -> None:
        signal.signal(number, before)

    before = signal.signal(signal.SIGINT, once)
    notes: list[str] = []
    terminal = console()
    try:
        for row in live.exchanges(sys.stdin.buffer, notes, secrets=secrets):
            tell_said(terminal, row, f"{row.protocol or '?'} {row.connection}")
    finally:
        signal.signal(signal.SIGINT, before)
    for note in notes:
        complain(note)
