"""Many captures as one table, by pandas and by Dask with real workers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pandas as pd
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import traffic

import labkit
from labkit import datasets
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


def test_dask_gives_the_octets_of_lines(tmp_path: Path) -> None:
    pytest.importorskip("dask.dataframe")
    path = tmp_path / "octets.pcap"
    path.write_bytes(datasets.path("tour").read_bytes().replace(b"QUIT\r\n", b"QU\xff\xfe\r\n"))
    by_dask = labkit.read_captures([path], "lines", engine="dask").compute(scheduler="synchronous")
    by_pandas = pd.DataFrame(labkit.read_captures([path], "lines"))
    assert b"QU\xff\xfe\r\n" in by_dask["raw"].tolist()
    pd.testing.assert_frame_equal(by_dask, by_pandas)


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


def test_files_in_folders_are_found_and_one_named_twice_is_read_once(week: Path, tmp_path: Path) -> None:
    deep = tmp_path / "2026" / "01"
    deep.mkdir(parents=True)
    shutil.copy(week / "monday.pcap", deep)
    found = labkit.read_captures(tmp_path / "**" / "*.pcap", "connections")
    assert found["capture"].unique().tolist() == [str(deep / "monday.pcap")]
    twice = labkit.read_captures([week / "monday.pcap", str(week / "monday.pcap")], "connections")
    assert len(twice) == 20


@pytest.mark.parametrize("engine", ["pandas", "dask"])
def test_a_file_that_was_cut_short_is_told_of(week: Path, tmp_path: Path, engine: Any) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes((week / "monday.pcap").read_bytes()[:5000])

    def rows() -> Any:
        found = labkit.read_captures([path, week / "tuesday.pcap"], "connections", engine=engine)
        return found.compute(scheduler="synchronous") if engine == "dask" else found

    with pytest.warns(UserWarning, match=r"cut\.pcap stops at byte \d+, after frame \d+"):
        found = rows()
    assert (found["capture"] == str(week / "tuesday.pcap")).sum() == 31


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"engine": "spark"}, "there is no engine 'spark'; the engines are pandas and dask"),
        ({"engine": "dask", "parts": 0}, "parts are those of Dask"),
        ({"parts": 2}, "parts are those of Dask"),
        ({"jobs": 0}, "jobs are processes for pandas, one at least"),
        ({"engine": "dask", "jobs": 2}, "Dask has workers of its own"),
    ],
)
def test_what_cannot_be_asked(week: Path, how: dict[str, Any], why: str) -> None:
    with pytest.raises(LabError, match=why):
        labkit.read_captures(week / "*.pcap", **how)
    with pytest.raises(LabError, match="the list of them is empty"):
        labkit.read_captures([])


def test_without_dask(week: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    with pytest.raises(LabError, match="needs Dask: pip install"):
        labkit.read_captures(week / "*.pcap", engine="dask")


def test_a_file_of_another_system(week: Path) -> None:
    pytest.importorskip("fsspec")
    assert len(labkit.read_captures(f"file://{week}/m*.pcap", "connections")) == 20
    assert labkit.read_captures([f"file://{week}/monday.pcap"], engine="dask").npartitions == 1


def test_options_of_a_file_system_that_is_none(week: Path) -> None:
    with pytest.raises(LabError, match="storage_options are for files at URLs"):
        labkit.read_captures(week / "*.pcap", storage_options={"key": "x"})


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    for gone in (tmp_path / "gone.pcap", f"file://{tmp_path}/gone.pcap"):
        with pytest.raises(LabError, match=r"cannot read .*gone\.pcap: there is no such file"):
            labkit.read_captures([gone], engine="dask")


@pytest.mark.parametrize(
    ("package", "what"), [("s3fs", r"cannot read s3://.*s3fs"), ("fsspec", "takes fsspec: pip")]
)
def test_without_what_reads_from_object_storage(package: str, what: str) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; import labkit; labkit.read_captures('s3://week/*.pcap')"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "another exception" not in ran.stderr
    assert "direct cause" not in ran.stderr
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("labkit.errors.LabError: ")
    assert re.search(what, last)


# Object storage


class Storage:
    """Amazon's S3, as moto serves it over HTTP: a bucket `week` with the captures of a week."""

    def __init__(self, url: str) -> None:
        import s3fs

        self.url = url
        self.options: dict[str, Any] = {"key": "ann", "secret": "secret", "endpoint_url": url}
        self.files = s3fs.S3FileSystem(**self.options)

    def asks_who_it_is(self, yes: bool) -> None:
        """Whether keys must be known, and be permitted what they do."""
        after = b"0" if yes else b"inf"  # so many requests
        urlopen(Request(f"{self.url}/moto-api/reset-auth", after, {"Content-Type": "text/plain"})).close()

    def key_of_a_nobody(self) -> dict[str, Any]:
        """A user who is permitted nothing."""
        import boto3

        known = {"aws_access_key_id": "ann", "aws_secret_access_key": "secret"}
        users = boto3.client("iam", endpoint_url=self.url, region_name="us-east-1", **known)
        users.create_user(UserName="nobody")
        key = users.create_access_key(UserName="nobody")["AccessKey"]
        return {**self.options, "key": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


@pytest.fixture(scope="module")
def storage(week: Path) -> Iterator[Storage]:
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server")
    with pytest.MonkeyPatch.context() as patch:
        for name in [each for each in os.environ if each.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, os.devnull)
        serving = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        serving.start()
        try:
            storage = Storage("http://{}:{}".format(*serving.get_host_and_port()))
            storage.files.mkdir("week")
            for path in week.glob("*.pcap"):
                storage.files.put(str(path), f"week/{path.name}")
            yield storage
        finally:
            serving.stop()


@pytest.mark.parametrize("table", ["exchanges", "messages"])
def test_captures_in_object_storage(week: Path, cluster: Any, storage: Storage, table: str) -> None:
    here = labkit.read_captures(week / "*.pcap", table)
    here["capture"] = here["capture"].str.replace(f"{week}/", "s3://week/").astype(here["capture"].dtype)
    there = labkit.read_captures("s3://week/*.pcap", table, storage_options=storage.options)
    pd.testing.assert_frame_equal(there, here)
    lazy = labkit.read_captures(
        "s3://week/*.pcap", table, engine="dask", parts=3, storage_options=storage.options
    )
    assert lazy.npartitions == 6
    pd.testing.assert_frame_equal(
        sorted_rows(lazy.compute()).convert_dtypes(), sorted_rows(pd.DataFrame(here)).convert_dtypes()
    )


def test_who_asks_may_stand_in_the_environment(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match=r"cannot read s3://week/.*: Unable to locate credentials"):
        labkit.read_captures("s3://week/m*.pcap", storage_options={"endpoint_url": storage.url})
    for name, value in (("ACCESS_KEY_ID", "ann"), ("SECRET_ACCESS_KEY", "x"), ("ENDPOINT_URL", storage.url)):
        monkeypatch.setenv(f"AWS_{name}", value)
    assert len(labkit.read_captures("s3://week/m*.pcap", "connections")) == 20


def test_what_came_meanwhile_is_found(week: Path, storage: Storage) -> None:
    import boto3

    known = {"aws_access_key_id": "ann", "aws_secret_access_key": "secret"}
    other = boto3.client("s3", endpoint_url=storage.url, region_name="us-east-1", **known)
    for number in (1, 2):
        other.upload_file(week / "monday.pcap", "week", f"late/{number}.pcap")
        found = labkit.read_captures("s3://week/late/*", "connections", storage_options=storage.options)
        assert len(found) == number * 20


def test_days_go_back_to_object_storage(cluster: Any, storage: Storage) -> None:
    lazy = labkit.read_captures("s3://week/*.pcap", engine="dask", storage_options=storage.options)
    days = lazy.assign(day=lazy["time"].dt.strftime("%Y-%m-%d"))
    days.to_parquet("s3://week/days", partition_on=["day"], storage_options=storage.options)
    assert [each.rpartition("/")[2] for each in storage.files.ls("week/days")] == ["day=2026-01-05"]
    back = pd.read_parquet("s3://week/days", storage_options=storage.options)
    assert len(back) == len(lazy)


@pytest.mark.parametrize("engine", ["pandas", "dask"])
@pytest.mark.parametrize(
    ("files", "why"),
    [
        ("s3://elsewhere/*.pcap", "there is no bucket elsewhere, or it is not yours to see"),
        ("s3://elsewhere/monday.pcap", "there is no bucket elsewhere, or it is not yours to see"),
        ("s3://week/*.zip", "there is no file s3://week/*.zip"),
        ("s3://week/sunday.pcap", "there is no file s3://week/sunday.pcap"),
        (["s3://week/sunday.pcap"], "cannot read s3://week/sunday.pcap: there is no such file"),
        (["s3://elsewhere/monday.pcap"], "cannot read s3://elsewhere/monday.pcap: there is no such file"),
    ],
)
def test_what_is_not_in_object_storage(storage: Storage, files: Any, why: str, engine: Any) -> None:
    with pytest.raises(LabError) as error:
        labkit.read_captures(files, engine=engine, storage_options=storage.options)
    assert (str(error.value), error.value.__cause__) == (why, None)


def test_what_may_not_be_read(storage: Storage, cluster: Any) -> None:
    nobody = storage.key_of_a_nobody()
    storage.asks_who_it_is(True)
    try:
        for files in ("s3://week/*.pcap", "s3://week/monday.pcap", ["s3://week/monday.pcap"]):
            with pytest.raises(LabError, match=r"cannot read s3://week/.*\.pcap: (Access Denied|Forbidden)"):
                labkit.read_captures(files, storage_options=nobody)
        lazy = labkit.read_captures(["s3://week/monday.pcap"], engine="dask", parts=1, storage_options=nobody)
        with pytest.raises(LabError, match=r"cannot read s3://week/monday\.pcap: Forbidden"):
            lazy.compute()  # a worker says so
    finally:
        storage.asks_who_it_is(False)
