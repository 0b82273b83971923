"""When a connection is over, so that nothing of it need be kept, and what comes after that.

It is over once both sides have sent FIN and all octets before it are there: nothing can be added.  One
that was reset, or closed with octets missing, is over when LINGER packets have passed without
one of its own.  What still comes on its ports is left out, unless it is a new SYN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.capture.conversations import Conversations, pairs
from labkit.capture.packets import ACK, FIN, RST, SYN, Segments

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LINGER = 1 << 16  # packets, of whatever connection
NEVER = 1 << 62
MARKS = (1 << 20) - 1  # the bits of a pair by which it is marked


def closed_at(segments: Segments, talk: Conversations) -> NDArray[np.int64]:
    """The packet that closed each conversation, a reset or the second FIN; NEVER if none did."""
    import numpy as np

    fins = np.full(2 * len(talk), NEVER, np.int64)
    resets = np.full(len(talk), NEVER, np.int64)
    ends = np.flatnonzero(segments.flags & (FIN | RST))[::-1]  # backwards: the first has the last word
    fin = ends[segments.flags[ends] & FIN != 0]
    fins[talk.stream[fin] * 2 + talk.turned[fin]] = segments.frame[fin]
    reset = ends[segments.flags[ends] & RST != 0]
    resets[talk.stream[reset]] = segments.frame[reset]
    found: NDArray[np.int64] = np.minimum(resets, np.maximum(fins[0::2], fins[1::2]))
    return found


def last_seen(segments: Segments, talk: Conversations) -> NDArray[np.int64]:
    """The last packet of each conversation."""
    import numpy as np

    last = np.zeros(len(talk), np.int64)
    last[talk.stream] = segments.frame
    return last


def superseded(segments: Segments, talk: Conversations) -> NDArray[np.bool_]:
    """Of each conversation, whether its ports have been taken by another since."""
    import numpy as np

    _, last = np.unique(pairs(segments[talk.first])[::-1], return_index=True)
    found = np.ones(len(talk), np.bool_)
    found[len(talk) - 1 - last] = False
    return found


def without_late(segments: Segments, talk: Conversations) -> Segments:
    """The segments without those of connections that were over when they came."""
    import numpy as np

    closed = closed_at(segments, talk)
    suspects = last_seen(segments, talk) - closed > LINGER
    if not suspects.any():
        return segments
    keep = np.ones(len(segments), np.bool_)
    before: dict[int, int] = {}  # the packet before, of connections that are closed; NEVER: it is over
    for i in np.flatnonzero(suspects[talk.stream] & (segments.frame >= closed[talk.stream])).tolist():
        stream, frame = int(talk.stream[i]), int(segments.frame[i])
        if frame - before.get(stream, frame) > LINGER or before.get(stream) == NEVER:
            keep[i], frame = False, NEVER
        before[stream] = frame
    return segments[keep]


class Over:
    """The ends of connections that are over, and the sequence number of the SYN of each (-1: unknown)."""

    def __init__(self) -> None:
        import numpy as np

        self._pairs, self._syns = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        self._marks = np.zeros(MARKS + 1, np.bool_)  # where a pair may be one of these

    def add(self, segments: Segments, talk: Conversations, which: NDArray[np.int64]) -> None:
        """These conversations are over now."""
        import numpy as np

        first = segments[talk.first[which]]
        keys, last = np.unique(pairs(first)[::-1], return_index=True)
        opened = (first.flags & (SYN | ACK)) == SYN
        syns = np.where(opened, first.seq.astype(np.int64), -1)[::-1][last]
        at = np.searchsorted(self._pairs, keys)
        known = np.flatnonzero(at < len(self._pairs))
        known = known[self._pairs[at[known]] == keys[known]]
        self._syns[at[known]] = syns[known]
        fresh = np.setdiff1d(np.arange(len(keys)), known, assume_unique=True)
        self._pairs = np.insert(self._pairs, at[fresh], keys[fresh])
        self._syns = np.insert(self._syns, at[fresh], syns[fresh])
        self._marks[keys & MARKS] = True

    def without_late(self, segments: Segments, still_open: Segments) -> Segments:
        """The segments without those that come behind the end of their connection."""
        import numpy as np

        keys = pairs(segments)
        rows = np.flatnonzero(self._marks[keys & MARKS])
        if not rows.size:
            return segments
        at = np.minimum(np.searchsorted(self._pairs, keys[rows]), len(self._pairs) - 1)
        known = self._pairs[at] == keys[rows]
        rows, at = rows[known], at[known]
        alive = set(pairs(still_open).tolist()) if rows.size else set()
        keep = np.ones(len(segments), np.bool_)
        for i, key, syn, seq, flags in zip(
            rows.tolist(),
            keys[rows].tolist(),
            self._syns[at].tolist(),
            segments.seq[rows].tolist(),
            segments.flags[rows].tolist(),
            strict=True,
        ):
            if key not in alive:
                if flags & (SYN | ACK) == SYN and seq != syn:
                    alive.add(key)
                else:
                    keep[i] = False
        return segments[keep]
