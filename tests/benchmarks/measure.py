"""What the benchmarks share: taking times, and a line for each figure."""

from __future__ import annotations

import gc
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence

Figure = tuple[str, float, str]
"""What is compared, the ratio, and the target it has to keep: "<= 1.1"."""


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    gc.collect()
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def process(command: Sequence[str]) -> float:
    """Seconds that a process takes from its start to its end."""
    return timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def best(rounds: int, *works: Callable[[], float]) -> list[float]:
    """The shortest time of each, from several rounds in which they take turns."""
    times = [[work() for work in works] for _ in range(rounds)]
    return [min(column) for column in zip(*times, strict=True)]


def show(figures: Iterable[Figure]) -> None:
    for name, ratio, target in figures:
        print(f"{name:60} {ratio:6.2f}  {target}", flush=True)
