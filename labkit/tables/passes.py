"""Tables of a capture file of any size: a pass over it, window by window, by one process or several.

    >>> with Pass("week.pcap", ["exchanges", "connections"], jobs=2) as tables:
    ...     for part in tables.rows("exchanges"):     # Arrow tables, in order
    ...         ...

What a window holds is dissected and made into rows, and forgotten; so memory is that of a window and
of the connections that are open.  The rows are those of `Capture`, which makes them here too.  With
several processes one reads the file, and all of them dissect.  An archive of labkit's own is no larger
than what the lab that wrote it had in memory: it is read at once, here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Self

from labkit.capture import archive
from labkit.capture.source import Source
from labkit.capture.windows import WINDOW, Reading
from labkit.errors import LabError
from labkit.tables.dissected import not_collecting
from labkit.tables.schema import TABLES
from labkit.tables.workers import Maker, Worker

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
        """Raises LabError if the file cannot be read, or there is no such table."""
        for table in tables:
            if table not in TABLES:
                raise LabError(f"there is no table {table!r}; the tables are {', '.join(TABLES)}")
        self._folder = tempfile.TemporaryDirectory(prefix="labkit-")
        folder, workers = Path(self._folder.name), list[Worker]()
        try:
            if isinstance(source, str | PathLike) and archive.is_archive(source):
                tape, (which, of) = archive.read(source, name=name), share
                self._maker = Maker(tape.name, tables, folder, mark="", secrets=secrets)
                with not_collecting():
                    self._maker.add([flow for flow in tape if flow.number % of == which], framed=tape.framed)
                self.name, self.notes, self.packets = tape.name, tape.notes, tape.packets
                return
            reading = Reading(source, name=name, window=window, share=share, keys=keys)
            self._maker = Maker(reading.name, tables, folder, mark="", secrets=secrets)
            asked = {
                "name": reading.name,
                "tables": list(tables),
                "secrets": secrets,
                "keys": None if keys is None else keys.text().decode(),
            }
            workers += [Worker(number, folder, **asked) for number in range(1, jobs)]
            with not_collecting():
                for finished in reading.finished():
                    waiting = next((worker for worker in workers if worker.waits()), None)
                    if waiting is not None:
                        waiting.give(finished)
                    else:
                        self._maker.add(reading.opener.flows(finished))
                    del finished  # before the next window is read
                    if watch is not None:
                        watch(reading)
            for worker in workers:
                for table, runs in worker.collect().items():
                    self._maker.runs[table].take_in(runs)
        except BaseException:
            for worker in workers:
                worker.end()
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
        for part in self._maker.runs[table].merged():
            found = True
            yield part
        if not found:
            yield Table(table).arrow()
