"""Packets made by hand, for tests of who reads them.

Deliberately naive and without labkit's own code: checksums are left 0, which readers of
captures must bear.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CLIENT, SERVER = "192.0.2.1", "192.0.2.2"
ETHERNET, RAW = 1, 101
EPOCH = 1_767_603_600_000_000  # µs


def tcp(
    sport: int,
    dport: int,
    seq: int,
    data: bytes = b"",
    *,
    flags: int = ACK,
    ack: int = 0,
    options: bytes = b"",
) -> bytes:
    offset = (20 + len(options)) // 4 << 12
    return (
        struct.pack(">HHIIHHHH", sport, dport, seq % 2**32, ack % 2**32, offset | flags, 8192, 0, 0)
        + options
        + data
    )


def udp(sport: int, dport: int, data: bytes) -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data


def ipv4(
    payload: bytes,
    source: str = CLIENT,
    target: str = SERVER,
    *,
    protocol: int = 6,
    options: bytes = b"",
    identification: int = 0,
    fragment: int = 0,
    total: int | None = None,
) -> bytes:
    length = 20 + len(options) + len(payload)
    head = struct.pack(
        ">BBHHHBBH",
        0x45 + len(options) // 4,
        0,
        length if total is None else total,
        identification,
        fragment,
        64,
        protocol,
        0,
    )
    return head + ip_address(source).packed + ip_address(target).packed + options + payload


def ipv6(
    payload: bytes, source: str = "2001:db8::1", target: str = "2001:db8::2", *, protocol: int = 6
) -> bytes:
    head = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
    return head + ip_address(source).packed + ip_address(target).packed + payload


def ethernet(packet: bytes, *, tags: Sequence[int] = (), padding: int = 0) -> bytes:
    kind = 0x86DD if packet[:1] and packet[0] >> 4 == 6 else 0x0800
    tagged = b"".join(struct.pack(">HH", tag, 7) for tag in tags)
    return bytes(12) + tagged + struct.pack(">H", kind) + packet + bytes(padding)


def pcap(
    packets: Sequence[bytes | tuple[int, bytes]], *, link: int = RAW, order: str = "<", nano: bool = False
) -> bytes:
    """A pcap file; packets without a time (µs) are a millisecond apart."""
    magic, fraction = (0xA1B23C4D, 1000) if nano else (0xA1B2C3D4, 1)
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)]
    for number, packet in enumerate(packets):
        time, data = packet if isinstance(packet, tuple) else (EPOCH + 1000 * number, packet)
        seconds, micros = divmod(time, 1_000_000)
        out.append(struct.pack(order + "IIII", seconds, micros * fraction, len(data), len(data)) + data)
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of a pcapng file."""
    body += bytes(-len(body) % 4)
    total = len(body) + 12
    return struct.pack(order + "II", kind, total) + body + struct.pack(order + "I", total)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = RAW, options: bytes = b"", order: str = "<", snapshot: int = 0) -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, snapshot) + options, order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(ticks: int, data: bytes, which: int = 0, order: str = "<") -> bytes:
    high, low = divmod(ticks, 2**32)
    return block(6, struct.pack(order + "IIIII", which, high, low, len(data), len(data)) + data, order)
