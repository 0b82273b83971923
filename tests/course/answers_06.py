"""The cases of notebook 06 (see answers.py), in worlds in which somebody really types them."""

from __future__ import annotations

from typing import Any

from labkit.views.rows import rows_of
from labkit.world.world import World

Tables = dict[str, list[Any]]
HELLO = "EHLO me-pc.example.com"
LETTER = "MAIL FROM:<me@example.com>\nRCPT TO:<bob@example.org>\nRCPT TO:<bob@example.org>\nDATA\n."


def typed(*sessions: tuple[int, str], fault: str = "") -> Tables:
    """Each text typed on a connection of its own, to this port of Bob's server or (587) of Alice's."""
    world = World()
    me = world.user("me@example.com")
    world.user("bob@example.org")
    for port, lines in sessions:
        console = me.console("mail.example.com" if port == 587 else "mail.example.org", port)
        console.connect()
        if fault:
            with world.fault(fault):
                console.type(lines)
        else:
            console.type(lines)
    world.wait(1)
    tables = {name: rows_of(world.capture, name) for name in ("connections", "exchanges", "lookups")}
    world.close()
    return tables


BOTH = typed((25, HELLO), (587, HELLO))
ONCE = "temporary-failure"
RIGHT = {"252": "done", "334": "go on", "421": "not now", "452": "not now", "554": "no", "599": "no"}
SIX = f"{HELLO}\nNOOP\nHELP\nVRFY bob@example.org\nRSET\nQUIT"

CASES: dict[str, tuple[Any, Any, Any]] = {
    "06.1": (
        (..., BOTH),
        [("AUTH", BOTH), (["auth"], BOTH), ({"Auth PLAIN LOGIN"}, BOTH)],
        [
            (("AUTH", typed((25, HELLO), (587, "NOOP"))), "Nobody has said EHLO at port 587"),
            (("AUTH", typed((25, "NOOP"), (587, HELLO))), "Nobody has said EHLO at port 25"),
            (("STARTTLS", BOTH), "STARTTLS is offered at both doors"),
            ((["AUTH", "SIZE"], BOTH), "SIZE is offered at both"),
            (("SCRAM-SHA-256", BOTH), "is a parameter"),
            (("CHUNKING", BOTH), "CHUNKING is not offered at port 587"),
        ],
    ),
    "06.2": (
        (typed((25, "NOOP"), fault=ONCE),),
        [
            (typed((25, f"{HELLO}\nSTAT\n{LETTER}"), fault=ONCE),),
            (typed((587, f"{HELLO}\nNOOP\nAUTH LOGIN\n*"), fault="temporary-failure:1,NOOP"),),
        ],
        [
            ((typed((25, f"{HELLO}\nSTAT"), fault=ONCE),), "begins with 3 (go on) and 4 (not now)"),
            ((typed((25, f"{HELLO}\n{LETTER}"), fault=ONCE),), "begins with 5 (no)"),
            ((typed((25, f"{HELLO}\nSTAT\n{LETTER}")),), "begins with 4 (not now)"),
            ((typed((25, f"{HELLO}\nMAIL FROM:<me@example.com>\nRCPT TO:<bob@example.org>"), fault=ONCE),),
             "250 and 450"),
            ((typed(),), "No command was answered"),
        ],
    ),
    "06.3": (
        ({"252": ..., "334": ..., "421": ..., "452": ..., "554": ..., "599": ...},),
        [(RIGHT,), (RIGHT | {"334": "continue", "421": "Try again", "599": "give up"},)],
        [
            ((RIGHT | {"252": "no"},), "cannot promise that the mailbox exists"),
            ((RIGHT | {"421": "no"},), "says nothing against the letter"),
            ((RIGHT | {"334": "done"},), "next words of a login"),
            ((RIGHT | {"452": "done"},), "There is no room at this moment"),
            ((RIGHT | {"599": "not now"},), "Its first digit is known"),
            ((RIGHT | {"554": "perhaps"},), "is none of done, go on"),
            (({"252": "done"},), "What is 334, 421, 452, 554 and 599?"),
        ],
    ),
    "06.4": (
        (typed((25, "NOOP")),),
        [(typed((25, SIX)),), (typed((25, "STAT"), (25, SIX.replace("HELP", "HELO me\nNOOP"))),)],
        [
            ((typed((25, f"{HELLO}\nVRFY\nQUIT")),), "VRFY was answered with `501"),
            ((typed((25, SIX.replace("\nQUIT", ""))),), "It has to end with QUIT"),
            ((typed((25, "NOOP\nQUIT")),), "ended with 2 different commands: NOOP and QUIT"),
            ((typed((25, "")),), "No command was sent"),
            ((typed((25, f"{HELLO}\nNOOP\nNOOP")),), "That is 2 different: EHLO and NOOP"),
        ],
    ),
}  # fmt: skip
