"""Exercises of notebook 00, the first fifteen minutes."""

from __future__ import annotations

from typing import Any

from labkit.course.answers import mapping, numbers, words
from labkit.course.evidence import Evidence, reply_words
from labkit.course.model import Choice, exercise, quiz
from labkit.views.rows import Row
from labkit.views.words import listing, protocol_name, short

LETTER_SUBJECT = "Lunch on Friday"
"""The subject of the letter that the notebook sends until the learner changes it."""


@exercise(
    "00.1",
    title="Your words on the wire",
    question="""
        Change the subject of the letter to words of your own and send it again. Then find your words:
        on which connections did they travel? Answer with the numbers of those connections.
    """,
    expects="the numbers of connections, such as [0, 2]",
    hints=(
        "The letter leaves one host, and is in another host's mailbox at the end. How many times was it "
        "handed on?",
        "`world.capture.messages` has a row each time a message crossed a connection, with its subject.",
        'Look at the column: `world.capture.messages[["connection", "direction", "subject"]]`.',
    ),
    solution="""
        Every hand-over carries the whole letter again: submission, delivery, and each time the recipient's
        host fetches it. The look-up in the DNS carries none of it.

            letters = world.capture.messages
            answer = list(letters[letters.subject == "my own words"].connection)
    """,
    second_way="""
        Search the bytes themselves: `world.capture.lines` has every line as it was on the wire.

            lines = world.capture.lines
            answer = set(lines[lines.text.str.contains("my own words")].connection)
    """,
    explanation="""
        The whole letter crosses every connection between its devices once more: mail is store and forward.
        The DNS was only asked where the recipient's server is; it never sees a letter.
    """,
)
def your_words_on_the_wire(answer: Any, capture: Evidence) -> str | None:
    letters = [row for row in capture.messages if row.get("subject") is not None]
    if not letters:
        return "No letter crossed any connection yet. Run the cell that sends it, then check again."
    own = [row for row in letters if row["subject"].strip() != LETTER_SUBJECT]
    if not own:
        return (
            f"The letter still has the subject “{LETTER_SUBJECT}”. Change it, run the cell again, and look."
        )
    carried = {row["connection"] for row in own}
    given = set(numbers(answer))
    for number in sorted(given - carried):
        row = capture.ends.get(number)
        if row is None:
            last = max(capture.ends)
            return f"There is no connection {number} here; they are numbered from 0 to {last}."
        if row["protocol"] == "dns":
            return (
                f"Connection {number} is the look-up in the DNS. It asked which host takes the "
                "recipient's mail; your letter is not in it."
            )
        return f"Your words are not on connection {number}: look at its lines."
    for number in sorted(carried - given):
        client, server = capture.role(number, "client"), capture.role(number, "server")
        if any(row["direction"] == "retrieved" for row in own if row["connection"] == number):
            return (
                f"One is missing: the letter also travelled when the {client} fetched it from the {server}."
            )
        return f"One is missing: the letter also travelled from the {client} to the {server}."
    return None


LEGS = {
    "submission": ("submit", "the sender's host and the sender's server"),
    "delivery": ("relay", "the two servers"),
    "access": ("access", "the recipient's host and the recipient's server"),
}
_NAMES = {"submit": "submission", "relay": "delivery", "deliver": "delivery", "retrieval": "access"}


@exercise(
    "00.2",
    title="Predict each leg",
    question="""
        Before you look: which protocol do the two devices of each leg speak? Write your prediction down as
        a dict with the keys `"submission"` (sender's host to sender's server), `"delivery"` (server to
        server) and `"access"` (recipient's host and its server). Then send the letter, and let the wire
        decide.
    """,
    expects='a dict such as {"submission": "…", "delivery": "…", "access": "…"}',
    hints=(
        "Ask of each leg: does the one who has the letter push it, or does the one who wants it come for it?",
        "One protocol pushes letters, whoever does it. Two others are for those who come for theirs.",
        'Look: `world.capture.connections[["protocol", "step", "client_role", "server_role"]]`.',
    ),
    solution="""
        SMTP pushes a letter one device further, so it does submission and delivery. The recipient's host
        comes for its letters, with POP3 or with IMAP.

            answer = {"submission": "SMTP", "delivery": "SMTP", "access": "POP3"}
    """,
    second_way="""
        Read it from the table, whatever the letter's way was:

            legs = world.capture.connections.groupby("step").protocol.first()
            answer = {"submission": legs["submit"], "delivery": legs["relay"], "access": legs["access"]}
    """,
    explanation="""
        SMTP twice, and then another protocol: SMTP pushes, and needs the next device to be there. The
        recipient's host may be switched off, so it comes for its mail when it likes, with POP3 or IMAP.
    """,
)
def predict_each_leg(answer: Any, capture: Evidence) -> str | None:
    given = {_NAMES.get(leg, leg): value for leg, value in mapping(answer).items()}
    seen = {leg: {row["protocol"] for row in capture.connections if row.get("step") == step}
            for leg, (step, _) in LEGS.items()}  # fmt: skip
    if not any(seen.values()):
        return "Nothing has travelled yet. Run the cell that sends the letter, then let the wire decide."
    for leg in LEGS:
        if leg not in given or given[leg] in (None, ..., ""):
            return f"Your prediction says nothing about the leg “{leg}”."
    for leg, (_, devices) in LEGS.items():
        predicted = words(given[leg])
        if predicted and predicted <= seen[leg]:
            continue
        if leg == "access" and "smtp" in predicted:
            return (
                "Access is not SMTP: SMTP pushes, and the recipient's host may be switched off at that "
                "moment. Look at who opened the last connection: the host came for its mail."
            )
        if leg != "access" and predicted & {"pop3", "imap"}:
            wrong = listing(protocol_name(name) for name in sorted(predicted & {"pop3", "imap"}))
            return (
                f"{wrong} does not do {leg}: it is for reading a mailbox. Between {devices} a letter is "
                "pushed one device further; which protocol pushes?"
            )
        said = listing(sorted(predicted)) or "nothing"
        return f"For {leg} you predicted “{short(said, 40)}”; the wire between {devices} says otherwise."
    return None


@exercise(
    "00.3",
    title="Say it yourself",
    question="""
        Be the client. In this section's world, type the commands of SMTP yourself, with EHLO, MAIL, RCPT and
        DATA, until the server has taken a letter of yours for `bob@example.org`.
    """,
    hints=(
        "SMTP asks three things in this order: who are you, who is it from, who is it for. Then comes "
        "the letter.",
        "`EHLO me.example.com`, `MAIL FROM:<…>`, `RCPT TO:<…>`, `DATA`. Read the number after each: 2 is "
        "yes, 3 is go on, 4 and 5 are no.",
        "After 354 every line is part of the letter, until a line with only a dot. An empty line divides "
        "the header from the text.",
    ),
    solution="""
        One command at a time, and a look at each reply:

            EHLO me.example.com
            MAIL FROM:<me@example.com>
            RCPT TO:<bob@example.org>
            DATA
            Subject: typed by hand

            Hello Bob.
            .
            QUIT
    """,
    second_way="""
        `HELO` instead of `EHLO` works as well, as it did in 1982, and so does a letter without any header:
        the server delivers by MAIL and RCPT alone. You can also name several recipients, each with a RCPT
        of its own.
    """,
    explanation="""
        You were a mail client. The addresses in MAIL and RCPT are the envelope; what you typed after DATA
        is the letter, and the server did not look into it to decide where it goes.
    """,
)
def say_it_yourself(capture: Evidence) -> str | None:
    theirs = {row["connection"] for row in capture.messages if row.get("subject") == LETTER_SUBJECT}
    typed = [row["connection"] for row in capture.speaking("smtp") if row["connection"] not in theirs]
    if not typed:
        if theirs:
            return (
                "The only letter here is the one that the lab sent. Hand over the world in which you typed."
            )
        return "Nobody has said anything in SMTP yet. Connect the console to the server, and begin with EHLO."
    reasons = [
        _missing([row for row in capture.exchanges if row["connection"] == number]) for number in typed
    ]
    return None if None in reasons else max(filter(None, reasons))[1]


_STAGES = (
    (("EHLO", "HELO"), ("ok",), "say your name: `EHLO me.example.com`"),
    (("MAIL",), ("ok",), "say who it is from: `MAIL FROM:<me@example.com>`"),
    (("RCPT",), ("ok",), "say who it is for: `RCPT TO:<bob@example.org>`"),
    (("DATA",), ("continue",), "announce the letter: `DATA`"),
    ((".",), ("ok",), "end the letter with a line that has only a dot"),
)


def _missing(rows: list[Row]) -> tuple[int, str] | None:
    """How far a typed connection came, and what was missing there; None: a letter was taken."""
    for stage, (verbs, outcomes, advice) in enumerate(_STAGES):
        tried = [row for row in rows if row.get("verb") in verbs]
        if any(row["outcome"] in outcomes for row in tried):
            continue
        refused = [row for row in tried if row["outcome"] in ("permanent", "temporary")]
        if refused:
            last = refused[-1]
            asked = f"{last['verb']} {last.get('argument') or ''}".strip() if stage < 4 else "your letter"
            return stage, f"The server answered `{asked}` with `{reply_words(last)}`. Read it, then {advice}."
        if stage == 4:
            return stage, f"The server took DATA and is still reading your letter. Now {advice}."
        early = [row for row in rows if row["outcome"] == "permanent" and row.get("verb") in _LATER[stage]]
        if early:
            return stage, f"{early[0]['verb']} came too early: `{reply_words(early[0])}`. First {advice}."
        return stage, f"So far so good; next {advice}."
    return None


_LATER = [[verb for verbs, _, _ in _STAGES[i + 1 :] for verb in verbs] for i in range(len(_STAGES))]


@exercise(
    "00.4",
    title="The row where they parted",
    question="""
        The line was cut just before the 250 that follows the letter. Find the row after which the two
        servers no longer agreed on who has the letter. Answer with its connection and exchange numbers.
    """,
    expects="a pair of numbers, (connection, exchange)",
    hints=(
        "Until some command was answered, both sides knew the same. Which command was never answered?",
        "The column `outcome` of `world.capture.exchanges` has a word for a command without a reply.",
        'Filter: `rows[rows.outcome == "unanswered"]`. The verb `.` is the end of the letter.',
    ),
    solution="""
        The row with the verb `.` (the end of the letter) and the outcome `unanswered`:

            rows = world.capture.exchanges
            lost = rows[(rows.verb == ".") & (rows.outcome == "unanswered")]
            answer = (lost.connection.iloc[0], lost.exchange.iloc[0])
    """,
    second_way="""
        Look at how connections ended: one was cut. Its last exchange is the one.

            cut = world.capture.connections.query("ended == 'cut'").connection.iloc[0]
            rows = world.capture.exchanges.query("connection == @cut")
            answer = (cut, rows.exchange.max())
    """,
    explanation="""
        When the receiver has read the dot it has the letter and answers 250; only with the 250 does the
        sender know. Cut between the two, the sender must send again (RFC 5321 4.2.5): one copy too many is
        better than a letter lost.
    """,
)
def the_row_where_they_parted(answer: Any, capture: Evidence) -> str | None:
    right = {(row["connection"], row["exchange"]) for row in capture.exchanges
             if row.get("verb") == "." and row["outcome"] == "unanswered"}  # fmt: skip
    if not right:
        return (
            "In this world every letter got its reply. Switch the fault on, send the letter, and look again."
        )
    given = numbers(answer)
    if len(given) != 2:
        return "It takes two numbers to name a row: (connection, exchange)."
    connection, number = given
    if (connection, number) in right:
        return None
    if (number, connection) in right:
        return "These are the right two numbers in the other order: the connection comes first."
    row = capture.exchange(connection, number)
    if row is None:
        return f"There is no exchange {number} on connection {connection}."
    if row.get("verb") == ".":
        return (
            f"That letter got its `{reply_words(row)}`: it is the second attempt. Look for the attempt "
            "before it, which got no reply."
        )
    if row.get("verb") == "DATA":
        return (
            f"DATA was answered with `{reply_words(row)}`, so both sides still agreed there. The letter "
            "itself, up to the dot, is the row behind it."
        )
    verb = row.get("verb") or "The greeting"
    return (
        f"{verb} was answered with `{reply_words(row)}`, so both sides knew the same. Which was never "
        "answered?"
    )


why_two_copies = quiz(
    "00.5",
    title="Why two copies?",
    question="""
        Bob's mailbox holds the same letter twice, with one Message-ID. Who did wrong, and why are there two?
    """,
    choices=(
        Choice("a", "The recipient's server stored the letter twice by mistake.",
               "It was handed the letter twice, on two connections, and took it each time, as it must: "
               "nothing in SMTP says that the second is the same as the first."),
        Choice("b", "TCP sent the bytes of the letter again after the line was cut.",
               "TCP repeats lost bytes within one connection. This connection was gone; the second copy "
               "came on a new one, with a new MAIL, RCPT and DATA."),
        Choice("c", "Nobody: the sender's server could not know that the letter had arrived, so it sent "
                    "it again.",
               "The sender may forget a letter only when it has seen the 250. Without it, sending again "
               "is the only way not to lose the letter, and a copy too many is the price (RFC 5321 "
               "4.2.5).", right=True),
        Choice("d", "Bob's host fetched the letter twice, with POP3 and with IMAP.",
               "Fetching only reads. There are two letters in the mailbox before anybody fetches "
               "anything: count the rows of `messages` on the connections between the servers."),
    ),
    hints=(
        "What did the sender's server know at the moment of the cut?",
        "Look at the ladder: how many connections are there between the two servers, and how does each end?",
        "A server that has said 250 to a letter answers for it. A server that has not heard 250 does, too.",
    ),
    solution="The answer is c: without the 250 the sender's server cannot tell a letter that arrived from "
             "one that did "
    "not.",
    second_way="By exclusion: two connections between the servers, each with the whole letter, rule out b "
               "and d, and the "
    "first letter was taken only once, which rules out a.",
)  # fmt: skip
