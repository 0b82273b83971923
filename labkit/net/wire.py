"""One end of a connection, as the tap and the fault rules see it; and TLS on top of it.

Both networks show their octets to a `Wire`.  Where octets must be seen on their way between a
transport and a protocol (on real sockets, and inside TLS on either network) a `Relay` stands
between the two and passes everything on.

TLS is asyncio's own `SSLProtocol`, which aiosmtpd starts by itself and `start_tls` for all
others.  Whoever starts it must hand it to the transport's `set_protocol`; that is the moment
at which the wire turns from clear to ciphertext and a relay is put inside.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from abc import abstractmethod
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from functools import partial
from typing import Any

from labkit.net.tap import Connection, Layer, Side, Tap
from labkit.net.tls import server_name

Pass = Callable[[bytes], None]


class Wire:
    """One end: knows its connection, and what becomes of the octets it is shown."""

    tap: Tap
    connection: Connection
    side: Side
    layer: Layer = "plain"
    spoken = False  # octets have passed in clear
    inside: Relay | None = None

    @abstractmethod
    def send(self, data: bytes, layer: Layer, write: Pass) -> None:
        """This end writes these octets: judge, record and pass them on."""

    @abstractmethod
    def take(self, data: bytes, layer: Layer, deliver: Pass) -> None:
        """These octets came in from the other end."""

    def leave(self, layer: Layer, close: Callable[[], None]) -> None:
        """This end closes, in order, once what it wrote has left."""
        close()

    def drop(self, layer: Layer, abort: Callable[[], None]) -> None:
        """This end breaks the connection."""
        abort()

    def enter_tls(self, protocol: SSLProtocol) -> None:
        """From here on the wire carries ciphertext; put a relay between TLS and its user."""
        self.layer = "tls"
        self.connection.tls = "STARTTLS" if self.spoken else "implicit"
        transport = protocol._app_transport
        assert transport is not None
        self.inside = Relay(self, transport.get_protocol(), "inside")
        self.inside.attach(transport)
        transport.set_protocol(self.inside)

    def tls_is_up(self) -> None:
        """The handshake is through."""
        assert self.inside is not None
        tls = self.inside.transport.get_extra_info("ssl_object")
        self.connection.tls_version = tls.version()
        self.connection.cipher = tls.cipher()[0]
        self.connection.sni = server_name(tls) or self.connection.sni


class Relay(asyncio.Protocol):
    """Stands between a transport and a protocol, and shows the wire what passes."""

    transport: RelayTransport

    def __init__(self, wire: Wire, protocol: asyncio.BaseProtocol, layer: Layer) -> None:
        self.wire = wire
        self.layer = layer
        self.set_protocol(protocol)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol: Any = protocol
        self._deliver = feeder(protocol)

    def attach(self, transport: asyncio.Transport) -> None:
        """This is the transport that the protocol will have for its own."""
        self.transport = RelayTransport(self, transport)

    def connection_made(self, transport: Any) -> None:
        if self.layer == "inside":
            self.wire.tls_is_up()
        else:
            self.attach(transport)
        self.protocol.connection_made(self.transport)

    def data_received(self, data: bytes) -> None:
        self.wire.take(data, self.layer, self._deliver)

    def eof_received(self) -> bool | None:
        keep: bool | None = self.protocol.eof_received()
        return keep

    def connection_lost(self, exc: Exception | None) -> None:
        self.protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self.protocol.pause_writing()

    def resume_writing(self) -> None:
        self.protocol.resume_writing()


class RelayTransport(asyncio.Transport):
    """The transport as the protocol behind a relay sees it."""

    _start_tls_compatible = True

    def __init__(self, relay: Relay, inner: asyncio.Transport) -> None:
        super().__init__()
        self._relay = relay
        self._inner: Any = inner
        self._send = relay.wire.send

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._send(bytes(data), self._relay.layer, self._inner.write)

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        if isinstance(protocol, SSLProtocol):
            self._relay.layer = "tls"
            self._relay.wire.enter_tls(protocol)
        self._relay.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._relay.protocol
        return protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "wire":
            return self._relay.wire
        return self._inner.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return bool(self._inner.is_closing())

    def close(self) -> None:
        self._relay.wire.leave(self._relay.layer, self._inner.close)

    def abort(self) -> None:
        self._relay.wire.drop(self._relay.layer, self._inner.abort)

    def _force_close(self, exc: BaseException | None) -> None:
        self._relay.wire.drop(self._relay.layer, partial(self._inner._force_close, exc))

    def write_eof(self) -> None:
        self._inner.write_eof()

    def can_write_eof(self) -> bool:
        return bool(self._inner.can_write_eof())

    def is_reading(self) -> bool:
        return bool(self._inner.is_reading())

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._inner.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return int(self._inner.get_write_buffer_size())

    def get_write_buffer_limits(self) -> tuple[int, int]:
        limits: tuple[int, int] = self._inner.get_write_buffer_limits()
        return limits


def start_tls(
    loop: asyncio.AbstractEventLoop,
    transport: asyncio.Transport,
    protocol: asyncio.BaseProtocol,
    context: ssl.SSLContext,
    *,
    server_side: bool,
    server_name: str | None = None,
    call_connection_made: bool = True,
) -> asyncio.Future[None]:
    """Put TLS between a transport and its protocol at once; the future is done after the handshake.

    The protocol hears `connection_made` (again) with the transport inside TLS, before any octet
    from there.  Nothing is awaited on the way, so no octet can slip past in clear.
    """
    waiter: asyncio.Future[None] = loop.create_future()
    agreed: asyncio.Future[None] = loop.create_future()
    tls = SSLProtocol(
        loop,
        protocol,
        context,
        waiter,
        server_side,
        server_name,
        call_connection_made=call_connection_made,
    )

    def conclude(done: asyncio.Future[None]) -> None:
        error = done.exception()
        if error is None and inside.get_extra_info("ssl_object") is not None:
            if not agreed.done():
                agreed.set_result(None)
            return
        if error is None or not error.args:
            # asyncio has no word for a connection that is closed during the handshake.
            what = "the connection was closed during the TLS handshake"
            error = ConnectionResetError(errno.ECONNRESET, what)
        if not agreed.done():
            agreed.set_exception(error)
            agreed.exception()  # it is not to be reported when nobody awaits it

    inside = tls._app_transport
    assert inside is not None
    waiter.add_done_callback(conclude)
    transport.set_protocol(tls)
    tls.connection_made(transport)
    return agreed


def feeder(protocol: asyncio.BaseProtocol) -> Pass:
    """How octets get into this protocol, whichever of asyncio's two kinds it is."""
    if isinstance(protocol, asyncio.BufferedProtocol):
        buffered = protocol

        def feed(data: bytes) -> None:
            while data:
                buffer = memoryview(buffered.get_buffer(len(data)))
                size = min(len(buffer), len(data))
                buffer[:size] = data[:size]
                buffered.buffer_updated(size)
                data = data[size:]

        return feed
    assert isinstance(protocol, asyncio.Protocol)
    return protocol.data_received


def application(protocol: Any) -> Any:
    """The protocol that does the talking, beneath TLS and relays."""
    while True:
        if isinstance(protocol, Relay):
            protocol = protocol.protocol
        elif isinstance(protocol, SSLProtocol):
            protocol = protocol._app_protocol
        else:
            return protocol
