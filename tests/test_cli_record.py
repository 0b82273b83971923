"""`labkit record`: what it prints, how it ends, what it leaves on the disk, and what bad input gets."""

from __future__ import annotations

import re
import signal
import smtplib
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.serving import LABKIT, LETTER, Served, serving

from labkit import cli
from labkit.tables import read_capture

LONGEST = 60  # seconds


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "lab").mkdir()
    with serving(tmp_path / "lab") as served:
        yield served


@contextmanager
def recorder(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The program in a folder, and the port on which it listens."""
    command = [*LABKIT, "record", *options]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = re.match(r"Listening on 127\.0\.0\.1:(\d+) for ", process.stdout.readline())
            assert said is not None
            yield process, int(said[1])
        finally:
            process.kill()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("file", ["session.pcap", "session.pcapng", "session.jsonl", "session.parquet"])
def test_rows_appear_as_they_happen_and_the_file_is_whole(
    lab: Served, tmp_path: Path, file: str, end: signal.Signals
) -> None:
    options = ("--to", lab.at("smtp"), "--service", "smtp", "-o", file)
    with recorder(tmp_path, *options) as (process, port):
        client = smtplib.SMTP("127.0.0.1", port, "client.example", timeout=LONGEST)
        client.sendmail("alice@example.com", "bob@example.org", LETTER)
        assert process.stdout is not None
        seen = []
        while "(message" not in "".join(seen[-1:]):  # while the connection is open
            seen.append(process.stdout.readline())
            assert process.poll() is None
        process.send_signal(end)
        rest, complaints = process.communicate(timeout=LONGEST)
        client.close()
    assert (process.returncode, complaints) == (0, "")
    assert rest.endswith(f"The capture is in {file}.\n")
    assert not list(tmp_path.glob("*.part"))
    verbs = read_capture(tmp_path / file).rows()["verb"]
    assert verbs == [None, "EHLO", "MAIL", "RCPT", "DATA", "."]
    told = [line for line in seen if re.match(r"\d\d:\d\d:\d\d\.\d{3}  smtp 0 ", line)]
    assert len(told) == len(verbs)


def test_without_secrets(lab: Served, tmp_path: Path) -> None:
    options = ("--to", lab.at("submission"), "--starttls-strip", "yes", "--no-secrets", "-o", "s.jsonl")
    with recorder(tmp_path, *options) as (process, port):
        with smtplib.SMTP("127.0.0.1", port, "client.example", timeout=LONGEST) as client:
            client.login("bob@example.org", "secret")
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONGEST) == 0
    capture = read_capture(tmp_path / "s.jsonl").with_secrets()
    (login,) = capture.rows("logins").records()
    assert (login["outcome"], login["encrypted"], login["user"]) == ("ok", False, None)
    assert b"AGJvYk" not in (tmp_path / "s.jsonl").read_bytes()


def test_the_keys_that_a_client_logs_open_the_file(lab: Served, tmp_path: Path) -> None:
    options = (
        "--to",
        lab.at("submission"),
        "--service",
        "submission",
        "--keys",
        "keys.log",
        "-o",
        "s.pcapng",
    )
    trust = ssl.create_default_context(cafile=lab.ca)
    trust.check_hostname = False
    trust.keylog_filename = str(tmp_path / "keys.log")
    with recorder(tmp_path, *options) as (process, port):
        with smtplib.SMTP("127.0.0.1", port, "client.example", timeout=LONGEST) as client:
            client.starttls(context=trust)
            client.login("bob@example.org", "secret")
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONGEST) == 0
    (login,) = read_capture(tmp_path / "s.pcapng").rows("logins").records()
    assert (login["user"], login["outcome"], login["encrypted"]) == ("bob@example.org", "ok", True)


def test_a_server_that_refuses_is_named(tmp_path: Path) -> None:
    with recorder(tmp_path, "--to", "127.0.0.1:1") as (process, port):
        with pytest.raises(OSError, match=r"reset|closed"):
            smtplib.SMTP("127.0.0.1", port, timeout=LONGEST)
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=LONGEST)
    assert complaints == "labkit: connection 0: cannot reach 127.0.0.1 on port 1: Connection refused\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ("", 2, "Missing option '--to'"),
        ("--to mail.example.org", 2, "'mail.example.org' is not HOST:PORT"),
        ("--to 127.0.0.1:0", 2, "there is no port 0 at which a server could be reached"),
        ("--to 127.0.0.1:99999", 2, "'127.0.0.1:99999' is not HOST:PORT"),
        ("--to 127.0.0.1:25 --listen here", 2, "is not [ADDRESS:]PORT"),
        ("--to 127.0.0.1:25 --listen 203.0.113.7:2525", 1, "cannot listen on 203.0.113.7"),
        ("--to 127.0.0.1:25 -o session.txt", 2, "session.txt ends neither in"),
        ("--to 127.0.0.1:25 -o nowhere/session.pcap", 1, "cannot write nowhere/session.pcap"),
        ("--to 127.0.0.1:25 --no-secrets", 2, "there is no --output"),
        ("--to 127.0.0.1:25 --keys k.log -o session.pcap", 2, "it needs an --output that ends in .pcapng"),
        ("--to 127.0.0.1:25 --ca-file ca.pem", 2, "there is no --tls-to"),
        ("--to 127.0.0.1:25 --tls-to --ca-file none.pem", 1, "certificates in none.pem: No such file"),
        ("--to 127.0.0.1:25 --starttls-strip perhaps", 2, "--starttls-strip"),
        ("--to no.such.host.invalid:25", 1, "cannot find no.such.host.invalid"),
    ],
)
def test_bad_input_gets_a_sentence(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    options: str,
    code: int,
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["record", *options.split()]) == code
    said = capsys.readouterr()
    assert said.err.startswith("labkit: ")
    assert sentence in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_a_port_in_use_is_named(capsys: pytest.CaptureFixture[str], lab: Served) -> None:
    taken = str(lab.port("smtp"))
    assert cli.main(["record", "--listen", taken, "--to", "127.0.0.1:25"]) == 1
    assert capsys.readouterr().err == f"labkit: port {taken} on 127.0.0.1 is in use\n"


def test_help_teaches_by_examples_and_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["record", "--help"]) == 0
    out = capsys.readouterr().out
    assert "\n labkit record --listen" in out
    assert max(map(len, out.splitlines())) <= 80
