"""Hand-made tables for exercises: only the columns that checks read."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

START = 1_767_603_600_000_000  # 2026-01-05T09:00:00Z in µs
HOUR = 3_600_000_000

Rows = list[dict[str, Any]]
HOSTS = {
    "a": ("laptop.example.org", "sender's host"),
    "b": ("mail.example.org", "sender's server"),
    "c": ("mx.example.net", "recipient's server"),
    "d": ("bob.example.net", "recipient's host"),
}


class Wire:
    """Builds a capture connection by connection."""

    def __init__(self) -> None:
        self.connections: Rows = []
        self.exchanges: Rows = []
        self.messages: Rows = []
        self.lookups: Rows = []

    def connect(self, protocol: str, client: str, server: str, step: str | None = None) -> int:
        number = len(self.connections) + len(self.lookups)
        (client_name, client_role), (server_name, server_role) = HOSTS[client], HOSTS[server]
        self.connections.append(
            {"capture": "t", "connection": number, "protocol": protocol, "step": step,
             "client_name": client_name, "client_role": client_role,
             "server_name": server_name, "server_role": server_role}
        )  # fmt: skip
        return number

    def ask(self, client: str) -> None:
        number = len(self.connections) + len(self.lookups)
        self.lookups.append({"capture": "t", "connection": number, "client": HOSTS[client][0], "type": "MX"})

    def say(
        self, connection: int, verb: str | None, status: str | None, text: str = "", argument: str = ""
    ) -> int:
        outcomes = {"2": "ok", "3": "continue", "4": "temporary", "5": "permanent", "+": "ok"}
        number = sum(row["connection"] == connection for row in self.exchanges)
        self.exchanges.append(
            {"capture": "t", "connection": connection, "exchange": number, "verb": verb,
             "argument": argument or None, "status": status, "text": text,
             "outcome": outcomes[status[0]] if status else "unanswered",
             "protocol": "smtp"}
        )  # fmt: skip
        return number

    def carry(
        self,
        connection: int,
        subject: str,
        hours: float = 0.0,
        *,
        trace: str = "t0",
        outcome: str = "ok",
        retrieved: bool = False,
    ) -> None:
        step = next(row["step"] for row in self.connections if row["connection"] == connection)
        self.messages.append(
            {"capture": "t", "connection": connection, "exchange": 5, "time": START + round(hours * HOUR),
             "step": step, "direction": "retrieved" if retrieved else "sent",
             "subject": subject, "outcome": outcome, "trace_id": trace}
        )  # fmt: skip

    def tables(self) -> dict[str, Rows]:
        return {"connections": self.connections, "exchanges": self.exchanges, "messages": self.messages,
                "lookups": self.lookups}  # fmt: skip


def journey(subject: str = "Lunch on Friday", *access: str) -> dict[str, Rows]:
    """Submission, DNS, relay and one connection for each access protocol."""
    wire = Wire()
    wire.carry(wire.connect("smtp", "a", "b", "submit"), subject)
    wire.ask("b")
    wire.carry(wire.connect("smtp", "b", "c", "relay"), subject, 0.001)
    for protocol in access or ("pop3",):
        wire.carry(wire.connect(protocol, "d", "c", "access"), subject, 1, retrieved=True)
    return wire.tables()


def nothing() -> dict[str, Rows]:
    return Wire().tables()


def typed(*said: tuple[str, str | None, str]) -> dict[str, Rows]:
    """A console session: (command line, status, text); the greeting is put before it."""
    wire = Wire()
    number = wire.connect("smtp", "a", "c", "relay")
    wire.say(number, None, "220", "mx.example.net ready")
    for line, status, text in said:
        verb, _, argument = line.partition(" ")
        wire.say(number, verb.upper(), status, text, argument)
    return wire.tables()


def cut() -> dict[str, Rows]:
    """A relay whose first attempt lost its final reply (connection 0, exchange 5) and its second."""
    wire = Wire()
    for last in (None, "250"):
        number = wire.connect("smtp", "b", "c", "relay")
        for verb, status in (
            (None, "220"),
            ("EHLO", "250"),
            ("MAIL", "250"),
            ("RCPT", "250"),
            ("DATA", "354"),
            (".", last),
        ):
            wire.say(number, verb, status, "ok" if status else "")
        wire.carry(number, "Lunch on Friday", outcome="ok" if last else "unanswered")
    return wire.tables()


def own_host(*, to: str = "d", fetch: bool = False, by_way_of_the_server: bool = False) -> dict[str, Rows]:
    """A letter that reaches the host `to` by SMTP, perhaps relayed once more on the way."""
    wire = Wire()
    wire.carry(wire.connect("smtp", "a", "b", "submit"), "x")
    way = ["b", "c", to] if by_way_of_the_server else ["b", to]
    for client, server in pairwise(way):
        if client != server:
            wire.carry(wire.connect("smtp", client, server, "relay"), "x")
    if fetch:
        wire.carry(wire.connect("pop3", "d", "c", "access"), "x", retrieved=True)
    return wire.tables()


def week(*, scale: float = 1.0) -> dict[str, Rows]:
    """Three letters, fetched 3, 22 and 8 hours after submission; a fourth is never fetched."""
    wire = Wire()
    for i, wait in enumerate((3.0, 22.0, 8.0, None)):
        trace, begin = f"t{i}", i * 24.0
        wire.carry(wire.connect("smtp", "a", "b", "submit"), "x", begin, trace=trace)
        wire.carry(wire.connect("smtp", "b", "c", "relay"), "x", begin + 0.001, trace=trace)
        if wait is not None:
            access = wire.connect("pop3", "d", "c", "access")
            wire.carry(access, "x", begin + wait * scale, trace=trace, retrieved=True)
            wire.carry(access, "x", begin + wait * scale + 1, trace=trace, retrieved=True)  # read again
    return wire.tables()
