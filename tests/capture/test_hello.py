"""TLS is found where it begins, and nowhere within a message."""

from __future__ import annotations

import io

import pytest
from support.packets import CLIENT, SERVER, ipv4, pcap, tcp

from labkit.capture.hello import tls_begins
from labkit.capture.pcap import read

CLIENT_HELLO = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"
SERVER_HELLO = b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\x00"
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"


@pytest.mark.parametrize(
    ("client", "server", "begins"),
    [
        (b"EHLO a\r\n", b"220 b\r\n", (None, None)),
        (CLIENT_HELLO, SERVER_HELLO, (0, 0)),
        (b"STARTTLS\r\n" + CLIENT_HELLO, b"220 go\r\n" + SERVER_HELLO, (10, 8)),
        (b"stls \r\n" + CLIENT_HELLO, b"+OK\r\n" + ALERT, (7, 5)),
        (b"a1 STARTTLS\r\n" + CLIENT_HELLO, b"", (13, None)),
        (b"STARTTLS\r\nNOOP\r\n" + CLIENT_HELLO, b"220 go\r\n" + SERVER_HELLO, (16, 8)),
        (b"", b"220 go\r\n" + SERVER_HELLO, (None, 8)),
        (b"BDAT 20\r\n" + CLIENT_HELLO, b"250\r\n" + SERVER_HELLO, (None, None)),
        (b"a STARTTLS\r\nx" + CLIENT_HELLO, b"", (None, None)),
        (b"how to STARTTLS now\r\n" + CLIENT_HELLO, b"", (None, None)),
    ],
)
def test_where_tls_begins(client: bytes, server: bytes, begins: tuple[int | None, int | None]) -> None:
    assert tls_begins(client, server) == begins


def test_streams_of_a_file_end_where_tls_begins() -> None:
    packets = [
        ipv4(tcp(40000, 587, 1, b"STARTTLS\r\n")),
        ipv4(tcp(587, 40000, 1, b"220 go\r\n"), SERVER, CLIENT),
        ipv4(tcp(40000, 587, 11, CLIENT_HELLO)),
        ipv4(tcp(587, 40000, 9, SERVER_HELLO), SERVER, CLIENT),
        ipv4(tcp(40000, 587, 121, b"\x17\x03\x03sealed")),
    ]
    (flow,) = read(io.BytesIO(pcap(packets))).flows
    assert flow.connection.tls == "STARTTLS"
    assert (flow.client.data, flow.client.tls_at, len(flow.client)) == (b"STARTTLS\r\n", 10, 10)
    assert flow.client.gaps == []
    tls = flow.client.tls
    assert tls is not None
    assert tls.data == CLIENT_HELLO + b"\x17\x03\x03sealed"
    assert [tuple(gap) for gap in tls.gaps] == [(10, 100)]
    assert [tls.frame_at(0), tls.frame_at(9), tls.frame_at(10)] == [3, 3, 5]
    assert flow.server.tls is not None
    assert flow.server.tls.data == SERVER_HELLO


def test_implicit_tls_leaves_an_empty_stream() -> None:
    (flow,) = read(io.BytesIO(pcap([ipv4(tcp(40000, 993, 1, CLIENT_HELLO))]))).flows
    assert (flow.connection.tls, flow.client.data, flow.client.tls_at) == ("implicit", b"", 0)
    assert flow.client.tls is not None
    assert flow.client.tls.time_at(0) == flow.connection.opened
    with pytest.raises(IndexError):
        flow.client.time_at(0)
