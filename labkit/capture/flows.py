"""Flows out of a file: the octets of a window, who speaks with whom, and the conversations of datagrams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Literal

from labkit.capture.conversations import Conversations, clients
from labkit.capture.packets import V4, Segments
from labkit.capture.stream import Stream
from labkit.capture.tape import SIDES, Datagram, Flow
from labkit.net.tap import Connection

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labkit.capture.source import Octets

    Ints = NDArray[np.int64]

DOMAIN = 53  # the port of the DNS


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Buffer:
    """The octets of a window, and behind them the datagrams put together from fragments."""

    file: Octets
    datagrams: bytes = b""

    def cut(self, begin: int, end: int) -> bytes:
        """The octets of a piece."""
        beyond = len(self.file)
        if begin < beyond:
            return bytes(self.file[begin:end])
        return self.datagrams[begin - beyond : end - beyond]

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
    udp: Segments, talk: Conversations, numbers: tuple[Ints, Ints], which: Ints, buffer: Buffer
) -> Iterator[Flow]:
    """The flows of some conversations of datagrams; `numbers` are those of the flows and Wireshark's."""
    who = clients(udp, talk)
    members: dict[int, list[int]] = {stream: [] for stream in which.tolist()}
    for i, stream in enumerate(talk.stream.tolist()):
        if stream in members:
            members[stream].append(i)
    for stream, these in members.items():
        nothing = Stream(framed=True), Stream(framed=True)
        first, client = int(talk.first[stream]), max(int(who[stream]), 0)
        ends = udp.addresses[first].tolist(), udp.ports[first].tolist()
        flow = flow_between("udp", *ends, client, int(udp.time[first]), nothing)
        flow.number = flow.connection.number = int(numbers[0][stream])
        flow.stream, flow.first_frame = int(numbers[1][stream]), int(udp.frame[first])
        for i in these:
            sender = SIDES[bool(talk.turned[i]) != bool(client)]
            data = buffer.join(udp.at[i : i + 1], udp.length[i : i + 1])
            frame = int(udp.frame[i])
            flow.datagrams.append(Datagram(sender, int(udp.time[i]), frame, frame, data))
        yield flow


def flow_between(
    transport: Literal["tcp", "udp"],
    addresses: Sequence[int],
    ports: Sequence[int],
    client: int,
    time: int,
    streams: tuple[Stream, Stream],
) -> Flow:
    """A flow, by its first packet, whose sender is the client (0) or the server (1).

    The first of the streams is what that sender said.
    """
    source_high, source, target_high, target = addresses
    ends = [(address(source_high, source), ports[0]), (address(target_high, target), ports[1])]
    if client:
        ends.reverse()
    (client_at, client_port), (server_at, server_port) = ends
    connection = Connection(0, transport, client_at, client_port, server_at, server_port, time)
    return Flow(0, 0, connection, streams[client], streams[1 - client])


@lru_cache(maxsize=4096)
def address(high: int, low: int) -> str:
    """An address as it is written."""
    if high == V4:
        return f"{low >> 24 & 255}.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"
    return str(IPv6Address(high << 64 | low))
