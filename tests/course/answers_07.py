"""The cases of notebook 07 (see answers.py), in worlds in which somebody really types them."""

from __future__ import annotations

from typing import Any

from labkit.views.rows import rows_of
from labkit.world.world import World

Tables = dict[str, list[Any]]
MAIL, BOB, CAROL = "MAIL FROM:<me@example.com>", "RCPT TO:<bob@example.org>", "RCPT TO:<carol@example.org>"


def typed(*sessions: str) -> Tables:
    """Each text typed on a connection of its own to Bob's and Carol's server, behind a hello."""
    world = World()
    me = world.user("me@example.com")
    world.user("bob@example.org")
    world.user("carol@example.org")
    for lines in sessions:
        console = me.console("mail.example.org", 25)
        console.connect()
        console.type("EHLO me-pc.example.com\n" + lines)
    return _tables(world)


def letter(text: str, *paths: str) -> str:
    return "\n".join([MAIL, *paths, "DATA", text, "."])


def invited() -> Tables:
    """The party of section 3."""
    world = World()
    alice = world.user("alice@example.com")
    for guest in ("bob@example.org", "carol@example.org", "dave@example.net"):
        world.user(guest)
    guests = [
        "bob@example.org",
        "crol@example.org",
        "carol@example.org",
        "dave@example.net",
        "david@example.net",
    ]
    with world.fault("temporary-failure:1,RCPT@mail.example.net"):
        alice.submit(alice.compose(to=guests, subject="My birthday", text="On Saturday at eight!\n"))
        world.settle()
    return _tables(world)


def _tables(world: World) -> Tables:
    capture = world.capture
    names = ("connections", "exchanges", "messages", "recipients", "lines", "lookups")
    tables = {name: rows_of(capture, name) for name in names}
    world.close()
    return tables


PARTY = invited()
MISSING = ["crol@example.org", "david@example.net"]
TO_BOB, TO_BOTH = "To: bob@example.org\n\nhi", "To: bob@example.org, carol@example.org\n\nhi"
DOTTED = "Subject: A dot\n\nabove\n..\nbelow"
TAKEN_BACK = f"{MAIL}\n{BOB}\nRSET\n"

CASES: dict[str, tuple[Any, Any, Any]] = {
    "07.1": (
        (typed(""),),
        [
            (typed(letter(TO_BOB, BOB, CAROL)),),
            (typed(letter(TO_BOTH, BOB), letter("Subject: x\n" + TO_BOB, CAROL, BOB)),),
        ],
        [
            ((typed(letter(TO_BOTH, BOB, CAROL)),), "so Bob can read it"),
            ((typed(letter("Bcc: carol@example.org\n" + TO_BOB, BOB, CAROL)),), "SMTP takes nothing out"),
            ((typed(letter("Subject: x\n\nhi", BOB, CAROL)),), "`To` does not name Bob"),
            ((typed(letter(TO_BOB, BOB)),), "Carol did not. A second RCPT"),
            ((typed(letter(TO_BOB, CAROL)),), "Bob did not get the same one"),
            ((typed(letter(TO_BOB, BOB), letter(TO_BOB, CAROL)),), "in two transactions"),
        ],
    ),
    "07.2": (
        (...,),
        [("c",), (" C) ",)],
        [(("a",), "nothing of him"), (("b",), "Not at port 25"), (("d",), "every mailing list")],
    ),
    "07.3": (
        (..., PARTY),
        [(MISSING, PARTY), ("David@example.net and crol@example.org", PARTY)],
        [
            (([*MISSING, "dave@example.net"], PARTY), "dave@example.net was refused at first, with 450"),
            ((MISSING[:1], PARTY), "There is one more"),
            ((["bob@example.org"], PARTY), "bob@example.org was accepted by the server"),
            ((["erin"], PARTY), "Alice has not invited erin"),
            ((["erin"], typed("")), "No guest is missing in this world"),
            ((3, PARTY), "not a list of words"),
        ],
    ),
    "07.4": (
        (typed("RSET"),),
        [(typed(letter(DOTTED, BOB)),), (typed(letter("hi", BOB) + "\n" + letter("..\n..\n...", BOB)),)],
        [
            ((typed(letter("Subject: A dot\n\nabove\n.\nbelow", BOB)),), "was taken for a command: `500"),
            ((typed(letter("Subject: A dot\n\nabove\n..", BOB)),), "the last of the letter"),
            ((typed(letter("Subject: A dot\n\n...\nbelow", BOB)),), "three dots"),
            ((typed(letter("Subject: A dot\n\n. \nbelow", BOB)),), "has more than that"),
            ((typed(letter("hi", BOB)),), "no line of it is only a dot"),
        ],
    ),
    "07.5": (
        (typed("NOOP"),),
        [
            (typed(TAKEN_BACK + letter("hi", CAROL)),),
            (typed("NOOP", f"{MAIL}\n{BOB}\n{CAROL}\nrset\nNOOP\n" + letter("hi", CAROL) + "\nQUIT"),),
        ],
        [
            ((typed(f"{MAIL}\n{BOB}"),), "in a transaction that is still open"),
            ((typed(TAKEN_BACK),), "Now send one to Carol"),
            ((typed(f"{MAIL}\n{BOB}\nEHLO me\n" + letter("hi", CAROL)),), "forgotten by a new hello"),
            ((typed(letter("hi", BOB) + "\n" + letter("hi", CAROL)),), "It cannot be taken back"),
        ],
    ),
}  # fmt: skip
