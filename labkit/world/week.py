"""A week of mail to a host that is online two hours a day, its last step done in one of three ways.

`smtp`: Bob's own host takes the mail, as the MX of his domain says; while it is off, letters
wait in the queue of Alice's server, which tries again (RFC 5321 4.5.4.1) and at last returns them.
`pop3`, `imap`: Bob's server, which is always on, keeps the letters; his mail program asks for them
whenever his host is online.  POP3 takes them from the server, IMAP copies what is new.

The letters, their times and their texts are the same in all three.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from labkit.clients import imap
from labkit.clients.dialogue import Dialogue
from labkit.world.devices import Device, UserHost
from labkit.world.world import World

LastStep = Literal["smtp", "pop3", "imap"]

DAYS = 7
ONLINE = (19, 21)
"""Hours of the day, UTC, between which Bob's host is on."""
POLL = timedelta(minutes=30)
"""How often Bob's mail program asks while his host is on."""
_PARTS_OF_THE_DAY = ((9, 12), (12, 18), (18, 23))  # hours; a letter is written in each
_BOB = "bob@example.org"
_LINE = "What became of this line on its way, and how long it took, stands in the capture.\n"


class Letter(NamedTuple):
    """When it is written, counted from midnight before the first day, and what it says."""

    at: timedelta
    subject: str
    text: str


def letters(seed: int = 0) -> list[Letter]:
    """The letters of the week, in the order in which they are written."""
    lots = random.Random(f"week {seed}")
    written: list[Letter] = []
    for day in range(DAYS):
        for begin, end in _PARTS_OF_THE_DAY:
            at = timedelta(days=day, seconds=lots.randrange(begin * 3600, end * 3600))
            text = f"Dear Bob,\n\n{_LINE * lots.randint(2, 40)}\nAlice\n"
            written.append(Letter(at, f"Letter {len(written) + 1}", text))
    return written


def week(last_step: LastStep, *, seed: int = 0) -> World:
    """Play the week, and the days after it until every letter has arrived or is returned.

    At the end Alice looks into her own mailbox, for what was returned.
    """
    world = World(seed, domains=("example.com",))
    alice = world.user("alice@example.com")
    bob = _Bob(world, last_step)
    alice.host.role, alice.server.host.role = "sender's host", "sender's server"  # also when she reads
    midnight = world.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for letter in letters(seed):
        bob.live_until(midnight + letter.at)
        alice.submit(alice.compose(to=_BOB, subject=letter.subject, text=letter.text))
    while alice.server.relay.queue or bob.is_missing_mail:
        bob.live_until(world.now() + timedelta(days=1))
    alice.retrieve("pop3")
    return world


class _Bob:
    """Bob's host, which comes and goes while time passes."""

    def __init__(self, world: World, last_step: LastStep) -> None:
        self._world = world
        self._by: LastStep = last_step
        self._next_uid = 1
        self._device: Device
        if last_step == "smtp":
            self._device = world.always_on(_BOB, host="bob-pc.example.org")
        else:
            self._device = bob = world.user(_BOB)
            bob.host.role, bob.server.host.role = "recipient's host", "recipient's server"
        self._device.host.online = False
        self._moments = self._agenda(world.now())
        self._next = next(self._moments)

    @staticmethod
    def _agenda(now: datetime) -> Iterator[tuple[datetime, str]]:
        """For each day: on, a look into the mailbox now and then, off."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        while True:
            begin, end = (day + timedelta(hours=hour) for hour in ONLINE)
            yield begin, "on"
            while begin < end:
                yield begin, "look"
                begin += POLL
            yield end, "off"
            day += timedelta(days=1)

    @property
    def is_missing_mail(self) -> bool:
        """Whether the server keeps a letter that his host has not got."""
        if not isinstance(self._device, UserHost):
            return False
        box = self._device.server.mailbox(_BOB)
        return len(box) > 0 and box.uidnext > self._next_uid

    def live_until(self, moment: datetime) -> None:
        """Let time pass, and do what is on the agenda meanwhile."""
        while self._next[0] <= moment:
            when, what = self._next
            self._wait(when)
            if what == "look":
                self._look()
            else:
                self._device.host.online = what == "on"
            self._next = next(self._moments)
        self._wait(moment)

    def _wait(self, moment: datetime) -> None:
        self._world.wait(max(0.0, (moment - self._world.now()).total_seconds()))

    def _look(self) -> None:
        if not isinstance(self._device, UserHost):
            return
        if self._by == "pop3":
            self._device.retrieve("pop3", delete=True)
        else:
            dialogue = _fetch_new(_BOB, self._device.password, self._next_uid)
            self._next_uid = self._world.run(
                self._world.converse(self._device, self._device.server, "imap", dialogue)
            )


def _fetch_new(user: str, password: str, first: int) -> Dialogue[int]:
    """An IMAP session that fetches what came since; returns the UID to begin with next time."""
    client = imap.Client()
    yield from client.greeting()
    yield from client.login(user, password)
    selected = yield from client.select()
    following = selected.uidnext or first
    if following > first:
        yield from client.fetch(f"{first}:{following - 1}", "(UID FLAGS BODY.PEEK[])", uid=True)
    yield from client.logout()
    return following
