"""How fast a large capture becomes tables, and in how much memory, against `tshark -T fields`.

    python tests/benchmarks/bench_dissect.py [SESSIONS]

The capture is `traffic.py`'s: by default 13,000 sessions, 1.2 million packets, 480 MB.  Each contender is
a process of its own, from its start to its end.  tshark prints the request and response fields of the
three protocols; labkit makes the full `exchanges` table, then `connections` and `messages` in the same
pass, then the first again with two processes.  They take turns, and the least of each counts.  Ratios are
of processor time, which others on the machine disturb least, but for two processes, where it is the clock
that counts.  Python may keep what it compiles, as it does for who installs labkit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import traffic
from measure import show

FIELDS = (
    *("frame.number", "tcp.stream", "smtp.req.command", "smtp.req.parameter", "smtp.response.code"),
    *("smtp.rsp.parameter", "pop.request.command", "pop.request.parameter", "pop.response.indicator"),
    *("imap.request_tag", "imap.request.command", "imap.response.status"),
)
ROUNDS = 3
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
WORK = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as `labkit dissect` has it
from labkit.tables.passes import Pass
path, jobs, *tables = sys.argv[1:]
with Pass(path, tables, jobs=int(jobs)) as found:
    for table in tables:
        print(table, sum(part.num_rows for part in found.rows(table)), end=" ")
print(found.packets, "packets")
"""


class Cost(NamedTuple):
    """What a process took: seconds by the clock, seconds of processors, and the most memory, in MB."""

    clock: float
    processor: float
    memory: float

    @classmethod
    def of(cls, runs: Sequence[Cost]) -> Cost:
        """The least time of several runs, and the most memory."""
        clock, processor, memory = zip(*runs, strict=True)
        return cls(min(clock), min(processor), max(memory))


def run(command: list[str]) -> Cost:
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} failed")
    return Cost(time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def tshark(path: Path) -> list[str]:
    return ["tshark", "-r", str(path), "-T", "fields", *(word for name in FIELDS for word in ("-e", name))]


def labkit(path: Path, *tables: str, jobs: int = 1) -> list[str]:
    return [sys.executable, "-c", WORK, str(path), str(jobs), *tables]


def main(sessions: int = traffic.SESSIONS) -> None:
    if shutil.which("tshark") is None:
        sys.exit("tshark is needed for the comparison")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mail.pcap")
        traffic.write(path, sessions)
        print(f"{path.stat().st_size / 1e6:.0f} MB")
        commands = {
            "labkit": labkit(path, "exchanges"),
            "labkit, three tables": labkit(path, "exchanges", "connections", "messages"),
            "labkit, two processes": labkit(path, "exchanges", jobs=2),
            "tshark -T fields": tshark(path),
        }
        rounds = [[run(command) for command in commands.values()] for _ in range(ROUNDS)]
        costs = dict(zip(commands, map(Cost.of, zip(*rounds, strict=True)), strict=True))
    for name, cost in costs.items():
        print(f"{name:24} {cost.clock:7.2f} s  {cost.processor:7.2f} s of processors  {cost.memory:6.0f} MB")
    one, three, two, theirs = costs.values()
    show(
        [
            ("exchanges: tshark's time / labkit's", theirs.processor / one.processor, ">= 10"),
            ("connections and messages beside: more time", three.processor / one.processor - 1, "<= 0.3"),
            ("two processes: the time of one / theirs", one.clock / two.clock, ">= 1.5"),
            ("peak memory: labkit's / tshark's", one.memory / theirs.memory, "<= 0.5"),
        ]
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
