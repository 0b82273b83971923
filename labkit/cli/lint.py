"""`labkit lint`: what a message breaks, with the line and a caret."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labkit.cli.options import ListFormat, option

if TYPE_CHECKING:
    from labkit.message.linting import Violation


def lint(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE.eml", help="A message; - is the standard input.")
    ],
    format: Annotated[
        ListFormat,
        option("--format", form="FORMAT", help="table: a sentence and the line; jsonl: for programs."),
    ] = "table",
) -> None:
    """Tell what a message breaks: each violation, its octet, its section.

    Exit code 1 if there is an error: something that a standard says must not
    be. A warning is what should not be, or what may be read and never written.

    [dim]labkit lint letter.eml[/dim]
    [dim]labkit lint *.eml --format jsonl[/dim]
    """
    from labkit.message.linting import lint as find
    from labkit.views.message import complaint
    from labkit.views.words import plural

    errors = warnings = 0
    for file in files:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        for violation in find(data):
            errors += violation.severity == "error"
            warnings += violation.severity == "warning"
            print(_json(str(file), violation) if format == "jsonl" else complaint(data, violation, str(file)))
    if format == "table":
        print(f"{plural(errors, 'error')}, {plural(warnings, 'warning')}")
    if errors:
        raise typer.Exit(1)


def _json(file: str, violation: Violation) -> str:
    return json.dumps({"file": file, **violation._asdict()})
