"""One message through four devices, told in five steps.

The steps are those of the model: composed, submitted, delivered (relayed from server to
server), received and processed, accessed.  Each knows which connections it used, so that
its exchanges can be shown beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from labkit.errors import LabError

if TYPE_CHECKING:
    from labkit.world.world import World

Retrieve = Literal["pop3", "imap", "both"]

TRAVELLERS = ("alice@example.com", "bob@example.org")
SUBJECT = "The journey of a message"
TEXT = """\
Dear Bob,

this letter crosses four devices before you read it: my host, my server,
your server and your host. Every command and reply on the way is captured.

.A line that begins with a dot arrives as it was written.

Alice
"""


@dataclass(frozen=True)
class Step:
    """One of the five steps: on which device, what happens, and the connections it used."""

    number: int
    name: str
    device: str
    text: str
    connections: tuple[int, ...] = ()


@dataclass
class Journey:
    """What `travel` did: the steps in order, and the message at both ends."""

    sent: bytes
    steps: list[Step] = field(default_factory=list)
    retrieved: dict[str, list[bytes]] = field(default_factory=dict)


def travellers(world: World) -> World:
    """See to it that those whom a journey is about live in this world, and their hosts are there."""
    for address in TRAVELLERS:
        world.user(address)
    return world


@contextmanager
def _in_words() -> Iterator[None]:
    """A host that cannot be reached is an error of the lab's, not of the system's."""
    try:
        yield
    except OSError as error:
        raise LabError(f"the journey ends here: {error.strerror or error}") from error


def travel(
    world: World,
    message: bytes | None = None,
    *,
    retrieve: Retrieve = "both",
    told: Callable[[Step], None] = lambda step: None,
) -> Journey:
    """Send one message from alice@example.com to bob@example.org, and fetch it at the other end.

    A `message` of one's own goes as it is: only its envelope names Alice and Bob.  `told`
    is called as each step ends.  Raises LabError if the message came back or never arrived.
    """
    alice, bob = (travellers(world).users[address] for address in TRAVELLERS)
    sent = message or alice.compose(to=bob, subject=SUBJECT, text=TEXT)
    journey = Journey(sent)
    inbox = bob.server.mailbox(bob.address)
    first = inbox.uidnext
    connections = world.network.tap.connections
    began = len(connections)

    def step(name: str, device: str, text: str, *services: str) -> None:
        used = tuple(c.number for c in connections[began:] if c.service in services)
        made = Step(len(journey.steps) + 1, name, device, text, used)
        journey.steps.append(made)
        told(made)

    step(
        "composed",
        "sender's host",
        f"On {alice.name}, Alice's mail program writes header fields, an empty line and the text: "
        f"{len(sent):,} octets.",
    )
    with _in_words():
        alice.submit(sent, [bob])
    step(
        "submitted",
        "sender's server",
        f"{alice.name} logs in to {alice.server.name}, port 587, and hands the message over by SMTP.",
        "submission",
    )
    world.settle()
    step(
        "delivered",
        "recipient's server",
        f"{alice.server.name} asks the DNS who takes mail for example.org, and relays the message "
        f"by SMTP to {bob.server.name}, port 25.",
        "dns",
        "smtp",
    )
    stored = inbox.get(first)
    if stored is None:
        raise LabError("the message did not arrive; what came back lies in Alice's mailbox")
    step(
        "received and processed",
        "recipient's server",
        f"{bob.server.name} puts Return-Path and Received on top and files the message in Bob's INBOX "
        f"as UID {stored.uid}: {stored.size:,} octets now.",
    )
    protocols: tuple[Literal["pop3", "imap"], ...] = ("pop3", "imap") if retrieve == "both" else (retrieve,)
    for protocol in protocols:
        with _in_words():
            journey.retrieved[protocol] = bob.retrieve(protocol)
    names = " and again with ".join("POP3" if each == "pop3" else "IMAP" for each in protocols)
    step("accessed", "recipient's host", f"On {bob.name}, Bob fetches the message with {names}.", *protocols)
    return journey
