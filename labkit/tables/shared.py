"""A capture whose tables several processes make."""

from __future__ import annotations

from os import fspath
from typing import TYPE_CHECKING

from labkit.capture import pcap
from labkit.capture.tape import Tape
from labkit.tables.capture import Capture, Where
from labkit.tables.passes import Pass
from labkit.tables.table import Table

if TYPE_CHECKING:
    from labkit.capture.keys import KeyLog


class SharedCapture(Capture):
    """Its tables are made by `jobs` processes; its tape is read when somebody looks at it."""

    def __init__(
        self, path: Where, jobs: int, *, name: str | None = None, keys: KeyLog | None = None
    ) -> None:
        self._file: Tape | None = None
        super().__init__(Tape(name or fspath(path), framed=True))
        self._path, self._jobs, self._keys = path, jobs, keys

    @property
    def tape(self) -> Tape:
        if self._file is None:
            self._file = pcap.read(self._path, name=self.name, keys=self._keys)
        return self._file

    @tape.setter
    def tape(self, tape: Tape) -> None:
        """Only the base class sets it, to the tape that has not been read yet."""

    def _make(self, table: str) -> Table:
        import pyarrow as pa

        with Pass(self._path, [table], jobs=self._jobs, name=self.name, keys=self._keys) as done:
            return Table.from_arrow(table, pa.concat_tables(done.rows(table)))

    def _look_again(self) -> None:
        """A file does not grow."""
