"""The command line: `labkit tour | serve | dissect | lab`.

Exit codes: 0 done, 1 the input cannot be used, 2 the command was not understood.  Errors are one
sentence on stderr.  Everything is imported when it is used, and tables are printed without pandas.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from labkit.tables import Capture, Captures, Table

app = typer.Typer(
    name="labkit",
    help="An e-mail laboratory: real SMTP, POP3 and IMAP, and every exchange on the wire as a table.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

CAPTURE_SUFFIXES = (".pcap", ".jsonl", ".parquet")
QUICK = 4 << 20
"""Octets of captures that are read before a progress bar would be seen."""


class Retrieve(StrEnum):
    POP3 = "pop3"
    IMAP = "imap"
    BOTH = "both"


class NetworkName(StrEnum):
    SIMULATED = "simulated"
    LOOPBACK = "loopback"


class Format(StrEnum):
    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class TourFormat(StrEnum):
    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    PCAP = "pcap"


class TableName(StrEnum):
    EXCHANGES = "exchanges"
    CONNECTIONS = "connections"
    MESSAGES = "messages"
    RECIPIENTS = "recipients"
    LOGINS = "logins"
    LOOKUPS = "lookups"
    LINES = "lines"
    PARTS = "parts"
    HOPS = "hops"
    FLAWS = "flaws"


Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Write here instead of the terminal.", show_default=False),
]


@app.command()
def tour(
    message: Annotated[
        Path | None,
        typer.Option(help="Send this message (.eml) instead of the built-in one.", show_default=False),
    ] = None,
    retrieve: Annotated[Retrieve, typer.Option(help="How Bob fetches his mail.")] = Retrieve.BOTH,
    network: Annotated[
        NetworkName,
        typer.Option(help="simulated: in memory and in virtual time; loopback: real TCP on this machine."),
    ] = NetworkName.SIMULATED,
    seed: Annotated[int, typer.Option(help="Ids are drawn from it: same seed, same octets.")] = 0,
    format: Annotated[
        TourFormat,
        typer.Option(
            "--format", help="table tells the story; the others give all exchanges, pcap the packets."
        ),
    ] = TourFormat.TABLE,
    output: Output = None,
) -> None:
    """Send one message through four devices, and show every command and reply on the way.

    Alice's host composes it and submits it to her server; her server finds Bob's by DNS and relays
    it; Bob's server files it; Bob's host fetches it with POP3 and again with IMAP.

    [dim]labkit tour --format pcap -o tour.pcap[/dim]   then open it in Wireshark
    """
    from labkit.views.terminal import tell_step, tell_totals
    from labkit.world.journey import travel
    from labkit.world.world import World

    sent = _message(message) if message else None
    with World(seed, network.value) as world:
        if format is TourFormat.TABLE:
            with _terminal(output) as terminal:
                terminal.print("[bold]One message through four devices[/bold]\n")
                began = world.now()
                journey = travel(
                    world,
                    sent,
                    retrieve=retrieve.value,
                    told=lambda step: tell_step(terminal, step, world.capture),
                )
                tell_totals(terminal, journey, world, (world.now() - began).total_seconds())
            return
        travel(world, sent, retrieve=retrieve.value)
        if format is TourFormat.PCAP:
            if output is None:
                raise typer.BadParameter(
                    "a pcap is no text: say where to with -o FILE", param_hint="--format"
                )
            world.capture.to_pcap(output)
        else:
            _write(world.capture.rows("exchanges"), Format(format.value), output)


def _message(path: Path) -> bytes:
    from labkit.store.files import canonical

    try:
        return canonical(path.read_bytes())
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror or error}") from error


@app.command()
def dissect(
    files: Annotated[
        list[Path], typer.Argument(help="pcap, pcapng, either gzip-compressed, or labkit's own.")
    ],
    table: Annotated[TableName, typer.Option(help="Which table.")] = TableName.EXCHANGES,
    format: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TABLE,
    output: Output = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="Show passwords and other secrets.")] = False,
) -> None:
    """Make a table of the mail traffic in captures.

    What cannot be understood is not left out: its row names the flaw.

    [dim]labkit dissect session.pcap --table messages[/dim]
    [dim]labkit dissect *.pcapng --format parquet -o exchanges.parquet[/dim]
    """
    from labkit.tables import Captures, read_capture

    found = []
    for file in _progress(files):
        capture = read_capture(file)
        for note in capture.tape.notes:
            _err(f"{file}: {note}")
        capture.rows(table.value)
        found.append(capture)
    both: Capture | Captures = found[0] if len(found) == 1 else Captures(found)
    _write((both.with_secrets() if secrets else both).rows(table.value), format, output)


@app.command()
def serve(
    domain: Annotated[
        list[str] | None, typer.Option(help="A domain whose mail is kept here; several may be given.")
    ] = None,
    user: Annotated[
        list[str] | None,
        typer.Option(help="ADDRESS:PASSWORD. Without any, two users get random passwords.", metavar="USER"),
    ] = None,
    mail: Annotated[
        list[str] | None,
        typer.Option(
            help="ADDRESS=FILE.eml, FILE.mbox or MAILDIR: mail that lies there already.", metavar="MAIL"
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    smtp: Annotated[int, typer.Option(help="Port; 0: any free one.")] = 2025,
    submission: Annotated[int, typer.Option(help="Port; 0: any free one.")] = 2587,
    smtps: Annotated[int, typer.Option(help="Port of submission with implicit TLS.")] = 2465,
    pop3: Annotated[int, typer.Option(help="Port.")] = 2110,
    pop3s: Annotated[int, typer.Option(help="Port of POP3 with implicit TLS.")] = 2995,
    imap: Annotated[int, typer.Option(help="Port.")] = 2143,
    imaps: Annotated[int, typer.Option(help="Port of IMAP with implicit TLS.")] = 2993,
    capture: Annotated[
        Path | None,
        typer.Option(
            help="Keep everything as FILE.pcap, .jsonl or .parquet. It holds what was sent, "
            "passwords included, unless --no-secrets.",
            show_default=False,
        ),
    ] = None,
    no_secrets: Annotated[
        bool, typer.Option("--no-secrets", help="Write * for every octet of a secret in the capture.")
    ] = False,
    ready: Annotated[
        Path | None,
        typer.Option(
            help="Write where the servers listen to this file, as JSON, once all do.", show_default=False
        ),
    ] = None,
) -> None:
    """Run the servers on real ports, for any mail program; each exchange appears as it happens.

    Nothing leaves this machine: mail for other domains comes back. Ctrl-C ends it.

    [dim]labkit serve --user bob@example.org:secret --mail bob@example.org=letter.eml[/dim]
    """
    from labkit.tables import follow
    from labkit.views.terminal import console, tell_exchange, tell_where
    from labkit.world import serve as serving

    options = serving.Options(
        domains=domain or (),
        users=dict(_pair(each, ":", "--user", "ADDRESS:PASSWORD") for each in user or ()),
        mail=[(a, Path(f)) for a, f in (_pair(each, "=", "--mail", "ADDRESS=FILE") for each in mail or ())],
        host=host,
        ports={
            "smtp": smtp,
            "submission": submission,
            "submissions": smtps,
            "pop3": pop3,
            "pop3s": pop3s,
            "imap": imap,
            "imaps": imaps,
        },
    )
    if capture is not None and capture.suffix not in CAPTURE_SUFFIXES:
        raise typer.BadParameter(f"{capture} must end in .pcap, .jsonl or .parquet", param_hint="--capture")
    terminal = console()
    with serving.until_told_to_stop() as wait:
        with serving.serve(options) as served:
            tell_where(terminal, served)
            world = served.world
            stop = follow(world.network.tap, lambda row: tell_exchange(terminal, row, world))
            if ready is not None:
                served.write_ready(ready)
            wait()
            world.close()
            stop()
            found = served.capture
        if capture is not None:
            (found.without_secrets() if no_secrets else found).save(capture)
            terminal.print(f"The capture is in {capture}.", highlight=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="Where your copy of the notebooks lives; nothing in it is overwritten.")
    ] = Path("labkit-notebooks"),
    no_open: Annotated[bool, typer.Option("--no-open", help="Only copy; do not start JupyterLab.")] = False,
) -> None:
    """Put a copy of the notebooks into a folder, and open JupyterLab there.

    Further options go to JupyterLab: [dim]labkit lab notes -- --no-browser --port 8890[/dim]
    """
    import subprocess
    from importlib.util import find_spec

    from labkit.course.shelf import lay_out
    from labkit.views.terminal import console

    laid = lay_out(folder)
    terminal = console()
    terminal.print(f"{folder}: {len(laid.new)} notebooks copied.", highlight=False)
    for name in laid.kept:
        terminal.print(f"{name} is yours and stays as it is.", highlight=False)
    if no_open:
        return
    if find_spec("jupyterlab") is None:
        raise LabError("JupyterLab is not installed; run: pip install 'mail-labkit[lab]'")
    start = f"--LabApp.default_url=/lab/tree/{laid.first}"
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.resolve()}", start]
    raise typer.Exit(subprocess.run([*command, *context.args], check=False).returncode)


# What the commands share


def _err(sentence: str) -> None:
    print(f"labkit: {sentence}", file=sys.stderr)


def _pair(text: str, separator: str, option: str, form: str) -> tuple[str, str]:
    first, found, second = text.partition(separator)
    if not (found and first and second):
        raise typer.BadParameter(f"{text!r} is not {form}", param_hint=option)
    return first, second


def _progress(files: Sequence[Path]) -> Iterable[Path]:
    """The files, with a bar on stderr when somebody watches and it takes a while."""
    from rich.console import Console
    from rich.progress import track

    quick = sum(file.stat().st_size for file in files if file.is_file()) < QUICK
    watcher = Console(stderr=True)
    return track(files, "Reading", console=watcher, transient=True, disable=quick or not watcher.is_terminal)


@contextmanager
def _terminal(output: Path | None) -> Iterator[Console]:
    """Where a story is told: the terminal, or a text file that appears whole."""
    from rich.console import Console

    from labkit.capture.files import whole_file
    from labkit.views.terminal import PIPE_WIDTH, console

    if output is None:
        yield console()
        return

    with whole_file(output) as part, part.open("w", encoding="utf-8") as file:
        yield Console(file=file, width=PIPE_WIDTH)


def _write(table: Table, format: Format, output: Path | None) -> None:
    """A table to the terminal or a file, in the format that was asked for."""
    from labkit.capture.files import whole_file

    if format is Format.TABLE:
        with _terminal(output) as terminal:
            terminal.print(table)
    elif format is Format.PARQUET:
        if output is None:
            raise typer.BadParameter("Parquet is no text: say where to with -o FILE", param_hint="--format")
        with whole_file(output) as part:
            table.to_parquet(part)
    else:
        write = table.to_jsonl if format is Format.JSONL else table.to_csv
        if output is None:
            write(sys.stdout)
        else:
            with whole_file(output) as part, part.open("w", encoding="utf-8", newline="\n") as file:
                write(file)


def main() -> None:
    """The program; every error that labkit raises on purpose becomes one sentence and exit code 1."""
    try:
        app()
    except LabError as error:
        _err(str(error))
        sys.exit(1)
    except BrokenPipeError:
        # Who read our output has gone (| head); Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
