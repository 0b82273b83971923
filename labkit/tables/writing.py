"""Tables into files part by part, so that none has to be in memory as a whole.

CSV, JSON Lines and Parquet are what `Table` writes.  A dataset is a folder with a folder for each
day, `day=2026-01-05/part-0.parquet`, as DuckDB, Polars, Spark, Dask and pandas read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from labkit.errors import LabError
from labkit.tables.schema import TABLES, columns_of
from labkit.tables.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

Where = str | PathLike[str]
Parts = Iterable["pa.Table"]
DAYS = {"connections": "start"}  # the column that decides a row's day, where it is not `time`


def joined(parts: Parts, table: str) -> Table:
    """All parts as one table in memory, to be shown; at least one part has to be there."""
    import pyarrow as pa

    return Table.from_arrow(table, pa.concat_tables(parts))


def write_text(parts: Parts, table: str, format: str, file: TextIO) -> None:
    """All parts as `csv` or `jsonl`."""
    if format == "csv":
        Table(table).to_csv(file)
    for part in parts:
        rows = Table.from_arrow(table, part)
        if format == "csv":
            rows.to_csv(file, header=False)
        else:
            rows.to_jsonl(file)


def write_parquet(parts: Parts, table: str, path: Any) -> None:
    """All parts as one Parquet file, a row group each; at least one part has to be there, if without rows."""
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for part in parts:
            rows = Table.from_arrow(table, part).to_write()
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(path, rows.schema))
            writer.write_table(rows)


def write_days(parts: Parts, table: str, folder: Where) -> list[Path]:
    """All parts as a dataset with a folder for each day (UTC); its files.

    Raises LabError if there is something in the folder already, or if rows of the table have no time.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    by = DAYS.get(table, "time")
    if table == "hops" or by not in [column.name for column in columns_of(TABLES[table])]:
        raise LabError(f"the rows of the table {table} have no time of their own to part them by day")
    root = Path(fspath(folder))
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise LabError(f"{root} is there already; a dataset is written to a new folder")
    writers: dict[str, pq.ParquetWriter] = {}
    files: list[Path] = []
    try:
        with ExitStack() as stack:
            for part in parts:
                days = pc.strftime(part[by], "%Y-%m-%d")
                for day in pc.unique(days).to_pylist():
                    rows = Table.from_arrow(table, part.filter(pc.equal(days, day))).to_write()
                    if day not in writers:
                        files.append(root / f"day={day}" / "part-0.parquet")
                        files[-1].parent.mkdir(parents=True)
                        writers[day] = stack.enter_context(pq.ParquetWriter(files[-1], rows.schema))
                    writers[day].write_table(rows)
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot write {root}: {error.strerror or error}") from error
    return files
