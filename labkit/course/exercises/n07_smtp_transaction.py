"""Exercises of notebook 07, a transaction of SMTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labkit.course.answers import words
from labkit.course.evidence import Evidence, reply_words
from labkit.course.model import Choice, exercise, quiz
from labkit.views.rows import Row, select
from labkit.views.words import listing

BOB, CAROL = "bob@example.org", "carol@example.org"


@exercise(
    "07.1",
    title="A blind copy",
    question="""
        Send one letter to Bob and to Carol, in one transaction. Carol may read in its header that it went to
        Bob. Nobody may read in it that it went to Carol.
    """,
    hints=(
        "Servers look at the envelope, people at the header. Carol belongs into only one of them.",
        "Two RCPT, one for each. In the letter, `To:` names Bob alone.",
        "`MAIL FROM:<me@example.com>`, `RCPT TO:<bob@example.org>`, `RCPT TO:<carol@example.org>`, `DATA`, "
        "`To: bob@example.org`, an empty line, some words, and the dot.",
    ),
    solution="""
        Carol is in the envelope only:

            console.type(\"\"\"MAIL FROM:<me@example.com>
            RCPT TO:<bob@example.org>
            RCPT TO:<carol@example.org>
            DATA
            From: me@example.com
            To: bob@example.org
            Subject: Between us

            Carol knows.
            .\"\"\")
    """,
    second_way="""
        `smtplib` takes the recipients apart from the letter, as the protocol does:

            mail = me.smtplib()
            mail.connect("mail.example.org", 25)
            mail.sendmail("me@example.com", ["bob@example.org", "carol@example.org"],
                          "To: bob@example.org\\r\\n\\r\\nCarol knows.\\r\\n")
            mail.quit()
    """,
    explanation="""
        That is all there is to a blind copy. A mail program takes the field Bcc out before it sends, and
        leaves the address in the envelope (RFC 5322 3.6.3).
    """,
)
def a_blind_copy(capture: Evidence) -> str | None:
    letters = list(_accepted(capture))
    both = [each for each, paths in letters if {BOB, CAROL} <= paths]
    if not both:
        ever = {path for _, paths in letters for path in paths}
        if {BOB, CAROL} <= ever:
            return "Bob and Carol each got a letter, in two transactions. One is enough, with two RCPT."
        if not letters:
            return "No letter was accepted in this world yet. It ends with a line that has only a dot."
        if CAROL in ever:
            return "Carol got a letter, and Bob did not get the same one. Name both in one transaction."
        return "Bob got a letter, and Carol did not. A second RCPT names her."
    reasons = [_betrays(capture, letter) for letter in both]
    return None if None in reasons else reasons[-1]


def _betrays(capture: Evidence, letter: Row) -> str | None:
    """Why this letter is no blind copy to Carol."""
    named = str(letter.get("header_to") or "").lower()
    if CAROL in named:
        return f"`To` names {CAROL}, so Bob can read it. Leave her in the envelope only."
    if _says(capture, letter, CAROL):
        return (
            f"The letter itself has {CAROL} in it, in a Bcc or in the text, and Bob can read it. SMTP takes "
            "nothing out of a letter."
        )
    if BOB not in named:
        return "`To` does not name Bob. Carol is to read in the letter that it went to him."
    return None


def _says(capture: Evidence, letter: Row, address: str) -> bool:
    """Whether a line that the client sent as part of this letter has the address."""
    lines = select(capture.rows("lines"), connection=letter["connection"], sender="client",
                   exchange=letter["exchange"])  # fmt: skip
    return any(address in str(line.get("text")).lower() for line in lines)


def _accepted(capture: Evidence) -> Iterator[tuple[Row, set[str]]]:
    """Each message that a server took, with the forward-paths that it took it for."""
    for letter in capture.accepted():
        if letter.get("direction") == "sent":
            yield letter, {
                str(each["address"]).lower()
                for each in select(capture.rows("recipients"), connection=letter["connection"],
                                   message_exchange=letter["exchange"], outcome="ok")
            }  # fmt: skip


forged = quiz(
    "07.2",
    title="Who would have noticed?",
    question="""
        You wrote `From: president@example.net` in a letter that you handed to Bob's server at port 25. Which
        of these would have kept it out?
    """,
    choices=(
        Choice("a", "Bob's server looks whether the president has a mailbox there.",
               "The president lives at example.net, so a server of example.org knows nothing of him; and it "
               "would have to read the header for that."),
        Choice("b", "Bob's server asks you for a password.",
               "Not at port 25. Any server in the world may come there with a letter for Bob, and none of "
               "them has a password of his."),
        Choice("c", "Nothing in SMTP: no command carries the From, and no reply depends on it.",
               "SMTP delivers by the envelope. What compares the From with anything was built on top of it "
               "later: SPF, DKIM and DMARC, in notebook 20.", right=True),
        Choice("d", "Bob's server compares MAIL with From, and finds that they differ.",
               "It could, and would refuse every mailing list, every forwarded letter and every bounce: "
               "there the two differ by right."),
    ),
    hints=(
        "Which of the commands that you typed carried the name of the president?",
        "It came behind DATA, where nothing is a command.",
        "Think of a mailing list: who stands in From, who in MAIL? Could a server insist that they agree?",
    ),
    solution="""
        c. The server said 250 four times, and never had a reason to look.
    """,
    second_way="""
        Ask the table: no row of `world.capture.exchanges` has the president in `verb` or `argument`. He is in
        the data alone.
    """,
)  # fmt: skip


@exercise(
    "07.3",
    title="Who has not got it?",
    question="""
        Alice has invited five guests. Which of them have not got the letter? Answer with their addresses.
        The table is `world.capture.recipients`.
    """,
    expects="a list of addresses",
    hints=(
        "The table has a row for each RCPT, on every leg. Alice's own server took all five, which says "
        "nothing yet.",
        "Look at the rows of the connections to mail.example.org and mail.example.net. “temporary” is not "
        "the last word: was there a second attempt?",
        "Take away all addresses that were accepted by the server behind which they live.",
    ),
    solution="""
        All five were accepted by Alice's server; so count how often each was accepted. Once is not enough:

            rows = world.capture.recipients
            accepted = rows[rows.outcome == "ok"].address.value_counts()
            answer = [guest for guest in guests if accepted[guest] < 2]
    """,
    second_way="""
        A refusal that was meant for good begins with 5:

            answer = list(world.capture.recipients.query("outcome == 'permanent'").address)
    """,
    explanation="""
        Two addresses were wrong, and each server knew only its own. Dave was refused with 4 at first, so his
        copy waited half an hour in the queue and was sent again; RFC 5321 4.5.4.1 asks for that.
    """,
)
def who_has_not_got_it(answer: Any, capture: Evidence) -> str | None:
    rows = capture.rows("recipients")
    submitted = {str(row["address"]) for row in rows if _step(capture, row) == "submit"}
    relayed = [row for row in rows if _step(capture, row) == "relay"]
    missing = submitted - {str(row["address"]) for row in relayed if row["outcome"] == "ok"}
    if not missing:
        return "No guest is missing in this world. Run the cell in which Alice invites them."
    given = words(answer)
    if given == missing:
        return None
    if strange := sorted(given - submitted):
        return f"Alice has not invited {listing(strange)}. Write the addresses as they stand in the table."
    for guest in sorted(given - missing):
        if any(row["outcome"] == "temporary" for row in select(relayed, address=guest)):
            return (
                f"{guest} was refused at first, with {select(relayed, address=guest)[0]['code']}: not now. "
                "Look for the second attempt."
            )
        return f"{guest} was accepted by the server behind which the mailbox is."
    return f"There {'are more' if len(missing - given) > 1 else 'is one more'}. Look at the other server too."


def _step(capture: Evidence, row: Row) -> str:
    return str(capture.ends.get(row["connection"], {}).get("step"))


@exercise(
    "07.4",
    title="A line with only a dot",
    question="""
        Send Bob a letter in which one line is nothing but a dot, and behind which the letter goes on.
    """,
    hints=(
        "What must you type so that the server, when it takes one dot away, leaves one?",
        "Two dots in the line. Then more of the letter, then the line with one dot that ends it.",
        "MAIL, RCPT and DATA as before; behind the empty line `..`, then `more`, then `.`",
    ),
    solution="""
        Stuff the dot by hand:

            console.type(\"\"\"MAIL FROM:<me@example.com>
            RCPT TO:<bob@example.org>
            DATA
            Subject: A dot

            above
            ..
            below
            .\"\"\")
    """,
    second_way="""
        Let `smtplib` do it; it stuffs whatever you give it:

            mail = me.smtplib()
            mail.connect("mail.example.org", 25)
            letter = "Subject: A dot\\r\\n\\r\\nabove\\r\\n.\\r\\nbelow\\r\\n"
            mail.sendmail("me@example.com", "bob@example.org", letter)
            mail.quit()
    """,
    explanation="""
        On the wire stood two dots, and one arrived. Had you typed only one, the letter would have ended
        there, and “below” would have been taken for a command.
    """,
)
def a_lonely_dot(capture: Evidence) -> str | None:
    letters = [row for row in capture.accepted() if row.get("direction") == "sent"]
    reason = "No letter was accepted in this world yet. MAIL, RCPT, DATA, the letter, and the dot."
    for letter in letters:
        lines = _body(capture, letter)
        if ".." in lines and lines.index("..") < len(lines) - 1:
            return None
        reason = _no_dot(capture, letter, lines)
    return reason


def _body(capture: Evidence, letter: Row) -> list[str]:
    """The lines of a message as the client sent them, without the dot that ends it."""
    lines = select(capture.rows("lines"), connection=letter["connection"], sender="client",
                   exchange=letter["exchange"])  # fmt: skip
    return [str(line.get("text")) for line in lines][:-1]


def _no_dot(capture: Evidence, letter: Row, lines: list[str]) -> str:
    """Why this letter has no line with only a dot in its middle."""
    after = capture.exchange(letter["connection"], letter["exchange"] + 1)
    if after and after.get("status") == "500":
        return (
            f"A single dot ended the letter, and what came behind it was taken for a command: "
            f"`{reply_words(after)}`. The dot has to be stuffed."
        )
    if ".." in lines:
        return "The line with the dot is the last of the letter. Something has to stand below it."
    if any(line.startswith("...") for line in lines):
        return "A line has three dots, and Bob reads two. How many must stand on the wire to leave one?"
    if any(line.startswith(".") for line in lines):
        return "A line begins with a dot and has more than that. Bob is to read nothing but a dot in it."
    return "A letter was accepted, and no line of it is only a dot."


@exercise(
    "07.5",
    title="Never mind",
    question="""
        On one connection: begin a letter to Bob, with MAIL and RCPT, and take it back. Then send another one,
        to Carol, without a new hello. Bob gets nothing.
    """,
    hints=(
        "The commands stand in this section; you need each of them once or twice.",
        "MAIL, RCPT for Bob, RSET. Then a whole transaction for Carol.",
        "Without RSET, the second MAIL is refused with 503. Behind DATA and a dot it is too late.",
    ),
    solution="""
        On the connection that is open:

            console.type(\"\"\"MAIL FROM:<me@example.com>
            RCPT TO:<bob@example.org>
            RSET
            MAIL FROM:<me@example.com>
            RCPT TO:<carol@example.org>
            DATA
            Subject: For Carol

            Lunch?
            .\"\"\")
    """,
    second_way="""
        With `smtplib`, command by command:

            mail = me.smtplib()
            mail.connect("mail.example.org", 25)
            mail.ehlo()
            mail.mail("me@example.com"), mail.rcpt("bob@example.org")
            mail.rset()
            mail.mail("me@example.com"), mail.rcpt("carol@example.org")
            mail.data("Subject: For Carol\\r\\n\\r\\nLunch?\\r\\n")
            mail.quit()
    """,
    explanation="""
        One connection can carry many letters, one after the other, and a client that has several for one
        server sends them so. RSET is also what a careful client says when something went wrong, before the
        next letter: then both ends know where they are (RFC 5321 4.1.1.5).
    """,
)
def never_mind(capture: Evidence) -> str | None:
    smtp = [row["connection"] for row in capture.speaking("smtp")]
    reasons = [_taken_back(select(capture.exchanges, connection=number)) for number in smtp]
    if None in reasons:
        return None
    return reasons[-1] if reasons else "No connection was made in this world yet."


def _taken_back(rows: list[Row]) -> str | None:
    """Whether a letter to Bob was begun and forgotten here and one to Carol accepted, else why not."""
    named: set[str] = set()
    forgotten = hello = False
    for row in rows:
        verb, done = row.get("verb"), str(row.get("status") or "").startswith("2")
        if verb == "RCPT" and done:
            named.add(str(row.get("argument") or "").lower())
        elif verb in ("RSET", "EHLO", "HELO") and done:
            if _is_named(BOB, named):
                forgotten, hello = True, verb != "RSET"
            named = set()
        elif verb == "." and done:
            if _is_named(BOB, named):
                return (
                    "A letter to Bob was accepted on this connection. It cannot be taken back: connect again."
                )
            if _is_named(CAROL, named) and forgotten and not hello:
                return None
            if _is_named(CAROL, named) and forgotten:
                return (
                    "The letter to Bob was forgotten by a new hello. That works too; here, do it with RSET."
                )
            named = set()
    if _is_named(BOB, named):
        return (
            "Bob is named in a transaction that is still open. Take it back with RSET, then write to Carol."
        )
    if forgotten:
        return "The letter to Bob is forgotten. Now send one to Carol, on the same connection."
    return "No letter to Bob was begun on this connection: MAIL, and RCPT for him."


def _is_named(address: str, arguments: set[str]) -> bool:
    return any(address in argument for argument in arguments)
