"""A capture file read in windows: each gives the flows that ended in it, the others are carried over.

What is kept is one window and the octets of the flows that are open at its end, so memory does not
grow with the file.  The next window is at least as large as what it is put behind: what is carried
over many times costs no more than reading twice.  Windows of any size give the same flows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING
from weakref import ref

from labkit.capture.keys import KeyLog
from labkit.capture.source import Input, Source, name_of
from labkit.capture.tape import Flow

if TYPE_CHECKING:
    from labkit.capture.assembly import Share
    from labkit.capture.ended import Ended
    from labkit.capture.flows import Buffer
    from labkit.capture.fragments import Reassembly
    from labkit.capture.frames import Parser
    from labkit.capture.packets import Segments
    from labkit.capture.source import Octets

WINDOW = 16 << 20  # octets
HEAD = 24  # octets by which a capture file is known


@dataclass(frozen=True, slots=True)
class Finished:
    """What is over by the end of a window: connections, and at the end of the file questions to the DNS.

    `names` of hosts and `secrets`, lines of key logs, are those that the file has had so far.
    """

    connections: Ended
    questions: list[Flow]
    names: dict[str, str]
    secrets: list[bytes]

    def packed(self) -> Finished:
        """The same, to be given away: without the rest of the window."""
        return replace(self, connections=self.connections.packed())


class Opener:
    """Makes the flows of what is over, and reads what was said inside their TLS as far as there are keys."""

    def __init__(self, keys: KeyLog | None) -> None:
        self.keys = KeyLog() if keys is None else keys.copy()
        self._with_keys = keys is not None
        self._told = 0  # secrets of the file that are in `keys`

    def learn(self, finished: Finished) -> None:
        """Take in the secrets of the file."""
        for text in finished.secrets[self._told :]:
            self.keys.add(text)
        self._told = len(finished.secrets)

    def flows(self, finished: Finished) -> list[Flow]:
        """The flows, by number."""
        self.learn(finished)
        flows = sorted([*finished.connections.flows(), *finished.questions], key=attrgetter("number"))
        if self._with_keys or self._told:
            from labkit.capture.tls.decrypt import Unsealing

            for flow in flows:
                Unsealing(flow, self.keys).advance(whole=True)
        if names := finished.names:
            for seen in (flow.connection for flow in flows):
                seen.client_name, seen.server_name = names.get(seen.client), names.get(seen.server)
        return flows


class Reading:
    """A capture file on its way to flows: iterate over it, once.

    `notes`, `packets` and `position` (octets of the file, of `total` if that is known) say how far it
    is.  With a `window` of None there is one window, the whole file, whose octets stay in a large
    file until they are looked at; otherwise what a window's flows say is joined by then.

    TLS is opened with `keys` and with the secrets that a pcapng file holds itself; afterwards `keys`
    has both.
    """

    def __init__(
        self,
        source: Source,
        *,
        name: str | None = None,
        window: int | None = WINDOW,
        share: Share = (0, 1),
        keys: KeyLog | None = None,
    ) -> None:
        self.name = name or name_of(source)
        self.opener = Opener(keys)
        self.notes: list[str] = []
        self.packets = 0
        self._window, self._share = window and max(window, HEAD), share
        self._input = Input(source, self.name, self.notes)
        self._parser: Parser | None = None
        self._room: Octets | None = None  # of the window before
        self._held: Callable[[], Buffer | None] = lambda: None  # the buffer that has it, if anybody has that

    @property
    def keys(self) -> KeyLog:
        return self.opener.keys

    @property
    def position(self) -> int:
        return self._input.position

    @property
    def total(self) -> int | None:
        return self._input.total

    def __iter__(self) -> Iterator[list[Flow]]:
        for finished in self.finished():
            yield self.opener.flows(finished)

    def finished(self) -> Iterator[Finished]:
        """What is over by the end of each window."""
        from labkit.capture.assembly import Assembly
        from labkit.capture.fragments import Reassembly
        from labkit.capture.frames import parser

        tally: Counter[str] = Counter()
        assembly, fragments = Assembly(tally, self._share), Reassembly()
        carried, rest, last = b"", b"", False
        with self._input:
            while not last:
                raw, last = self._next(carried + rest)
                at = len(carried)
                if self._parser is None:
                    self._parser = parser(raw[:HEAD], self.name, self.notes)
                before = self._parser.place
                tcp, udp, buffer = segments(self._parser, raw, at, last, fragments, tally)
                last = last or self._parser.stopped
                self.packets = self._parser.number
                rest = b"" if last else bytes(raw[at + self._parser.place - before :])
                connections, questions, carried = assembly.take(tcp, udp, buffer, self.packets, last)
                found = Finished(connections, questions, self._parser.names, self._parser.secrets)
                self.opener.learn(found)
                self._room, self._held = raw, ref(buffer)
                del raw, buffer, connections
                yield found
                del found
        for why, number in tally.items():
            if number:
                self.notes.append(f"{self.name}: {number} packet{'s' * (number != 1)} left out, {why}")

    def _next(self, front: bytes) -> tuple[Octets, bool]:
        """The next window, behind what is left of those before; and whether it is the last."""
        if self._window is None:
            return self._input.whole(), True
        raw = self._space(len(front) + max(self._window, len(front)))
        raw[: len(front)] = front
        with memoryview(raw) as room:
            end = len(front) + self._input.fill(room[len(front) :])
        if end == len(raw):
            return raw, False
        return raw[:end], True

    def _space(self, size: int) -> bytearray:
        """Room for so many octets: that of the window before, if nobody has it any more."""
        room, self._room = self._room, None
        if not isinstance(room, bytearray) or self._held() is not None:
            return bytearray(size)
        del room[size:]
        room += bytes(size - len(room))
        return room


def segments(
    parser: Parser, raw: Octets, at: int, ended: bool, fragments: Reassembly, tally: Counter[str]
) -> tuple[Segments, Segments, Buffer]:
    """The TCP segments and the UDP datagrams in a window, from `at` on, and where their octets stand."""
    import numpy as np

    from labkit.capture.flows import Buffer
    from labkit.capture.packets import Segments, internet, transport

    octets = np.frombuffer(raw, np.uint8)
    found: list[tuple[Segments, Segments]] = []
    for batch in parser.frames(raw, at, ended):
        packets = internet(octets, batch, tally)
        fragments.add(octets, batch, packets)
        found.append(transport(octets, batch, packets))
    datagrams, whole = fragments.take()
    rest = np.frombuffer(datagrams, np.uint8)
    found.append(transport(rest, whole, internet(rest, whole, tally)))
    for part in found[-1]:
        np.add(part.at, len(raw), out=part.at)
    tcp, udp = (Segments.joined(parts) for parts in zip(*found, strict=True))
    if datagrams:
        tcp, udp = (each[np.argsort(each.frame, kind="stable")] for each in (tcp, udp))
    return tcp, udp, Buffer(raw, datagrams)
