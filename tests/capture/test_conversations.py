"""Whose packets are whose: conversations numbered as Wireshark does, and who is the client."""

from __future__ import annotations

import io

import pytest
from support.packets import ACK, CLIENT, FIN, RST, SERVER, SYN, ipv4, ipv6, pcap, tcp

from labkit.capture import conversations
from labkit.capture.pcap import read
from labkit.capture.tape import Flow, Tape


def there(
    seq: int, data: bytes = b"", flags: int = ACK, *, port: int = 40000, server: int = 25, ack: int = 0
) -> bytes:
    return ipv4(tcp(port, server, seq, data, flags=flags, ack=ack), CLIENT, SERVER)


def back(
    seq: int, data: bytes = b"", flags: int = ACK, *, port: int = 40000, server: int = 25, ack: int = 0
) -> bytes:
    return ipv4(tcp(server, port, seq, data, flags=flags, ack=ack), SERVER, CLIENT)


def tape(*packets: bytes) -> Tape:
    return read(io.BytesIO(pcap(packets)), name="x")


def said(flow: Flow) -> tuple[int, bytes, bytes]:
    return flow.stream, flow.client.data, flow.server.data


def test_connections_that_interleave() -> None:
    found = tape(
        there(1, b"a"), there(1, b"A", port=40001), back(1, b"b"), back(9, b"B", port=40001), there(2, b"c")
    )
    assert [said(flow) for flow in found] == [(0, b"ac", b"b"), (1, b"A", b"B")]
    assert [flow.connection.number for flow in found] == [0, 1]


def test_ports_taken_again_are_a_new_connection() -> None:
    found = tape(
        there(100, flags=SYN),
        there(100, flags=SYN),  # sent again: the same connection
        back(500, flags=SYN | ACK, ack=101),
        there(101, b"one"),
        there(7, b"other", port=40001),
        there(9_000, flags=SYN),
        back(4_000, flags=SYN | ACK, ack=9_001),
        there(9_001, b"two"),
        back(4_001, b"too"),
    )
    assert [said(flow) for flow in found] == [(0, b"one", b""), (1, b"other", b""), (2, b"two", b"too")]


def test_a_connection_seen_from_its_middle_and_then_its_ports_again() -> None:
    found = tape(there(50, b"end", FIN | ACK), there(9_000, flags=SYN), there(9_001, b"new"))
    assert [said(flow) for flow in found] == [(0, b"end", b""), (1, b"new", b"")]
    found = tape(back(50, b"end", ack=9_001), there(9_000, flags=SYN), there(9_001, b"late"))
    assert [said(flow) for flow in found] == [(0, b"late", b"end")], "the acknowledgement tells"


@pytest.mark.parametrize("server", [25, 40999])
def test_the_syn_tells_who_is_the_client(server: int) -> None:
    for packets in (
        [there(1, flags=SYN, server=server), back(5, flags=SYN | ACK, server=server)],
        [back(5, flags=SYN | ACK, server=server), there(2, b"x", server=server)],
        [back(6, b"220 hi", server=server, ack=2), there(1, flags=SYN, server=server)],
    ):
        (flow,) = tape(*packets)
        assert (flow.connection.client, flow.connection.server_port) == (CLIENT, server)


def test_without_a_syn_the_port_tells() -> None:
    for packets in ([there(1, b"x")], [back(1, b"y")]):
        assert tape(*packets).flows[0].connection.server == SERVER


def test_without_a_known_port_the_greeting_tells() -> None:
    for greeting in (b"220 mx", b"+OK ready", b"* OK IMAP", b"* PREAUTH"):
        for packets in (
            [back(1, greeting, server=40999), there(1, b"HELLO", server=40999)],
            [there(1, b"HELLO", server=40999), back(1, greeting, server=40999)],
        ):
            assert tape(*packets).flows[0].connection.server == SERVER
    # No word of mail: a low port, else who came first.
    assert tape(back(1, b"SSH-2.0", server=22)).flows[0].connection.server == SERVER
    assert tape(there(1, b"GET", server=8080)).flows[0].connection.client == CLIENT


def test_endings() -> None:
    start = [there(1, flags=SYN), back(1, flags=SYN | ACK)]
    quits = tape(*start, back(2, flags=FIN | ACK), there(2, flags=FIN | ACK)).flows[0]
    reset = tape(*start, there(2, flags=RST)).flows[0]
    half = tape(*start, there(2, flags=FIN | ACK), back(2, b"more")).flows[0]
    still = tape(*start).flows[0]
    facts = [
        (c.ended, c.closed_by, c.closed and c.closed - c.opened, flow.client.ended, flow.server.ended)
        for flow in (quits, reset, half, still)
        for c in [flow.connection]
    ]
    assert facts == [
        ("quit", "server", 2_000, True, True),
        ("reset", "client", 2_000, True, True),
        ("quit", "client", 2_000, True, False),
        (None, None, None, False, False),
    ]


def test_colliding_hashes_do_not_mix_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    packets = [
        *(there(1, b"%d" % port, port=port) for port in range(40000, 40020)),
        *(back(1, b"%d" % port, port=port) for port in range(40000, 40020)),
        ipv6(tcp(40000, 25, 1, b"six")),
    ]
    expected = [said(flow) for flow in tape(*packets)]
    assert len(expected) == 21
    monkeypatch.setattr(conversations, "pairs", lambda segments: segments.addresses[:, 0] * 0)
    assert [said(flow) for flow in tape(*packets)] == expected
