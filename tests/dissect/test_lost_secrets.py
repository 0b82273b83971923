"""Whatever octets of a session are missing, no table and no masked capture shows a part of its password."""

from __future__ import annotations

import random
from base64 import b64encode
from typing import Any

import pytest

from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import Flow, Tape
from labkit.dissect.dissector import dissect
from labkit.net.tap import Connection
from labkit.tables import Capture
from labkit.tables.schema import TABLES

PASSWORD = b"Xq7Kz9Wv3Jt5Gd8"
PLAIN, LINE = b64encode(b"\0alice\0" + PASSWORD), b64encode(PASSWORD)
BEARER, DIGEST = b64encode(b"user=alice\1auth=Bearer " + PASSWORD), b64encode(b"alice " + PASSWORD)
USER = b64encode(b"alice")
PARTS = {PASSWORD[i : i + 6].lower() for i in range(10)} | {
    line[i : i + 8].lower()
    for line, first in ((PLAIN, 10), (LINE, 0), (BEARER, 32), (DIGEST, 8))
    for i in range(first, len(line) - 10)
}

SASL = [  # what the client says; the server asks for each line behind the first
    [b"PLAIN " + PLAIN],
    [b"PLAIN", PLAIN],
    [b"LOGIN", USER, LINE],
    [b"login " + USER, LINE],
    [b"CRAM-MD5", DIGEST],
    [b"XOAUTH2 " + BEARER],
]
LITERAL = b"alice {%d" % len(PASSWORD)
LOGINS = {
    25: [[b"AUTH " + first, *rest] for first, *rest in SASL],
    110: [
        *([b"AUTH " + first, *rest] for first, *rest in SASL),
        [b"USER alice", b"PASS " + PASSWORD],
        [b"APOP alice " + PASSWORD],
    ],
    143: [
        *([b"a AUTHENTICATE " + first, *rest] for first, *rest in SASL),
        [b"a LOGIN alice " + PASSWORD],
        [b'a login "alice" "' + PASSWORD + b'"'],
        [b"a LOGIN " + LITERAL + b"}", PASSWORD],
        [b"a LOGIN {5}", LITERAL + b"}", PASSWORD],
        [b"a LOGIN {5+}\r\n" + LITERAL + b"+}\r\n" + PASSWORD],
    ],
}
AROUND = {  # greeting, a command, its reply; what asks for a line, the last reply; what follows the login
    25: (b"220 mx ESMTP", b"EHLO a.example", b"250 mx", b"334 ", b"235 in", b"MAIL FROM:<a@b>", b"250 ok"),
    110: (b"+OK", b"CAPA", b"+OK\r\nSASL PLAIN\r\n.", b"+ ", b"+OK in", b"LIST", b"+OK\r\n1 20\r\n."),
    143: (b"* OK", b"x NOOP", b"x OK", b"+ ", b"a OK in", b"b SELECT INBOX", b"* 1 EXISTS\r\nb OK"),
}

Said = list[tuple[str, bytes]]


def session(port: int, login: list[bytes]) -> Said:
    greeting, first, answer, asks, done, last, reply = AROUND[port]
    asked = [*[b"+OK" if login[0][:4] == b"USER" else asks] * (len(login) - 1), done]
    once = [("CS"[i % 2], octets) for pair in zip(login, asked, strict=True) for i, octets in enumerate(pair)]
    said = [("S", greeting), ("C", first), ("S", answer), *once, *once, ("C", last), ("S", reply)]
    return [(who, octets + b"\r\n") for who, octets in said]


def damaged(said: Said, port: int, draw: random.Random) -> Flow:
    """The session in segments, of which some did not come into the capture; maybe it begins later."""
    flow = Flow(
        0, 0, Connection(0, "tcp", "192.0.2.1", 4000, "192.0.2.2", port, 0, closed=1), Stream(), Stream()
    )
    chance, later = draw.choice((0.05, 0.2, 0.4)), draw.randrange(-8, 6)
    most = draw.choice((5, 12, 30, 2000))
    order = 0
    for place, (who, octets) in enumerate(said):
        stream = flow.client if who == "C" else flow.server
        while octets:
            size, order = draw.randrange(1, most), order + 1
            if place < later:
                stream.begun = False
            elif draw.random() < chance:
                stream.gaps.append(Gap(len(stream), size))
            else:
                stream.append(octets[:size], order, order)
            octets = octets[size:]
    return flow


def shown(flow: Flow) -> bytes:
    tape = Tape("x", framed=True)
    tape.flows = [flow]
    capture = Capture(tape)
    tables = str([capture.rows(table).columns for table in TABLES]).encode()
    masked = capture.without_secrets().tape.flows[0]
    return (tables + bytes(masked.client.data) + bytes(masked.server.data)).lower()


@pytest.mark.parametrize("port", LOGINS)
def test_no_part_of_a_password_is_shown(port: int) -> None:
    for number, login in enumerate(LOGINS[port]):
        for seed in range(40):
            draw = random.Random(1000 * number + seed)
            flow = damaged(session(port, login), port if seed % 4 else 4321, draw)
            text = shown(flow)
            found = [part for part in PARTS if part in text]
            assert not found, (login, seed, found)


@pytest.mark.parametrize(
    ("port", "said"),
    [
        (25, [("C?", b"2U=\r\n"), ("S", b"334 \r\n"), ("C", LINE + b"\r\n")]),
        (25, [("C?", b"H CRAM-MD5\r\n"), ("S?", b""), ("C", LINE + b"\r\n")]),
        (25, [("C", b"EHLO a.ex"), ("C?", b"AUTH XOAUTH2 " + LINE + b"\r\n")]),
        (110, [("C", b"CAPA"), ("C?", b"APOP alice " + PASSWORD + b"\r\n")]),
        (143, [("C", b"x NO"), ("C?", b"a LOGIN alice " + PASSWORD + b"\r\n")]),
        (143, [("C", LINE), ("C?", b" FETCH 1 BODY[]\r\n")]),
    ],
)
def test_a_login_of_which_pieces_are_left(flow: Any, port: int, said: Said) -> None:
    greeting, first, answer, *_ = AROUND[port]
    said = [("S", greeting + b"\r\n"), ("C", first + b"\r\n"), ("S", answer + b"\r\n"), *said]
    text = shown(flow(*said, port=port))
    assert not [part for part in PARTS if part in text]


def test_commands_behind_a_gap_are_shown(flow: Any) -> None:
    said = flow(
        *(("S", b"220 mx ESMTP\r\n"), ("C", b"EHLO a.ex"), ("C?", b"ample\r\n"), ("S", b"250 mx\r\n")),
        *(("C", b"MAIL FROM:<a@"), ("C?", b"b.example> SIZE=9\r\n"), ("S", b"250 ok\r\n")),
        *(("C?", b"RSET\r\n"), ("S", b"250 ok\r\n"), ("C", b"QUI"), ("C?", b"NOOP\r\n")),
    )
    rows = dissect(said)[1]
    assert [(row.verb, row.argument) for row in rows if row.verb] == [
        *(("EHLO", b"a.example"), ("MAIL", b"FROM:<a@b.example> SIZE=9"), ("RSET", None)),
        *(("QUI", None), ("NOOP", None)),
    ]
    assert [row.verb for row in rows if row.secrets] == ["EHLO"]  # "ample" may be a part of a password


def test_the_password_behind_a_lost_name_is_no_name(flow: Any) -> None:
    said = [("S", b"* OK\r\n"), ("C", b"a AUTHENTICATE LOGIN\r\n"), ("S", b"+ \r\n"), ("C?", LINE + b"\r\n")]
    tape = Tape("x", framed=True)
    tape.flows = [flow(*said, ("S", b"a OK\r\n"), port=143)]
    (login,) = Capture(tape).rows("logins")
    assert (login.user, login.mechanism) == (None, "LOGIN")
