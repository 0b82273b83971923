"""Links, IP headers and fragments: the same segment is found under every wrapping."""

from __future__ import annotations

import io
import struct
from itertools import pairwise, permutations

import pytest
from support.packets import ETHERNET, RAW, ethernet, ipv4, ipv6, pcap, tcp, udp

from labkit.capture.pcap import read
from labkit.capture.tape import Tape

SEGMENT = tcp(40000, 25, 1000, b"EHLO a\r\n")


def tape(*packets: bytes, link: int = RAW) -> Tape:
    return read(io.BytesIO(pcap(packets, link=link)), name="x")


WRAPPED = {
    "ethernet": (ETHERNET, ethernet(ipv4(SEGMENT))),
    "padded to the least size": (ETHERNET, ethernet(ipv4(SEGMENT), padding=9)),
    "vlan": (ETHERNET, ethernet(ipv4(SEGMENT), tags=[0x8100])),
    "vlans": (ETHERNET, ethernet(ipv4(SEGMENT), tags=[0x88A8, 0x8100, 0x8100])),
    "cooked": (113, bytes(14) + b"\x08\x00" + ipv4(SEGMENT)),
    "cooked vlan": (113, bytes(14) + b"\x81\x00\x00\x07\x08\x00" + ipv4(SEGMENT)),
    "cooked v2": (276, b"\x86\xdd" + bytes(18) + ipv6(SEGMENT)),
    "null": (0, b"\x02\0\0\0" + ipv4(SEGMENT)),
    "loopback of OpenBSD": (108, b"\0\0\0\x18" + ipv6(SEGMENT)),
    "raw": (RAW, ipv4(SEGMENT)),
    "raw 6": (229, ipv6(SEGMENT)),
    "options": (RAW, ipv4(SEGMENT, options=b"\x01" * 12)),
    "offloaded": (RAW, ipv4(SEGMENT, total=0)),
    "options of TCP": (RAW, ipv4(tcp(40000, 25, 1000, b"EHLO a\r\n", options=b"\x01" * 40))),
    "hop by hop": (RAW, ipv6(b"\x06\0" + bytes(6) + SEGMENT, protocol=0)),
    "chain": (
        RAW,
        ipv6(b"\x2b\0" + bytes(6) + b"\x3c\x01" + bytes(14) + b"\x06\0" + bytes(6) + SEGMENT, protocol=0),
    ),
    "authentication": (RAW, ipv6(b"\x06\x04" + bytes(22) + SEGMENT, protocol=51)),
    "whole fragment": (RAW, ipv6(b"\x06\0\0\0" + bytes(4) + SEGMENT, protocol=44)),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_a_segment_is_found_under_every_wrapping(kind: str) -> None:
    link, packet = WRAPPED[kind]
    (flow,) = tape(packet, link=link).flows
    assert flow.client.data == b"EHLO a\r\n"
    assert flow.connection.client in ("192.0.2.1", "2001:db8::1")
    assert (flow.connection.client_port, flow.connection.server_port) == (40000, 25)


def test_a_link_that_is_not_read_is_noted() -> None:
    found = tape(b"whatever", b"this is", link=147)
    assert found.flows == []
    assert found.notes == ["x: 2 packets left out, on a link of type 147, which is not read"]
    assert found.packets == 2


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x45",
        ipv4(SEGMENT)[:30],
        ipv4(SEGMENT[:19]),
        b"\x44" + ipv4(SEGMENT)[1:],  # a header of 16 octets
        b"\x4f" + ipv4(b"")[1:],  # a header of 60, in a packet of 20
        ipv4(SEGMENT[:12] + b"\x40" + SEGMENT[13:]),  # a TCP header of 16
        ipv4(SEGMENT[:12] + b"\xf0" + SEGMENT[13:]),  # of 60, in a segment of 28
        ipv4(SEGMENT, total=21),
        ipv6(SEGMENT)[:39],
        ipv6(b"\x00" + bytes(7), protocol=0) * 20,
        ipv4(SEGMENT, protocol=1),
    ],
)
def test_headers_that_cannot_be_are_passed_over(packet: bytes) -> None:
    good = ipv4(SEGMENT)
    (flow,) = tape(packet, good, packet).flows
    assert flow.client.data == b"EHLO a\r\n"


def four_in_pieces(payload: bytes, cuts: list[int], identification: int = 7) -> list[bytes]:
    edges = [0, *cuts, len(payload)]
    return [
        ipv4(
            payload[a:b],
            identification=identification,
            fragment=a // 8 | (0x2000 if b < len(payload) else 0),
        )
        for a, b in pairwise(edges)
    ]


def six_in_pieces(payload: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *cuts, len(payload)]
    return [
        ipv6(struct.pack(">BBHI", 6, 0, a | (b < len(payload)), 0xABCDEF01) + payload[a:b], protocol=44)
        for a, b in pairwise(edges)
    ]


@pytest.mark.parametrize("cut", [four_in_pieces, six_in_pieces])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_fragments_in_any_order(cut: object, order: tuple[int, ...]) -> None:
    data = bytes(range(256)) * 3
    pieces = cut(tcp(40000, 25, 1000, data), [16, 400])  # type: ignore[operator]
    (flow,) = tape(*(pieces[i] for i in order)).flows
    assert flow.client.data == data
    assert flow.client.frame_at(0) == 3, "a datagram is seen when its last fragment is"


def test_fragments_of_two_datagrams_and_a_third_between() -> None:
    one = four_in_pieces(tcp(40000, 25, 1000, b"a" * 100), [48], identification=1)
    two = four_in_pieces(tcp(40000, 25, 1100, b"b" * 100), [80], identification=2)
    between = ipv4(tcp(40000, 25, 1200, b"c"))
    (flow,) = tape(one[1], two[0], between, one[0], two[1]).flows
    assert flow.client.data == b"a" * 100 + b"b" * 100 + b"c"
    assert [flow.client.frame_at(place) for place in (0, 100, 200)] == [4, 5, 3]


def test_fragments_that_overlap_or_miss_something() -> None:
    payload = tcp(40000, 25, 1000, b"x" * 100)
    first, second = four_in_pieces(payload, [64])
    again = ipv4(payload[:80], identification=7, fragment=0x2000)
    assert tape(first, again, second).flows[0].client.data == b"x" * 100
    assert tape(first, first).flows == []
    too_far = ipv4(b"y" * 100, identification=7, fragment=0x1FFF)
    assert tape(first, too_far, second).flows[0].client.data == b"x" * 100


def test_datagrams_of_the_dns() -> None:
    asks, answers = udp(40001, 53, b"question"), udp(53, 40001, b"answer")
    found = tape(
        ipv4(udp(1234, 4321, b"something else"), protocol=17),
        ipv4(asks, protocol=17),
        ipv4(tcp(40000, 25, 1, b"x")),
        ipv4(answers, "192.0.2.2", "192.0.2.1", protocol=17),
    )
    dns, mail = found.flows
    assert [(d.sender, d.data, d.frame) for d in dns.datagrams] == [
        ("client", b"question", 2),
        ("server", b"answer", 4),
    ]
    assert (dns.number, dns.stream, dns.connection.transport) == (0, 1, "udp")
    assert (mail.number, mail.stream) == (1, 0)
    assert (dns.connection.client_port, dns.connection.server_port) == (40001, 53)
