"""Many captures as one table, by pandas and by Dask with real workers."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import traffic

import labkit
from labkit.errors import LabError


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two captures, of 20 and of 31 sessions."""
    folder = tmp_path_factory.mktemp("week")
    for name, sessions in (("monday", 20), ("tuesday", 31)):
        traffic.write(folder / f"{name}.pcap", sessions)
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A scheduler with two worker processes on this machine."""
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client


def sorted_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(["capture", "connection", "exchange"], ignore_index=True)


def test_many_files_are_one_table(week: Path) -> None:
    frame = labkit.read_captures(week / "*.pcap")
    parts = [labkit.read_capture(week / f"{name}.pcap").exchanges for name in ("monday", "tuesday")]
    pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.concat(map(pd.DataFrame, parts), ignore_index=True))
    one = labkit.read_captures([week / "monday.pcap"], "connections", jobs=2)
    assert len(one) == 20


@pytest.mark.parametrize("table", ["exchanges", "messages"])
def test_dask_gives_the_same_rows(week: Path, cluster: Any, table: str) -> None:
    lazy = labkit.read_captures(week / "*.pcap", table, engine="dask", parts=3)
    assert lazy.npartitions == 6
    by_dask, by_pandas = lazy.compute(), labkit.read_captures(week / "*.pcap", table)
    pd.testing.assert_frame_equal(
        sorted_rows(by_dask).convert_dtypes(), sorted_rows(pd.DataFrame(by_pandas)).convert_dtypes()
    )


def test_a_partition_has_whole_connections(week: Path, cluster: Any) -> None:
    lazy = labkit.read_captures(week / "*.pcap", engine="dask", parts=2)
    held = [
        set(map(tuple, part[["capture", "connection"]].itertuples(index=False))) for part in lazy.partitions
    ]
    assert sum(map(len, held)) == len(set().union(*held)) == 51
    workers = cluster.run(lambda: __import__("os").getpid())
    assert len(set(workers.values())) == 2


def test_dask_groups_and_writes(week: Path, cluster: Any, tmp_path: Path) -> None:
    lazy = labkit.read_captures(week / "*.pcap", engine="dask")
    counted = lazy.groupby("verb")["connection"].count().compute()
    assert counted["MAIL"] == labkit.read_captures(week / "*.pcap").verb.eq("MAIL").sum()
    lazy.to_parquet(tmp_path / "all", write_index=False)
    assert len(pd.read_parquet(tmp_path / "all")) == len(lazy)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is no file"):
        labkit.read_captures(tmp_path / "*.pcap")


def test_without_dask(week: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    with pytest.raises(LabError, match="needs Dask: pip install"):
        labkit.read_captures(week / "*.pcap", engine="dask")


def test_a_file_of_another_system(week: Path) -> None:
    pytest.importorskip("fsspec")
    assert len(labkit.read_captures(f"file://{week}/m*.pcap", "connections")) == 20
