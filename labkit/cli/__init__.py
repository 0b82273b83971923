"""The command line; a module for each command, and `options` for what they share.

Exit codes: 0 done, 1 the input cannot be used, 2 the command was not understood.  Every error is one
sentence on stderr.  Everything is imported when it is used, and tables are printed without pandas.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labkit.cli import dissect, export, faults, fetch, flaws, lab, lint, notebooks, record, serve, tour
from labkit.cli.options import complain, sentence_of
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


app.command()(tour.tour)
app.command()(serve.serve)
app.command()(record.record)
app.command()(fetch.fetch)
app.command()(dissect.dissect)
app.command()(export.export)
app.command()(lint.lint)
app.command()(faults.faults)
app.command()(flaws.flaws)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(lab.lab)
app.add_typer(notebooks.app, name="notebooks")


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
        sentence = error.format_message().replace(": Value error, ", ": ")  # words of typer's own machinery
        complain(f"{sentence.rstrip('.')}; see {command} --help")
        return 2
    except LabError as error:
        complain(sentence_of(error))
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # who read it has seen enough (| head)
            complain(f"cannot use {error.filename or 'the output'}: {error.strerror or error}")
        # What stdout still holds cannot be written, and Python must not complain about that at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
