"""Packets of both sides are missing, or the first ones: what is there is told as in the whole capture."""

from __future__ import annotations

import random
from typing import Any

import pytest
from support.sessions import MESSAGE, SESSIONS

from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import Flow
from labkit.dissect.dissector import Dissection, dissect
from labkit.net.tap import Connection

Told = list[tuple[str | None, bytes | None, list[str]]]

GREETED = [("S", b"220 mx ESMTP\r\n"), ("C", b"EHLO a.example\r\n"), ("S", b"250 mx\r\n")]
ENVELOPE = [
    ("C", b"MAIL FROM:<a@b>\r\n"),
    ("S", b"250 sender\r\n"),
    ("C", b"RCPT TO:<c@d>\r\n"),
    ("S", b"250 ok\r\n"),
]
SENT = [("C", MESSAGE + b".\r\n"), ("S", b"250 queued\r\n"), ("C", b"QUIT\r\n"), ("S", b"221 bye\r\n")]
SECRET = b"c2VjcmV0LWJvYg==\r\n"


def told(flow: Flow) -> Told:
    """Verb, status and flaws of the rows, in the order of the capture."""
    rows = sorted(
        dissect(flow)[1], key=lambda row: flow.server.order_at(row.reply_end - 1) if row.status else 0
    )
    return [(row.verb, row.status, sorted({flaw.name for flaw in row.flaws})) for row in rows]


def hidden(flow: Flow) -> list[bytes]:
    """The octets of the client that are kept secret."""
    return [flow.client.data[a:b] for row in dissect(flow)[1] for a, b in row.secrets]


def test_a_reply_to_a_command_in_a_gap_is_not_that_to_a_later_one(flow: Any) -> None:
    """Seen where tcpdump could not keep up: MAIL, its reply and RCPT are missing."""
    said = [*GREETED, ("S?", b"250 ok\r\n"), ("C?", b"DATA\r\n"), ("S", b"354 go\r\n"), *SENT]
    assert told(flow(*said))[2:] == [
        (None, b"250", ["gap"]),
        ("DATA", b"354", ["gap"]),
        *((".", b"250", []), ("QUIT", b"221", [])),
    ]


def test_a_message_whose_data_is_missing_is_one(flow: Any) -> None:
    said = [*GREETED, *ENVELOPE, ("S", b"354 go\r\n"), ("C?", SENT[0][1]), *SENT[1:]]
    lost = flow(*said)
    assert told(lost)[4:] == [(None, b"354", ["gap"]), (".", b"250", ["gap"]), ("QUIT", b"221", [])]
    (row,) = (row for row in dissect(lost)[1] if row.verb == ".")
    assert lost.client.data[row.body : row.end] == MESSAGE + b".\r\n"


def test_a_message_that_is_missing_has_its_reply(flow: Any) -> None:
    said = [
        *GREETED,
        *ENVELOPE,
        ("C", b"DATA\r\n"),
        ("S", b"354 go\r\n"),
        SENT[1],
        ("C?", b"QUIT\r\n"),
        SENT[3],
    ]
    assert told(flow(*said))[4:] == [("DATA", b"354", []), (".", b"250", ["gap"]), ("QUIT", b"221", ["gap"])]


def test_a_message_whose_end_is_missing_has_a_gap(flow: Any) -> None:
    said = [*GREETED, *ENVELOPE, ("C", b"DATA\r\n"), ("S", b"354 go\r\n"), ("C", MESSAGE)]
    found = told(flow(*said, SENT[1], ("C?", b"QUIT\r\n"), SENT[3]))
    assert found[5:] == [(".", b"250", ["gap"]), ("QUIT", b"221", ["gap"])]


def test_replies_to_what_was_sent_at_once_are_missing(flow: Any) -> None:
    """The client went on with the message: the replies up to that to DATA had come (RFC 2920 3.1)."""
    at_once = ("C", b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n")
    some = flow(*GREETED, at_once, ("S?", b"250 ok\r\n354 go\r\n"), *SENT)
    rows = {(row.argument, row.status) for row in dissect(some)[1]}
    assert {(b"FROM:<a@b>", None), (b"TO:<c@d>", None), (b"TO:<e@f>", b"250"), (None, b"354")} < rows
    none = dissect(flow(*GREETED, at_once, ("C", SENT[0][1]), ("S?", SENT[1][1]), *SENT[2:]))[1]
    assert [(row.verb, row.status, [flaw.name for flaw in row.flaws]) for row in none][2:] == [
        *((verb, None, ["gap"]) for verb in ("MAIL", "RCPT", "RCPT", "DATA")),
        *((".", b"250", ["gap"]), ("QUIT", b"221", [])),
    ]


def test_nobody_is_accused_of_what_is_missing(flow: Any) -> None:
    """Neither where a reply is missing, which may have been good, nor where a command is."""
    ready = ("C", b"DATA\r\n"), ("S", b"354 go\r\n"), *SENT
    without_reply = flow(*GREETED, ENVELOPE[0], ENVELOPE[2], ("S?", b"250 ok\r\n"), *ready)
    without_command = flow(*GREETED, ENVELOPE[1], ("C?", ENVELOPE[2][1]), ENVELOPE[3], *ready)
    for one in (without_reply, without_command):
        assert "out-of-order" not in [name for _, _, names in told(one) for name in names]
    pop = [("S", b"+OK\r\n"), ("S", b"+OK in\r\n"), ("C?", b"STAT\r\n"), ("S", b"+OK 0 0\r\n")]
    assert told(flow(*pop, port=110))[2:] == [("STAT", b"+OK", ["gap"])]
    imap = [("S", b"* OK\r\n"), ("S", b"a1 OK in\r\n"), ("C?", b"a2 SELECT x\r\n"), ("S", b"a2 OK\r\n")]
    assert ("SELECT", b"OK", ["gap"]) in told(flow(*imap, port=143))


def test_a_lost_reply_to_starttls_agreed_to_nothing(flow: Any) -> None:
    said = [*GREETED, ("C", b"STARTTLS\r\n"), ("C", b"NOOP\r\n"), ("S?", b"250 ok\r\n")]
    assert told(flow(*said, *SENT[2:]))[-1] == ("QUIT", b"221", [])
    assert "not-tls" not in [flaw.name for row in dissect(flow(*said))[1] for flaw in row.flaws]


@pytest.mark.parametrize(
    ("port", "said"),
    [
        (25, [*GREETED, ("S", b"334 \r\n"), ("C?", SECRET), ("S", b"235 in\r\n")]),
        (25, [*GREETED, ("C?", SECRET), ("S?", b"235 in\r\n")]),
        (110, [("S", b"+OK\r\n"), ("S", b"+ \r\n"), ("C?", SECRET), ("S", b"+OK in\r\n")]),
        (110, [("S", b"+OK\r\n"), ("C?", SECRET), ("S?", b"+OK in\r\n")]),
        (143, [("S", b"* OK\r\n"), ("S", b"+ \r\n"), ("C?", SECRET), ("S", b"a OK in\r\n")]),
    ],
)
def test_a_password_whose_auth_is_missing_is_kept_secret(flow: Any, port: int, said: Any) -> None:
    assert hidden(flow(*said, port=port)) == [SECRET.strip()]
    assert hidden(flow(*said, ("C", SECRET), port=port)) == [SECRET.strip()] * 2


@pytest.mark.parametrize(
    ("port", "said", "shown"),
    [
        (25, [*GREETED, ("C", b"AUTH PLAI"), ("C?", SECRET)], b"AUTH PLAI"),
        (110, [("S", b"+OK\r\n"), ("C", b"AUTH PLAI"), ("C?", SECRET)], b"AUTH PLAI"),
        (110, [("S", b"+OK\r\n"), ("C", b"PA"), ("C?", b"SS secret\r\n")], b"PA"),
        (110, [("S", b"+OK\r\n"), ("C?", b"S secret\r\n")], b""),
        (143, [("S", b"* OK\r\n"), ("C", b"a LOGIN b"), ("C?", b"ob secret\r\n")], b"a LOGIN b"),
        (143, [("S", b"* OK\r\n"), ("C?", b'LOGIN bob "secret"\r\n')], b""),
    ],
)
def test_of_a_damaged_login_nothing_behind_the_gap_is_shown(
    flow: Any, port: int, said: Any, shown: bytes
) -> None:
    one = flow(*said, port=port)
    client = bytes(one.client.data)
    for row in dissect(one)[1]:
        for first, last in reversed(row.secrets):
            client = client[:first] + client[last:]
    assert client.removeprefix(GREETED[1][1]).strip() == shown


def test_a_login_whose_last_line_is_missing_is_over(flow: Any) -> None:
    smtp = [*GREETED, ("C", b"AUTH PLAIN\r\n"), ("S", b"334 \r\n"), ("S", b"235 in\r\n"), ("C?", b"NOOP\r\n")]
    assert told(flow(*smtp, ("S", b"250 ok\r\n")))[2:] == [
        *(("AUTH", b"334", []), (None, b"235", ["gap"]), ("NOOP", b"250", ["gap"]))
    ]
    pop = [("S", b"+OK\r\n"), ("C", b"AUTH PLAIN\r\n"), ("S", b"+ \r\n"), ("S", b"+OK in\r\n")]
    listed = [("C?", b"LIST\r\n"), ("S", b"+OK\r\n1 2\r\n.\r\n"), ("C", b"QUIT\r\n"), ("S", b"+OK\r\n")]
    assert told(flow(*pop, *listed, port=110))[1:] == [
        *(("AUTH", b"+", []), (None, b"+OK", ["gap"]), ("LIST", b"+OK", ["gap"]), ("QUIT", b"+OK", []))
    ]
    assert ("LIST", b"+OK", ["gap"]) in told(
        flow(*pop[:3], ("C?", b"LIST\r\n"), ("S?", listed[1][1]), port=110)
    )
    imap = [("S", b"* OK\r\n"), ("C", b"a AUTHENTICATE PLAIN\r\n"), ("S", b"+ \r\n"), ("S", b"a OK in\r\n")]
    found = told(flow(*imap, ("C?", b"b SELECT x\r\n"), ("S", b"b OK\r\n"), port=143))
    assert found[1:] == [("AUTHENTICATE", b"+", []), (None, b"OK", ["gap"]), ("SELECT", b"OK", ["gap"])]


def test_the_reply_to_a_retr_that_is_missing_is_not_that_to_quit(flow: Any) -> None:
    said = [
        ("S", b"+OK\r\n"),
        ("C", b"USER a\r\n"),
        ("S", b"+OK\r\n"),
        ("S", b"+OK 9 octets\r\n" + MESSAGE + b".\r\n"),
    ]
    found = told(flow(*said, ("C?", b"QUIT\r\n"), ("S", b"+OK bye\r\n"), port=110))
    assert found[1:] == [("USER", b"+OK", []), (None, b"+OK", ["gap"]), ("QUIT", b"+OK", ["gap"])]


def test_an_invitation_is_not_for_an_earlier_command_of_imap(flow: Any) -> None:
    said = [
        ("S", b"* OK\r\n"),
        ("C", b"a CAPABILITY\r\n"),
        ("C", b"b AUTHENTICATE PLAIN\r\n"),
        ("S?", b"+ \r\n"),
    ]
    rows = dissect(flow(*said, ("C", SECRET), ("S", b"b OK in\r\n"), port=143))[1]
    assert [(row.verb, row.status) for row in rows[1:]] == [
        *(("CAPABILITY", None), ("AUTHENTICATE", b"+"), ("(response)", b"OK"))
    ]
    assert [flaw.name for flaw in rows[1].flaws] == ["gap"]


def test_a_capture_of_one_side_is_that(flow: Any) -> None:
    """The client's acknowledgements tell how much the server said."""
    lost = flow(("C", b"a NOOP\r\n"), ("C", b"b NOOP\r\n"), port=143)
    lost.server.gaps.append(Gap(0, 100))
    assert told(lost) == [("NOOP", None, ["one-sided"])] * 2


def begun_later(flow: Flow) -> Flow:
    flow.client.begun = flow.server.begun = False
    return flow


def test_a_capture_begins_in_the_middle(flow: Any) -> None:
    """The first reply is to what nobody captured; no command before the first row is known."""
    smtp = [ENVELOPE[1], *ENVELOPE[2:], ("C", b"DATA\r\n"), ("S", b"354 go\r\n"), *SENT]
    assert told(begun_later(flow(*smtp))) == [
        *((None, b"250", ["gap"]), ("RCPT", b"250", []), ("DATA", b"354", [])),
        *((".", b"250", []), ("QUIT", b"221", [])),
    ]
    assert told(begun_later(flow(("S", b"354 go\r\n"), *SENT))) == [
        *((None, b"354", ["gap"]), (".", b"250", []), ("QUIT", b"221", []))
    ]
    pop = [("C", b"DELE 1\r\n"), ("S", b"+OK\r\n"), ("C", b"QUIT\r\n"), ("S", b"+OK bye\r\n")]
    assert told(begun_later(flow(*pop, port=110))) == [("DELE", b"+OK", []), ("QUIT", b"+OK", [])]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("port", SESSIONS)
def test_any_packets_are_missing(port: int, seed: int) -> None:
    """No row has a command that nobody sent, or a reply that came before it."""
    draw, said = random.Random(seed), SESSIONS[port]
    lost = {i for i in range(len(said)) if draw.random() < 0.25}
    flow = Flow(
        0, 0, Connection(0, "tcp", "192.0.2.1", 4000, "192.0.2.2", port, 0, closed=1), Stream(), Stream()
    )
    for order, (who, octets) in enumerate(said):
        stream = flow.client if who == "C" else flow.server
        if order in lost:
            stream.gaps.append(Gap(len(stream), len(octets)))
        else:
            stream.append(octets, order, order)
    lines = {octets.partition(b"\r\n")[0] for who, octets in said if who == "C"}
    for row in dissect(flow)[1]:
        if row.verb and row.verb != ".":
            assert bytes(flow.client.data[row.start : row.end]).partition(b"\r\n")[0] in lines
        if row.start >= 0 and row.reply_start >= 0 and row.end > row.start:
            assert flow.server.order_at(row.reply_end - 1) > flow.client.order_at(row.start)


@pytest.mark.parametrize("port", SESSIONS)
def test_a_damaged_conversation_that_grows(port: int) -> None:
    """The rows are those of the whole capture, given segment by segment."""
    for seed in range(100):
        draw, order = random.Random(seed), 0
        most = draw.choice((15, 2000))
        flow = Flow(0, 0, Connection(0, "tcp", "192.0.2.1", 4000, "192.0.2.2", port, 0), Stream(), Stream())
        growing, rows = Dissection(flow), []
        for who, octets in SESSIONS[port]:
            stream = flow.client if who == "C" else flow.server
            while octets:
                size, order = draw.randrange(1, most), order + 1
                if draw.random() < 0.2:
                    stream.gaps.append(Gap(len(stream), len(octets[:size])))
                else:
                    stream.append(octets[:size], order, order)
                octets = octets[size:]
                rows += growing.advance()
        flow.connection.closed = order
        rows += growing.advance()
        assert rows == list(Dissection(flow, whole=True).advance()), seed
