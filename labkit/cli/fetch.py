"""`labkit fetch`: new mail from any POP3 server, and the conversation beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from labkit.cli.complaints import complain
from labkit.cli.options import misused, option

PASSWORD = "LABKIT_PASSWORD"
HOW = "How it connects and logs in"
LEAVING = "What becomes of the mail on the server"


def fetch(
    source: Annotated[str, option("--from", form="HOST:PORT", help="The POP3 server.")],
    user: Annotated[str, option(form="NAME", help="Whose mail.", rich_help_panel=HOW)],
    to: Annotated[Path, option(form="DIR|FILE.mbox", help="Where the messages go.")] = Path("mail"),
    password_file: Annotated[
        Path | None,
        option(
            form="FILE",
            help=f"Its first line is the password; else it is in {PASSWORD}, asked for, or piped in.",
            rich_help_panel=HOW,
        ),
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="TLS from the start.", rich_help_panel=HOW)] = False,
    starttls: Annotated[
        bool, typer.Option("--starttls", help="TLS before the login, by STLS.", rich_help_panel=HOW)
    ] = False,
    ca_file: Annotated[
        Path | None,
        option(form="FILE.pem", help="Whom to trust, instead of the system's.", rich_help_panel=HOW),
    ] = None,
    mechanism: Annotated[
        str | None,
        option(form="NAME", help="APOP, SCRAM-SHA-256 ..., instead of USER and PASS.", rich_help_panel=HOW),
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete what is kept here.", rich_help_panel=LEAVING)
    ] = False,
    keep_days: Annotated[
        int | None,
        option(form="N", help="Delete what has been kept here for N days.", rich_help_panel=LEAVING, min=0),
    ] = None,
    pipelined: Annotated[
        bool, typer.Option("--pipelined", help="Do not wait for each reply.", rich_help_panel=HOW)
    ] = False,
) -> None:
    """Fetch new mail from a POP3 server, and show the conversation.

    What was fetched before is not fetched again; from a server without UIDL it
    is, but not kept again. Nothing is deleted on the server unless you say so,
    and then only what is safely on this disk.

    [dim]labkit fetch --from 127.0.0.1:2110 --user bob@example.org[/dim]
    [dim]labkit fetch --from pop.example.org --tls --user bob --keep-days 14[/dim]
    [dim]labkit fetch --from pop.example.org --starttls --user bob --to inbox.mbox[/dim]
    """
    from labkit.views.terminal import console
    from labkit.views.terminal_talk import tell_said
    from labkit.world import fetch as fetching

    if tls and starttls:
        raise misused("--starttls", "--tls is already TLS from the start")
    if delete and keep_days is not None:
        raise misused("--keep-days", "--delete keeps nothing on the server")
    kind: Literal["none", "STARTTLS", "implicit"] = "implicit" if tls else "STARTTLS" if starttls else "none"
    server, port = fetching.server_and_port(source, kind)
    terminal = console()
    done = fetching.fetch(
        fetching.Options(
            *(server, port, user, _password(password_file), to),
            tls=kind,
            ca_file=ca_file,
            mechanism=mechanism,
            pipelined=pipelined,
            delete=delete,
            keep_days=keep_days,
        ),
        lambda row: tell_said(terminal, row, f"{server}:{port}"),
    )
    told = f"{done.fetched} fetched into {to}; {done.left} on the server."
    terminal.print(told, highlight=False, markup=False, soft_wrap=True)
    for name, refused in done.refused.items():
        complain(f"message {name}: {refused}")
    if done.refused:
        raise typer.Exit(1)


def _password(file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text("utf-8").split("\n", 1)[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise misused("--password-file", f"cannot read {file}: {error}") from error
    if known := os.environ.get(PASSWORD):
        return known
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, err=True))
    if piped := sys.stdin.readline().rstrip("\r\n"):
        return piped
    raise misused("--password-file", f"there is no password in {PASSWORD} or the input, and nobody to ask")
