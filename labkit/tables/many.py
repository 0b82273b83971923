"""One table of many captures, on this machine or, through Dask, on as many as there are.

They are files here, or wherever fsspec reaches by a URL: object storage is s3://bucket/key.
"""

from __future__ import annotations

import glob
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from labkit.errors import LabError
from labkit.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from labkit.capture.assembly import Share

Where = str | PathLike[str]
Options = Mapping[str, Any] | None
PART = 256 << 20  # octets of a file for each partition


@overload
def read_captures(
    files: Where | Iterable[Where],
    table: str = ...,
    *,
    engine: Literal["pandas"] = ...,
    jobs: int = ...,
    storage_options: Options = ...,
) -> pd.DataFrame: ...
@overload
def read_captures(
    files: Where | Iterable[Where],
    table: str = ...,
    *,
    engine: Literal["dask"],
    parts: int | None = ...,
    storage_options: Options = ...,
) -> Any: ...
def read_captures(
    files: Where | Iterable[Where],
    table: str = "exchanges",
    *,
    engine: Literal["pandas", "dask"] = "pandas",
    jobs: int = 1,
    parts: int | None = None,
    storage_options: Options = None,
) -> Any:
    """One table of many captures: the rows of one file behind those of the other; `capture` tells them apart.

    `files` are paths or a pattern such as "week/*.pcap" ("**" is any folders); with fsspec (part of Dask)
    also URLs, for which `storage_options` hold what its file system is to know, as in pandas: "s3://…"
    needs s3fs, which takes key, secret and endpoint_url, or finds them where Amazon's tools do.
    A file that is named twice is read once.
    With engine "pandas" it is a DataFrame, made with `jobs` processes.  With "dask" it is a
    dask.dataframe, made where Dask computes it: each partition has all rows of some connections, `parts`
    partitions a file (otherwise one for each 256 MiB of it), each sorted as the table is.

    Warns of what could not be read in a file, such as one that was cut short.  Raises LabError if there is
    no such file, it may not be read, or is no capture.
    """
    if engine not in ("pandas", "dask"):
        raise LabError(f"there is no engine {engine!r}; the engines are pandas and dask")
    if parts is not None and (parts < 1 or engine == "pandas"):
        raise LabError("parts are those of Dask, for each file one at least")
    if jobs != 1 and (jobs < 1 or engine == "dask"):
        raise LabError("jobs are processes for pandas, one at least; Dask has workers of its own")
    options = dict(storage_options or {})
    paths = _found(files, options)
    if options and not any(map(_is_url, paths)):
        raise LabError("storage_options are for files at URLs, such as s3://bucket/week.pcap")
    if engine == "pandas":
        import pyarrow as pa

        from labkit.tables.frame import mail_frame

        # One frame of all: of many small files each would take as long to make as to read.
        rows = [_rows(path, (0, 1), table, options, jobs) for path in paths]
        return mail_frame(_plain(Table.from_arrow(table, pa.concat_tables(rows))))
    try:
        import dask.config
        import dask.dataframe as dd
    except ImportError:
        raise LabError("engine='dask' needs Dask: pip install 'mail-labkit[dask]'") from None
    shares = [
        (path, (which, of))
        for path in paths
        for of in [parts or _parts(path, options)]
        for which in range(of)
    ]
    from_map: Any = dd.from_map
    meta = _plain(Table(table))
    with dask.config.set({"dataframe.convert-string": False}):  # octets are no text, and text is `str`
        return from_map(_frame, *zip(*shares, strict=True), table=table, options=options, meta=meta)


def _frame(path: str, share: Share, table: str, options: dict[str, Any]) -> pd.DataFrame:
    """A partition of Dask's."""
    return _plain(Table.from_arrow(table, _rows(path, share, table, options)))


def _rows(path: str, share: Share, table: str, options: dict[str, Any], jobs: int = 1) -> pa.Table:
    """The rows of a share of a file's connections."""
    import pyarrow as pa

    from labkit.tables.passes import Pass

    with _opened(path, options) as source, Pass(source, [table], name=path, share=share, jobs=jobs) as tables:
        for note in tables.notes:
            warnings.warn(note, stacklevel=4)
        return pa.concat_tables(tables.rows(table))


def _plain(table: Table) -> pd.DataFrame:
    """A DataFrame of pandas' own, as Dask knows it."""
    import pandas as pd

    return pd.DataFrame(table.frame())


def _found(files: Where | Iterable[Where], options: dict[str, Any]) -> list[str]:
    if not isinstance(files, str | PathLike):
        named = list(dict.fromkeys(fspath(file) for file in files))
        if not named:
            raise LabError("there is no file to read: the list of them is empty")
        return named
    pattern = fspath(files)
    if _is_url(pattern):
        found = _found_at(pattern, options)
    else:
        found = glob.glob(pattern, recursive=True) or glob.glob(glob.escape(pattern))
    if not found:
        raise LabError(f"there is no file {pattern}")
    return sorted(found)


def _found_at(url: str, options: dict[str, Any]) -> list[str]:
    system, inner = _system(url, options)
    with _told(url):
        system.invalidate_cache()  # what came since anybody last looked
        found = [system.unstrip_protocol(path) for path in system.glob(inner)]
        bucket = inner.partition("/")[0]
        if not found and url.startswith(("s3://", "s3a://")) and not system.exists(bucket):
            raise LabError(f"there is no bucket {bucket}, or it is not yours to see")
    return found


def _opened(path: str, options: dict[str, Any]) -> Any:
    """A context in which the file can be read: its path, or what fsspec opens."""
    if not _is_url(path):
        return nullcontext(path)
    system, inner = _system(path, options)
    with _told(path):
        return system.open(inner, "rb")


def _parts(path: str, options: dict[str, Any]) -> int:
    with _told(path):
        if _is_url(path):
            system, inner = _system(path, options)
            size: int = system.size(inner)
        else:
            size = Path(path).stat().st_size
    return max(1, -(-size // PART))


def _is_url(path: str) -> bool:
    return "://" in path


def _system(path: str, options: dict[str, Any]) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    try:
        import fsspec
    except ImportError:
        raise LabError(f"to read {path} takes fsspec: pip install 'mail-labkit[dask]'") from None
    with _told(path):
        found: tuple[Any, str] = fsspec.core.url_to_fs(path, **options)
        return found


@contextmanager
def _told(path: str) -> Iterator[None]:
    """What a file system complains of in one sentence: each of them raises errors of its own kind."""
    try:
        yield
    except LabError:
        raise
    except Exception as error:
        missing = isinstance(error, FileNotFoundError)
        why = "there is no such file" if missing else getattr(error, "strerror", None) or error
        raise LabError(f"cannot read {path}: {why}") from None
