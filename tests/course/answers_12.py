"""The cases of notebook 12 (see answers.py), in worlds in which somebody really types them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from labkit.views.rows import rows_of
from labkit.world.world import World

LOGIN = "USER bob@example.org\nPASS secret-bob\n"
ALL = [f"RETR {number}" for number in range(1, 21)]
Tables = dict[str, list[Any]]


def typed(*sessions: str, letters: int = 3, pipelined: bool = False) -> Tables:
    """Each text typed on a connection of its own; `(close)` and `(wait)` are done, not typed."""
    world, bob = _world(letters)
    for session in sessions:
        console = bob.console(bob.server, 110)
        console.connect()
        if pipelined:
            console.send(session)
            world.wait(60)
        for line in () if pipelined else session.splitlines():
            if line == "(close)":
                console.close()
            elif line == "(wait)":
                world.wait(601)
            elif line == "(cut)":
                with world.fault("cut-after:0"):
                    console.type("NOOP")
            else:
                console.type(line)
    return _tables(world)


def apop(*arguments: Callable[[str], str]) -> Tables:
    """Each argument made of the timestamp in the greeting of its connection."""
    world, bob = _world(1)
    for argument in arguments:
        console = bob.console(bob.server, 110)
        greeting = console.connect()
        console.type(f"APOP {argument(greeting[greeting.index('<') :])}")
    return _tables(world)


def carol(password: str = "tigger") -> Tables:
    world = World()
    world.user("carol@example.org", password=password).retrieve("pop3", mechanism="APOP")
    return _tables(world)


def fetched() -> Tables:
    """As the lab's own client pipelines: the login and LIST one by one."""
    world, bob = _world(20)
    bob.retrieve("pop3", pipelined=True)
    return _tables(world)


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(make: Callable[[str], str]) -> Callable[[str], str]:
    return lambda timestamp: f"bob@example.org {md5(make(timestamp))}"


def _world(letters: int) -> tuple[World, Any]:
    world = World()
    bob = world.user("bob@example.org")
    for number in range(letters):
        bob.server.mailbox("bob@example.org").append(bob.compose(to=bob, subject=f"Letter {number}"))
    return world, bob


def _tables(world: World) -> Tables:
    world.wait(1)
    capture = world.capture.with_secrets()
    tables = {name: rows_of(capture, name) for name in ("connections", "exchanges", "messages", "lookups")}
    world.close()
    return tables


NOTHING = typed()
RIGHT_DIGEST = digest_of(lambda timestamp: timestamp + "secret-bob")
OF_ANOTHER = digest_of(lambda timestamp: "<1@mail.example.org>secret-bob")
CAROL = carol()

CASES: dict[str, tuple[Any, Any, Any]] = {
    "12.1": (
        (typed(LOGIN + "DELE 1\nRSET\nQUIT", "NOOP"),),
        [
            (typed(LOGIN + "DELE 2\nQUIT"),),
            (typed(LOGIN + "DELE 2\n(close)", LOGIN + "LIST\nDELE 3\nRSET\nDELE 2\nSTAT\nQUIT"),),
        ],
        [
            ((NOTHING,), "Nobody has called port 110"),
            ((typed("CAPA"),), "Say who you are: `USER"),
            ((typed("USER bob@example.org\nPASS secret\nDELE 2\nQUIT"),), "The login was refused with `-ERR"),
            ((typed("DELE 2\nQUIT"),), "DELE came too early: `-ERR"),
            ((typed(LOGIN),), "no letter is marked"),
            ((typed(LOGIN + "DELE two"),), "DELE was refused"),
            ((typed(LOGIN + "DELE 1"),), "Letter 1 is marked, and should stay"),
            ((typed(LOGIN + "DELE 2"),), "still lies on the server"),
            ((typed(LOGIN + "DELE 2\n(close)"),), "ended without QUIT"),
            ((typed(LOGIN + "DELE 2\nRSET\nQUIT"),), "RSET took the mark away"),
            ((typed(LOGIN + "RETR 2\nQUIT"),), "You left with QUIT, and no letter was marked"),
            ((typed(LOGIN + "DELE 1\nDELE 2\nQUIT"),), "deleted letter 1 as well"),
        ],
    ),
    "12.2": (
        (NOTHING,),
        [(apop(RIGHT_DIGEST),), (apop(OF_ANOTHER, RIGHT_DIGEST),)],
        [
            ((apop(digest_of(lambda timestamp: timestamp[1:-1] + "secret-bob")),), "without `<` and `>`"),
            ((apop(digest_of(lambda timestamp: "secret-bob" + timestamp)),), "The timestamp comes first"),
            ((apop(digest_of(lambda timestamp: "secret-bob")),), "Only the password was hashed"),
            ((apop(digest_of(lambda timestamp: timestamp)),), "Only the timestamp was hashed"),
            ((apop(digest_of(lambda timestamp: timestamp + "secret-bob\r\n")),), "a space or a line end"),
            ((apop(digest_of(lambda timestamp: timestamp + "secret")),), "character by character"),
            ((apop(lambda timestamp: "bob@example.org " + sha256(timestamp + "secret-bob")),),
             "yours has 64 characters"),
            ((apop(lambda timestamp: "bob@example.org secret-bob"),), "yours has 10 characters"),
            ((apop(lambda timestamp: md5(timestamp + "secret-bob")),), "two arguments"),
            ((apop(lambda timestamp: "bob@example.org " + md5(timestamp + "secret-bob").upper()),),
             "The digest is right, and refused all the same"),
            ((apop(lambda timestamp: f"alice@example.org {md5(timestamp + 'secret-bob')}"),),
             "The name in your APOP is “alice@example.org”"),
        ],
    ),
    "12.3": (
        (..., CAROL),
        [("tigger", CAROL), (" buster ", carol("buster"))],
        [
            (("Tigger", CAROL), "capital letters count"),
            (("monkey", CAROL), "With “monkey” the digest would begin with"),
            (("secret-bob", CAROL), "Bob's password"),
            ((CAROL["exchanges"][1]["argument"].split()[1], CAROL), "the digest itself"),
            ((CAROL["exchanges"][0]["text"].split()[-1], CAROL), "That is the timestamp"),
            ((["tigger"], CAROL), "not one word in quotes"),
            (("tigger", typed(LOGIN + "QUIT")), "Nobody has logged in with APOP"),
        ],
    ),
    "12.4": (
        (NOTHING,),
        [
            (typed(LOGIN + "DELE 1\nRSET\nQUIT", LOGIN + "DELE 1\nDELE 2\n(close)"),),
            (typed(LOGIN + "DELE 3\n(wait)", LOGIN + "DELE 1\n(cut)"),),
            (typed(LOGIN + "DELE 3\n(close)", LOGIN + "DELE 1\nRSET\n(close)"),),
        ],
        [
            ((typed(LOGIN + "DELE 1\n(close)", LOGIN + "DELE 2\nQUIT"),),
             "QUIT on connection 1 deleted letter 2"),
            ((typed(LOGIN + "DELE 1\n(close)", LOGIN + "DELE 2\n(close)"),),
             "That is one way: Bob's host closed"),
            ((typed(LOGIN + "DELE 1\nRSET\nQUIT"),), "one way: the marks were taken back"),
            ((typed(LOGIN + "DELE 1"),), "Connection 0 is still open"),
            ((typed(LOGIN + "DELE 1\nRSET"),), "Now leave with QUIT"),
            ((typed(LOGIN + "DELE 1\n(wait)"),), "one way: the server waited too long"),
            ((typed(LOGIN + "DELE 1\n(cut)"),), "one way: the line was cut"),
        ],
    ),
    "12.5": (
        (typed("QUIT", letters=20),),
        [
            (typed("\n".join([LOGIN.strip(), *ALL, "QUIT"]), letters=20, pipelined=True),),
            (typed("\n".join([LOGIN.strip(), "LIST", *ALL, "QUIT"]), letters=20, pipelined=True),),
        ],
        [
            ((fetched(),), "in 5 round trips on connection 0. Better"),
            ((typed("\n".join([LOGIN.strip(), *ALL, "QUIT"]), letters=20),),
             "in 23 round trips: each RETR waited"),
            ((typed("\n".join([LOGIN.strip(), *ALL[:7], "QUIT"]), letters=20, pipelined=True),),
             "only 7 of 20 letters"),
        ],
    ),
}  # fmt: skip
