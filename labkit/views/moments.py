"""A journey moment by moment: where each message rests, and what moves it on.

    walk = moments(world)
    walk[3].words, walk[3].places     # what happens, and what then lies where
    still(walk, 3)                    # the same as a picture

All is told from the tables of a capture.  What a server did behind the wire is told by what it
did next: a message that it passes on later lay in its queue, one that is fetched from it
in a mailbox.  The Received field that a server added is known once the message is next seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, overload

from labkit.views.ends import Device, devices_of, ends_of
from labkit.views.picture import Picture
from labkit.views.rows import tables_of

Every = Literal["step", "exchange"]
Place = Literal["outbox", "queue", "mailbox", "fetched"]
PLACES: tuple[Place, ...] = ("outbox", "queue", "mailbox", "fetched")
"""Where a message can lie on a device, in the order in which it gets there."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message; `number` counts them from 1 in the order in which they were first seen."""

    number: int
    trace: str
    subject: str


Lying = Mapping[tuple[str, Place], tuple[Letter, ...]]
"""(device, place) -> what lies there."""


class Ledger:
    """Every letter that was put somewhere or taken away, in order: all moments share one."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Place, Letter, bool]] = []

    def put(self, device: str, place: Place, letter: Letter) -> None:
        self.entries.append((device, place, letter, True))

    def take(self, device: str, place: Place, letter: Letter) -> None:
        """One copy of it."""
        self.entries.append((device, place, letter, False))

    def at(self, until: int) -> Lying:
        """What lies where after so many entries."""
        found: dict[tuple[str, Place], list[Letter]] = {}
        for device, place, letter, comes in self.entries[:until]:
            lying = found.setdefault((device, place), [])
            if comes:
                lying.append(letter)
            else:
                lying.remove(letter)
        return {key: tuple(lying) for key, lying in found.items()}

    def most(self) -> Mapping[tuple[str, Place], int]:
        """How many letters ever lie in each place."""
        now: Counter[tuple[str, Place]] = Counter()
        found: dict[tuple[str, Place], int] = {}
        for device, place, _, comes in self.entries:
            now[device, place] += 1 if comes else -1
            found[device, place] = max(found.get((device, place), 0), now[device, place])
        return found


@dataclass(frozen=True, slots=True)
class Moment:
    """What happens at one time (µs).

    `source` and `target` are devices: who speaks, or from whom to whom the letter goes; None: nobody
    speaks.  `received` are the Received fields that the letter has got so far, oldest first.
    """

    at: int
    words: str
    ledger: Ledger = field(repr=False, compare=False)
    until: int  # entries of the ledger
    source: str | None = None
    target: str | None = None
    protocol: str = ""
    outcome: str | None = None
    letter: Letter | None = None
    received: tuple[str, ...] = ()
    connection: int | None = None
    exchange: int | None = None
    is_step: bool = True

    @property
    def places(self) -> Lying:
        """What lies where once this has happened."""
        return self.ledger.at(self.until)


@dataclass(frozen=True)
class Walk(Sequence[Moment]):
    """All moments of a journey, and the devices it meets."""

    devices: tuple[Device, ...]
    moments: tuple[Moment, ...]

    @cached_property
    def most(self) -> Mapping[tuple[str, Place], int]:
        """How many letters ever lie in each place: so that pictures of all moments have one form."""
        return self.moments[0].ledger.most() if self.moments else {}

    def __len__(self) -> int:
        return len(self.moments)

    @overload
    def __getitem__(self, index: int) -> Moment: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Moment, ...]: ...
    def __getitem__(self, index: int | slice) -> Moment | tuple[Moment, ...]:
        return self.moments[index]


def moments(source: Any, *, trace: str | None = None, every: Every = "step") -> Walk:
    """The moments of a world or a capture, in order of time; `trace` (a trace_id) follows one message alone.

    A step is what moves a message or makes it move: it is composed, a connection is opened, a name looked
    up, a message accepted or refused, deleted.  With `every="exchange"` each command is a moment as well.
    """
    from labkit.views.moments_story import Story

    tables = tables_of(source, "connections", "messages", "lookups", "hops", "exchanges")
    connections, messages, lookups, hops, exchanges = tables
    ends = ends_of(connections, lookups)
    story = Story(ends, messages, hops, exchanges, trace)
    told = [moment for moment in story.told() if every == "exchange" or moment.is_step]
    return Walk(tuple(devices_of(ends.values())), tuple(told))


def still(walk: Walk, moment: int) -> Picture:
    """The journey at one of its moments (negative: from the last)."""
    from labkit.views.moments_draw import picture

    return picture(walk, moment)
