"""`labkit dissect` on large files: windows, processes, days; and what cannot be asked of it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from support.serving import LABKIT

sys.path.append(str(Path(__file__).parent / "benchmarks"))
import traffic

from labkit import datasets
from labkit.cli import main
from labkit.tables import read_table
from labkit.views import terminal

Outcome = tuple[int, str, str]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("busy") / "busy.pcap"
    traffic.write(path, 40)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> Outcome:
    code: object
    try:
        code = main([str(each) for each in arguments]) or 0
    except SystemExit as ended:
        code = ended.code
    told = capsys.readouterr()
    return (code if isinstance(code, int) else 1), told.out, told.err


@pytest.mark.parametrize("format", ["table", "csv", "jsonl"])
def test_a_large_file_gives_what_a_small_one_gives(
    busy: Path, format: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = run(capsys, "dissect", busy, "--format", format)
    monkeypatch.setattr(terminal, "LARGE", 1)
    assert run(capsys, "dissect", busy, "--format", format) == small
    assert small[0] == 0
    assert len(small[1].splitlines()) > 20


def test_a_file_that_is_named_like_a_module_is_not_run_by_the_processes(
    busy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("email", "json", "labkit"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is mine')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])  # as in a notebook
    alone = run(capsys, "dissect", busy, "--format", "csv")
    assert run(capsys, "dissect", busy, "--format", "csv", "--jobs", 2) == alone
    assert alone[0] == 0


def test_processes_and_days(busy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parquet = "--format", "parquet", "-o"
    assert run(capsys, "dissect", busy, *parquet, tmp_path / "one.parquet") == (0, "", "")
    assert run(capsys, "dissect", busy, "--jobs", 2, *parquet, tmp_path / "two.parquet") == (0, "", "")
    assert run(capsys, "dissect", busy, "--by-day", *parquet, tmp_path / "days") == (0, "", "")
    files = [
        tmp_path / "one.parquet",
        tmp_path / "two.parquet",
        tmp_path / "days/day=2026-01-05/part-0.parquet",
    ]
    one, *others = [read_table(file) for file in files]
    for other in others:
        pd.testing.assert_frame_equal(one, other)
    code, _, error = run(capsys, "dissect", busy, "--by-day", *parquet, tmp_path / "days")
    assert (code, "is there already" in error) == (1, True)


def test_files_alone_are_not_parsed_and_give_the_same(busy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = main(["dissect", str(busy), str(busy)]), *capsys.readouterr()
    parsed = main(["dissect", str(busy), str(busy), "--table", "exchanges"]), *capsys.readouterr()
    assert alone == parsed
    assert alone[0] == 0
    assert alone[1]


def test_a_cut_file_is_told_of(busy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.pcap").write_bytes(busy.read_bytes()[:-5])
    code, _, error = run(capsys, "dissect", tmp_path / "cut.pcap", "--jobs", 2)
    assert (code, "stops at byte" in error) == (0, True)


@pytest.mark.parametrize("wrong", [["--by-day"], ["--jobs", "0"]])
def test_what_cannot_be_asked(busy: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "dissect", busy, *wrong)[0] == 2


def test_the_bar_counts_octets_and_packets(busy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from labkit.tables.passes import Pass

    with terminal.reading([busy]) as watch, Pass(busy, window=100_000, watch=watch) as tables:
        assert tables.packets > 1000


def test_archives_of_the_lab_are_told_apart_however_they_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "one.jsonl", tmp_path / "two.parquet"]
    for file in files:
        datasets.load("tour").save(file)
    alone = run(capsys, "dissect", *files, "--format", "csv")
    assert run(capsys, "dissect", *files, "--format", "csv", "--jobs", 2) == alone
    assert pd.read_csv(io.StringIO(alone[1]))["capture"].unique().tolist() == [str(file) for file in files]
    parquet = ("--format", "parquet", "--by-day", "-o", tmp_path / "days")
    assert run(capsys, "dissect", *files, *parquet) == (0, "", "")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_who_is_terminated_leaves_nothing_behind(busy: Path, tmp_path: Path, jobs: str) -> None:
    (tmp_path / "temporary").mkdir()
    command = [*LABKIT, "dissect", "-", "--jobs", jobs, "--format", "parquet", "-o", "rows.parquet"]
    with subprocess.Popen(
        [*command, "--by-day"],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(busy.read_bytes()[:5000])
        process.stdin.flush()
        while not list((tmp_path / "temporary").iterdir()):  # until the pass has begun
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (128 + signal.SIGTERM, b"")
    assert [each.name for each in tmp_path.rglob("*")] == ["temporary"]
