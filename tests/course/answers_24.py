"""The cases of notebook 24 (see answers.py), in worlds in which it really happens."""

from __future__ import annotations

from functools import cache
from typing import Any

from labkit.course.exercises.n24_break_it import intercepted
from labkit.views.rows import rows_of
from labkit.world.faults import cut_before_final_reply
from labkit.world.trials import trial
from labkit.world.world import World

Tables = dict[str, list[Any]]


def _tables(world: World) -> Tables:
    with world:
        return {
            name: rows_of(world.capture, name) for name in ("connections", "exchanges", "messages", "lookups")
        }


def slow_line() -> Tables:
    return _tables(trial("latency:0.5", "smtp").world)


def nothing() -> Tables:
    return _tables(World())


@cache
def forged() -> Tables:
    return _tables(intercepted())


def twice(fault: str = "", *, again: bool = True, delete: bool = True, copies: int = 1) -> Tables:
    """Bob fetches under a fault, and once more without it."""
    world = World()
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    with world.fault(cut_before_final_reply(times=copies - 1) if copies > 1 else "latency:0"):
        alice.submit(alice.compose(to=bob, subject="Lunch", text="On Friday?\n"))
        world.settle()
    try:
        with world.fault(fault or "latency:0"):
            bob.retrieve("pop3", delete=delete)
    except Exception:  # a fault may be seen in many ways
        pass
    if again:
        bob.retrieve("pop3")
    return _tables(world)


FORGED = forged()
SUBMITTED, RELAYED, BY_POP3, BY_IMAP = (row["connection"] for row in FORGED["messages"])
ASKED = FORGED["lookups"][0]["connection"]

CASES: dict[str, tuple[Any, ...]] = {
    "24.1": (
        (..., slow_line()),
        [(4, slow_line()), ("4", slow_line()), ([4], slow_line())],
        [
            ((6, slow_line()), "the number of commands"),
            ((7, slow_line()), "the greeting among them"),
            ((5, slow_line()), "One too many"),
            ((3, slow_line()), "more waits than 3"),
            ((12, slow_line()), "fewer waits than 12"),
            (([4, 4], slow_line()), "One number is enough"),
            ((4, nothing()), "No letter went"),
        ],
    ),
    "24.2": (
        (...,),
        [("b",), ("(B)",)],
        [(("a",), "nobody has said 5xx"), (("c",), "not one octet"), (("d",), "TCP keeps nothing"),
         (("z",), "none of the choices")],
    ),
    "24.4": (
        (..., FORGED),
        [(RELAYED, FORGED), ([RELAYED], FORGED), (str(RELAYED), FORGED)],
        [
            ((SUBMITTED, FORGED), "The change came later"),
            ((BY_POP3, FORGED), "The change came earlier"),
            ((ASKED, FORGED), "a question was asked there"),
            ((99, FORGED), "There is no connection 99"),
            (([BY_POP3, BY_IMAP], FORGED), "One number is enough"),
            ((RELAYED, slow_line()), "one and the same body"),
        ],
    ),
    "24.3": (
        (twice(),),
        [(twice("half-close"),), (twice("bye:verb=DELE"),), (twice("disk-full"),)],
        [
            ((nothing(),), "Nobody has spoken POP3"),
            ((twice("cut-in-data"),), "no letter arrived whole"),
            ((twice("blackhole"),), "never came through"),
            ((twice("half-close", delete=False),), "never said DELE"),
            ((twice("cut-before-final-reply:service=pop3"),), "only its reply was lost"),
            ((twice("half-close", again=False),), "Now fetch again"),
        ],
    ),
    "24.5": (
        (...,),
        [("c",), ("c)",)],
        [(("a",), "strips the second answer"), (("b",), "TLS never begins"), (("d",), "has been heard")],
    ),
}  # fmt: skip
