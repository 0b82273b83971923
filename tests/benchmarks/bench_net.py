"""How fast octets travel, as ratios within one run.

`python tests/benchmarks/bench_net.py` prints a line for each figure: name, ratio, target.  The server is
stock aiosmtpd throughout, the client a few lines that talk to it without a pause.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from aiosmtpd.smtp import SMTP
from measure import Figure, best, show, timed

from labkit.net.loopback import LoopbackNetwork
from labkit.net.simulated import SimulatedNetwork

MESSAGES = 300
ROUNDS = 9
MESSAGE = b"Subject: speed\r\n\r\n" + b"The quick brown fox jumps over the lazy dog.\r\n" * 20 + b".\r\n"
COMMANDS = (b"MAIL FROM:<a@example.org>\r\n", b"RCPT TO:<b@example.org>\r\n", b"DATA\r\n", MESSAGE)


class Accept:
    """An aiosmtpd handler that takes everything."""

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        return "250 OK"


def server(loop: asyncio.AbstractEventLoop) -> SMTP:
    return SMTP(Accept(), hostname="mx.example.org", loop=loop)


class Client(asyncio.Protocol):
    """Sends one command after another, each upon the reply to the one before."""

    def __init__(self, messages: int) -> None:
        self.script = [b"HELO client\r\n", *COMMANDS * messages, b"QUIT\r\n"]
        self.next = 0
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.next < len(self.script):
            self.transport.write(self.script[self.next])
            self.next += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set_result(None)


def on_simulated() -> float:
    """Seconds for all messages on the simulated network, tap included."""
    with SimulatedNetwork() as network:
        host = network.host("mx.example.org")
        network.run(network.listen(host, 25, lambda: server(network.loop)))

        async def send() -> None:
            _, client = await network.connect(
                network.host("client"), host.address, 25, lambda: Client(MESSAGES)
            )
            await client.over

        return timed(lambda: network.run(send()))


def on_loopback(tapped: bool) -> float:
    """Seconds for all messages over 127.0.0.1, from a client that is not tapped itself."""
    with LoopbackNetwork() as network:
        loop = network.loop

        async def listen() -> tuple[str, int]:
            if tapped:
                listener = await network.listen(network.host("mx"), 25, lambda: server(loop))
                return listener.address, listener.port
            stock = await loop.create_server(lambda: server(loop), "127.0.0.1", 0)
            address: tuple[str, int] = stock.sockets[0].getsockname()
            closing.append(stock.close)
            return address

        async def send(host: str, port: int) -> None:
            _, client = await loop.create_connection(lambda: Client(MESSAGES), host, port)
            await client.over

        closing: list[Callable[[], object]] = []
        address = network.run(listen())
        seconds = timed(lambda: network.run(send(*address)))
        for close in closing:
            loop.call_soon_threadsafe(close)
        return seconds


def figures() -> list[Figure]:
    logging.disable(logging.INFO)
    simulated, stock, tapped = best(
        ROUNDS, on_simulated, lambda: on_loopback(False), lambda: on_loopback(True)
    )
    return [
        ("simulated / loopback, SMTP messages per second", tapped / simulated, ">= 1.0"),
        ("tapped / stock aiosmtpd on loopback, time", tapped / stock, "<= 1.1"),
    ]


if __name__ == "__main__":
    show(figures())
