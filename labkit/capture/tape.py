"""The flows of a capture: who spoke to whom, and what each side said.

A tape comes from a live tap (`Tape.from_tap`, then `follow` as often as one likes) or
from a file (`labkit.capture.pcap.read`).  Those who read it need not know which.

Both hold the *reader's* octets: what was plain on the wire, then what was inside TLS
where that is known.  A file without keys knows only the TLS records; they stand in
`Stream.tls`, and `Stream.data` ends where TLS began.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from labkit.capture.keys import KeyLog
from labkit.capture.stream import Gap, Stream
from labkit.net.tap import Connection, Side, Tap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

LAST_TIME = 253_402_300_799_999_999  # the end of the year 9999, in µs: the last time a calendar can show
SIDES: tuple[Side, Side] = ("client", "server")

__all__ = ["Datagram", "Flow", "Gap", "Stream", "Tape"]


class Datagram(NamedTuple):
    """One UDP message."""

    sender: Side
    time: int  # µs since the epoch
    order: int  # where it stands in the capture, as in Stream.orders
    frame: int | None  # as Wireshark counts; None in a live capture
    data: bytes


@dataclass(slots=True, eq=False)
class Flow:
    """One TCP connection, or the datagrams between two UDP ports.

    `connection` is the tap's own object in a live capture, so it tells at once when the
    connection has ended; out of a file, names, roles, service and the TLS facts
    (version, cipher, sni) are None and `tls` is what the octets show.
    """

    number: int  # its index in Tape.flows: by first packet, TCP and UDP together
    stream: int  # Wireshark's tcp.stream or udp.stream: by first packet, each kind for itself
    connection: Connection
    client: Stream
    server: Stream
    datagrams: list[Datagram] = field(default_factory=list)  # UDP only; its two streams stay empty
    first_frame: int | None = None  # as Wireshark counts; None in a live capture

    def side(self, sender: Side) -> Stream:
        return self.client if sender == "client" else self.server

    @property
    def closed(self) -> bool:
        return self.connection.closed is not None

    @property
    def closed_at(self) -> int | None:
        """When it was closed, as its octets were seen: not before the last from whoever closed it."""
        connection = self.connection
        if connection.closed is None:
            return None
        closers = SIDES if connection.ended == "reset" else (connection.closed_by or "client",)
        return max(connection.closed, *(self.side(closer).last_time for closer in closers))

    @property
    def was_never_open(self) -> bool:
        """A live connection that the server refused, or did not even answer: not an octet passed."""
        connection, octets = self.connection, len(self.client.starts) + len(self.server.starts)
        unanswered = (connection.ended, connection.closed_by) in (("timeout", None), ("reset", "server"))
        return unanswered and not octets and self.client.tls is self.server.tls is None


class Tape:
    """All flows of one capture, in the order of their first packets.

    `name`     the file or world it came from
    `notes`    sentences about what could not be read: where a truncated file stopped, how many
               packets were skipped and why.  Empty when all is well.
    `packets`  frames in the file; 0 for a live capture
    `framed`   it came from a file, so there are frame numbers
    `keys`     the secrets of its TLS sessions that are known; a pcapng file keeps them
    """

    def __init__(self, name: str = "", *, framed: bool = False) -> None:
        self.name = name
        self.framed = framed
        self.flows: list[Flow] = []
        self.notes: list[str] = []
        self.packets = 0
        self.keys = KeyLog()
        self._tap: Tap | None = None
        self._vantage: Side = "client"
        self._read = 0  # records of the tap taken in so far
        self._streams = {"tcp": 0, "udp": 0}
        self._open: dict[int, Flow] = {}
        self._in_flight: dict[tuple[int, Side], list[int]] = {}  # records yet to arrive at the vantage
        self._indexes: dict[Side, tuple[int, _Index]] = {}

    def __len__(self) -> int:
        return len(self.flows)

    def __iter__(self) -> Iterator[Flow]:
        return iter(self.flows)

    def __repr__(self) -> str:
        return f"<Tape {self.name!r}: {len(self.flows)} flows>"

    @property
    def growing(self) -> bool:
        """Whether `follow` may bring more."""
        return self._tap is not None

    @classmethod
    def from_tap(
        cls, tap: Tap, *, vantage: Side = "client", name: str = "lab", now: int | None = None
    ) -> Tape:
        """What a live tap has seen so far, from where one end of every connection stands.

        At the client's vantage the client's octets have the time they were sent, the server's the
        time they arrived, and those that never arrived are not there; at the server's the reverse.
        Octets that a fault forged are there where they arrive.
        `now`, in µs, leaves out what is still on its way at that time (see `follow`).
        """
        tape = cls(name)
        tape._tap, tape._vantage = tap, vantage
        tape.follow(now)
        return tape

    def follow(self, now: int | None = None) -> list[Flow]:
        """Take in what the tap has noted since; returns the flows that grew or ended, in order.

        A tap foresees when octets will arrive, and may have to take it back; so who follows a network
        that runs says what time it is there, and octets that arrive later wait for a later call.
        Without `now`, all that is foreseen counts.  Costs what is new, not what is there.  A
        tape out of a file never changes.
        """
        if self._tap is None:
            return []
        until = LAST_TIME if now is None else now
        changed: set[int] = set()
        for connection in self._tap.connections[len(self.flows) :]:
            changed.add(self._opened(connection))
        waiting, self._in_flight = self._in_flight, {}
        records = self._tap.records
        for number in range(self._read, len(records)):
            record = records[number]
            waiting.setdefault((record.connection, record.sender), []).append(number)
        self._read = len(records)
        for (flow, sender), mine in waiting.items():
            late = self._take(self.flows[flow], sender, mine, until)
            if late:
                self._in_flight[flow, sender] = late
            if len(late) < len(mine):
                changed.add(flow)
        changed.update(self._ended())
        return [self.flows[number] for number in sorted(changed)]

    def times_at(self, flows: ArrayLike, sender: Side, offsets: ArrayLike) -> NDArray[np.int64]:
        """`Stream.time_at` for one side of many flows at once: µs, one for each (flow number, offset).

        An offset outside the data means the first or last octet; an empty stream gives -1.
        """
        return self.seen_at(flows, sender, offsets)[0]

    def seen_at(
        self, flows: ArrayLike, sender: Side, offsets: ArrayLike
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Likewise, with `Stream.order_at` beside it: the frame number in a file (`framed`)."""
        return self._index(sender).look_up(flows, offsets)

    # How a live tape grows.

    def _opened(self, connection: Connection) -> int:
        kind = connection.transport
        number = len(self.flows)
        flow = Flow(number, self._streams[kind], connection, Stream(), Stream())
        self._streams[kind] += 1
        self.flows.append(flow)
        self._open[number] = flow
        return number

    def _take(self, flow: Flow, sender: Side, waiting: list[int], until: int) -> list[int]:
        """Take in the records of one side that have reached the vantage; returns those that have not."""
        assert self._tap is not None
        late: list[int] = []
        for number in waiting:
            record = self._tap.records[number]
            time = record.sent if sender == self._vantage else record.arrived
            if time is None and sender == self._vantage:
                continue  # a fault put these octets in, somewhere beyond this end
            if time is None or time > until:
                late.append(number)
                continue
            if flow.connection.transport == "udp":
                flow.datagrams.append(Datagram(sender, time, number, None, record.data))
                continue
            late.clear()  # octets arrive in order: those before these are lost
            stream = flow.side(sender)
            if record.layer != "plain":
                tls = stream.begin_tls()
                stream = tls if record.layer == "tls" else stream
            stream.append(record.data, time, number)
        return late

    def _ended(self) -> Iterator[int]:
        """Mark the streams to which nothing more can come, and give the flows that are over."""
        for flow in [flow for flow in self._open.values() if flow.closed]:
            flow.server.begun = not flow.was_never_open
            for sender in SIDES:
                stream = flow.side(sender)
                stream.ended = not self._may_come(flow, sender)
                if stream.tls is not None:
                    stream.tls.ended = stream.ended
            if flow.client.ended and flow.server.ended:
                del self._open[flow.number]
                yield flow.number

    def _may_come(self, flow: Flow, sender: Side) -> bool:
        """Whether octets of a closed connection are on their way: a reset or a cut loses them."""
        late = self._in_flight.get((flow.number, sender), [])
        if flow.connection.ended in ("reset", "cut"):
            assert self._tap is not None
            return any(self._tap.records[number].arrived is not None for number in late)
        return bool(late)

    def _index(self, sender: Side) -> _Index:
        segments = sum(len(flow.side(sender).starts) for flow in self.flows)
        known = self._indexes.get(sender)
        if known is None or known[0] != segments:
            known = self._indexes[sender] = segments, _Index([flow.side(sender) for flow in self.flows])
        return known[1]


class _Index:
    """The segments of one side of all flows in one column, found by (flow, offset) in one search."""

    WIDTH = 40  # bits of a key for the offset: a terabyte in one stream

    def __init__(self, streams: list[Stream]) -> None:
        import numpy as np

        counts = np.array([len(stream.starts) for stream in streams], np.int64)
        self.first = np.concatenate([[0], np.cumsum(counts)])  # of each flow, and the end
        starts = np.concatenate([np.zeros(0, np.int64), *[stream.starts for stream in streams]])
        nowhere = np.full(1, -1, np.int64)  # behind the segments
        self.times = np.concatenate([*[stream.times for stream in streams], nowhere])
        self.orders = np.concatenate([*[stream.orders for stream in streams], nowhere])
        flow_of = np.repeat(np.arange(len(streams), dtype=np.int64), counts)
        self.keys = flow_of << self.WIDTH | starts

    def look_up(self, flows: ArrayLike, offsets: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Times and orders of the octets at some offsets of some flows."""
        import numpy as np

        flow = np.asarray(flows, np.int64)
        offset = np.clip(np.asarray(offsets, np.int64), 0, (1 << self.WIDTH) - 1)
        at = np.searchsorted(self.keys, flow << self.WIDTH | offset, side="right") - 1
        at = np.where(self.first[flow] < self.first[flow + 1], at, -1)
        return self.times[at], self.orders[at]
