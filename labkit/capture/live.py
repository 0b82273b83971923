"""A capture that is still being taken: flows that grow with each packet, as from `tcpdump -w -`.

The other reader (pcap.py) has all packets of a window before it puts octets in order, and is far faster;
this one gives each octet as soon as it is its turn.  Segments that come too early wait for those
before them, until the peer acknowledges what is not there: then it was not captured, and is a gap.
Who reads the flows forgets those that are `over`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from labkit.capture.conversations import SERVERS, client_by_content
from labkit.capture.flows import DOMAIN, address
from labkit.capture.hello import CLIENT_HELLO, SERVER_RECORD, STARTTLS
from labkit.capture.packets import ACK, FIN, RST, SYN
from labkit.capture.source import CHUNK, Input
from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import SIDES, Datagram, Flow
from labkit.capture.windows import HEAD
from labkit.net.tap import Connection, Side

if TYPE_CHECKING:
    from labkit.capture.frames import Parser

End = tuple[str, int]
DATAGRAM = -1  # in the place of TCP's flags
WAITING = 1 << 22  # octets that wait for earlier ones of their direction before those count as lost
_LINE = 200  # octets before a hello in which STARTTLS is looked for


class Packet(NamedTuple):
    """One segment or datagram."""

    source: End
    target: End
    time: int
    frame: int
    seq: int
    ack: int
    flags: int
    data: bytes


def follow(source: BinaryIO, name: str, notes: list[str]) -> Iterator[list[Flow]]:
    """The flows that grew, each time some packets have come, until the capture ends.

    `notes` gets a sentence about what could not be read.  Raises LabError if it is no capture.
    """
    live = Live()
    eager: Any = _Eager(source)
    with Input(eager, name, notes) as pieces:
        for packets in _packets(pieces, name, notes):
            yield live.take(packets)


class _Eager:
    """A file of which as much is given as has come; but its first octets, by which it is known, whole."""

    def __init__(self, source: Any) -> None:
        self._read, self._read1 = source.read, getattr(source, "read1", source.read)

    def read(self, size: int) -> bytes:
        found: bytes = self._read1(size) if size >= CHUNK else self._read(size)
        return found


def _packets(pieces: Input, name: str, notes: list[str]) -> Iterator[list[Packet]]:
    """What comes, in the packets that are whole."""
    from labkit.capture.fragments import Reassembly
    from labkit.capture.frames import parser

    known: Parser | None = None
    rest, tally, fragments = b"", Counter[str](), Reassembly()
    ended = False
    while not ended:
        piece = pieces.piece()
        ended = piece is None
        rest += piece or b""
        if known is None:
            if len(rest) < HEAD and not ended:
                continue
            known = parser(rest[:HEAD], name, notes)
        before = known.place
        yield _in_window(known, rest, ended, fragments, tally)
        rest, ended = rest[known.place - before :], ended or known.stopped
    for why, number in tally.items():
        if number:
            notes.append(f"{name}: {number} packet{'s' * (number != 1)} left out, {why}")


def _in_window(known: Parser, raw: bytes, ended: bool, fragments: Any, tally: Counter[str]) -> list[Packet]:
    """The segments, and the datagrams to and from name servers, of the packets that are whole."""
    from labkit.capture.windows import segments

    tcp, udp, buffer = segments(known, raw, 0, ended, fragments, tally)
    found = []
    for kind in (tcp, udp):
        for i in range(len(kind)):
            source_high, source, target_high, target = kind.addresses[i].tolist()
            source_port, target_port = kind.ports[i].tolist()
            if kind is udp and DOMAIN not in (source_port, target_port):
                continue
            ends = (address(source_high, source), source_port), (address(target_high, target), target_port)
            data = buffer.join(kind.at[i : i + 1], kind.length[i : i + 1])
            flags = DATAGRAM if kind is udp else int(kind.flags[i])
            seen = int(kind.time[i]), int(kind.frame[i]), int(kind.seq[i]), int(kind.ack[i])
            found.append(Packet(*ends, *seen, flags, data))
    return sorted(found, key=lambda packet: packet.frame)


@dataclass(slots=True, eq=False)
class _Way:
    """One direction: what is expected next, and what came too early, by its place.

    A place counts octets from the first one; `places` is a heap of those that are waited with.
    """

    stream: Stream
    next: int | None = None
    fin: int | None = None
    place: int = 0  # of what is expected next
    early: dict[int, tuple[bytes, int, int]] = field(default_factory=dict)
    places: list[int] = field(default_factory=list)
    waiting: int = 0  # octets

    def go_on(self, octets: int) -> None:
        """So many more have come, or never will."""
        assert self.next is not None
        self.next, self.place = (self.next + octets) % 2**32, self.place + octets


@dataclass(slots=True, eq=False)
class _Line:
    """One connection."""

    number: int
    flow: Flow | None = None  # None while it is not known who is the client, and when it is over
    over: bool = False
    syn: int | None = None
    ways: dict[End, _Way] = field(default_factory=dict)


class Live:
    """Packets become flows."""

    def __init__(self) -> None:
        self._lines: dict[frozenset[End], _Line] = {}
        self._count = 0
        self._streams = {"tcp": 0, "udp": 0}

    def take(self, packets: list[Packet]) -> list[Flow]:
        """The flows that these packets make or change."""
        changed: dict[int, Flow] = {}
        for packet in packets:
            flow = self._datagram(packet) if packet.flags == DATAGRAM else self._segment(packet)
            if flow is not None:
                changed[flow.number] = flow
        return [changed[number] for number in sorted(changed)]

    def _line(self, packet: Packet) -> _Line:
        ends = frozenset((packet.source, packet.target))
        line = self._lines.get(ends)
        if line is not None and packet.flags & (SYN | ACK) == SYN and (line.over or line.syn != packet.seq):
            line = None  # the ports are used anew
        if line is None:
            line = self._lines[ends] = _Line(self._count)
            self._count += 1
        return line

    def _datagram(self, packet: Packet) -> Flow:
        line = self._line(packet)
        if line.flow is None:
            ends = (
                (packet.source, packet.target)
                if packet.target[1] == DOMAIN
                else (packet.target, packet.source)
            )
            line.flow = self._flow(line, "udp", ends, packet)
        sender = SIDES[packet.source != (line.flow.connection.client, line.flow.connection.client_port)]
        flow = line.flow
        flow.datagrams.append(Datagram(sender, packet.time, packet.frame, packet.frame, packet.data))
        if 2 * sum(each.sender == "server" for each in flow.datagrams) >= len(flow.datagrams):
            flow.connection.closed = packet.time  # all questions are answered
            del self._lines[frozenset((packet.source, packet.target))]
        return flow

    def _segment(self, packet: Packet) -> Flow | None:
        line = self._line(packet)
        if line.over:
            return None
        if line.flow is None:
            ends = _client_first(packet)
            if ends is None:
                return None
            line.flow = self._flow(line, "tcp", ends, packet)
            line.ways = {ends[0]: _Way(line.flow.client), ends[1]: _Way(line.flow.server)}
        if packet.flags & (SYN | ACK) == SYN:
            line.syn = packet.seq
        mine, other = line.ways[packet.source], line.ways[packet.target]
        if packet.flags & ACK and not packet.flags & RST:
            _acknowledged(line.flow, other, packet)
        _said(line.flow, mine, packet)
        flow = line.flow
        self._closing(line, packet)
        if flow.closed:
            line.flow, line.over = None, True
            line.ways.clear()
        return flow

    def _flow(self, line: _Line, kind: Any, ends: tuple[End, End], packet: Packet) -> Flow:
        (client, client_port), (server, server_port) = ends
        made = Connection(line.number, kind, client, client_port, server, server_port, packet.time)
        stream = self._streams[kind]
        self._streams[kind] += 1
        return Flow(
            line.number, stream, made, Stream(framed=True), Stream(framed=True), first_frame=packet.frame
        )

    def _closing(self, line: _Line, packet: Packet) -> None:
        flow = line.flow
        assert flow is not None
        connection = flow.connection
        sender: Side = "client" if packet.source == (connection.client, connection.client_port) else "server"
        if packet.flags & RST:
            connection.ended, connection.closed_by, connection.closed = "reset", sender, packet.time
            flow.client.ended = flow.server.ended = True
        for way in line.ways.values():
            way.stream.ended = way.stream.ended or (way.fin is not None and way.next == way.fin)
            if way.stream.tls is not None:
                way.stream.tls.ended = way.stream.ended
        if connection.closed is None and flow.client.ended and flow.server.ended:
            connection.ended, connection.closed_by, connection.closed = "quit", sender, packet.time


def _client_first(packet: Packet) -> tuple[End, End] | None:
    """Client and server; None while that cannot be told."""
    ends = packet.source, packet.target
    if packet.flags & SYN:
        return ends[::-1] if packet.flags & ACK else ends
    served = [port in SERVERS for _, port in ends]
    if served[0] != served[1]:
        return ends[::-1] if served[0] else ends
    if not packet.data:
        return None
    return ends[::-1] if client_by_content(packet.data, b"", (ends[0][1], ends[1][1])) else ends


def _beyond(number: int, other: int) -> int:
    """How far one sequence number is behind another, around the corner of 2^32."""
    return (number - other + 2**31) % 2**32 - 2**31


def _said(flow: Flow, way: _Way, packet: Packet) -> None:
    seq = packet.seq
    if packet.flags & SYN:
        seq = (seq + 1) % 2**32
        if way.next is None:
            way.next = seq
    if way.next is None:
        if not packet.data:
            return
        way.next, way.stream.begun = seq, False
    if packet.flags & FIN:
        way.fin = (seq + len(packet.data)) % 2**32
    if packet.data and _beyond((seq + len(packet.data)) % 2**32, way.next) > 0:
        place = way.place + _beyond(seq, way.next)
        if place not in way.early:
            way.early[place] = packet.data, packet.time, packet.frame
            heappush(way.places, place)
            way.waiting += len(packet.data)
    _deliver(flow, way)
    if way.waiting > WAITING:
        _skip(way, way.places[0] - way.place)
        _deliver(flow, way)


def _acknowledged(flow: Flow, way: _Way, packet: Packet) -> None:
    """The other side has octets that were never captured."""
    if way.next is None or (
        way.fin is not None and packet.ack == (way.fin + 1) % 2**32 and way.next == way.fin
    ):
        return
    while (missing := _beyond(packet.ack, way.next)) > 1:  # a single one is a FIN
        first = way.places[0] - way.place if way.places else missing
        _skip(way, max(min(missing, first), 1))
        _deliver(flow, way)


def _on_wire(stream: Stream) -> Stream:
    """Where the next octets of a direction belong: TLS records are a stream of their own."""
    return stream if stream.tls is None else stream.tls


def _skip(way: _Way, missing: int) -> None:
    stream = _on_wire(way.stream)
    stream.gaps.append(Gap(len(stream), missing))
    way.go_on(missing)


def _deliver(flow: Flow, way: _Way) -> None:
    """Append what is at its turn."""
    while way.places and way.places[0] <= way.place:
        place = heappop(way.places)
        data, time, frame = way.early.pop(place)
        way.waiting -= len(data)
        data = data[way.place - place :]
        way.go_on(len(data))
        _append(flow, way.stream, data, time, frame)


def _append(flow: Flow, stream: Stream, data: bytes, time: int, frame: int) -> None:
    """The next octets of a direction: plain ones, and TLS from where it begins."""
    if not data:
        return
    time = max(time, stream.last_time)  # an octet can be read when those before it are there
    if stream.tls is None and (begins := _tls_at(flow, stream, data)) is not None:
        stream.append(data[:begins], time, frame)
        flow.connection.tls = "STARTTLS" if len(stream) else "implicit"
        stream.begin_tls()
        data = data[begins:]
    _on_wire(stream).append(data, time, frame)


def _tls_at(flow: Flow, stream: Stream, data: bytes) -> int | None:
    """Where in these octets TLS begins."""
    said = stream.since(max(len(stream) - _LINE, 0))
    if stream is flow.server:
        pattern, may = SERVER_RECORD, flow.client.tls is not None or not len(flow.client)
    else:
        pattern, may = CLIENT_HELLO, True
    for match in pattern.finditer(data) if may else ():
        before = said + data[: match.start()]
        asked = stream is flow.server or STARTTLS.search(before) is not None
        if not before or (before.endswith(b"\n") and asked):
            return match.start()
    return None
