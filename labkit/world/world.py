"""World: a small internet with mail in it.

    world = World(seed=0)
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    alice.submit(alice.compose(to=bob, subject="Hello", text="Hello, Bob."))
    world.settle()
    bob.retrieve("imap")
    world.capture.exchanges

A world begins with two domains, example.com and example.org, each with a mail server;
users and other domains come as they are asked for.  What is drawn by lot (ids, boundaries, the
order of equal MX hosts) comes from the seed; on real ports, from the operating system.
"""

from __future__ import annotations

import asyncio
import random
import re
import secrets
import ssl
import string
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from labkit import standards
from labkit.clients.dialogue import Dialogue, DialogueSession
from labkit.errors import LabError
from labkit.message.address import lookup_domain, parse_mailbox
from labkit.net.dns import Names
from labkit.net.driver import converse
from labkit.net.session import Session
from labkit.net.simulated import SimulatedNetwork
from labkit.net.tap import Connection, Side
from labkit.servers.imap.session import ImapSession
from labkit.servers.pop3 import Pop3Session
from labkit.servers.site import Site
from labkit.store.accounts import Store
from labkit.world.devices import Device, UserHost
from labkit.world.faults import parse
from labkit.world.mail_server import MailServer

if TYPE_CHECKING:
    from labkit.capture.tape import Tape
    from labkit.net.faults import Rule
    from labkit.net.network import Host, Network
    from labkit.net.tls import Authority
    from labkit.store.accounts import Account
    from labkit.tables import Capture

T = TypeVar("T")
MakeSession = Callable[[Site], Session]
MakeStore = Callable[[str, Callable[[], datetime]], Store]
ALPHABET = string.digits + string.ascii_lowercase
DOMAINS = ("example.com", "example.org")
_BY_STEP = {
    "submit": ("sender's host", "sender's server"),
    "relay": ("sender's server", "recipient's server"),
    "access": ("recipient's host", "recipient's server"),
}
ROLES: dict[str, tuple[str, str | None]] = {
    **{port.service: _BY_STEP[port.step] for port in standards.PORTS},
    "dns": ("sender's server", None),
}
"""Client and server of each service, as devices of the model."""


class World:
    """Domains, users, servers, names and a clock, on one network.

    `network` is "simulated" (in memory, virtual time, the same octets for the same seed),
    "loopback" (real TCP on 127.0.0.1), or a network of one's own making.  `pop3` and `imap` make
    the sessions of those servers from a `Site`: give a server of your own in place of ours.  `store` makes
    the store of a host, from its name and the clock; without it all of them are in memory.  Worlds that
    are given one `authority` trust each other, and its keys are made once.
    """

    def __init__(
        self,
        seed: int | str = 0,
        network: Literal["simulated", "loopback"] | Network = "simulated",
        *,
        domains: Sequence[str] = DOMAINS,
        pop3: MakeSession = Pop3Session,
        imap: MakeSession = ImapSession,
        store: MakeStore = lambda host, now: Store(now),
        authority: Authority | None = None,
        name: str = "lab",
    ) -> None:
        if isinstance(domains, str):
            raise LabError(f"domains are a list: [{domains!r}]")
        self.seed = seed
        self.name = name
        self.pop3 = pop3
        self.imap = imap
        self.store = store
        self.network: Network = _network(network) if isinstance(network, str) else network
        self.is_simulated = isinstance(self.network, SimulatedNetwork)
        self.users: dict[str, UserHost] = {}
        self.servers: dict[str, MailServer] = {}
        self.names = Names()
        self._homes: dict[str, MailServer] = {}  # by domain: where its mailboxes lie
        self._random = random.Random(f"labkit {seed}")
        self._authority = authority
        self._tape: Tape | None = None
        self.network.tap.introduce(self._cast)
        self.name_server = self.network.host("ns.example.net")
        self.network.answer(self.name_server, 53, self.names.answer, service="dns")
        for domain in domains:
            self.domain(domain)

    # Domains and users

    def domain(
        self,
        name: str,
        *,
        server: str | None = None,
        preference: int = 10,
        services: Collection[str] | None = None,
    ) -> MailServer:
        """The server of a domain; made, with an MX record, when the domain is first named.

        `server` names the host, mail.DOMAIN otherwise, and `preference` is that of its MX record: the
        lowest is tried first.  A domain may have several servers.  Its mailboxes lie on the
        one that was named first; the others take its mail and pass it on.  `services` are those
        the host listens for, all of them by default.
        """
        name = name.lower()
        home = self._homes.get(name)
        if home is not None and server is None:
            return home
        host = lookup_domain(server or f"mail.{name}").lower()  # hosts greet in A-labels: RFC 6531 3.7.1
        if host not in self.servers:
            made = self.servers[host] = MailServer(self, self._host(host))
            self.run(made.open(services))
        found = self.servers[host]
        if home is None:
            self._homes[name] = found
            found.domains.append(name)
        elif home is not found:
            found.relay.homes[name] = home.name
        self.call(lambda: self.names.add(name, "MX", f"{preference} {host}."))
        return found

    def user(self, address: str, *, password: str | None = None, host: str | None = None) -> UserHost:
        """The host of a user; user, mailbox and host (LOCAL-pc.DOMAIN) are made when first named.

        The password is "secret-" and the local part unless it is given.
        """
        key = address.lower()
        if key not in self.users:
            mailbox = parse_mailbox(address)
            server = self.domain(mailbox.domain)
            account = self._account(server, address, password)
            name = host or f"{_label(mailbox.local)}-pc.{mailbox.domain}"
            pc = self._host(lookup_domain(name).lower())
            self.users[key] = UserHost(self, pc, address, account.password, server)
        return self.users[key]

    def always_on(self, address: str, *, host: str | None = None) -> MailServer:
        """A recipient whose own host is always on and runs SMTP: it needs no access protocol.

        The host, LOCAL.DOMAIN unless named, is the domain's mail host; its user reads the
        mailbox where it lies (`server.read(address)`).
        """
        mailbox = parse_mailbox(address)
        name = lookup_domain(host or f"{_label(mailbox.local)}.{mailbox.domain}").lower()
        home = self._homes.get(mailbox.domain.lower())
        if home is not None and home.name != name:
            raise LabError(
                f"the mail of {mailbox.domain} is kept by {home.name}; "
                "a host that takes its own mail needs a domain of its own"
            )
        server = self.domain(mailbox.domain, server=name)
        server.host.role = "recipient's host"
        self._account(server, address, None)
        return server

    def _account(self, server: MailServer, address: str, password: str | None) -> Account:
        password = password or f"secret-{parse_mailbox(address).local}"
        return self.call(lambda: server.store.account(address) or server.store.add_user(address, password))

    def _host(self, name: str) -> Host:
        host = self.network.host(name)
        self.call(lambda: self.names.add(name, "A", host.address))
        return host

    def _cast(self, new: Connection) -> None:
        """Tell a new connection which of the four devices its two ends are."""
        if new.service not in ROLES:
            return
        client, server = ROLES[new.service]
        if new.client_name in self.servers:
            client = "sender's server"
        elif client == "sender's server":  # a user's host that does a server's work
            client = "sender's host"
        new.client_role = new.client_role or client
        new.server_role = new.server_role or server

    # Time

    def now(self) -> datetime:
        """The world's clock, UTC."""
        return self.network.now()

    def run(self, awaitable: Awaitable[T], *, timeout: float | None = None) -> T:
        """Wait for anything of the world's; its clock goes on meanwhile."""
        return self.network.run(awaitable, timeout=timeout)

    def call(self, function: Callable[[], T]) -> T:
        """Call this where the servers run, so that it meets nothing half done.

        What they have (mailboxes, names, queues) is theirs to touch; on loopback they run in a thread
        of their own.
        """
        if self.is_simulated or asyncio._get_running_loop() is self.network.loop:
            return function()

        async def there() -> T:
            return function()

        return self.run(there())

    def wait(self, seconds: float) -> None:
        """Let this much time pass."""
        if not isinstance(seconds, Real) or not isfinite(seconds):
            raise LabError(f"how long to wait is a number of seconds, not {seconds!r}")
        self.network.wait(seconds)

    def settle(self, *, timeout: float | None = None) -> None:
        """Wait until no server has anything in its queue: all is delivered or returned."""
        self.run(self._settled(), timeout=timeout)

    async def settled(self) -> None:
        """The same as `settle`, to be awaited."""
        await self.network.run_async(self._settled())

    async def _settled(self) -> None:
        while waiting := [server.relay for server in self.servers.values() if server.relay.queue]:
            for relay in waiting:
                await relay.done()

    # What the devices need

    def token(self, length: int) -> str:
        """So many characters of [0-9a-z], never the same twice."""
        if self.is_simulated:
            return "".join(self._random.choices(ALPHABET, k=length))
        return secrets.token_hex(length)[:length]

    def shuffled(self, names: Sequence[str]) -> list[str]:
        """The names in a random order."""
        return self._random.sample(names, len(names))

    @property
    def authority(self) -> Authority:
        """The certificate authority that all hosts trust; its keys are made when first needed."""
        if self._authority is None:
            from labkit.net.tls import Authority

            self._authority = Authority()
        return self._authority

    def trust(self) -> ssl.SSLContext:
        """What a client of this world trusts."""
        return self.authority.client_context()

    async def converse(self, client: Device, server: MailServer, service: str, dialogue: Dialogue[T]) -> T:
        """Hold a dialogue between a host and one of a server's ports; returns its result."""
        port = standards.service(service)
        session: DialogueSession[T] = DialogueSession(dialogue)
        result: T = await converse(
            self.network,
            client.host,
            server.host.address,
            port.number,
            session,
            tls=(self.trust(), server.name) if port.implicit_tls else None,
            trust=self.trust,
        )
        return result

    # Faults, and what was seen

    @contextmanager
    def fault(self, rule: Rule | str) -> Iterator[None]:
        """While in this block, the rule is asked about everything that is sent.

        A rule of the catalogue may be named: "latency:0.5@mail.example.org" (see `labkit.world.faults`).
        """
        if isinstance(rule, str):
            rule = parse(rule, seed=self.seed).rule
        self.call(lambda: self.network.faults.append(rule))
        try:
            yield
        finally:
            with suppress(LabError):  # the world was closed meanwhile
                self.call(lambda: self.network.faults.remove(rule))

    @property
    def capture(self) -> Capture:
        """Everything seen so far, as tables."""
        from labkit.capture.tape import Tape
        from labkit.tables import Capture

        if self._tape is None:
            self._tape = Tape.from_tap(self.network.tap, name=self.name)
        self._tape.follow()
        return Capture(self._tape)

    def seen_from(self, side: Side) -> Capture:
        """Everything as one side of every connection saw it; `capture` is what the clients did."""
        from labkit.capture.tape import Tape
        from labkit.tables import Capture

        return Capture(Tape.from_tap(self.network.tap, vantage=side, name=self.name))

    def close(self) -> None:
        """End the world: its connections break, its ports are free again, its stores are closed."""
        self.network.close()
        for server in self.servers.values():
            server.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<World seed={self.seed}: {', '.join(self.servers)}; {self.now():%Y-%m-%d %H:%M:%S} UTC>"


def _label(local_part: str) -> str:
    """A local part as it can stand in the name of a host."""
    return re.sub(r"[^a-z0-9]+", "-", local_part.lower()).strip("-") or "user"


def _network(name: str) -> Network:
    if name == "simulated":
        return SimulatedNetwork()
    if name == "loopback":
        from labkit.net.loopback import LoopbackNetwork

        return LoopbackNetwork()
    raise LabError(f"there is no network {name!r}: choose simulated or loopback")
