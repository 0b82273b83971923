"""One table of many captures, on this machine or, through Dask, on as many as there are."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from contextlib import nullcontext
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from labkit.errors import LabError
from labkit.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from labkit.capture.assembly import Share

Where = str | PathLike[str]
PART = 256 << 20  # octets of a file for each partition


@overload
def read_captures(
    files: Where | Iterable[Where], table: str = ..., *, engine: Literal["pandas"] = ..., jobs: int = ...
) -> pd.DataFrame: ...
@overload
def read_captures(
    files: Where | Iterable[Where], table: str = ..., *, engine: Literal["dask"], parts: int | None = ...
) -> Any: ...
def read_captures(
    files: Where | Iterable[Where],
    table: str = "exchanges",
    *,
    engine: Literal["pandas", "dask"] = "pandas",
    jobs: int = 1,
    parts: int | None = None,
) -> Any:
    """One table of many captures: the rows of one file behind those of the other; `capture` tells them apart.

    `files` are paths or a pattern such as "week/*.pcap"; with fsspec (part of Dask) also URLs, "s3://…".
    With engine "pandas" it is a DataFrame, made with `jobs` processes.  With "dask" it is a
    dask.dataframe, made where Dask computes it: each partition has all rows of some connections, `parts`
    partitions a file (otherwise one for each 256 MiB of it), each sorted as the table is.

    Raises LabError if there is no such file, or one is no capture.
    """
    paths = _found(files)
    if engine == "pandas":
        import pandas as pd

        from labkit.tables.frame import mail_frame

        return mail_frame(pd.concat([_frame(path, (0, 1), table, jobs) for path in paths], ignore_index=True))
    try:
        import dask.dataframe as dd
    except ImportError:
        raise LabError("engine='dask' needs Dask: pip install 'mail-labkit[dask]'") from None
    shares = [(path, (which, of)) for path in paths for of in [parts or _parts(path)] for which in range(of)]
    from_map: Any = dd.from_map
    return from_map(_frame, *zip(*shares, strict=True), table=table, meta=_plain(Table(table)))


def _frame(path: str, share: Share, table: str, jobs: int = 1) -> pd.DataFrame:
    """The rows of a share of a file's connections."""
    import pyarrow as pa

    from labkit.tables.passes import Pass

    with _opened(path) as source, Pass(source, [table], name=path, share=share, jobs=jobs) as tables:
        return _plain(Table.from_arrow(table, pa.concat_tables(tables.rows(table))))


def _plain(table: Table) -> pd.DataFrame:
    """A DataFrame of pandas' own, as Dask knows it."""
    import pandas as pd

    return pd.DataFrame(table.frame())


def _found(files: Where | Iterable[Where]) -> list[str]:
    if not isinstance(files, str | PathLike):
        return [fspath(file) for file in files]
    pattern = fspath(files)
    if "://" in pattern:
        import fsspec

        system, inner = fsspec.core.url_to_fs(pattern)
        found = [system.unstrip_protocol(path) for path in system.glob(inner)]
    else:
        found = glob.glob(pattern) or glob.glob(glob.escape(pattern))
    if not found:
        raise LabError(f"there is no file {pattern}")
    return sorted(found)


def _opened(path: str) -> Any:
    """A context in which the file can be read: its path, or what fsspec opens."""
    if "://" not in path:
        return nullcontext(path)
    import fsspec

    return fsspec.open(path, "rb")


def _parts(path: str) -> int:
    if "://" in path:
        import fsspec

        system, inner = fsspec.core.url_to_fs(path)
        size: int = system.size(inner)
    else:
        size = Path(path).stat().st_size
    return max(1, -(-size // PART))
