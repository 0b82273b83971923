"""The servers of the model, always on: they take mail over SMTP, keep it, relay it, and give it out.

A host of the recipient's that is always on and runs SMTP itself is one too, whose user reads from
within.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from labkit import standards
from labkit.errors import LabError
from labkit.grammar.smtp import Refused, Reply
from labkit.message.address import parse_mailbox
from labkit.net.driver import SessionProtocol
from labkit.servers.site import Site
from labkit.servers.smtp import SMTPServer
from labkit.servers.smtp_policy import STORAGE_FULL, Envelope, PolicyName, Route, mailbox_full
from labkit.store.accounts import Account
from labkit.store.mailbox import StoreError
from labkit.world.bounce import bounce
from labkit.world.devices import Device
from labkit.world.expansion import Expansion, expanded
from labkit.world.queue import Outcome
from labkit.world.relay import Relay

if TYPE_CHECKING:
    from labkit.net.network import Factory, Host, Listener
    from labkit.store.mailbox import Mailbox
    from labkit.world.world import World


class MailServer(Device):
    """A host that is always on: SMTP in and out, mailboxes, POP3 and IMAP.

    `domains` are those whose mail it keeps; for those in `relay.homes` it takes mail and passes it on.
    It is an `SMTPService`: the SMTP server asks it where an address leads, and hands it what was
    accepted.  Its certificate names the host, the domains, and what else is in `also_named`.
    """

    def __init__(self, world: World, host: Host) -> None:
        super().__init__(world, host)
        self.domains: list[str] = []
        self.also_named: list[str] = []
        self.store = world.store(host.name, world.now)
        self.site = Site(host.name, self.store, world.now, world.token, self._tls_context)
        self.relay = Relay(
            world.network,
            host,
            store=self.store,
            names=world.name_server.address,
            give_up=self._return_to_sender,
            draw=world.shuffled,
        )
        postmaster = f"postmaster@{self.name}"  # RFC 5321 4.5.1
        self.postmaster = self.store.account(postmaster) or self.store.add_user(postmaster, world.token(16))
        self.expansions: dict[str, Expansion] = {}
        self.listeners: dict[str, Listener] = {}

    def alias(self, address: str, *members: object) -> None:
        """Let an address of this host stand for others, here or elsewhere (RFC 5321 3.9.1)."""
        self._expand(address, members, None)

    def mailing_list(self, address: str, *members: object, owner: object) -> None:
        """The same, with a reverse-path of its own: failures are told to the owner (RFC 5321 3.9.2)."""
        self._expand(address, members, str(owner))

    def _expand(self, address: str, members: tuple[object, ...], owner: str | None) -> None:
        for each in (address, *members, *([owner] if owner else [])):
            parse_mailbox(str(each))
        if _domain(address) not in self._own_domains():
            raise LabError(f"{self.name} does not keep the mail of {_domain(address)}")
        if self.store.account(address) is not None:
            raise LabError(f"{address} has a mailbox, and cannot stand for others too")
        self.expansions[address.lower()] = Expansion(tuple(map(str, members)), owner)

    def _tls_context(self) -> ssl.SSLContext:
        return self.world.authority.server_context([self.name, *self.domains, *self.also_named])

    async def open(self, services: Collection[str] | None = None) -> None:
        """Listen for these services, all of them by default; go on with what is queued."""
        self.relay.resume()
        for port in standards.PORTS:
            if services is None or port.service in services:
                self.listeners[port.service] = await self.world.network.listen(
                    self.host,
                    port.number,
                    self._factory(port),
                    service=port.service,
                    tls=self.site.tls if port.implicit_tls else None,
                )

    def _factory(self, port: standards.Port) -> Factory:
        if port.protocol == "smtp":
            policy: PolicyName = "relay" if port.step == "relay" else "submission"
            return lambda: SMTPServer(self.site, self, policy=policy, loop=self.world.network.loop)
        session = {"pop3": self.world.pop3, "imap": self.world.imap}[port.protocol]
        return lambda: SessionProtocol(session(self.site), self.site.tls)

    def endpoint(self, service: str) -> tuple[str, int]:
        """The address and port of a service, as the hosts of this world name it."""
        return self.host.address, standards.service(service).number

    def where(self, service: str) -> tuple[str, int]:
        """The address and port at which a program reaches a service: on loopback, real ones."""
        if service not in self.listeners:
            raise LabError(f"{self.name} does not offer {service!r}; it offers {', '.join(self.listeners)}")
        listener = self.listeners[service]
        return listener.address, listener.port

    # What the SMTP server asks (see labkit.servers.smtp)

    def route(self, address: str) -> Route:
        """Where an address leads: to a mailbox here, to none though it should, or to another host.

        What this host only passes on is taken as if it were its own (RFC 5321 3.6.2).
        """
        domain, account = _domain(address), self._account(address)
        if account is not None:
            return "full" if account.is_full else "local"
        if domain in self.relay.homes or address.lower() in self.expansions:
            return "local"
        return "unknown" if domain in self._own_domains() else "elsewhere"

    def _own_domains(self) -> set[str]:
        return {self.name.lower(), f"[{self.host.address}]", *self.domains}

    def _account(self, address: str) -> Account | None:
        """Whose mailbox an address is; every domain of this host has a postmaster (RFC 5321 4.5.1)."""
        account = self.store.account(address)
        is_postmaster = address.lower().startswith("postmaster@") and _domain(address) in self._own_domains()
        return account or (self.postmaster if is_postmaster else None)

    async def accept(self, envelope: Envelope) -> None:
        """Take the message over: file it for those who live here, queue it for the others.

        Raises `Refused`, with nothing taken, if nobody has room for it or nothing can be kept.
        """
        self._take(envelope)

    def _take(self, envelope: Envelope) -> None:
        """All in one transaction: once the client is told 250, no recipient may have been forgotten."""
        try:
            with self.store.transaction():
                for each in expanded(envelope, self.expansions):
                    self._file(each, may_refuse=each.reverse_path == envelope.reverse_path)
        except StoreError:
            raise Refused(STORAGE_FULL) from None

    def _file(self, envelope: Envelope, *, may_refuse: bool) -> None:
        """What fails for all recipients is refused, if the client is whom it is to be told to."""
        elsewhere: list[str] = []
        failures: dict[str, Outcome] = {}
        served: set[str] = set()  # one copy for a mailbox, in however many ways it was named
        full: Reply | None = None
        for path in envelope.forward_paths:
            if (account := self._account(path)) is not None:
                if account.address in served:
                    continue
                served.add(account.address)
                try:
                    account.deliver(envelope.data, envelope.reverse_path)
                except StoreError as error:
                    full = mailbox_full(len(envelope.data), account.quota)
                    failures[path] = Outcome("permanent", f"{full}\n{error}", "5.2.2")
            elif self.route(path) == "unknown":  # a notice to a sender who is no more
                failures[path] = Outcome("permanent", "no such user here", "5.1.1")
            else:
                elsewhere.append(path)
        if may_refuse and full is not None and len(failures) == len(envelope.forward_paths):
            raise Refused(full)
        if elsewhere:
            self.relay.enqueue(replace(envelope, forward_paths=tuple(elsewhere)))
        if failures and envelope.reverse_path:
            with suppress(Refused):  # the sender has no room either
                self._take(bounce(self.site, envelope, failures))

    async def _return_to_sender(self, envelope: Envelope, failures: Mapping[str, Outcome]) -> None:
        """Send the notice of RFC 5321 6.1; for a notice that fails itself there is nobody to tell."""
        if envelope.reverse_path:
            self._take(bounce(self.site, envelope, failures))

    # The shell user: who works on the server itself needs no protocol

    def mailbox(self, address: str, name: str = "INBOX") -> Mailbox:
        """A user's mailbox as it lies on this host: the thing itself, so look at it through `world.call`."""
        account = self.store.account(address)
        if account is None:
            raise LabError(f"{self.name} has no user {address}")
        return account.mailbox(name)

    def read(self, address: str, name: str = "INBOX") -> list[bytes]:
        """The messages in a user's mailbox, as a user with a shell on this host reads them."""
        return self.world.call(lambda: [message.data for message in self.mailbox(address, name)])


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
