"""One end of a real TCP connection, shown to the tap.

An end that `listens` on the tap's behalf records both directions, at the moment it sees them;
where both ends are the lab's, that is the client's, and the server's keeps silent.  A rule is
asked about octets at the end that writes them, or, when that is a program outside, at
the end that reads them.  What a rule delays, all behind it waits for.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from asyncio.sslproto import SSLProtocol
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Literal

from labkit.errors import LabError
from labkit.net.faults import Fate, Rule
from labkit.net.meddling import Meddler
from labkit.net.network import Host
from labkit.net.tap import Connection, Ending, Layer, Record, Side, Tap
from labkit.net.wire import Pass, Relay, Wire

LOCALHOST = "127.0.0.1"


class _Way:
    """One direction, as one end sees it; what must wait leaves in order.

    Each timer lets go of the first that waits, since timers may fire in another order than they were set.
    Inside TLS is a way of its own: the ciphertext of what it lets go does not wait behind it.
    """

    def __init__(self, end: RealEnd, sender: Side) -> None:
        self.microseconds = microseconds
        self.meddler = Meddler(self, end.faults, end.tap, end.connection, sender)
        self._end = end
        self._sender = sender
        self._waiting: deque[Callable[[], None]] = deque()
        self._free = 0.0  # when the last of them leaves

    @property
    def busy(self) -> bool:
        """Whether something waits that must go first."""
        return bool(self._waiting) or self.meddler.gathering

    def pass_on(self, seconds: float, action: Callable[[], None]) -> None:
        if not seconds and not self._waiting:
            action()
            return
        loop = asyncio.get_running_loop()
        self._waiting.append(action)
        self._free = max(loop.time() + seconds, self._free)
        loop.call_at(self._free, self._release)

    def _release(self) -> None:
        self._waiting.popleft()()

    def emit(self, data: bytes, layer: Layer, go: Pass, fate: Fate, hold: float, *, forged: bool) -> None:
        if fate.bits_per_second:
            hold += 8 * len(data) / fate.bits_per_second
        self.pass_on(hold, partial(self._end.note, data, layer, self._sender, go, forged))

    def finish(self, how: Literal["cut", "end", "reset"], after: bool) -> None:
        self.pass_on(0, partial(self._end.finish, how, self._sender))


class RealEnd(Wire):
    def __init__(
        self,
        tap: Tap,
        faults: list[Rule],
        connection: Connection,
        side: Side,
        *,
        listens: bool = True,
        alone: bool = False,
    ) -> None:
        self.tap = tap
        self.faults = faults
        self.connection = connection
        self.side = side
        self.other: Side = "server" if side == "client" else "client"
        self._listens = listens
        self._alone = alone  # the other end is a program outside
        self._ways: dict[tuple[Side, bool], _Way] = {}  # as soon as there are rules; True: inside TLS
        self._mute: set[Side] = set()  # whose stream a rule has ended
        self._gone = False
        self._relay: RealRelay | None = None

    def made(self, relay: RealRelay) -> None:
        """The connection stands."""
        self._relay = relay

    def send(self, data: bytes, layer: Layer, write: Pass) -> None:
        if self.faults or self._ways:
            self._carry(data, layer, self.side, write, asked=layer != "tls")
        else:
            self.note(data, layer, self.side, write)

    def take(self, data: bytes, layer: Layer, deliver: Pass) -> None:
        if self.faults or self._ways:
            self._carry(data, layer, self.other, deliver, asked=self._alone and layer != "tls")
        else:
            self.note(data, layer, self.other, deliver)

    def _carry(self, data: bytes, layer: Layer, sender: Side, go: Pass, asked: bool) -> None:
        way = self._way(sender, layer)
        if sender in self._mute:
            way.meddler.lose(data, layer)
        elif asked and (self.faults or way.meddler.gathering):
            way.meddler.pass_on(data, layer, go)
        elif way.busy:
            way.pass_on(0, partial(self.note, data, layer, sender, go))
        else:
            self.note(data, layer, sender, go)

    def _way(self, sender: Side, layer: Layer) -> _Way:
        key = sender, layer == "inside"
        if key not in self._ways:
            self._ways[key] = _Way(self, sender)
        return self._ways[key]

    def note(self, data: bytes, layer: Layer, sender: Side, go: Pass, forged: bool = False) -> None:
        """These octets pass here, now."""
        if layer == "plain":
            self.spoken = True
        if self._listens:
            now = microseconds()
            self.tap.add(Record(self.connection.number, None if forged else now, now, sender, data, layer))
        if not self._gone:
            go(data)

    def lost(self) -> None:
        """The connection is gone; what a rule has held back until now reaches nobody."""
        self._gone = True

    def finish(self, how: Literal["cut", "end", "reset"], sender: Side) -> None:
        """A rule ends the connection, or what one side says."""
        assert self._relay is not None
        if how != "end":
            self.note_end(how, None)
            self._relay.abort()
            return
        self.note_end("quit", sender)
        self._mute.add(sender)
        if sender == self.side:
            self._relay.write_eof()
        else:
            self._relay.end_input()

    def enter_tls(self, protocol: SSLProtocol) -> None:
        for way in self._ways.values():
            way.meddler.flush()
        super().enter_tls(protocol)

    def leave(self, layer: Layer, close: Callable[[], None]) -> None:
        if not self._ways:
            self._end(layer, "quit", close)
            return
        way = self._way(self.side, layer)
        way.meddler.flush()
        way.pass_on(0, partial(self._end, layer, "quit", close))

    def drop(self, layer: Layer, abort: Callable[[], None]) -> None:
        self._end(layer, "reset", abort)

    def _end(self, layer: Layer, ended: Ending, action: Callable[[], None]) -> None:
        if layer != "inside":  # TLS takes its leave first, and then closes what is beneath it
            self.note_end(ended, self.side)
        action()

    def note_end(self, ended: Ending, by: Side | None) -> None:
        self.tap.close(self.connection, microseconds(), ended, by)


CHUNK = 64 * 1024
"""Octets that are read from a socket at once."""


class RealRelay(Relay, asyncio.BufferedProtocol):
    """Between the socket's transport and the protocol (or TLS).

    It reads into a buffer that it is given: for every other protocol asyncio makes a new one of 256 KiB
    at each turn, which takes longer than all the rest of a small exchange.  All connections of a loop can
    share one, since each has taken out what came for it before the next is read.
    """

    wire: RealEnd

    def __init__(
        self,
        wire: RealEnd,
        protocol: asyncio.BaseProtocol,
        gone: Callable[[], object],
        buffer: memoryview | None = None,
    ) -> None:
        super().__init__(wire, protocol, "plain")
        self._gone = gone
        self._buffer = buffer or memoryview(bytearray(CHUNK))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self._buffer[:nbytes]))

    def attach(self, transport: asyncio.Transport) -> None:
        super().attach(transport)
        self._real = transport
        self.wire.made(self)

    def abort(self) -> None:
        """Break the connection."""
        self._real.abort()

    def write_eof(self) -> None:
        """Let the other end see the end of the stream."""
        if not self._real.is_closing():
            self._real.write_eof()

    def end_input(self) -> None:
        """Let the protocol see the end of the stream, though the other end has not closed."""
        if not self.protocol.eof_received():
            self._real.close()

    def eof_received(self) -> bool | None:
        self.wire.note_end("quit", self.wire.other)
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.wire.note_end("reset" if exc else "quit", self.wire.other)
        self.wire.lost()
        self._gone()
        super().connection_lost(exc)


def microseconds() -> int:
    """The real time, as the tap counts it."""
    return time.time_ns() // 1000


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed: a bare exchange takes a third of the time; else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def new_socket(kind: socket.SocketKind) -> socket.socket:
    """A socket whose small writes leave at once: asyncio sees to that where the protocol is named."""
    return socket.socket(socket.AF_INET, kind, socket.IPPROTO_TCP if kind == socket.SOCK_STREAM else 0)


def client_socket(kind: socket.SocketKind) -> socket.socket:
    """A client's socket; its port is chosen before it connects."""
    sock = new_socket(kind)
    sock.setblocking(False)
    sock.bind((LOCALHOST, 0))
    return sock


def server_socket(kind: socket.SocketKind, address: str, port: int) -> socket.socket:
    """A socket to listen on; port 0 is any free one.  Raises LabError, in words, if it cannot be had."""
    sock = new_socket(kind)
    try:
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise LabError(_cannot_listen(error, address, port)) from error
    return sock


def silent(server: Host) -> TimeoutError:
    return TimeoutError(errno.ETIMEDOUT, f"{server.name} does not answer")


def _cannot_listen(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {address} is in use"
    if error.errno == errno.EACCES:
        return f"port {port} on {address} is kept for the administrator; choose one above 1023"
    return f"cannot listen on port {port} of {address}: {error.strerror or error}"
