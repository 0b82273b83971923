"""The cases of notebook 23 (see answers.py), in worlds with lines of their own."""

from __future__ import annotations

from typing import Any

from labkit.course.exercises.n23_timing import unknown_line
from labkit.views.rows import rows_of
from labkit.world.world import World

Tables = dict[str, list[Any]]


def fetched(letters: int = 5, latency: float = 0.25, **how: Any) -> Tables:
    world = _world(letters, latency)
    world.users["bob@example.org"].retrieve("pop3", **how)
    return _tables(world)


def typed(letters: int, of: int = 20) -> Tables:
    """All commands at once, for the first letters."""
    world = _world(of, 0.25)
    bob = world.users["bob@example.org"]
    console = bob.console(bob.server, 110)
    console.connect()
    retr = [f"RETR {number}" for number in range(1, letters + 1)]
    console.send("\n".join(["USER bob@example.org", "PASS secret-bob", *retr, "QUIT"]))
    world.wait(2)
    return _tables(world)


def nothing() -> Tables:
    return _tables(_world(1, 0.25))


def wide(seed: int = 23) -> Tables:
    return _tables(unknown_line(seed))


def _world(letters: int, latency: float) -> World:
    world = World()
    bob = world.user("bob@example.org")
    world.network.link(bob.host, bob.server.host, latency=latency)
    for number in range(letters):
        bob.server.mailbox("bob@example.org").append(bob.compose(to=bob, subject=f"Letter {number}"))
    return world


def _tables(world: World) -> Tables:
    capture = world.capture
    tables = {name: rows_of(capture, name) for name in ("connections", "exchanges", "messages", "lookups")}
    world.close()
    return tables


FIVE, WIDE = fetched(), wide()
RIGHT = {"A": "server", "B": "client", "C": "line"}

CASES: dict[str, tuple[Any, Any, Any]] = {
    "23.1": (
        (..., FIVE),
        [(9, FIVE), (6, fetched(2))],
        [
            ((10, FIVE), "the greeting among them"),
            ((5, FIVE), "What had to be said before the first"),
            ((11, FIVE), "Connecting and the greeting"),
            ((18, FIVE), "Twice as many"),
            ((3, FIVE), "more waits than 3"),
            ((9, nothing()), "Nobody has fetched mail"),
        ],
    ),
    "23.2": (
        (nothing(),),
        [(fetched(20, pipelined=True),), (typed(20),)],
        [
            ((fetched(20),), "each RETR waited"),
            ((typed(7),), "7 of 20 letters"),
            ((fetched(20, 0.01),), "The line is quicker than it was"),
        ],
    ),
    "23.3": (
        (...,),
        [("c",), ("(C)",)],
        [(("a",), "two milliseconds"), (("b",), "answers within a millisecond"), (("d",), "It helps, but")],
    ),
    "23.4": (
        (..., WIDE),
        [(96_000, WIDE), ("92000", wide(1))],
        [
            ((12_000, WIDE), "octets per second"),
            ((96, WIDE), "thousands of bits"),
            ((8 * 2097 / 0.37775, WIDE), "the way there and back"),
            ((500_000, WIDE), "less than 500,000"),
            ((96_000, nothing()), "Two letters are needed"),
        ],
    ),
    "23.5": (
        ({"A": ..., "B": ..., "C": ...},),
        [(RIGHT,), ({"a": "Server", "b": "Client", "c": "Line"},)],
        [
            (({"A": "line", "B": "client", "C": "server"},), "it is not the line: there only the reply"),
            (({"A": "server", "B": "line", "C": "client"},), "nothing is said for two seconds"),
            (({"A": "server", "B": "client", "C": "server"},), "late, and all by the same"),
            (({"A": "server"},), "nothing about B and C"),
            (({"A": "server", "B": "client", "C": "printer"},), "“printer” is none"),
        ],
    ),
}
