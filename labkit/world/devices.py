"""The devices of the model: hosts that people sit at, and servers that are always on.

A `UserHost` composes, submits and retrieves; a `MailServer` takes mail over SMTP, keeps
it, relays it, and gives it out over POP3 and IMAP.  A host of the recipient's that is
always on and runs SMTP itself is a `MailServer` too, whose user reads from within.
Every method that uses the network waits until it is done; `device.aio.submit(...)` is
the same call to be awaited.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from labkit import standards
from labkit.clients import console, imap, pop3, smtp, stdlib
from labkit.clients.dialogue import Dialogue
from labkit.errors import LabError
from labkit.message.address import Group, parse_address_list
from labkit.message.compose import compose
from labkit.message.fields import new_message_id, split_fields, without
from labkit.net.driver import SessionProtocol
from labkit.servers.site import Site
from labkit.servers.smtp import SMTPServer
from labkit.servers.smtp_policy import Envelope, PolicyName, Route
from labkit.store.accounts import Store
from labkit.world.relay import Queued, Relay, bounce

if TYPE_CHECKING:
    from labkit.net.network import Factory, Host, Listener
    from labkit.store.mailbox import Mailbox
    from labkit.world.world import World

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", bound="Device")


def waits(method: Callable[Concatenate[D, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[D, P], T]:
    """Make a coroutine method one that waits; `device.aio` still gives the coroutine's own form."""

    def call(self: D, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.world.run(method(self, *args, **kwargs))

    update_wrapper(call, method)
    return call


class Awaited:
    """A device's waiting methods in the form that is awaited: `await device.aio.submit(...)`."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(type(self._device), name)
        coroutine = getattr(method, "__wrapped__", None)
        if coroutine is None:
            raise AttributeError(f"{name} does not wait: call it as it is")
        return lambda *args, **kwargs: self._device.world.network.run_async(
            coroutine(self._device, *args, **kwargs)
        )


class Device:
    """A host of the world, and what every host can do."""

    def __init__(self, world: World, host: Host) -> None:
        self.world = world
        self.host = host
        self.aio = Awaited(self)

    @property
    def name(self) -> str:
        return self.host.name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} [{self.host.address}]>"

    @contextmanager
    def offline(self) -> Iterator[None]:
        """While in this block, the host answers nobody and reaches nobody."""
        self.host.online = False
        try:
            yield
        finally:
            self.host.online = True

    def console(self, server: str, port: int) -> console.Console:
        """A connection on which every line is typed by hand."""
        return console.Console(self.world.network, self.host, server, port)


class UserHost(Device):
    """The computer a user sits at: where mail is written, and where it is read."""

    def __init__(self, world: World, host: Host, address: str, password: str, server: MailServer) -> None:
        super().__init__(world, host)
        self.address = address
        self.password = password
        self.server = server

    def __str__(self) -> str:
        return self.address

    def compose(
        self,
        to: object,
        subject: str = "",
        text: str = "",
        **parts: Any,
    ) -> bytes:
        """A message from this user as it leaves the composer: fields, an empty line, a body.

        `to` is an address, a user, or a list of them; `parts` (cc, bcc, html, attachments) go to
        `labkit.message.compose`.
        """
        return compose(
            sender=self.address,
            to=[str(one) for one in to] if isinstance(to, (list, tuple)) else [str(to)],
            subject=subject,
            text=text,
            date=self.world.now(),
            message_id=new_message_id(self.world.token, self.name),
            boundary=lambda: self.world.token(24),
            **parts,
        )

    @waits
    async def submit(
        self,
        message: bytes,
        to: Sequence[object] = (),
        *,
        starttls: bool = False,
        mechanism: str = "PLAIN",
    ) -> None:
        """Hand a message to one's own server (RFC 6409): EHLO, AUTH, one transaction, QUIT.

        Without `to` the recipients are those of To, Cc and Bcc; Bcc never leaves this host.
        Raises `Refused` when the server refuses, with its reply.
        """
        recipients = [str(one) for one in to] or header_recipients(message)
        dialogue = smtp.submit(
            self.name,
            self.address,
            recipients,
            without(message, "Bcc"),
            user=self.address,
            password=self.password,
            mechanism=mechanism,
            starttls=self.server.name if starttls else None,
        )
        await self.world.converse(self, self.server, "submission", dialogue)

    @waits
    async def retrieve(
        self,
        protocol: Literal["pop3", "imap"] = "pop3",
        *,
        delete: bool = False,
        starttls: bool = False,
    ) -> list[bytes]:
        """Fetch what rests in this user's mailbox, oldest first."""
        tls = self.server.name if starttls else None
        dialogue: Dialogue[Any]
        if protocol == "pop3":
            dialogue = pop3.retrieve_all(self.address, self.password, delete=delete, starttls=tls)
        elif protocol == "imap":
            dialogue = imap.retrieve_all(self.address, self.password, delete=delete, starttls=tls)
        else:
            raise LabError(f"mail cannot be retrieved by {protocol!r}: choose pop3 or imap")
        found: list[Any] = await self.world.converse(self, self.server, protocol, dialogue)
        return [message.data for message in found]

    def smtplib(self) -> stdlib.SMTP:
        """The standard library's SMTP client, connected to the submission port of this user's server."""
        return stdlib.SMTP(self.world.network, self.host, *self.server.endpoint("submission"))

    def poplib(self) -> stdlib.POP3:
        """The standard library's POP3 client, connected to this user's server."""
        return stdlib.POP3(self.world.network, self.host, *self.server.endpoint("pop3"))

    def imaplib(self) -> stdlib.IMAP4:
        """The standard library's IMAP client, connected to this user's server."""
        return stdlib.IMAP4(self.world.network, self.host, *self.server.endpoint("imap"))


class MailServer(Device):
    """A host that is always on: SMTP in and out, mailboxes, POP3 and IMAP.

    `domains` are those whose mail it keeps.  It is an `SMTPService`: the SMTP server asks it
    where an address leads, and hands it what was accepted.
    """

    def __init__(self, world: World, host: Host) -> None:
        super().__init__(world, host)
        self.domains: list[str] = []
        self.store = Store(world.now)
        self.site = Site(host.name, self.store, world.now, world.token, self._tls_context)
        self.relay = Relay(
            world.network,
            host,
            names=world.name_server.address,
            give_up=self._return_to_sender,
            draw=world.shuffled,
        )
        self.postmaster = self.store.add_user(f"postmaster@{self.name}", world.token(16))  # RFC 5321 4.5.1
        self.listeners: dict[str, Listener] = {}

    def _tls_context(self) -> ssl.SSLContext:
        return self.world.authority.server_context([self.name, *self.domains])

    async def open(self, services: Collection[str] | None = None) -> None:
        """Listen for these services, all of them by default, on their well-known ports."""
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

    # What the SMTP server asks (see labkit.servers.smtp)

    def route(self, address: str) -> Route:
        """Where an address leads: to a mailbox here, to none though it should, or to another host."""
        if address.rpartition("@")[2].lower() not in (self.name, *self.domains):
            return "elsewhere"
        return "local" if self.store.knows(address) or _is_postmaster(address) else "unknown"

    async def accept(self, envelope: Envelope) -> None:
        """Take the message over: file it for those who live here, queue it for the others."""
        elsewhere = []
        for path in envelope.forward_paths:
            if self.route(path) != "local":
                elsewhere.append(path)
            elif self.store.knows(path):
                self.store.deliver(path, envelope.data, envelope.reverse_path)
            else:
                self.postmaster.deliver(envelope.data, envelope.reverse_path)
        if elsewhere:
            self.relay.enqueue(replace(envelope, forward_paths=tuple(elsewhere)))

    async def _return_to_sender(self, queued: Queued, failures: Mapping[str, str]) -> None:
        """Send the notice of RFC 5321 6.1; for a notice that fails itself there is nobody to tell."""
        if not queued.envelope.reverse_path:
            return
        await self.accept(bounce(self.site, queued.envelope, failures))

    # The shell user: who works on the server itself needs no protocol

    def mailbox(self, address: str, name: str = "INBOX") -> Mailbox:
        """A user's mailbox, as it lies on this host."""
        account = self.store.account(address)
        if account is None:
            raise LabError(f"{self.name} has no user {address}")
        return account.mailbox(name)

    def read(self, address: str) -> list[bytes]:
        """The messages in a user's INBOX, as a user with a shell on this host reads them."""
        return [message.data for message in self.mailbox(address)]


def _is_postmaster(address: str) -> bool:
    return address.lower().startswith("postmaster@")


def header_recipients(message: bytes) -> list[str]:
    """The addresses in To, Cc and Bcc, each once."""
    found: dict[str, None] = {}
    for each in split_fields(message):
        if each.name.lower() in {"to", "cc", "bcc"}:
            for one in parse_address_list(each.value):
                members = one.members if isinstance(one, Group) else (one,)
                found |= dict.fromkeys(str(member.mailbox) for member in members)
    if not found:
        raise LabError("the message names no recipient: give it To, Cc or Bcc, or say to whom it goes")
    return list(found)
