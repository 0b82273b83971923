"""One table as plain columns: lists of Python values, without pandas.

Times are whole microseconds since the Unix epoch here, and aware UTC datetimes in
the rows that iterating gives; what is absent is None.  `frame()` makes the DataFrame.
Files keep the dtypes: JSON Lines have ISO times with microseconds and are the same
octets for the same table; octets that are not text become one character each (U+0000 to U+00FF).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TextIO

from labkit.errors import LabError
from labkit.tables.schema import TABLES, Column, columns_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from labkit.tables.values import Values

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Table:
    """A table by its name in `TABLES`, its columns in the schema's order."""

    def __init__(self, name: str, columns: Mapping[str, list[Any] | Values] | None = None) -> None:
        if name not in TABLES:
            raise LabError(f"there is no table {name!r}; the tables are {', '.join(TABLES)}")
        self.name = name
        self.row = TABLES[name]
        self.schema: tuple[Column, ...] = columns_of(self.row)
        self._values: dict[str, list[Any] | Values] = dict(columns or {c.name: [] for c in self.schema})

    @classmethod
    def of(cls, name: str, rows: Iterable[Sequence[Any]], *, sort: bool = False) -> Table:
        """A table from rows in the schema's order; `sort` puts them by time, connection, exchange."""
        table = cls(name)
        given = list(rows)
        if sort:
            at = [i for i, c in enumerate(table.schema) if c.name in ("connection", "exchange")]
            time = next(i for i, c in enumerate(table.schema) if c.name == "time")
            given.sort(key=lambda row: (row[time], *(row[i] for i in at)))
        for column, values in zip(table.schema, zip(*given, strict=True), strict=False):
            table._values[column.name] = list(values)
        return table

    @classmethod
    def from_arrow(cls, name: str, rows: pa.Table) -> Table:
        """What `arrow` gave, or a part of it."""
        from labkit.tables.values import Stored

        return cls(name, {column: Stored(rows[column]) for column in rows.column_names})

    def __len__(self) -> int:
        return len(self._values[self.schema[0].name])

    def __iter__(self) -> Iterator[Any]:
        """The rows as the schema's dataclass, `Exchange` and so on."""
        read = [_to_moment if column.kind == "time" else None for column in self.schema]
        for values in zip(*(self[column.name] for column in self.schema), strict=True):
            yield self.row(*(make(v) if make else v for make, v in zip(read, values, strict=True)))

    def __getitem__(self, name: str) -> list[Any]:
        """One column."""
        values = self._values[name]
        if not isinstance(values, list):
            self._values[name] = values = values.tolist()
        return values

    @property
    def columns(self) -> dict[str, list[Any]]:
        """All columns by their names."""
        return {column.name: self[column.name] for column in self.schema}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Table) or self.name != other.name:
            return False
        return all(self[column.name] == other[column.name] for column in self.schema)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        from labkit.tables.show import text_of

        return text_of(self)

    def _repr_html_(self) -> str:
        from labkit.tables.show import html_of

        return html_of(self)

    def __rich__(self) -> Any:
        from labkit.tables.show import rich_table

        return rich_table(self)

    def where(self, keep: Callable[[Any], bool] | None = None, **wanted: Any) -> Table:
        """The rows whose columns have these values, and for which `keep` is true."""
        chosen = [
            index
            for index, row in enumerate(self if keep else [None] * len(self))
            if all(self[name][index] == value for name, value in wanted.items())
            and (keep is None or keep(row))
        ]
        return Table(self.name, {name: [self[name][i] for i in chosen] for name in self._values})

    # To others

    def arrow(self) -> pa.Table:
        """The same as an Arrow table; choices are dictionaries with all their values."""
        import pyarrow as pa

        from labkit.tables.dtypes import arrow_array

        names = [column.name for column in self.schema]
        return pa.table([arrow_array(column, self._values[column.name]) for column in self.schema], names)

    def frame(self) -> pd.DataFrame:
        """The same as a pandas DataFrame, its dtypes as tables.schema says."""
        import pandas as pd

        from labkit.tables.dtypes import series
        from labkit.tables.frame import mail_frame

        found = {column.name: series(column, self._values[column.name]) for column in self.schema}
        return mail_frame(pd.DataFrame(found))

    def records(self) -> Iterator[dict[str, Any]]:
        """The rows as plain dictionaries that JSON can hold."""
        write = [_WRITE.get(column.kind, _same) for column in self.schema]
        names = [column.name for column in self.schema]
        for values in zip(*(self[name] for name in names), strict=True):
            yield {
                name: None if value is None else make(value)
                for name, make, value in zip(names, write, values, strict=True)
            }

    def to_jsonl(self, file: TextIO) -> None:
        """One JSON object a line, in the schema's order."""
        for record in self.records():
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def to_csv(self, file: TextIO, *, header: bool = True) -> None:
        """A line with the columns' names, then one a row; what is absent is empty."""
        writer = csv.writer(file, lineterminator="\n")
        if header:
            writer.writerow(column.name for column in self.schema)
        for record in self.records():
            writer.writerow("" if value is None else value for value in record.values())

    def to_parquet(self, path: Any) -> None:
        """A Parquet file, whose dtypes pandas restores; the table's name is in its metadata."""
        import pyarrow.parquet as pq

        pq.write_table(self.to_write(), path)

    def to_write(self) -> pa.Table:
        """An Arrow table with what a Parquet file tells pandas, and `read_table`."""
        import pyarrow as pa

        found = pa.Table.from_pandas(self.frame(), preserve_index=False)
        return found.replace_schema_metadata({**found.schema.metadata, b"labkit": self.name.encode()})

    @classmethod
    def from_jsonl(cls, name: str, file: Iterable[str]) -> Table:
        """What `to_jsonl` wrote; raises LabError for a line that is no row of the table."""
        table = cls(name)
        names = [column.name for column in table.schema]
        read = [_READ.get(column.kind, _same) for column in table.schema]
        for number, line in enumerate(file, 1):
            try:
                record = json.loads(line)
                values = [record[name] for name in names]
                for column, make, value in zip(names, read, values, strict=True):
                    table[column].append(None if value is None else make(value))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise LabError(f"line {number} is no row of the table {name}") from None
        return table


def micros(moment: datetime) -> int:
    """µs since the epoch."""
    return (moment - EPOCH) // MICROSECOND


def moment(time: int) -> datetime:
    """The time as an aware datetime in UTC."""
    return EPOCH + time * MICROSECOND


def iso(time: int) -> str:
    """2026-01-05T09:00:00.000000Z"""
    return moment(time).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _same(value: Any) -> Any:
    return value


def _to_moment(value: int | None) -> datetime | None:
    return None if value is None else moment(value)


_WRITE: dict[str, Callable[[Any], Any]] = {"time": iso, "octets": lambda octets: octets.decode("latin-1")}
_READ: dict[str, Callable[[Any], Any]] = {
    "time": lambda text: micros(datetime.fromisoformat(text)),
    "octets": lambda text: text.encode("latin-1"),
}
