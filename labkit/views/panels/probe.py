"""One letter sent through a world as it is, faults and all, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.errors import LabError
from labkit.views.ladder import ladder
from labkit.views.panels import look
from labkit.views.panels.shell import note, stack, words_of
from labkit.views.picture import Picture
from labkit.views.rows import to_rows
from labkit.views.words import duration

if TYPE_CHECKING:
    from labkit.world.devices import UserHost
    from labkit.world.world import World

DAYS = 6 * 86_400.0
"""Lab seconds until a letter has come back, if it cannot be delivered (RFC 5321 4.5.4.1)."""
PATIENCE = 15.0
"""Seconds that a probe waits on real ports."""


@dataclass(frozen=True)
class Probe:
    """What became of a letter, in words: with which faults, in how many µs, on which connections."""

    faults: tuple[str, ...]
    words: str
    took: int
    connections: tuple[int, ...]
    exchanges: int


def send_letter(world: World, faults: Sequence[str]) -> Probe:
    """Submit, relay and retrieve one letter between two users; never raises."""
    sender, reader = _two(world)
    taps = world.network.tap.connections
    first, began = len(taps), world.now()
    said: list[str] = []
    try:
        before = _inbox(reader)
        sender.submit(sender.compose(to=reader, subject="A letter", text="Does it arrive?"), [reader])
        said.append("submitted")
        world.settle(timeout=DAYS if world.is_simulated else PATIENCE)
        copies = _inbox(reader) - before
        said.append({0: "not delivered", 1: "delivered"}.get(copies, f"delivered {copies} times"))
        reader.retrieve("imap")
        said.append("fetched")
    except TimeoutError:
        said.append("then nobody answers any more")
    except (LabError, OSError) as error:
        words = getattr(error, "strerror", None) or str(error) or words_of(error)
        said.append(f"then: {words.splitlines()[0]}")
    used = tuple(c.number for c in taps[first:])
    rows = world.call(lambda: len(world.capture.where(*used).rows("exchanges"))) if used else 0
    took = round((world.now() - began).total_seconds() * 1e6)
    return Probe(tuple(faults), ", ".join(said), took, used, rows)


def comparison(probes: Sequence[Probe]) -> Picture:
    """The letters below each other."""
    headings = ("letter", "faults", "time", "connections", "exchanges", "what became of it")
    rows = [
        (
            str(number),
            "; ".join(probe.faults) or "none",
            duration(probe.took),
            str(len(probe.connections)),
            str(probe.exchanges),
            probe.words,
        )
        for number, probe in enumerate(probes, 1)
    ]
    html = look.table(headings, [(row, "", False) for row in rows], "Letters")
    return Picture(
        look.columns((headings, *rows)), "The letters that were sent, and with which faults", html=html
    )


def way(world: World, probe: Probe) -> Picture:
    """A ladder of each leg: two hosts, and all that they said to each other about one letter."""
    capture: Any = world.capture.where(*probe.connections)
    legs: dict[str, list[int]] = {}
    for row in to_rows(capture.rows("connections")):
        if row["protocol"] != "dns":
            leg = f"{row.get('client_name') or 'client'} to {row.get('server_name') or 'server'}"
            legs.setdefault(leg, []).append(row["connection"])
    parts = [(leg, ladder(capture, connection=numbers, limit=60)) for leg, numbers in legs.items()]
    return stack(parts or [("", note("No connection was made."))], "The way of one letter, leg by leg")


def _two(world: World) -> tuple[UserHost, UserHost]:
    users = list(world.users.values())
    sender = users[0] if users else world.user("alice@example.com")
    reader = next((user for user in users if user.server is not sender.server), None)
    return sender, reader or world.user("bob@example.org")


def _inbox(reader: UserHost) -> int:
    return len(reader.server.read(reader.address))
