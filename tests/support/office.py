"""A network, simulated unless another is given, with one mail host on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import count
from typing import Any, Self

from support.wire import Wire

from labkit import standards
from labkit.net.network import Host, Network
from labkit.net.session import Session
from labkit.net.simulated import SimulatedNetwork
from labkit.net.tls import Authority
from labkit.servers.site import Site
from labkit.servers.smtp import Envelope, SMTPServer
from labkit.servers.smtp_policy import Route
from labkit.store.accounts import Store


class Office:
    """One host with mailboxes and servers; it delivers at once, and `sent` keeps what is for elsewhere.

    `failure` is raised instead of accepting a message; accepting takes `delay` seconds.
    """

    def __init__(
        self,
        hostname: str = "mx.example.org",
        *,
        domains: Iterable[str] = ("example.org",),
        users: Iterable[tuple[str, str]] = (("bob@example.org", "secret"),),
        tls: bool = True,
        network: Network | None = None,
    ) -> None:
        self.network: Any = network or SimulatedNetwork()
        self.host = self.network.host(hostname)
        self.domains = frozenset(domains)
        self.store = Store(self.network.now)
        for address, password in users:
            self.store.add_user(address, password)
        self.authority = Authority()
        ids = count(1)
        self.site = Site(
            hostname,
            self.store,
            self.network.now,
            lambda size: f"{next(ids):0{size}d}",
            (lambda: self.authority.server_context([hostname])) if tls else None,
        )
        self.accepted: list[Envelope] = []
        self.failure: Exception | None = None
        self.delay = 0.0

    # what the SMTP server asks

    def route(self, address: str) -> Route:
        if self.store.knows(address):
            return "local"
        return "unknown" if address.rpartition("@")[2].lower() in self.domains else "elsewhere"

    async def accept(self, envelope: Envelope) -> None:
        await asyncio.sleep(self.delay)
        if self.failure is not None:
            raise self.failure
        self.accepted.append(envelope)
        for address in envelope.forward_paths:
            if self.store.knows(address):
                self.store.deliver(address, envelope.data, envelope.reverse_path)

    # servers and clients

    def serve(self, service: str, **options: Any) -> int:
        """Start a server; returns its port."""
        port = standards.service(service)
        tls = self.site.tls if port.implicit_tls else None
        self.network.run(
            self.network.listen(
                self.host, port.number, lambda: self.protocol(service, **options), service=service, tls=tls
            )
        )
        return port.number

    def protocol(self, service: str, **options: Any) -> Any:
        """A new connection's end at the server."""
        from labkit.net.driver import SessionProtocol

        if standards.service(service).protocol == "smtp":
            policy = "relay" if service == "smtp" else "submission"
            return SMTPServer(self.site, self, policy=policy, **options)
        return SessionProtocol(self.session(service), self.site.tls)

    def session(self, service: str) -> Session:
        if standards.service(service).protocol == "pop3":
            from labkit.servers.pop3 import Pop3Session

            return Pop3Session(self.site)
        from labkit.servers.imap.session import ImapSession

        return ImapSession(self.site)

    def client(self, number: int = 1) -> Host:
        return self.network.host(f"client{number}.example")

    def wire(self, service: str, number: int = 1) -> Wire:
        """A client's connection to a server that has been started."""
        port = standards.service(service)
        tls = (self.authority.client_context(), self.host.name) if port.implicit_tls else None
        return Wire(self.network, self.client(number), self.host.address, port.number, tls)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.network.close()
