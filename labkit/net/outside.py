"""One connection to a server outside the lab, over the machine's own network, shown to a tap.

The networks of this room connect the lab's hosts with each other; this is how a client of ours
speaks to somebody's real server.  No rule meddles with it.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.net.driver import SessionProtocol
from labkit.net.network import Host
from labkit.net.session import Session
from labkit.net.tap import Tap
from labkit.net.tcp import RealEnd, RealRelay, microseconds
from labkit.net.wire import start_tls

CONNECT_TIMEOUT = 30.0
"""Seconds until a server that does not answer is given up."""


class _Conversation(SessionProtocol):
    """A client's session whose end somebody awaits."""

    def __init__(self, session: Session, trust: Callable[[], ssl.SSLContext]) -> None:
        super().__init__(session, trust, "client")
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if not self.over.done():
            self.over.set_result(None)


async def converse_outside(
    tap: Tap,
    server: str,
    port: int,
    session: Any,
    *,
    service: str,
    implicit_tls: bool = False,
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> Any:
    """Connect, run a client's session to its end, and return its `result` or raise its `failure`.

    `trust` makes the context for TLS.  Raises LabError if nobody is reached, or trusted.
    """
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            sock = await connected(server, port)
    except (OSError, TimeoutError) as error:
        raise LabError(f"cannot reach {server} on port {port}: {why(error)}") from error
    mine, there = sock.getsockname(), sock.getpeername()
    ends = (Host("", mine[0]), mine[1]), (Host(server, there[0]), there[1])
    wire = RealEnd(tap, [], tap.open("tcp", *ends, microseconds(), service), "client")
    protocol = _Conversation(session, trust)
    relay = RealRelay(wire, protocol, lambda: None)
    loop = asyncio.get_running_loop()
    try:
        if implicit_tls:
            await loop.create_connection(lambda: _Silent(relay), sock=sock)
            await start_tls(loop, relay.transport, protocol, trust(), server_side=False, server_name=server)
        else:
            await loop.create_connection(lambda: relay, sock=sock)
        await protocol.over
    except ssl.SSLError as error:
        raise LabError(f"no TLS with {server}: {why(error)}") from error
    finally:
        relay.abort()
    if isinstance(protocol.failure, ssl.SSLError):
        raise LabError(f"no TLS with {server}: {why(protocol.failure)}") from protocol.failure
    if protocol.failure is not None or session.failure is not None:
        raise protocol.failure or session.failure
    return session.result


class _Silent(asyncio.Protocol):
    """Hands the transport to the relay without a word to the session: TLS comes first."""

    def __init__(self, relay: RealRelay) -> None:
        self._relay = relay

    def connection_made(self, transport: Any) -> None:
        self._relay.attach(transport)
        transport.set_protocol(self._relay)


async def connected(server: str, port: int) -> socket.socket:
    """The first of the server's addresses that answers."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("it has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(server, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
            return sock
        except OSError as error:
            failure = error
            sock.close()
        except BaseException:
            sock.close()
            raise
    raise failure


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """A client that trusts the authority in a file, or else the system's; LabError if the file has none."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise LabError(f"cannot read the certificates in {ca_file}: {error.strerror or error}") from error


def why(error: BaseException) -> str:
    """What an error says, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ConnectionError) and error.errno:  # of which asyncio only says that it failed
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)
