"""How fast a capture becomes the full `exchanges` table, as a ratio to `tshark -T fields` on the same file.

    python tests/benchmarks/bench_dissect.py [PACKETS]

The capture is synthesised: interleaved SMTP, POP3 and IMAP sessions.  tshark prints the request and
response fields of the three protocols; labkit makes a DataFrame of 30 columns, and then the tables
`connections` and `messages` beside it.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from labkit.capture.pcap import write
from labkit.net.tap import Connection, Record, Side, Tap
from labkit.tables import read_capture

BEGINNING = 1_767_603_600_000_000  # 2026-01-05 09:00 UTC, in µs
MAIL = (
    b"Subject: a message\r\nMessage-ID: <1@a>\r\n\r\n" + b"All work and no play makes a dull day.\r\n" * 200
)
Said = list[tuple[Side, bytes]]
SMTP: Said = [
    ("server", b"220 mx.example.org ESMTP\r\n"),
    ("client", b"EHLO client.example.com\r\n"),
    ("server", b"250-mx.example.org\r\n250-PIPELINING\r\n250 8BITMIME\r\n"),
    (
        "client",
        b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n",
    ),
    (
        "server",
        b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n550 5.1.1 no such user\r\n354 End data with <CR><LF>.<CR><LF>\r\n",
    ),
    ("client", MAIL + b".\r\n"),
    ("server", b"250 2.0.0 Ok: queued as 4F1\r\n"),
    ("client", b"QUIT\r\n"),
    ("server", b"221 2.0.0 Bye\r\n"),
]
POP3: Said = [("server", b"+OK ready\r\n")]
for verb, reply in (
    (b"USER bob", b"+OK"),
    (b"PASS secret", b"+OK 3 messages"),
    (b"STAT", b"+OK 3 3000"),
    (b"LIST", b"+OK\r\n1 1000\r\n2 1000\r\n3 1000\r\n."),
    (b"RETR 1", b"+OK\r\n" + MAIL + b"."),
    (b"RETR 2", b"+OK\r\n" + MAIL + b"."),
    (b"DELE 1", b"+OK"),
    (b"QUIT", b"+OK bye"),
):
    POP3 += [("client", verb + b"\r\n"), ("server", reply + b"\r\n")]
IMAP: Said = [("server", b"* OK ready\r\n")]
for tag, (verb, reply) in enumerate(
    (
        (b"LOGIN bob secret", b""),
        (b"SELECT INBOX", b"* 3 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1] ok\r\n"),
        (b"FETCH 1:3 (FLAGS ENVELOPE)", b'* 1 FETCH (FLAGS (\\Seen) ENVELOPE (NIL "x"))\r\n' * 3),
        (b"UID FETCH 1 BODY.PEEK[]", b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n" % (len(MAIL), MAIL)),
        (b"STORE 1 +FLAGS (\\Seen)", b"* 1 FETCH (FLAGS (\\Seen))\r\n"),
        (b"NOOP", b""),
        (b"LOGOUT", b"* BYE\r\n"),
    )
):
    IMAP += [("client", b"a%d %s\r\n" % (tag, verb)), ("server", reply + b"a%d OK done\r\n" % tag)]
KINDS = ((25, SMTP), (110, POP3), (143, IMAP))
PACKETS_OF_A_SESSION = 45  # on average: handshake, closing, what was said, and acknowledgements
FIELDS = (
    *("frame.number", "tcp.stream", "smtp.req.command", "smtp.req.parameter", "smtp.response.code"),
    *("smtp.rsp.parameter", "pop.request.command", "pop.request.parameter", "pop.response.indicator"),
    *("imap.request_tag", "imap.request.command", "imap.response.status"),
)


def sessions(count: int) -> Tap:
    """That many sessions, each begun while some others go on."""
    tap = Tap()
    records: list[Record] = []
    for number in range(count):
        opened = BEGINNING + number * 1_000
        port, said = KINDS[number % len(KINDS)]
        client = f"198.51.{100 + number // 250 % 100}.{number % 250 + 1}"
        connection = Connection(number, "tcp", client, 1024 + number // 25000, "192.0.2.25", port, opened)
        for step, (sender, data) in enumerate(said):
            at = opened + 1_500 * (step + 1)
            records.append(Record(number, at, at + 700, sender, data, "plain"))
        connection.closed, connection.ended, connection.closed_by = at + 2_000, "quit", "client"
        tap.connections.append(connection)
    records.sort(key=lambda record: record.sent)
    tap.records = records
    return tap


def seconds(work: Callable[[], object]) -> float:
    """What the work takes, the best of two."""
    found = []
    for _ in range(2):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found)


def main(packets: int) -> None:
    if shutil.which("tshark") is None:
        sys.exit("tshark is needed for the comparison")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mail.pcap")
        write(sessions(packets // PACKETS_OF_A_SESSION), path)
        command = ["tshark", "-r", str(path), "-T", "fields"]
        for name in FIELDS:
            command += ["-e", name]
        capture = read_capture(path)
        rows, count = len(capture.exchanges), capture.tape.packets
        print(f"{count} packets, {path.stat().st_size / 1e6:.0f} MB, {rows} exchanges")
        ours = seconds(lambda: read_capture(path).exchanges)
        more = seconds(lambda: _three_tables(path)) - ours
        theirs = seconds(lambda: subprocess.run(command, capture_output=True, check=True))
    print(f"exchanges {ours:.2f} s; connections and messages {more / ours:.0%} more; tshark {theirs:.2f} s")
    print(f"labkit is {theirs / ours:.1f} times as fast as tshark -T fields")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def _three_tables(path: Path) -> None:
    capture = read_capture(path)
    for table in ("exchanges", "connections", "messages"):
        capture.table(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 120_000)
