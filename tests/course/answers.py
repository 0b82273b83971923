"""For each exercise: the untouched notebook, two different right answers, three typical mistakes.

A case is the arguments that follow the exercise's number in `course.check`; a mistake comes
with words that its reason must contain.  Those of a later notebook are in a file of its own, answers_NN.py.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from journeys import cut, journey, nothing, own_host, typed, week

Given = tuple[Any, ...]


class Cases(NamedTuple):
    untouched: Given
    right: list[Given]
    mistakes: list[tuple[Given, str]]


OWN, BOTH = journey("My own words"), journey("Grüße", "pop3", "imap")
LEGS = {"submission": "SMTP", "delivery": "SMTP", "access": "POP3"}
STEPS = {
    "compose": "sender's host", "submit": "sender's host", "deliver": "sender's server",
    "receive": "recipient's server", "access": "recipient's host",
}  # fmt: skip
HELLO = ("EHLO me.example.org", "250", "mx.example.net")
MAIL = ("MAIL FROM:<me@example.org>", "250", "2.1.0 ok")
RCPT = ("RCPT TO:<bob@example.net>", "250", "2.1.5 ok")
DATA, DOT = ("DATA", "354", "go on"), (".", "250", "2.0.0 kept")
CUT, WEEK = cut(), week()
SMTP_ROLES = {
    "client": ["sender's host", "sender's server"],
    "server": ["sender's server", "recipient's server"],
}

CASES: dict[str, Cases] = {
    "00.1": Cases(
        (..., journey()),
        [([0, 2, 3], OWN), ({0, 2, 3, 4}, BOTH), ("4, 3, 2, 0", BOTH)],
        [
            (([0, 2, 3], journey()), "still has the subject"),
            (([0, 1, 2, 3], OWN), "look-up in the DNS"),
            (([0, 2], OWN), "when the recipient's host fetched it"),
            ((0, OWN), "from the sender's server to the recipient's server"),
            (([0, 2, 7], OWN), "no connection 7"),
            (([0, 2, 3], nothing()), "No letter crossed"),
        ],
    ),
    "00.2": Cases(
        (..., journey()),
        [
            (LEGS, OWN),
            ({"Submit": "smtp", "relay": ["SMTP"], "retrieval": "POP3 or IMAP"}, BOTH),
            (LEGS | {"access": "imap"}, BOTH),
        ],
        [
            ((LEGS | {"access": "SMTP"}, OWN), "Access is not SMTP"),
            ((LEGS | {"delivery": "IMAP"}, OWN), "IMAP does not do delivery"),
            (({"submission": "SMTP", "delivery": "SMTP"}, OWN), "nothing about the leg “access”"),
            ((LEGS | {"submission": "HTTP"}, OWN), "you predicted “http”"),
            ((LEGS | {"access": "IMAP"}, OWN), "For access you predicted “imap”"),
            ((LEGS, nothing()), "Nothing has travelled"),
        ],
    ),
    "00.3": Cases(
        (nothing(),),
        [
            (typed(HELLO, MAIL, RCPT, DATA, DOT, ("QUIT", "221", "bye")),),
            (typed(("HELO me", "250", "mx"), ("MAIL FROM:<>", "250", "ok"), ("RCPT TO:<x@y>", "550", "no"),
                   RCPT, DATA, DOT),),
        ],
        [
            ((typed((MAIL[0], "503", "5.5.1 say EHLO first")),),
             "MAIL came too early: `503 5.5.1 say EHLO first`"),
            ((typed(HELLO, MAIL, ("RCPT TO:<eve@example.net>", "550", "5.1.1 unknown")),),
             "`550 5.1.1 unknown`"),
            ((typed(HELLO, MAIL, RCPT, DATA),), "still reading your letter"),
            ((typed(HELLO, MAIL, ("DATA", "503", "RCPT first")),), "DATA came too early"),
            ((typed(HELLO),), "next say who it is from"),
            ((journey(),), "the one that the lab sent"),
        ],
    ),
    "00.4": Cases(
        (..., CUT),
        [((0, 5), CUT), ([0, 5], CUT), ("(0, 5)", CUT)],
        [
            (((1, 5), CUT), "second attempt"),
            (((0, 4), CUT), "DATA was answered with `354 ok`"),
            (((5, 0), CUT), "in the other order"),
            (((0, 3), CUT), "RCPT was answered"),
            ((5, CUT), "two numbers"),
            (((0, 9), CUT), "no exchange 9"),
            (((0, 5), journey()), "Switch the fault on"),
        ],
    ),
    "00.5": Cases(
        (...,),
        [("c",), ("C)",)],
        [(("a",), "handed the letter twice"), (("b",), "within one connection"),
         (("d",), "Fetching only reads"),
         (("e",), "none of the choices a, b, c, d")],
    ),
    "01.1": Cases(
        (..., OWN),
        [
            (STEPS, OWN),
            ({"composition": "the sender's host", "Submission": "Senders host",
              "relay": "sender\u2019s server",
              "receipt": "receiver's server", "retrieve": "RECIPIENT'S HOST"}, BOTH),
        ],
        [
            ((STEPS | {"access": "recipient's server"}, OWN), "does not bring the letter"),
            ((STEPS | {"deliver": "sender's host"}, OWN), "between two servers"),
            ((STEPS | {"receive": "recipient's host"}, OWN), "always there"),
            ((STEPS | {"submit": "sender's server"}, OWN), "“submit”: it is not the sender's server"),
            ((STEPS | {"submit": "laptop"}, OWN), "“laptop” is none of the four devices"),
            (({"compose": "sender's host"}, OWN), "nothing about submit, deliver, receive and access"),
        ],
    ),
    "01.2": Cases(
        (..., OWN),
        [(SMTP_ROLES, OWN), ({"clients": "sender's server and sender's host", "servers": {"Sender's server",
                              "receiver's server"}}, BOTH)],
        [
            ((SMTP_ROLES | {"client": ["sender's host"]}, OWN), "two hats"),
            ((SMTP_ROLES | {"client": [*SMTP_ROLES["client"], "recipient's host"]}, OWN),
             "speaks no SMTP here"),
            (({"client": SMTP_ROLES["server"], "server": SMTP_ROLES["client"]}, OWN), "the wrong way round"),
            ((SMTP_ROLES | {"server": ["sender's server"]}, OWN),
             "Among the servers the recipient's server is missing"),
            (({"client": ["sender's host"]}, OWN), "both keys"),
            ((SMTP_ROLES, nothing()), "Nobody spoke SMTP"),
        ],
    ),
    "01.3": Cases(
        (nothing(),),
        [(own_host(),), (own_host(by_way_of_the_server=True),)],
        [
            ((own_host(fetch=True),), "speaks POP3"),
            ((own_host(to="c"),), "waits at the recipient's server"),
            ((own_host(to="b"),), "not come farther than the sender's server"),
        ],
    ),
    "01.4": Cases(
        (..., WEEK),
        [(22.0, WEEK), ("22,05", WEEK), (11, week(scale=0.5))],
        [
            ((22 * 3600, WEEK), "in seconds"),
            ((11.0, WEEK), "the mean"),
            ((0.001, WEEK), "It is not his host"),
            ((3, WEEK), "the shortest"),
            ((1320, WEEK), "in minutes"),
            ((30, WEEK), "shorter than 30 hours"),
            ((22, own_host(to="c")), "No letter has reached Bob's host"),
        ],
    ),
    "01.5": Cases(
        (...,),
        [("b",), (" B. ",)],
        [(("a",), "does not wait for ever"), (("c",), "Plain SMTP cannot ask"), (("d",), "only names hosts")],
    ),
}  # fmt: skip

for path in sorted(Path(__file__).parent.glob("answers_*.py")):
    CASES |= {number: Cases(*cases) for number, cases in import_module(path.stem).CASES.items()}
