"""Make office-day.pcap: a working day of three small offices, for the notebook on captures as dataframes.

Alice and Carol (example.com), Bob and Dave (example.org) and Erin (example.net) write to each other
and look into their mailboxes, each in their own way and over lines of their own.  example.net is busy in
the morning and says "later".  At noon a stranger comes by: tries whether mail for elsewhere is taken,
tries many names, and sends a message with a line end of its own.  Nothing is encrypted.

    python datasets/make_office_day.py [FOLDER]
"""

from __future__ import annotations

import random
import sys
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from labkit import World
from labkit.errors import LabError
from labkit.message.compose import Attachment
from labkit.net.sockets import create
from labkit.world.devices import UserHost
from labkit.world.mail_server import MailServer

PEOPLE = (
    "alice@example.com",
    "carol@example.com",
    "bob@example.org",
    "dave@example.org",
    "erin@example.net",
)
SUBJECTS = ("Minutes of Monday", "The offer", "Lunch?", "Figures for March", "Grüße", "The key to room 4")
LINES = ("Dear {name},\n", "here is what you asked for.\n", "Tell me what you think of it.\n", "\n{me}\n")
NAMES = (
    "admin info sales root test office accounts jobs bob support web press ann max tom eve joe pat sue lee"
)
HOURS = range(8)
HABITS: tuple[Literal["pop3", "imap"], ...] = ("pop3", "imap", "pop3", "imap", "imap")  # of PEOPLE


def make(folder: Path) -> None:
    lots = random.Random("office day")
    with World(seed=22, domains=("example.com", "example.org", "example.net"), name="office-day") as world:
        people = [world.user(address) for address in PEOPLE]
        alice, _, _, dave, erin = people
        world.network.link(erin.host, erin.server.host, latency=0.15, bandwidth=256_000)
        world.network.link(dave.host, dave.server.host, latency=0.005)
        world.network.link(alice.server.host, erin.server.host, latency=0.09)
        begin = world.now()
        for hour in HOURS:
            until(world, begin, hour)
            if hour == 1:
                with world.fault("temporary-failure:2@mail.example.net:smtp"):
                    write(lots, alice, [erin])
                    world.settle()
            for me in people:
                for _ in range(lots.randrange(3)):
                    others = [each for each in people if each is not me]
                    write(lots, me, lots.sample(others, lots.choice((1, 1, 2))))
                    world.wait(lots.randrange(20, 400))
            world.settle()
            if hour == 4:
                stranger(world, people[2].server)
            for me, how in zip(people, HABITS, strict=True):
                look(world, lots, me, how)
        world.capture.to_pcap(folder / "office-day.pcap")


def until(world: World, begin: datetime, hour: int) -> None:
    rest = begin + timedelta(hours=hour) - world.now()
    if rest > timedelta():
        world.wait(rest.total_seconds())


def write(lots: random.Random, me: UserHost, to: list[UserHost]) -> None:
    """A letter of some lines, now and then with an attachment or to somebody who has left."""
    name = to[0].address.partition("@")[0].title()
    text = LINES[0] + "".join(lots.choices(LINES[1:3], k=lots.randrange(1, 30))) + LINES[3]
    parts = {}
    if lots.random() < 0.2:
        parts["attachments"] = [Attachment("figures.csv", lots.randbytes(800).hex().encode(), "text/csv")]
    addresses: list[object] = list(to)
    if lots.random() < 0.1:
        addresses.append("frank@example.org")
    me.submit(
        me.compose(
            to=addresses,
            subject=lots.choice(SUBJECTS),
            text=text.format(name=name, me=me.address.partition("@")[0].title()),
            **parts,
        ),
        mechanism=lots.choice(("PLAIN", "PLAIN", "LOGIN", "SCRAM-SHA-256")),
    )


def look(world: World, lots: random.Random, me: UserHost, how: Literal["pop3", "imap"]) -> None:
    """Look into one's mailbox; a finger slips now and then."""
    if lots.random() < 0.15:
        right, me.password = me.password, "sceret"
        with suppress(LabError):
            me.retrieve(how)
        me.password = right
        world.wait(5)
    mechanism = lots.choice((None, None, "SCRAM-SHA-256"))
    me.retrieve(how, delete=how == "pop3", mechanism=mechanism)


def stranger(world: World, server: MailServer) -> None:
    """Somebody from elsewhere, who types octets as they please."""
    host = world.network.host("unknown.example", address="203.0.113.66")

    def talk(*pieces: bytes) -> None:
        sock = create(world.network, host, server.host.address, 25)
        sock.recv(1000)
        for piece in pieces:
            sock.sendall(piece)
            sock.recv(1000)
        sock.close()
        world.wait(60)

    hello = b"EHLO unknown.example\r\n", b"MAIL FROM:<prize@unknown.example>\r\n"
    talk(*hello, b"RCPT TO:<victim@example.com>\r\n", b"QUIT\r\n")
    tried = [b"RCPT TO:<%s@example.org>\r\n" % name.encode() for name in NAMES.split()]
    talk(*hello, *tried, b"QUIT\r\n")
    letter = b"Subject: A prize\r\n\r\nYou have won.\nWrite soon.\r\n.\r\n"
    talk(*hello, b"RCPT TO:<bob@example.org>\r\n", b"DATA\r\n", letter, b"QUIT\r\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
