"""Tables of a capture file of any size: a pass over it, window by window, by one process or several.

    >>> with Pass("week.pcap", ["exchanges", "connections"], jobs=2) as tables:
    ...     for part in tables.rows("exchanges"):     # Arrow tables, in order
    ...         ...

What a window holds is dissected and made into rows, and forgotten; so memory is that of a window and
of the connections that are open.  The rows are those of `Capture`, which makes them here too.  With
several processes each reads the file and dissects its share of the connections.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from labkit.capture.source import Source
from labkit.capture.tape import Flow, Tape
from labkit.capture.windows import WINDOW, Reading
from labkit.errors import LabError
from labkit.tables.capture import Capture
from labkit.tables.dissected import not_collecting
from labkit.tables.runs import Runs
from labkit.tables.schema import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from labkit.capture.assembly import Share
    from labkit.capture.keys import KeyLog

Watch = Callable[[Reading], None]
"""Told after each window how far the reading is."""


class Pass:
    """Reads a file once, for some of its tables.  `notes` and `packets` are as of a Tape."""

    def __init__(
        self,
        source: Source,
        tables: Sequence[str] = ("exchanges",),
        *,
        jobs: int = 1,
        name: str | None = None,
        keys: KeyLog | None = None,
        secrets: bool = False,
        window: int = WINDOW,
        share: Share = (0, 1),
        watch: Watch | None = None,
    ) -> None:
        """Raises LabError if the file cannot be read, or several processes cannot each open it."""
        for table in tables:
            if table not in TABLES:
                raise LabError(f"there is no table {table!r}; the tables are {', '.join(TABLES)}")
        if jobs > 1 and not isinstance(source, str | PathLike):
            raise LabError("several processes need a file that each of them can open, by its path")
        self._folder = tempfile.TemporaryDirectory(prefix="labkit-")
        self._runs = {table: Runs(table, Path(self._folder.name), f"{share[0]}-") for table in tables}
        self._secrets, self._window, self._watch = secrets, window, watch
        which, of = share
        workers: list[subprocess.Popen[str]] = []
        try:
            reading = Reading(source, name=name, window=window, share=(which, jobs * of), keys=keys)
            for number in range(1, jobs):
                workers.append(self._worker(source, name, keys, (which + number * of, jobs * of)))
            self._read(reading)
            for worker in workers:
                self._collect(worker)
        except BaseException:
            for worker in workers:
                with worker:
                    worker.kill()
            self.close()
            raise
        self.name, self.notes, self.packets = reading.name, reading.notes, reading.packets

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._folder.cleanup()

    def rows(self, table: str = "exchanges") -> Iterator[pa.Table]:
        """The rows of a table in order, some at a time; at least one Arrow table, if without rows."""
        from labkit.tables.table import Table

        found = False
        for part in self._runs[table].merged():
            found = True
            yield part
        if not found:
            yield Table(table).arrow()

    def files(self) -> dict[str, list[str]]:
        """All rows in files of Arrow's, by table."""
        return {table: [fspath(path) for path in runs.spill()] for table, runs in self._runs.items()}

    def _read(self, reading: Reading) -> None:
        for flows in _not_collecting(reading):
            tape = Tape(reading.name, framed=True)
            tape.flows = flows
            capture = Capture(tape, secrets=self._secrets)
            for table, runs in self._runs.items():
                runs.add(capture.rows(table).arrow())
            del flows, tape, capture  # before the next window is read
            if self._watch is not None:
                self._watch(reading)

    def _worker(
        self, source: Any, name: str | None, keys: KeyLog | None, share: Share
    ) -> subprocess.Popen[str]:
        """Another process that does its share, by the same means (see the end of this module)."""
        asked = {
            "source": fspath(source),
            "tables": list(self._runs),
            "name": name,
            "keys": None if keys is None else keys.text().decode(),
            "secrets": self._secrets,
            "window": self._window,
            "share": share,
        }
        command = [sys.executable, "-m", "labkit.tables.passes", self._folder.name]
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert worker.stdin is not None
        with suppress(BrokenPipeError):  # it has failed already, and will be asked why
            worker.stdin.write(json.dumps(asked))
            worker.stdin.close()
        return worker

    def _collect(self, worker: subprocess.Popen[str]) -> None:
        assert worker.stdout is not None
        with worker:
            told = json.loads(worker.stdout.read() or "{}")
        if worker.returncode or "files" not in told:
            raise LabError(told.get("error") or "a process that was to dissect its share has failed")
        for table, files in told["files"].items():
            self._runs[table].take_in([Path(file) for file in files])


def _not_collecting(reading: Reading) -> Iterator[list[Flow]]:
    """The windows; nothing in them is in a cycle, so all of one goes when the next is read."""
    with not_collecting():
        yield from reading


def _work(folder: Path) -> None:
    """What the other process does: a pass of its own, whose runs it leaves in the folder."""
    from labkit.capture.keys import KeyLog

    asked = json.load(sys.stdin)
    keys = None if asked["keys"] is None else KeyLog(asked["keys"].encode())
    try:
        with Pass(
            asked["source"],
            asked["tables"],
            name=asked["name"],
            keys=keys,
            secrets=asked["secrets"],
            window=asked["window"],
            share=tuple(asked["share"]),
        ) as done:
            files = {
                table: [fspath(Path(file).rename(folder / Path(file).name)) for file in names]
                for table, names in done.files().items()
            }
        print(json.dumps({"files": files}))
    except LabError as error:
        print(json.dumps({"error": str(error)}))


if __name__ == "__main__":
    _work(Path(sys.argv[1]))
