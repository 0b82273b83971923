"""The network on real TCP at 127.0.0.1, in real time, so that any program can connect.

Everything runs in one loop (uvloop's where that is installed) in one thread of its own; the calling
thread only waits.  A host keeps its documentation address as a name: (address, port) stands for a
real port, which the system chooses unless `ports` says otherwise beforehand.  The tap sees a
connection between two of the lab's hosts at the client's end, one from outside at the server's; both
times of a record are the moment at which it was seen there.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self, TypeVar

from labkit.errors import LabError
from labkit.net import tcp
from labkit.net.faults import Event, Rule, judge
from labkit.net.network import (
    Factory,
    Host,
    Hosts,
    MakeContext,
    Responder,
    connection_refused,
    report_failure,
)
from labkit.net.tap import Connection, Ending, Tap
from labkit.net.tcp import LOCALHOST, RealEnd, RealRelay, microseconds, silent
from labkit.net.udp import Answering, exchange
from labkit.net.wire import start_tls

T = TypeVar("T")


class LoopbackNetwork:
    """See `labkit.net.network.Network`.

    `address` is where the servers listen; `ports` maps (host's address, port) to the real
    port.  An entry made before `listen` asks for that port; afterwards all are there.
    """

    def __init__(self, address: str = LOCALHOST) -> None:
        self.tap = Tap()
        self.faults: list[Rule] = []
        self.hosts = Hosts()
        self.host = self.hosts.host
        self.address = address
        self.ports: dict[tuple[str, int], int] = {}
        self.loop = tcp.new_loop()
        self._callers: dict[int, Connection | Host] = {}  # the lab's own clients, by their real port
        self._listeners: dict[tuple[str, int], Listener] = {}
        self._open: dict[asyncio.Transport, None] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._buffer = memoryview(bytearray(tcp.CHUNK))
        self._thread = threading.Thread(target=self._main, name="labkit-net", daemon=True)
        self._thread.start()

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def link(
        self,
        a: Host | None = None,
        b: Host | None = None,
        *,
        latency: float = 0.0,
        bandwidth: float | None = None,
    ) -> None:
        """Changes nothing: here the machine's own network carries the octets."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    # Connections

    async def listen(
        self,
        host: Host,
        port: int,
        factory: Factory,
        *,
        service: str | None = None,
        tls: MakeContext | None = None,
    ) -> Listener:
        listener = self._bind(socket.SOCK_STREAM, host, port, service)
        server = await self.loop.create_server(
            lambda: _Starter(lambda transport: self._accept(transport, listener, factory(), tls)),
            sock=listener.socket,
        )
        listener.closers.append(server.close)
        return listener

    def _bind(self, kind: socket.SocketKind, host: Host, port: int, service: str | None) -> Listener:
        wished = self.ports.get((host.address, port), 0)
        sock = tcp.server_socket(kind, self.address, wished)
        address, real = sock.getsockname()
        listener = Listener(host, port or real, address, real, service, sock)
        listener.closers.append(lambda: self._listeners.pop((host.address, listener.nominal), None))
        self._listeners[host.address, listener.nominal] = listener
        self.ports[host.address, listener.nominal] = real
        return listener

    def _accept(
        self,
        transport: asyncio.Transport,
        listener: Listener,
        protocol: asyncio.BaseProtocol,
        tls: MakeContext | None,
    ) -> tuple[RealRelay, asyncio.Future[None] | None]:
        address, port = transport.get_extra_info("peername")
        known = self._callers.pop(port, None)
        if isinstance(known, Connection):
            wire = RealEnd(self.tap, self.faults, known, "server", listens=False)
        else:
            client = known or Host("", address)
            server = (listener.host, listener.nominal)
            connection = self.tap.open("tcp", (client, port), server, microseconds(), listener.service)
            wire = RealEnd(self.tap, self.faults, connection, "server", alone=True)
        return self._begin(transport, wire, protocol, (tls(), None) if tls else None)

    async def connect(
        self,
        client: Host,
        address: str,
        port: int,
        factory: Factory,
        *,
        tls: tuple[ssl.SSLContext, str] | None = None,
    ) -> tuple[asyncio.Transport, Any]:
        server = self._server(address)
        sock = tcp.client_socket(socket.SOCK_STREAM)
        connection = self._opened("tcp", client, sock, server, port)
        try:
            await self._call(connection, client, server)
            await self.loop.sock_connect(sock, self._real(server, port))
        except BaseException as error:
            sock.close()
            self._callers.pop(connection.client_port, None)
            ended: Ending = "timeout" if isinstance(error, TimeoutError) else "reset"
            self.tap.close(connection, microseconds(), ended, None)
            if isinstance(error, ConnectionRefusedError):
                raise connection_refused(connection) from None
            raise
        protocol = factory()
        wire = RealEnd(self.tap, self.faults, connection, "client")
        starter = _Starter(lambda transport: self._begin(transport, wire, protocol, tls))
        transport, _ = await self.loop.create_connection(lambda: starter, sock=sock)
        if starter.handshake is not None:
            try:
                await starter.handshake
            except BaseException:
                transport.abort()
                raise
        return (wire.inside or starter.relay).transport, protocol

    def _begin(
        self,
        transport: asyncio.Transport,
        wire: RealEnd,
        protocol: asyncio.BaseProtocol,
        tls: tuple[ssl.SSLContext, str | None] | None,
    ) -> tuple[RealRelay, asyncio.Future[None] | None]:
        """The connection stands: put the tap before the protocol, and TLS if it is implicit."""
        self._open[transport] = None
        relay = RealRelay(wire, protocol, lambda: self._open.pop(transport, None), self._buffer)
        transport.set_protocol(relay)
        if tls is None:
            relay.connection_made(transport)
            return relay, None
        relay.attach(transport)
        context, name = tls
        server_side = wire.side == "server"
        return relay, start_tls(
            self.loop, relay.transport, protocol, context, server_side=server_side, server_name=name
        )

    async def _call(self, connection: Connection, client: Host, server: Host) -> None:
        """What the rules and the hosts say to an attempt to connect."""
        fate = judge(self.faults, Event(connection, None, b"", microseconds()))
        if fate.ending:
            self.tap.broken.add(connection.number)
        await asyncio.sleep(fate.hold)
        if fate.ending == "cut":
            raise silent(server)
        if fate.ending == "reset":
            raise connection_refused(connection)
        if not client.online:
            raise silent(server)

    def dial(self, client: Host, address: str, port: int, timeout: float | None) -> socket.socket:
        """A blocking socket, for clients that bring their own; the server's end records what passes."""
        server, sock = self._server(address), tcp.client_socket(socket.SOCK_STREAM)
        mine = sock.getsockname()[1]
        self._callers[mine] = client
        try:
            sock.settimeout(timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(self._real(server, port))
        except BaseException:
            self._callers.pop(mine, None)
            sock.close()
            raise
        return sock

    def _server(self, address: str) -> Host:
        server = self.hosts.at(address)
        if server is None:
            raise OSError(errno.EHOSTUNREACH, f"no host has the address {address}")
        return server

    def _real(self, server: Host, port: int) -> tuple[str, int]:
        if not server.online:
            raise silent(server)
        real = self.ports.get((server.address, port))
        if real is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"{server.name} does not listen on port {port}")
        return (LOCALHOST if self.address == "0.0.0.0" else self.address), real

    def _opened(
        self, kind: Literal["tcp", "udp"], client: Host, sock: socket.socket, server: Host, port: int
    ) -> Connection:
        """A connection between two of the lab's hosts; the server's end will know it by the real port."""
        mine = sock.getsockname()[1]
        listener = self._listeners.get((server.address, port))
        service = listener.service if listener else None
        connection = self.tap.open(kind, (client, mine), (server, port), microseconds(), service)
        self._callers[mine] = connection
        return connection

    # Datagrams

    def answer(self, host: Host, port: int, responder: Responder, *, service: str | None = None) -> Listener:
        listener = self._bind(socket.SOCK_DGRAM, host, port, service)

        def opened(address: str, client_port: int) -> Connection:
            client, server = Host("", address), (host, listener.nominal)
            return self.tap.open("udp", (client, client_port), server, microseconds(), service)

        async def start() -> None:
            transport, _ = await self.loop.create_datagram_endpoint(
                lambda: Answering(responder, host, self._callers.__contains__, self.tap, opened),
                sock=listener.socket,
            )
            listener.closers.append(transport.close)

        if threading.current_thread() is self._thread:
            self.spawn(start())  # datagrams that come before it is done wait in the socket
        else:
            self.run(start())
        return listener

    async def ask(
        self, client: Host, address: str, port: int, question: bytes, *, timeout: float = 5
    ) -> bytes:
        server, sock = self._server(address), tcp.client_socket(socket.SOCK_DGRAM)
        connection = self._opened("udp", client, sock, server, port)
        try:
            async with asyncio.timeout(timeout):
                if not client.online:
                    raise silent(server)
                sock.connect(self._real(server, port))
                return await exchange(self.tap, self.faults, connection, sock, question)
        except TimeoutError:
            self.tap.close(connection, microseconds(), "timeout", None)
            raise TimeoutError(errno.ETIMEDOUT, f"no answer from {address} in {timeout:g} seconds") from None
        except ConnectionRefusedError:
            raise connection_refused(connection) from None
        finally:
            self._callers.pop(connection.client_port, None)
            self.tap.close(connection, microseconds(), None, None)
            sock.close()

    # Who waits

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        if threading.current_thread() is not self._thread:

            async def start() -> asyncio.Task[T]:
                return self.spawn(coroutine)

            return self.run(start())
        task = self.loop.create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        task.add_done_callback(report_failure)
        return task

    def run(self, awaitable: Awaitable[T], *, timeout: float | None = None) -> T:
        try:
            self._check_free()
        except LabError:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()
            raise
        future = asyncio.run_coroutine_threadsafe(_awaiting(awaitable), self.loop)
        try:
            return future.result(timeout)
        except BaseException:
            future.cancel()
            raise

    def _check_free(self) -> None:
        if self.loop.is_closed():
            raise LabError("this network is closed; make a new one")
        if threading.current_thread() is self._thread:
            raise LabError(
                "a blocking call was made from inside the network's own thread, "
                "which it would have to wait for; await the coroutine there instead"
            )

    async def run_async(self, awaitable: Awaitable[T]) -> T:
        if asyncio.get_running_loop() is self.loop:
            return await awaitable
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaiting(awaitable), self.loop))

    def wait(self, seconds: float) -> None:
        self._check_free()
        time.sleep(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        if self.loop.is_closed():
            return
        self.run(self._shut())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _shut(self) -> None:
        for listener in list(self._listeners.values()):
            listener.close()
        for transport in list(self._open):
            transport.abort()
        await asyncio.sleep(0)  # the protocols hear of it
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.loop.shutdown_default_executor()


@dataclass(eq=False, slots=True)
class Listener:
    """A real port, known in the lab as the nominal port of a host."""

    host: Host
    nominal: int
    address: str
    port: int
    service: str | None
    socket: socket.socket
    closers: list[Callable[[], object]] = field(default_factory=list)

    def close(self) -> None:
        for close in self.closers:
            close()
        self.closers.clear()


class _Starter(asyncio.Protocol):
    """Hands the transport over as soon as there is one, before any octet."""

    def __init__(
        self, begin: Callable[[asyncio.Transport], tuple[RealRelay, asyncio.Future[None] | None]]
    ) -> None:
        self._begin = begin
        self.handshake: asyncio.Future[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self.relay, self.handshake = self._begin(transport)


async def _awaiting(awaitable: Awaitable[T]) -> T:
    return await awaitable
