"""Exercises of notebook 12, a session of POP3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from labkit.course.answers import Unreadable
from labkit.course.evidence import Evidence, reply_words
from labkit.course.model import exercise
from labkit.course.visits import LOGINS, Visit, visits
from labkit.grammar.pop3 import find_timestamp
from labkit.views.rows import select
from labkit.views.words import listing, short

PASSWORD = "secret-bob"
"""Bob's password in the worlds of this notebook."""
LETTERS = 20
"""How many letters wait for Bob in the section on round trips."""


@exercise(
    "12.1",
    title="One letter less",
    question="""
        Three letters wait for Bob. Type a session that deletes letter 2 on the server, and no other.
    """,
    hints=(
        "A session goes through three states. Say who you are, do your work, and leave in the way that "
        "makes it count.",
        "`USER bob@example.org` and `PASS secret-bob` open the maildrop. `DELE` and a number marks one.",
        "A mark is only a mark. Marked letters are deleted in the update state, and only QUIT leads there.",
    ),
    solution="""
        Log in, mark letter 2, and say goodbye:

            USER bob@example.org
            PASS secret-bob
            DELE 2
            QUIT
    """,
    second_way="""
        With Python's own POP3 client, which says the same words:

            mail = bob.poplib()
            mail.user("bob@example.org")
            mail.pass_("secret-bob")
            mail.dele(2)
            mail.quit()
    """,
    explanation="""
        DELE marks, QUIT deletes. Between the two you could have changed your mind with RSET, or lost the
        line, and nothing would have been gone.
    """,
)
def one_letter_less(capture: Evidence) -> str | None:
    made = visits(capture)
    if not made:
        return "Nobody has called port 110 in this world yet. Run the section from its first cell."
    for visit in made:
        if wrong := visit.deleted - {"2"}:
            return (
                f"QUIT on connection {visit.number} deleted letter {listing(sorted(wrong))} as well. It "
                "cannot be had back: run the section from its first cell, and mark only letter 2."
            )
    return None if any(visit.deleted for visit in made) else _not_deleted(made[-1])


def _not_deleted(visit: Visit) -> str:
    """Why letter 2 is still there after this visit."""
    if not visit.logged_in:
        refused = visit.refused(*LOGINS)
        if refused:
            return f"The login was refused with `{reply_words(refused)}`. Say USER again, and PASS behind it."
        early = visit.refused("STAT", "LIST", "RETR", "DELE", "RSET", "NOOP")
        if early:
            return (
                f"{early['verb']} came too early: `{reply_words(early)}`. You are in the authorization "
                "state; say who you are with USER and PASS."
            )
        return "You are in the authorization state. Say who you are: `USER bob@example.org`, then PASS."
    if wrong := visit.marked - {"2"}:
        return (
            f"Letter {listing(sorted(wrong))} is marked, and should stay. RSET takes all marks away; "
            "then mark letter 2."
        )
    if "2" in visit.marked:
        if visit.ended is not None:
            return (
                "Letter 2 was marked, and the connection ended without QUIT. There was no update state, so "
                "nothing was deleted. Connect again."
            )
        return "Letter 2 is marked and still lies on the server. Which command leads into the update state?"
    if "2" in visit.unmarked:
        return "Letter 2 was marked, and RSET took the mark away. Mark it again, and leave with QUIT."
    refused = visit.refused("DELE")
    if refused:
        return f"DELE was refused with `{reply_words(refused)}`. Its argument is the number of a letter."
    if visit.quit:
        return "You left with QUIT, and no letter was marked. Connect again, and mark letter 2 with DELE."
    return "You are in the transaction state, and no letter is marked. DELE marks one, by its number."


@exercise(
    "12.2",
    title="APOP by hand",
    question="""
        Log in as Bob without sending his password. Take the timestamp from the greeting of your connection,
        compute the digest with `hashlib`, and send `APOP` with name and digest.
    """,
    hints=(
        "The server knows the password too. Both of you can compute something from the password and "
        "from a text that is new in each greeting.",
        "The digest is the MD5 of the timestamp with `<` and `>`, and of the password directly behind it, "
        "as 32 hexadecimal digits in lower case.",
        "`hashlib.md5((timestamp + password).encode()).hexdigest()`, with the timestamp of the very "
        "connection on which you send it.",
    ),
    solution="""
        Cut the timestamp out of the greeting, put the password behind it, and hash both:

            timestamp = greeting[greeting.index("<"):]
            digest = hashlib.md5((timestamp + "secret-bob").encode()).hexdigest()
            console.type(f"APOP bob@example.org {digest}")
    """,
    second_way="""
        Python's own POP3 client knows APOP, and does the same with the greeting:

            mail = bob.poplib()
            mail.apop("bob@example.org", "secret-bob")
    """,
    explanation="""
        Name and digest crossed the wire, the password did not. The timestamp is another one next time, so the
        digest that somebody overhears opens nothing.
    """,
)
def apop_by_hand(capture: Evidence) -> str | None:
    tries = [row for row in capture.with_secrets.exchanges if row.get("verb") == "APOP"]
    if not tries:
        return (
            "No APOP was sent in this world yet. Compute the digest, and send it in place of USER and PASS."
        )
    if any(row.get("status") == "+OK" for row in tries):
        return None
    last = tries[-1]
    name, _, digest = str(last.get("argument") or "").strip().rpartition(" ")
    if not name:
        return f"APOP takes two arguments, the name and the digest. The server said `{reply_words(last)}`."
    if name != "bob@example.org":
        return f"The name in your APOP is “{short(name, 40)}”. Bob logs in as bob@example.org."
    greetings = [row for row in capture.exchanges if row.get("verb") is None]
    own = select(greetings, connection=last["connection"])
    timestamp = find_timestamp(own[0].get("text") or "") if own else None
    if timestamp is None:
        return "The greeting of this connection has no timestamp, so it offers no APOP."
    if digest.lower() == _md5(timestamp + PASSWORD):
        return f"The digest is right, and refused all the same; the reply says why: `{reply_words(last)}`."
    elsewhere = [find_timestamp(row.get("text") or "") for row in greetings]
    return _wrong_digest(digest, timestamp, [each for each in elsewhere if each and each != timestamp])


def _wrong_digest(digest: str, timestamp: str, others: list[str]) -> str:
    """What was probably hashed in place of timestamp and password."""
    if len(digest) != 32:
        return f"A digest of APOP is 32 hexadecimal digits, those of MD5; yours has {len(digest)} characters."
    for texts, reason in (
        ([timestamp.strip("<>") + PASSWORD],
         "The timestamp was hashed without `<` and `>`, which belong to it."),
        ([PASSWORD + timestamp], "The password was hashed first. The timestamp comes first."),
        ([PASSWORD],
         "Only the password was hashed. That would be the same each time, and whoever overhears it once "
         "could use it for ever. The timestamp comes before it."),
        ([timestamp], "Only the timestamp was hashed. Anybody could do that; the password comes behind it."),
        ([timestamp + gap + PASSWORD + end for gap in ("", " ") for end in ("", " ", "\n", "\r\n")],
         "There is a space or a line end in what was hashed. The password comes directly behind the `>`, "
         "and nothing behind the password."),
        ([other + PASSWORD for other in others],
         "The timestamp is that of another connection. Each greeting has its own: compute the digest anew."),
    ):  # fmt: skip
        if digest.lower() in map(_md5, texts):
            return reason
    return (
        "The server computed another digest. Check what you hash, character by character: the timestamp "
        f"`{timestamp}` of this connection, then Bob's password."
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@exercise(
    "12.3",
    title="The listener's turn",
    question="""
        You are the listener. Carol has logged in with APOP, and her password is one of forty that many people
        have. Which one? Answer with the password.
    """,
    expects="one word of the list",
    hints=(
        "The digest does not tell the password. But you can make digests yourself, and compare.",
        "`world.capture.with_secrets().exchanges` has the greeting with the timestamp, and the row of APOP "
        "with the digest.",
        "For each word of `COMMON`: is `hashlib.md5((timestamp + word).encode()).hexdigest()` the digest?",
    ),
    solution="""
        Make the digest of each word, and take the word whose digest was on the wire:

            import hashlib

            rows = world.capture.with_secrets().exchanges
            greeting = rows.text.iloc[0]
            timestamp = greeting[greeting.index("<"):]
            digest = rows[rows.verb == "APOP"].argument.iloc[0].split()[1]
            for word in COMMON:
                if hashlib.md5((timestamp + word).encode()).hexdigest() == digest:
                    answer = word
    """,
    second_way="""
        Turn it round: with timestamp and digest as above, make all forty digests first, as a dict, and look
        up the one that was heard.

            book = {hashlib.md5((timestamp + word).encode()).hexdigest(): word for word in COMMON}
            answer = book[digest]
    """,
    explanation="""
        APOP never sends the password, and gives every listener the means to check a guess. One hash a guess:
        a common computer tries millions in a second. Only a password that is on nobody's list withstands it.
    """,
)
def the_listeners_turn(answer: Any, capture: Evidence) -> str | None:
    secrets = capture.with_secrets.exchanges
    heard = [row for row in secrets if row.get("verb") == "APOP" and row.get("status") == "+OK"]
    if not heard:
        return "Nobody has logged in with APOP in this world. Run the cell in which Carol fetches her mail."
    if not isinstance(answer, str):
        raise Unreadable("The answer is not one word in quotes.")
    word = answer.strip()
    digest = str(heard[0].get("argument") or "").split()[-1]
    greeting = next(row for row in select(secrets, connection=heard[0]["connection"]) if not row.get("verb"))
    timestamp = find_timestamp(greeting.get("text") or "") or ""
    if _md5(timestamp + word) == digest:
        return None
    if word.lower() == digest:
        return "That is the digest itself. Which word of the list makes it?"
    if word in (timestamp, timestamp.strip("<>")):
        return "That is the timestamp, which everybody may know. Which word behind it makes the digest?"
    if word == PASSWORD:
        return "That is Bob's password. Carol has her own, and it is one of the list."
    if _md5(timestamp + word.lower()) == digest:
        return "Nearly: capital letters count in a password. Write it as it stands in the list."
    made = _md5(timestamp + word)
    return (
        f"With “{short(word, 30)}” the digest would begin with {made[:6]}; on the wire it begins with "
        f"{digest[:6]}. Try the next word, or let a loop do it."
    )


@exercise(
    "12.4",
    title="Marked and not deleted",
    question="""
        Let Bob mark letters with DELE and leave, so that afterwards all of them are still there. Do it on two
        connections, in two different ways.
    """,
    hints=(
        "What has to happen before a marked letter is deleted? Find ways in which it does not happen.",
        "Bob may change his mind; or say nothing for very long; or his computer goes away without a word; or "
        "the line is cut.",
        '`console.type("RSET\\nQUIT")` is one way. `console.close()` ends a connection without a word, '
        "`world.wait(601)` lets ten minutes pass.",
    ),
    solution="""
        Change your mind on the first connection, vanish from the second:

            for ending in ("RSET\\nQUIT", "NOOP"):
                console = bob.console(bob.server, 110)
                console.connect()
                console.type("USER bob@example.org\\nPASS secret-bob\\nDELE 1")
                console.type(ending)
                console.close()
    """,
    second_way="""
        Let the server lose patience, and let the line break:

            login = "USER bob@example.org\\nPASS secret-bob\\nDELE 1"
            console = bob.console(bob.server, 110)
            console.connect()
            console.type(login)
            world.wait(601)
            with world.fault("cut-after:200"):
                console = bob.console(bob.server, 110)
                console.connect()
                console.type(login + "\\nLIST\\nLIST\\nLIST\\nLIST\\nLIST")
    """,
    explanation="""
        Whatever ends a session without QUIT leaves the maildrop as it was (RFC 1939 6). What is kept is never
        lost by an accident; at worst it is fetched twice.
    """,
)
def marked_and_not_deleted(capture: Evidence) -> str | None:
    marking = [visit for visit in visits(capture) if visit.marked or visit.unmarked]
    if not marking:
        return "No letter was marked on any connection of this world yet. Log in, and mark one with DELE."
    for visit in marking:
        if visit.deleted:
            return (
                f"QUIT on connection {visit.number} deleted letter {listing(sorted(visit.deleted))}: it was "
                "marked, and QUIT leads into the update state. Begin with a new world."
            )
    ways = {way: visit.number for visit in marking for way in [visit.way_out] if way}
    if len(ways) >= 2:
        return None
    lingering = [visit for visit in marking if visit.ended is None and visit.marked]
    if lingering:
        return (
            f"Connection {lingering[-1].number} is still open, with a letter marked. The story is not over: "
            "leave, in a way that deletes nothing."
        )
    if not ways:
        return "The marks were taken back with RSET. Now leave with QUIT, and look whether all is there."
    (way,) = ways
    return f"That is one way: {way}. Find a second, on another connection."


@exercise(
    "12.5",
    title="Twenty letters in three round trips",
    question="""
        Fetch all twenty letters, typed by hand, in at most three round trips. `console.send` sends several
        lines in one write and does not wait; `console.reply()` then reads one reply after the other.
    """,
    hints=(
        "Which command needs to know the reply to the one before it? If none does, none has to wait.",
        "The server says in its greeting that it is there; all the rest may leave at once. The "
        "letters have the numbers 1 to 20, and you know that without asking.",
        '`lines = ["USER …", "PASS …", *(f"RETR {n}" for n in range(1, 21)), "QUIT"]`, then '
        '`console.send("\\n".join(lines))`, and a reply for each line.',
    ),
    solution="""
        All in one write, then one reply for each command:

            lines = ["USER bob@example.org", "PASS secret-bob"]
            lines += [f"RETR {number}" for number in range(1, 21)] + ["QUIT"]
            console.send("\\n".join(lines))
            for line in lines:
                console.reply()
    """,
    second_way="""
        A careful client logs in first, and sends the rest only when it is let in. That is three round trips:

            console.ask("USER bob@example.org")
            console.ask("PASS secret-bob")
            lines = [f"RETR {number}" for number in range(1, 21)] + ["QUIT"]
            console.send("\\n".join(lines))
            for line in lines:
                console.reply()
    """,
    explanation="""
        A round trip is the price of waiting for a reply, not the price of a command. Commands that do not
        depend on each other's replies can share one (RFC 2449 6.6).
    """,
)
def three_round_trips(capture: Evidence) -> str | None:
    found = list(_fetched(capture))
    if not found:
        return "No letter was fetched in this world yet. Log in, and send RETR for each of them."
    whole = [(trips, number) for trips, letters, number in found if len(letters) >= LETTERS]
    if not whole:
        trips, letters, number = max(found, key=lambda each: len(each[1]))
        return (
            f"On connection {number} only {len(letters)} of {LETTERS} letters arrived. Send a RETR for each, "
            "and read as many replies as you sent lines."
        )
    trips, number = min(whole)
    if trips <= 3:
        return None
    if trips > LETTERS:
        return (
            f"All letters arrived, in {trips} round trips: each RETR waited for the reply before it. Put all "
            "lines into one `console.send`."
        )
    return (
        f"All letters arrived, in {trips} round trips on connection {number}. Better; three are enough. What "
        "did you still wait for?"
    )


def _fetched(capture: Evidence) -> Iterator[tuple[int, set[str], int]]:
    """Round trips, the letters that were retrieved, and the number, of each POP3 connection."""
    for row in capture.speaking("pop3"):
        rows = select(capture.exchanges, connection=row["connection"], verb="RETR", status="+OK")
        if rows:
            yield row.get("round_trips") or 0, {str(each.get("argument")) for each in rows}, row["connection"]
