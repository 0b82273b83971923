"""What `labkit dissect` does, whoever read its arguments: tables of captures, at once or as they happen."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.cli.complaints import complain

if TYPE_CHECKING:
    from types import FrameType

STDIN = Path("-")


def write_tables(
    files: list[Path],
    table: str = "exchanges",
    format: str = "table",
    output: Path | None = None,
    *,
    keys: Path | None = None,
    jobs: int = 1,
    by_day: bool = False,
    messages: Path | None = None,
    secrets: bool = False,
) -> None:
    """A table of the captures in some files; the options are those of the command."""
    # Numpy would begin a thread for each processor, to multiply matrices; they spin for a while in vain.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    live = (table, format) == ("exchanges", "table") and not (output or keys or messages)
    if files == [STDIN] and live:
        _tell_live(secrets)
        return
    from labkit.capture.keys import key_log
    from labkit.tables import Captures, read_capture
    from labkit.tables.dissected import not_collecting
    from labkit.views.terminal import is_large, progress, write_table

    log = key_log(keys)
    if messages is None and (jobs > 1 or by_day or is_large(files)):
        _by_windows(files, table, format, output, by_day, {"jobs": jobs, "keys": log, "secrets": secrets})
        return
    captures = []
    with not_collecting(), progress(files) as begin:
        for file in files:
            begin(f"reading {file}")
            if file == STDIN:
                capture = read_capture(sys.stdin.buffer, name="standard input", keys=log)
            else:
                capture = read_capture(file, name=_name_of(file, files), keys=log)
            for note in capture.tape.notes:
                complain(note)
            begin(f"dissecting {file}")
            captures.append(capture.with_secrets() if secrets else capture)
            if messages is None:
                captures[-1].rows(table)
    if messages is not None:
        from labkit.tables.letters import write_letters
        from labkit.views.words import plural

        print(f"Written to {messages}: {plural(len(write_letters(captures, messages)), 'message')}.")
        return
    write_table(Captures(captures).rows(table), format, output)


def _by_windows(
    files: list[Path], table: str, format: str, output: Path | None, by_day: bool, how: dict[str, Any]
) -> None:
    """The same for large files: nothing is held as a whole but what a table for the terminal needs."""
    from labkit.tables.passes import Pass
    from labkit.views.terminal import reading, write_parts

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with ExitStack() as stack:
        # As with Ctrl-C, what lies in the folder of a pass goes with it, and its processes end.
        stack.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, end))
        passes: list[Pass] = []
        with reading(files) as watch:
            for file in files:
                source = sys.stdin.buffer if file == STDIN else file
                name = "standard input" if file == STDIN else _name_of(file, files)
                passes.append(stack.enter_context(Pass(source, [table], name=name, watch=watch, **how)))
        for each in passes:
            for note in each.notes:
                complain(note)
        write_parts(chain.from_iterable(each.rows(table) for each in passes), table, format, output, by_day)


def _name_of(file: Path, files: list[Path]) -> str | None:
    """What to call a capture: one of several by its path, since every lab calls its own "lab"."""
    return os.fspath(file) if len(files) > 1 else None


def _tell_live(secrets: bool) -> None:
    """Each exchange of what comes in, on a line, once it is whole.

    The first Ctrl-C is for who captures: what it still writes before it ends is read.
    """
    from labkit.tables import live
    from labkit.views.terminal import console
    from labkit.views.terminal_talk import tell_said

    def once(number: int, frame: FrameType | None) -> None:
        signal.signal(number, before)

    before = signal.signal(signal.SIGINT, once)
    notes: list[str] = []
    terminal = console()
    try:
        for row in live.exchanges(sys.stdin.buffer, notes, secrets=secrets):
            tell_said(terminal, row, f"{row.protocol or '?'} {row.connection}")
    finally:
        signal.signal(signal.SIGINT, before)
    for note in notes:
        complain(note)
