"""The network in memory: virtual time, no sockets, no threads, any port; the same to the byte each time."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar

from labkit.errors import LabError
from labkit.net.clock import SECOND, VirtualLoop
from labkit.net.faults import Event, Rule, judge
from labkit.net.link import STARTED, Link, ns_per_octet
from labkit.net.network import (
    Factory,
    Host,
    Hosts,
    MakeContext,
    Responder,
    connection_refused,
    from_microseconds,
    report_failure,
)
from labkit.net.pipe import End
from labkit.net.tap import Connection, Record, Side, Tap
from labkit.net.wire import start_tls

T = TypeVar("T")

LATENCY = 0.02
"""Seconds one way between two hosts, unless `link` says otherwise."""
CONNECT_TIMEOUT = 60.0
"""How long a host goes on calling an address that does not answer."""
_ON_ONE_HOST = Link(0, 0.0)


@dataclass(eq=False, slots=True)
class _Service:
    """A listening port; either a factory of protocols or a responder to datagrams."""

    network: SimulatedNetwork
    host: Host
    port: int
    service: str | None
    factory: Factory | None = None
    responder: Responder | None = None
    tls: MakeContext | None = None

    @property
    def address(self) -> str:
        return self.host.address

    def close(self) -> None:
        table = self.network._datagrams if self.responder else self.network._listeners
        if table.get((self.address, self.port)) is self:
            del table[self.address, self.port]


class SimulatedNetwork:
    """See `labkit.net.network.Network`."""

    def __init__(self) -> None:
        self.tap = Tap()
        self.faults: list[Rule] = []
        self.hosts = Hosts()
        self.loop = _Loop.new()
        self.loop.network = self
        self.loop.describe = self._who_waits
        self.host = self.hosts.host
        self._default = Link.of(LATENCY, None)
        self._links: dict[frozenset[Host], Link] = {}
        self._listeners: dict[tuple[str, int], _Service] = {}
        self._datagrams: dict[tuple[str, int], _Service] = {}
        self._ends: dict[End, None] = {}  # in the order in which they were opened
        self._background: set[asyncio.Task[Any]] = set()

    # Hosts, links, time

    def link(
        self,
        a: Host | None = None,
        b: Host | None = None,
        *,
        latency: float = LATENCY,
        bandwidth: float | None = None,
    ) -> None:
        """Holds for connections made from now on."""
        link = Link.of(latency, bandwidth)
        if a is None and b is None:
            self._default = link
        elif isinstance(a, Host) and isinstance(b, Host):
            self._links[frozenset((a, b))] = link
        else:
            raise LabError(
                "a link is between two hosts, such as alice.host and alice.server.host, or all of them"
            )

    def _link(self, a: Host, b: Host | None) -> Link:
        if b is None:
            return self._default
        return _ON_ONE_HOST if a is b else self._links.get(frozenset((a, b)), self._default)

    def microseconds(self) -> int:
        return STARTED + self.loop.ns // 1000

    def now(self) -> datetime:
        return from_microseconds(self.microseconds())

    # Connections

    async def listen(
        self,
        host: Host,
        port: int,
        factory: Factory,
        *,
        service: str | None = None,
        tls: MakeContext | None = None,
    ) -> _Service:
        made = _Service(self, host, port or host.take_port(), service, factory=factory, tls=tls)
        return self._register(self._listeners, made)

    def _register(self, table: dict[tuple[str, int], _Service], made: _Service) -> _Service:
        if table.setdefault((made.address, made.port), made) is not made:
            raise LabError(f"port {made.port} on {made.host.name} is in use")
        return made

    async def connect(
        self,
        client: Host,
        address: str,
        port: int,
        factory: Factory,
        *,
        tls: tuple[ssl.SSLContext, str] | None = None,
    ) -> tuple[asyncio.Transport, Any]:
        server = self.hosts.at(address)
        link = self._link(client, server)
        found = self._listeners.get((server.address, port)) if server else None
        target = server or Host("", address)
        connection = self.tap.open(
            "tcp",
            (client, client.take_port()),
            (target, port),
            self.microseconds(),
            found.service if found else None,
        )
        await self._call(connection, client, server, link)
        listener = self._listeners.get((target.address, port))
        if server is None or listener is None or listener.factory is None:
            raise self._refused(connection)
        ours, theirs = End.pair(self, connection, client, server, link)
        self._ends |= {ours: None, theirs: None}
        self.loop.at(self.loop.ns + link.latency, self._accept, theirs, listener)
        protocol = factory()
        if tls is None:
            ours.begin(protocol)
            return ours, protocol
        context, name = tls
        try:
            await start_tls(self.loop, ours, protocol, context, server_side=False, server_name=name)
        except BaseException:
            ours.abort()
            raise
        assert ours.inside is not None
        return ours.inside.transport, protocol

    async def _call(self, connection: Connection, client: Host, server: Host | None, link: Link) -> None:
        """The packets that open a connection, there and back."""
        fate = judge(self.faults, Event(connection, None, b"", self.microseconds()))
        if fate.ending:
            self.tap.broken.add(connection.number)
        if fate.hold:
            await asyncio.sleep(fate.hold)
        if server is None or not (client.online and server.online) or fate.ending == "cut":
            await asyncio.sleep(CONNECT_TIMEOUT)
            self.tap.close(connection, self.microseconds(), "timeout", None)
            raise TimeoutError(errno.ETIMEDOUT, f"{connection.server} does not answer")
        await self._pass(2 * link.latency)
        if fate.ending == "reset":
            raise self._refused(connection)

    def _refused(self, connection: Connection) -> ConnectionRefusedError:
        self.tap.close(connection, self.microseconds(), "reset", "server")
        return connection_refused(connection)

    def _accept(self, end: End, listener: _Service) -> None:
        assert listener.factory is not None
        try:
            protocol = listener.factory()
            if listener.tls is not None:
                start_tls(self.loop, end, protocol, listener.tls(), server_side=True)
                return
        except Exception as error:
            end._fatal(error)
            return
        end.begin(protocol)

    def forget(self, end: End) -> None:
        """This end is done."""
        self._ends.pop(end, None)

    def _pass(self, ns: int) -> asyncio.Future[None]:
        """So many nanoseconds, exactly."""
        over: asyncio.Future[None] = self.loop.create_future()
        self.loop.at(self.loop.ns + ns, _arrived, over)
        return over

    # Datagrams

    def answer(self, host: Host, port: int, responder: Responder, *, service: str | None = None) -> _Service:
        return self._register(self._datagrams, _Service(self, host, port, service, responder=responder))

    async def ask(
        self, client: Host, address: str, port: int, question: bytes, *, timeout: float = 5
    ) -> bytes:
        server = self.hosts.at(address)
        link = self._link(client, server)
        found = self._datagrams.get((server.address, port)) if server else None
        target = server or Host("", address)
        connection = self.tap.open(
            "udp",
            (client, client.take_port()),
            (target, port),
            self.microseconds(),
            found.service if found else None,
        )
        try:
            reachable = client.online and server is not None and server.online
            return await asyncio.wait_for(self._exchange(connection, link, question, reachable), timeout)
        except TimeoutError:
            self.tap.close(connection, self.microseconds(), "timeout", None)
            raise TimeoutError(errno.ETIMEDOUT, f"no answer from {address} in {timeout:g} seconds") from None
        finally:
            self.tap.close(connection, self.microseconds(), None, None)

    async def _exchange(self, connection: Connection, link: Link, question: bytes, reachable: bool) -> bytes:
        await self._carry(connection, "client", question, link, reachable)
        found = self._datagrams.get((connection.server, connection.server_port))
        if found is None or found.responder is None:
            await self._pass(link.latency)
            raise self._refused(connection)
        answer = found.responder(question)
        if answer is None:
            return await self._never()
        return await self._carry(connection, "server", answer, link, True)

    async def _carry(
        self, connection: Connection, sender: Side, data: bytes, link: Link, reachable: bool
    ) -> bytes:
        """One datagram; what arrives at the other end, which is nothing when it is lost."""
        sent, rate, forged = self.microseconds(), link.ns_per_octet, False
        fate = judge(self.faults, Event(connection, sender, data, sent))
        if fate.bits_per_second:
            rate = ns_per_octet(fate.bits_per_second)
        if fate.ending:
            reachable = False
        elif fate.data != data:
            self.tap.add(Record(connection.number, sent, None, sender, data, "plain"))
            data, forged = fate.data, True
        ns = link.latency + round(fate.hold * SECOND) + round(rate * len(data))
        arrived = STARTED + (self.loop.ns + ns) // 1000 if reachable else None
        self.tap.add(Record(connection.number, None if forged else sent, arrived, sender, data, "plain"))
        if not reachable:
            return await self._never()
        await self._pass(ns)
        return data

    async def _never(self) -> bytes:
        lost: asyncio.Future[bytes] = self.loop.create_future()
        return await lost

    # Who moves the clock

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task: asyncio.Task[T] = self.loop.create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        task.add_done_callback(report_failure)
        return task

    def run(self, awaitable: Awaitable[T], *, timeout: float | None = None) -> T:
        return self.loop.complete(awaitable, timeout)

    async def run_async(self, awaitable: Awaitable[T]) -> T:
        if asyncio.get_running_loop() is self.loop:
            return await awaitable
        return self.run(awaitable)

    def wait(self, seconds: float) -> None:
        self.loop.pass_time(seconds)

    def _who_waits(self) -> str:
        says = []
        for end in self._ends:
            if what := end.waiting_for:
                says.append(f"{end.host.name} waits for {what} from {end.other.name}")
        return "; ".join(says)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        if self.loop.is_closed():
            return
        for end in list(self._ends):
            end.abort()
        self._listeners.clear()
        self._datagrams.clear()
        self.loop.close()


def _arrived(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


class _Loop(VirtualLoop):
    """The clock's loop with the calls by which asyncio's own clients and servers reach the network.

    They do not say which host they run on: it is the one called "localhost".
    """

    network: SimulatedNetwork

    async def create_connection(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        host, port = (*args, options.get("host"), options.get("port"))[:2]
        tls, name = options.get("ssl"), options.get("server_hostname") or host
        context = ssl.create_default_context() if tls is True else tls
        return await self.network.connect(
            self.network.host("localhost"),
            host,
            port,
            protocol_factory,
            tls=(context, name) if context else None,
        )

    async def create_server(self, protocol_factory: Any, *args: Any, **options: Any) -> Any:
        host, port = (*args, options.get("host"), options.get("port"))[:2]
        context = options.get("ssl")
        return await self.network.listen(
            self.network.host(host or "localhost"),
            port or 0,
            protocol_factory,
            tls=(lambda: context) if context else None,
        )

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, **options: Any) -> Any:
        await start_tls(
            self,
            transport,
            protocol,
            sslcontext,
            server_side=options.get("server_side", False),
            server_name=options.get("server_hostname"),
            call_connection_made=False,
        )
        wire = transport.get_extra_info("wire")
        wire.tls_is_up()  # nobody else tells it: the protocol hears nothing of this
        return wire.inside.transport

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        host, port = (*args, options.get("host"), options.get("port"))[:2]
        found = self.network.hosts.at(str(host or "localhost"))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, f"no host is called {host}")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found.address, int(port or 0)))]

    async def getnameinfo(self, *args: Any, **options: Any) -> Any:
        address, port = args[0][:2]
        found = self.network.hosts.at(address)
        return (found.name if found else address, str(port))
