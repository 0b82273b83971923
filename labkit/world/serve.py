"""The servers on real ports, for any mail program.

One host, `mail.DOMAIN`, serves all domains it is given.  Nothing leaves the machine: mail
for other domains is looked up in the lab's own DNS, which knows none, and comes back.
"""

from __future__ import annotations

import json
import secrets
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from labkit.capture.files import whole_file
from labkit.errors import LabError
from labkit.message.address import parse_mailbox
from labkit.net.loopback import LoopbackNetwork
from labkit.net.tcp import LOCALHOST
from labkit.store.files import read_messages
from labkit.tables import Capture
from labkit.world.world import World

if TYPE_CHECKING:
    from labkit.world.devices import MailServer

DOMAIN = "example.org"
USERS = ("alice", "bob")
"""Who lives in the first domain when nobody is named."""


@dataclass(frozen=True)
class Options:
    """What is to be served.

    `users` maps addresses to passwords; without any, alice and bob of the first domain get random
    ones.  `mail` is what lies in mailboxes already: (address, file or folder).  `ports` maps
    services to ports, 0 for any free one.
    """

    domains: Sequence[str] = ()
    users: Mapping[str, str] = field(default_factory=dict)
    mail: Sequence[tuple[str, Path]] = ()
    host: str = LOCALHOST
    ports: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Serving:
    """Servers that listen on real ports."""

    world: World
    server: MailServer
    passwords: Mapping[str, str]
    ca_file: Path

    @property
    def endpoints(self) -> dict[str, dict[str, Any]]:
        """Where each service listens, by the name of its option: {"smtp": {"host": ..., "port": 2025}}."""
        return {
            "smtps" if service == "submissions" else service: {
                "host": listener.address,
                "port": listener.port,
            }
            for service, listener in self.server.listeners.items()
        }

    def write_ready(self, path: Path) -> None:
        """Write where the servers listen, the users and the CA file, as JSON."""
        told = {**self.endpoints, "ca": str(self.ca_file), "users": dict(self.passwords)}
        with whole_file(path) as part:
            part.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")

    @property
    def capture(self) -> Capture:
        """Everything that was seen."""
        return self.world.capture


@contextmanager
def serve(options: Options) -> Iterator[Serving]:
    """Let one host listen, while in this block.

    Raises LabError for an address that is none, a file without messages, or a port in use.
    """
    users, domains = who_lives_here(options)
    network = LoopbackNetwork(options.host)
    with World(network=network, domains=()) as world, tempfile.TemporaryDirectory(prefix="labkit-") as folder:
        server = world.domain(domains[0], services=())
        for domain in domains[1:]:
            world.domain(domain, server=server.name)
        for address, password in users.items():
            server.store.add_user(address, password)
        for address, path in options.mail:
            _file_mail(server, address, path)
        for service, port in options.ports.items():
            network.ports[server.endpoint(service)] = port
        world.run(server.open(options.ports))
        ca_file = Path(folder) / "ca.pem"
        ca_file.write_bytes(world.authority.pem)
        yield Serving(world, server, users, ca_file)


def who_lives_here(options: Options) -> tuple[dict[str, str], list[str]]:
    """The users with their passwords, and the domains, those of the users among them."""
    domains = [domain.lower() for domain in options.domains]
    users = dict(options.users)
    domains += [parse_mailbox(address).domain.lower() for address in users]
    domains = list(dict.fromkeys(domains)) or [DOMAIN]
    if not users:
        users = {f"{name}@{domains[0]}": secrets.token_urlsafe(9) for name in USERS}
    return users, domains


def _file_mail(server: MailServer, address: str, path: Path) -> None:
    if not server.store.knows(address):
        raise LabError(f"mail for {address}: there is no such user here")
    try:
        messages = list(read_messages(path))
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror or error}") from error
    server.mailbox(address).extend((message, (), None) for message in messages)


@contextmanager
def until_told_to_stop() -> Iterator[Callable[[], None]]:
    """Gives the call that waits for Ctrl-C or SIGTERM; neither interrupts what comes behind it."""
    stop = threading.Event()

    def handler(number: int, frame: FrameType | None) -> None:
        stop.set()

    def wait() -> None:
        while not stop.wait(0.5):  # in slices, for where a wait without end cannot be interrupted
            pass

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, handler) for each in signals]
    try:
        yield wait
    finally:
        for each, old in zip(signals, before, strict=True):
            signal.signal(each, old)
