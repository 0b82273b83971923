"""`labkit export`: mailboxes out of a store, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.complaints import complain
from labkit.cli.options import MailFormat, option
from labkit.errors import LabError


def export(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="The folder of labkit serve --store.")],
    target: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or an empty one.")],
    format: Annotated[
        MailFormat,
        option("--format", form="FORMAT", help="mbox, maildir (with flags), eml (the very octets)."),
    ] = "mbox",
    user: Annotated[
        list[str] | None, option(form="ADDRESS", help="Only this user's mailboxes. (Repeat.)")
    ] = None,
) -> None:
    """Write the mailboxes of a store into files that other programs read.

    The store stays as it is; nobody may be serving it meanwhile.

    [dim]labkit export mail backup[/dim]    backup/bob@example.org/INBOX.mbox ...
    [dim]labkit export mail backup --format maildir --user bob@example.org[/dim]
    """
    from datetime import UTC, datetime

    from labkit.store.export import export as write
    from labkit.store.sqlite import open_store
    from labkit.views.words import plural

    opened = open_store(store, lambda: datetime.now(UTC), create=False)
    try:
        accounts = list(opened.accounts)
        if user:
            accounts = [account for each in user if (account := opened.account(each))]
            if unknown := [each for each in user if opened.account(each) is None]:
                raise LabError(f"{store} has no user {unknown[0]}")
        done = write(accounts, target, format)
    finally:
        opened.close()
    print(f"Written to {target}: {plural(done.messages, 'message')} of {store}.")
    for sentence in done.damaged:
        complain(f"left out {sentence}")
    if done.damaged:
        raise typer.Exit(1)
