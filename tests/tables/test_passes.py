"""Windows, runs and processes change no table."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import traffic

from labkit import datasets
from labkit.errors import LabError
from labkit.tables import runs
from labkit.tables.passes import Pass
from labkit.tables.read import read_capture
from labkit.tables.schema import TABLES

CAPTURES = sorted((Path(__file__).parents[3] / "shared" / "captures" / "zeek").glob("*.pcap"))


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of 60 sessions in half a second."""
    path = tmp_path_factory.mktemp("busy") / "busy.pcap"
    traffic.write(path, 60)
    return path


def whole(path: Path) -> dict[str, list[dict[str, Any]]]:
    capture = read_capture(path)
    return {table: capture.rows(table).arrow().to_pylist() for table in TABLES}


def passed(path: Path, **how: Any) -> dict[str, list[dict[str, Any]]]:
    with Pass(path, list(TABLES), **how) as tables:
        return {table: pa.concat_tables(tables.rows(table)).to_pylist() for table in TABLES}


@pytest.mark.parametrize("window", [20_000, 300_000, 1 << 30])
def test_windows_change_no_table(busy: Path, window: int) -> None:
    assert passed(busy, window=window) == whole(busy)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_windows_change_no_table_of_a_real_capture(path: Path) -> None:
    assert passed(path, window=2_000) == whole(path)


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_an_archive_of_the_lab_is_passed_over_like_any_capture(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"tour{ending}"
    datasets.load("tour").save(path)
    assert passed(path) == passed(path, jobs=2) == whole(path)
    shares = [passed(path, share=(which, 2)) for which in (0, 1)]
    for table, rows in whole(path).items():
        assert sorted(map(str, rows)) == sorted(str(row) for share in shares for row in share[table])
    assert read_capture(path, jobs=2).exchanges.equals(read_capture(path).exchanges)


def test_runs_that_wait_on_the_disk_are_the_same(busy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "ROOM", 10_000)
    monkeypatch.setattr(runs, "STEP", 7)
    assert passed(busy, window=50_000) == whole(busy)


def test_processes_share_the_work(busy: Path) -> None:
    assert passed(busy, jobs=2, window=100_000) == whole(busy)


def test_processes_share_what_comes_by_a_pipe(busy: Path) -> None:
    with Pass(io.BytesIO(busy.read_bytes()), ["connections"], jobs=3, window=100_000, name="busy") as tables:
        shared = [row for part in tables.rows("connections") for row in part.drop(["capture"]).to_pylist()]
    with Pass(busy, ["connections"]) as tables:
        alone = [row for part in tables.rows("connections") for row in part.drop(["capture"]).to_pylist()]
    assert shared == alone


@pytest.mark.parametrize("name", ["msmtp-starttls", "imapclient-starttls"])
def test_processes_open_tls_with_the_secrets_of_the_file(name: str) -> None:
    path = datasets.path(name)
    assert passed(path, jobs=2, window=1) == passed(path)
    assert any(row["encrypted"] and row["verb"] != "TLS" for row in passed(path, jobs=2)["exchanges"])


def test_a_capture_of_several_processes(busy: Path) -> None:
    alone, shared = read_capture(busy), read_capture(busy, jobs=2)
    for table in ("exchanges", "connections"):
        assert shared.rows(table) == alone.rows(table)
    pd.testing.assert_frame_equal(shared.exchanges, alone.exchanges)
    assert shared.with_secrets().rows("exchanges") == alone.with_secrets().rows("exchanges")
    assert shared.where(3).rows("exchanges") == alone.where(3).rows("exchanges")
    assert shared.name == alone.name
    assert repr(shared) == repr(alone)


def test_a_share_is_whole_connections(busy: Path) -> None:
    shares = [passed(busy, share=(which, 3))["exchanges"] for which in range(3)]
    assert all({row["connection"] % 3 for row in share} == {which} for which, share in enumerate(shares))
    assert sum(map(len, shares)) == len(whole(busy)["exchanges"])


def test_rows_come_in_pieces_in_order(busy: Path) -> None:
    with Pass(busy, ["exchanges"], window=100_000) as tables:
        times = [part["time"].to_pylist() for part in tables.rows()]
    assert len(times) > 3
    every = [time for part in times for time in part]
    assert every == sorted(every)


def test_notes_and_packets_are_kept(busy: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(busy.read_bytes()[:-10])
    tape = read_capture(cut).tape
    with Pass(cut, ["flaws"], jobs=2) as tables:
        assert (tables.notes, tables.packets) == (tape.notes, tape.packets)
        assert len(tables.notes) == 1


def test_what_is_asked_for_must_be_there(busy: Path) -> None:
    with pytest.raises(LabError, match="there is no table 'mail'"):
        Pass(busy, ["mail"])
    with pytest.raises(LabError, match="cannot read nowhere"):
        Pass("nowhere", jobs=2)


def test_a_process_that_fails_is_told_of(busy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "false"))
    (tmp_path / "false").symlink_to("/bin/false")
    with pytest.raises(LabError, match="a process that was to dissect its share has failed"):
        Pass(busy, jobs=2)


def test_how_far_it_is(busy: Path) -> None:
    told: list[tuple[int, int | None, int]] = []
    with Pass(
        busy,
        window=100_000,
        watch=lambda reading: told.append((reading.position, reading.total, reading.packets)),
    ):
        assert told == sorted(told)
    assert told[-1][0] == told[-1][1] == busy.stat().st_size


def test_an_empty_capture_has_every_table(tmp_path: Path) -> None:
    path = tmp_path / "nothing.pcap"
    path.write_bytes(traffic.HEADER)
    assert passed(path) == {table: [] for table in TABLES}
