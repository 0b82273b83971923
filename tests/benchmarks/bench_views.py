"""How fast a connection becomes a ladder, annotated octets and a diagram of states.

    python tests/benchmarks/bench_views.py

One SMTP connection of 200, 2,000 and 20,000 exchanges, dissected beforehand.  Each view gives both its
forms, drawing and text.  The peer is `pandas.DataFrame.to_html` of the same `exchanges` rows, in the
same run; the last column is how many times as long ten times the exchanges take.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from itertools import pairwise

from labkit.capture.tape import Tape
from labkit.net.tap import Connection, Record, Side, Tap
from labkit.states import smtp
from labkit.tables import Capture
from labkit.views.bytes import annotate
from labkit.views.ladder import ladder
from labkit.views.moments import moments
from labkit.views.states import diagram
from labkit.views.summary import summary

SIZES = (200, 2_000, 20_000)
LINEAR = 13  # ten times the exchanges may take so many times as long: caches are as large as they are
BEGINNING = 1_767_603_600_000_000  # 2026-01-05 09:00 UTC, in µs
MESSAGE = b"Subject: hello %d\r\n\r\n" + b"The quick brown fox jumps over the lazy dog.\r\n" * 20 + b".\r\n"
TRANSACTION: list[tuple[Side, bytes]] = [
    ("client", b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"),
    ("server", b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n"),
    ("client", MESSAGE),
    ("server", b"250 2.0.0 Ok: queued as 4F2A\r\n"),
]


def capture_of(exchanges: int) -> Capture:
    """One connection with that many exchanges, four a transaction, 20 ms away."""
    tap = Tap()
    ends = {"client_name": "mail.example.com", "server_name": "mx.example.org", "service": "smtp"}
    opened = Connection(0, "tcp", "198.51.100.7", 4025, "192.0.2.25", 25, BEGINNING, **ends)
    tap.connections.append(opened)
    said: list[tuple[Side, bytes]] = [
        ("server", b"220 mx.example.org ESMTP\r\n"),
        ("client", b"EHLO mail.example.com\r\n"),
        ("server", b"250-mx.example.org\r\n250 PIPELINING\r\n"),
        *(
            (s, data % n if data is MESSAGE else data)
            for n in range((exchanges - 2) // 4)
            for s, data in TRANSACTION
        ),
    ]
    for turn, (sender, data) in enumerate(said):
        sent = BEGINNING + turn * 20_000
        tap.records.append(Record(0, sent, sent + 20_000, sender, data, "plain"))
    capture = Capture(Tape.from_tap(tap, name="bench"))
    for table in ("exchanges", "lines", "connections", "flaws", "messages", "hops", "lookups"):
        capture.rows(table)
    capture.table("exchanges")
    gc.collect()
    gc.freeze()  # what is there before a view begins is not the view's to walk through
    return capture


def quickest(run: Callable[[], object], times: int) -> float:
    """Processor seconds of the best of some runs: others may be busy on this machine."""
    best = float("inf")
    for _ in range(times):
        gc.collect()
        begin = time.process_time()
        run()
        best = min(best, time.process_time() - begin)
    return best


def views(capture: Capture) -> dict[str, Callable[[], object]]:
    import pandas as pd

    frame = pd.DataFrame(capture.table("exchanges"))
    return {
        "ladder": lambda: ladder(capture, connection=0, limit=10**9),
        "ladder, to scale": lambda: ladder(capture, connection=0, limit=10**9, scale="time"),
        "bytes": lambda: annotate(capture, connection=0, limit=10**9),
        "bytes, with numbers": lambda: annotate(capture, connection=0, limit=10**9, hex=True),
        "states": lambda: diagram(smtp.MACHINE, capture, connection=0),
        "moments": lambda: moments(capture, every="exchange"),
        "summary, without plots": lambda: summary(capture, plots=False),
        "pandas' to_html": lambda: frame.to_html(),
    }


def main() -> None:
    print(
        f"{'milliseconds for exchanges':28}"
        + "".join(f"{size:>10,}" for size in SIZES)
        + "   growth for ten times"
    )
    found: dict[str, list[float]] = {}
    for size in SIZES:
        for name, run in views(capture_of(size)).items():
            found.setdefault(name, []).append(quickest(run, 5 if size <= 2_000 else 2) * 1e3)
    for name, times in found.items():
        growth = "  ".join(f"{b / a:5.1f}" for a, b in pairwise(times))
        print(f"{name:28}" + "".join(f"{ms:10.1f}" for ms in times) + f"   {growth}")
    peer = found["pandas' to_html"]
    for name in ("ladder", "bytes", "bytes, with numbers", "states"):
        ratios = "".join(f"{ms / theirs:10.2f}" for ms, theirs in zip(found[name], peer, strict=True))
        quick = "ok" if found[name][0] < 50 else "MISSED"
        linear = "ok" if all(b / a < LINEAR for a, b in pairwise(found[name])) else "MISSED"
        print(f"{name + ' / to_html':28}{ratios}   200 in under 50 ms: {quick}; linear: {linear}")


if __name__ == "__main__":
    main()
