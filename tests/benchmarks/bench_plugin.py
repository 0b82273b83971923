"""What the fixtures of the pytest plugin cost a test.

`python tests/benchmarks/bench_plugin.py` prints a line for each figure: name, milliseconds or ratio, target.
The first three are milliseconds, as a test waits for them; the peer is aiosmtpd's Controller, which is
one SMTP server where ours are seven services with a DNS.
"""

from __future__ import annotations

import smtplib
import statistics
from collections.abc import Iterator

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


def milliseconds(work: object) -> float:
    return 1000 * statistics.median(timed(work) for _ in range(ROUNDS))  # type: ignore[arg-type]


def figures() -> Iterator[Figure]:
    shared = Authority()
    handshake(shared)  # the keys are made
    yield "mail_server, start and stop (ms, median)", milliseconds(lambda: mail_server(shared)), "<= 3.0"
    yield "the same, and a letter's STARTTLS (ms, median)", milliseconds(lambda: handshake(shared)), ""
    yield "world, start and stop (ms, median)", milliseconds(lambda: World("test_name").close()), "<= 3.0"
    peer, ours = best(ROUNDS, lambda: timed(controller), lambda: timed(lambda: mail_server(shared)))
    yield "mail_server / one aiosmtpd.Controller", ours / peer, "<= 5.0"
    alone, together = best(
        3, lambda: timed(lambda: handshake(Authority())), lambda: timed(lambda: handshake(shared))
    )
    yield "TLS with keys of the session / keys of its own", together / alone, "<= 0.8"


if __name__ == "__main__":
    show(figures())
