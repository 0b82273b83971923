"""The command line; a module for each command, `program` for typer's part, `options` for what they share.

Exit codes: 0 done, 1 the input cannot be used, 2 the command was not understood.  Every error is one
sentence on stderr.  Everything is imported when it is used, and tables are printed without pandas.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.cli.complaints import complain, sentence_of
from labkit.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit code.  What labkit raises on purpose becomes one sentence."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no arrows is no reason to fail
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except LabError as error:
        complain(sentence_of(error))
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # who read it has seen enough (| head)
            complain(f"cannot use {error.filename or 'the output'}: {error.strerror or error}")
        # What stdout still holds cannot be written, and Python must not complain about that at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(arguments: Sequence[str] | None) -> int:
    """`dissect` with nothing but files needs no typer, whose start takes as long as a small table."""
    command, *files = (sys.argv[1:] if arguments is None else arguments) or [""]
    if command == "dissect" and files and all(map(_is_file, files)):
        from labkit.cli.dissecting import write_tables

        write_tables([Path(file) for file in files])
        return 0
    from labkit.cli.program import run

    return run(arguments)


def _is_file(argument: str) -> bool:
    return not argument.startswith("-") and os.path.isfile(argument)
