"""Captures of one direction only: every command or every reply is a row, and messages are messages."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.capture.tape import Tape
from labkit.dissect.dissector import dissect
from labkit.tables import Capture

MESSAGE = b"From: a@example.com\r\nSubject: one\r\n\r\n.dot\r\n+ no status\r\n"
STUFFED = MESSAGE.replace(b"\r\n.", b"\r\n..") + b".\r\n"
LITERAL = b"{%d}\r\n" % len(MESSAGE) + MESSAGE
SMTP = [
    *(("S", b"220 mx ESMTP\r\n"), ("C", b"EHLO a\r\n"), ("S", b"250-mx\r\n250 SIZE\r\n")),
    *(("C", b"MAIL FROM:<a@b>\r\n"), ("S", b"250 ok\r\n"), ("C", b"RCPT TO:<c@d>\r\n"), ("S", b"250 ok\r\n")),
    *(("C", b"DATA\r\n"), ("S", b"354 go\r\n"), ("C", STUFFED), ("S", b"250 ok\r\n")),
    *(("C", b"QUIT\r\n"), ("S", b"221 bye\r\n")),
]
POP3 = [
    *(
        ("S", b"+OK ready\r\n"),
        ("C", b"USER b\r\n"),
        ("S", b"+OK\r\n"),
        ("C", b"PASS x\r\n"),
        ("S", b"+OK in\r\n"),
    ),
    *(("C", b"LIST\r\n"), ("S", b"+OK 2\r\n1 120\r\n2 130\r\n.\r\n"), ("C", b"RETR 1\r\n")),
    *(("S", b"+OK 120\r\n" + STUFFED), ("C", b"DELE 9\r\n"), ("S", b"-ERR no\r\n")),
    *(("C", b"QUIT\r\n"), ("S", b"+OK bye\r\n")),
]
IMAP = [
    *(("S", b"* OK ready\r\n"), ("C", b"a1 LOGIN b x\r\n"), ("S", b"a1 OK in\r\n")),
    *(("C", b"a2 SELECT INBOX\r\n"), ("S", b"* 1 EXISTS\r\na2 OK done\r\n"), ("C", b"a3 FETCH 1 BODY[]\r\n")),
    *(
        ("S", b"* 1 FETCH (BODY[] " + LITERAL + b")\r\na3 OK done\r\n"),
        ("C", b"a4 APPEND Sent " + LITERAL + b"\r\n"),
    ),
    *(("S", b"+ go\r\na4 OK done\r\n"), ("C", b"a5 LOGOUT\r\n"), ("S", b"* BYE\r\na5 OK bye\r\n")),
]
SESSIONS = {25: SMTP, 110: POP3, 143: IMAP}


def capture_of(flow: Any) -> Capture:
    tape = Tape("x", framed=True)
    tape.flows = [flow]
    return Capture(tape)


@pytest.mark.parametrize("port", SESSIONS)
def test_the_client_alone(flow: Any, port: int) -> None:
    said = SESSIONS[port]
    protocol, rows = dissect(flow(*[each for each in said if each[0] == "C"], port=port))
    whole = dissect(flow(*said, port=port))
    assert protocol == whole[0]
    assert [(row.verb, row.argument) for row in rows] == [
        (row.verb, row.argument) for row in whole[1] if row.verb
    ]
    assert {flaw.name for row in rows for flaw in row.flaws} == {"one-sided"}


@pytest.mark.parametrize("port", SESSIONS)
def test_the_server_alone(flow: Any, port: int) -> None:
    said = SESSIONS[port]
    protocol, rows = dissect(flow(*[each for each in said if each[0] == "S"], port=port))
    whole = dissect(flow(*said, port=port))
    assert protocol == whole[0]
    replies = [(row.status, row.text) for row in whole[1]]
    assert [(row.status, row.text) for row in rows] == replies
    if port != 143:  # whose continuations belong to the reply that follows
        assert [row.reply_lines for row in rows] == [row.reply_lines for row in whole[1]]
    assert {flaw.name for row in rows for flaw in row.flaws} == {"one-sided"}


@pytest.mark.parametrize(("port", "side"), [(25, "C"), (110, "S"), (143, "C"), (143, "S")])
def test_messages_of_one_side(flow: Any, port: int, side: str) -> None:
    capture = capture_of(flow(*[each for each in SESSIONS[port] if each[0] == side], port=port))
    assert [each.data for each in capture.messages_carried()] == [MESSAGE]
    assert [row.subject for row in capture.rows("messages")] == ["one"]
