"""`labkit serve` as a process of its own, on free ports, for programs that know nothing of labkit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from labkit.tables import Capture, read_capture

LABKIT = [sys.executable, "-c", "import sys; from labkit.cli import main; sys.exit(main())"]
SERVICES = ("smtp", "submission", "smtps", "pop3", "pop3s", "imap", "imaps")
LONGEST_START = 60  # seconds; on a busy machine
LETTER = b"From: alice@example.com\nTo: bob@example.org\nSubject: A letter\n\nDear Bob,\n.a dot\n..two\n"


class Served:
    """A running `labkit serve`, with bob@example.org, password "secret", and a letter in his INBOX."""

    def __init__(self, process: subprocess.Popen[str], told: Mapping[str, Any], folder: Path) -> None:
        self.process = process
        self.told = told
        self.host: str = told["smtp"]["host"]
        self.ca: str = told["ca"]
        self.folder = folder

    def port(self, service: str) -> int:
        port: int = self.told[service]["port"]
        return port

    def at(self, service: str) -> str:
        """address:port"""
        return f"{self.host}:{self.port(service)}"

    def stop(self, number: int = signal.SIGTERM) -> str:
        """End it by a signal; returns what it printed, once it ended as it should."""
        self.process.send_signal(number)
        assert self.process.wait(LONGEST_START) == 0, self.complaints()
        assert self.complaints() == ""
        return self.printed()

    def printed(self) -> str:
        return (self.folder / "stdout").read_text()

    def complaints(self) -> str:
        return (self.folder / "stderr").read_text()

    def capture(self, name: str = "session.jsonl") -> Capture:
        """What it captured; only once it has ended."""
        return read_capture(self.folder / name)


@contextmanager
def serving(folder: Path, *options: str, ports: Mapping[str, int] | None = None) -> Iterator[Served]:
    """`labkit serve` in this folder, ready; it is gone when the block ends, however that ends."""
    (folder / "letter.eml").write_bytes(LETTER)
    user, mail = "bob@example.org:secret", f"bob@example.org={folder / 'letter.eml'}"
    command = [*LABKIT, "serve", "--user", user, "--mail", mail, "--ready", "ready.json", *options]
    for service in SERVICES:
        command += [f"--{service}", str((ports or {}).get(service, 0))]
    env = os.environ | {"TMPDIR": str(folder)}  # who is killed cannot clean up
    with (
        (folder / "stdout").open("w") as stdout,
        (folder / "stderr").open("w") as stderr,
        subprocess.Popen(command, cwd=folder, env=env, stdout=stdout, stderr=stderr, text=True) as process,
    ):
        try:
            served = Served(process, wait_until_ready(process, folder), folder)
            yield served
        finally:
            process.kill()


def wait_until_ready(process: subprocess.Popen[str], folder: Path) -> dict[str, Any]:
    """What the --ready file says; fails at once if the process ends before there is one."""
    deadline = monotonic() + LONGEST_START
    while not (folder / "ready.json").exists():
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            assert monotonic() < deadline, "labkit serve was never ready"
        else:
            raise AssertionError(f"labkit serve ended: {(folder / 'stderr').read_text()}")
    told: dict[str, Any] = json.loads((folder / "ready.json").read_text())
    return told
