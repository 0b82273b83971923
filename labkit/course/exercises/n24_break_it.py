"""Exercises of notebook 24, on faults and what each protocol does about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.course.answers import numbers
from labkit.course.evidence import Evidence
from labkit.course.model import Choice, exercise, quiz
from labkit.views.rows import Row, select

if TYPE_CHECKING:
    from labkit.world.world import World


def intercepted(seed: int = 24) -> World:
    """A world in which somebody on the line has changed a letter.  (Reading this spoils exercise 24.4.)"""
    from labkit.world.world import World

    world = World(seed)
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    with world.fault("rewrite-line:Friday,Monday@mail.example.org:smtp"):
        alice.submit(
            alice.compose(to=bob, subject="Lunch", text="Dear Bob,\n\non Friday, as always?\n\nAlice\n")
        )
        world.settle()
    bob.retrieve("pop3")
    bob.retrieve("imap")
    return world


@exercise(
    "24.1",
    title="Count the waits",
    question="""
        Half a second each way, and the letter took almost six seconds from server to server. On that
        connection, how often did Alice's server say something and then wait for the line to go there and
        back? Answer with a whole number. The greeting does not count: nobody asked for it.
    """,
    expects="one whole number",
    hints=(
        "Not every command waits for the one before it. Which ones left at the same moment?",
        "Look at the column `pipelined` in the rows of that connection, or at the ladder: arrows that leave "
        "together wait together.",
        "The table of connections has a column for this: `world.capture.connections.round_trips`. Take "
        'the row whose `step` is "relay".',
    ),
    solution="""
        Four: EHLO, then MAIL, RCPT and DATA in one piece, then the letter, then QUIT.

            calls = world.capture.connections
            answer = calls[calls.step == "relay"].round_trips.iloc[0]
    """,
    second_way="""
        Count the rows that were not pipelined, and leave the greeting out:

            rows = world.capture.exchanges.query("step == 'relay' and verb.notna()")
            answer = (~rows.pipelined).sum()
    """,
    explanation="""
        On a slow line a protocol costs what it waits, not what it sends. PIPELINING (RFC 2920) lets three
        commands wait once. POP3 and IMAP can do the same, if the client dares.
    """,
)
def count_the_waits(answer: Any, capture: Evidence) -> str | None:
    calls = [row for row in select(capture.rows("connections"), step="relay") if row.get("round_trips")]
    if not calls:
        return "No letter went from server to server here. Run the cell that sends it over the slow line."
    call = calls[0]
    given = numbers(answer)
    if len(given) != 1:
        return "One number is enough: the waits on the connection between the two servers."
    (count,) = given
    rows = select(capture.exchanges, connection=call["connection"])
    commands = [row for row in rows if row.get("verb")]
    if count == call["round_trips"]:
        return None
    if count == len(commands):
        return (
            f"{count} is the number of commands. Some of them left together, before any reply was there, "
            "and waited together: look at the column `pipelined`."
        )
    if count == len(rows):
        return f"{count} is the number of rows, the greeting among them. Which commands waited together?"
    if count == call["round_trips"] + 1:
        return "One too many. The server greets by itself: for that nobody asked and waited."
    many = "fewer" if count > call["round_trips"] else "more"
    return f"There were {many} waits than {count}. Count the moments at which the client had to hear first."


refused_or_silent = quiz(
    "24.2",
    title="Refused, or silent?",
    question="""
        One server refuses the connection, the other never answers. What is the difference for a letter that
        waits to be delivered there?
    """,
    choices=(
        Choice("a", "The refused letter is returned to its sender at once, the other waits.",
               "A refused connection is no refused letter: nobody has said 5xx about it. It stays in the "
               "queue, like the other."),
        Choice("b", "None: both are tried again for days. Only each attempt at the silent one costs a "
                    "minute.",
               "Neither has said anything about the letter, so both are temporary: try again, and give up "
               "after four or five days (RFC 5321 4.5.4.1). A refusal is only quicker to hear.", right=True),
        Choice("c", "The letter for the silent server may have arrived, so it is not sent again.",
               "Without a connection not one octet of it has been sent. It can only arrive by being tried "
               "again."),
        Choice("d", "The silent server gets the letter as soon as it wakes up, as TCP keeps it until then.",
               "TCP keeps nothing for a host that never answered. It is the queue of the sender's server "
               "that keeps the letter, and it decides when to call again."),
    ),
    hints=(
        "Who has said anything about the letter itself, in either case?",
        "Count the attempts in both tables, and look at the time between them.",
        "A letter comes back at once only when a server has said a number that begins with 5.",
    ),
    solution="The answer is b: both are failures of the line, and the queue treats them alike.",
    second_way="""
        Compare them: `trials(["refuse", "blackhole"], protocols=["smtp"])` shows equal outcomes and equal
        attempts, and more seconds for the silent one.
    """,
)  # fmt: skip


@exercise(
    "24.4",
    title="Find the forger",
    question="""
        Alice wrote “Friday”, and Bob reads “Monday”, with POP3 and with IMAP. On which connection was the
        letter changed? Answer with its number.
    """,
    expects="the number of a connection",
    hints=(
        "Both of Bob's programs see the same wrong word. So where was the letter when they came for it, "
        "and was it still true then?",
        "`world.capture.messages` has a row for each time the letter crossed a connection, and a fingerprint "
        "of its body, `body_sha256`.",
        "The fingerprint of what Alice's server *sent* is still the true one. What Bob's server had "
        "afterwards is not.",
    ),
    solution="""
        The last connection into which the true letter went, and out of which something else came:

            letters = world.capture.messages
            true = letters.body_sha256.iloc[0]
            answer = letters[letters.body_sha256 == true].connection.iloc[-1]
    """,
    second_way="""
        Compare what the clients said with what the servers heard: only on one connection do they differ.

            said, heard = world.capture.messages, world.seen_from("server").messages
            answer = said.connection[said.body_sha256 != heard.body_sha256].iloc[0]
    """,
    explanation="""
        Each device saw a sound conversation, and none of them can tell. Only a fingerprint that travels
        with the letter, made with a key that the forger lacks, shows it to Bob: that is DKIM (notebook 20).
        TLS would have kept the forger out of this one line (notebook 21).
    """,
)
def find_the_forger(answer: Any, capture: Evidence) -> str | None:
    letters = [row for row in capture.messages if row.get("body_sha256")]
    bodies = {row["body_sha256"] for row in letters}
    if len(bodies) < 2:
        return (
            "In this world the letter has one and the same body everywhere. Take the world of this section."
        )
    true = letters[0]["body_sha256"]
    right = [row["connection"] for row in letters if row["body_sha256"] == true][-1]
    given = numbers(answer)
    if len(given) != 1:
        return "One number is enough: that of the connection on which the letter was changed."
    (number,) = given
    if number == right:
        return None
    if number not in capture.ends:
        return f"There is no connection {number} here; they are numbered from 0 to {max(capture.ends)}."
    carried: list[Row] = [row for row in letters if row["connection"] == number]
    if not carried:
        return f"Connection {number} carried no letter: a question was asked there, and answered."
    if carried[0]["body_sha256"] == true:
        return (
            f"What went into connection {number} was true, and so was what the next device sent on. "
            "The change came later."
        )
    return (
        f"On connection {number} the letter was wrong already when it left the server: the other protocol "
        "fetched the same words. The change came earlier."
    )


@exercise(
    "24.3",
    title="Fetch it twice",
    question="""
        Bob's host fetches with POP3, and asks for the letter to be deleted. Choose a fault with which it gets
        the letter, and finds it in the mailbox again the next time. Write the fault into the cell.
    """,
    hints=(
        "When does a POP3 server delete what was marked? What must not happen, then?",
        "The letter must arrive whole, and QUIT must never be done. Several faults see to that: which of "
        "them act behind RETR?",
        '`labkit faults` lists them. With an argument you choose the moment: `"bye:verb=DELE"`, or '
        '`"cut-after:octets=…"`.',
    ),
    solution="""
        Let the client fall silent right behind RETR, so that QUIT is never heard:

            fault = "half-close"
    """,
    second_way="""
        Let the server take its leave where DELE is asked, or QUIT fail because the disk is full:

            fault = "bye:verb=DELE"
            fault = "disk-full"
    """,
    explanation="""
        DELE only marks; the server deletes in the update state, and only QUIT leads there (RFC 1939 6). A
        broken connection deletes nothing, so the worst that POP3 does to a letter is to give it twice.
    """,
)
def fetch_it_twice(capture: Evidence) -> str | None:
    sessions = [row["connection"] for row in capture.speaking("pop3")]
    if not sessions:
        return "Nobody has spoken POP3 here yet. Write a fault into the cell and run it."
    carried = {
        number: {
            row["body_sha256"] for row in select(capture.messages, connection=number) if row.get("complete")
        }
        for number in sessions
    }
    first = sessions[0]
    said = {row.get("verb"): row for row in select(capture.exchanges, connection=first)}
    if not said:
        return "The first call never came through. The letter must arrive, so the line must hold until RETR."
    if not carried[first]:
        return (
            "The first time no letter arrived whole, so there was nothing to lose. The fault must come "
            "later: behind the reply to RETR."
        )
    if "DELE" not in said:
        return "The first session never said DELE. To leave mail on the server is no fault: ask for it to go."
    ended = said.get("QUIT", {}).get("outcome")
    if ended == "ok":
        return (
            "QUIT was heard and answered with +OK, so the letter was deleted: nothing went wrong. The fault "
            "must keep QUIT from being done."
        )
    again = [number for number in sessions[1:] if carried[number] & carried[first]]
    if again:
        return None
    if len(sessions) > 1:
        return (
            "The second time the letter was gone: the server had heard QUIT, only its reply was lost. The "
            "fault must come before QUIT is done."
        )
    return "So far so good. Now fetch again, with the fault switched off, and see what is still there."


against_stripping = quiz(
    "24.5",
    title="Against the man in the middle",
    question="""
        STARTTLS is stripped from what the server offers. What can a mail program do, so that the password is
        never said in clear?
    """,
    choices=(
        Choice("a", "Ask for the capabilities a second time, and compare.",
               "Whoever sits on the line strips the second answer like the first."),
        Choice("b", "Look closely at the server's certificate.",
               "No certificate is shown before TLS begins, and TLS never begins: that is the point of "
               "the attack."),
        Choice("c", "Insist: no TLS, no login. Best on a port where TLS comes first.",
               "Only a client that has decided before the call cannot be talked out of it. On the ports of "
               "implicit TLS there is nothing to strip (RFC 8314 3); for server to server MTA-STS and DANE "
               "say beforehand that TLS must be there.", right=True),
        Choice("d", "Go on in clear, and warn the user afterwards.",
               "Then the password has been heard. A warning does not take it back."),
    ),
    hints=(
        "Everything that is said before TLS is said in the hearing of the forger, and may be the forger's.",
        "What does the client know that did not come over this line?",
        "Which port does not begin in clear at all?",
    ),
    solution="The answer is c: what must be so is decided before the call, not by what the line says.",
    second_way="""
        Try it: `bob.retrieve("imap", tls="implicit")` under the same fault. It sees no word that it could
        strip.
    """,
)  # fmt: skip
