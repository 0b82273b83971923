"""The command line: `labkit tour | serve | fetch | dissect | export | faults | lab`.

Exit codes: 0 done, 1 the input cannot be used, 2 the command was not understood.  Every error is one
sentence on stderr.  Everything is imported when it is used, and tables are printed without pandas.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from labkit.cli_fetch import fetch
from labkit.cli_options import (
    KEEPING,
    LISTENING,
    WHO,
    Faults,
    ListFormat,
    NetworkName,
    Output,
    Retrieve,
    TableFormat,
    TableName,
    TourFormat,
    check_target,
    misused,
    option,
    pair,
    port,
    sentence_of,
)
from labkit.cli_store import export
from labkit.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE_ERROR: type[Any] = typer.BadParameter.__mro__[1]  # which typer does not name in public

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def labkit(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """An e-mail laboratory: real SMTP, POP3 and IMAP, every exchange a row of a table.

    [dim]labkit tour[/dim]                    one message through four devices
    [dim]labkit serve[/dim]                   servers on real ports, for any program
    [dim]labkit fetch[/dim]                   mail from any POP3 server
    [dim]labkit dissect session.pcap[/dim]    the mail traffic in somebody's capture
    [dim]labkit lab[/dim]                     the course, in JupyterLab
    [dim]labkit faults[/dim]                  what can be made to go wrong
    """
    if version:
        from labkit import __version__

        print("labkit", __version__)
    elif context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def tour(
    message: Annotated[
        Path | None, option(form="FILE.eml", help="Send this message instead of the built-in one.")
    ] = None,
    retrieve: Annotated[
        Retrieve, option(form="HOW", help="How Bob fetches his mail: pop3, imap or both.")
    ] = "both",
    network: Annotated[
        NetworkName,
        option(
            form="NETWORK",
            help="simulated: in memory, in virtual time; loopback: real TCP on this machine.",
        ),
    ] = "simulated",
    fault: Faults = None,
    seed: Annotated[int, option(form="N", help="Same seed, same octets (simulated).")] = 0,
    format: Annotated[
        TourFormat,
        option(
            "--format",
            form="FORMAT",
            help="table tells the story; jsonl, csv and parquet give every exchange; pcap the packets.",
        ),
    ] = "table",
    output: Output = None,
) -> None:
    """Follow one message through four devices, command by command.

    Alice's host composes it and submits it to her server. Her server finds
    Bob's by DNS and relays it; Bob's server files it; Bob's host fetches it
    with POP3, and again with IMAP.

    [dim]labkit tour --retrieve pop3[/dim]
    [dim]labkit tour --message letter.eml --format jsonl[/dim]
    [dim]labkit tour --format pcap -o tour.pcap[/dim]    then open it in Wireshark
    [dim]labkit tour --fault cut-before-final-reply@mail.example.org[/dim]    two copies
    """
    from labkit.views.terminal import tell_step, tell_totals, telling, write_table
    from labkit.world.faults import switched_on
    from labkit.world.journey import travel, travellers
    from labkit.world.world import World

    check_target(format, output)
    sent = _message(message) if message else None
    with World(seed, network) as world, switched_on(travellers(world), fault or ()):
        if format == "table":
            with telling(output) as terminal:
                terminal.print("[bold]One message through four devices[/bold]\n")
                began = world.now()
                journey = travel(
                    world,
                    sent,
                    retrieve=retrieve,
                    told=lambda step: tell_step(terminal, step, world.capture),
                )
                tell_totals(terminal, journey, world, (world.now() - began).total_seconds())
        else:
            travel(world, sent, retrieve=retrieve)
            if format == "pcap":
                assert output is not None
                world.capture.to_pcap(output)
            else:
                write_table(world.capture.rows("exchanges"), format, output)


@app.command()
def serve(
    domain: Annotated[
        list[str] | None,
        option(form="DOMAIN", help="Keep the mail of this domain. (Repeat.)", rich_help_panel=WHO),
    ] = None,
    user: Annotated[
        list[str] | None,
        option(
            form="ADDRESS:PASSWORD",
            help="Give this user a mailbox. Without any, two get random passwords. (Repeat.)",
            rich_help_panel=WHO,
        ),
    ] = None,
    store: Annotated[
        Path | None,
        option(
            form="DIR",
            help="Keep users, mailboxes and queue in this folder, for the next time; see labkit export.",
            rich_help_panel=WHO,
        ),
    ] = None,
    mail: Annotated[
        list[str] | None,
        option(
            form="ADDRESS=FILE",
            help="Put mail into a user's INBOX: an .eml, an mbox or a Maildir. (Repeat.)",
            rich_help_panel=WHO,
        ),
    ] = None,
    host: Annotated[
        str,
        option(
            form="ADDRESS",
            help="IPv4. With 0.0.0.0 other machines reach the servers, the mail and the passwords.",
            rich_help_panel=LISTENING,
        ),
    ] = "127.0.0.1",
    smtp: Annotated[int, port("SMTP as servers speak it to each other.")] = 2025,
    submission: Annotated[int, port("SMTP for those who live here; STARTTLS.")] = 2587,
    smtps: Annotated[int, port("The same, TLS from the start.")] = 2465,
    pop3: Annotated[int, port("POP3; STARTTLS.")] = 2110,
    pop3s: Annotated[int, port("POP3, TLS from the start.")] = 2995,
    imap: Annotated[int, port("IMAP; STARTTLS.")] = 2143,
    imaps: Annotated[int, port("IMAP, TLS from the start.")] = 2993,
    fault: Faults = None,
    capture: Annotated[
        Path | None,
        option(
            form="FILE",
            help="Keep everything, as .pcap, .jsonl or .parquet. The file holds what was sent, passwords "
            "included, unless --no-secrets; .jsonl and .parquet hold also what was sent inside TLS.",
            rich_help_panel=KEEPING,
        ),
    ] = None,
    no_secrets: Annotated[
        bool,
        typer.Option(
            "--no-secrets", help="A * for every octet of a secret in the capture.", rich_help_panel=KEEPING
        ),
    ] = False,
    ready: Annotated[
        Path | None,
        option(
            form="FILE",
            help="Where the servers listen, the users and the CA file, as JSON; "
            "the file is there while all of them listen.",
            rich_help_panel=KEEPING,
        ),
    ] = None,
) -> None:
    """Run the servers on real ports, for any mail program.

    Each exchange appears on the terminal as it happens. Nothing leaves this
    machine: mail for other domains is returned. Ctrl-C ends it.

    [dim]labkit serve[/dim]    for alice and bob at example.org
    [dim]labkit serve --user bob@example.org:secret --mail bob@example.org=letter.eml[/dim]
    [dim]labkit serve --store mail[/dim]    what is here today is here tomorrow
    [dim]labkit serve --capture session.pcap[/dim]    to be dissected, or seen in Wireshark

    Then, from another terminal:

    [dim]swaks --server 127.0.0.1:2025 --to bob@example.org[/dim]
    [dim]curl --user bob@example.org:secret pop3://127.0.0.1:2110/1[/dim]
    """
    from labkit.views.terminal import console, tell_exchange, tell_where
    from labkit.world import serve as serving

    if capture is not None and not serving.is_capture_name(capture):
        raise misused("--capture", f"{capture} ends neither in .pcap nor in .jsonl or .parquet")
    if no_secrets and capture is None:
        raise misused("--no-secrets", "there is no --capture to leave them out of")
    ports = dict(
        smtp=smtp, submission=submission, smtps=smtps, pop3=pop3, pop3s=pop3s, imap=imap, imaps=imaps
    )
    for name, number in ports.items():
        if not 0 <= number <= 65535:
            raise misused(f"--{name}", f"{number} is no port")
    options = serving.Options(
        domains=domain or (),
        users=dict(pair(each, ":", "--user", "ADDRESS:PASSWORD") for each in user or ()),
        store=store,
        mail=[(a, Path(f)) for a, f in (pair(each, "=", "--mail", "ADDRESS=FILE") for each in mail or ())],
        host=host,
        ports=ports,
        ready=ready,
        capture=capture,
        secrets=not no_secrets,
        faults=fault or (),
    )
    terminal = console()
    with serving.told_to_stop() as told, serving.serve(options) as served:
        tell_where(terminal, served)
        for row in served.exchanges(told):
            tell_exchange(terminal, row, served.world)
    if capture is not None:
        terminal.print(f"The capture is in {capture}.", highlight=False, markup=False, soft_wrap=True)


@app.command()
def dissect(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="pcap or pcapng, gzip-compressed or not, or labkit's own."),
    ],
    table: Annotated[
        TableName, option(form="TABLE", help=f"{', '.join(get_args(TableName))}.")
    ] = "exchanges",
    format: Annotated[
        TableFormat,
        option("--format", form="FORMAT", help="table (as much as fits), csv, jsonl or parquet."),
    ] = "table",
    output: Output = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="Show passwords and other secrets.")] = False,
) -> None:
    """Make a table of the mail traffic in captures.

    What cannot be understood is not left out: its row names the flaw.

    [dim]labkit dissect session.pcap[/dim]
    [dim]labkit dissect session.pcap --table messages[/dim]
    [dim]labkit dissect *.pcapng --format parquet -o exchanges.parquet[/dim]
    """
    from labkit.tables import Captures, read_capture
    from labkit.views.terminal import progress, write_table

    check_target(format, output)
    captures = []
    with progress(files) as begin:
        for file in files:
            begin(f"reading {file}")
            capture = read_capture(file)
            for note in capture.tape.notes:
                _complain(note)
            begin(f"dissecting {file}")
            captures.append(capture.with_secrets() if secrets else capture)
            captures[-1].rows(table)
    write_table(Captures(captures).rows(table), format, output)


app.command()(fetch)
app.command()(export)


@app.command()
def faults(
    format: Annotated[
        ListFormat, option("--format", form="FORMAT", help="table, or jsonl with every parameter.")
    ] = "table",
) -> None:
    """List what can be made to go wrong, for --fault.

    NAME[:ARGS]@HOST[:SERVICE]: a fault, how, and at whose connections.

    [dim]labkit tour --fault latency:2@mail.example.org[/dim]
    [dim]labkit tour --fault slow-reply:30,RETR@mail.example.org:pop3[/dim]
    [dim]labkit serve --fault temporary-failure:2@mail.example.org[/dim]
    """
    from labkit.views.terminal_faults import list_faults

    list_faults(format)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Your copy of the notebooks; nothing in it is overwritten.")
    ] = Path("labkit-notebooks"),
    no_open: Annotated[bool, typer.Option("--no-open", help="Copy only; do not start JupyterLab.")] = False,
    app: Annotated[
        str | None, option("--app", form="NOTEBOOK", help="Serve this one as a web page, by Voilà.")
    ] = None,
) -> None:
    """Put a copy of the notebooks into a folder, and open JupyterLab there.

    What you have worked on stays as it is. Further options go to JupyterLab.

    [dim]labkit lab[/dim]
    [dim]labkit lab my-notes --no-browser --port 8890[/dim]
    [dim]labkit lab --app 00-start-here[/dim]
    """
    from labkit.course.shelf import lay_out
    from labkit.course.start import open_app, open_lab

    laid = lay_out(folder)
    print(f"{folder}: {len(laid.new)} of {len(laid.names)} notebooks copied; the others were there.")
    for name in laid.kept:
        print(f"{name} is no longer as it was shipped: it is yours, and stays as it is.")
    if no_open:
        return
    options = context.args
    raise typer.Exit(open_app(laid, app, options) if app else open_lab(laid, options))


# What the commands share


def _message(path: Path) -> bytes:
    from labkit.store.files import read_messages

    messages = list(read_messages(path))
    if len(messages) != 1:
        raise LabError(f"{path} holds {len(messages)} messages, and the tour takes one")
    return messages[0]


def _complain(sentence: str) -> None:
    print(f"labkit: {sentence}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit code.  What labkit raises on purpose becomes one sentence."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no arrows is no reason to fail
    try:
        code = app(arguments, prog_name="labkit", standalone_mode=False)
        sys.stdout.flush()
        return code or 0
    except USAGE_ERROR as error:
        command = error.ctx.command_path if error.ctx else "labkit"
        _complain(f"{error.format_message().rstrip('.')}; see {command} --help")
        return 2
    except LabError as error:
        _complain(sentence_of(error))
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # who read it has seen enough (| head)
            _complain(f"cannot use {error.filename or 'the output'}: {error.strerror or error}")
        # What stdout still holds cannot be written, and Python must not complain about that at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
