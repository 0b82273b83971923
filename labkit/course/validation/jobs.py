"""Several notebooks at a time, each in a process: the sockets to a kernel must not be met by two threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Found = TypeVar("Found")


def each(
    work: Callable[[Item], Found],
    items: Sequence[Item],
    jobs: int,
    done: Callable[[Found], object] = lambda _: None,
) -> list[Found]:
    """What `work` makes of each item, in order; `done` is told of each as it is finished.

    `jobs` 0 is one for each CPU.  Work and items are sent to other processes, so they can be pickled.
    """
    many = min(jobs or os.cpu_count() or 1, len(items))
    if many <= 1:
        found = []
        for item in items:
            found.append(work(item))
            done(found[-1])
        return found
    with ProcessPoolExecutor(many, mp_context=get_context("spawn")) as pool:
        pending = [pool.submit(work, item) for item in items]
        for finished in as_completed(pending):
            done(finished.result())
        return [future.result() for future in pending]
