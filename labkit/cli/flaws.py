"""`labkit flaws`: the catalogue of what can be wrong with captured mail."""

from __future__ import annotations

from typing import Annotated

from labkit.cli.options import ListFormat, option


def flaws(
    format: Annotated[
        ListFormat, option("--format", form="FORMAT", help="table, or jsonl with the whole example.")
    ] = "table",
) -> None:
    """List what can be wrong with captured mail, each with octets that have it.

    The names are those of the column flaw in the tables of labkit dissect.

    [dim]labkit dissect session.pcap --table flaws[/dim]
    [dim]labkit flaws[/dim]
    """
    from labkit.views.terminal_flaws import list_flaws

    list_flaws(format)
