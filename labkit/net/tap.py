"""What was on the wire, and what was inside TLS, noted once for everybody.

Times are whole microseconds since the Unix epoch, on the network's own clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from labkit.net.network import Host

Side = Literal["client", "server"]
Layer = Literal["plain", "tls", "inside"]
"""`plain`: readable octets on the wire; `tls`: ciphertext on the wire; `inside`: what
the two ends read and wrote within TLS.  An eavesdropper sees plain + tls, the ends
plain + inside."""


Ending = Literal["quit", "reset", "timeout", "cut"]


class Record(NamedTuple):
    """Octets that one end wrote at once, or that a fault put in their place."""

    connection: int  # index into Tap.connections
    sent: int | None  # µs: when the sender wrote them; None: it never did
    arrived: int | None  # µs: when the other end had them; None: they never arrived
    sender: Side
    data: bytes
    layer: Layer


@dataclass(slots=True)
class Connection:
    """One TCP connection, or one exchange of datagrams (a DNS question)."""

    number: int
    transport: Literal["tcp", "udp"]
    client: str
    client_port: int
    server: str
    server_port: int
    opened: int
    client_name: str | None = None
    client_role: str | None = None
    server_name: str | None = None
    server_role: str | None = None
    service: str | None = None  # what the listener said it speaks: smtp, submission, pop3s, dns ...
    closed: int | None = None
    ended: Ending | None = None  # quit: closed in order (FIN)
    closed_by: Side | None = None
    tls: Literal["none", "implicit", "STARTTLS"] = "none"
    tls_version: str | None = None
    cipher: str | None = None
    sni: str | None = None


class Tap:
    """Every connection and every record of one network, in the order they happened.

    A watcher is called with a Connection when it opens and again when it closes, and
    with each Record as it is written.  `arrived` is what can be foreseen at that moment; if
    the octets meet another fate (the line is cut), the record in `records` is replaced.

    `stopped`   records, by index, that a fault kept from arriving as they were written
    `broken`    connections, by number, that a fault refused, left unanswered, cut or ended
    """

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.records: list[Record] = []
        self.stopped: set[int] = set()
        self.broken: set[int] = set()
        self._watchers: list[Callable[[Record | Connection], None]] = []
        self._greeters: list[Callable[[Connection], None]] = []

    def watch(self, watcher: Callable[[Record | Connection], None]) -> Callable[[], None]:
        """Call `watcher` from now on; returns the call that ends it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def introduce(self, greeter: Callable[[Connection], None]) -> None:
        """Call `greeter` with each connection as it opens: what it adds, every watcher sees."""
        self._greeters.append(greeter)

    def open(
        self,
        transport: Literal["tcp", "udp"],
        client: tuple[Host, int],
        server: tuple[Host, int],
        at: int,
        service: str | None = None,
    ) -> Connection:
        """A new connection, numbered in the order of the first packets."""
        (a, a_port), (b, b_port) = client, server
        connection = Connection(
            number=len(self.connections),
            transport=transport,
            client=a.address,
            client_port=a_port,
            server=b.address,
            server_port=b_port,
            opened=at,
            client_name=a.name or None,
            client_role=a.role,
            server_name=b.name or None,
            server_role=b.role,
            service=service,
        )
        self.connections.append(connection)
        for greeter in self._greeters:
            greeter(connection)
        for watcher in self._watchers:
            watcher(connection)
        return connection

    def add(self, record: Record) -> int:
        """Note a record; returns its index."""
        self.records.append(record)
        for watcher in self._watchers:
            watcher(record)
        return len(self.records) - 1

    def amend(self, index: int, arrived: int | None) -> None:
        """The octets of this record met another fate than was foreseen when they were written."""
        self.records[index] = self.records[index]._replace(arrived=arrived)

    def close(self, connection: Connection, at: int, ended: Ending | None, by: Side | None) -> None:
        """The first end closes, or the connection breaks; what comes later changes nothing."""
        if connection.closed is not None:
            return
        connection.closed, connection.closed_by = at, by
        connection.ended = connection.ended or ended
        for watcher in self._watchers:
            watcher(connection)
