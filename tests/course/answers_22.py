"""The cases of notebook 22 (see answers.py); what is asked is the working day of the dataset."""

from __future__ import annotations

from typing import Any

from labkit import datasets

DAY = datasets.load("office-day")
MESSAGES = DAY.messages
TRACE = MESSAGES.mail.trace()
MOST = TRACE.message_id[TRACE.hop.idxmax()]
ONCE = TRACE.message_id[TRACE.journey == TRACE.groupby("journey").hop.max().idxmin()].iloc[0]
HASH = MESSAGES.trace_id[MESSAGES.message_id == MOST].iloc[0]

CASES: dict[str, tuple[Any, Any, Any]] = {
    "22.1": (
        (...,),
        [(23,), ("23",)],
        [
            ((25,), "whom the server said 450"),
            ((113,), "the number of all recipients"),
            ((5,), "5 connections on which it happened"),
            ((len(DAY.exchanges.query("outcome == 'permanent'")),), "logins among them"),
            ((3,), "more than 3"),
            (([1, 2],), "One number is enough"),
        ],
    ),
    "22.2": (
        (...,),
        [("192.0.2.9",), ("erin@example.net",), ("Erin",)],
        [
            (("192.0.2.4",), "is a server, calling other servers"),
            (("192.0.2.5",), "One reply to 192.0.2.5 took 0.54 s"),
            (("dave@example.org",), "Somebody waits longer"),
            (("203.0.113.66",), "The stranger did not read"),
            (("192.0.2.99",), "was no client on this day"),
        ],
    ),
    "22.3": (
        (...,),
        [(MOST,), (MOST.strip("<>"),)],
        [
            ((ONCE,), "Another crossed"),
            ((MESSAGES.subject[MESSAGES.message_id == MOST].iloc[0],), "is a subject"),
            ((HASH,), "That is a hash"),
            (("11",), "11 is a number"),
            (("<nobody@example.com>",), "No letter of this day"),
        ],
    ),
    "22.4": (
        (...,),
        [("b",), (" B.",)],
        [(("a",), "be counted twice"), (("c",), "seldom the same"), (("d",), "does not have these columns")],
    ),
    "22.5": (
        (...,),
        [("bob@example.org",), ("<Bob@example.org>",)],
        [
            (("sales@example.org",), "nobody of that name is there"),
            (("victim@example.com",), "a test of another kind"),
            (("alice@example.com",), "never tried"),
            ((19,), "Which one was *accepted*"),
        ],
    ),
}
