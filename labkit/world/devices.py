"""The devices of the model, and the hosts that people sit at: a `UserHost` composes, submits and retrieves.

The servers are in mail_server.py.  Every method that uses the network waits until it is done;
`device.aio.submit(...)` is the same call to be awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, get_args

from labkit import standards
from labkit.clients import console, imap, pop3, smtp, stdlib
from labkit.clients.dialogue import Dialogue
from labkit.errors import LabError
from labkit.grammar.smtp import Refused
from labkit.message.address import Group, parse_address_list
from labkit.message.compose import compose
from labkit.message.fields import new_message_id, split_fields, without

if TYPE_CHECKING:
    from labkit.net.network import Host
    from labkit.world.mail_server import MailServer
    from labkit.world.world import World

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", bound="Device")

TLS = Literal["none", "STARTTLS", "implicit"]
"""How a connection becomes secret, in the words of the table `connections`."""


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

    def console(self, server: str | Device, port: int) -> console.Console:
        """A connection on which every line is typed by hand; in TLS on the ports of implicit TLS."""
        known = standards.port(port)
        tls = self.world.trust() if known is not None and known.implicit_tls else None
        name = server.name if isinstance(server, Device) else server
        return console.Console(self.world.network, self.host, name, port, tls=tls)


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
            to=_addresses(to),
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
        to: object = (),
        *,
        tls: TLS = "none",
        mechanism: str | None = "PLAIN",
    ) -> smtp.Delivery:
        """Hand a message to one's own server (RFC 6409): EHLO, AUTH, one transaction, QUIT.

        Without `to` the recipients are those of To, Cc and Bcc; Bcc never leaves this host.
        Returns the server's reply, and the recipients it refused; raises `Refused` when none is left.
        `mechanism` None is the best that both sides know.
        """
        if not isinstance(message, bytes):
            raise LabError(
                f"a message is octets, as compose() makes them, not {type(message).__name__}: "
                "text.encode(), or bytes(message)"
            )
        dialogue = smtp.submit(
            self.name,
            self.address,
            _addresses(to) or header_recipients(message),
            without(message, "Bcc"),
            user=self.address,
            password=self.password,
            mechanism=mechanism,
            starttls=self.server.name if tls == "STARTTLS" else None,
            token=self.world.token,
        )
        delivery = await self._converse("submit", "smtp", tls, dialogue)
        if delivery.reply is None:
            path, reply = next(iter(delivery.refused.items()))
            raise Refused(reply, f"RCPT TO:<{path}>")
        return delivery

    @waits
    async def retrieve(
        self,
        protocol: Literal["pop3", "imap"] = "pop3",
        *,
        delete: bool = False,
        tls: TLS = "none",
        mechanism: str | None = None,
        pipelined: bool = False,
        utf8: bool = False,
    ) -> list[bytes]:
        """Fetch what rests in this user's mailbox, oldest first.

        `mechanism` logs in with AUTH, or with POP3's APOP, in place of a name and a password in clear.
        POP3's alone: `pipelined` asks for many messages without waiting, `utf8` also for those with UTF-8
        in their header (RFC 6856).
        """
        clients: dict[str, Callable[..., Dialogue[Any]]] = {
            "pop3": pop3.retrieve_all,
            "imap": imap.retrieve_all,
        }
        if protocol not in clients:
            raise LabError(f"mail cannot be retrieved by {protocol!r}: choose pop3 or imap")
        if (pipelined or utf8) and protocol != "pop3":
            raise LabError(f"pipelined and utf8 are for POP3, not for {protocol!r}")
        dialogue = clients[protocol](
            self.address,
            self.password,
            delete=delete,
            mechanism=mechanism,
            starttls=self.server.name if tls == "STARTTLS" else None,
            token=self.world.token,
            **({"pipelined": pipelined, "utf8": utf8} if protocol == "pop3" else {}),
        )
        found = await self._converse("access", protocol, tls, dialogue)
        return [message.data for message in found]

    async def _converse(self, step: str, protocol: str, tls: TLS, dialogue: Dialogue[T]) -> T:
        if tls not in get_args(TLS):
            raise LabError(f"there is no TLS called {tls!r}: choose {', '.join(get_args(TLS))}")
        implicit = tls == "implicit"
        (port,) = (
            p for p in standards.PORTS if (p.step, p.protocol, p.implicit_tls) == (step, protocol, implicit)
        )
        return await self.world.converse(self, self.server, port.service, dialogue)

    def smtplib(self, *, implicit_tls: bool = False) -> stdlib.SMTP:
        """The standard library's SMTP client, connected to the submission port of this user's server.

        For STARTTLS say `client.starttls(context=world.trust())`.
        """
        return self._stdlib(stdlib.SMTP, "submissions" if implicit_tls else "submission")

    def poplib(self, *, implicit_tls: bool = False) -> stdlib.POP3:
        """The standard library's POP3 client; for STLS say `client.stls(world.trust())`."""
        return self._stdlib(stdlib.POP3, "pop3s" if implicit_tls else "pop3")

    def imaplib(self, *, implicit_tls: bool = False) -> stdlib.IMAP4:
        """The standard library's IMAP client; for STARTTLS say `client.starttls(world.trust())`."""
        return self._stdlib(stdlib.IMAP4, "imaps" if implicit_tls else "imap")

    def _stdlib(self, client: Callable[..., T], service: str) -> T:
        port = standards.service(service)
        tls = self.world.trust() if port.implicit_tls else None
        return client(self.world.network, self.host, self.server.name, port.number, tls=tls)


def _addresses(to: object) -> list[str]:
    """One address or user, or several of them."""
    return [str(one) for one in to] if isinstance(to, (list, tuple)) else [str(to)]


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
