"""A TCP connection in memory: two ends, each an `asyncio.Transport`.

Octets arrive in the order in which they were written, after the link's latency and the time they
take at its bandwidth.  Flow control is real: octets that the reader has not taken fill a window;
when it is full they stay with the writer, whose protocol is told to pause, as it is when
it writes faster than the link can carry.
"""

from __future__ import annotations

import asyncio
from asyncio.sslproto import SSLProtocol
from asyncio.transports import _FlowControlMixin
from collections import deque
from collections.abc import Callable
from typing import Any, Literal, Protocol

from labkit.net.clock import SECOND, VirtualLoop
from labkit.net.faults import Fate, Rule
from labkit.net.link import STARTED, Chunk, Line, Link, charged_octets, ns_per_octet
from labkit.net.meddling import Meddler
from labkit.net.network import Host, connection_reset
from labkit.net.tap import Connection, Ending, Layer, Record, Side, Tap
from labkit.net.wire import Pass, Wire, application, feeder

WINDOW = 256 * 1024
"""Octets that may be under way or unread at the other end before the writer is held."""


class Medium(Protocol):
    """What an end needs of the network it belongs to."""

    tap: Tap
    faults: list[Rule]

    @property
    def loop(self) -> VirtualLoop: ...
    def microseconds(self) -> int: ...
    def forget(self, end: End) -> None: ...


class End(_FlowControlMixin, Wire):
    """One end of a simulated connection."""

    _start_tls_compatible = True

    # asyncio's own flow control, which its type stubs do not show
    _protocol_paused: bool
    _low_water: int
    _maybe_pause_protocol: Callable[[], None]
    _maybe_resume_protocol: Callable[[], None]

    _peer: End

    def __init__(self, medium: Medium, connection: Connection, side: Side, host: Host, link: Link) -> None:
        c = connection
        mine, other = (c.client, c.client_port), (c.server, c.server_port)
        if side == "server":
            mine, other = other, mine
        super().__init__({"sockname": mine, "peername": other}, medium.loop)
        self._medium = medium
        self.microseconds = medium.microseconds
        self._clock = medium.loop
        self.tap = medium.tap
        self.connection = connection
        self.side = side
        self.host = host
        self._line = Line(link)
        self._protocol: Any = None
        self._feed: Pass = _nobody
        self._reading = True
        self._resuming = False  # the protocol will be told to go on
        self._closing = False  # nothing more is taken from the protocol
        self._ended = False  # the end of the stream is on its way
        self._muted = False  # because a rule said so
        self._over = False  # connection_lost is called or about to be
        self._flying = 0  # octets on their way or unread at the other end
        self._coming: deque[Chunk] = deque()  # on their way to this end
        self._unread: deque[Chunk] = deque()
        self._unsent: deque[Chunk] = deque()
        self._unsent_octets = 0
        self._inside_records: list[int] = []  # plaintext whose ciphertext has not been written yet
        self._meddler = Meddler(self, medium.faults, self.tap, connection, side)
        self._next = Chunk(None, [])  # what the rules say of the next chunk

    @classmethod
    def pair(
        cls, medium: Medium, connection: Connection, client: Host, server: Host, link: Link
    ) -> tuple[End, End]:
        a = cls(medium, connection, "client", client, link)
        b = cls(medium, connection, "server", server, link)
        a._peer, b._peer = b, a
        return a, b

    @property
    def other(self) -> Host:
        """The host at the other end."""
        return self._peer.host

    @property
    def waiting_for(self) -> str:
        """What the protocol here says it needs next; empty if it does not say."""
        return str(getattr(application(self._protocol), "waiting_for", "") or "")

    # asyncio.Transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "wire" else super().get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        if isinstance(protocol, SSLProtocol):
            self.enter_tls(protocol)
        self._protocol = protocol
        self._feed = feeder(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._ended or self._closing or not data:
            if self._muted:
                self._note(bytes(data), self.layer, None, False)
            return
        if self.layer == "plain":
            self.send(bytes(data), "plain", self._write)
        else:
            self._write(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._ended:
            self._meddler.flush()
            self._ended = True
            self._put(Chunk(None, []))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if self._closing:
            return
        self._meddler.flush()
        if any(chunk.data for chunk in self._unread):
            self.abort()  # TCP answers octets that nobody will read with a reset (RFC 1122 4.2.2.13)
            return
        self._closing = True
        self._reading = False
        self._note_end("quit", self.side)
        self.write_eof()
        if not self._unsent:
            self._finish()

    def abort(self) -> None:
        self._force_close(None)

    def _force_close(self, exc: BaseException | None) -> None:
        if self._over:
            return
        self._note_end("reset", self.side)
        self._drop_unsent()
        self._clock.at(self._line.carry(self._clock.ns, 0), self._peer._break, connection_reset())
        self._break(exc)

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._closing and not self._reading:
            self._reading = True
            self._clock.call_soon(self._read_on)

    def get_write_buffer_size(self) -> int:
        return self._unsent_octets + self._line.waiting(self._clock.ns)

    # Wire

    def send(self, data: bytes, layer: Layer, write: Pass) -> None:
        if layer == "plain":
            self.spoken = True
        if self._medium.faults or self._meddler.gathering:
            self._meddler.pass_on(data, layer, write)
        else:
            self._send(data, layer, write)

    def _send(self, data: bytes, layer: Layer, write: Pass, *, forged: bool = False) -> None:
        if layer == "inside":
            # The ciphertext may be held back in the TLS layer; then the next that leaves carries this.
            self._inside_records.append(self._note(data, layer, None, forged))
        write(data)

    def _note(self, data: bytes, layer: Layer, arrival: int | None, forged: bool) -> int:
        sent = None if forged else self.microseconds()
        return self.tap.add(Record(self.connection.number, sent, arrival, self.side, data, layer))

    def take(self, data: bytes, layer: Layer, deliver: Pass) -> None:
        deliver(data)  # the other end has noted it

    def leave(self, layer: Layer, close: Callable[[], None]) -> None:
        self._meddler.flush()
        close()

    def enter_tls(self, protocol: SSLProtocol) -> None:
        self._meddler.flush()
        super().enter_tls(protocol)

    # Meddling

    def emit(self, data: bytes, layer: Layer, go: Pass, fate: Fate, hold: float, *, forged: bool) -> None:
        if self._over:
            return
        rate = fate.bits_per_second
        self._next = Chunk(None, [], round(hold * SECOND), rate and ns_per_octet(rate))
        self._next.forged = forged and layer == "plain"
        self._send(data, layer, go, forged=forged)

    def finish(self, how: Literal["cut", "end", "reset"], after: bool) -> None:
        if how == "end":
            self._note_end("quit", self.side)
            self.write_eof()
            self._muted = True
        elif not after:
            self.cut(how)
        else:
            self._note_end(how, None)
            self._ended = True  # what this end still writes is lost
            self._clock.at(self._line.carry(self._clock.ns, 0), self.cut, how)

    # Octets on their way out

    def _write(self, data: bytes) -> None:
        chunk, self._next = self._next, Chunk(None, [])
        chunk.data = data
        self._put(chunk)
        self._pause_if_full()

    def _put(self, chunk: Chunk) -> None:
        """Send a chunk off, or keep it while the other end's window is full."""
        arrival: int | None = None
        if self._unsent or self._flying >= WINDOW:
            self._unsent.append(chunk)
            self._unsent_octets += len(chunk.data or b"")
        else:
            arrival = self._launch(chunk)
        if chunk.data is None:
            return
        if self._inside_records:
            for index in self._inside_records:
                self.tap.amend(index, arrival)
            chunk.records, self._inside_records = self._inside_records, []
        chunk.records.append(self._note(chunk.data, self.layer, arrival, chunk.forged))

    def _launch(self, chunk: Chunk) -> int:
        octets = 0
        if chunk.data is not None:
            self._flying += len(chunk.data)
            octets = len(chunk.data) if self.layer == "plain" else charged_octets(chunk.data)
        ns = self._line.carry(self._clock.ns, octets, chunk.hold, chunk.ns_per_octet)
        self._peer._coming.append(chunk)
        self._clock.at(ns, self._peer._arrive, chunk)
        return STARTED + ns // 1000

    def _pause_if_full(self) -> None:
        self._maybe_pause_protocol()
        if self._protocol_paused and not self._unsent and not self._resuming:
            self._resuming = True
            self._resume_when_carried()

    def _resume_when_carried(self) -> None:
        """Only the link holds the octets: it is known when it will have carried enough of them."""
        self._resuming = False
        self._maybe_resume_protocol()
        if self._protocol_paused and not self._over:
            self._resuming = True
            when = self._line.time_until(self._low_water)
            self._clock.at(max(when, self._clock.ns + 1), self._resume_when_carried)

    def _send_more(self) -> None:
        """The other end has made room."""
        while self._unsent and self._flying < WINDOW:
            chunk = self._unsent.popleft()
            self._unsent_octets -= len(chunk.data or b"")
            arrival = self._launch(chunk)
            for index in chunk.records:
                self.tap.amend(index, arrival)
        if self._unsent:
            return
        if self._closing:
            self._finish()
        elif not self._resuming:
            self._resume_when_carried()

    # Octets on their way in

    def _arrive(self, chunk: Chunk) -> None:
        if chunk.lost:
            return
        self._coming.popleft()
        if self._closing:
            if chunk.data is not None:
                self._clock.at(
                    self._line.carry(self._clock.ns, 0), self._peer._break, connection_reset()
                )  # nobody reads here any more
        elif self._reading and not self._unread:
            self._read(chunk)
        else:
            self._unread.append(chunk)

    def _read_on(self) -> None:
        while self._unread and self._reading:
            self._read(self._unread.popleft())

    def _read(self, chunk: Chunk) -> None:
        try:
            if chunk.data is None:
                if not self._protocol.eof_received():
                    self.close()
                return
            if self.layer == "plain":
                self.spoken = True
            peer = self._peer
            peer._flying -= len(chunk.data)
            if peer._unsent:
                self._clock.at(self._clock.ns + self._line.link.latency, peer._send_more)
            self._feed(chunk.data)
        except Exception as error:
            self._fatal(error)

    def begin(self, protocol: asyncio.BaseProtocol) -> None:
        """The connection stands: tell the protocol."""
        self.set_protocol(protocol)
        try:
            protocol.connection_made(self)
        except Exception as error:
            self._fatal(error)

    def _fatal(self, error: Exception) -> None:
        self._clock.call_exception_handler(
            {"message": "a protocol failed; its connection is reset", "exception": error, "transport": self}
        )
        self._force_close(error)

    # The end

    def cut(self, ended: Ending = "cut") -> None:
        """Nothing that is on its way arrives; both ends lose the connection."""
        self._note_end(ended, None)
        for end in (self, self._peer):
            end._drop_unsent()
            for chunk in end._coming:
                chunk.lost = True
                for index in chunk.records:
                    self.tap.amend(index, None)
            end._coming.clear()
        self._clock.at(self._clock.ns + self._line.link.latency, self._peer._break, connection_reset())
        self._break(connection_reset())

    def _break(self, error: BaseException | None) -> None:
        """The connection is lost here, at once."""
        if self._over:
            return
        self._closing = self._ended = True
        self._reading = False
        self._drop_unsent()
        self._unread.clear()
        self._lose(self._clock.ns, error)

    def _finish(self) -> None:
        """All has been handed over: this end is done when the link has carried it."""
        if not self._over:
            self._lose(max(self._clock.ns, self._line.free), None)

    def _lose(self, ns: int, error: BaseException | None) -> None:
        self._over = True
        self._clock.at(ns, self._lost, error)

    def _lost(self, error: BaseException | None) -> None:
        self._medium.forget(self)
        if self._protocol is not None:
            self._protocol.connection_lost(error)

    def _drop_unsent(self) -> None:
        self._unsent.clear()
        self._unsent_octets = 0

    def _note_end(self, ended: Ending, by: Side | None) -> None:
        self.tap.close(self.connection, self.microseconds(), ended, by)


def _nobody(data: bytes) -> None:
    """Where octets go before there is a protocol."""
