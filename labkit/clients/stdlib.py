"""smtplib, poplib and imaplib inside the lab's networks, on both of them.

Only what ties them to the machine they run on is replaced: how a socket is opened, the name the
client calls itself, and imaplib's tags, which would be random.  Everything else is the
standard library's, so whatever its documentation says holds here.  `tls` is a context for
implicit TLS; the lab's own is `Authority.client_context()`, which `starttls` and `stls` want too.
"""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
from typing import Any

from labkit.net import sockets
from labkit.net.network import Host, Network

__all__ = ["IMAP4", "POP3", "SMTP"]


class _Lab:
    """How the three get a socket.  `server` is a host's name or address."""

    def __init__(self, network: Network, client: Host, server: str, tls: ssl.SSLContext | None) -> None:
        known = network.hosts.at(server)
        self.network = network
        self.client = client
        self.server = known.name if known else server  # the name is what certificates hold
        self.tls = tls

    def socket(self, server: str, port: int, timeout: object) -> Any:
        """`server` is the one above, unless the library was told to connect to another."""
        sock = sockets.create(self.network, self.client, server, port, timeout)
        return self.tls.wrap_socket(sock, server_hostname=server) if self.tls else sock  # type: ignore[arg-type]


class SMTP(smtplib.SMTP):
    """`smtplib.SMTP`, connected."""

    def __init__(
        self,
        network: Network,
        client: Host,
        server: str,
        port: int = 25,
        *,
        tls: ssl.SSLContext | None = None,
        timeout: float | None = None,
    ) -> None:
        self._lab = _Lab(network, client, server, tls)
        options: dict[str, Any] = {"timeout": timeout}
        super().__init__(self._lab.server, port, client.name, **options)

    def _get_socket(self, host: str, port: int, timeout: object) -> Any:
        return self._lab.socket(host, port, timeout)


class POP3(poplib.POP3):
    """`poplib.POP3`, connected."""

    def __init__(
        self,
        network: Network,
        client: Host,
        server: str,
        port: int = 110,
        *,
        tls: ssl.SSLContext | None = None,
        timeout: float | None = None,
    ) -> None:
        self._lab = _Lab(network, client, server, tls)
        options: dict[str, Any] = {"timeout": timeout}
        super().__init__(self._lab.server, port, **options)

    def _create_socket(self, timeout: object) -> Any:
        return self._lab.socket(self.host, self.port, timeout)


class IMAP4(imaplib.IMAP4):
    """`imaplib.IMAP4`, connected; its tags are A0, A1, A2 ..."""

    def __init__(
        self,
        network: Network,
        client: Host,
        server: str,
        port: int = 143,
        *,
        tls: ssl.SSLContext | None = None,
        timeout: float | None = None,
    ) -> None:
        self._lab = _Lab(network, client, server, tls)
        super().__init__(self._lab.server, port, timeout)

    def _tag(self) -> Any:
        return b"A"

    def _ignore(self, drawn: Any) -> None:
        """imaplib draws a tag of its own."""

    tagpre: Any = property(_tag, _ignore)

    def _create_socket(self, timeout: object) -> Any:
        return self._lab.socket(self.host, self.port, timeout)
