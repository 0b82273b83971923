"""The cases of notebook 14 (see answers.py), in worlds in which somebody really types them."""

from __future__ import annotations

from typing import Any

from labkit.views.rows import rows_of
from labkit.world.world import World

Tables = dict[str, list[Any]]
LOGIN = "a1 LOGIN bob@example.org secret-bob\n"
SELECT = LOGIN + "a2 SELECT INBOX\n"


def typed(*sessions: str, letters: int = 3, text: str = "At my place?\n") -> Tables:
    """Each text typed on a connection of its own, with so many letters in the mailbox."""
    world = World()
    bob = world.user("bob@example.org")
    for number in range(1, letters + 1):
        letter = bob.compose(to=bob, subject=f"Photo {number}", text=text)
        bob.server.mailbox("bob@example.org").append(letter)
    for session in sessions:
        console = bob.console(bob.server, 143)
        console.connect()
        console.type(session.removesuffix("\n"))
    capture = world.capture
    tables = {name: rows_of(capture, name) for name in ("connections", "exchanges", "lines", "lookups")}
    world.close()
    return tables


def photos(*commands: str) -> Tables:
    return typed(*(SELECT + command for command in commands), letters=20, text="not really a photo\n" * 1000)


def appended(size: int, *lines: str, mailbox: str = "INBOX") -> Tables:
    return typed(SELECT + "\n".join([f"a3 APPEND {mailbox} {{{size}}}", *lines]))


CASES: dict[str, tuple[Any, Any, Any]] = {
    "14.1": (
        (typed("a NOOP\n" + SELECT + "b LOGOUT", LOGIN),),
        [
            (typed(LOGIN + "a STATUS INBOX (MESSAGES)\nb LOGOUT"),),
            (typed(SELECT, LOGIN + 'x STATUS "inbox" (UNSEEN MESSAGES)\nx LOGOUT'),),
        ],
        [
            ((typed(),), "Nobody has called port 143"),
            ((typed(SELECT + "b STATUS INBOX (MESSAGES)\nc LOGOUT"),), "a mailbox was opened, with SELECT"),
            ((typed(LOGIN + "b STATUS INBOX (MESSAGES)"),), "Now leave"),
            ((typed(LOGIN + "b STATUS INBOX MESSAGES\nc LOGOUT"),), "STATUS was answered with `BAD"),
            ((typed(LOGIN + "b STATUS INBOX (UNSEEN)\nc LOGOUT"),), "is called MESSAGES"),
            ((typed(LOGIN + "b FETCH 1 FLAGS\nc LOGOUT"),), "FETCH was answered with `BAD"),
        ],
    ),
    "14.2": (
        (photos("a3 FETCH 1 RFC822.SIZE"),),
        [
            (photos("a3 FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]"),),
            (photos("a3 FETCH 1:10 ENVELOPE\na4 UID FETCH 11:20 (ENVELOPE)"),),
        ],
        [
            ((photos("a3 FETCH 1:* BODY.PEEK[]"),), "That is more than 6,000"),
            ((photos("a3 FETCH 19:* ENVELOPE"),), "told 2 of 20 subjects"),
            ((photos(""),), "No FETCH was sent"),
        ],
    ),
    "14.3": (
        (appended(21, "Subject: Hi", "", "Hello."),),
        [
            (appended(24, "Subject: Dots", "", ".", "more"),),
            (appended(6, "", ".", "x", ""),),
        ],
        [
            ((typed(SELECT),), "Nothing was appended"),
            ((appended(60, "Subject: Dots", "", ".", "more"),), "The server still counts"),
            ((appended(22, "Subject: Dots", "", ".", "more"),), "APPEND was answered with `BAD"),
            ((appended(25, "Subject: Dots", "", "..", "more"),), "two dots"),
        ],
    ),
    "14.4": (
        (...,),
        [("b",), ("(B)",)],
        [(("a",), "Neither changes"), (("c",), "None of them changes"), (("d",), "for good")],
    ),
}
