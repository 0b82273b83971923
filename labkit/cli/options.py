"""What the commands of the command line share: their options, and how mistakes in them are told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

from labkit.cli.complaints import sentence_of
from labkit.errors import ProtocolError

WHO = "Who lives here, and what they have"
LISTENING = "Where it listens (port 0: any free one)"
KEEPING = "What is written"


Retrieve = Literal["pop3", "imap", "both"]
NetworkName = Literal["simulated", "loopback"]
TableFormat = Literal["table", "jsonl", "csv", "parquet"]
ListFormat = Literal["table", "jsonl"]
TourFormat = Literal["table", "jsonl", "csv", "parquet", "pcap"]
MailFormat = Literal["mbox", "maildir", "eml"]
TableName = Literal[
    "exchanges",
    "connections",
    "messages",
    "recipients",
    "logins",
    "lookups",
    "lines",
    "parts",
    "headers",
    "hops",
    "flaws",
]


class Command(TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return _without_values(super().get_params(ctx))


class Group(TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return _without_values(super().get_params(ctx))


def _without_values(parameters: list[Any]) -> list[Any]:
    """A flag takes no value, so its help names none: of itself typer writes <bool> there."""
    for each in parameters:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    return parameters


def option(*names: str, form: str, help: str, **more: Any) -> Any:
    """An option that takes a value: what the value looks like, and what it is for."""
    return typer.Option(*names, metavar=form, help=help, **more)


def port(help: str) -> Any:
    return option(form="PORT", help=help, rich_help_panel=LISTENING)


Output = Annotated[
    Path | None, option("-o", "--output", form="FILE", help="Write to this file, not to the terminal.")
]
Faults = Annotated[
    list[str] | None,
    option(
        form="NAME[:ARGS]@HOST",
        help="Let this go wrong, at one host or (@*) everywhere; see labkit faults. (Repeat.)",
    ),
]


def misused(option: str, sentence: str) -> typer.BadParameter:
    return typer.BadParameter(sentence, param_hint=f"'{option}'")


def pair(text: str, separator: str, option: str, form: str) -> tuple[str, str]:
    """An address and what belongs to it."""
    from labkit.message.address import parse_mailbox

    address, _, rest = text.partition(separator)
    if not rest:
        raise misused(option, f"{text!r} is not {form}")
    try:
        parse_mailbox(address)
    except ProtocolError as error:
        raise misused(option, f"{address!r} is no address: {sentence_of(error)}") from error
    return address, rest


def check_target(format: TourFormat, output: Path | None) -> None:
    if output is None and format in ("parquet", "pcap"):
        raise misused("--format", f"{format} is not for a terminal: name a file with -o FILE")


def check_capture_name(option: str, path: Path) -> None:
    """A capture that is kept has a name that says in which format."""
    from labkit.world.serve import is_capture_name

    if not is_capture_name(path):
        raise misused(option, f"{path} ends neither in .pcap nor in .pcapng, .jsonl or .parquet")
