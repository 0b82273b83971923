"""A blocking socket for clients that bring their own protocol: smtplib, poplib, imaplib.

On the simulated network it is a look-alike: a call that waits drives the clock in the caller's
own thread, and a timeout is in virtual time.  On loopback it is a real socket.  `Authority.client_context`
makes TLS contexts that wrap both.
"""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
from typing import Any

from labkit.errors import LabError
from labkit.net.loopback import LoopbackNetwork
from labkit.net.network import Host, Network
from labkit.net.simulated import SimulatedNetwork
from labkit.net.wire import start_tls


def create(
    network: Network, client: Host, address: str, port: int, timeout: object = None
) -> socket.socket | LabSocket:
    """Connect, as `socket.create_connection` does; a timeout that is no number means none."""
    seconds = float(timeout) if isinstance(timeout, int | float) else None
    if isinstance(network, LoopbackNetwork):
        return network.dial(client, address, port, seconds)
    if not isinstance(network, SimulatedNetwork):
        raise LabError(f"{type(network).__name__} has no blocking sockets")
    protocol = _Inbox()
    connecting = network.connect(client, address, port, lambda: protocol)
    transport, _ = network.run(connecting, timeout=seconds)
    return LabSocket(network, transport, protocol, seconds)


class _Inbox(asyncio.Protocol):
    """What has arrived and has not been read."""

    HIGH = 256 * 1024

    def __init__(self) -> None:
        self.data = bytearray()
        self.eof = False
        self.error: Exception | None = None
        self.paused = False
        self.waiting_for = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > self.HIGH:
            self.transport.pause_reading()

    def take(self, size: int) -> bytes:
        data = bytes(self.data[:size])
        del self.data[:size]
        if len(self.data) <= self.HIGH and not self.eof and not self.transport.is_closing():
            self.transport.resume_reading()
        return data

    def eof_received(self) -> bool:
        self.eof = True
        # In clear the other direction stays open, as with a socket; TLS ends both.
        return self.transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self.eof = True
        self.error = exc
        self.paused = False

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False


class LabSocket:
    """As much of `socket.socket` (and of `ssl.SSLSocket`) as the standard library's clients use."""

    def __init__(
        self, network: SimulatedNetwork, transport: asyncio.Transport, inbox: _Inbox, timeout: float | None
    ) -> None:
        self._network = network
        self._transport = transport
        self._inbox = inbox
        self._timeout = timeout
        self._closed = False

    def sendall(self, data: Any, flags: int = 0) -> None:
        self._check()
        if self._inbox.error is not None or self._transport.is_closing():
            raise self._inbox.error or BrokenPipeError("the other end has closed the connection")
        self._transport.write(bytes(data))
        self._wait(lambda: not self._inbox.paused, "room to send more")

    def send(self, data: Any, flags: int = 0) -> int:
        self.sendall(data)
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        self._check()
        inbox = self._inbox
        self._wait(lambda: bool(inbox.data or inbox.eof), "octets")
        if not inbox.data and inbox.error is not None:
            raise inbox.error
        return inbox.take(size)

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer).cast("B")
        data = self.recv(size or len(view))
        view[: len(data)] = data
        return len(data)

    def makefile(self, mode: str = "r", buffering: int | None = None, **options: Any) -> Any:
        """A file to read from; it does not keep the socket open."""
        if mode not in ("r", "rb"):
            raise LabError(f"a socket of the simulated network makes files to read from, not {mode!r}")
        if buffering == 0:
            return _Raw(self)
        file = io.BufferedReader(_Raw(self))
        return file if mode == "rb" else io.TextIOWrapper(file, **options)

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout

    def gettimeout(self) -> float | None:
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        if not flag:
            raise LabError("a socket of the simulated network can only be blocking")
        self._timeout = None

    def setsockopt(self, *option: Any) -> None:
        pass

    def getsockopt(self, *option: Any) -> int:
        # The ssl module asks this first when a plain SSLContext is to wrap the socket.
        raise LabError("the simulated network needs the TLS context of its authority: client_context()")

    def fileno(self) -> int:
        raise LabError("a socket of the simulated network has no descriptor")

    def getpeername(self) -> tuple[str, int]:
        name: tuple[str, int] = self._transport.get_extra_info("peername")
        return name

    def getsockname(self) -> tuple[str, int]:
        name: tuple[str, int] = self._transport.get_extra_info("sockname")
        return name

    def shutdown(self, how: int) -> None:
        self._check()
        if how != socket.SHUT_RD and self._transport.can_write_eof():
            self._transport.write_eof()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._transport.close()

    def __enter__(self) -> LabSocket:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    # TLS

    def start_lab_tls(self, context: ssl.SSLContext, server_hostname: str | None) -> LabSocket:
        """What `LabSSLContext.wrap_socket` comes to: the same connection inside TLS."""
        self._check()
        network, inbox = self._network, _Inbox()
        handshake = self._handshake(context, server_hostname, inbox)
        network.run(handshake, timeout=self._timeout)
        self._closed = True
        return LabSocket(network, inbox.transport, inbox, self._timeout)

    async def _handshake(self, context: ssl.SSLContext, name: str | None, inbox: _Inbox) -> None:
        try:
            await start_tls(
                self._network.loop, self._transport, inbox, context, server_side=False, server_name=name
            )
        except BaseException:
            self._transport.abort()
            raise

    def version(self) -> str | None:
        version: str | None = self._tls().version()
        return version

    def cipher(self) -> tuple[str, str, int] | None:
        cipher: tuple[str, str, int] | None = self._tls().cipher()
        return cipher

    def getpeercert(self, binary_form: bool = False) -> Any:
        return self._tls().getpeercert(binary_form)

    def _tls(self) -> Any:
        return self._transport.get_extra_info("ssl_object")

    # Waiting

    def _check(self) -> None:
        if self._closed:
            raise OSError(9, "this socket is closed")

    def _wait(self, ready: Any, what: str) -> None:
        """Drive the clock until it is ready; TimeoutError when the socket's timeout is over first."""
        if ready():
            return
        loop = self._network.loop
        loop.check_free()
        late: list[bool] = []
        timer = None if self._timeout is None else loop.call_later(self._timeout, late.append, True)
        self._inbox.waiting_for = what
        try:
            loop.drive(lambda: bool(late) or ready())
        finally:
            self._inbox.waiting_for = ""
            if timer is not None:
                timer.cancel()
        if late and not ready():
            raise TimeoutError("timed out")


class _Raw(io.RawIOBase):
    def __init__(self, sock: LabSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.recv_into(buffer)
