"""`labkit dissect`: tables of the mail traffic in captures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from labkit.cli.dissecting import write_tables
from labkit.cli.options import Output, TableFormat, TableName, check_target, misused, option


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
    check_target(format, output)
    if messages is not None and output is not None:
        raise misused("--messages", "it writes no table: leave out -o")
    if by_day and format != "parquet":
        raise misused("--by-day", "only Parquet is parted by day: --format parquet -o FOLDER")
    if jobs < 1:
        raise misused("--jobs", "there has to be one process at least")
    write_tables(
        *(files, table, format, output),
        keys=keys,
        jobs=jobs,
        by_day=by_day,
        messages=messages,
        secrets=secrets,
    )
