"""PROXY headers in front of each protocol, and who speaks first behind them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sealed import Spoken, contexts

from labkit.capture import proxy
from labkit.capture.hello import tls_begins
from labkit.capture.proxy import SIGNATURE
from labkit.dissect.dissector import Dissection, dissect
from labkit.tables.exchanges import outcome

V4 = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + (56324).to_bytes(2, "big") + (25).to_bytes(2, "big")
V6 = bytes.fromhex("20010db800000000000000000000000120010db8000000000000000000000002") + V4[8:]
TLV = b"\x04\x00\x03abc"  # NOOP
HEADERS = [
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n", b"TCP4 192.0.2.1 192.0.2.2 56324 25"),
    (b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 25\r\n", b"TCP6 2001:db8::1 2001:db8::2 56324 25"),
    (b"PROXY UNKNOWN\r\n", b"UNKNOWN"),
    (SIGNATURE + b"\x21\x11\x00\x0c" + V4, b"TCP4 192.0.2.1 192.0.2.2 56324 25"),
    (SIGNATURE + b"\x21\x11\x00\x12" + V4 + TLV, b"TCP4 192.0.2.1 192.0.2.2 56324 25"),
    (SIGNATURE + b"\x21\x21\x00\x24" + V6, b"TCP6 2001:db8::1 2001:db8::2 56324 25"),
    (SIGNATURE + b"\x20\x00\x00\x00", b"LOCAL"),
    (SIGNATURE + b"\x21\x31\x00\x02ab", b"UNKNOWN"),  # UNIX sockets
]
BAD = [
    (b"PROXY TCP5 192.0.2.1 192.0.2.2 56324 25\r\n", b"TCP5 192.0.2.1 192.0.2.2 56324 25"),
    (b"PROXY TCP4 192.0.2.1\n", b"TCP4 192.0.2.1"),
    (SIGNATURE + b"\x31\x11\x00\x0c" + V4, b"TCP4 192.0.2.1 192.0.2.2 56324 25"),
    (SIGNATURE + b"\x21\x11\x00\x02ab", b"UNKNOWN"),
]
SPOKEN = {
    "smtp": (25, b"220 a SMTP\r\n", b"QUIT\r\n", b"221 bye\r\n"),
    "pop3": (110, b"+OK a\r\n", b"QUIT\r\n", b"+OK bye\r\n"),
    "imap": (143, b"* OK a\r\n", b"a LOGOUT\r\n", b"* BYE\r\na OK bye\r\n"),
}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["its port", "another port"])
@pytest.mark.parametrize("protocol", SPOKEN)
@pytest.mark.parametrize(("header", "argument"), HEADERS)
def test_a_header_is_a_row_without_a_reply(
    flow: Any, bytewise: Any, header: bytes, argument: bytes, protocol: str, elsewhere: bool
) -> None:
    port, greeting, command, bye = SPOKEN[protocol]
    said = ("C", header), ("S", greeting), ("C", command), ("S", bye)
    talk = flow(*said, port=4000 if elsewhere else port)
    found, rows = dissect(talk)
    assert found == protocol
    assert [(row.number, row.verb) for row in rows] == [
        *((1, "PROXY"), (0, None)),
        (2, "LOGOUT" if protocol == "imap" else "QUIT"),
    ]
    assert (rows[0].argument, rows[0].end, outcome(rows[0])) == (argument, len(header), None)
    assert [flaw for row in rows for flaw in row.flaws] == []
    if not elsewhere:
        assert [row.verb for row in bytewise(talk)] == [row.verb for row in rows]


@pytest.mark.parametrize(("header", "argument"), BAD)
def test_a_header_that_is_none(flow: Any, header: bytes, argument: bytes) -> None:
    _, rows = dissect(flow(("C", header), ("S", b"220 a\r\n"), ("C", b"QUIT\r\n"), ("S", b"221 b\r\n")))
    assert [row.verb for row in rows] == ["PROXY", None, "QUIT"]
    assert rows[0].argument == argument
    assert [flaw.name for flaw in rows[0].flaws] == ["bad-proxy"]


@pytest.mark.parametrize("header", [header for header, _ in HEADERS])
def test_tls_right_behind_a_header(flow: Any, tmp_path: Any, header: bytes) -> None:
    spoken = Spoken(*contexts(tmp_path / "keys"))
    client, server = (b"".join(o for side, o in spoken.wire if side == who) for who in ("client", "server"))
    assert tls_begins(header + client, server) == (len(header), 0)
    assert tls_begins(b"x" + client, server) == (None, None)
    talk = flow(("C", header), ("C!", client), ("S!", server), port=993)
    rows = list(Dissection(talk, whole=True).advance())
    assert [(row.number, row.verb, row.status) for row in rows] == [
        (1, "PROXY", None),
        (2, "TLS", b"ServerHello"),
    ]
    talk.client.append(b"a NOOP\r\n", 90_000, 90)
    talk.server.append(b"* OK ready\r\na OK done\r\n", 91_000, 91)
    rows = list(Dissection(talk, whole=True).advance())
    assert [row.verb for row in rows] == ["PROXY", "TLS", None, "NOOP"]
    assert all(row.encrypted for row in rows[2:])


def test_nothing_behind_a_header(flow: Any) -> None:
    _, rows = dissect(flow(("C", b"PROXY UNKNOWN\r\n")))
    assert [row.verb for row in rows] == ["PROXY"]
    _, rows = dissect(flow(("C", b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n"), ("S", b"HTTP/1.1 400\r\n")))
    assert [[flaw.name for flaw in row.flaws] for row in rows] == [[], ["not-mail"]]


@pytest.mark.parametrize("protocol", SPOKEN)
def test_a_server_that_speaks_second(flow: Any, protocol: str) -> None:
    """Behind some proxies the greeting comes when the client has said something."""
    port, greeting, command, bye = SPOKEN[protocol]
    found, rows = dissect(flow(("C", command), ("S", greeting), ("S", bye), port=port))
    assert found == protocol
    assert [(row.number, row.verb, bool(row.status)) for row in rows][:1] == [(0, None, True)]
    assert [(row.verb, row.status) for row in rows[1:]] == [
        ("LOGOUT", b"OK") if protocol == "imap" else ("QUIT", bye.split()[0])
    ]


@given(
    st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda rest: SIGNATURE + rest)),
    st.booleans(),
)
def test_any_octets(data: bytes, ended: bool) -> None:
    found = proxy.read(data, ended)
    assert found is None or 0 <= found.end <= len(data)
    assert not (ended and found is None)
