"""From conversations to flows: whose octets are whose, how a connection ended, where TLS begins in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Literal

from labkit.capture.conversations import Conversations, client_by_content, clients
from labkit.capture.hello import tls_begins
from labkit.capture.packets import FIN, RST, V4, Segments
from labkit.capture.reassembly import Pieces
from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import SIDES, Datagram, Flow
from labkit.net.tap import Connection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labkit.capture.source import Octets

    Ints = NDArray[np.int64]

DOMAIN = 53  # the port of the DNS


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """The octets of a window, and behind them the datagrams put together from fragments."""

    file: Octets
    datagrams: bytes = b""

    def join(self, at: NDArray[np.int64], length: NDArray[np.int64]) -> bytes:
        """The octets of some pieces, one behind the other."""
        view, beyond = memoryview(self.file), len(self.file)
        pieces = zip(at.tolist(), (at + length).tolist(), strict=True)
        if not self.datagrams:
            return b"".join([view[begin:end] for begin, end in pieces])
        more = memoryview(self.datagrams)
        return b"".join(
            [view[a:b] if a < beyond else more[a - beyond : b - beyond] for a, b in pieces],
        )


def datagram_flows(
    udp: Segments, talk: Conversations, numbers: Ints, which: Ints, buffer: Buffer
) -> Iterator[Flow]:
    """The flows of some conversations of datagrams; `numbers` are Wireshark's."""
    who = clients(udp, talk)
    members: dict[int, list[int]] = {stream: [] for stream in which.tolist()}
    for i, stream in enumerate(talk.stream.tolist()):
        if stream in members:
            members[stream].append(i)
    for stream, these in members.items():
        nothing = Stream(framed=True), Stream(framed=True)
        first, number = int(talk.first[stream]), int(numbers[stream])
        flow = _flow(udp, first, number, max(int(who[stream]), 0), "udp", nothing)
        client_turned = bool(who[stream] == 1)
        for i in these:
            sender = SIDES[bool(talk.turned[i]) != client_turned]
            data = buffer.join(udp.at[i : i + 1], udp.length[i : i + 1])
            frame = int(udp.frame[i])
            flow.datagrams.append(Datagram(sender, int(udp.time[i]), frame, frame, data))
        yield flow


def connections(
    tcp: Segments, talk: Conversations, pieces: Pieces, numbers: Ints, which: Ints, buffer: Buffer
) -> Iterator[Flow]:
    """The flows of some conversations of segments; `numbers` are Wireshark's."""
    sealed = _with_hello(tcp, talk, which, buffer)
    endings = _endings(tcp, talk, which)
    clients_of = clients(tcp, talk)
    streams = _Streams(pieces, buffer)
    for stream in which.tolist():
        first, who = int(talk.first[stream]), int(clients_of[stream])
        one, other = streams[2 * stream], streams[2 * stream + 1]
        if who < 0:
            who = client_by_content(one.data[:8], other.data[:8], tuple(tcp.ports[first].tolist()))
        flow = _flow(tcp, first, int(numbers[stream]), who, "tcp", (one, other))
        if stream in endings:
            _end(flow, endings[stream], who)
        if stream in sealed:
            _begin_tls(flow)
        yield flow


def _flow(
    segments: Segments,
    first: int,
    stream: int,
    who: int,
    transport: Literal["tcp", "udp"],
    streams: tuple[Stream, Stream],
) -> Flow:
    """A flow whose client sent its first packet (who 0) or received it (1).

    The first of the streams is what the sender of the first packet said.
    """
    source_high, source, target_high, target = segments.addresses[first].tolist()
    source_port, target_port = segments.ports[first].tolist()
    ends = [(address(source_high, source), source_port), (address(target_high, target), target_port)]
    if who:
        ends.reverse()
    (client, client_port), (server, server_port) = ends
    time, frame = int(segments.time[first]), int(segments.frame[first])
    connection = Connection(0, transport, client, client_port, server, server_port, time)
    return Flow(0, stream, connection, streams[who], streams[1 - who], first_frame=frame)


@lru_cache(maxsize=4096)
def address(high: int, low: int) -> str:
    """An address as it is written."""
    if high == V4:
        return ".".join(map(str, (low & 0xFFFF_FFFF).to_bytes(4)))
    return str(IPv6Address(high << 64 | low))


class _Streams:
    """The streams of all groups of pieces, made one by one."""

    def __init__(self, pieces: Pieces, buffer: Buffer) -> None:
        self._pieces, self._buffer = pieces, buffer
        self._bounds, self._sizes = pieces.bounds.tolist(), pieces.sizes.tolist()
        self._begun = pieces.begun.tolist()

    def __getitem__(self, group: int) -> Stream:
        pieces, its = self._pieces, slice(self._bounds[group], self._bounds[group + 1])
        load = partial(self._buffer.join, pieces.at[its], pieces.length[its])
        size, begun = self._sizes[group], self._begun[group]
        stream = Stream.loaded(load, size, pieces.start[its], pieces.time[its], pieces.frame[its])
        stream.begun = begun
        if group in pieces.gaps:
            stream.gaps = [Gap(*gap) for gap in pieces.gaps[group]]
        return stream


@dataclass(slots=True)
class _Ending:
    """How a connection ended; sides are 0 for the sender of its first packet and 1."""

    time: int
    by: int
    reset: bool
    sides: set[int]  # which will say nothing more


def _endings(tcp: Segments, talk: Conversations, which: Ints) -> dict[int, _Ending]:
    """The endings of some conversations, as far as they have one."""
    import numpy as np

    chosen = np.zeros(len(talk), np.bool_)
    chosen[which] = True
    last = np.flatnonzero(tcp.flags & (FIN | RST))
    last = last[chosen[talk.stream[last]]]
    endings: dict[int, _Ending] = {}
    for stream, side, time, flags in zip(
        talk.stream[last].tolist(),
        talk.turned[last].tolist(),
        tcp.time[last].tolist(),
        tcp.flags[last].tolist(),
        strict=True,
    ):
        reset = bool(flags & RST)
        if stream not in endings:
            endings[stream] = _Ending(time, int(side), reset, set())
        endings[stream].sides.update((0, 1) if reset else (int(side),))
    return endings


def _end(flow: Flow, ending: _Ending, who: int) -> None:
    flow.connection.closed = ending.time
    flow.connection.closed_by = SIDES[ending.by != who]
    flow.connection.ended = "reset" if ending.reset else "quit"
    for side in ending.sides:
        flow.side(SIDES[side != who]).ended = True


def _with_hello(tcp: Segments, talk: Conversations, which: Ints, buffer: Buffer) -> set[int]:
    """Those of some conversations in which some segment begins like a TLS handshake."""
    import numpy as np

    chosen = np.zeros(len(talk), np.bool_)
    chosen[which] = True
    full = np.flatnonzero((tcp.length > 5) & chosen[talk.stream])
    file = np.frombuffer(buffer.file, np.uint8)
    octets = np.append(file, np.frombuffer(buffer.datagrams, np.uint8)) if buffer.datagrams else file
    at = tcp.at[full]
    full = full[(octets[at] == 0x16) & (octets[at + 1] == 3)] if len(full) else full
    return set(talk.stream[full].tolist())


def _begin_tls(flow: Flow) -> None:
    """Split both streams where TLS begins, if it does."""
    client_at, server_at = tls_begins(flow.client.data, flow.server.data)
    for stream, at in ((flow.client, client_at), (flow.server, server_at)):
        if at is not None:
            stream.seal(at)
    if server_at is not None or (client_at is not None and not len(flow.server)):
        flow.connection.tls = "STARTTLS" if server_at or (server_at is None and client_at) else "implicit"
