"""Exercises of notebook 22, on a capture as tables: they read the working day, which is a dataset."""

from __future__ import annotations

from functools import cache
from numbers import Integral
from typing import Any

from labkit.course.answers import Unreadable, numbers, word
from labkit.course.model import Choice, exercise, quiz
from labkit.views.rows import Row, rows_of, select

STRANGER = "203.0.113.66"


@cache
def day(table: str) -> list[Row]:
    """A table of the working day."""
    from labkit import datasets

    return rows_of(datasets.load("office-day"), table)


@cache
def journeys() -> dict[str, list[Row]]:
    """The crossings of each letter, by its Message-ID."""
    found: dict[str, list[Row]] = {}
    for row in day("messages"):
        found.setdefault(row["message_id"] or "", []).append(row)
    return found


@exercise(
    "22.1",
    title="Refused for good",
    question="""
        How many recipients were refused for good on this day, all servers taken together? Answer with a
        whole number.
    """,
    expects="one whole number",
    hints=(
        "One row per recipient: which table is that?",
        "Refused for good is the outcome `permanent`; `temporary` means: try again.",
        "Count the rows of `day.recipients` that `query` leaves: `query(\"outcome == 'permanent'\")`.",
    ),
    solution="""
        One row per RCPT, so it is the rows that are counted:

            answer = len(day.recipients.query("outcome == 'permanent'"))
    """,
    second_way="""
        A permanent refusal has a code from 500 on:

            answer = (day.recipients.code >= 500).sum()
    """,
    explanation="""
        Each row is one question and its answer, so counting is asking for rows. Nineteen of them came in
        one minute, on one connection; section 7 looks at who that was.
    """,
)
def refused_for_good(answer: Any) -> str | None:
    rows = day("recipients")
    refused = select(rows, outcome="permanent")
    later = select(rows, outcome="temporary")
    given = numbers(answer)
    if len(given) != 1:
        return "One number is enough: how many recipients were refused."
    (count,) = given
    if count == len(refused):
        return None
    if count == len(refused) + len(later):
        return (
            f"{count} counts {len(later)} to whom the server said 450: that is “later”, and they were "
            "accepted later."
        )
    if count == len(rows):
        return f"{count} is the number of all recipients. Most of them were accepted: look at `outcome`."
    if count == len({row["connection"] for row in refused}):
        return f"There were {count} connections on which it happened. How many recipients?"
    if count == len({row["address"] for row in refused}):
        return f"There were {count} different addresses, but one of them was tried more than once."
    wrong = len([row for row in day("exchanges") if row["outcome"] == "permanent"])
    if count == wrong:
        return f"{count} commands of all kinds were refused, logins among them. How many of them were RCPT?"
    many = "fewer" if count > len(refused) else "more"
    return f"There were {many} than {count}. Take the table with one row per recipient."


@exercise(
    "22.2",
    title="Whose line is slow?",
    question="""
        Somebody complains that mail is slow. Whose line is it, among those who sit at a host and read their
        mail? Answer with the address of the host, or of the user.
    """,
    expects="an address in quotes",
    hints=(
        "Which column says how long a reply took, and in which table is it?",
        "The table of exchanges knows the connection, the table of connections knows the client: merge them "
        'on ["capture", "connection"], then `groupby("client")`.',
        "Take the median, not the maximum: one slow reply may have a reason of its own. And leave out the "
        "servers, which are clients of each other.",
    ),
    solution="""
            rows = day.exchanges.merge(day.connections, on=["capture", "connection"])
            rows = rows[rows.step_x.isin(["submit", "access"])]
            answer = rows.groupby("client").latency_s.median().idxmax()

        With a latency of 0.30 s it is 192.0.2.9, Erin's.
    """,
    second_way="""
        Ask per connection what waiting cost, and who logged in there:

            waits = day.exchanges.mail.round_trips()
            waits = waits.merge(day.logins, on=["capture", "connection"])
            answer = waits.groupby("user").latency_s.median().idxmax()
    """,
    explanation="""
        A latency of 300 ms is what a line by satellite or a far continent costs. The median finds it: a login
        that was refused took half a second on quick lines too, because the server waits before it says no.
    """,
)
def slow_line(answer: Any) -> str | None:
    given = word(answer)
    users = {row["user"]: row["client"] for row in _clients()}
    given = users.get(given, given)
    by_name = {user.partition("@")[0]: client for user, client in users.items()}
    given = by_name.get(given, given)
    latencies = _latencies()
    if given not in latencies:
        return f"“{given}” was no client on this day. They are {', '.join(sorted(latencies))}."
    people = {client: latencies[client] for client in users.values()}
    right = max(people, key=lambda client: _median(people[client]))
    if given == right:
        return None
    if given == STRANGER:
        return "The stranger did not read any mail here, and had replies within 40 ms."
    if given not in people:
        return f"{given} is a server, calling other servers. Take the hosts that log in and read their mail."
    slowest = max(latencies[given])
    if slowest >= 0.5:
        return (
            f"One reply to {given} took {slowest:.2f} s: a login was refused, and the server waits before it "
            f"does that. Half of its replies came within {_median(people[given]):.3f} s. Take the median."
        )
    return (
        f"Half of the replies to {given} came within {_median(people[given]):.3f} s. Somebody waits longer."
    )


def _clients() -> list[Row]:
    clients = {row["connection"]: row["client"] for row in day("connections")}
    return [{"user": row["user"], "client": clients[row["connection"]]} for row in day("logins")]


@cache
def _latencies() -> dict[str, list[float]]:
    """Seconds of each reply, by client."""
    clients = {row["connection"]: row["client"] for row in day("connections")}
    found: dict[str, list[float]] = {}
    for row in day("exchanges"):
        if row["connection"] in clients and row["latency_s"] is not None:
            found.setdefault(clients[row["connection"]], []).append(row["latency_s"])
    return found


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


@exercise(
    "22.3",
    title="The most travelled letter",
    question="""
        Which letter crossed the most connections on this day? Answer with its Message-ID.
    """,
    expects="a Message-ID in quotes",
    hints=(
        "`day.messages.mail.trace()` numbers the letters (`journey`) and the crossings of each (`hop`).",
        "Look for the row with the largest `hop`.",
        "`idxmax` gives the row: `trace.loc[trace.hop.idxmax()]`.",
    ),
    solution="""
        The last crossing of the most travelled letter has the largest `hop` of all:

            trace = day.messages.mail.trace()
            answer = trace.message_id[trace.hop.idxmax()]
    """,
    second_way="""
        Count the rows that share a Message-ID:

            answer = day.messages.message_id.value_counts().idxmax()
    """,
    explanation="""
        It went to people who read by IMAP and leave their letters on the server: their programs here fetch
        everything again each hour. Notebook 18 shows how a program asks for what is new only.
    """,
)
def most_travelled(answer: Any) -> str | None:
    if not isinstance(answer, str):
        raise Unreadable("The answer is not a text in quotes.")
    given = answer.strip()
    known = journeys()
    most = max(len(rows) for rows in known.values())
    named = [rows for name, rows in known.items() if name.strip("<>") == given.strip("<>")]
    if named and len(named[0]) == most:
        return None
    if named:
        return f"That letter crossed {len(named[0])} connections. Another crossed {most}."
    rows = day("messages")
    if any(row["subject"] == given for row in rows):
        letters = len({row["message_id"] for row in rows if row["subject"] == given})
        return (
            f"“{given}” is a subject, and {letters} letters have it. Which column has a name for one letter?"
        )
    if any(given in (row["trace_id"], row["sha256"], row["body_sha256"]) for row in rows):
        return "That is a hash, and a good name too. The question is for the Message-ID in the same row."
    if given.isdecimal():
        return f"{given} is a number; in the same row stands `message_id`."
    return f"No letter of this day has the Message-ID “{given}”."


many_captures = quiz(
    "22.4",
    title="Two captures, one table",
    question="""
        You put the tables of two captures one behind the other, and then `merge` messages with connections.
        On which columns?
    """,
    choices=(
        Choice("a", 'On "connection": that is its number.',
               "Both captures have a connection 0. Each message of the one would be joined with a "
               "connection of the other as well, and be counted twice."),
        Choice("b", 'On ["capture", "connection"].',
               "The number of a connection means something within its capture. That is why each table "
               "begins with the column `capture`.", right=True),
        Choice("c", 'On "time": it is the same moment in both tables.',
               "A message has the time of the exchange that carried it, a connection the time at which "
               "it was opened. They are seldom the same."),
        Choice("d", 'On ["client", "server"]: the two who talk.',
               "The table of messages does not have these columns, and two hosts may talk more than once "
               "a day."),
    ),
    hints=(
        "Which numbers do connections have in the first capture, and in the second?",
        "What tells the rows of the two captures apart?",
        "Every table begins with the same column.",
    ),
    solution="The answer is b: a connection is known by its capture and its number.",
    second_way="""
        Try it: the right `merge` has as many rows as there are messages, the wrong one has more.
    """,
)  # fmt: skip


@exercise(
    "22.5",
    title="What the stranger learnt",
    question="""
        At 13:22 the stranger tried twenty names at example.org. What did the stranger learn? Answer with the
        address that exists.
    """,
    expects="an address in quotes",
    hints=(
        "The stranger's connections are those whose `client` is 203.0.113.66.",
        "`day.recipients` has a row for each name that was tried, and what the server said to it.",
        "On that connection all were refused but one: look for the outcome `ok`.",
    ),
    solution="""
        The stranger's connections, what was tried on them, and what of that was accepted:

            calls = day.connections.query("client == '203.0.113.66'").connection
            tried = day.recipients[day.recipients.connection.isin(calls)]
            answer = tried.query("outcome == 'ok'").address.iloc[0]
    """,
    second_way="""
        Begin with the anomaly, which names the connection:

            from labkit.tables.anomalies import mass_rcpt
            call = mass_rcpt(day.recipients).connection.iloc[0]
            answer = day.recipients.query("connection == @call and code == 250").address.iloc[0]
    """,
    explanation="""
        Each 550 says “no such user” and each 250 “here lives somebody”: a server that answers honestly can be
        asked for its list of users (RFC 5321 7.3). Many servers hang up after a few refusals.
    """,
)
def what_the_stranger_learnt(answer: Any) -> str | None:
    calls = {row["connection"] for row in select(day("connections"), client=STRANGER)}
    tried = [row for row in day("recipients") if row["connection"] in calls]
    counts = [sum(row["connection"] == call for row in tried) for call in calls]
    if isinstance(answer, Integral) and answer in (max(counts), max(counts) - 1):
        return "That is how many were tried or refused. Which one was *accepted*?"
    given = word(answer).strip("<>")
    found = [row for row in tried if (row["address"] or "").lower() == given]
    if any(row["outcome"] == "ok" for row in found):
        return None
    if not found:
        return f"The stranger never tried {given}."
    said = f"{found[0]['code']} {(found[0]['text'] or '').partition(chr(10))[0]}"
    if len(select(tried, connection=found[0]["connection"])) == 1:
        return (
            f"{given} was a test of another kind: is mail for elsewhere taken here? The reply was `{said}`. "
            "Look at the connection with many recipients."
        )
    return f"To {given} the server said `{said}`. So the stranger knows that nobody of that name is there."
