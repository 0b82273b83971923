"""How time and memory grow with a capture, and what the smallest costs, against tshark.

    python tests/benchmarks/bench_scale.py [SESSIONS]

The captures have that many sessions (by default 13,000: 480 MB), twice and four times as many.  Then one
of 5 KB: `labkit dissect` from its start to its end, against `tshark -r`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import traffic
from bench_dissect import labkit, run
from measure import best, show

SMALL = Path(__file__).parents[2] / "datasets" / "postfix-relay-starttls.pcap"


def main(sessions: int = traffic.SESSIONS) -> None:
    costs = []
    for times in (1, 2, 4):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "mail.pcap")
            traffic.write(path, sessions * times)
            cost = run(labkit(path, "exchanges"))
            size = path.stat().st_size / 1e6
        print(
            f"{size:6.0f} MB  {cost.clock:6.2f} s {cost.processor:6.2f} s of processors {cost.memory:5.0f} MB"
        )
        costs.append((size, cost))
    (small, first), (large, last) = costs[0], costs[-1]
    dissect = [str(Path(sys.executable).with_name("labkit")), "dissect", str(SMALL)]
    ours, theirs = best(
        10, lambda: run(dissect).processor, lambda: run(["tshark", "-r", str(SMALL)]).processor
    )
    show(
        [
            (
                "time per octet, 4 times the file / once",
                last.processor / large / (first.processor / small),
                "~ 1",
            ),
            ("peak memory, 4 times the file / once", last.memory / first.memory, "~ 1"),
            ("a file of 5 KB: labkit dissect / tshark -r", ours / theirs, "<= 1.5"),
        ]
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
