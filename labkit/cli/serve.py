"""`labkit serve`: the servers on real ports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.complaints import complain
from labkit.cli.options import (
    KEEPING,
    LISTENING,
    WHO,
    Faults,
    check_capture_name,
    misused,
    option,
    pair,
    port,
)


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
            help="Put mail into a user's INBOX, once in a store: an .eml, an mbox or a Maildir. (Repeat.)",
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
    pop3: Annotated[int, port("POP3; STLS.")] = 2110,
    pop3s: Annotated[int, port("POP3, TLS from the start.")] = 2995,
    imap: Annotated[int, port("IMAP; STARTTLS.")] = 2143,
    imaps: Annotated[int, port("IMAP, TLS from the start.")] = 2993,
    fault: Faults = None,
    capture: Annotated[
        Path | None,
        option(
            form="FILE",
            help="Keep everything, as .pcap, .pcapng, .jsonl or .parquet. The file holds what was sent, "
            "passwords included, unless --no-secrets; .jsonl and .parquet hold also what was sent inside "
            "TLS, .pcapng the keys to it.",
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
    from labkit.views.terminal import console
    from labkit.views.terminal_talk import tell_exchange, tell_where
    from labkit.world import serve as serving

    if capture is not None:
        check_capture_name("--capture", capture)
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
        for sentence in served.left_out:
            complain(f"{sentence}; nothing of it is served")
        for row in served.exchanges(told):
            tell_exchange(terminal, row, served.world)
    if capture is not None:
        terminal.print(f"The capture is in {capture}.", highlight=False, markup=False, soft_wrap=True)
