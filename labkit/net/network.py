"""What the two networks share: hosts and their addresses, listeners, and the calls both answer.

Addresses come from the three nets set aside for documentation (RFC 5737), in the order in which
hosts are named, so that a capture can never be mistaken for one of somebody's real machines.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from typing import Any, Protocol, TypeVar

from labkit.errors import LabError
from labkit.net.faults import Rule
from labkit.net.tap import Connection, Tap

T = TypeVar("T")

NETS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
FIRST_PORT = 49152
"""Clients get their ports from here on (RFC 6335 6)."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When every simulated world begins: a Monday."""

Factory = Callable[[], asyncio.BaseProtocol]
MakeContext = Callable[[], ssl.SSLContext]
Responder = Callable[[bytes], bytes | None]


@dataclass(eq=False, slots=True)
class Host:
    """A machine with a name, an address and a part to play; while not `online` it answers nobody."""

    name: str
    address: str
    role: str | None = None
    online: bool = True
    next_port: int = FIRST_PORT

    def take_port(self) -> int:
        """The port of this host's next connection as a client."""
        port = self.next_port
        self.next_port = port + 1 if port < 65535 else FIRST_PORT
        return port


class Hosts:
    """The hosts of one network, by name and by address."""

    def __init__(self) -> None:
        self._by_name: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self._free = (str(address) for net in NETS for address in IPv4Network(net).hosts())

    def host(self, name: str, *, role: str | None = None, address: str | None = None) -> Host:
        """The host of this name; made when it is first named."""
        known = self._by_name.get(name.lower())
        if known is not None:
            if address not in (None, known.address):
                raise LabError(f"{name} has the address {known.address} already")
            known.role = role or known.role
            return known
        if address is None:
            address = next((free for free in self._free if free not in self._by_address), None)
            if address is None:
                raise LabError("all addresses of the three documentation nets are taken")
        elif address in self._by_address:
            raise LabError(f"{address} belongs to {self._by_address[address].name}")
        made = self._by_name[name.lower()] = self._by_address[address] = Host(name, address, role)
        return made

    def at(self, address: str) -> Host | None:
        """The host with this address, or of this name."""
        return self._by_address.get(address) or self._by_name.get(address.lower())


class Listener(Protocol):
    """A port on which a host waits for connections or datagrams."""

    @property
    def address(self) -> str: ...
    @property
    def port(self) -> int: ...
    def close(self) -> None: ...


class Network(Protocol):
    """An internet in one process; `simulated.py` and `loopback.py` are its two forms."""

    tap: Tap
    faults: list[Rule]
    hosts: Hosts

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    def host(self, name: str, *, role: str | None = None, address: str | None = None) -> Host:
        """The host of this name; made when it is first named."""

    def link(
        self,
        a: Host | None = None,
        b: Host | None = None,
        *,
        latency: float = ...,
        bandwidth: float | None = None,
    ) -> None:
        """Seconds one way and bits per second between two hosts; without hosts, between all others."""

    def now(self) -> datetime:
        """The network's clock, UTC."""

    async def listen(
        self,
        host: Host,
        port: int,
        factory: Factory,
        *,
        service: str | None = None,
        tls: MakeContext | None = None,
    ) -> Listener:
        """Let the protocols that the factory makes serve this port; `tls` makes it implicit TLS."""

    async def connect(
        self,
        client: Host,
        address: str,
        port: int,
        factory: Factory,
        *,
        tls: tuple[ssl.SSLContext, str] | None = None,
    ) -> tuple[asyncio.Transport, Any]:
        """A connection from this host; `tls` is (context, server's name) for implicit TLS."""

    def answer(self, host: Host, port: int, responder: Responder, *, service: str | None = None) -> Listener:
        """Let this callable answer the datagrams that arrive at this port."""

    async def ask(
        self, client: Host, address: str, port: int, question: bytes, *, timeout: float = 5
    ) -> bytes:
        """Send a datagram and await the answer; TimeoutError when none comes."""

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start an activity of the world that runs beside everything else."""

    def run(self, awaitable: Awaitable[T], *, timeout: float | None = None) -> T:
        """Wait for this; the clock goes on meanwhile.  Legal while another loop runs in this thread."""

    async def run_async(self, awaitable: Awaitable[T]) -> T:
        """The same for `await`, in a notebook or from a loop of one's own."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""

    def close(self) -> None:
        """Break every connection, end every activity."""


def connection_refused(connection: Connection) -> ConnectionRefusedError:
    where = f"{connection.server_name} ({connection.server}) port {connection.server_port}"
    return ConnectionRefusedError(errno.ECONNREFUSED, f"connection refused by {where}")


def connection_reset() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "the connection was reset by the other end")


def from_microseconds(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def to_microseconds(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1)


def report_failure(task: asyncio.Task[Any]) -> None:
    """A background activity that fails is reported at once, not when its task is collected."""
    if not task.cancelled() and (error := task.exception()) is not None:
        task.get_loop().call_exception_handler(
            {"message": f"{task.get_name()} failed", "exception": error, "task": task}
        )
