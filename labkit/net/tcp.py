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
from collections.abc import Callable
from functools import partial

from labkit.net.faults import PASS, Cut, Event, Hold, Refuse, Rewrite, Rule, Throttle, judge
from labkit.net.network import Host
from labkit.net.tap import Connection, Ending, Layer, Record, Side, Tap
from labkit.net.wire import Pass, Relay, Wire

LOCALHOST = "127.0.0.1"

_AFTER = 1e-6
"""asyncio's timers of one deadline fire in any order; each waits so much longer than the one before."""


class _Way:
    """One direction; what must wait leaves in order."""

    def __init__(self) -> None:
        self.held = 0
        self._free = 0.0

    def pass_on(self, seconds: float, action: Callable[[], None]) -> None:
        if not seconds and not self.held:
            action()
            return
        loop = asyncio.get_running_loop()
        self.held += 1
        self._free = max(loop.time() + seconds, self._free + _AFTER)
        loop.call_at(self._free, self._release, action)

    def _release(self, action: Callable[[], None]) -> None:
        self.held -= 1
        action()


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
        self._out = _Way()
        self._in = _Way()
        self._abort: Callable[[], None] = _nothing

    def made(self, abort: Callable[[], None]) -> None:
        """The connection stands; this breaks it."""
        self._abort = abort

    def send(self, data: bytes, layer: Layer, write: Pass) -> None:
        if self.faults or self._out.held:
            self._carry(data, layer, self.side, self._out, write, asked=layer != "tls")
        else:
            self._note(data, layer, self.side, write)

    def take(self, data: bytes, layer: Layer, deliver: Pass) -> None:
        if self.faults or self._in.held:
            self._carry(data, layer, self.other, self._in, deliver, asked=self._alone and layer != "tls")
        else:
            self._note(data, layer, self.other, deliver)

    def _carry(self, data: bytes, layer: Layer, sender: Side, way: _Way, go: Pass, asked: bool) -> None:
        """The long way, by the rules and behind what is held."""
        seconds = 0.0
        event = Event(self.connection, sender, data, microseconds())
        verdict = judge(self.faults, event) if asked else PASS
        match verdict:
            case Hold(hold):
                seconds = hold
            case Throttle(bits_per_second):
                seconds = 8 * len(data) / bits_per_second
            case Rewrite(other) if other:
                data = other
            case Rewrite() | Cut() | Refuse():
                self.tap.add(Record(self.connection.number, microseconds(), None, sender, data, layer))
                if not isinstance(verdict, Rewrite):
                    self.note_end("cut" if isinstance(verdict, Cut) else "reset", None)
                    self._abort()
                return
        way.pass_on(seconds, partial(self._note, data, layer, sender, go))

    def _note(self, data: bytes, layer: Layer, sender: Side, go: Pass) -> None:
        if layer == "plain":
            self.spoken = True
        if self._listens:
            now = microseconds()
            self.tap.add(Record(self.connection.number, now, now, sender, data, layer))
        go(data)

    def leave(self, layer: Layer, close: Callable[[], None]) -> None:
        self._out.pass_on(0, partial(self._end, layer, "quit", close))

    def drop(self, layer: Layer, abort: Callable[[], None]) -> None:
        self._end(layer, "reset", abort)

    def _end(self, layer: Layer, ended: Ending, action: Callable[[], None]) -> None:
        if layer != "inside":  # TLS takes its leave first, and then closes what is beneath it
            self.note_end(ended, self.side)
        action()

    def note_end(self, ended: Ending, by: Side | None) -> None:
        self.tap.close(self.connection, microseconds(), ended, by)


class RealRelay(Relay):
    """Between the socket's transport and the protocol (or TLS)."""

    wire: RealEnd

    def __init__(self, wire: RealEnd, protocol: asyncio.BaseProtocol, gone: Callable[[], object]) -> None:
        super().__init__(wire, protocol, "plain")
        self._gone = gone

    def attach(self, transport: asyncio.Transport) -> None:
        super().attach(transport)
        self.wire.made(transport.abort)

    def eof_received(self) -> bool | None:
        self.wire.note_end("quit", self.wire.other)
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.wire.note_end("reset" if exc else "quit", self.wire.other)
        self._gone()
        super().connection_lost(exc)


def microseconds() -> int:
    """The real time, as the tap counts it."""
    return time.time_ns() // 1000


def _nothing() -> None:
    pass


def client_socket(kind: socket.SocketKind) -> socket.socket:
    """A client's socket; its port is chosen before it connects."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.setblocking(False)
    sock.bind((LOCALHOST, 0))
    return sock


def silent(server: Host) -> TimeoutError:
    return TimeoutError(errno.ETIMEDOUT, f"{server.name} does not answer")


def cannot_listen(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {address} is in use"
    if error.errno == errno.EACCES:
        return f"port {port} on {address} is kept for the administrator; choose one above 1023"
    return f"cannot listen on port {port} of {address}: {error.strerror or error}"
