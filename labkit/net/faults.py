"""What can be done to octets on their way: a rule looks at them and gives a verdict.

A rule is a function from an `Event` to a verdict.  It sees what is readable to the two ends:
octets in clear, or inside TLS; ciphertext is not shown to rules.  An attempt to connect is an
event without a sender.  Rules are asked in order, and each is shown what those before it
leave: delays add up, the narrowest rate counts, and the first end of the connection is its end.
The catalogue of faults, in mail's words, is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from labkit.net.tap import Connection, Side


@dataclass(frozen=True, slots=True)
class Event:
    """Octets that `sender` has just written, or (sender None) an attempt to connect."""

    connection: Connection
    sender: Side | None
    data: bytes
    at: int  # µs


@dataclass(frozen=True, slots=True)
class Pass:
    """Nothing out of the ordinary."""


@dataclass(frozen=True, slots=True)
class Hold:
    """It arrives this much later, and what follows behind it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Throttle:
    """These octets go at this rate."""

    bits_per_second: float


@dataclass(frozen=True, slots=True)
class Split:
    """These octets arrive in pieces of this size, each so many seconds after the one before."""

    size: int = 1
    apart: float = 0.0


@dataclass(frozen=True, slots=True)
class Gather:
    """These octets wait so many seconds for others, and arrive with them as if written at once."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Rewrite:
    """These octets go on in place of what was written; none at all: nothing does."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """After `first`, nothing arrives any more, whoever wrote it: both ends lose the connection.

    Without `first` what is on its way is lost too.  An attempt to connect that is cut is never answered.
    """

    first: bytes = b""


@dataclass(frozen=True, slots=True)
class End:
    """After `first`, the other end sees the end of the stream; the other direction stays open.

    What this side still writes is lost.
    """

    first: bytes = b""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The other end's host answers with a reset: "connection refused", when connecting."""


Verdict = Pass | Hold | Throttle | Split | Gather | Rewrite | Cut | End | Refuse
Rule = Callable[[Event], Verdict]

PASS = Pass()
CUT = Cut()
REFUSE = Refuse()


@dataclass(slots=True)
class Fate:
    """What the verdicts of all rules come to."""

    data: bytes
    hold: float = 0.0  # seconds
    bits_per_second: float | None = None
    split: Split | None = None
    gather: float = 0.0  # seconds
    ending: Literal["cut", "end", "reset"] | None = None

    def pieces(self) -> Iterator[tuple[bytes, float]]:
        """The octets as they are to arrive, and how much later each piece does."""
        size = self.split.size if self.split else len(self.data) or 1
        apart = self.split.apart if self.split else 0.0
        for number, at in enumerate(range(0, len(self.data), size)):
            yield self.data[at : at + size], self.hold + number * apart


def judge(rules: Sequence[Rule], event: Event) -> Fate:
    """Ask the rules in order; none is asked about octets of which nothing is left."""
    fate = Fate(event.data)
    for rule in rules:
        verdict = rule(event)
        match verdict:
            case Hold(seconds):
                fate.hold += seconds
            case Throttle(rate):
                fate.bits_per_second = min(rate, fate.bits_per_second or rate)
            case Split():
                fate.split = fate.split or verdict
            case Gather(seconds):
                fate.gather = max(fate.gather, seconds)
            case Rewrite(data):
                fate.data = data
            case Cut(first):
                fate.data, fate.ending = first, fate.ending or "cut"
            case End(first):
                fate.data, fate.ending = first, fate.ending or "end"
            case Refuse():
                fate.data, fate.ending = b"", fate.ending or "reset"
        if fate.data is not event.data:
            event = replace(event, data=fate.data)
        if event.sender is not None and not fate.data:
            break
    return fate
