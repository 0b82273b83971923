"""A fortnight of mail that Bob reads by POP3 on two hosts, his PC and his phone, in one of four ways.

- "delete": what a host has fetched it deletes on the server.
- "keep": every host leaves everything, and fetches everything each time.
- "UIDL": every host leaves everything, and fetches what it has not got yet by its unique-id.
- "a week": as "UIDL", and a letter that a host has had for seven days is deleted by it.

The letters and the hours at which the hosts look are the same in all four (RFC 1939 7 and 8).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from labkit.clients import pop3
from labkit.clients.dialogue import Dialogue
from labkit.errors import LabError
from labkit.views.rows import rows_of, select
from labkit.views.words import digits
from labkit.world.devices import UserHost
from labkit.world.world import World

if TYPE_CHECKING:
    import pandas as pd

Way = Literal["delete", "keep", "UIDL", "a week"]
DAYS = 14
LETTERS_A_DAY = 2
PHONE_LOOKS, PC_LOOKS = (8, 13, 18), (20,)
"""Hours of the day, UTC, at which each host fetches."""
KEEP = timedelta(days=7)
_LINE = "A fortnight has fourteen days, and a letter has as many lines as it needs.\n"


class _Event(NamedTuple):
    at: timedelta
    what: str  # "letter", "phone" or "pc"


def fortnight(way: Way, *, seed: int = 0) -> World:
    """Play the fortnight; the hosts are bob-pc.example.org and bob-phone.example.org."""
    if way not in get_args(Way):
        raise LabError(f"there is no way called {way!r}: choose {', '.join(get_args(Way))}")
    world = World(seed)
    alice, pc = world.user("alice@example.com"), world.user("bob@example.org")
    phone = second_host(pc, "bob-phone.example.org")
    readers = {"pc": _Reader(pc, way), "phone": _Reader(phone, way)}
    lots = random.Random(f"fortnight {seed}")
    midnight = world.now().replace(hour=0, minute=0, second=0, microsecond=0)
    number = 0
    for event in _events(lots):
        world.wait(max(0.0, (midnight + event.at - world.now()).total_seconds()))
        if event.what == "letter":
            number += 1
            text = f"Dear Bob,\n\n{_LINE * lots.randint(2, 60)}\nAlice\n"
            alice.submit(alice.compose(to=pc, subject=f"Letter {number}", text=text))
        else:
            readers[event.what].look(world.now())
    return world


def second_host(first: UserHost, name: str) -> UserHost:
    """One more host of the same user."""
    world = first.world
    return UserHost(world, world.network.host(name), first.address, first.password, first.server)


def _events(lots: random.Random) -> list[_Event]:
    found: list[_Event] = []
    for day in range(DAYS):
        begin = timedelta(days=day)
        written = (timedelta(seconds=lots.randrange(9 * 3600, 20 * 3600)) for _ in range(LETTERS_A_DAY))
        found += [_Event(begin + at, "letter") for at in written]
        found += [_Event(begin + timedelta(hours=hour), "phone") for hour in PHONE_LOOKS if day or hour > 9]
        found += [_Event(begin + timedelta(hours=hour), "pc") for hour in PC_LOOKS]
    return sorted(found)


class _Reader:
    """The mail program on one host: what it does each time, and what it remembers."""

    def __init__(self, host: UserHost, way: Way) -> None:
        self._host = host
        self._way = way
        self._had: dict[str, datetime] = {}  # unique-id -> when it was fetched

    def look(self, now: datetime) -> None:
        self._host.world.run(
            self._host.world.converse(self._host, self._host.server, "pop3", self._session(now))
        )

    def _session(self, now: datetime) -> Dialogue[None]:
        yield from pop3.greeting()
        yield from pop3.login(self._host.address, self._host.password)
        by_name = self._way in ("UIDL", "a week")
        names = (yield from pop3.unique_ids()) if by_name else {}
        for number in (yield from pop3.list_messages()):
            if by_name and names[number] in self._had:
                if self._way == "a week" and now - self._had[names[number]] >= KEEP:
                    yield from pop3.delete_messages([number])
                continue
            yield from pop3.retrieve(number)
            if by_name:
                self._had[names[number]] = now
            if self._way == "delete":
                yield from pop3.delete_messages([number])
        yield from pop3.leave()


def account(worlds: Mapping[str, World]) -> pd.DataFrame:
    """What each way cost, a column for each: counted from the captures and from Bob's mailbox."""
    import pandas as pd

    from labkit.tables.frame import mail_frame

    columns = {way: _measures(world) for way, world in worlds.items()}
    rows = list(next(iter(columns.values()), {}))
    return mail_frame(pd.DataFrame({"": rows, **{way: list(m.values()) for way, m in columns.items()}}))


def _measures(world: World) -> dict[str, str]:
    capture = world.capture
    fetched = [row for row in rows_of(capture, "messages") if row["direction"] == "retrieved"]
    sessions = select(rows_of(capture, "connections"), protocol="pop3")
    host = {row["connection"]: row["client_name"].partition(".")[0] for row in sessions}
    copies = Counter((host[row["connection"]], row["message_id"]) for row in fetched)
    octets = sum(row["octets_sent"] + row["octets_received"] for row in sessions)
    left = world.servers["mail.example.org"].read("bob@example.org")
    return {
        "letters written": str(DAYS * LETTERS_A_DAY),
        "of these on the PC": str(sum(name == "bob-pc" for name, _ in copies)),
        "of these on the phone": str(sum(name == "bob-phone" for name, _ in copies)),
        "RETR that brought a letter again": str(len(fetched) - len(copies)),
        "octets by POP3": digits(octets),
        "letters left on the server": str(len(left)),
        "octets left on the server": digits(sum(map(len, left))),
    }
