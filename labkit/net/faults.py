"""What can be done to octets on their way: a rule looks at them and gives a verdict.

A rule is a function from an `Event` to a verdict; the first rule that does not pass decides.
It sees what is readable to the two ends: octets in clear, or inside TLS; ciphertext is not
shown to rules.  An attempt to connect is an event without a sender.  The catalogue of faults, in
mail's words, is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
class Cut:
    """These octets never arrive, nor does anything else: both ends lose the connection.

    An attempt to connect that is cut is never answered.
    """


@dataclass(frozen=True, slots=True)
class Refuse:
    """The other end's host answers with a reset: "connection refused", when connecting."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """These octets go on in place of what was written; none at all: they are lost."""

    data: bytes


Verdict = Pass | Hold | Throttle | Cut | Refuse | Rewrite
Rule = Callable[[Event], Verdict]

PASS = Pass()
CUT = Cut()
REFUSE = Refuse()


def judge(rules: Sequence[Rule], event: Event) -> Verdict:
    """The first verdict that is not to pass."""
    for rule in rules:
        verdict = rule(event)
        if not isinstance(verdict, Pass):
            return verdict
    return PASS
