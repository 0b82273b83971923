"""Exercises of notebook 23, on latency, round trips, throughput and queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.course.answers import mapping, number, numbers, word
from labkit.course.evidence import Evidence
from labkit.course.model import Choice, exercise, quiz
from labkit.views.rows import Row, select
from labkit.views.words import listing

if TYPE_CHECKING:
    from labkit.world.world import World

_RATE = 96_000  # bits per second
_CULPRITS = {"A": "server", "B": "client", "C": "line"}
SLOW_LINE = 0.4  # seconds there and back, from which on a line is slow


def unknown_line(seed: int = 23) -> World:
    """A world whose line has an unknown bandwidth.  (Reading the lines above spoils exercise 23.4.)"""
    from labkit.world.world import World

    world = World(seed)
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    world.network.link(alice.host, alice.server.host, latency=0.1, bandwidth=_RATE)
    for pages in (1, 40):
        text = "One line of a page, of which there are many.\n" * 40 * pages
        alice.submit(alice.compose(to=bob, subject=f"{pages} pages", text=text))
    return world


def three_complaints(seed: int = 23) -> dict[str, World]:
    """Three worlds in each of which something is slow.  (Reading the lines above spoils exercise 23.5.)"""
    from labkit.world.world import World

    worlds = {}
    for name, culprit in _CULPRITS.items():
        world = worlds[name] = World(seed)
        bob = world.user("bob@example.org")
        bob.server.mailbox(bob.address).append(bob.compose(to=bob, subject="A note", text="Short.\n"))
        if culprit == "line":
            world.network.link(bob.host, bob.server.host, latency=1.0)
        rule = "slow-reply:2,RETR" if culprit == "server" else "latency:0"
        with world.fault(f"{rule}@{bob.server.name}:pop3"):
            console = bob.console(bob.server, 110)
            console.connect()
            for line in ("USER bob@example.org", "PASS secret-bob", "STAT", "RETR 1", "QUIT"):
                if culprit == "client" and line.startswith("RETR"):
                    world.wait(2)
                console.type(line)
    return worlds


@exercise(
    "23.1",
    title="Count the waits",
    question="""
        Fetching the letters took Bob's host several seconds, over a line that takes 0.4 s there and back.
        Apart from connecting and from the greeting, how often did it wait for that line? Answer with a whole
        number, from the table or from the ladder.
    """,
    expects="one whole number",
    hints=(
        "Each command that waits for its reply costs one round trip. Which commands did the program say?",
        "Rows of `world.capture.exchanges` with a verb are commands; none of these was pipelined.",
        "`world.capture.exchanges.mail.round_trips()` counts them.",
    ),
    solution="""
            answer = world.capture.exchanges.mail.round_trips().round_trips.iloc[-1]

        USER, PASS, LIST, a RETR for each letter, QUIT.
    """,
    second_way="""
        Divide: `waiting_s` in the same row is the sum of all waits, and each of them is 0.4 s.

            call = world.capture.exchanges.mail.round_trips().iloc[-1]
            answer = round(call.waiting_s / 0.4)
    """,
    explanation="""
        The waits are what a slow line costs: their number is the protocol's and the program's doing, and each
        of them is as long as the line.
    """,
)
def count_the_waits(answer: Any, capture: Evidence) -> str | None:
    call = _last_call(capture)
    if call is None:
        return "Nobody has fetched mail by POP3 here. Run the cell above the exercise first."
    given = numbers(answer)
    if len(given) != 1:
        return "One number is enough: how often the host waited."
    (count,) = given
    rows = select(capture.exchanges, connection=call["connection"])
    letters = sum(row.get("verb") == "RETR" for row in rows)
    if count == call["round_trips"]:
        return None
    if count == len(rows):
        return f"{count} is the number of rows, the greeting among them: nobody asked for that."
    if count == letters:
        return f"There were {letters} letters. What had to be said before the first, and behind the last?"
    if count == call["round_trips"] + 2:
        return "Connecting and the greeting cost time too, but they were not to be counted."
    if count == 2 * call["round_trips"]:
        return "Twice as many: there and back again is one wait, not two."
    many = "fewer" if count > call["round_trips"] else "more"
    return f"There were {many} waits than {count}. Count the commands that waited for a reply."


@exercise(
    "23.2",
    title="Twenty letters in four seconds",
    question="""
        Twenty letters wait for Bob, and his line takes half a second there and back. Fetch all of them in
        less than four seconds, without a better line.
    """,
    hints=(
        "Twenty times half a second is ten seconds already. What must not wait, then?",
        "POP3 lets a client send commands before it has the replies (RFC 2449 6.6).",
        'The lab\'s own client can: `bob.retrieve("pop3", pipelined=True)`.',
    ),
    solution="""
        Let Bob's host send what it can without waiting for each reply:

            bob.retrieve("pop3", pipelined=True)
    """,
    second_way="""
        By hand, all commands at once:

            console = bob.console(bob.server, 110)
            console.connect()
            letters = [f"RETR {n}" for n in range(1, 21)]
            console.send("\\n".join(["USER bob@example.org", "PASS secret-bob", *letters, "QUIT"]))
            world.wait(2)
    """,
    explanation="""
        The line is as slow as before, but it is used: twenty replies are on their way at the same time. That
        is the whole trick of pipelining, of IMAP's tags, and of larger TCP windows.
    """,
)
def twenty_letters(capture: Evidence) -> str | None:
    call = _last_call(capture)
    if call is None:
        return "Nobody has called port 110 here yet. Fetch Bob's letters in the cell."
    rows = select(capture.exchanges, connection=call["connection"])
    letters = [row for row in select(capture.messages, connection=call["connection"]) if row["complete"]]
    waits = [row["latency_s"] for row in rows if row.get("latency_s")]
    if waits and min(waits) < SLOW_LINE:
        return "The line is quicker than it was. Leave it as it is, and change what is said over it."
    if len(letters) < 20:
        return (
            f"{len(letters)} of 20 letters came whole on connection {call['connection']}. Fetch all of them."
        )
    took = (rows[-1]["replied_at"] - call["start"]) / 1e6
    if took < 4:
        return None
    return (
        f"All twenty came, in {took:.1f} s and {call['round_trips']} round trips: each RETR waited for its "
        "letter before the next was asked for."
    )


better_line = quiz(
    "23.3",
    title="Which line to buy",
    question="""
        Erin sends short letters over a line of 10 Mbit/s that takes 300 ms each way. Each takes five seconds.
        Which of these makes it faster?
    """,
    choices=(
        Choice("a", "A line of 100 Mbit/s, as long as before.",
               "Her letters are two kilobytes: at 10 Mbit/s they need two milliseconds. She would save less "
               "than those."),
        Choice("b", "A server with a faster processor.",
               "The server answers within a millisecond. What takes long is that its words need 300 ms to "
               "come back."),
        Choice("c", "A line of 1 Mbit/s that takes 20 ms each way.",
               "Ten times narrower and fifteen times quicker. Nine waits of 0.6 s become nine of 0.04 s, and "
               "the letter itself needs 16 ms instead of 2.", right=True),
        Choice("d", "Sending all letters in one connection.",
               "That saves connecting and greeting, once per letter. Each letter still waits for MAIL, RCPT, "
               "DATA and its end, unless they are pipelined. It helps, but far less than a quicker line."),
    ),
    hints=(
        "How many octets are in a short letter, and how long do they take at 10 Mbit/s?",
        "How many times does she wait, and for how long each time?",
        "Work out both parts of the five seconds, and see which one each offer changes.",
    ),
    solution="The answer is c: short letters cost waits, and only the length of the line changes those.",
    second_way="""
        Try it: `sent(0.02, 1_000_000, 2_000)` against `sent(0.3, 100_000_000, 2_000)`.
    """,
)  # fmt: skip


@exercise(
    "23.4",
    title="How wide is this line?",
    question="""
        Alice sent a short letter and a long one over a line of unknown width. How many bits per second does
        it carry? Answer with a number; a tenth more or less is right.
    """,
    expects="bits per second, as a number",
    hints=(
        "Which exchanges carry many octets? How long did each take?",
        "A reply comes when the octets are through *and* the line has been crossed twice: 0.2 s of every "
        "latency are not due to the width.",
        "Two letters, one line: the difference in octets, times 8, by the difference in seconds.",
    ),
    solution="""
        Two letters over one line: what the long one has more in octets took so much more time:

            ends = world.capture.exchanges.query("step == 'submit' and verb == '.'")
            answer = 8 * ends.octets_sent.diff().iloc[-1] / ends.latency_s.diff().iloc[-1]
    """,
    second_way="""
        One letter is enough if the latency of the line is known, from a short command:

            rows = world.capture.exchanges.query("step == 'submit'")
            long = rows.loc[rows.octets_sent.idxmax()]
            answer = 8 * long.octets_sent / (long.latency_s - rows.latency_s.min())
    """,
    explanation="""
        Two measurements of different size give both numbers of a line: the slope is its width, and what is
        left at size zero is its length. That is how every speed test works.
    """,
)
def how_wide(answer: Any, capture: Evidence) -> str | None:
    ends = select(capture.exchanges, verb=".", step="submit")
    if len(ends) < 2:
        return "Two letters are needed to measure this line. Take the world of this section."
    given = number(answer)
    first, last = ends[0], ends[-1]
    octets, seconds = (last[name] - first[name] for name in ("octets_sent", "latency_s"))
    right = 8 * octets / seconds
    if abs(given - right) <= right / 10:
        return None
    if abs(given - right / 8) <= right / 80:
        return "That is octets per second. A line is sold in bits: eight to an octet."
    if abs(given - right / 1000) <= right / 10_000:
        return "That is thousands of bits per second; the question is for bits."
    whole = 8 * first["octets_sent"] / first["latency_s"]
    if abs(given - whole) <= whole / 20:
        return (
            "That takes the short letter's whole latency for sending. Most of it was the way there and back, "
            "which costs the same for every letter."
        )
    return f"The line carries {'less' if given > right else 'more'} than {given:,.0f} bits per second."


@exercise(
    "23.5",
    title="Who is slow?",
    question="""
        Three people complain: fetching one letter takes too long. In each of the worlds A, B and C something
        else is slow: the `line`, the `server` or the `client`. Which is which?
    """,
    expects='a dict like {"A": "line", "B": "server", "C": "client"}',
    hints=(
        "Look at `latency_s` in each world: is it long for every reply, for one, or for none?",
        "A slow line makes every reply late, a slow server some of them.",
        "A client is slow between a reply and the next command: `think_s` in "
        "`world.capture.exchanges.mail.think_times()`.",
    ),
    solution="""
            answer = {"A": "server", "B": "client", "C": "line"}

        A: one reply is late, that to RETR. B: no reply is late, but before RETR the client has its reply and
        says nothing. C: every reply is late by the same.
    """,
    second_way="""
        Let pandas say it: compare the median latency, the longest, and the longest think time.

            for name, world in worlds.items():
                call = world.capture.exchanges.mail.round_trips().iloc[0]
                print(name, call.latency_s, call.slowest_s, call.thinking_s)
    """,
    explanation="""
        Each of them waited for seconds, so the total tells nothing. It is where the time lies between the
        packets that tells who spent it.
    """,
)
def who_is_slow(answer: Any) -> str | None:
    given = {name.upper(): word(value) for name, value in mapping(answer).items()}
    missing = [name for name in _CULPRITS if name not in given]
    if missing:
        return f"Your answer says nothing about {listing(missing)}."
    odd = [value for value in given.values() if value not in _CULPRITS.values()]
    if odd:
        return f"“{odd[0]}” is none of line, server and client."
    wrong = [name for name, culprit in _CULPRITS.items() if given[name] != culprit]
    if not wrong:
        return None
    name = wrong[0]
    evidence = {
        "server": "only the reply to one command is late; all the others come in no time",
        "client": "every reply comes in no time, and then nothing is said for two seconds",
        "line": "every single reply is late, and all by the same",
    }
    return f"In world {name} it is not the {given[name]}: there {evidence[_CULPRITS[name]]}."


def _last_call(capture: Evidence) -> Row | None:
    calls = [row for row in select(capture.rows("connections"), protocol="pop3") if row["round_trips"]]
    return calls[-1] if calls else None
