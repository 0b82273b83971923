"""Sorted pieces of a table, put together again without having all of them in memory.

Each window of a file gives a run, sorted as its table is: most by time, connection and exchange, the
others by connection.  Runs overlap where connections went on, so they are merged; once there are many
they wait in a folder.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from labkit.tables.arrays import integers
from labkit.tables.schema import TABLES, columns_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

STEP = 8192  # rows of a run that are looked at together
ROOM = 64 << 20  # octets of rows that are kept in memory


def sorted_by(table: str) -> tuple[str, ...]:
    """The columns by which the rows of a table are sorted; those with the same values keep their order."""
    times = [c.name for c in columns_of(TABLES[table]) if c.kind == "time"][:1]
    return ("time", "connection", "exchange") if times == ["time"] and table != "hops" else ("connection",)


class Run(NamedTuple):
    """Sorted rows, in memory or in a file, and the key of the first of them."""

    first: int
    rows: pa.Table | Path


class Runs:
    """The runs of one table; give it a folder that is there as long as the runs are."""

    def __init__(self, table: str, folder: Path, mark: str = "") -> None:
        self.table, self._folder, self._mark = table, folder, mark
        self._by = sorted_by(table)
        self._runs: list[Run] = []
        self._held = 0

    def add(self, rows: pa.Table) -> None:
        """A run more."""
        if rows.num_rows:
            self._held += rows.nbytes
            self._runs.append(Run(int(integers(rows[self._by[0]])[0]), rows))
            if self._held > ROOM:
                self.spill()

    def spill(self) -> list[Run]:
        """Write to the folder what is in memory; all runs, which are files now."""
        import pyarrow as pa

        for number, (first, rows) in enumerate(self._runs):
            if not isinstance(rows, Path):
                path = self._folder / f"{self.table}-{self._mark}{number}.arrow"
                with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
                    writer.write_table(rows.combine_chunks(), max_chunksize=STEP)
                self._runs[number] = Run(first, path)
        self._held = 0
        return self._runs

    def take_in(self, runs: Iterable[Run]) -> None:
        """Runs that another process wrote."""
        self._runs += runs

    def merged(self) -> Iterator[pa.Table]:
        """All rows, sorted, some at a time."""
        import pyarrow as pa

        waiting = deque(sorted(self._runs, key=itemgetter(0)))
        reading: list[_Cursor] = []
        while waiting or reading:
            if not reading:
                reading.append(_Cursor(waiting.popleft().rows, self._by[0]))
            limit = min(each.last for each in reading)
            while waiting and waiting[0].first <= limit:
                reading.append(_Cursor(waiting.popleft().rows, self._by[0]))
                limit = min(limit, reading[-1].last)
            pieces = [piece for each in reading for piece in each.up_to(limit)]
            reading = [each for each in reading if not each.ended]
            found = pa.concat_tables(pieces)
            yield found.sort_by([(name, "ascending") for name in self._by]) if len(pieces) > 1 else found


class _Cursor:
    """A place in a run: `first` and `last` are the keys of the rows that come next, some of them."""

    def __init__(self, rows: pa.Table | Path, key: str) -> None:
        self._batches, self._key = _batches(rows), key
        self._rows: pa.Table | None = None
        self._advance(None)

    @property
    def ended(self) -> bool:
        return self._rows is None

    def up_to(self, limit: int) -> Iterator[pa.Table]:
        """The rows with keys up to the limit; the place moves behind them."""
        import numpy as np

        while self._rows is not None and self.first <= limit:
            count = int(np.searchsorted(self._keys, np.int64(limit), side="right"))
            yield self._rows.slice(0, count)
            self._advance(self._rows.slice(count))

    def _advance(self, rows: pa.Table | None) -> None:
        import numpy as np

        if rows is None or not rows.num_rows:
            rows = next(self._batches, None)
        self._rows = rows
        self._keys: NDArray[np.int64] = np.zeros(0, np.int64) if rows is None else integers(rows[self._key])
        self.first, self.last = (int(self._keys[0]), int(self._keys[-1])) if rows is not None else (0, 0)


def _batches(rows: pa.Table | Path) -> Iterator[pa.Table]:
    import pyarrow as pa

    if not isinstance(rows, Path):
        for begin in range(0, rows.num_rows, STEP):
            yield rows.slice(begin, STEP)
        return
    with pa.OSFile(str(rows), "rb") as file:
        reader = pa.ipc.open_file(file)
        for number in range(reader.num_record_batches):
            yield pa.Table.from_batches([reader.get_batch(number)])
