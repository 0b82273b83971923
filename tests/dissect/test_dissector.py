"""Whole or in pieces, mail or not: the same rows, never an exception."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.capture.stream import Gap
from labkit.dissect.dissector import Dissection, dissect
from labkit.dissect.flaws import CATALOGUE

SMTP = [
    ("S", b"220-a\r\n220 b\r\n"),
    ("C", b"EHLO x\r\n"),
    ("S", b"250-a\r\n250 PIPELINING\r\n"),
    ("C", b"AUTH LOGIN\r\n"),
    ("S", b"334 a\r\n"),
    ("C", b"Ym9i\r\n"),
    ("S", b"334 b\r\n"),
    ("C", b"cHc=\r\n"),
    ("S", b"235 2.7.0 ok\r\n"),
    ("C", b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
    ("S", b"250 a\r\n550 5.1.1 b\r\n354 c\r\n"),
    ("C", b"x\n\r\n..\r\n.\r\nBDAT 4\r\nab\r\nNOOP\n"),
    ("S", b"what\r\n250 a\r\n250 b\r\n250 c\r\n"),
    ("C", b"QUIT"),
    ("S", b"221 bye"),
]
POP3 = [
    ("S", b"+OK a\r\n"),
    ("C", b"CAPA\r\nUSER bob\r\nPASS pw\r\n"),
    ("S", b"+OK\r\nTOP\r\n.\r\n+OK\r\n+OK\r\n"),
    ("C", b"AUTH PLAIN\r\n"),
    ("S", b"+ \r\n"),
    ("C", b"*\r\nRETR 1\r\nLIST\r\n"),
    ("S", b"-ERR\r\n+OK\r\na\r\n..\r\n.\r\n+OK\r\n1 2\r\n-ERR x\r\n"),
    ("C", b"QUIT\r\n"),
]
IMAP = [
    ("S", b"* OK a\r\n"),
    ("C", b"a LOGIN {3}\r\n"),
    ("S", b"+ go\r\n"),
    ("C", b"bob pw\r\n"),
    ("S", b"a OK b\r\n"),
    ("C", b"b SELECT x\r\nc FETCH 1 BODY[]\r\nd IDLE\r\n"),
    ("S", b"* 1 EXISTS\r\nb OK\r\n* 1 FETCH (BODY[] {4}\r\na\r\nb)\r\nc OK x\r\n+ \r\n* 2 EXISTS\r\n"),
    ("C", b"DONE\r\ne APPEND x {2+}\r\nab\r\n"),
    ("S", b"d OK\r\ne NO [TRYCREATE] no\r\n* BYE x\r\n"),
]
TALKS = {"smtp": (25, SMTP), "pop3": (110, POP3), "imap": (143, IMAP)}


@pytest.mark.parametrize("name", TALKS)
def test_octet_by_octet_gives_the_same_rows(flow: Any, bytewise: Any, name: str) -> None:
    port, said = TALKS[name]
    whole = flow(*said, port=port)
    rows = list(Dissection(whole, whole=True).advance())
    assert len(rows) > 6
    assert bytewise(whole) == rows


@pytest.mark.parametrize("name", TALKS)
def test_tls_octet_by_octet(flow: Any, bytewise: Any, name: str) -> None:
    port, said = TALKS[name]
    whole = flow(("C!", b"\x16\x03\x01\x00\x01\x01"), ("S!", b"\x16\x03\x03\x00\x01\x02"), *said, port=port)
    rows = list(Dissection(whole, whole=True).advance())
    assert rows[0].verb == "TLS"
    assert all(row.encrypted for row in rows[1:])
    assert bytewise(whole) == rows


def test_rows_come_as_soon_as_they_are_whole(flow: Any) -> None:
    growing = flow(closed=False)
    dissection = Dissection(growing)
    seen = []
    for order, (who, octets) in enumerate(SMTP[:5]):
        (growing.client if who == "C" else growing.server).append(octets, order, order)
        seen.append([row.verb for row in dissection.advance()])
    assert seen == [[None], [], ["EHLO"], [], ["AUTH"]]


@pytest.mark.parametrize(
    ("port", "said", "protocol"),
    [
        (2525, [("S", b"220 a ESMTP\r\n"), ("C", b"EHLO b\r\n")], "smtp"),
        (2525, [("S", b"220 a ESMTP\r\n")], "smtp"),
        (21, [("S", b"220 ftp\r\n"), ("C", b"USER anonymous\r\n")], None),
        (21, [("S", b"220 ftp\r\n"), ("C", b"AUTH TLS\r\n"), ("S", b"234 go\r\n")], None),  # RFC 4217 12.1
        (21, [("S", b"220 ftp\r\n"), ("C", b"HELP\r\n"), ("S", b"214 x\r\n"), ("C", b"USER a\r\n")], None),
        (119, [("S", b"200 news\r\n"), ("C", b"QUIT\r\n"), ("S", b"205 bye\r\n")], None),  # RFC 3977 5.4
        (119, [("S", b"200 news\r\n"), ("C", b"STARTTLS\r\n"), ("S", b"382 go\r\n")], None),  # RFC 4642 2.2
        (8025, [("S", b"220 mx ESMTP\r\n"), ("C", b"QUIT\r\n"), ("S", b"221 bye\r\n")], "smtp"),
        (8025, [("C", b"RCPT TO:<a@b>\r\n"), ("S", b"250 ok\r\n")], "smtp"),
        (8024, [("S", b"220 mx LMTP\r\n"), ("C", b"LHLO a\r\n"), ("S", b"250 mx\r\n")], "smtp"),
        (25, [("S", b"220 mx\r\n"), ("C", b"QUIT\r\n"), ("S", b"221 bye\r\n")], "smtp"),
        (1110, [("S", b"+OK hi\r\n"), ("C", b"USER bob\r\n")], "pop3"),
        (6379, [("S", b"+OK\r\n"), ("C", b"*2\r\n")], None),
        (1143, [("S", b"* OK hi\r\n"), ("C", b"a CAPABILITY\r\n")], "imap"),
        (25, [("S", b"* OK hi\r\n"), ("C", b"a CAPABILITY\r\n")], "imap"),
        (80, [("C", b"GET / HTTP/1.1\r\n"), ("S", b"HTTP/1.1 200 OK\r\n")], None),
        (443, [("C!", b"\x16\x03\x01\x00\x01\x01"), ("S!", b"\x16\x03\x01\x00\x01\x02")], None),
        (993, [("C!", b"\x16\x03\x01\x00\x01\x01"), ("S!", b"\x16\x03\x01\x00\x01\x02")], "imap"),
        (4650, [("C!", b"\x16"), ("S!", b"\x16"), ("S", b"220 a\r\n"), ("C", b"EHLO b\r\n")], "smtp"),
        (2525, [("C", b"EHLO b\r\n")], "smtp"),
        (110, [], "pop3"),
        (53, [("C", b"\x00\x1d\x00\x07")], "dns"),
    ],
)
def test_the_protocol_is_told_by_what_is_said(flow: Any, port: int, said: Any, protocol: str | None) -> None:
    assert dissect(flow(*said, port=port))[0] == protocol


@pytest.mark.parametrize("port", [25, 110, 143])
def test_no_mail_on_a_mail_port_is_one_row(flow: Any, port: int) -> None:
    _, rows = dissect(
        flow(("C", b"GET / HTTP/1.1\r\n\r\n"), ("S", b"HTTP/1.1 400 Bad Request\r\n"), port=port)
    )
    assert [(row.verb, [flaw.name for flaw in row.flaws]) for row in rows] == [(None, ["not-mail"])]


def test_a_question_and_its_answer(flow: Any) -> None:
    from labkit.capture.tape import Datagram

    dns_message = pytest.importorskip("dns.message")
    asked = dns_message.make_query("example.org", "MX", id=7)
    answer = dns_message.make_response(asked)
    answer.answer.append(
        __import__("dns.rrset").rrset.from_text("example.org.", 60, "IN", "MX", "10 mx.example.org.")
    )
    talk = flow(port=53, transport="udp")
    for order, (who, octets) in enumerate(
        [
            ("client", asked.to_wire()),
            ("server", b"junk"),
            ("server", answer.to_wire()),
            ("client", asked.to_wire()),
        ]
    ):
        talk.datagrams.append(Datagram(who, order, order, None, octets))  # type: ignore[arg-type]
    protocol, rows = dissect(talk)
    assert protocol == "dns"
    assert [(row.verb, row.argument, row.status, row.text) for row in rows] == [
        (None, None, None, None),
        ("MX", b"example.org", b"NOERROR", b"10 mx.example.org."),
        ("MX", b"example.org", None, None),
    ]


# Pieces that make dissectors think hard, in any order.
PIECES = [
    b"EHLO a\r\n",
    b"MAIL FROM:<a@b>\r\n",
    b"DATA\r\n",
    b".\r\n",
    b"\n.\n",
    b"BDAT 3 LAST\r\n",
    b"BDAT 99999\r\n",
    b"STARTTLS\r\n",
    b"AUTH PLAIN\r\n",
    b"=\r\n",
    b"QUIT\r\n",
    b"220 a\r\n",
    b"250-a\r\n",
    b"250 a\r\n",
    b"354 a\r\n",
    b"334 a\r\n",
    b"550\r\n",
    b"+OK\r\n",
    b"-ERR\r\n",
    b"+ \r\n",
    b"RETR 1\r\n",
    b"LIST\r\n",
    b"CAPA\r\n",
    b"STLS\r\n",
    b"1 2\r\n",
    b"* OK a\r\n",
    b"* 1 FETCH {3}\r\n",
    b"a LOGIN {3}\r\n",
    b"a LOGIN b {2+}\r\n",
    b"a AUTHENTICATE X\r\n",
    b"a IDLE\r\n",
    b"DONE\r\n",
    b'a OK [X "]"] b\r\n',
    b"b NO\r\n",
    b"a STARTTLS\r\n",
    b"{5}\r\n",
    b"\r",
    b"\n",
    b"\x00\xff",
    b"{99999999999999999999}\r\n",
    b"a UID\r\n",
    b"* BYE\r\n",
    b" ",
]
octets = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=5)), max_size=14).map(b"".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    octets,
    octets,
    st.sampled_from([25, 110, 143]),
    st.integers(-1, 40),
    st.integers(-1, 40),
    st.integers(-1, 20),
)
def test_any_octets_any_gaps(
    flow: Any, client: bytes, server: bytes, port: int, gap: int, hole: int, tls: int
) -> None:
    talk = flow(port=port)
    for side, data, missing, turn in ((talk.client, client, gap, 0), (talk.server, server, hole, 1)):
        for index in range(0, len(data), 9):
            if 0 <= tls <= index:
                side.begin_tls()
            side.append(data[index : index + 9], 100 * index + turn, 2 * index + turn)
        if missing >= 0:
            side.gaps.append(Gap(min(missing, len(data)), 7))
    _, rows = dissect(talk)
    for row in rows:
        assert -1 <= row.start <= row.end <= max(len(client), 0)
        assert -1 <= row.reply_start <= row.reply_end <= max(len(server), 0)
        assert all(row.start <= a <= b <= row.end for a, b in row.secrets)
        assert {flaw.name for flaw in row.flaws} <= set(CATALOGUE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets, octets, st.sampled_from([25, 110, 143]))
def test_any_octets_in_pieces(flow: Any, bytewise: Any, client: bytes, server: bytes, port: int) -> None:
    whole = flow(("S", server), ("C", client), port=port)
    rows = list(Dissection(whole, whole=True).advance())
    assert bytewise(whole) == rows
    if rows:
        assert_covers([(row.start, row.end) for row in rows], len(client))
        assert_covers([(row.reply_start, row.reply_end) for row in rows], len(server))


def assert_covers(spans: list[tuple[int, int]], size: int) -> None:
    """Every octet belongs to one row."""
    at = 0
    for start, end in sorted(span for span in spans if span[0] >= 0):
        assert start == at
        at = end
    assert at == size


@pytest.mark.parametrize(
    ("port", "client", "server"),
    [
        (25, b"EHLO a\r\n", b"220 a\r\n" + b"250 b\r\n" * 5_000),
        (25, b"\xff\n" * 5_000, b"220 a\r\n" + b"250-\xff\n" * 5_000),
        (110, b"LIST\r\n" * 5_000, b"+OK a\r\n" * 5_000),
        (143, b"a X {1+}\r\nx" * 5_000, b"* OK a\r\n" + b"\n" * 5_000),
    ],
)
def test_much_garbage_takes_no_stack(flow: Any, port: int, client: bytes, server: bytes) -> None:
    _, rows = dissect(flow(("S", server), ("C", client), port=port))
    assert rows
    assert max(len(row.flaws) for row in rows) < 100
