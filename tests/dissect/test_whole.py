"""A conversation that is read whole has the rows that it has when it is read frame by frame."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit import datasets
from labkit.capture.pcap import read
from labkit.capture.tape import Flow
from labkit.dissect import whole
from labkit.dissect.dissector import dissect, expected_protocol, frame_by_frame

LETTER = "Subject: x\r\n\r\n..\r\nHello.\r\n.\r\n"
PORTS = {"smtp": 25, "pop3": 110, "imap": 143}
GREETINGS = {"smtp": "220 a ESMTP\r\n", "pop3": "+OK a\r\n", "imap": "* OK [CAPABILITY IMAP4rev1] a\r\n"}
# What the client says, and all that the server says to it; a conversation may hold them in any order.
USUAL = {
    "smtp": [
        ("EHLO b\r\n", "250-a\r\n250-PIPELINING\r\n250 8BITMIME\r\n"),
        ("helo b\r\n", "250 a\r\n"),
        ("AUTH PLAIN AGEAc2VjcmV0\r\n", "235 2.7.0 AGEAc2VjcmV0 is right\r\n"),
        ("MAIL FROM:<a@b> SIZE=100\r\n", "250 2.1.0 Ok\r\n"),
        ("RCPT TO:<c@d>\r\n", "250-2.1.5 Ok\r\n250 2.1.5 indeed\r\n"),
        ("RCPT TO:<c@d>\r\n", "550 2.1.5 of another class\r\n"),
        ("DATA\r\n" + LETTER, "354 go on\r\n250 2.0.0\r\n"),
        ("data\r\n.\r\n", "354 go on\r\n554 5.6.0 empty\r\n"),
        ("VRFY c\r\n", "252 \r\n"),
        ("RSET\r\n", "250 Ok\r\n"),
        ("QUIT\r\n", "221 Bye\r\n"),
    ],
    "pop3": [
        ("CAPA\r\n", "+OK\r\nUIDL\r\nTOP\r\n.\r\n"),
        ("USER a\r\n", "+OK\r\n"),
        ("PASS secret\r\n", "+OK secret is right\r\n"),
        ("PASS secret\r\n", "-ERR [AUTH] no\r\n"),
        ("APOP a c4c9334bac560ecc979e58001b3e22fb\r\n", "+OK\r\n"),
        ("AUTH PLAIN AGEAc2VjcmV0\r\n", "-ERR [SYS/TEMP] later\r\n"),
        ("STAT\r\n", "+OK 2 320\r\n"),
        ("LIST\r\n", "+OK\r\n1 160\r\n2 160\r\n.\r\n"),
        ("LIST 2\r\n", "+OK 2 160\r\n"),
        ("UIDL\r\n", "+OK\r\n.\r\n"),
        ("retr 1\r\n", "+OK 26\r\n" + LETTER),
        ("TOP 9 0\r\n", "-ERR no such message\r\n"),
        ("XTND XLST\r\n", "-ERR\r\n"),
        ("QUIT\r\n", "+OK\r\n"),
    ],
    "imap": [
        ("a CAPABILITY\r\n", "* CAPABILITY IMAP4rev1\r\na OK done\r\n"),
        ("a LOGIN bob secret\r\n", "a OK [CAPABILITY IMAP4rev1] secret is right\r\n"),
        ('a LOGIN "bob" "sec ret"\r\n', "a NO [AUTHENTICATIONFAILED] no\r\n"),
        ("a AUTHENTICATE PLAIN AGEAc2VjcmV0\r\n", "a OK done\r\n"),
        ('b SELECT "INBOX"\r\n', "* 2 EXISTS\r\n* OK [UIDNEXT 3] next\r\nb OK [READ-WRITE] done\r\n"),
        ("b SELECT x\r\n", "b NO [NONEXISTENT] none\r\n"),
        ("b UID FETCH 1 (FLAGS)\r\n", "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\nb OK done\r\n"),
        (
            "b FETCH 1:2 BODY[]\r\n",
            "* 1 FETCH (BODY[] {8}\r\na OK b\r\n)\r\n"
            "* 2 fetch (BODY[1] {0}\r\n BODY[2] {2}\r\n\r\n)\r\nb OK ok\r\n",
        ),
        ("c IDLE\r\nDONE\r\n", "+ idling\r\n* 3 EXISTS\r\nc OK done\r\n"),
        ("c IDLE\r\n", "c NO not now\r\n"),
        ("d STORE 1 +FLAGS (\\Seen)\r\n", "d BAD what?\r\n"),
        ("d CLOSE\r\n", "d OK closed\r\n"),
        ("e LOGOUT\r\n", "* BYE see you\r\ne OK done\r\n"),
    ],
}
ODD = {
    "smtp": [
        ("STARTTLS\r\n", "220 go on\r\n"),
        ("AUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\n", "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 ok\r\n"),
        ("LHLO b\r\n", "250 a\r\n"),
        ("BDAT 3 LAST\r\nabc", "250 Ok\r\n"),
        ("DATA\r\nbare\n.\r\n", "354 go on\r\n250 Ok\r\n"),
        ("DATA\r\n" + "x" * 999 + "\r\n.\r\n", "354 go on\r\n250 Ok\r\n"),
        ("DATA\r\nx\r\n.\r\n", "554 no\r\n500 x?\r\n500 .?\r\n"),
        ("DATA\r\nQUIT\r\n", "503 5.5.1 no recipients\r\n221 Bye\r\n"),
        ("DATA\r\nDATA\r\nQUIT\r\n", "503 5.5.1 no recipients\r\n503 no\r\n221 Bye\r\n"),
        ("YWxpY2U=\r\n", "500 what?\r\n"),
        ("NOOP \r\n", "250 Ok\r\n"),
        ("NOOP\r\n", "250-a\r\n251 b\r\n"),
        ("NOOP\r\n", "421 busy\r\n"),
        ("NOOP\r\n", "250\r\n"),
        ("NOOP\r\n", "250 Ok\r\n250 Ok\r\n"),
        ("NOOP\r\n", ""),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", ""),
    ],
    "pop3": [
        ("STLS\r\n", "+OK\r\n"),
        ("AUTH\r\n", "+OK\r\nPLAIN\r\n.\r\n"),
        ("AUTH PLAIN\r\nAGEAc2VjcmV0\r\n", "+ \r\n+OK\r\n"),
        ("LIST\r\n", "+OK\r\n1 160\r\n+OK\r\n"),
        ("LIST\r\n", "+OK\r\n1 160\r\nfoo\r\n.\r\n"),
        ("CAPA\r\n", "+OK\r\n+OK 3\r\n.\r\n"),
        ("RETR 1\r\n", "+OK\r\n+OK\r\n.\r\n"),
        ("RETR 1\r\n", "+OK\r\nx\n.\r\n"),
        ("STAT\r\n", "+OK\r\nx\r\n.\r\n"),
        ("STAT\r\n", "+OK [] 2 320\r\n"),
        ("FOO\r\n", "-ERR\r\n"),
    ],
    "imap": [
        ("a STARTTLS\r\n", "a OK go on\r\n"),
        ("a COMPRESS DEFLATE\r\n", "a OK go on\r\n"),
        ("a LOGIN {3}\r\nbob {6}\r\nsecret\r\n", "+ \r\n+ \r\na OK done\r\n"),
        ("a AUTHENTICATE PLAIN\r\nAGEAc2VjcmV0\r\n", "+ \r\na OK done\r\n"),
        ("LOGIN LOGIN bob secret\r\n", "LOGIN OK done\r\n"),
        ("b UID\r\n", "b BAD what?\r\n"),
        ("b NOOP\r\n", "c OK done\r\n"),
        ("b NOOP\r\n", "+ what?\r\nb OK done\r\n"),
        ("b NOOP\r\nDONE\r\n", "b OK done\r\n"),
        ("b LIST a *\r\n", '* LIST () "/" {3}\r\na/b\r\nb OK done\r\n'),
        ("b NOOP\r\n", "* OK not a literal {3}\r\nb OK done\r\n"),
        ("b FETCH 1 BODY[]\r\n", "* 1 FETCH (BODY[] {6}\r\nabc"),
        ("b NOOP\r\n", "b OK\r\n"),
    ],
}

ODDITIES = ["", "\r", "\n", "\r\n", ".", " ", "x", "+OK", "{3}", "}", "é", "* "]

Flows = Callable[..., Flow]


def spoken(flow: Flows, protocol: str, exchanges: list[tuple[str, str]]) -> Flow:
    """A flow in which the client waits for each reply."""
    said = [("S", GREETINGS[protocol].encode("latin-1"))]
    for asked, replied in exchanges:
        said += [("C", asked.encode("latin-1")), ("S", replied.encode("latin-1"))]
    return flow(*said, port=PORTS[protocol])


def agrees(flow: Flow) -> bool:
    """Whether the flow was read whole; fails if that gave other rows than reading it frame by frame."""
    found = whole.read(flow, expected_protocol(flow))
    if found is not None:
        _, rows = frame_by_frame(flow)
        assert list(found) == list(rows)
    return found is not None


@pytest.mark.parametrize("protocol", USUAL)
def test_what_is_usual_is_read_whole(flow: Flows, protocol: str) -> None:
    in_place = {
        "smtp": [0, 2, 3, 4, 5, 6, 3, 4, 7, 8, 9, 1, 10],
        "pop3": [0, 1, 3, 1, 2, 6, 7, 8, 9, 10, 11, 13],
        "imap": [0, 2, 1, 4, 6, 7, 9, 8, 10, 11, 5, 12],
    }[protocol]
    assert agrees(spoken(flow, protocol, [USUAL[protocol][number] for number in in_place]))


@pytest.mark.parametrize(
    ("protocol", "odd"), [(protocol, odd) for protocol, those in ODD.items() for odd in those]
)
def test_what_is_odd_is_read_frame_by_frame(flow: Flows, protocol: str, odd: tuple[str, str]) -> None:
    before = {"smtp": [0, 3, 4], "pop3": [], "imap": []}[protocol]
    assert not agrees(spoken(flow, protocol, [*[USUAL[protocol][number] for number in before], odd]))


@pytest.mark.parametrize("protocol", USUAL)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(data=st.data())
def test_both_ways_agree(flow: Flows, protocol: str, data: st.DataObject) -> None:
    """Whatever is said: often all of it is usual, else some octets are changed, missing or too many."""
    usual, odd = st.sampled_from(USUAL[protocol]), st.sampled_from(ODD[protocol])
    said = data.draw(st.lists(st.one_of(usual, usual, usual, odd), max_size=12))
    for _ in range(data.draw(st.integers(0, 2)) if said else 0):
        number = data.draw(st.integers(0, len(said) - 1))
        pair = list(said[number])
        side = data.draw(st.integers(0, 1))
        begin = data.draw(st.integers(0, len(pair[side])))
        end = data.draw(st.integers(begin, min(begin + 3, len(pair[side]))))
        put_in = data.draw(
            st.sampled_from(["", "\r", "\n", "\r\n", ".", " ", "x", "+OK", "{3}", "}", "é", "* "])
        )
        pair[side] = pair[side][:begin] + put_in + pair[side][end:]
        said[number] = (pair[0], pair[1])
    agrees(spoken(flow, protocol, said))


@pytest.mark.parametrize("name", datasets.names())
def test_real_sessions_agree(name: str) -> None:
    for flow in read(datasets.path(name)):
        agrees(flow)


def test_most_plain_sessions_of_real_software_are_read_whole() -> None:
    plain = ["postfix-relay", "swaks-smtp", "real-journey", "fetchmail-pop3", "mbsync-imap", "curl-pop3"]
    taken = [agrees(flow) for name in plain for flow in read(datasets.path(name)) if len(flow.server)]
    assert sum(taken) > len(taken) / 2


def test_a_protocol_on_another_port_is_read_whole_too(flow: Flows, monkeypatch: pytest.MonkeyPatch) -> None:
    flows = {}
    for protocol, greeting in GREETINGS.items():
        asked, replied = USUAL[protocol][0]
        said = [("S", greeting.encode()), ("C", asked.encode()), ("S", replied.encode())]
        flows[protocol] = flow(*said, port=4000)
    expected = {protocol: frame_by_frame(flow) for protocol, flow in flows.items()}
    monkeypatch.setattr("labkit.dissect.dissector.frame_by_frame", None)
    for protocol, spoken in flows.items():
        assert dissect(spoken)[0] == protocol
        assert list(dissect(spoken)[1]) == list(expected[protocol][1])
