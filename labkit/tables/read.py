"""From files to captures, and from a live tap to rows as they happen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, overload

from labkit.capture.archive import is_archive
from labkit.capture.keys import KeyLog, key_log
from labkit.capture.tape import Flow, Tape
from labkit.dissect.dissector import Dissection
from labkit.dissect.exchange import Exchange
from labkit.dissect.row import Sheet
from labkit.errors import LabError
from labkit.net.tap import Tap
from labkit.tables.capture import Capture
from labkit.tables.dissected import Talk
from labkit.tables.schema import TABLES, columns_of
from labkit.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

Where = str | PathLike[str]
Source = Where | BinaryIO
Keys = KeyLog | Where


@overload
def read_capture(
    source: Source, *, name: str | None = None, keys: Keys | None = None, jobs: int = 1
) -> Capture: ...
@overload
def read_capture(source: list[Where] | tuple[Where, ...], *, keys: Keys | None = None) -> Captures: ...
def read_capture(
    source: Source | list[Where] | tuple[Where, ...],
    *,
    name: str | None = None,
    keys: Keys | None = None,
    jobs: int = 1,
) -> Capture | Captures:
    """The capture in a file: pcap or pcapng, also compressed (gzip, zstd); labkit's own .jsonl or .parquet.

    Several paths give a `Captures`, whose tables are those of all of them, one behind the other; each
    is called by its path there, since every lab calls its own capture "lab".
    TLS of version 1.2 and 1.3 is opened with `keys`, a key log as SSLKEYLOGFILE names one (or a `KeyLog`),
    and with the secrets that a pcapng file holds itself.
    With `jobs` that many processes share the work of each table of a large pcap (see passes.py).
    Raises LabError if there is no file, if one cannot be opened, or is no capture or no key log.
    """
    if not isinstance(jobs, int) or jobs < 1:
        raise LabError(f"jobs are processes, one at least, not {jobs!r}")
    if isinstance(source, list | tuple) and not source:
        raise LabError("there is no file to read: the list of them is empty")
    log = key_log(keys)
    if jobs > 1 and isinstance(source, str | PathLike) and not is_archive(source):
        from labkit.tables.shared import SharedCapture

        return SharedCapture(source, jobs, name=name, keys=log)
    if isinstance(source, list | tuple):
        return Captures([Capture(read_tape(each, name=fspath(each), keys=log)) for each in source])
    return Capture(read_tape(source, name=name, keys=log))


def read_tape(source: Source, *, name: str | None = None, keys: KeyLog | None = None) -> Tape:
    """The tape in a file of any of these kinds."""
    from labkit.capture import archive, pcap

    if isinstance(source, str | PathLike) and is_archive(source):
        return archive.read(source, name=name)
    return pcap.read(source, name=name, keys=keys)


class Captures:
    """Several captures as one: each table is theirs, one behind the other; `capture` tells them apart."""

    def __init__(self, captures: list[Capture]) -> None:
        self.captures = captures

    def rows(self, table: str = "exchanges") -> Table:
        if len(self.captures) == 1:
            return self.captures[0].rows(table)
        whole = Table(table)
        for capture in self.captures:
            rows = capture.rows(table)
            for name in rows.columns:
                whole[name].extend(rows[name])
        return whole

    def __getattr__(self, name: str) -> Any:
        try:
            return self.rows(name).frame()
        except LabError:
            raise AttributeError(name) from None

    def with_secrets(self) -> Captures:
        return Captures([capture.with_secrets() for capture in self.captures])

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, self.captures))


def read_table(path: Where, table: str = "exchanges") -> pd.DataFrame:
    """A table out of a file that `to_jsonl` or `to_parquet` wrote, as a DataFrame with its dtypes.

    Parquet knows which table it is (and `pandas.read_parquet` reads it as well, but the
    categories of a table without rows).  Raises LabError if the file is no such table.
    """
    if fspath(path).endswith(".parquet"):
        return _read_parquet(path)
    try:
        with Path(path).open(encoding="utf-8") as file:
            return Table.from_jsonl(table, file).frame()
    except OSError as error:
        raise LabError(f"cannot read {fspath(path)}: {error.strerror}") from None


def _read_parquet(path: Where) -> pd.DataFrame:
    import pyarrow.parquet as pq

    from labkit.tables.dtypes import dtype
    from labkit.tables.frame import mail_frame

    try:
        found = pq.read_table(fspath(path))
    except (OSError, ValueError) as error:
        raise LabError(f"cannot read {fspath(path)}: {error}") from None
    name = (found.schema.metadata or {}).get(b"labkit", b"").decode()
    if name not in TABLES:
        raise LabError(f"{fspath(path)} is no table of labkit")
    frame: pd.DataFrame = found.to_pandas()
    return mail_frame(frame.astype({column.name: dtype(column) for column in columns_of(TABLES[name])}))


def follow(tap: Tap, show: Callable[[Exchange], None]) -> Callable[[], None]:
    """Call `show` with each exchange of a live tap once it is whole; returns the call that ends it.

    It begins with those that are there already.  `show` is called in the network's own thread.  The
    last call brings what is still on the way.
    """
    from labkit.tables.live import advance

    tape = Tape.from_tap(tap)
    talks: dict[int, tuple[Dissection, Talk]] = {}
    turn = threading.RLock()

    def dissect(flows: list[Flow]) -> None:
        for flow in flows:
            if flow.number not in talks:
                talks[flow.number] = Dissection(flow), Talk(flow, None, Sheet([]), None)
            for row in advance(*talks[flow.number]):
                show(row)

    def look(_: object = None) -> None:
        with turn:
            dissect(tape.follow())

    def stop() -> None:
        end()
        look()

    with turn:
        end = tap.watch(look)
        dissect(tape.flows)
    look()
    return stop
