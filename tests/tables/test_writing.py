"""Tables written part by part, and what others read of them."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import traffic

from labkit.errors import LabError
from labkit.tables import Capture, read_capture, read_table
from labkit.tables.passes import Pass
from labkit.tables.schema import TABLES
from labkit.tables.table import Table
from labkit.tables.writing import write_days, write_parquet, write_text


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("busy") / "busy.pcap"
    traffic.write(path, 30)
    return path


@pytest.fixture(scope="module")
def whole(busy: Path) -> Capture:
    return read_capture(busy)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_survives_arrow(whole: Capture, table: str) -> None:
    rows = whole.rows(table)
    again = Table.from_arrow(table, rows.arrow())
    pd.testing.assert_frame_equal(again.frame(), rows.frame())
    assert again == rows


@pytest.mark.parametrize("table", ["exchanges", "lines", "connections"])
def test_parts_make_the_same_files(busy: Path, whole: Capture, table: str, tmp_path: Path) -> None:
    for format, write in (("csv", whole.to_csv), ("jsonl", whole.to_jsonl)):
        write(tmp_path / format, table)
        text = io.StringIO()
        with Pass(busy, [table], window=100_000) as tables:
            write_text(tables.rows(table), table, format, text)
        assert text.getvalue() == (tmp_path / format).read_bytes().decode()
    with Pass(busy, [table], window=100_000) as tables:
        write_parquet(tables.rows(table), table, tmp_path / "parts.parquet")
    whole.to_parquet(tmp_path / "whole.parquet", table)
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "parts.parquet"), read_table(tmp_path / "whole.parquet")
    )
    assert pq.read_schema(tmp_path / "parts.parquet") == pq.read_schema(tmp_path / "whole.parquet")


def test_days_are_read_by_others(whole: Capture, tmp_path: Path) -> None:
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    rows = whole.rows("exchanges").arrow().to_pandas()
    late = rows.assign(time=rows["time"] + pd.Timedelta(days=1))
    schema = whole.rows("exchanges").arrow().schema
    parts = [pa.Table.from_pandas(each, schema, preserve_index=False) for each in (rows, late)]
    files = write_days(parts, "exchanges", tmp_path / "days")
    assert [path.parent.name for path in files] == ["day=2026-01-05", "day=2026-01-06"]
    query = f"select cast(day as varchar), count(*) from '{tmp_path}/days/*/*.parquet' group by 1 order by 1"
    assert duckdb.sql(query).fetchall() == [("2026-01-05", len(rows)), ("2026-01-06", len(rows))]
    frame = polars.scan_parquet(tmp_path / "days", hive_partitioning=True)
    counted = frame.group_by("verb").len().sort("verb").collect()
    assert sum(counted["len"]) == 2 * len(rows)
    assert "RCPT" in counted["verb"].to_list()
    assert len(pd.read_parquet(tmp_path / "days", columns=["verb", "latency_s"])) == 2 * len(rows)


def test_a_capture_writes_days(whole: Capture, tmp_path: Path) -> None:
    whole.to_parquet(tmp_path / "days", "connections", partition="day")
    assert len(read_table(tmp_path / "days" / "day=2026-01-05" / "part-0.parquet")) == 30
    with pytest.raises(LabError, match="is there already"):
        whole.to_parquet(tmp_path / "days", partition="day")
    with pytest.raises(LabError, match="no time of their own"):
        whole.to_parquet(tmp_path / "flaws", "flaws", partition="day")
    Capture(whole.tape.__class__("nothing")).to_parquet(tmp_path / "none", partition="day")
    assert list((tmp_path / "none").iterdir()) == []
