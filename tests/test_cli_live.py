"""`labkit dissect -`: rows of a capture that is still being taken."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import signal
import smtplib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.programs import needs
from support.serving import LABKIT, LETTER, Served, serving

from labkit import datasets
from labkit.tables import read_capture

LONGEST = 60  # seconds
ROW = re.compile(r"\d\d:\d\d:\d\d\.\d{3}  \w+ +\d+ ")


@contextmanager
def dissecting(*options: str, stdin: int = subprocess.PIPE) -> Iterator[subprocess.Popen[bytes]]:
    command = [*LABKIT, "dissect", "-", *options]
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def dissected(data: bytes, *options: str) -> tuple[int, str, str]:
    with dissecting(*options) as process:
        out, err = process.communicate(data, LONGEST)
    return process.returncode, out.decode(), err.decode()


def test_each_row_comes_as_soon_as_its_last_packet() -> None:
    """Packet by packet: a row is there before the packet behind it has been written."""
    file = datasets.path("tour")
    capture = read_capture(file)
    data, at = file.read_bytes(), 24
    last = {  # the packet that makes a row whole
        max(frame for frame in (row.frame, row.reply_frame) if frame is not None) for row in capture.rows()
    }
    with dissecting() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(data[:at])
        frame, seen = 0, []
        while at < len(data):
            frame += 1
            size = 16 + int.from_bytes(data[at + 8 : at + 12], "little")
            process.stdin.write(data[at : at + size])
            process.stdin.flush()
            at += size
            if frame in last:
                seen.append(process.stdout.readline().decode())
        process.stdin.close()
        seen += process.stdout.read().decode().splitlines(keepends=True)
        assert process.wait(LONGEST) == 0
    assert len(seen) == len(capture.rows())
    assert all(ROW.match(line) for line in seen)
    assert seen[3].endswith("MAIL FROM:<alice@example.com> SIZE=504 → 250 2.1.0 Ok\n")


def test_octet_by_octet() -> None:
    data = datasets.path("tour").read_bytes()[:4000]
    with dissecting() as process:
        assert process.stdin is not None
        for at in range(len(data)):
            os.write(process.stdin.fileno(), data[at : at + 1])
        out, err = process.communicate(timeout=LONGEST)
    assert len(out.splitlines()) > 5
    assert err.startswith(b"labkit: standard input stops at byte ")


def test_a_compressed_one(tmp_path: Path) -> None:
    code, out, err = dissected(gzip.compress(datasets.path("postfix-relay").read_bytes()))
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 22


def test_other_tables_are_made_when_it_has_ended() -> None:
    code, out, err = dissected(datasets.path("tour").read_bytes(), "--table", "messages", "--format", "csv")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 5
    assert out.splitlines()[1].startswith("standard input,0,")


def test_secrets_are_hidden_unless_asked_for() -> None:
    data = datasets.path("tour").read_bytes()
    assert "secret-bob" not in dissected(data)[1]
    assert "PASS secret-bob" in dissected(data, "--secrets")[1]


@pytest.mark.parametrize(("data", "what"), [(b"", "is empty"), (b"hello\n", "begins with 'hello")])
def test_what_is_no_capture_is_refused(data: bytes, what: str) -> None:
    code, out, err = dissected(data)
    assert (code, out) == (1, "")
    assert err.startswith("labkit: standard input is not a pcap")
    assert what in err
    assert err.count("\n") == 1


@pytest.mark.programs
@needs("tcpdump")
@pytest.mark.skipif(os.geteuid() != 0, reason="to capture packets needs root")
def test_tcpdump_in_front_of_it(tmp_path: Path) -> None:
    """Ctrl-C reaches both: what tcpdump still writes is read, and the pipeline ends in order."""
    tcpdump = shutil.which("tcpdump", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert tcpdump is not None
    with serving(tmp_path) as lab, sniffed(tcpdump, lab) as (sniffer, process):
        client = smtplib.SMTP(lab.host, lab.port("smtp"), "client.example", timeout=LONGEST)
        client.sendmail("alice@example.com", "bob@example.org", LETTER)
        assert process.stdout is not None
        seen = []
        while "(message" not in "".join(seen[-1:]):  # while the connection is open
            seen.append(process.stdout.readline().decode())
            assert process.poll() is None
        client.quit()
        process.send_signal(signal.SIGINT)
        sniffer.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=LONGEST)
    assert (process.returncode, err) == (0, b"")
    assert [line.split()[3] for line in seen[1:]] == ["EHLO", "MAIL", "RCPT", "DATA", "(message,"]
    assert b"220 mail.example.org" in seen[0].encode()
    assert all(ROW.match(line) for line in rest.decode().splitlines())


@contextmanager
def sniffed(tcpdump: str, lab: Served) -> Iterator[tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]]:
    words = [
        tcpdump,
        "-i",
        "lo",
        "-U",
        "--immediate-mode",
        "-s",
        "65535",
        "-B",
        "65536",  # KiB: in immediate mode each packet takes a slot of the length of -s
        "-w",
        "-",
        f"tcp port {lab.port('smtp')}",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as sniffer:
        assert sniffer.stderr is not None
        assert sniffer.stdout is not None
        while b"listening on" not in sniffer.stderr.readline():
            assert sniffer.poll() is None
        try:
            with dissecting(stdin=sniffer.stdout.fileno()) as process:
                yield sniffer, process
        finally:
            sniffer.kill()
