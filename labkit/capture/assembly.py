"""From segments and datagrams, window by window, to flows, each once it is over.

Conversations are numbered as if the file were read at once; those that are open at the end of a
window are carried over, their columns and their octets.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from labkit.capture import closing
from labkit.capture.conversations import Conversations, conversations
from labkit.capture.ended import Ended, ended
from labkit.capture.flows import DOMAIN, Buffer, datagram_flows
from labkit.capture.packets import Segments
from labkit.capture.reassembly import reassemble
from labkit.capture.tape import Flow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

Share = tuple[int, int]
"""Which of how many readers of a file this is: each makes the flows of every n-th number."""


class _Open:
    """The conversations of one kind that go on, and how many there were: `streams` are their numbers
    among those of their kind, `numbers` those among all flows (-1: no flow is made of it)."""

    def __init__(self) -> None:
        import numpy as np

        self.segments: Segments | None = None
        self.of = np.zeros(0, np.int64)  # of each segment, its place in `streams`
        self.streams, self.numbers = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.seen = 0
        self.over = closing.Over()

    def join(self, fresh: Segments) -> tuple[Segments, Conversations]:
        """What was carried over and what is new, and the conversations in it, those carried over first."""
        import numpy as np

        whole = fresh
        if self.segments is not None:
            fresh = self.over.without_late(fresh, self.segments)
            whole = Segments.joined([self.segments, fresh])
        talk = conversations(whole)
        if len(kept := closing.without_late(whole, talk)) < len(whole):
            whole, talk = kept, conversations(kept)
        new = len(talk) - len(self.streams)
        self.streams = np.concatenate([self.streams, np.arange(self.seen, self.seen + new)])
        self.numbers = np.concatenate([self.numbers, np.full(new, -1, np.int64)])
        self.seen += new
        return whole, talk

    def keep(self, segments: Segments, talk: Conversations, which: Flags, needed: Flags) -> None:
        """Carry these conversations over, and of their segments those that are needed."""
        import numpy as np

        needed &= which[talk.stream]
        self.segments, self.of = segments[needed], (np.cumsum(which) - 1)[talk.stream[needed]]
        self.streams, self.numbers = self.streams[which], self.numbers[which]


class Assembly:
    """Takes the segments of a file and gives its flows."""

    def __init__(self, tally: Counter[str], share: Share = (0, 1)) -> None:
        self._tally, self._share = tally, share
        self._tcp, self._udp = _Open(), _Open()
        self._flows = 0  # numbers given so far

    def take(
        self, tcp: Segments, udp: Segments, buffer: Buffer, frames: int, last: bool
    ) -> tuple[Ended, list[Flow], bytes]:
        """What is over: connections, and in the last window flows of datagrams; and the octets that the
        others need, the next buffer's first.

        `frames` is how many packets the file has had so far.
        """
        import numpy as np

        tcp, spoken = self._tcp.join(tcp)
        udp, asked = self._udp.join(udp)
        self._number(tcp, spoken, udp, asked)
        pieces = reassemble(tcp, spoken.stream * 2 + spoken.turned, 2 * len(spoken))
        over = np.full(len(spoken), last)
        if not last:
            over |= pieces.complete[0::2] & pieces.complete[1::2]
            closed = closing.closed_at(tcp, spoken) < closing.NEVER
            over |= closed & (frames - closing.last_seen(tcp, spoken) > closing.LINGER)
            over |= closing.superseded(tcp, spoken)
        mine = self._mine(self._tcp.numbers)
        if over.any():
            self._tally["more than 1 GiB away from the rest of their stream"] += int(
                pieces.stray[over[spoken.stream]].sum()
            )
        numbers = self._tcp.numbers, self._tcp.streams
        found = ended(tcp, spoken, pieces, numbers, np.flatnonzero(over & mine), buffer)
        if last:
            which = np.flatnonzero(self._mine(self._udp.numbers))
            asking = self._udp.numbers, self._udp.streams
            return found, list(datagram_flows(udp, asked, asking, which, buffer)), b""
        self._tcp.over.add(tcp, spoken, np.flatnonzero(over))
        self._tcp.keep(tcp, spoken, ~over, np.ones(len(tcp), np.bool_))
        needed = (self._udp.numbers >= 0)[asked.stream]
        needed[asked.first] = True  # so that conversations are counted once
        self._udp.keep(udp, asked, np.ones(len(asked), np.bool_), needed)
        return found, [], self._carried(buffer)

    def _number(self, tcp: Segments, spoken: Conversations, udp: Segments, asked: Conversations) -> None:
        """Number the flows that begin in this window, by their first packets."""
        import numpy as np

        named = (udp.ports[asked.first] == DOMAIN).any(1)
        fresh = [np.flatnonzero(self._tcp.numbers < 0), np.flatnonzero((self._udp.numbers < 0) & named)]
        firsts = [tcp.frame[spoken.first[fresh[0]]], udp.frame[asked.first[fresh[1]]]]
        rank = np.argsort(np.argsort(np.concatenate(firsts), kind="stable")) + self._flows
        self._tcp.numbers[fresh[0]], self._udp.numbers[fresh[1]] = np.split(rank, [len(fresh[0])])
        self._flows += len(rank)

    def _mine(self, numbers: Ints) -> Flags:
        which, of = self._share
        mine: Flags = (numbers >= 0) & (numbers % of == which)
        return mine

    def _carried(self, buffer: Buffer) -> bytes:
        """The octets of the segments that are kept, which from now on stand there."""
        import numpy as np

        octets: list[bytes] = []
        begin = 0
        for kind in (self._tcp, self._udp):
            assert kind.segments is not None
            held = np.flatnonzero((kind.segments.length > 0) & self._mine(kind.numbers)[kind.of])
            length = kind.segments.length[held]
            octets.append(buffer.join(kind.segments.at[held], length))
            at = np.zeros(len(kind.segments), np.int64)
            at[held] = begin + np.cumsum(length) - length
            kind.segments = replace(kind.segments, at=at)
            begin += len(octets[-1])
        return b"".join(octets)
