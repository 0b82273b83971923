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

WIDTH = 72  # of the line that is shown


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

    errors = warnings = 0
    for file in files:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        for violation in find(data):
            errors += violation.severity == "error"
            warnings += violation.severity == "warning"
            print(_json(str(file), violation) if format == "jsonl" else _told(str(file), data, violation))
    if format == "table":
        print(f"{_plural(errors, 'error')}, {_plural(warnings, 'warning')}")
    if errors:
        raise typer.Exit(1)


def _json(file: str, violation: Violation) -> str:
    return json.dumps({"file": file, **violation._asdict()})


def _told(file: str, data: bytes, violation: Violation) -> str:
    start = data.rfind(b"\n", 0, violation.offset) + 1
    end = data.find(b"\n", violation.offset) + 1 or len(data)
    line, column = data.count(b"\n", 0, start) + 1, violation.offset - start
    first = max(0, column - WIDTH // 2)
    before = _printable(data[start + first : start + column])
    after = _printable(data[start + column : min(end, start + first + WIDTH)])
    where = f"{file}:{line}:{column + 1}: {violation.severity}: {violation.sentence} ({violation.rule})"
    return f"{where}\n    {before}{after}\n    {' ' * len(before)}^"


def _printable(octets: bytes) -> str:
    text = (
        octets.decode("utf-8", "backslashreplace")
        .replace("\r\n", "")
        .replace("\r", "\\r")
        .replace("\n", "\\n")
    )
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
