"""Exercises of notebook 01, the communication model."""

from __future__ import annotations

from typing import Any

from labkit.course.answers import mapping, number, word, words
from labkit.course.evidence import (
    DEVICES,
    RECIPIENTS_HOST,
    RECIPIENTS_SERVER,
    SENDERS_HOST,
    SENDERS_SERVER,
    Evidence,
)
from labkit.course.model import Choice, exercise, quiz
from labkit.views.words import listing

STEPS = ("compose", "submit", "deliver", "receive", "access")
_STEP_NAMES = {"composition": "compose", "submission": "submit", "delivery": "deliver", "relay": "deliver",
               "receive and process": "receive", "receipt": "receive", "retrieve": "access"}  # fmt: skip


def device(answer: Any) -> str:
    """A device as a learner may write it: `Sender's host`, `recipients server`, `receiver's server`."""
    plain = word(answer).removeprefix("the ").replace("'", "").replace("receiver", "recipient")
    return {name.replace("'", ""): name for name in DEVICES}.get(plain, plain)


@exercise(
    "01.1",
    title="Five steps, four devices",
    question="""
        For each of the five steps, which device acts: writes the letter, opens the connection, or takes the
        letter into the mailbox? Answer with a dict from `"compose"`, `"submit"`, `"deliver"`, `"receive"`
        and `"access"` to a device.
    """,
    expects='a dict such as {"compose": "sender\'s host", …} with five steps',
    hints=(
        "The device that acts in a step with a connection is the client: the one who opens it.",
        'The table knows: `world.capture.connections[["step", "client_role", "server_role"]]`.',
        "Only four devices for five steps, so one acts twice; and of the two at the recipient's side, "
        "each acts once.",
    ),
    solution="""
        The sender's host composes and submits, the sender's server delivers, the recipient's server
        receives, and the recipient's host opens the connection by which it has access.

            answer = {"compose": "sender's host", "submit": "sender's host", "deliver": "sender's server",
                      "receive": "recipient's server", "access": "recipient's host"}
    """,
    second_way="""
        Take what is on the wire from the table, and think only about the two steps that need no connection:

            who = world.capture.connections.groupby("step").client_role.first()
            answer = {"compose": "sender's host", "receive": "recipient's server",
                      "submit": who["submit"], "deliver": who["relay"], "access": who["access"]}
    """,
    explanation="""
        In every step but the last the letter is pushed by the device that has it. In the last the direction
        turns: the recipient's host, which wants the letter, opens the connection.
    """,
)
def five_steps_four_devices(answer: Any, capture: Evidence) -> str | None:
    given = {_STEP_NAMES.get(step, step): device(value) for step, value in mapping(answer).items()
             if value not in (None, ..., "")}  # fmt: skip
    missing = [step for step in STEPS if step not in given]
    if missing:
        return f"Your answer says nothing about {listing(missing)}."
    for step in STEPS:
        if given[step] not in DEVICES:
            return f"“{given[step]}” is none of the four devices: {listing(DEVICES, 'or')}."
    opened = {row.get("step"): row.get("client_role") for row in capture.connections}
    right = {"compose": SENDERS_HOST, "submit": opened.get("submit", SENDERS_HOST),
             "deliver": opened.get("relay", SENDERS_SERVER), "receive": RECIPIENTS_SERVER,
             "access": opened.get("access", RECIPIENTS_HOST)}  # fmt: skip
    if given["access"] == RECIPIENTS_SERVER:
        return (
            "The recipient's server does not bring the letter to Bob's host; it cannot know when that "
            "host is there. Look at the connection of access: who is its client?"
        )
    if given["deliver"] == SENDERS_HOST:
        return (
            "The sender's host hands the letter to its own server and may then be switched off. Delivery "
            "is a connection between two servers: which of them has the letter and opens it?"
        )
    if given["receive"] == RECIPIENTS_HOST:
        return (
            "When the letter is received and put into the mailbox, Bob's host may not even be switched "
            "on. Which device at his side is always there?"
        )
    wrong = next((step for step in STEPS if given[step] != right[step]), None)
    return f"Look again at “{wrong}”: it is not the {given[wrong]} who acts there." if wrong else None


@exercise(
    "01.2",
    title="Two hats",
    question="""
        Which devices were SMTP clients in this world, and which were SMTP servers? Answer with a dict of
        two lists, `"client"` and `"server"`. A device may wear both hats.
    """,
    expects='a dict of two lists, {"client": […], "server": […]}',
    hints=(
        "Client is who opens the connection and speaks first; it is a part that a device plays, not a "
        "kind of machine.",
        "A server that passes a letter on must connect to the next one. What is it then?",
        "Only SMTP counts: filter `world.capture.connections` by `protocol`, and look at the columns "
        "`client_role` and `server_role`.",
    ),
    solution="""
        The sender's server is both. The recipient's host is neither: it speaks POP3 or IMAP.

            smtp = world.capture.connections.query("protocol == 'smtp'")
            answer = {"client": list(smtp.client_role.unique()), "server": list(smtp.server_role.unique())}
    """,
    second_way="""
        From the ladder: in each SMTP connection the arrow of EHLO leaves the client and arrives at the
        server.

            answer = {"client": ["sender's host", "sender's server"],
                      "server": ["sender's server", "recipient's server"]}
    """,
    explanation="""
        Client and server are parts in one connection. The sender's server serves the host and is a client of
        the next server: that is what makes it a relay.
    """,
)
def two_hats(answer: Any, capture: Evidence) -> str | None:
    smtp = capture.speaking("smtp")
    if not smtp:
        return "Nobody spoke SMTP in this world yet. Run the cell that sends the letter."
    given = {key.removesuffix("s"): value for key, value in mapping(answer).items()}
    if not {"client", "server"} <= given.keys():
        return 'Answer with both keys: {"client": […], "server": […]}.'
    parts = {part: {device(name) for name in words(given[part])} for part in ("client", "server")}
    right = {part: {str(row.get(f"{part}_role")) for row in smtp} for part in ("client", "server")}
    if parts == right:
        return None
    if parts["client"] == right["server"] and parts["server"] == right["client"]:
        return "You have them the wrong way round: the client opens the connection and says EHLO."
    both = right["client"] & right["server"]
    for name in sorted(both):
        if (name in parts["client"]) != (name in parts["server"]):
            return (
                f"The {name} wears two hats and you saw one: it takes letters in, and passes them on. "
                "Look for it in both columns."
            )
    for part in ("client", "server"):
        extra = sorted(parts[part] - right[part])
        if extra and extra[0] == RECIPIENTS_HOST:
            return "The recipient's host speaks no SMTP here: look at the protocol of its connection."
        if extra and extra[0] not in DEVICES:
            return f"“{extra[0]}” is none of the four devices: {listing(DEVICES, 'or')}."
        if extra:
            return f"The {extra[0]} was no SMTP {part} in this world."
        if lacking := sorted(right[part] - parts[part]):
            return f"Among the {part}s the {lacking[0]} is missing."
    return None


@exercise(
    "01.3",
    title="Without an access protocol",
    question="""
        Bob now has a host that is always on. Build a world in which a letter reaches that host itself, and
        no POP3 or IMAP is spoken.
    """,
    hints=(
        "If his host is always there, nobody has to keep his mail for him. What must it run to take "
        "letters in?",
        "The sender's server looks up the MX of Bob's domain: it must name Bob's own host.",
        "Section 4 does it for Carol, with `world.always_on`. Bob too needs a domain that no other server "
        "keeps, such as example.net. Then send him a letter, let it settle, and fetch nothing.",
    ),
    solution="""
        Give Bob a domain of his own, whose MX leads to his own host, and send a letter. The relay connection
        then ends at the recipient's host, and the letter is where he reads it:

            house = world.always_on("bob@example.net")
            alice.submit(alice.compose(to="bob@example.net", subject="Tea at four"))
            world.settle()
    """,
    second_way="""
        Let him keep his address. For that, example.org must have no mail server yet when his host comes; so
        begin with a world that has example.com alone:

            world = World(seed=0, domains=["example.com"])
            alice = world.user("alice@example.com")
            house = world.always_on("bob@example.org", host="bob-pc.example.org")
            alice.submit(alice.compose(to="bob@example.org", subject="Tea at four"))
            world.settle()
    """,
    explanation="""
        POP3 and IMAP are there for hosts that come and go. A host that is always on can be the last stop of
        SMTP itself, as every host was when the protocol was made.
    """,
)
def without_an_access_protocol(capture: Evidence) -> str | None:
    sent = [row for row in capture.accepted() if row["direction"] == "sent"]
    if not sent:
        return "No letter was taken by any server yet. Send one to Bob."
    access = capture.speaking("pop3", "imap")
    if access:
        row = access[0]
        return (
            f"Connection {row['connection']} speaks {row['protocol'].upper()}: somebody still fetches "
            "mail. Leave that out; the letter must arrive by itself."
        )
    reached = {capture.role(row["connection"], "server") for row in sent}
    if RECIPIENTS_HOST in reached:
        return None
    if RECIPIENTS_SERVER in reached:
        return (
            "The letter waits at the recipient's server, and nobody fetches it. Bob's own host must take "
            "it in by SMTP: where does the MX of his domain lead?"
        )
    return (
        "The letter has not come farther than the sender's server. Let time pass, or look at what the "
        "relay was told."
    )


@exercise(
    "01.4",
    title="The longest wait",
    question="""
        Take the week in which Bob fetches his mail with POP3 in his two hours a day. How long did the
        letter that waited longest take, from its submission to Bob's host? Answer in hours.
    """,
    expects="a number of hours, to a tenth",
    hints=(
        "Each letter has a `trace_id` that stays the same at every hop. Group the rows of `messages` by it.",
        "The wait begins with the row whose step is `submit` and ends with the first row whose direction "
        "is `retrieved`.",
        "The difference of two times is a Timedelta: `.dt.total_seconds() / 3600` makes hours of it.",
    ),
    solution="""
        For each letter, from the row of its submission to the first row in which Bob's host has it:

            letters = world.capture.messages.query("outcome == 'ok'")
            begin = letters[letters.step == "submit"].groupby("trace_id").time.min()
            end = letters[letters.direction == "retrieved"].groupby("trace_id").time.min()
            answer = (end - begin).max().total_seconds() / 3600
    """,
    second_way="""
        A table with a row for each letter shows the same, and which letter it was:

            letters = world.capture.messages.query("outcome == 'ok'")
            times = letters.pivot_table(index="trace_id", columns="step", values="time", aggfunc="min")
            wait = (times["access"] - times["submit"]).dt.total_seconds() / 3600
            answer = wait.sort_values().iloc[-1]
    """,
    explanation="""
        The letter was at Bob's server within a second and waited there until he came: the access protocol
        moves the waiting to a device that is always on, and nobody has to try again.
    """,
)
def the_longest_wait(answer: Any, capture: Evidence) -> str | None:
    waits, at_server = _waits(capture)
    if not waits:
        return (
            "No letter has reached Bob's host in this world. Run the week, and hand over the world of "
            "the POP3 week."
        )
    given = number(answer)
    longest, mean = max(waits), sum(waits) / len(waits)
    if abs(given - longest) <= max(0.1, longest * 0.01):
        return None
    if _near(given, longest * 3600) or _near(given, longest * 60):
        unit = "seconds" if _near(given, longest * 3600) else "minutes"
        return f"The wait is right, in {unit}. The question asks for hours."
    if at_server and given >= 0 and _near(given, max(at_server), 0.02):
        return (
            "That is how long the letter took to Bob's server. It is not his host: the wait ends when "
            "his host has fetched the letter."
        )
    if len(waits) > 1 and _near(given, mean, 0.1):
        return "That is the mean of all waits. The question asks for the longest."
    if _near(given, min(waits), 0.1):
        return "That is the shortest wait. The question asks for the longest."
    way = "longer" if given < longest else "shorter"
    return (
        f"The longest wait is {way} than {given:g} hours. Compare the times of one letter's rows, hop by hop."
    )


def _waits(capture: Evidence) -> tuple[list[float], list[float]]:
    """Hours from submission to the recipient's host, and to the recipient's server, of each letter that "
    "got there."""
    begin: dict[str, int] = {}
    server: dict[str, int] = {}
    host: dict[str, int] = {}
    for row in sorted(capture.accepted(), key=lambda row: row["time"]):
        trace, end = row["trace_id"], capture.role(row["connection"], "server")
        if row.get("step") == "submit":
            begin.setdefault(trace, row["time"])
        elif row["direction"] == "retrieved" or end == RECIPIENTS_HOST:
            host.setdefault(trace, row["time"])
        elif end == RECIPIENTS_SERVER:
            server.setdefault(trace, row["time"])
    return [
        [(at - begin[t]) / 3.6e9 for t, at in reached.items() if t in begin] for reached in (host, server)
    ]  # type: ignore[return-value]


def _near(given: float, right: float, slack: float = 0.0) -> bool:
    return abs(given - right) <= max(abs(right) * 0.01, slack)


if_smtp_did_the_last_step = quiz(
    "01.5",
    title="What if SMTP did the last step too?",
    question="""
        Bob's host takes its mail by SMTP alone, and he is away for eight days, with the host switched off.
        What becomes of a letter sent on the first day?
    """,
    choices=(
        Choice("a", "It waits in the queue of the server before his host until he is back.",
               "A queue does not wait for ever. RFC 5321 4.5.4.1 lets a server give up, generally after "
               "four or five days; look at the last attempt in the table of the week."),
        Choice("b", "The server before his host tries again for days, then returns it to the sender.",
               "Retries, and then a bounce: SMTP has only the sender's patience. An access protocol "
               "needs none, as the letter has arrived when it is in the mailbox on the server.", right=True),
        Choice("c", "His host asks for it when it is switched on.",
               "Plain SMTP cannot ask: only the side that has the letter acts. ETRN and ATRN were "
               "invented to let a host ask, and few servers speak them; to ask for mail is what POP3 and "
               "IMAP do."),
        Choice("d", "The DNS sends it to another server of Bob's.",
               "The DNS only names hosts. A second MX would be another server that takes the letter and "
               "then has the same trouble: it, too, must get it to a host that is off."),
    ),
    hints=(
        "Who acts in SMTP: the one who has the letter, or the one who wants it?",
        "Look at the week by SMTP: how often did the server try, and at what times?",
        "Count the days between the first attempt and the last, and look at what Alice then finds in her "
        "own mailbox.",
    ),
    solution="The answer is b: retries for four or five days, then a bounce to the sender.",
    second_way="By the captures: the last attempt is five days after the first, and what Alice fetches "
               "then is a letter from MAILER-DAEMON, the notice of her own server.",
)  # fmt: skip
