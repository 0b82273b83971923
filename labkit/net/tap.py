"""What was on the wire, and what was inside TLS, noted once for everybody.

Times are whole microseconds since the Unix epoch, on the network's own clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

Side = Literal["client", "server"]
Layer = Literal["plain", "tls", "inside"]
"""`plain`: readable octets on the wire; `tls`: ciphertext on the wire; `inside`: what
the two ends read and wrote within TLS.  An eavesdropper sees plain + tls, the ends
plain + inside."""


class Record(NamedTuple):
    """Octets that one end wrote at once."""

    connection: int  # index into Tap.connections
    sent: int  # µs: when the sender wrote them
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
    ended: Literal["quit", "reset", "timeout", "cut"] | None = None  # quit: closed in order (FIN)
    closed_by: Side | None = None
    tls: Literal["none", "implicit", "STARTTLS"] = "none"
    tls_version: str | None = None
    cipher: str | None = None
    sni: str | None = None


class Tap:
    """Every connection and every record of one network, in the order they happened.

    A watcher is called with a Connection when it opens and again when it closes, and
    with each Record as it is written.
    """

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.records: list[Record] = []
        self._watchers: list[Callable[[Record | Connection], None]] = []

    def watch(self, watcher: Callable[[Record | Connection], None]) -> Callable[[], None]:
        """Call `watcher` from now on; returns the call that ends it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)
