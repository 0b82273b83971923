"""A client that only writes and listens, for tests that look at a server's very octets."""

from __future__ import annotations

import asyncio
import ssl

from labkit.net.network import Host
from labkit.net.simulated import SimulatedNetwork
from labkit.net.wire import start_tls

A_MOMENT = 1.0
"""Seconds of virtual time in which a server has said all it has to say."""


class Wire(asyncio.Protocol):
    """One connection on a simulated network; every call lets a moment pass.

    `chunks` are the server's writes, one by one, since the last call.
    """

    def __init__(
        self,
        network: SimulatedNetwork,
        client: Host,
        address: str,
        port: int,
        tls: tuple[ssl.SSLContext, str] | None = None,
    ) -> None:
        self.network = network
        self.chunks: list[bytes] = []
        self.closed = False
        network.run(network.connect(client, address, port, lambda: self, tls=tls))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.chunks.append(data)

    def eof_received(self) -> None:
        self.closed = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def send(self, *pieces: bytes, moment: float = A_MOMENT) -> bytes:
        """Send the pieces, each in its own write, and return all that the server then says."""
        self.chunks.clear()
        for piece in pieces:
            self.transport.write(piece)
        return self.hear(moment)

    def hear(self, moment: float = A_MOMENT) -> bytes:
        """All that has come since the last `send`, after a moment."""
        self.network.wait(moment)
        return b"".join(self.chunks)

    def cut(self) -> None:
        """Vanish."""
        self.transport.abort()
        self.network.wait(A_MOMENT)

    def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        self.chunks.clear()

        async def go() -> None:
            loop = asyncio.get_running_loop()
            await start_tls(loop, self.transport, self, context, server_side=False, server_name=name)

        self.network.run(go())
