"""POP3: which replies have more lines, and where they end."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.dissect.dissector import dissect


def names(row: Any) -> list[str]:
    return [flaw.name for flaw in row.flaws]


def test_a_session(rows_of: Any) -> None:
    rows = rows_of(
        "S: +OK ready",
        "C: USER bob",
        "S: +OK go on",
        "C: PASS s e",
        "S: +OK [X/Y z] 1 message",
        "C: LIST",
        "S: +OK 1",
        "S: 1 120",
        "S: .",
        "C: LIST 1",
        "S: +OK 1 120",
        "C: RETR 1",
        "S: +OK 120 octets",
        "S: Subject: x",
        "S: ",
        "S: +OK is no status line here",
        "S: ..",
        "S: .",
        "C: RETR 2",
        "S: -ERR [IN-USE] no",
        "C: QUIT",
        "S: +OK bye",
        port=110,
    )
    assert [(row.verb, row.argument, row.status, row.reply_lines, row.state) for row in rows] == [
        (None, None, b"+OK", 1, "authorization"),
        ("USER", b"bob", b"+OK", 1, "authorization"),
        ("PASS", b"s e", b"+OK", 1, "authorization"),
        ("LIST", None, b"+OK", 3, "transaction"),
        ("LIST", b"1", b"+OK", 1, "transaction"),
        ("RETR", b"1", b"+OK", 6, "transaction"),
        ("RETR", b"2", b"-ERR", 1, "transaction"),
        ("QUIT", None, b"+OK", 1, "transaction"),
    ]
    assert (rows[2].response_code, rows[2].text) == (b"X/Y z", b"1 message")
    assert rows[6].response_code == b"IN-USE"
    assert not any(row.flaws for row in rows)


@pytest.mark.parametrize("verb", ["RETR 1", "TOP 1 0", "CAPA", "LIST", "UIDL", "LANG", "AUTH"])
def test_replies_of_more_lines(rows_of: Any, verb: str) -> None:
    rows = rows_of("S: +OK a", f"C: {verb}", "S: +OK b", "S: 1 x", "S: .", "C: QUIT", "S: +OK c", port=110)
    assert [(row.status, row.reply_lines) for row in rows] == [
        (b"+OK", 1),
        (b"+OK", 3),
        (b"+OK", 1),
    ] or verb == "LIST"
    assert rows[-1].text == b"c"


@pytest.mark.parametrize("verb", ["STAT", "LIST 1", "UIDL 1", "LANG en", "NOOP", "DELE 1"])
def test_replies_of_one_line(rows_of: Any, verb: str) -> None:
    rows = rows_of("S: +OK a", f"C: {verb}", "S: +OK 1 x", "C: QUIT", "S: +OK c", port=110)
    assert [row.text for row in rows] == [b"a", b"1 x", b"c"]


def test_a_listing_without_its_dot_ends_where_its_lines_do(rows_of: Any) -> None:
    rows = rows_of("S: +OK a", "C: LIST", "S: +OK b", "S: 1 120", "C: NOOP", "S: +OK c", port=110)
    assert [(row.verb, row.text) for row in rows[1:]] == [("LIST", b"b"), ("NOOP", b"c")]
    assert "no-final-dot" in names(rows[1])


def test_a_login_by_mechanism(flow: Any) -> None:
    said = [
        ("S", b"+OK a\r\n"),
        ("C", b"AUTH PLAIN\r\n"),
        ("S", b"+ \r\n"),
        ("C", b"AGJvYgBwdw==\r\n"),
        ("S", b"+OK b\r\n"),
        ("C", b"APOP bob c4c9334bac560ecc979e58001b3e22fb\r\n"),
        ("S", b"-ERR c\r\n"),
    ]
    talk = flow(*said, port=110)
    _, rows = dissect(talk)
    assert [(row.verb, row.status) for row in rows[1:]] == [
        ("AUTH", b"+"),
        ("(response)", b"+OK"),
        ("APOP", b"-ERR"),
    ]
    assert rows[3].state == "transaction"
    assert [talk.client.data[a:b] for row in rows for a, b in row.secrets] == [
        b"AGJvYgBwdw==",
        b"c4c9334bac560ecc979e58001b3e22fb",
    ]


def test_a_plus_is_a_reply_only_in_a_login(rows_of: Any) -> None:
    rows = rows_of("S: +OK a", "C: STAT", "S: + x", "S: +OK 1 236", "C: QUIT", "S: +OK b", port=110)
    assert [(row.verb, row.text) for row in rows[1:]] == [("STAT", b"1 236"), ("QUIT", b"b")]
    assert "bad-reply" in names(rows[1])


def test_a_message_cut_off(flow: Any) -> None:
    said = [("S", b"+OK a\r\n"), ("C", b"RETR 1\r\n"), ("S", b"+OK b\r\nSubject: x\r\n\r\nhalf")]
    _, rows = dissect(flow(*said, port=110))
    assert names(rows[1]) == ["out-of-order", "no-final-dot"]
    assert rows[1].reply_end == len(b"+OK a\r\n+OK b\r\nSubject: x\r\n\r\nhalf")


def test_stls(flow: Any) -> None:
    said = [("S", b"+OK a\r\n"), ("C", b"STLS\r\n"), ("S", b"+OK b\r\n"), ("C!", b""), ("S!", b"")]
    _, rows = dissect(flow(*said, ("C", b"CAPA\r\n"), ("S", b"+OK c\r\nUSER\r\n.\r\n"), port=110))
    assert [(row.verb, row.encrypted) for row in rows[1:]] == [
        ("STLS", False),
        ("TLS", False),
        ("CAPA", True),
    ]
