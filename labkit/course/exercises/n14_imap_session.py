"""Exercises of notebook 14, a session of IMAP."""

from __future__ import annotations

import re

from labkit.course.evidence import Evidence, reply_words
from labkit.course.model import Choice, exercise, quiz
from labkit.views.rows import Row, select

LETTERS = 20
"""How many photos lie in the mailbox in the section on kinds of lines."""
BUDGET = 6000
"""Octets in which all their subjects can be learnt."""


def _imap(capture: Evidence) -> list[tuple[int, list[Row]]]:
    """The connections that spoke IMAP, each with its exchanges."""
    numbers = [row["connection"] for row in capture.speaking("imap")]
    return [(number, select(capture.exchanges, connection=number)) for number in numbers]


@exercise(
    "14.1",
    title="Count without opening",
    question="""
        How many letters are in INBOX? Let the server say it on a connection on which no mailbox is ever
        opened, and leave properly.
    """,
    hints=(
        "SELECT is not the only command that tells about a mailbox. The drawing names those that are "
        "possible when you are authenticated.",
        "`STATUS` tells about a mailbox that is not open. It wants to know what you want to know, in "
        "parentheses: `(MESSAGES)`.",
        "`a2 STATUS INBOX (MESSAGES)`, then `a3 LOGOUT`, on a connection with no SELECT and no EXAMINE.",
    ),
    solution="""
        STATUS asks from outside:

            console.type("a2 STATUS INBOX (MESSAGES)\\na3 LOGOUT")
    """,
    second_way="""
        Python's own client has the same command:

            mail = bob.imaplib()
            mail.login("bob@example.org", "secret-bob")
            mail.status("INBOX", "(MESSAGES)")
            mail.logout()
    """,
    explanation="""
        A program that shows twenty mailboxes with a number beside each asks with STATUS, and opens one of
        them when you touch it (RFC 9051 6.3.11).
    """,
)
def count_without_opening(capture: Evidence) -> str | None:
    reasons = [_not_counted(rows) for _, rows in _imap(capture)]
    if None in reasons:
        return None
    return reasons[-1] if reasons else "Nobody has called port 143 in this world yet."


def _not_counted(rows: list[Row]) -> str | None:
    opened = [row for row in rows if row.get("verb") in ("SELECT", "EXAMINE") and row.get("status") == "OK"]
    if opened:
        return f"On this connection a mailbox was opened, with {opened[0]['verb']}. Begin a new one."
    asked = [row for row in rows if row.get("verb") == "STATUS"]
    told = [
        row
        for row in asked
        if row.get("status") == "OK" and re.match(r'"?INBOX"? .*\bMESSAGES\b', str(row.get("argument")), re.I)
    ]
    if told:
        left = any(row.get("verb") == "LOGOUT" and row.get("status") == "OK" for row in rows)
        return None if left else "The server has told you. Now leave: LOGOUT, with a tag."
    if asked and asked[-1].get("status") != "OK":
        said = reply_words(asked[-1])
        return f"STATUS was answered with `{said}`. It takes a mailbox and a list: `(MESSAGES)`."
    if asked:
        return "You asked STATUS for something else. The number of letters of INBOX is called MESSAGES."
    refused = [row for row in rows if row.get("status") in ("BAD", "NO")]
    if refused:
        return f"{refused[-1].get('verb') or 'That'} was answered with `{reply_words(refused[-1])}`."
    return "Nobody has asked yet. Which command tells about a mailbox that is not open?"


@exercise(
    "14.2",
    title="Twenty subjects, six thousand octets",
    question="""
        Learn the subjects of all twenty letters on one connection, in at most six thousand octets of replies
        to FETCH.
    """,
    hints=(
        "The whole letters have four hundred thousand octets. Ask for the part of each that you need.",
        "A set of numbers may be `1:20` or `1:*`. The example above asks for one field of the header.",
        "`a3 FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]`, on a new connection, behind LOGIN and SELECT.",
    ),
    solution="""
        One field of each letter:

            console.type("a4 FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    """,
    second_way="""
        ENVELOPE is the header taken apart by the server, with the names in From and To as well. It takes
        three times as much, and fits:

            console.type("a4 FETCH 1:* ENVELOPE")
    """,
    explanation="""
        Fifteen hundred octets in place of four hundred thousand. PEEK keeps the letters unread: without it,
        to look at a part of a letter sets its flag \\\\Seen (RFC 9051 6.4.5).
    """,
)
def twenty_subjects(capture: Evidence) -> str | None:
    best: tuple[int, int, int] | None = None  # subjects, octets, connection
    for number, rows in _imap(capture):
        fetches = [row for row in rows if row.get("verb") in ("FETCH", "UID FETCH")]
        if not fetches:
            continue
        found = len(_photos(capture, number) & set(range(1, LETTERS + 1)))
        octets = sum(row.get("octets_received") or 0 for row in fetches)
        if found == LETTERS and octets <= BUDGET:
            return None
        best = max(best or (0, 0, number), (found, -octets, number))
    if best is None:
        return "No FETCH was sent in this world yet. Log in, SELECT, and ask for parts."
    found, octets, number = best
    if found < LETTERS:
        return (
            f"On connection {number} the server has told {found} of {LETTERS} subjects. A set of numbers can "
            "name all letters at once."
        )
    return (
        f"All subjects are there, in {-octets:,} octets on connection {number}. That is more than "
        f"{BUDGET:,}: ask for less of each letter, on a new connection."
    )


def _photos(capture: Evidence, connection: int) -> set[int]:
    """The numbers of the photos whose subjects the server has said on this connection."""
    lines = select(capture.rows("lines"), connection=connection, sender="server")
    return {int(number) for line in lines for number in re.findall(r"Photo (\d+)\b", str(line.get("text")))}


@exercise(
    "14.3",
    title="A dot, unharmed",
    question="""
        Append a letter to INBOX in which one line is nothing but a dot. Count its octets yourself.
    """,
    hints=(
        "Nothing inside a literal is special. Write the dot as it is to be read.",
        "Every line ends with two octets, CR and LF, and the empty line between header and text is one too.",
        "`b2 APPEND INBOX {24}`, `Subject: Dots`, an empty line, `.`, `more`: 15 and 2 and 3 octets, and 4 "
        "for the last line, whose CR and LF end the command.",
    ),
    solution="""
        15 + 2 + 3 + 4 are 24. The end of the last line is the end of the command, and not counted:

            console.type(\"\"\"b2 APPEND INBOX {24}
            Subject: Dots

            .
            more\"\"\")
    """,
    second_way="""
        `imaplib` counts for you:

            mail = bob.imaplib()
            mail.login("bob@example.org", "secret-bob")
            mail.append("INBOX", None, None, b"Subject: Dots\\r\\n\\r\\n.\\r\\nmore\\r\\n")
            mail.logout()
    """,
    explanation="""
        The same letter needs a second dot in SMTP and in POP3. Which way is better? A dot can be typed
        without counting. A length lets the receiver say no beforehand, and skip what it does
        not want to read.
    """,
)
def a_dot_unharmed(capture: Evidence) -> str | None:
    tried = [(number, row) for number, rows in _imap(capture) for row in rows if row.get("verb") == "APPEND"]
    reason = "Nothing was appended in this world yet. APPEND takes the name of a mailbox, and a literal."
    for number, row in tried:
        lines = [
            str(line.get("text"))
            for line in select(
                capture.rows("lines"), connection=number, exchange=row["exchange"], sender="client"
            )
        ]
        if row.get("status") == "OK" and "." in lines[1:]:
            return None
        if row.get("status") is None:
            reason = (
                "The server still counts: your letter is shorter than the number in braces. Type the rest."
            )
        elif row.get("status") != "OK":
            reason = (
                f"APPEND was answered with `{reply_words(row)}`. Count again: every line has CR and LF too."
            )
        elif any(line.startswith("..") for line in lines[1:]):
            reason = "A line has two dots, and Bob will read two: nobody takes one away here."
        else:
            reason = "A letter was appended, and none of its lines is only a dot."
    return reason


not_in_one_breath = quiz(
    "14.4",
    title="Not in one breath",
    question="""
        Which of these must a client not send in one breath, without waiting for replies?
    """,
    choices=(
        Choice("a", "`FETCH 1 BODY[]` and `FETCH 2 BODY[]`",
               "Neither changes what the other means. The server may even answer the second one first."),
        Choice("b", "`STORE 2 +FLAGS (\\Deleted)`, `EXPUNGE` and `STORE 3 +FLAGS (\\Deleted)`",
               "If letter 2 is expunged first, 3 is now the letter that was 4: the wrong one is marked. A "
               "client waits for the EXPUNGE, or speaks of letters by their UIDs, which never move (RFC "
               "9051 5.5).",
               right=True),
        Choice("c", "`NOOP`, `SEARCH ALL` and `STATUS Recipes (MESSAGES)`",
               "None of them changes anything. With their tags the three replies cannot be mixed up."),
        Choice("d", "`UID STORE 17 +FLAGS (\\Deleted)`, `UID EXPUNGE 17` and `UID FETCH 18 BODY[]`",
               "A UID belongs to one letter for good. 18 stays 18, whatever becomes of 17."),
    ),
    hints=(
        "Two commands are in each other's way if the first changes what the second one names.",
        "You have just seen what EXPUNGE does to the number 1.",
        "Numbers move when a letter goes. UIDs do not.",
    ),
    solution="""
        b. Behind an EXPUNGE every higher number names another letter.
    """,
    second_way="""
        Try it in a world of four letters, and look at the subjects of those that are marked.
    """,
)  # fmt: skip
