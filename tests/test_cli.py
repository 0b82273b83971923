"""The command line: each command and option, and what bad input gets."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from support.serving import LABKIT

from labkit import cli
from labkit.cli.options import TableName
from labkit.course import shelf
from labkit.tables import TABLES, read_capture, read_table

PROJECT = Path(cli.__file__).parents[2]
MESSAGE = b"From: alice@example.com\nTo: bob@example.org\nSubject: My own\n\nHello.\n.\nBye.\n"


class Ran(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Labkit = Callable[..., Ran]


@pytest.fixture
def labkit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Ran]:
    """Runs the program in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ran:
        code = cli.main([str(each) for each in arguments])
        return Ran(code, *capsys.readouterr())

    return run


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the program in a process of its own."""
    return subprocess.run(
        [*LABKIT, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        env={**os.environ, **environment},
        check=False,
    )


def _named(value: object) -> str | None:
    """Commands name their tests."""
    return " ".join(value) if isinstance(value, list) else ""


def complains(ran: Ran, code: int, sentence: str) -> None:
    """One sentence on stderr, nothing on stdout, and no file left behind."""
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("labkit: ")
    assert sentence in ran.err
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    assert not list(Path().rglob("*.part"))


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with captures of the tour."""
    folder = tmp_path_factory.mktemp("toured")
    assert cli.main(["tour", "--format", "pcap", "-o", str(folder / "tour.pcap")]) == 0
    capture = read_capture(folder / "tour.pcap")
    capture.save(folder / "own.jsonl")
    capture.save(folder / "own.parquet")
    (folder / "tour.pcap.gz").write_bytes(gzip.compress((folder / "tour.pcap").read_bytes()))
    return folder


# The program


def test_without_a_command_it_says_what_there_is(labkit: Labkit) -> None:
    ran = labkit()
    assert ran.code == 0
    for command in ("tour", "serve", "dissect", "lab"):
        assert f"labkit {command}" in ran.out


def test_version(labkit: Labkit) -> None:
    assert labkit("--version").out == "labkit 0.1.0\n"


def test_as_a_module_of_python(labkit: Labkit, tmp_path: Path) -> None:
    for arguments, code in ((["--version"], 0), (["disect"], 2)):
        command = [sys.executable, "-m", "labkit", *arguments]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert Ran(ran.returncode, ran.stdout, ran.stderr) == labkit(*arguments)
        assert ran.returncode == code


@pytest.mark.parametrize("command", [["fetch"], ["record"], ["notebooks"], ["notebooks", "grade"], []])
def test_the_help_of_a_flag_asks_for_no_value(labkit: Labkit, command: list[str]) -> None:
    ran = labkit(*command, "--help")
    assert "--help" in ran.out
    assert "bool" not in ran.out


@pytest.mark.parametrize("command", ["tour", "serve", "dissect", "export", "lab"])
def test_help_teaches_by_examples_and_fits_a_terminal(
    labkit: Labkit, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = labkit(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"\n labkit {command}" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--nope"], "No such option: --nope; see labkit --help"),
        (["sing"], "No such command 'sing'; see labkit --help"),
        (["tour", "--nope"], "--nope; see labkit tour --help"),
        (["tour", "--seed", "x"], "'--seed'"),
        (["tour", "--retrieve", "uucp"], "'pop3', 'imap', 'both'"),
        (["tour", "--network", "x"], "'simulated', 'loopback'"),
        (["tour", "--format", "x"], "'jsonl', 'csv', 'parquet', 'pcap'"),
        (["tour", "--format", "pcap"], "pcap is not for a terminal: name a file with -o FILE"),
        (["tour", "--format", "parquet"], "parquet is not for a terminal"),
        (["dissect"], "Missing argument 'FILE'"),
        (["dissect", "x", "--table", "x"], "'messages', 'recipients'"),
        (["dissect", "x", "--format", "pcap"], "'--format'"),
        (["serve", "--user", "bob"], "'bob' is not ADDRESS:PASSWORD"),
        (["serve", "--user", "bob@example.org:"], "is not ADDRESS:PASSWORD"),
        (["serve", "--user", "bob:secret"], "'bob' is no address: expected '@' at byte 3 (RFC 5321"),
        (["serve", "--mail", "bob@example.org"], "is not ADDRESS=FILE"),
        (["serve", "--mail", "a b@c=x.eml"], "'a b@c' is no address"),
        (["serve", "--smtp", "65536"], "'--smtp': 65536 is no port"),
        (["serve", "--imaps", "-1"], "'--imaps': -1 is no port"),
        (["serve", "--capture", "x.txt"], "x.txt ends neither in .pcap nor"),
        (["serve", "--no-secrets"], "there is no --capture"),
    ],
    ids=_named,
)
def test_a_command_that_is_not_understood(labkit: Labkit, arguments: list[str], sentence: str) -> None:
    complains(labkit(*arguments), 2, sentence)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["tour", "--message", "absent.eml"], "cannot read absent.eml: No such file or directory"),
        (["tour", "--message", "."], ". is a folder, but no Maildir"),
        (["tour", "--message", "empty"], "empty is empty: there is no message in it"),
        (["tour", "--message", "two.mbox"], "two.mbox holds 2 messages, and the tour takes one"),
        (["tour", "-o", "absent/x"], "cannot write absent/x: No such file or directory"),
        (["tour", "-o", "."], "cannot write .: Is a directory"),
        (["tour", "--format", "csv", "-o", "absent/x"], "cannot write absent/x: No such file"),
        (["tour", "--format", "parquet", "-o", "absent/x"], "cannot write absent/x: No such file"),
        (["tour", "--format", "pcap", "-o", "absent/x"], "cannot write absent/x: No such file"),
        (["dissect", "absent.pcap"], "cannot read absent.pcap: No such file or directory"),
        (["dissect", "."], "cannot read .: Is a directory"),
        (["dissect", "empty"], "empty is not a pcap, pcapng or labkit capture: it is empty"),
        (["dissect", "two.mbox"], "two.mbox is not a pcap, pcapng or labkit capture: it begins with 'From"),
        (["dissect", "empty.jsonl"], "empty.jsonl is no capture of labkit"),
        (["dissect", "text.parquet"], "text.parquet is a damaged capture of labkit"),
        (["serve", "--host", "::1"], "::1 is an IPv6 address; the servers listen on IPv4 only"),
        (["serve", "--host", ""], "the address to listen on is empty"),
        (["serve", "--host", "no.such.invalid"], "cannot listen on no.such.invalid: "),
        (["serve", "--host", "192.0.2.99"], "cannot listen on 192.0.2.99: Cannot assign requested address"),
        (["serve", "--domain", "no domain"], "'no domain' is no domain"),
        (["serve", "--user", "a@b.example:x", "--user", "A@b.example:y"], "there is a user A@b.example"),
        (["serve", "--mail", "bob@example.org=empty"], "empty is empty"),
        (["serve", "--mail", "bob@example.org=absent"], "cannot read absent"),
        (["serve", "--mail", "bob@example.org=."], ". is a folder, but no Maildir"),
        (["serve", "--mail", "eve@example.org=two.mbox"], "eve@example.org: there is no such user here"),
        (["serve", "--capture", "absent/x.pcap"], "cannot write absent/x.pcap: No such file"),
        (["serve", "--ready", "absent/x"], "cannot write absent/x: No such file"),
        (["serve", "--ready", "."], "cannot write .: Is a directory"),
        (["lab", "empty", "--no-open"], "empty is a file, not a folder"),
    ],
    ids=_named,
)
def test_input_that_cannot_be_used(labkit: Labkit, arguments: list[str], sentence: str) -> None:
    Path("empty").touch()
    Path("empty.jsonl").touch()
    Path("text.parquet").write_text("text")
    Path("two.mbox").write_bytes((b"From alice Mon Jan  5 09:00:00 2026\n" + MESSAGE + b"\n") * 2)
    complains(labkit(*arguments), 1, sentence)


@pytest.mark.parametrize("arguments", [["tour"], ["tour", "--format", "jsonl"], ["--help"]], ids=_named)
def test_a_reader_who_has_seen_enough_is_no_trouble(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        ended = subprocess.run([*LABKIT, *arguments], stdout=gone, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_said_in_one_sentence() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run([*LABKIT, "tour"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 1
    assert ended.stderr == b"labkit: cannot use the output: No space left on device\n"


def test_a_terminal_without_arrows_is_told_the_story_too() -> None:
    ended = started("tour", PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "alice-pc.example.com ? mail.example.com" in ended.stdout


@pytest.mark.parametrize("command", ["tour", "tour --format jsonl", "tour --format csv", "dissect"])
def test_small_results_are_printed_without_pandas(toured: Path, command: str) -> None:
    arguments = [*command.split(), *([str(toured / "tour.pcap")] if command == "dissect" else [])]
    script = (
        "import sys; from labkit.cli import main; main(sys.argv[1:]); "
        "sys.exit({'pandas', 'pyarrow', 'IPython', 'ipywidgets', 'matplotlib'} & {*sys.modules} or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


# tour


def test_the_tour_tells_five_steps_and_the_totals(labkit: Labkit) -> None:
    ran = labkit("tour")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    steps = [line for line in lines if line[:1].isdigit()]
    assert steps == [
        "1  composed (sender's host)",
        "2  submitted (sender's server)",
        "3  delivered (recipient's server)",
        "4  received and processed (recipient's server)",
        "5  accessed (recipient's host)",
    ]
    assert "In all  28 exchanges on 4 connections and 2 DNS look-ups; " in ran.out
    for said in ("AUTH PLAIN •••", "example.org MX?", "RETR 1", "UID FETCH 1:* (UID FLAGS BODY[])"):
        assert said in ran.out


@pytest.mark.parametrize("arguments", [["tour"], ["flaws"], ["faults"]])
def test_no_line_in_a_pipe_ends_with_blanks(labkit: Labkit, arguments: list[str]) -> None:
    out = labkit(*arguments).out
    assert out
    assert out == "\n".join(map(str.rstrip, out.split("\n")))


@pytest.mark.parametrize(
    ("how", "protocols"), [("pop3", {"pop3"}), ("imap", {"imap"}), ("both", {"pop3", "imap"})]
)
def test_the_tour_retrieves_as_it_is_asked_to(labkit: Labkit, how: str, protocols: set[str]) -> None:
    rows = labkit("tour", "--retrieve", how, "--format", "jsonl").rows()
    assert {row["protocol"] for row in rows} == {"smtp", "dns"} | protocols


def test_the_tour_takes_a_message_of_ones_own(labkit: Labkit) -> None:
    Path("mine.eml").write_bytes(MESSAGE)
    assert labkit("tour", "--message", "mine.eml", "--format", "pcap", "-o", "mine.pcap").code == 0
    carried = read_capture("mine.pcap").messages_carried()
    assert len(carried) == 4
    assert all(each.data.endswith(MESSAGE.replace(b"\n", b"\r\n")) for each in carried)


def test_a_message_that_is_refused_leaves_no_file(labkit: Labkit) -> None:
    Path("big.eml").write_bytes(b"Subject: big\n\n" + (b"x" * 998 + b"\n") * 34_000)
    complains(labkit("tour", "--message", "big.eml", "-o", "story.txt"), 1, "552 5.3.4")
    assert not Path("story.txt").exists()


def test_the_tour_on_real_tcp_has_the_same_exchanges(labkit: Labkit) -> None:
    what = ("protocol", "verb", "status")
    told = [
        sorted(tuple(str(row[name]) for name in what) for row in ran.rows())
        for ran in (
            labkit("tour", "--format", "jsonl"),
            labkit("tour", "--network", "loopback", "--format", "jsonl"),
        )
    ]
    assert told[0] == told[1]


def test_same_seed_same_octets_in_every_process() -> None:
    zones = {"TZ": "Pacific/Auckland", "PYTHONHASHSEED": "1", "LC_ALL": "C"}
    first = started("tour", "--format", "jsonl", PYTHONHASHSEED="0")
    second = started("tour", "--format", "jsonl", **zones)
    assert first.returncode == 0
    assert first.stdout.encode() == second.stdout.encode()
    other = started("tour", "--format", "jsonl", "--seed", "7")
    assert other.stdout != first.stdout
    assert other.stdout.count("\n") == first.stdout.count("\n")


def test_each_format_of_the_tour_holds_the_same_exchanges(labkit: Labkit) -> None:
    rows = labkit("tour", "--format", "jsonl").rows()
    assert [row["verb"] for row in rows[:3]] == [None, "EHLO", "AUTH"]
    for name in ("csv", "jsonl", "parquet", "pcap", "table"):
        ran = labkit("tour", "--format", name, "-o", f"tour.{name}")
        assert ran == (0, "", "")
    assert [json.loads(line) for line in Path("tour.jsonl").read_text("utf-8").splitlines()] == rows
    assert Path("tour.csv").read_text("utf-8") == labkit("tour", "--format", "csv").out
    with Path("tour.csv").open(encoding="utf-8", newline="") as file:
        assert [row["text"] or None for row in csv.DictReader(file)] == [row["text"] for row in rows]
    assert list(read_table("tour.parquet")["argument"].fillna("")) == [row["argument"] or "" for row in rows]
    assert read_capture("tour.pcap").rows()["verb"] == [row["verb"] for row in rows]
    assert Path("tour.table").read_text("utf-8") == labkit("tour").out


def test_what_was_there_is_replaced_only_by_a_whole_file(labkit: Labkit) -> None:
    Path("bad.eml").touch()
    Path("story.txt").write_text("before")
    assert labkit("tour", "--message", "bad.eml", "-o", "story.txt").code == 1
    assert Path("story.txt").read_text() == "before"
    assert labkit("tour", "-o", "story.txt").code == 0
    assert Path("story.txt").read_text("utf-8").startswith("One message")
    assert sorted(os.listdir()) == ["bad.eml", "story.txt"]


# dissect


def test_every_table_is_on_offer() -> None:
    assert get_args(TableName) == tuple(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_each_table_in_each_format(labkit: Labkit, toured: Path, table: str) -> None:
    file = toured / "tour.pcap"
    expected = read_capture(file).rows(table)
    rows = labkit("dissect", file, "--table", table, "--format", "jsonl").rows()
    assert rows == [json.loads(json.dumps(record)) for record in expected.records()]
    read = list(csv.reader(io.StringIO(labkit("dissect", file, "--table", table, "--format", "csv").out)))
    assert read[0] == [column.name for column in expected.schema]
    assert len(read) == 1 + len(rows)
    assert labkit("dissect", file, "--table", table, "--format", "parquet", "-o", "x.parquet").code == 0
    assert len(read_table("x.parquet")) == len(rows)
    shown = labkit("dissect", file, "--table", table)
    assert shown.code == 0
    assert f"{len(rows)} row" in shown.out


@pytest.mark.parametrize("name", ["tour.pcap.gz", "own.jsonl", "own.parquet"])
def test_captures_of_every_kind_give_the_same_tables(labkit: Labkit, toured: Path, name: str) -> None:
    def verbs(file: Path) -> list[Any]:
        ran = labkit("dissect", file, "--format", "jsonl")
        assert (ran.code, ran.err) == (0, "")
        return [{**row, "capture": None} for row in ran.rows()]

    assert verbs(toured / name) == verbs(toured / "tour.pcap")


def test_several_captures_make_one_table(labkit: Labkit, toured: Path) -> None:
    shutil.copy(toured / "tour.pcap", "other.pcap")
    rows = labkit("dissect", toured / "tour.pcap", "other.pcap", "--format", "jsonl").rows()
    assert len(rows) == 2 * 28
    assert [row["capture"] for row in rows[27:29]] == [str(toured / "tour.pcap"), "other.pcap"]


def test_secrets_are_shown_only_when_asked_for(labkit: Labkit, toured: Path) -> None:
    hidden = labkit("dissect", toured / "tour.pcap", "--format", "csv").out
    shown = labkit("dissect", toured / "tour.pcap", "--format", "csv", "--secrets").out
    assert "secret-bob" not in hidden
    assert "PASS,secret-bob" in shown


def test_a_damaged_capture_is_read_as_far_as_it_goes(labkit: Labkit, toured: Path) -> None:
    Path("cut.pcap").write_bytes((toured / "tour.pcap").read_bytes()[:3000])
    ran = labkit("dissect", "cut.pcap", "--format", "jsonl")
    assert ran.code == 0
    assert ran.rows()[0]["status"] == "220"
    assert ran.err.startswith("labkit: cut.pcap")


# serve (see tests/world/test_serve.py)


def test_the_help_of_serve_says_what_a_capture_holds(labkit: Labkit) -> None:
    said = " ".join(labkit("serve", "--help").out.replace("│", " ").split())
    assert "The file holds what was sent, passwords included, unless --no-secrets" in said


# lab


@pytest.fixture
def notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two notebooks that are shipped."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    for name in ("00-start.ipynb", "01-model.ipynb"):
        (folder / name).write_text(f'"{name}"')
    monkeypatch.setattr(shelf, "shelf", lambda: folder)
    return folder


@pytest.mark.usefixtures("notebooks")
def test_the_lab_copies_and_keeps_what_is_the_learners(labkit: Labkit) -> None:
    first = labkit("lab", "mine", "--no-open")
    assert first == (0, "mine: 2 of 2 notebooks copied; the others were there.\n", "")
    Path("mine/00-start.ipynb").write_text("my own work")
    Path("mine/01-model.ipynb").unlink()
    code, out, _ = labkit("lab", "mine", "--no-open")
    assert code == 0
    assert out.splitlines() == [
        "mine: 1 of 2 notebooks copied; the others were there.",
        "00-start.ipynb is no longer as it was shipped: it is yours, and stays as it is.",
    ]
    assert Path("mine/00-start.ipynb").read_text() == "my own work"
    assert sorted(os.listdir("mine")) == ["00-start.ipynb", "01-model.ipynb"]


@pytest.mark.usefixtures("notebooks")
def test_further_options_go_to_jupyterlab(labkit: Labkit, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    def open_lab(laid: shelf.Laid, options: list[str]) -> int:
        given.extend((laid.first, *options))
        return 3

    monkeypatch.setattr("labkit.course.start.open_lab", open_lab)
    assert labkit("lab", "mine", "--port", "8890").code == 3, "JupyterLab's own exit code"
    assert given == ["00-start.ipynb", "--port", "8890"]


def test_the_lab_works_from_a_wheel(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("mail_labkit-*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    (metadata,) = site.glob("*.dist-info")
    assert "labkit = labkit.cli:main" in (metadata / "entry_points.txt").read_text()
    assert (metadata / "licenses" / "LICENSE").exists()
    script = "import labkit, sys; print(labkit.__file__); print(len(labkit.datasets.load('tour').rows()));"
    script += "from labkit.cli import main; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-c", script, "lab", "notes", "--no-open"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert Path(ended.stdout.splitlines()[0]).is_relative_to(site)
    assert ended.stdout.splitlines()[1] == "28"  # the datasets are in the wheel
    shipped = sorted(path.name for path in (PROJECT / "notebooks").glob("*.ipynb"))
    assert sorted(os.listdir(tmp_path / "notes")) == shipped
