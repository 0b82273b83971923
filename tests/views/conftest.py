"""A small journey as plain rows, with the columns of the lab's tables that views read."""

from __future__ import annotations

from typing import Any

import pytest

START = 1_767_603_600_000_000  # 2026-01-05T09:00:00Z in µs

Rows = list[dict[str, Any]]


def exchange(
    connection: int,
    number: int,
    at: float,
    verb: str | None,
    argument: str | None,
    status: str | None,
    text: str | None,
    **more: Any,
) -> dict[str, Any]:
    """One row; `at` in seconds, the reply 100 ms later."""
    sent = START + round(at * 1e6)
    outcomes = {"2": "ok", "3": "continue", "4": "temporary", "5": "permanent", "+": "ok", "-": "permanent"}
    row = {
        "capture": "test", "connection": connection, "exchange": number, "protocol": "smtp", "step": None,
        "time": sent, "sent_at": sent if verb else None, "first_reply_at": sent + 100_000,
        "replied_at": sent + 100_000 if verb else sent, "latency_s": 0.1 if verb else None,
        "state": None, "tag": None, "verb": verb, "argument": argument, "status": status, "text": text,
        "outcome": outcomes.get((status or "?")[0], "unanswered"),
        "code": int(status) if (status or "").isdigit() else None, "enhanced": None,
        "reply_lines": 1, "untagged": None, "octets_sent": 20, "octets_received": 30, "pipelined": False,
        "encrypted": False, "flaw": None,
    }  # fmt: skip
    if status is None:
        row |= {"first_reply_at": None, "replied_at": None, "latency_s": None}
    return row | more


@pytest.fixture
def submission() -> Rows:
    """One submission: EHLO, STARTTLS, a transaction with one recipient refused, QUIT."""
    rows = [
        exchange(0, 0, 0.05, None, None, "220", "mail.example.org ready"),
        exchange(
            0,
            1,
            0.05,
            "EHLO",
            "laptop.example.org",
            "250",
            "mail.example.org\nSTARTTLS\nSIZE 1000",
            reply_lines=3,
        ),
        exchange(0, 2, 0.15, "STARTTLS", None, "220", "2.0.0 go ahead"),
        exchange(0, 3, 0.25, "TLS", None, None, None, outcome="ok"),
        exchange(
            0,
            4,
            0.35,
            "EHLO",
            "laptop.example.org",
            "250",
            "mail.example.org\nAUTH PLAIN",
            reply_lines=2,
            encrypted=True,
        ),
        exchange(0, 5, 0.45, "MAIL", "FROM:<alice@example.org>", "250", "2.1.0 ok", encrypted=True),
        exchange(0, 6, 0.55, "RCPT", "TO:<bob@example.net>", "250", "2.1.5 ok", encrypted=True),
        exchange(0, 7, 0.65, "RCPT", "TO:<nobody@example.net>", "550", "5.1.1 no such user", encrypted=True),
        exchange(0, 8, 0.75, "DATA", None, "354", "end with a line of one dot", encrypted=True),
        exchange(0, 9, 0.85, ".", None, "250", "2.0.0 kept as Q1", encrypted=True, octets_sent=612),
        exchange(0, 10, 0.95, "QUIT", None, "221", "2.0.0 bye", encrypted=True),
    ]
    states = (
        ["connected"] * 2 + ["ready"] * 2 + ["connected", "ready", "mail", "rcpt", "rcpt", "data", "ready"]
    )
    return [row | {"step": "submit", "state": state} for row, state in zip(rows, states, strict=True)]


@pytest.fixture
def journey_rows(submission: Rows) -> dict[str, Rows]:
    """Submission, DNS, relay (pipelined, first try cut), POP3: connections, exchanges, messages, lookups."""
    relay = [
        exchange(2, 0, 1.30, None, None, "220", "mx.example.net ready", step="relay"),
        exchange(
            2,
            1,
            1.30,
            "EHLO",
            "mail.example.org",
            "250",
            "mx.example.net\nPIPELINING",
            step="relay",
            reply_lines=2,
        ),
        exchange(2, 2, 1.40, "MAIL", "FROM:<alice@example.org>", "250", "2.1.0 ok", step="relay"),
        exchange(2, 3, 1.40, "RCPT", "TO:<bob@example.net>", "250", "2.1.5 ok", step="relay", pipelined=True),
        exchange(2, 4, 1.40, "DATA", None, "354", "go on", step="relay", pipelined=True),
        exchange(2, 5, 1.50, ".", None, None, None, step="relay", octets_sent=812),
    ]
    again = [
        row
        | {
            "connection": 3,
            "time": row["time"] + 900_000_000,
            **{name: row[name] and row[name] + 900_000_000 for name in ("sent_at", "replied_at")},
        }
        for row in relay[:5]
    ]
    again.append(exchange(3, 5, 901.5, ".", None, "250", "2.0.0 kept as Q2", step="relay", octets_sent=812))
    pop = [
        exchange(4, 0, 3600.0, None, None, "+OK", "pop.example.net ready"),
        exchange(4, 1, 3600.0, "USER", "bob", "+OK", "go on"),
        exchange(4, 2, 3600.1, "PASS", "•••", "+OK", "2 messages"),
        exchange(4, 3, 3600.2, "RETR", "1", "+OK", "1024 octets", reply_lines=31),
        exchange(4, 4, 3600.3, "QUIT", None, "+OK", "bye"),
    ]
    pop = [row | {"protocol": "pop3", "step": "access"} for row in pop]
    hosts = {
        "a": ("192.0.2.10", "laptop.example.org", "sender's host"),
        "b": ("192.0.2.25", "mail.example.org", "sender's server"),
        "c": ("198.51.100.25", "mx.example.net", "recipient's server"),
        "d": ("198.51.100.10", "bob.example.net", "recipient's host"),
    }
    ends = [
        (0, "smtp", "submit", "a", "b", 587, 0.0),
        (2, "smtp", "relay", "b", "c", 25, 1.2),
        (3, "smtp", "relay", "b", "c", 25, 901.2),
        (4, "pop3", "access", "d", "c", 110, 3599.9),
    ]
    connections = [
        {"capture": "test", "connection": n, "protocol": protocol, "step": step,
         "client": hosts[c][0], "client_name": hosts[c][1], "client_role": hosts[c][2],
         "server": hosts[s][0], "server_name": hosts[s][1], "server_role": hosts[s][2], "server_port": port,
         "start": START + round(at * 1e6), "tls": "STARTTLS" if n == 0 else "none",
         "ended": "cut" if n == 2 else "quit"}
        for n, protocol, step, c, s, port, at in ends
    ]  # fmt: skip
    dns = [
        exchange(
            1, 1, 1.1, "QUERY", "example.net MX", "NOERROR", "10 mx.example.net", protocol="dns", outcome="ok"
        )
    ]
    messages = [
        {"capture": "test", "connection": n, "exchange": x, "time": START + round(at * 1e6), "step": step,
         "direction": direction, "outcome": outcome, "octets": octets, "subject": "Lunch on Friday",
         "trace_id": "t1", "queue_id": queue}
        for n, x, at, step, direction, outcome, octets, queue in [
            (0, 9, 0.95, "submit", "sent", "ok", 600, "Q1"),
            (2, 5, 1.5, "relay", "sent", "unanswered", 800, None),
            (3, 5, 901.6, "relay", "sent", "ok", 800, "Q2"),
            (4, 3, 3600.3, "access", "retrieved", "ok", 1000, None)]
    ]  # fmt: skip
    lookups = [
        {
            "capture": "test",
            "connection": 1,
            "time": START + 1_100_000,
            "client": "mail.example.org",
            "name": "example.net",
            "type": "MX",
            "answer": "10 mx.example.net",
            "outcome": "ok",
        }
    ]
    return {
        "exchanges": [*submission, *dns, *relay, *again, *pop],
        "connections": connections,
        "messages": messages,
        "lookups": lookups,
    }
