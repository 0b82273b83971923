"""One fault, one protocol, one letter: what becomes of it.

    trial("cut-in-data", "pop3")     a world in which it happened, and how it ended
    trials()                         every fault of the catalogue with each protocol, as a DataFrame

By SMTP Alice's letter goes to Bob, and the fault is between the two servers.  By POP3 and IMAP it lies
in Bob's mailbox, and Bob's host fetches and deletes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from labkit.errors import LabError
from labkit.world.faults import CATALOGUE, parse
from labkit.world.world import World

if TYPE_CHECKING:
    import pandas as pd

    from labkit.world.devices import UserHost

Protocol = Literal["smtp", "pop3", "imap"]
SUBJECT = "Lunch on Friday"
TEXT = "Dear Bob,\n\nnoon as always?\n\nAlice\n"
SERVER = "mail.example.org"
ARGUMENTS = {"rewrite-line": "rewrite-line:Lunch,Dinner"}
"""How a fault is written that says nothing without arguments."""


@dataclass(frozen=True)
class Trial:
    """`error` is what the client was told, if anything; `seconds` passed in lab time.

    `left` letters lie in Bob's mailbox at the end; `attempts` is how often the server was called.
    """

    world: World
    fault: str
    protocol: Protocol
    outcome: str
    attempts: int
    left: int
    seconds: float
    error: str


def trial(fault: str, protocol: Protocol, *, seed: int = 0) -> Trial:
    """Let one fault act, and see.  The world stays open, to be looked at."""
    world = World(seed)
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    letter = alice.compose(to=bob, subject=SUBJECT, text=TEXT)
    if protocol != "smtp":
        bob.server.mailbox(bob.address).append(letter)
    spelt = fault if "@" in fault else f"{fault}@{SERVER}:{protocol}"
    began, error = world.now(), ""
    fetched: list[bytes] = []
    with world.fault(spelt):
        try:
            if protocol == "smtp":
                alice.submit(letter)
                world.settle()
            else:
                about_tls = fault.startswith(("strip-starttls", "inject-before-tls"))
                tls: Literal["none", "STARTTLS"] = "STARTTLS" if about_tls else "none"
                fetched = bob.retrieve(protocol, delete=True, tls=tls)
        except (LabError, OSError) as problem:
            error = str(getattr(problem, "strerror", None) or problem).partition("\n")[0]
    seconds = (world.now() - began).total_seconds()
    attempts = sum(each.service == protocol for each in world.network.tap.connections)
    left = bob.server.read(bob.address)
    outcome = _sent(alice, left, attempts) if protocol == "smtp" else _fetched(fetched, left)
    return Trial(world, fault, protocol, outcome, attempts, len(left), round(seconds, 2), error)


def _sent(alice: UserHost, arrived: list[bytes], attempts: int) -> str:
    if not arrived:
        return "returned to Alice" if alice.server.read(alice.address) else "on its way"
    how = "arrived" if attempts == 1 else f"arrived at attempt {attempts}"
    how = f"arrived {len(arrived)} times" if len(arrived) > 1 else how
    return how + _changed(arrived)


def _fetched(fetched: list[bytes], left: list[bytes]) -> str:
    if fetched:
        return "fetched" + _changed(fetched)
    return "failed; still on the server" if left else "failed; gone from the server"


def _changed(letters: list[bytes]) -> str:
    return "" if all(SUBJECT.encode() in letter for letter in letters) else ", changed"


class Row(NamedTuple):
    """One trial in the table."""

    fault: str
    protocol: str
    outcome: str
    attempts: int
    left: int
    seconds: float
    error: str


def trials(
    faults: Iterable[str] = (), *, protocols: Iterable[Protocol] = ("smtp", "pop3", "imap")
) -> pd.DataFrame:
    """A row for each fault (all of them, if none is named) and protocol that it can act on."""
    import pandas as pd

    from labkit.tables.frame import mail_frame

    rows = []
    chosen = list(protocols)
    for fault in faults or [ARGUMENTS.get(name, name) for name in CATALOGUE]:
        for protocol in chosen:
            if protocol in parse(fault).fault.protocols:
                done = trial(fault, protocol)
                rows.append(Row(*(getattr(done, name) for name in Row._fields)))
                done.world.close()
    return mail_frame(pd.DataFrame(rows, columns=list(Row._fields)))
