"""The connections that are over, in columns: whose octets are whose, how each ended, and the flows of them.

Columns can be handed to another process, and flows cannot at a bearable price; so which connections
are over is found by one, and their flows are made by whoever dissects them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING

from labkit.capture.conversations import Conversations, client_by_content, clients
from labkit.capture.flows import Buffer, flow_between
from labkit.capture.hello import tls_begins
from labkit.capture.packets import FIN, RST, Segments
from labkit.capture.reassembly import Pieces
from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import SIDES, Flow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Endings:
    """How connections ended; sides are 0 for the sender of the first packet and 1."""

    time: Ints  # of the first FIN or reset; -1: there was none
    side: Ints  # from which it came
    reset: Flags
    silent: Flags  # (n, 2): which sides will say nothing more

    @classmethod
    def of(cls, tcp: Segments, talk: Conversations) -> Endings:
        """Those of all conversations."""
        import numpy as np

        time, side = np.full(len(talk), -1, np.int64), np.zeros(len(talk), np.int64)
        reset, silent = np.zeros(len(talk), np.bool_), np.zeros((len(talk), 2), np.bool_)
        last = np.flatnonzero(tcp.flags & (FIN | RST))[::-1]  # backwards: the first has the last word
        stream, sender = talk.stream[last], talk.turned[last].astype(np.int64)
        by_reset = (tcp.flags[last] & RST) != 0
        time[stream], side[stream], reset[stream] = tcp.time[last], sender, by_reset
        silent[stream, sender] = True
        silent[stream[by_reset]] = True
        return cls(time, side, reset, silent)


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """Some connections; all columns but those of `pieces` have one entry for each.

    The pieces of connection n are those of the groups 2n, of the sender of its first packet, and 2n + 1.
    """

    number: Ints  # among the flows of the file
    stream: Ints  # Wireshark's
    client: Ints  # 0 the sender of the first packet, 1 the other, -1: the octets have to tell
    addresses: NDArray[np.uint64]  # (n, 4), as in Segments, of the first packet
    ports: Ints  # (n, 2)
    time: Ints
    frame: Ints
    hello: Flags  # some segment begins like a TLS handshake
    endings: Endings
    pieces: Pieces
    buffer: Buffer

    def __len__(self) -> int:
        return len(self.number)

    def packed(self) -> Ended:
        """The same with no octets but its own."""
        import numpy as np

        octets = self.buffer.join(self.pieces.at, self.pieces.length)
        at = np.cumsum(self.pieces.length) - self.pieces.length
        return replace(self, pieces=replace(self.pieces, at=at), buffer=Buffer(octets))

    def flows(self) -> Iterator[Flow]:
        """The flows, whose octets are fetched from the buffer when somebody looks at them."""
        streams = _streams(self.pieces, self.buffer)
        columns = (self.number, self.stream, self.client, self.addresses, self.ports, self.time, self.frame)
        endings = (self.endings.time, self.endings.side, self.endings.reset, self.endings.silent)
        rows = zip(*(column.tolist() for column in (*columns, self.hello, *endings)), strict=True)
        for number, stream, client, addresses, ports, time, frame, hello, closed, side, reset, silent in rows:
            one, other = next(streams), next(streams)
            if client < 0:
                client = client_by_content(one.data[:8], other.data[:8], tuple(ports))
            one.ended, other.ended = silent
            flow = flow_between("tcp", addresses, ports, client, time, (one, other))
            flow.number = flow.connection.number = number
            flow.stream, flow.first_frame = stream, frame
            if closed >= 0:
                flow.connection.closed = closed
                flow.connection.closed_by = SIDES[side != client]
                flow.connection.ended = "reset" if reset else "quit"
            if hello:
                _begin_tls(flow)
            yield flow


def ended(
    tcp: Segments,
    talk: Conversations,
    pieces: Pieces,
    numbers: tuple[Ints, Ints],
    which: Ints,
    buffer: Buffer,
) -> Ended:
    """Some of the conversations; `numbers` are those of the flows and Wireshark's of all of them."""
    import numpy as np

    first = talk.first[which]
    endings = Endings.of(tcp, talk)
    return Ended(
        numbers[0][which],
        numbers[1][which],
        clients(tcp, talk)[which],
        tcp.addresses[first],
        tcp.ports[first],
        tcp.time[first],
        tcp.frame[first],
        _hellos(tcp, talk, buffer)[which],
        Endings(*(getattr(endings, column.name)[which] for column in fields(Endings))),
        pieces.of((which[:, None] * 2 + np.arange(2)).ravel()),
        buffer,
    )


def _streams(pieces: Pieces, buffer: Buffer) -> Iterator[Stream]:
    """The streams of all groups of pieces."""
    import numpy as np

    bounds, sizes, begun = pieces.bounds.tolist(), pieces.sizes.tolist(), pieces.begun.tolist()
    behind = pieces.at + pieces.length
    apart = np.append(0, np.cumsum(pieces.at[1:] != behind[:-1])).tolist()  # pieces not behind the one before
    places = pieces.at.tolist()
    for group, size in enumerate(sizes):
        its = slice(bounds[group], bounds[group + 1])
        if not size or apart[its.start] == apart[its.stop - 1]:  # one piece, or one behind the other
            begin = places[its.start] if size else 0
            load = partial(buffer.cut, begin, begin + size)
        else:
            load = partial(buffer.join, pieces.at[its], pieces.length[its])
        stream = Stream.loaded(load, size, pieces.start[its], pieces.time[its], pieces.frame[its])
        stream.begun = begun[group]
        if group in pieces.gaps:
            stream.gaps = [Gap(*gap) for gap in pieces.gaps[group]]
        yield stream


def _hellos(tcp: Segments, talk: Conversations, buffer: Buffer) -> Flags:
    """In which conversations some segment begins like a TLS handshake."""
    import numpy as np

    full = np.flatnonzero(tcp.length > 5)
    file = np.frombuffer(buffer.file, np.uint8)
    octets = np.append(file, np.frombuffer(buffer.datagrams, np.uint8)) if buffer.datagrams else file
    at = tcp.at[full]
    full = full[(octets[at] == 0x16) & (octets[at + 1] == 3)] if len(full) else full
    found = np.zeros(len(talk), np.bool_)
    found[talk.stream[full]] = True
    return found


def _begin_tls(flow: Flow) -> None:
    """Split both streams where TLS begins, if it does."""
    client_at, server_at = tls_begins(flow.client.data, flow.server.data)
    for stream, at in ((flow.client, client_at), (flow.server, server_at)):
        if at is not None:
            stream.seal(at)
    if server_at is not None or (client_at is not None and not len(flow.server)):
        flow.connection.tls = "STARTTLS" if server_at or (server_at is None and client_at) else "implicit"
