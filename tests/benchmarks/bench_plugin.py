"""What the fixtures of the pytest plugin cost a test.

`python tests/benchmarks/bench_plugin.py` prints a line for each figure: name, milliseconds or ratio, target.
The first are milliseconds, as a test waits for them: the best of many, which other work of the machine does
not lengthen, and the median.  The peer is the Controller of aiosmtpd, one SMTP server; ours are seven with
a DNS.
"""

from __future__ import annotations

import smtplib
import statistics
from collections.abc import Callable, Iterator

from bench_world import controller
from measure import Figure, best, show, timed

from labkit.net.tls import Authority
from labkit.world.world import World

ROUNDS = 40


def mail_server(authority: Authority) -> None:
    """What the fixture does, start and stop."""
    with World(network="loopback", domains=("example.com",), authority=authority) as world:
        world.domain("example.com")


def handshake(authority: Authority) -> None:
    with World(network="loopback", domains=("example.com",), authority=authority) as world:
        server = world.domain("example.com")
        with smtplib.SMTP(*server.where("smtp"), "pc.example.com") as client:
            client.starttls(context=world.trust())


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """The best and the median."""
    times = [1000 * timed(work) for _ in range(ROUNDS)]
    return min(times), statistics.median(times)


def figures() -> Iterator[Figure]:
    shared = Authority()
    handshake(shared)  # the keys are made
    quickest, usual = milliseconds(lambda: mail_server(shared))
    yield "mail_server, start and stop (ms, best)", quickest, "<= 3.0"
    yield "mail_server, start and stop (ms, median)", usual, ""
    yield (
        "the same, and a connection with STARTTLS (ms, best)",
        milliseconds(lambda: handshake(shared))[0],
        "",
    )
    yield "world, start and stop (ms, best)", milliseconds(lambda: World("test_name").close())[0], "<= 3.0"
    peer, ours = best(ROUNDS, lambda: timed(controller), lambda: timed(lambda: mail_server(shared)))
    yield "mail_server / one aiosmtpd.Controller", ours / peer, "<= 5.0"
    alone, together = best(
        3, lambda: timed(lambda: handshake(Authority())), lambda: timed(lambda: handshake(shared))
    )
    yield "TLS with keys of the session / keys of its own", together / alone, "<= 0.8"


if __name__ == "__main__":
    show(figures())
