"""How fast the lab is there, as ratios to what anybody else would have to wait for.

`python tests/benchmarks/bench_world.py` prints a line for each figure: name, ratio, target.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from aiosmtpd.controller import Controller
from measure import Figure, best, process, show, timed

from labkit.world.world import World

ROUNDS = 15
LABKIT = Path(sys.executable).with_name("labkit")


class Free(Controller):
    """One SMTP server, on a port of the system's choice; it takes a mail to see that it is up."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()


def controller() -> None:
    server = Free(object(), hostname="127.0.0.1", port=0)
    server.start()
    server.stop()


def world(network: str) -> None:
    """Two domains, every server listening; and its end, as the controller's."""
    World(network=network).close()  # type: ignore[arg-type]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def figures() -> Iterator[Figure]:
    logging.disable(logging.INFO)
    peer, simulated, loopback = best(
        ROUNDS,
        lambda: timed(controller),
        lambda: timed(lambda: world("simulated")),
        lambda: timed(lambda: world("loopback")),
    )
    yield "a world on simulated / one aiosmtpd.Controller", simulated / peer, "<= 3.0"
    yield "a world on loopback / one aiosmtpd.Controller", loopback / peer, "<= 10.0"
    peer, ours = best(
        ROUNDS,
        lambda: process(python("import asyncio, ssl, email")),
        lambda: process(python("import labkit")),
    )
    yield "import labkit / import asyncio, ssl, email", ours / peer, "<= 1.3"
    peer, ours = best(
        ROUNDS,
        lambda: process(python("import pandas")),
        lambda: process([str(LABKIT), "tour"]),
    )
    yield "labkit tour / import pandas", ours / peer, "<= 3.0"


if __name__ == "__main__":
    show(figures())
