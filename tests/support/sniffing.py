"""tcpdump and dumpcap, listening to an address of the loopback network that is this process's own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic

import pytest
from support.programs import LONGEST_RUN, environment

only_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may capture"
)
# In immediate mode a buffer has room for so many packets of the largest size, -s: make it large.
SNIFFERS = {
    "tcpdump": ("tcpdump", "-i", "lo", "-n", "-U", "--immediate-mode", "-s", "70000", "-B", "65536", "-w"),
    "dumpcap": ("dumpcap", "-i", "lo", "-q", "-w"),
}
FILE = "sniffed.pcap"
NOTHING_LOST = re.compile(rb"\b0 packets dropped by kernel|received/dropped on interface .*: \d+/0 ")
LAST = b"this was the last packet"


def address_of_our_own(ports: Iterable[int]) -> str:
    """One of 127.0.0.0/8 that no other process of these tests has; skips if it has no such ports."""
    number = os.getpid()
    host = f"127.{64 + (number >> 16) % 64}.{(number >> 8) % 256}.{number % 256}"
    for port in ports:
        with closing(socket.socket()) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
            except OSError as error:
                pytest.skip(f"port {port} of {host}: {error.strerror}")
    return host


@contextmanager
def sniffing(folder: Path, command: tuple[str, ...], host: str) -> Iterator[subprocess.Popen[bytes]]:
    """The sniffer, once it listens."""
    program = shutil.which(command[0], path=environment(folder)["PATH"])
    assert program is not None
    files = [FILE, f"host {host} and (tcp or udp)"]
    if command[0] == "dumpcap":
        files[1:] = ["-f", files[1]]
    with subprocess.Popen(
        [program, *command[1:], *files], cwd=folder, stderr=subprocess.PIPE, env=environment(folder)
    ) as process:
        try:
            assert process.stderr is not None
            said = b""
            while b"listening on" not in said and b"File:" not in said:
                line = process.stderr.readline()
                if not line:
                    pytest.skip(f"{command[0]} cannot capture here: {said.decode()}")
                said += line
            yield process
        finally:
            process.kill()


def captured(folder: Path, sniffer: subprocess.Popen[bytes], host: str) -> Path:
    """The file of a sniffer that is told to end, once it has all that was sent."""
    file = folder / FILE
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as marker:
        marker.sendto(LAST, (host, 9))
    deadline = monotonic() + LONGEST_RUN
    while LAST not in file.read_bytes():
        assert monotonic() < deadline, "the last packet was not captured"
        with pytest.raises(subprocess.TimeoutExpired):
            sniffer.wait(0.02)
    sniffer.terminate()
    _, said = sniffer.communicate(timeout=LONGEST_RUN)
    assert NOTHING_LOST.search(said), said.decode()
    return file
