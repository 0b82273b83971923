"""typer's part of the command line: what can be asked for, its help, and what was not understood."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.cli.complaints import complain
from labkit.cli.options import Command, Group

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = ("tour", "serve", "record", "fetch", "dissect", "export", "lint", "faults", "flaws", "lab")
GROUPS = ("notebooks",)
PASSING_ON = {"lab": {"allow_extra_args": True, "ignore_unknown_options": True}}
USAGE_ERROR: type[Any] = typer.BadParameter.__mro__[1]  # which typer does not name in public


def run(arguments: Sequence[str] | None) -> int:
    """Runs the command that the arguments (None: those of the process) ask for; returns the exit code."""
    first = (sys.argv[1:] if arguments is None else arguments)[:1]
    try:
        return program(*first)(arguments, prog_name="labkit", standalone_mode=False) or 0
    except USAGE_ERROR as error:
        command = error.ctx.command_path if error.ctx else "labkit"
        sentence = error.format_message().replace(": Value error, ", ": ")  # words of typer's own machinery
        complain(f"{sentence.rstrip('.')}; see {command} --help")
        return 2
    except typer.Abort:
        return 130


def program(first: str = "") -> typer.Typer:
    """The command line: with one command, if the first argument names it, as none of the others is needed."""
    app = typer.Typer(
        cls=Group,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(labkit)
    every = (*COMMANDS, *GROUPS)
    for name in (first,) if first in every else every:
        module = import_module(f"labkit.cli.{name}")
        if name in GROUPS:
            app.add_typer(module.app, name=name)
        else:
            app.command(cls=Command, context_settings=PASSING_ON.get(name))(getattr(module, name))
    return app


def labkit(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """An e-mail laboratory: real SMTP, POP3 and IMAP, every exchange a row of a table.

    [dim]labkit tour[/dim]                    one message through four devices
    [dim]labkit serve[/dim]                   servers on real ports, for any program
    [dim]labkit record[/dim]                  what passes between any client and any server
    [dim]labkit fetch[/dim]                   mail from any POP3 server
    [dim]labkit dissect session.pcap[/dim]    the mail traffic in somebody's capture
    [dim]labkit export STORE DIR[/dim]        mailboxes for other programs
    [dim]labkit lint letter.eml[/dim]         what a message breaks, and where
    [dim]labkit lab[/dim]                     the course, in JupyterLab
    [dim]labkit notebooks check DIR[/dim]     notebooks that keep their word, yours too
    [dim]labkit faults[/dim]                  what can be made to go wrong
    [dim]labkit flaws[/dim]                   what can be wrong with captured mail
    """
    if version:
        from labkit import __version__

        print("labkit", __version__)
    elif context.invoked_subcommand is None:
        print(context.get_help())
