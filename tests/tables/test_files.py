"""Writing and reading: dtypes and octets come back, for zero rows too."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pandas import DataFrame, read_parquet
from pandas.testing import assert_frame_equal

from labkit.capture import archive
from labkit.errors import LabError
from labkit.net.tap import Connection, Record, Tap
from labkit.tables import TABLES, Capture, Table, follow, read_capture, read_table


@pytest.fixture(params=["capture", "empty"])
def any_capture(request: pytest.FixtureRequest) -> Capture:
    found: Capture = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("table", TABLES)
def test_parquet_and_json_lines_bring_the_dtypes_back(
    any_capture: Capture, table: str, tmp_path: Path
) -> None:
    frame = getattr(any_capture, table)
    any_capture.to_parquet(tmp_path / "t.parquet", table)
    any_capture.to_jsonl(tmp_path / "t.jsonl", table)
    if len(frame):
        assert_frame_equal(read_parquet(tmp_path / "t.parquet"), frame)
    assert_frame_equal(read_table(tmp_path / "t.parquet"), frame)
    assert_frame_equal(read_table(tmp_path / "t.jsonl", table), frame)


def test_json_lines_are_the_same_octets_each_time(capture: Capture) -> None:
    found = []
    for _ in range(2):
        file = io.StringIO()
        capture.rows().to_jsonl(file)
        found.append(file.getvalue())
    assert found[0] == found[1]
    first = found[0].splitlines()[0]
    assert first.startswith(
        '{"capture": "lab", "connection": 0, "exchange": 0, "protocol": "smtp", "step": "submit", '
    )
    assert '"time": "2026-01-05T09:00:00.050000Z"' in first


def test_csv(capture: Capture) -> None:
    file = io.StringIO()
    capture.rows("logins").to_csv(file)
    lines = file.getvalue().splitlines()
    assert lines[0] == "capture,connection,exchange,time,user,mechanism,outcome,encrypted"
    assert lines[1] == "lab,0,5,2026-01-05T09:00:00.450000Z,alice@example.com,PLAIN,ok,True"


def test_parquet_of_no_rows_is_read_back_with_its_categories(empty: Capture, tmp_path: Path) -> None:
    empty.to_parquet(tmp_path / "t.parquet", "logins")
    assert "unanswered" in read_table(tmp_path / "t.parquet").outcome.cat.categories


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_an_archive_gives_all_tables_again(any_capture: Capture, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"lab{suffix}"
    any_capture.save(path)
    again = read_capture(path)
    for table in TABLES:
        assert again.with_secrets().rows(table) == any_capture.with_secrets().rows(table)
    once = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == once


def test_an_archive_of_a_file_keeps_frames_and_gaps(tmp_path: Path, capture: Capture) -> None:
    capture.to_pcap(tmp_path / "lab.pcap")
    first = read_capture(tmp_path / "lab.pcap")
    first.tape.flows[2].client.gaps.append(archive.Gap(5, 7))
    first.save(tmp_path / "again.jsonl")
    again = read_capture(tmp_path / "again.jsonl")
    assert again.tape.flows[2].client.gaps == [(5, 7)]
    for table in TABLES:
        assert again.rows(table) == first.rows(table)
    assert again.rows()["frame"][3] is not None


def test_live_and_pcap_give_the_same_tables(capture: Capture, tmp_path: Path) -> None:
    capture.to_pcap(tmp_path / "lab.pcap")
    again = read_capture(tmp_path / "lab.pcap", name="lab")
    for table in ("exchanges", "messages", "lines", "hops", "parts", "recipients", "logins"):
        live = capture.where(1, 2, 3, 4).rows(table)
        file = again.where(1, 2, 3, 4).rows(table)
        for name, values in live.columns.items():
            if name not in ("frame", "reply_frame", "step") and table != "lookups":
                assert file[name] == values, (table, name)


def test_without_secrets_nothing_else_changes(capture: Capture, tmp_path: Path) -> None:
    masked = capture.without_secrets()
    masked.save(tmp_path / "masked.jsonl")
    assert b"hidden" not in (tmp_path / "masked.jsonl").read_bytes()
    again = read_capture(tmp_path / "masked.jsonl")
    assert again.rows() == capture.rows()
    assert again.rows("lines") == capture.rows("lines")
    assert again.with_secrets().rows()["argument"].count("******") == 1


@pytest.mark.parametrize(
    ("name", "octets", "sentence"),
    [
        ("a.jsonl", b"", "is no capture of labkit"),
        ("a.jsonl", b'{"kind": "record"}\n', "is no capture of labkit"),
        ("a.jsonl", b"not json\n", "is a damaged capture of labkit"),
        ("a.jsonl", b"\xff\xfe\n", "is a damaged capture of labkit"),
        ("a.jsonl", b"[]\n", "is a damaged capture of labkit"),
        ("a.parquet", b"PAR1", "is a damaged capture of labkit"),
        ("a.pcap", b"", "a.pcap"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, name: str, octets: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(octets)
    with pytest.raises(LabError, match=sentence):
        read_capture(tmp_path / name)


def test_a_table_is_no_capture(capture: Capture, tmp_path: Path) -> None:
    for name in ("t.parquet", "t.jsonl"):
        (capture.to_parquet if name.endswith("t") else capture.to_jsonl)(tmp_path / name)
        with pytest.raises(LabError, match="it may be one of its tables"):
            read_capture(tmp_path / name)


def test_no_file(tmp_path: Path, capture: Capture) -> None:
    with pytest.raises(LabError, match=r"cannot read .*missing\.jsonl: No such file"):
        read_capture(tmp_path / "missing.jsonl")
    with pytest.raises(LabError, match="cannot write"):
        capture.save(tmp_path / "no" / "folder.jsonl")
    with pytest.raises(LabError, match="cannot write"):
        capture.to_csv(tmp_path / "no" / "folder.csv")
    with pytest.raises(LabError, match="line 1 is no row"):
        Table.from_jsonl("logins", ["{}"])


def test_several_files_are_one(capture: Capture, tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        capture.save(tmp_path / name)
    both = read_capture([tmp_path / "a.jsonl", tmp_path / "b.jsonl"])
    assert len(both.exchanges) == 2 * len(capture.exchanges)
    assert isinstance(both.messages, DataFrame)
    # In each of the files the capture is called "lab": their connections are not to be taken for one.
    one, two = str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")
    trips = capture.exchanges.mail.round_trips()["round_trips"].tolist()
    counted = both.exchanges.mail.round_trips()
    assert counted["capture"].tolist() == [one] * len(trips) + [two] * len(trips)
    assert counted["round_trips"].tolist() == [*trips, *trips]


def test_following_shows_each_exchange_once_it_is_whole(tap: Tap) -> None:
    live, seen = Tap(), []
    stop = follow(live, lambda row: seen.append((row.connection, row.verb, row.status)))
    live.connections.append(Connection(0, "tcp", "192.0.2.1", 1, "192.0.2.2", 25, 0))
    for sender, data in (("server", b"220 a\r\n"), ("client", b"EHLO b\r\nQUI"), ("server", b"250 c\r\n")):
        live.records.append(Record(0, 1, 2, sender, data, "plain"))  # type: ignore[arg-type]
        for watcher in live._watchers:
            watcher(live.records[-1])
    assert seen == [(0, None, "220"), (0, "EHLO", "250")]
    live.connections[0].closed = 9
    stop()
    assert seen[2:] == [(0, "QUI", None)]
    assert not live._watchers


def test_how_many_files_and_processes_there_cannot_be() -> None:
    with pytest.raises(LabError, match="the list of them is empty"):
        read_capture([])
    for none in (0, -1, 2.5, "x"):
        with pytest.raises(LabError, match="jobs are processes, one at least"):
            read_capture("session.pcap", jobs=none)  # type: ignore[arg-type]
