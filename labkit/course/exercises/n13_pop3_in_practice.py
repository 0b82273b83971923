"""Exercises of notebook 13: POP3 in practice, and a server of one's own."""

from __future__ import annotations

from typing import Any

from labkit.course.answers import Unreadable, number
from labkit.course.evidence import Evidence, reply_words
from labkit.course.model import exercise
from labkit.course.stages import first_departure
from labkit.course.stages_pop3 import STAGES
from labkit.views.rows import Row, select
from labkit.views.words import short

NEW = ("Tuesday 1", "Tuesday 2")
"""The subjects of the letters that came since Bob's PC fetched."""


def _retrieved(capture: Evidence) -> list[Row]:
    return [row for row in capture.messages if row["direction"] == "retrieved"]


@exercise(
    "13.1",
    title="Only what is new",
    question="""
        It is Tuesday, and Bob's PC knows the unique-ids of Monday. Write the part that is missing: fetch
        the letters that the PC has not got yet, and none of the others.
    """,
    hints=(
        "The numbers have moved since Monday. What has not?",
        "`client.uidl()[1]` is a list of lines such as `b'1 1767603600.2'`: a number and a unique-id.",
        "For each line: split it, look whether the name is in `known`, and if it is not, "
        "`client.retr(number)`.",
    ),
    solution="""
        Ask for the names, and fetch those you do not know:

            for line in client.uidl()[1]:
                number, name = line.split()
                if name not in known:
                    client.retr(int(number))
    """,
    second_way="""
        By hand, in a console: `UIDL`, compare the names with those of Monday by eye, and `RETR` the two
        numbers whose names are new.
    """,
    explanation="""
        A number belongs to one session, a unique-id to the letter. A program that leaves mail on the server
        needs to remember names, and nothing else (RFC 1939 7).
    """,
)
def only_what_is_new(capture: Evidence) -> str | None:
    rows = _retrieved(capture)
    first = min((row["connection"] for row in rows), default=None)
    before = {row["message_id"] for row in rows if row["connection"] == first}
    later = [row for row in rows if row["connection"] != first]
    if not later:
        return _nothing_fetched(capture, first)
    last = later[-1]["connection"]
    again = [row for row in later if row["message_id"] in before and row["connection"] == last]
    if again:
        return (
            f"The letter “{short(again[0]['subject'], 40)}” was fetched again; the PC had it since Monday. "
            "Is its name in `known`?"
        )
    missing = [subject for subject in NEW if subject not in {row["subject"] for row in later}]
    if missing:
        return (
            f"The letter “{missing[0]}” is still on the server, and not on the PC. Letter 1 of Monday is "
            "gone, so all numbers have moved: go by the names."
        )
    if not select(capture.exchanges, connection=last, verb="UIDL"):
        return "These are the right letters. But how did your program know? Ask the server with UIDL."
    return None


def _nothing_fetched(capture: Evidence, monday: int | None) -> str:
    """What a program may have stopped at on Tuesday."""
    refused = [
        row
        for row in capture.exchanges
        if row.get("verb") in ("PASS", "RETR") and row["status"] == "-ERR" and row["connection"] != monday
    ]
    if not refused:
        return "Nothing was fetched on Tuesday yet. Ask for the names of the letters, and compare."
    row = refused[-1]
    if row.get("response_code") == "IN-USE":
        return (
            "The login was refused with [IN-USE]: an earlier session, which stopped at an error, still has "
            "the maildrop. Run the section from its first cell."
        )
    wanted = str(row.get("argument") or "")
    if row["verb"] == "RETR" and not wanted.isdecimal():
        return (
            f"RETR asked for letter “{short(wanted, 20)}”, which is no number: `{reply_words(row)}`. What "
            "`poplib` returns is bytes; `int(number)` makes a number of them. Run the section from its "
            "first cell."
        )
    return f"{row['verb']} was refused with `{reply_words(row)}`."


@exercise(
    "13.2",
    title="Fetched in vain",
    question="""
        In the way “keep”, how many octets of letters did Bob's two hosts fetch although they had these
        letters already? Count the letters themselves, not the commands around them.
    """,
    expects="a number of octets",
    hints=(
        "`world.capture.messages` has a row for each letter on each connection. Those with the direction "
        '"retrieved" were fetched.',
        "The first time that a host fetches a letter is not in vain, and there are two hosts. "
        "`world.capture.connections` has the `client_name` of each connection.",
        "Merge the two tables on `connection`. `rows.duplicated([…])` marks all but the first of its kind.",
    ),
    solution="""
        A row is in vain when the same host has the same Message-ID further up:

            letters = world.capture.messages.query("direction == 'retrieved'")
            names = world.capture.connections[["connection", "client_name"]]
            rows = letters.merge(names, on="connection")
            answer = rows[rows.duplicated(["client_name", "message_id"])].octets.sum()
    """,
    second_way="""
        All octets that were fetched, less each letter once for the PC and once for the phone:

            letters = world.capture.messages.query("direction == 'retrieved'")
            once = letters.drop_duplicates("message_id").octets.sum()
            answer = letters.octets.sum() - 2 * once
    """,
    explanation="""
        Nearly all of the traffic was in vain. Without names a host cannot know what it has, so it must
        either delete or fetch everything each time.
    """,
)
def fetched_in_vain(answer: Any, capture: Evidence) -> str | None:
    rows = _retrieved(capture)
    host = {row["connection"]: row["client_name"] for row in capture.connections}
    once = {(host[row["connection"]], row["message_id"]): row["octets"] for row in rows}
    letters = {row["message_id"]: row["octets"] for row in rows}
    total = sum(row["octets"] for row in rows)
    right = total - sum(once.values())
    if not right:
        return "In this world nothing was fetched twice. Take the world of the way “keep”."
    given = number(answer)
    if given == right:
        return None
    if given == total:
        return "These are all octets of all letters fetched; the first time was not in vain."
    if given == total - sum(letters.values()):
        return "Bob has two hosts. The first time that each of them fetches a letter is not in vain."
    if given == len(rows) - len(once):
        return "That is how many letters were fetched in vain. The question asks for their octets."
    if given == sum(row["octets_received"] or 0 for row in capture.speaking("pop3")):
        return "That is all that the server said, in every session. Count the letters alone."
    side = "less" if given > right else "more"
    return f"It was {side} than that. Which rows have a host and a letter that stand further up already?"


@exercise(
    "13.3",
    title="Two at the door",
    question="""
        Let Bob's PC and his phone meet at the maildrop, so that the phone is refused with `[IN-USE]`. Then
        let the phone in, on the same connection.
    """,
    hints=(
        "Both must log in, and the first must still be there when the second comes.",
        "The phone stays connected after it was refused; it may say USER and PASS again.",
        '`pc.type("QUIT")`, and then once more `phone.type("USER …\\nPASS …")`.',
    ),
    solution="""
        The PC logs in, the phone is refused, the PC leaves, the phone tries again:

            pc.type("USER bob@example.org\\nPASS secret-bob")
            phone.type("USER bob@example.org\\nPASS secret-bob")
            pc.type("QUIT")
            phone.type("USER bob@example.org\\nPASS secret-bob")
    """,
    second_way="""
        The PC need not say goodbye. `pc.close()` in place of QUIT closes the connection without a word: the
        lock goes with it, and nothing is deleted.
    """,
    explanation="""
        The lock belongs to a session, and ends with it, however it ends. `[IN-USE]` told the phone that its
        password was right, so it could try again without asking Bob (RFC 2449 8.1.2).
    """,
)
def two_at_the_door(capture: Evidence) -> str | None:
    tried = [row for row in capture.exchanges if row["protocol"] == "pop3" and row.get("verb") == "PASS"]
    if not tried:
        return "Nobody has logged in by POP3 yet. Let the PC be the first."
    refused = [row for row in tried if row.get("response_code") == "IN-USE"]
    if not refused:
        wrong = [row for row in tried if row["status"] == "-ERR"]
        if wrong:
            return (
                f"A login was refused for another reason: `{reply_words(wrong[-1])}`. Look at the password."
            )
        return "Nobody was refused with [IN-USE]. The second must come while the first is still logged in."
    for row in refused:
        later = [one for one in tried if one["connection"] == row["connection"] and one["time"] > row["time"]]
        if any(one["status"] == "+OK" for one in later):
            return None
    if any(row["status"] == "+OK" and row["time"] > refused[-1]["time"] for row in tried):
        return (
            "Somebody got in later, but on another connection. The one that was refused can try again itself."
        )
    if any(row["connection"] == refused[-1]["connection"] and row is not refused[-1] for row in refused):
        return "It tried again, and the maildrop was still locked. First the other session must end."
    return "One was refused with [IN-USE], as it should be. Now let it in: end the other session, try again."


@exercise(
    "13.4",
    title="A server in eight stages",
    question="""
        Write a POP3 server. `play(MyServer)` plays eight transcripts against it and shows where the two
        part; the stages below say what each is about. It is solved when your server says every line.
    """,
    expects="your class, MyServer",
    hints=(
        "One stage at a time: read the transcript, write the least that passes it, play again.",
        "Keep what the session must remember in `self`: the name from USER, the account, the letters, the "
        "marks. Set it in `greet`, so that each session begins anew.",
        "Each stage has its solution in a fold. Put it into your class, and go on with the next.",
    ),
    solution="""
        The eight solutions together are some sixty lines. The whole class stands at the end of the
        notebook, in a fold, and in the lab:

            from labkit.course.first_server import FirstServer as MyServer
    """,
    second_way="""
        A method for each command is one form. One `answer` with a `match` is another:

            def answer(self, line):
                match line.split():
                    case ["QUIT"]:
                        ...
                    case ["RETR", number] if number.isdecimal():
                        ...
    """,
    explanation="""
        That is a POP3 server: three states, a handful of commands, a dot at the end, and nothing deleted
        before QUIT. What labkit's own has beyond it is more commands and more care.
    """,
)
def a_server_in_eight_stages(answer: Any) -> str | None:
    if isinstance(answer, str | bytes | int | float | dict | list) or not callable(answer):
        raise Unreadable(f"The answer is {type(answer).__name__}, not a class.")
    parted = first_departure(answer, STAGES)
    return None if parted is None else f"Stage {parted.stage.number}, {parted.stage.title}: {parted.words}"


@exercise(
    "13.5",
    title="Alice's letter, from your server",
    question="""
        Alice has written to Bob, and Bob's mail server runs your class. Fetch her letter with
        `bob.poplib()`, the client of Python's standard library, which has never heard of you.
    """,
    hints=(
        "`client = bob.poplib()` connects and reads your greeting; then `client.user(…)`, `client.pass_(…)`.",
        "`client.retr(1)` returns the reply, the lines of the letter, and its size.",
        "It stops with an error? Then `play(MyServer)` says where your server and the transcript part.",
    ),
    solution="""
        With a server that passes its eight stages:

            client = bob.poplib()
            client.user("bob@example.org")
            client.pass_("secret-bob")
            client.retr(1)
            client.quit()
    """,
    second_way="""
        Any client will do: `bob.retrieve("pop3")`, or your own hands in `bob.console(bob.server, 110)`.
    """,
    explanation="""
        A client and a server that have never met, and the letter arrives: that is what a standard is for.
    """,
)
def alices_letter(capture: Evidence) -> str | None:
    calls = capture.speaking("pop3")
    if not calls:
        return "Nobody has called your server yet. Connect with `bob.poplib()`."
    welcomes = {
        row["connection"] for row in capture.exchanges if row["exchange"] == 0 and row["status"] == "+OK"
    }
    greeted = [row for row in calls if row["connection"] in welcomes]
    if not greeted:
        return "Your server was called, and did not greet. Play its stages first: `play(MyServer)`."
    own = [row for row in greeted if not (row["greeting"] or "").startswith("POP3 server ready")]
    if not own:
        return "It was labkit's own server that answered. Make the world with `World(seed=0, pop3=MyServer)`."
    numbers = {row["connection"] for row in own}
    rows = [row for row in capture.exchanges if row["connection"] in numbers]
    if any(row["connection"] in numbers for row in _retrieved(capture)):
        return None
    if not any(row.get("verb") == "PASS" and row["status"] == "+OK" for row in rows):
        return "Your server was called, and nobody has logged in. Say USER and PASS."
    refused = [row for row in rows if row.get("verb") == "RETR" and row["status"] == "-ERR"]
    if refused:
        return (
            f"Your server refused RETR with `{reply_words(refused[-1])}`. Is the letter in the mailbox yet?"
        )
    return "Somebody logged in, and has not fetched the letter. Ask for it with RETR."
