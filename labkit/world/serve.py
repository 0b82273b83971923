"""The servers on real ports, for any mail program.

One host, `mail.DOMAIN`, serves all domains it is given.  Nothing leaves the machine: mail
for other domains is looked up in the lab's own DNS, which knows none, and comes back.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Any

from labkit.capture.files import whole_file
from labkit.errors import LabError, ProtocolError
from labkit.message.address import parse_mailbox
from labkit.net.loopback import LoopbackNetwork
from labkit.net.tcp import LOCALHOST
from labkit.store.accounts import Store
from labkit.store.files import Damaged, Letter, read_letters
from labkit.store.sqlite import open_store
from labkit.tables import follow
from labkit.world.faults import switched_on
from labkit.world.world import World

if TYPE_CHECKING:
    from labkit.dissect.exchange import Exchange
    from labkit.net.tap import Tap
    from labkit.world.mail_server import MailServer

    Told = SimpleQueue[Exchange | None]

DOMAIN = "example.org"
USERS = ("alice", "bob")
"""Who lives in the first domain when nobody is named."""
SERVICES = {"smtps": "submissions"}  # by the names of their options, where these differ
OPTIONS = {service: option for option, service in SERVICES.items()}
PCAPNG = (".pcapng", ".pcapng.gz")  # captures that can hold the keys of their TLS
LONGEST_WAIT = 0.5  # seconds, for systems on which a wait without end cannot be interrupted


@dataclass(frozen=True)
class Options:
    """What is to be served.

    `users` maps addresses to passwords; without any, alice and bob of the first domain get random
    ones.  `store` is a folder that keeps users, mailboxes and queue from one time to the next; who is in
    it lives here too.  `mail` is what lies in mailboxes already: (address, file or folder); in a store
    a message that was filed from there once does not come again.  `ports` maps services, by the names
    of their options, to ports, 0 for any free one.  The file `ready` says where they listen, as JSON; it is
    there while all of them do.  The file `capture` appears when they end.  `faults` act meanwhile, in their
    short form.
    """

    domains: Sequence[str] = ()
    users: Mapping[str, str] = field(default_factory=dict)
    store: Path | None = None
    mail: Sequence[tuple[str, Path]] = ()
    host: str = LOCALHOST
    ports: Mapping[str, int] = field(default_factory=dict)
    ready: Path | None = None
    capture: Path | None = None
    secrets: bool = True  # in the capture
    faults: Sequence[str] = ()


@dataclass(frozen=True)
class Serving:
    """Servers that listen on real ports; `left_out` tells of files of mail that are damaged."""

    world: World
    server: MailServer
    passwords: Mapping[str, str]
    ca_file: Path
    left_out: Sequence[str] = ()

    @property
    def endpoints(self) -> dict[str, dict[str, Any]]:
        """Where each service listens, by the name of its option: {"smtp": {"host": ..., "port": 2025}}."""
        return {
            OPTIONS.get(service, service): {"host": listener.address, "port": listener.port}
            for service, listener in self.server.listeners.items()
        }

    def exchanges(self, told: Told) -> Iterator[Exchange]:
        """Each exchange as it happens, until told to stop; the last ones come when all connections end."""
        return heard(self.world.network.tap, told, self.world.close)


def heard(tap: Tap, told: Told, close: Callable[[], None]) -> Iterator[Exchange]:
    """Each exchange of a live tap as it happens; when told to stop, `close`, and what is still to come."""
    end = follow(tap, told.put)
    while True:
        with suppress(Empty):
            row = told.get(timeout=LONGEST_WAIT)
            if row is None:
                break
            yield row
    close()
    end()
    while not told.empty():
        if (row := told.get()) is not None:
            yield row


@contextmanager
def serve(options: Options) -> Iterator[Serving]:
    """Let one host listen, while in this block.

    Raises LabError for an address that is none, a file without messages, a port or a store in use, or a
    file that could not be written; before anything listens, as far as that can be known.
    """
    for path in filter(None, (options.ready, options.capture)):
        check_writable(path)
    if options.ready is not None:
        _remove(options.ready)  # that of a lab which was killed
    network = LoopbackNetwork(own_address(options.host))
    with ExitStack() as stack:
        stack.callback(network.close)
        store = open_store(options.store, network.now) if options.store else Store(network.now)
        stack.callback(store.close)
        users, domains = who_lives_here(options, _kept_users(store))
        world = stack.enter_context(World(network=network, domains=(), store=lambda host, now: store))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="labkit-"))
        keys = _key_log(world, options, Path(folder))
        server = world.domain(domains[0], services=())
        stack.enter_context(switched_on(world, options.faults))
        for domain in domains[1:]:
            world.domain(domain, server=server.name)
        for address, password in users.items():
            store.keep_user(address, password)
        left_out: list[str] = []
        for address in dict.fromkeys(address.lower() for address, _ in options.mail):
            paths = [path for each, path in options.mail if each.lower() == address]
            left_out += _file_mail(store, address, paths)
        everywhere = network.address == "0.0.0.0"
        server.also_named = [socket.gethostname()] if everywhere else [options.host, network.address]
        for option, port in options.ports.items():
            service = SERVICES.get(option, option)
            network.ports[server.endpoint(service)] = port
            try:
                world.run(server.open([service]))
            except LabError as error:
                raise LabError(f"{error}; give another with --{option}") from error
        ca_file = Path(folder) / "ca.pem"
        ca_file.write_bytes(world.authority.pem)
        serving = Serving(world, server, users, ca_file, left_out)
        try:
            with _announced(serving, options.ready):
                yield serving
        finally:
            world.close()
            if options.capture is not None:
                found = world.capture if options.secrets else world.capture.without_secrets()
                if keys is None:
                    found.save(options.capture)
                else:
                    found.to_pcap(options.capture, keys=keys)


def _key_log(world: World, options: Options, folder: Path) -> Path | None:
    """Where the servers log their keys, if the capture is a file that can hold them, and may."""
    if options.capture is None or not options.secrets or not options.capture.name.endswith(PCAPNG):
        return None
    keys = folder / "keys.log"
    keys.touch(mode=0o600)
    world.authority.keylog = str(keys)
    return keys


@contextmanager
def _announced(serving: Serving, ready: Path | None) -> Iterator[None]:
    """The file `ready` is there while in this block."""
    if ready is None:
        yield
        return
    told = {**serving.endpoints, "ca": str(serving.ca_file), "users": dict(serving.passwords)}
    with whole_file(ready) as part:
        part.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    try:
        yield
    finally:
        _remove(ready)


def _remove(path: Path) -> None:
    if path.is_file():
        path.unlink(missing_ok=True)


def is_capture_name(path: Path) -> bool:
    """Whether a capture can be written under this name."""
    return path.name.endswith((".pcap", ".pcap.gz", *PCAPNG, ".jsonl", ".parquet"))


def check_writable(path: Path) -> None:
    """Better now than after a long session."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise LabError(f"cannot write {path}: {error.strerror}") from error


def own_address(host: str) -> str:
    """The IPv4 address of a host name, if this machine can listen on it."""
    if host.count(":") > 1:
        raise LabError(f"{host} is an IPv6 address; the servers listen on IPv4 only, such as {LOCALHOST}")
    if not host:  # which would mean every address there is
        raise LabError("the address to listen on is empty")
    try:
        address = socket.gethostbyname(host)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "that is no host name"
        raise LabError(f"cannot listen on {host}: {why}") from error
    return address


def _kept_users(store: Store) -> dict[str, str]:
    """Who has lived here before, with their passwords; hosts have their postmasters of themselves."""
    people = [each for each in store.accounts if not each.address.lower().startswith("postmaster@")]
    return {each.address: each.password for each in people}


def who_lives_here(
    options: Options, kept: Mapping[str, str] = MappingProxyType({})
) -> tuple[dict[str, str], list[str]]:
    """The users with their passwords, and the domains, those of the users among them."""
    domains = [_domain(domain) for domain in options.domains]
    users, spelt = dict(kept), {address.lower(): address for address in kept}
    given: set[str] = set()
    for address, password in options.users.items():
        if address.lower() in given:
            raise LabError(f"there is a user {address} already")
        given.add(address.lower())
        users[spelt.get(address.lower(), address)] = password
    domains += [parse_mailbox(address).domain.lower() for address in users]
    domains = list(dict.fromkeys(domains)) or [DOMAIN]
    if not users:
        users = {f"{name}@{domains[0]}": secrets.token_urlsafe(9) for name in USERS}
    return users, domains


def _domain(text: str) -> str:
    try:
        return parse_mailbox(f"postmaster@{text}").domain.lower()
    except ProtocolError as error:
        raise LabError(f"{text!r} is no domain") from error


def _file_mail(store: Store, address: str, paths: Sequence[Path]) -> list[str]:
    """File what is in these files; a damaged one keeps nobody from the others, and is told of."""
    account = store.account(address)
    if account is None:
        raise LabError(f"mail for {address}: there is no such user here")
    letters: list[Letter] = []
    left_out: list[str] = []
    for path in paths:
        try:
            letters.extend(read_letters(path))
        except Damaged as error:
            left_out.append(str(error))
    account.import_(letters)
    return left_out


@contextmanager
def told_to_stop() -> Iterator[Told]:
    """A queue that gets None at Ctrl-C, SIGTERM, or when the terminal closes.

    None of them interrupts anything while in this block.
    """
    told: Told = SimpleQueue()  # whose put may be called while a get or another put goes on

    def handler(number: int, frame: FrameType | None) -> None:
        told.put(None)

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), handler) for name in names}
    try:
        yield told
    finally:
        for name, old in before.items():
            signal.signal(getattr(signal, name), old)
