"""`labkit faults`: the catalogue."""

from __future__ import annotations

from typing import Annotated

from labkit.cli.options import ListFormat, option


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
