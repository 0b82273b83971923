"""A tape as a pcap or pcapng file: the packets that would have carried its octets.

What an eavesdropper sees is written: plain octets and TLS records, not what is inside
them.  A connection opens with SYN, SYN+ACK and ACK, carries every record in segments of
at most 1460 octets, each second one and the last acknowledged at once, and ends as it
ended: with FIN, with RST, or, when it was cut, with nothing.  Ethernet addresses are
locally administered and made from the IP addresses.  Reading the file gives equal
streams and times.  Gaps stay gaps: their sequence numbers are passed over.  A pcapng file also
holds the secrets of its TLS sessions, where they are known, so that whoever has it can open them.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from heapq import merge
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import pairwise
from os import PathLike, fspath
from typing import BinaryIO, NamedTuple

from labkit.capture.files import whole_file
from labkit.capture.keys import KeyLog
from labkit.capture.packets import ACK, ETHERNET, FIN, IPV4, IPV6, RST, SYN, TCP, UDP
from labkit.capture.pcapng import INTERFACE, PACKET, SECRETS, TLS_KEY_LOG
from labkit.capture.tape import Flow, Tape
from labkit.errors import LabError
from labkit.net.tap import Side, Tap

PUSH = 8
WINDOW = 64_240  # octets: 44 segments, and never more than two are on the way
MSS = {4: 1460, 6: 1440}
SNAPSHOT = 262_144
CLASSIC = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPSHOT, ETHERNET)
SECTION = 0x0A0D0D0A
OPENING, DATA, CLOSING = range(3)  # what comes first of what has one time
LAST = 1 << 62  # behind all others of its rank

PEER: dict[Side, Side] = {"client": "server", "server": "client"}

Address = IPv4Address | IPv6Address


class Event(NamedTuple):
    """Something that one flow does; sorted by time, and then as it happened."""

    time: int
    rank: int
    order: int
    flow: int
    sender: Side
    data: bytes = b""
    skipped: int = 0  # octets missing before the data
    flags: int = 0


def write(capture: Tape | Tap, target: str | PathLike[str] | BinaryIO, *, keys: KeyLog | None = None) -> None:
    """Write a tape, or all that a live tap has seen from the client's side, as a pcap file.

    A path that ends in `.pcapng` is one, with the secrets in `keys` or, without those, the tape's own; one
    that ends in `.gz` is compressed.  The file appears under its name when it is
    whole.  Raises LabError if it cannot be written.
    """
    tape = Tape.from_tap(capture) if isinstance(capture, Tap) else capture
    if not isinstance(target, str | PathLike):
        _write(tape, target, CLASSIC, _record)
        return
    form = CLASSIC, _record
    if fspath(target).removesuffix(".gz").endswith(".pcapng"):
        form = _opening(tape.keys if keys is None else keys), _packet_block
    with whole_file(target) as part, part.open("wb") as file:
        if fspath(target).endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                _write(tape, packed, *form)
        else:
            _write(tape, file, *form)


def _record(time: int, packet: bytes) -> bytes:
    """A packet of a pcap file."""
    seconds, micros = divmod(time, 1_000_000)
    return struct.pack("<IIII", seconds & 0xFFFFFFFF, micros, len(packet), len(packet)) + packet


def _opening(keys: KeyLog) -> bytes:
    """What a pcapng file begins with: its section, the secrets, and the one interface."""
    opening = _block(SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    if keys:
        text = keys.text()
        opening += _block(SECRETS, struct.pack("<II", TLS_KEY_LOG, len(text)) + text)
    return opening + _block(INTERFACE, struct.pack("<HHI", ETHERNET, 0, SNAPSHOT))


def _packet_block(time: int, packet: bytes) -> bytes:
    high, low = divmod(time, 1 << 32)
    return _block(PACKET, struct.pack("<IIIII", 0, high, low, len(packet), len(packet)) + packet)


def _block(kind: int, body: bytes) -> bytes:
    """A block of a pcapng file."""
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def _write(
    tape: Tape, file: BinaryIO | gzip.GzipFile, opening: bytes, framed: Callable[[int, bytes], bytes]
) -> None:
    buffered = io.BytesIO()
    buffered.write(opening)
    for time, packet in packets(tape):
        buffered.write(framed(time, packet))
        if buffered.tell() > 1 << 20:
            file.write(buffered.getvalue())
            buffered.seek(0)
            buffered.truncate()
    file.write(buffered.getvalue())


def packets(tape: Tape) -> Iterator[tuple[int, bytes]]:
    """Every Ethernet frame with its time in µs, in order."""
    wires = [Wire(flow) for flow in tape.flows]
    for event in merge(*map(events, tape.flows)):
        for packet in wires[event.flow].carry(event):
            yield event.time, packet


def events(flow: Flow) -> Iterator[Event]:
    """What a flow does, in order."""
    number = flow.number
    if flow.connection.transport == "udp":
        for sender, time, order, _, data in flow.datagrams:
            yield Event(time, DATA, order, number, sender, data)
        return
    said = list(merge(*(_said(flow, sender) for sender in ("client", "server"))))
    opened = min([flow.connection.opened, *(event.time for event in said[:1])])
    if flow.client.begun:
        yield Event(opened, OPENING, 0, number, "client", flags=SYN)
    if flow.server.begun:
        yield Event(opened, OPENING, 1, number, "server", flags=SYN | ACK)
    if flow.client.begun and flow.server.begun:
        yield Event(opened, OPENING, 2, number, "client", flags=ACK)
    yield from merge(said, _closing(flow, said))


def _said(flow: Flow, sender: Side) -> Iterator[Event]:
    """The octets of one side on the wire, record by record."""
    stream = flow.side(sender)
    layers = stream.sent
    time, order, skipped = flow.connection.opened, 0, 0
    for layer, size in layers:
        last = layer is layers[-1][0]  # else a gap at its end, or beyond it, is one of what was inside
        data, gaps = layer.data, {gap.offset: gap.length for gap in layer.gaps if gap.offset < size or last}
        starts = [int(start) for start in layer.starts if start < size]
        for i, (start, end) in enumerate(pairwise([*starts, size])):
            time, order, skipped = int(layer.times[i]), int(layer.orders[i]), skipped + gaps.pop(start, 0)
            yield Event(time, DATA, order, flow.number, sender, data[start:end], skipped)
            skipped = 0
        skipped += sum(gaps.values())
    if skipped:  # the end is missing: at last the peer acknowledges what is not there
        others = flow.side(PEER[sender]).times
        time = max(time, int(others[-1]) if len(others) else 0)
        yield Event(time, DATA, LAST, flow.number, sender, b"", skipped)


def _closing(flow: Flow, said: list[Event]) -> Iterator[Event]:
    """How the connection ended: who closed it, and then the other side."""
    connection, time = flow.connection, flow.closed_at
    never_answered = connection.ended == "timeout" and not flow.server.begun
    if time is None or connection.ended == "cut" or never_answered:
        return
    closer: Side = connection.closed_by or "client"
    other = PEER[closer]
    last = {event.sender: event.time for event in said}
    if connection.ended == "reset":
        yield Event(time, CLOSING, 0, flow.number, closer, flags=RST | ACK)
        return
    yield Event(time, CLOSING, 0, flow.number, closer, flags=FIN | ACK)
    if flow.side(other).ended:
        time = max(time, last.get(other, 0))
        yield Event(time, CLOSING, 1, flow.number, other, flags=FIN | ACK)


class Ends(NamedTuple):
    """The parts of a packet's headers that are the same in one direction of a flow."""

    ethernet: bytes
    version: int  # of IP
    addresses: bytes  # source and destination
    ports: bytes


class Wire:
    """The packets of one flow, in order: sequence numbers, acknowledgements, checksums."""

    def __init__(self, flow: Flow) -> None:
        connection = flow.connection
        self.protocol = UDP if connection.transport == "udp" else TCP
        client, server = connection.client, connection.server
        self.ends: dict[Side, Ends] = {
            "client": ends(client, connection.client_port, server, connection.server_port),
            "server": ends(server, connection.server_port, client, connection.client_port),
        }
        # Any numbers would do, but connections that reuse ports must differ, and every run be the same.
        self.next: dict[Side, int] = {
            "client": (flow.number * 0x0100_0193 + 0x1000) % 2**32,
            "server": (flow.number * 0x0100_0193 + 0x8000_1000) % 2**32,
        }
        self.identification = 0

    def carry(self, event: Event) -> Iterable[bytes]:
        """The packets of one event."""
        sender = event.sender
        if self.protocol == UDP:
            return [self._datagram(sender, event.data)]
        return self._signal(sender, event.flags) if event.flags else self._record(sender, event)

    def _record(self, sender: Side, event: Event) -> Iterator[bytes]:
        self._advance(sender, event.skipped)
        size = MSS[self.ends[sender].version]
        count = -(-len(event.data) // size)
        for i in range(count):
            flags = ACK | PUSH if i == count - 1 else ACK
            yield self._segment(sender, flags, event.data[i * size : (i + 1) * size])
            if i % 2 and i < count - 1:
                yield self._segment(PEER[sender], ACK)
        yield self._segment(PEER[sender], ACK)

    def _signal(self, sender: Side, flags: int) -> Iterator[bytes]:
        yield self._segment(sender, flags)
        if flags & FIN:
            yield self._segment(PEER[sender], ACK)

    def _segment(self, sender: Side, flags: int, data: bytes = b"") -> bytes:
        options = struct.pack(">BBH", 2, 4, MSS[self.ends[sender].version]) if flags & SYN else b""
        header = struct.pack(
            ">IIHHHH",
            self.next[sender],
            self.next[PEER[sender]] if flags & ACK else 0,
            (20 + len(options)) << 10 | flags,
            0 if flags & RST else WINDOW,
            0,  # the checksum, until the rest is known
            0,
        )
        self._advance(sender, len(data) + bool(flags & (SYN | FIN)))
        segment = self.ends[sender].ports + header + options + data
        total = checksum(self._pseudo_header(sender, segment) + segment)
        return self._packet(sender, segment[:16] + struct.pack(">H", total) + segment[18:])

    def _advance(self, sender: Side, octets: int) -> None:
        self.next[sender] = (self.next[sender] + octets) % 2**32

    def _datagram(self, sender: Side, data: bytes) -> bytes:
        header = self.ends[sender].ports + struct.pack(">H", 8 + len(data))
        datagram = header + b"\0\0" + data
        total = checksum(self._pseudo_header(sender, datagram) + datagram) or 0xFFFF  # 0 would mean: none
        return self._packet(sender, header + struct.pack(">H", total) + data)

    def _pseudo_header(self, sender: Side, payload: bytes) -> bytes:
        return self.ends[sender].addresses + struct.pack(">IHH", len(payload), 0, self.protocol)

    def _packet(self, sender: Side, payload: bytes) -> bytes:
        ethernet, version, addresses, _ = self.ends[sender]
        if version == 6:
            return (
                ethernet
                + struct.pack(">IHBB", 6 << 28, len(payload), self.protocol, 64)
                + addresses
                + payload
            )
        self.identification = (self.identification + 1) % 2**16
        size, do_not_fragment = 20 + len(payload), 0x4000
        header = struct.pack(
            ">BBHHHBB", 0x45, 0, size, self.identification, do_not_fragment, 64, self.protocol
        )
        return ethernet + header + struct.pack(">H", checksum(header + addresses)) + addresses + payload


@lru_cache
def ends(source: str, source_port: int, target: str, target_port: int) -> Ends:
    """What the packets from one end to the other have in common."""
    here, there = _address(source), _address(target)
    if here.version != there.version:
        raise LabError(f"{source} cannot have talked with {target}: one address is IPv4, the other IPv6")
    kind = IPV4 if here.version == 4 else IPV6
    ethernet = station(there) + station(here) + struct.pack(">H", kind)
    ports = struct.pack(">HH", source_port, target_port)
    return Ends(ethernet, here.version, here.packed + there.packed, ports)


def station(address: Address) -> bytes:
    """A locally administered Ethernet address that shows the IP address (the end of it, in IPv6)."""
    return bytes([2, address.version]) + address.packed[-4:]


def _address(text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError as error:
        raise LabError(f"a capture file needs IP addresses, and {text!r} is none") from error


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071): the one's complement of the sum of 16-bit words.

    The sum with end-around carry is what one long number leaves when divided by 0xFFFF.
    """
    if len(data) % 2:
        data += b"\0"
    remainder = int.from_bytes(data, "big") % 0xFFFF
    return 0xFFFF - remainder if remainder else 0
