"""Exercises of notebook 06, a session of SMTP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from labkit.course.answers import mapping, word, words
from labkit.course.evidence import Evidence, reply_words
from labkit.course.model import exercise
from labkit.grammar.sasl import MECHANISMS
from labkit.views.rows import Row, select
from labkit.views.words import listing

DOORS = {25: "the door for servers", 587: "the door for people"}
FIRST_DIGITS = {"2": "done", "3": "go on", "4": "not now", "5": "no"}


@exercise(
    "06.1",
    title="What is only offered to people",
    question="""
        Say hello at port 587 of Alice's server too. Which keyword is offered there, and not at port 25 of
        Bob's? Answer with the keyword, or with a list if there are several.
    """,
    expects="""a keyword such as "SIZE", or a list of them""",
    hints=(
        "Ask in the same way as at port 25, and compare the two replies line by line.",
        '`submission.type("EHLO me-pc.example.com")` asks. A keyword is the first word of a line; what '
        "stands behind it is its parameter. The first line only greets.",
        "Strangers need not prove at port 25 who they are. At port 587 they must, and one keyword says how.",
    ),
    solution="""
        Say EHLO at both doors. One line is there only at port 587:

            submission.type("EHLO me-pc.example.com")
            answer = "AUTH"
    """,
    second_way="""
        Let Python compare: `smtplib` keeps the keywords of the last EHLO.

            mail = me.smtplib()
            offered = []
            for host, port in (("mail.example.com", 587), ("mail.example.org", 25)):
                mail.connect(host, port)
                mail.ehlo()
                offered.append(set(mail.esmtp_features))
            answer = offered[0] - offered[1]
    """,
    explanation="""
        AUTH is how people log in, and its parameters are the ways to do it (RFC 4954). At port 25 any server
        may come with a letter for those who live here; at port 587 the server's own people hand in letters
        for anybody, so it has to know who they are (RFC 6409 4.3).
    """,
)
def only_for_people(answer: Any, capture: Evidence) -> str | None:
    offered = {port: _offered(capture, port) for port in DOORS}
    for port, keywords in offered.items():
        if not keywords:
            return f"Nobody has said EHLO at port {port} in this world yet, {DOORS[port]}."
    given = {each.upper().split()[0] for each in words(answer) if each}
    there, elsewhere = offered[587], offered[25]
    if given == there - elsewhere:
        return None
    if mechanisms := given & {each.upper() for each in MECHANISMS}:
        return f"{listing(sorted(mechanisms))} is a parameter: it stands behind the keyword in its line."
    if both := sorted(given & there & elsewhere):
        return f"{listing(both)} is offered at both doors."
    if strange := sorted(given - there):
        return f"{listing(strange)} is not offered at port 587. Look at the first word of each line."
    return "There is one more that stands only in the reply at port 587."


def _offered(capture: Evidence, port: int) -> set[str]:
    """The keywords of the last reply to EHLO at this port."""
    for row in reversed(_rows(capture, port)):
        if row.get("verb") == "EHLO" and row.get("status") == "250":
            return {line.split()[0].upper() for line in str(row.get("text")).split("\n")[1:] if line.split()}
    return set()


def _rows(capture: Evidence, *ports: int) -> list[Row]:
    """The exchanges of SMTP at these ports, or at all."""
    numbers = [row["connection"] for row in capture.speaking("smtp")]
    if ports:
        numbers = [number for number in numbers if capture.ends[number].get("server_port") in ports]
    return [row for row in capture.exchanges if row["connection"] in numbers]


@exercise(
    "06.2",
    title="All four digits",
    question="""
        Hold a session in which the server says something with each first digit: 2, 3, 4 and 5. Use one
        connection, with the fault switched on as it stands there.
    """,
    hints=(
        "2 and 5 you have seen above. The fault says “not now” to the first command that asks for something, "
        "and after that all is as ever. So ask for the same thing again.",
        "3 means “go on”: the server waits for something that is no command. When you have sent MAIL and an "
        "accepted RCPT, which command makes it wait for a letter?",
        "EHLO, MAIL, RCPT, the same RCPT again, DATA, a line with only a dot; and one command that does not "
        "exist.",
    ),
    solution="""
        The second RCPT is accepted, because the fault acts once:

            with world.fault("temporary-failure"):
                print(console.type(\"\"\"EHLO me-pc.example.com
            STAT
            MAIL FROM:<me@example.com>
            RCPT TO:<bob@example.org>
            RCPT TO:<bob@example.org>
            DATA
            .\"\"\"))
    """,
    second_way="""
        At port 587 the server says 3 sooner: it waits for the words of a login. A line with only `*` ends
        that, with 501.

            console = me.console("mail.example.com", 587)
            console.connect()
            with world.fault("temporary-failure:1,NOOP"):
                print(console.type("EHLO me-pc.example.com\\nNOOP\\nAUTH LOGIN\\n*"))
    """,
    explanation="""
        Whatever the text says, you could have led this session by the first digits alone. That is how
        programs lead it.
    """,
)
def all_four_digits(capture: Evidence) -> str | None:
    best: dict[str, str] = {}
    for number in {row["connection"]: None for row in _rows(capture)}:
        said: dict[str, str] = {}
        for row in select(capture.exchanges, connection=number):
            code = str(row.get("status") or "")
            if row.get("verb") is not None:  # the greeting answers no command
                said.setdefault(code[:1], code)
        if len(said.keys() & FIRST_DIGITS) > len(best):
            best = {digit: said[digit] for digit in FIRST_DIGITS if digit in said}
    if len(best) == 4:
        return None
    if not best:
        return "No command was answered in this world yet. Say EHLO, and see."
    missing = [f"{digit} ({means})" for digit, means in FIRST_DIGITS.items() if digit not in best]
    return (
        f"The best connection so far has {listing(list(best.values()))}. What is missing there is a reply "
        f"that begins with {listing(missing)}. {_nudge(missing[0][0])}"
    )


def _nudge(digit: str) -> str:
    return {
        "2": "Say something that the server can do.",
        "3": "After which command of notebook 00 did the server wait for more?",
        "4": "The fault refuses one command that asks for something: begin a letter while it is on.",
        "5": "Say something that it cannot understand.",
    }[digit]


MEANS = {
    "done": "done",
    "go on": "go on",
    "continue": "go on",
    "not now": "not now",
    "later": "not now",
    "try again": "not now",
    "no": "no",
    "give up": "no",
}


@exercise(
    "06.3",
    title="Be the program",
    question="""
        What does a client make of each of these codes? Answer for each with one of
        `"done"`, `"go on"`, `"not now"`, `"no"`.
    """,
    expects='a dict such as `{"252": "done"}`, with "done", "go on", "not now" or "no" for each code',
    hints=(
        "You need not know the codes. A program that is older than the code does not know it either.",
        "Look at the first digit only, and into the table of this section.",
        "599 does not exist in any list. It begins with 5.",
    ),
    solution="""
        The first digit of each:

            answer = {"252": "done", "334": "go on", "421": "not now",
                      "452": "not now", "554": "no", "599": "no"}
    """,
    second_way="""
        As the program would:

            means = {"2": "done", "3": "go on", "4": "not now", "5": "no"}
            answer = {code: means[code[0]] for code in ("252", "334", "421", "452", "554", "599")}
    """,
    explanation="""
        A client that does not know the rest of a code goes by its first digit (RFC 5321 4.3.2). So new codes
        could be added for forty years without breaking old programs. With 421 the server also hangs up; the
        letter is kept all the same.
    """,
)
def be_the_program(answer: Any) -> str | None:
    given = mapping(answer)
    codes = ("252", "334", "421", "452", "554", "599")
    missing = [code for code in codes if code not in given or given[code] in (..., None, "")]
    for code in codes:
        if code in missing:
            continue
        means, right = MEANS.get(word(given[code])), FIRST_DIGITS[code[0]]
        if means is None:
            return f"“{given[code]}” for {code} is none of {listing(list(FIRST_DIGITS.values()))}."
        if means != right:
            return f"{code} is not “{means}”. {_WHY[code]}"
    return f"What is {listing(missing)}? The first digit is enough." if missing else None


_WHY = {
    "252": "The server cannot promise that the mailbox exists, and the command is done: it begins with 2.",
    "334": "Nothing is done yet: the server waits for the next words of a login.",
    "421": "The server goes away, and says nothing against the letter. A queue comes back.",
    "452": "There is no room at this moment. Tomorrow there may be.",
    "554": "It begins with 5: to try the same again would be of no use.",
    "599": "Nobody knows what it means exactly. Its first digit is known.",
}


@exercise(
    "06.4",
    title="Six commands, and none refused",
    question="""
        Hold a session of at least six different commands, all answered with 2, and end it properly. No letter
        is needed.
    """,
    hints=(
        "Section 4 names the commands that are possible at any time. The last one ends the session.",
        "EHLO comes first, HELO may come behind it. NOOP, RSET, HELP and VRFY change nothing.",
        "VRFY wants an argument, RSET and QUIT have none. If one command was refused, connect again.",
    ),
    solution="""
        One of each:

            console = me.console("mail.example.org", 25)
            console.connect()
            console.type(\"\"\"EHLO me-pc.example.com
            NOOP
            HELP
            VRFY bob@example.org
            RSET
            QUIT\"\"\")
    """,
    second_way="""
        Python's own client has a method for each of them, and `docmd` for the rest:

            mail = me.smtplib()
            mail.connect("mail.example.org", 25)
            mail.ehlo(), mail.noop(), mail.help(), mail.verify("bob@example.org"), mail.rset()
            mail.quit()
    """,
    explanation="""
        That is a whole session: greeting, hello, work, goodbye. QUIT matters, since the one who hangs up
        without it cannot know what the other has understood (RFC 5321 4.1.1.10).
    """,
)
def six_commands(capture: Evidence) -> str | None:
    tried = [
        rows
        for number in dict.fromkeys(row["connection"] for row in _rows(capture))
        if (rows := [row for row in select(capture.exchanges, connection=number) if row.get("verb")])
    ]
    if not tried:
        return "No command was sent in this world yet. Connect, and say EHLO."
    reasons = [_lacking(rows) for rows in tried]
    return None if None in reasons else reasons[-1]


def _lacking(rows: list[Row]) -> str | None:
    """What this session lacks to be one of six commands with none refused."""
    for row in rows:
        if not str(row.get("status") or "").startswith("2"):
            said = reply_words(row) or "nothing"
            return f"{row['verb']} was answered with `{said}`. Connect again; leave it out, or put it right."
    verbs = _different(rows)
    if "QUIT" not in verbs:
        return (
            f"So far {listing(verbs)} on this connection, none of them refused. It has to end with QUIT."
            if len(verbs) >= 5
            else f"That is {len(verbs)} different: {listing(verbs)}. Go on on this connection."
        )
    if len(verbs) < 6:
        return f"The session has ended with {len(verbs)} different commands: {listing(verbs)}. Six are asked."
    return None


def _different(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(str(row["verb"]) for row in rows))
