"""Any table as plain rows: the one place where views meet pandas.

A table may be a DataFrame, a mapping of columns, or an iterable of mappings, dataclasses
or named tuples, with the columns of the lab's tables.  A source of tables may be a world,
a capture, or a mapping from names to tables.  What is absent (NA, NaT, NaN) becomes None,
and times become whole microseconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from operator import index
from typing import Any, SupportsIndex

from labkit.errors import LabError

Row = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def rows_of(source: Any, table: str) -> list[Row]:
    """The rows of the named table of a source; a source that is itself a table is that table.

    Raises LabError when the source is neither.
    """
    return tables_of(source, table)[0]


def tables_of(source: Any, *tables: str, connections: Collection[int] | None = None) -> list[list[Row]]:
    """Several tables of one source; a source that is itself a table is the first, the others are empty.

    Of a large capture `connections` reads only the rows of those connections.
    """
    if _is_table(source):
        return [to_rows(source, connections), *([] for _ in tables[1:])]
    source = getattr(source, "capture", source)
    return [to_rows(_table(source, name), connections) for name in tables]


def to_rows(table: Any, connections: Collection[int] | None = None) -> list[Row]:
    """One table as a list of rows; of all connections, or of those named."""
    if hasattr(table, "columns") and hasattr(table, "to_dict"):
        kept = table if connections is None else table[table["connection"].isin(list(connections))]
        return _from_frame(kept)
    is_plain = hasattr(table, "schema")  # a table of the lab: its values are plain already
    table = getattr(table, "columns", table)
    if isinstance(table, Mapping):
        names, columns = list(table), list(table.values())
        if connections is not None and "connection" in table:
            kept = [i for i, number in enumerate(table["connection"]) if number in connections]
            columns = [[column[i] for i in kept] for column in columns]
        values = zip(*columns, strict=True)
        if is_plain:
            return [dict(zip(names, row, strict=True)) for row in values]
        return [_clean(zip(names, row, strict=True)) for row in values]
    if isinstance(table, Iterable) and not isinstance(table, str | bytes):
        rows = (_clean(_items(row)) for row in table)
        return [row for row in rows if connections is None or row.get("connection") in connections]
    raise LabError(
        f"this is no table of the lab: {type(table).__name__}; give a world, a capture or a DataFrame"
    )


def numbers(chosen: SupportsIndex | Iterable[SupportsIndex], what: str) -> set[int]:
    """One number or several, also such as a table gives them; raises LabError for what is none."""
    try:
        return set(map(index, chosen if isinstance(chosen, Iterable) else [chosen]))
    except TypeError:
        raise LabError(f"{what} is named by its number, or several by theirs, not {chosen!r}") from None


def select(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """The rows whose columns have these values."""
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def micros(value: Any) -> int | None:
    """A time as whole microseconds since the Unix epoch; naive times are taken as UTC."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MICROSECOND
    raise LabError(f"this is no time: {value!r}")


def _from_frame(frame: Any) -> list[Row]:
    columns: list[Sequence[Any]] = []
    for name in frame.columns:
        column = frame[name]
        absent = column.isna()
        columns.append([None if gone else value for value, gone in zip(column.tolist(), absent, strict=True)])
    names = list(frame.columns)
    return [_clean(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _items(row: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(row, Mapping):
        return row.items()
    if is_dataclass(row):
        return ((field.name, getattr(row, field.name)) for field in fields(row))
    if hasattr(row, "_asdict"):
        items: Iterable[tuple[str, Any]] = row._asdict().items()
        return items
    raise LabError(f"this is no row of a table: {type(row).__name__}")


def _is_table(source: Any) -> bool:
    if isinstance(source, Mapping):
        return "capture" in source  # every table's first column; a mapping of tables has none of that name
    return hasattr(source, "columns") or isinstance(source, Sequence)


def _table(source: Any, name: str) -> Any:
    if isinstance(source, Mapping):
        return source.get(name, ())
    if callable(getattr(source, "rows", None)):
        return source.rows(name)
    return getattr(source, name, source)


def _clean(items: Iterable[tuple[str, Any]]) -> Row:
    row: dict[str, Any] = {}
    for name, value in items:
        if type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value):
            value = None
        elif isinstance(value, datetime):
            value = micros(value)
        row[name] = value
    return row
