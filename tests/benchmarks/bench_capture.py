"""How fast packets become streams, as a ratio to tshark's time on the same file.

    python tests/benchmarks/bench_capture.py [PACKETS]

Both read a synthesised capture of interleaved SMTP sessions: tshark puts the stream number and
payload length of each packet out, labkit has every stream in memory at the end.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from labkit.capture.pcap import read
from labkit.capture.write import write
from labkit.net.tap import Connection, Record, Side, Tap

BEGINNING = 1_767_603_600_000_000  # 2026-01-05 09:00 UTC, in µs
MESSAGE = b"Subject: a message of the usual length\r\n\r\n" + b"All work and no play.\r\n" * 850 + b".\r\n"
SESSION: list[tuple[Side, bytes]] = [
    ("server", b"220 mx.example.org ESMTP\r\n"),
    ("client", b"EHLO client.example.com\r\n"),
    ("server", b"250-mx.example.org\r\n250-PIPELINING\r\n250 8BITMIME\r\n"),
    ("client", b"MAIL FROM:<a@example.com>\r\n"),
    ("server", b"250 2.1.0 Ok\r\n"),
    ("client", b"RCPT TO:<b@example.org>\r\n"),
    ("server", b"250 2.1.5 Ok\r\n"),
    ("client", b"DATA\r\n"),
    ("server", b"354 End data with <CR><LF>.<CR><LF>\r\n"),
    ("client", MESSAGE),
    ("server", b"250 2.0.0 Ok: queued\r\n"),
    ("client", b"QUIT\r\n"),
    ("server", b"221 2.0.0 Bye\r\n"),
]
PACKETS_OF_A_SESSION = 3 + 4 + 2 * 12 + 14 + 7  # handshake, closing, short records, the message and its ACKs


def sessions(count: int) -> Tap:
    """That many sessions, each begun while some twenty others go on."""
    tap = Tap()
    for number in range(count):
        opened = BEGINNING + number * 1_000
        client = f"198.51.100.{number % 250 + 1}"
        tap.connections.append(
            Connection(number, "tcp", client, 1024 + number // 250, "192.0.2.25", 25, opened)
        )
    for turn, (sender, data) in enumerate(SESSION):
        for connection in tap.connections:
            sent = connection.opened + (turn + 1) * 1_500
            tap.records.append(Record(connection.number, sent, sent + 700, sender, data, "plain"))
    for connection in tap.connections:
        connection.closed, connection.ended, connection.closed_by = (
            connection.opened + 30_000,
            "quit",
            "client",
        )
    return tap


def quickest(run: Callable[[], object], times: int = 3) -> float:
    """Seconds of the best of some runs."""
    best = float("inf")
    for _ in range(times):
        begin = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begin)
    return best


def main(packets: int = 200_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.pcap"
        begin = time.perf_counter()
        write(sessions(packets // PACKETS_OF_A_SESSION), path)
        took = time.perf_counter() - begin
        tape = read(path)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {tape.packets} packets, {len(tape)} connections")
        print(f"writing                     {took:7.3f} s  {tape.packets / took:12,.0f} packets a second")
        reading = quickest(lambda: read(path))
        whole = quickest(lambda: [(len(f.client.data), len(f.server.data)) for f in read(path)])
        print(f"reading                     {reading:7.3f} s  {tape.packets / reading:12,.0f}")
        print(f"reading, all octets joined  {whole:7.3f} s  {tape.packets / whole:12,.0f}")
        if shutil.which("tshark") is None:
            print("tshark is not here to compare with")
            return
        command = ["tshark", "-r", str(path), "-T", "fields", "-e", "tcp.stream", "-e", "tcp.len"]
        theirs = quickest(lambda: subprocess.run(command, check=True, capture_output=True), times=1)
        print(f"tshark -T fields            {theirs:7.3f} s  {tape.packets / theirs:12,.0f}")
        print(f"ratio                       {theirs / whole:7.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
