"""A recording proxy: it stands between any client and any server, and keeps what passes.

What arrives on one side leaves on the other as it came: octets, the end of either direction,
a reset; who reads slowly slows down who writes.  Both may be programs outside the lab.  A
connection is recorded as if the client had spoken with the server itself, at the moment its
octets pass here.  TLS passes too, as the ciphertext it is, unless the proxy is told to be one end
of it (`tls_listen`, `tls_to`).  The one thing that can be changed on the way is STARTTLS, which
`strip` removes from what the server offers (RFC 3207 6).
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from labkit import standards
from labkit.capture.tape import Tape
from labkit.errors import LabError
from labkit.net import tcp
from labkit.net.faults import Rule
from labkit.net.loopback import LoopbackNetwork
from labkit.net.network import Host
from labkit.net.outside import CONNECT_TIMEOUT, connected, why
from labkit.net.tap import Tap
from labkit.net.tcp import LOCALHOST, RealEnd, RealRelay, microseconds
from labkit.net.wire import start_tls
from labkit.tables import Capture
from labkit.world.faults import strip_starttls

_HELLO = b"\x16"  # how TLS begins, and no command
_ASKED = re.compile(rb"(?:^|\s)(?:STARTTLS|STLS)[ \t]*\r?\n\Z", re.IGNORECASE)
_TAIL = 64  # octets of a client's last line that are kept, to see whether it asked for TLS
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, with RST

Context = Callable[[], ssl.SSLContext]


@dataclass(frozen=True)
class Route:
    """From where to where; `service` is what the server is, where its port does not tell."""

    to: str
    to_port: int
    listen: str = LOCALHOST
    listen_port: int = 0
    service: str | None = None
    strip: bool = False
    tls_listen: Context | None = None
    tls_to: Context | None = None

    @property
    def name(self) -> str:
        """The server's name; empty where only its address is known."""
        return self.to if re.search("[a-z]", self.to, re.IGNORECASE) and ":" not in self.to else ""

    @property
    def spoken(self) -> str | None:
        """The service by its name in the tables."""
        known = standards.port(self.to_port)
        return self.service or (known.service if known else None)


@dataclass(eq=False)
class Recorder:
    """A proxy that listens; `trouble` is told, in its own thread, of servers that are not reached."""

    route: Route
    trouble: Callable[[str], None] = print
    network: LoopbackNetwork = field(default_factory=LoopbackNetwork)
    pairs: set[Pair] = field(default_factory=set)
    address: str = ""
    port: int = 0
    _server: asyncio.Server | None = None

    def __post_init__(self) -> None:
        self.rules: list[Rule] = [strip_starttls()] if self.route.strip else []

    @property
    def tap(self) -> Tap:
        return self.network.tap

    @property
    def capture(self) -> Capture:
        """What has passed so far."""
        return Capture(Tape.from_tap(self.tap, name=f"{self.route.to}:{self.route.to_port}"))

    async def open(self) -> None:
        route = self.route
        sock = tcp.server_socket(socket.SOCK_STREAM, route.listen, route.listen_port)
        self.address, self.port = sock.getsockname()
        self._server = await self.network.loop.create_server(lambda: _Arrival(self), sock=sock)

    async def end(self) -> None:
        """Listen no more, and break off what goes on."""
        if self._server is not None:
            self._server.close()
        for pair in list(self.pairs):
            pair.cut()
        await asyncio.sleep(0)

    def close(self) -> None:
        if not self.network.loop.is_closed():
            self.network.run(self.end())
            self.network.close()


@contextmanager
def recording(route: Route, trouble: Callable[[str], None] = print) -> Iterator[Recorder]:
    """Listen while in this block.

    Raises LabError for a port in use, and for a server whose name means nothing.
    """
    try:
        socket.getaddrinfo(route.to, route.to_port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise LabError(f"cannot find {route.to}: {why(error)}") from error
    recorder = Recorder(route, trouble)
    try:
        recorder.network.run(recorder.open())
        yield recorder
    finally:
        recorder.close()


class _Early(asyncio.Protocol):
    """One side, while the other is not there yet: what comes already is kept.

    (A loop need not heed `pause_reading` within `connection_made`, and uvloop does not.)
    """

    def __init__(self) -> None:
        self.transport: Any = None
        self._data = b""
        self._ended = False
        self._lost: tuple[Exception | None] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        self.transport.pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        return bool(self.transport.can_write_eof())

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = (exc,)

    def make_way(self, protocol: asyncio.Protocol) -> None:
        """Another protocol goes on, and is told what has happened so far."""
        self.transport.set_protocol(protocol)
        if self._data:
            protocol.data_received(self._data)
        if self._ended and not protocol.eof_received():
            self.transport.close()
        if self._lost:
            protocol.connection_lost(*self._lost)
        else:
            self.transport.resume_reading()


class _Arrival(_Early):
    """A client has come: it waits until the server is reached, without a word."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._recorder.network.spawn(Pair(self._recorder, self).begin())


class Pair:
    """One connection: the client's side, which is recorded, and the server's."""

    def __init__(self, recorder: Recorder, arrival: _Early) -> None:
        self.recorder, self.route = recorder, recorder.route
        recorder.pairs.add(self)
        self.arrival, self.real = arrival, arrival.transport
        peer, mine = self.real.get_extra_info("peername"), self.real.get_extra_info("sockname")
        tap, route = recorder.tap, recorder.route
        server = Host(route.name, mine[0]), route.to_port
        self.connection = tap.open("tcp", (Host("", peer[0]), peer[1]), server, microseconds(), route.spoken)
        self.wire = RealEnd(tap, recorder.rules, self.connection, "server", alone=True)
        self.client, self.server = _Side(self), _Side(self)
        self.client.peer, self.server.peer = self.server, self.client

    async def begin(self) -> None:
        """Reach the server, and let the octets pass."""
        route, loop, reached = self.route, asyncio.get_running_loop(), _Early()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                sock = await connected(route.to, route.to_port)
                there = sock.getpeername()[0]
                if (":" in there) == (":" in self.connection.server):  # a packet has addresses of one kind
                    self.connection.server = there
                context = route.tls_to() if route.tls_to else None
                name = route.to if context else None
                await loop.create_connection(lambda: reached, sock=sock, ssl=context, server_hostname=name)
        except (OSError, TimeoutError) as error:
            where = f"{route.to} on port {route.to_port}"
            self.recorder.trouble(f"connection {self.connection.number}: cannot reach {where}: {why(error)}")
            self.wire.note_end("reset", "server")
            _reset(self.real)
            self.recorder.pairs.discard(self)
            return
        if self.real.is_closing():  # the client has not waited
            self.cut()
            return
        self.server.connection_made(reached.transport)
        relay = _Watching(self.wire, self.client, self.gone)
        if route.tls_listen is None:
            relay.connection_made(self.real)
            self.arrival.make_way(relay)
        else:
            relay.attach(self.real)
            agreed = start_tls(loop, relay.transport, self.client, route.tls_listen(), server_side=True)
            self.arrival.make_way(relay)
            try:
                await agreed
            except OSError:
                self.cut()
                return
        reached.make_way(self.server)

    def gone(self) -> None:
        self.recorder.pairs.discard(self)

    def cut(self) -> None:
        """Break it off: nobody listens any more."""
        self.wire.note_end("cut", None)
        self.real.abort()
        if self.server.transport is not None:
            self.server.transport.abort()
        self.gone()


class _Side(asyncio.Protocol):
    """What is heard on one side is said on the other."""

    peer: _Side

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.transport: Any = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.peer.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        other = self.peer.transport
        if self is self._pair.server:
            self._pair.wire.note_end("quit", "server")
        if self.peer.ended or not other.can_write_eof():
            other.close()
        else:
            other.write_eof()
        return not self.peer.ended and bool(self.transport.can_write_eof())

    def pause_writing(self) -> None:
        self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        self.peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        other = self.peer.transport
        if other is None or other.is_closing():
            return
        if exc is None:
            other.close()
            return
        if self is self._pair.server:
            self._pair.wire.note_end("reset", "server")
        _reset(other)


class _Watching(RealRelay):
    """Sees where TLS begins, though neither of its ends is here."""

    _tail = b""

    def data_received(self, data: bytes) -> None:
        if self.layer != "plain" or (begins := self._hello(data)) is None:
            super().data_received(data)
            return
        if begins:
            super().data_received(data[:begins])
        self.layer = self.wire.layer = "tls"
        self.wire.connection.tls = "STARTTLS" if self.wire.spoken else "implicit"
        super().data_received(data[begins:])

    def _hello(self, data: bytes) -> int | None:
        """Where the client's hello begins in these octets: at once, or behind a line that asks for TLS."""
        at = data.find(_HELLO)
        while at >= 0:
            before = (self._tail + data[max(at - _TAIL, 0) : at])[-_TAIL:]
            if not before or _ASKED.search(before):
                return at
            at = data.find(_HELLO, at + 1)
        self._tail = (self._tail + data[-_TAIL:])[-_TAIL:]
        return None


def _reset(transport: Any) -> None:
    """End a connection with RST, as the other side has."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
