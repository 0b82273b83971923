"""TCP segments to contiguous octets (RFC 9293 3.4), for all connections at once.

Sequence numbers are unrolled in the order of arrival, so a stream may be longer than
4 GiB.  Of octets that came more than once, the first copy counts, as for most readers;
its time is when the last octet up to there had come.  What never came is a gap.  A
segment more than 1 GiB beyond its stream (no TCP window is larger) is not part of it.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from labkit.capture.packets import ACK, FIN, RST, SYN, Segments

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

WINDOW = 1 << 30  # octets: the largest window of TCP (RFC 7323 2.3)
BEHIND = 1 << 20  # how far behind the first segment captured an earlier one is believed


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The octets of all streams, in order: one entry per piece of a segment that counts.

    Those of stream g are `bounds[g]:bounds[g + 1]`.
    """

    at: Ints  # where the piece stands in the file
    length: Ints
    start: Ints  # its offset in the stream's data
    time: Ints
    frame: Ints
    bounds: Ints
    sizes: Ints  # of each stream
    gaps: dict[int, list[tuple[int, int]]]  # of a stream: (offset, length)
    begun: NDArray[np.bool_]  # per stream: its SYN was captured
    complete: NDArray[np.bool_]  # per stream: from SYN to FIN
    stray: NDArray[np.bool_]  # per segment: left out because it is too far from its stream

    def of(self, streams: Ints) -> Pieces:
        """Those of some streams, which are numbered anew."""
        import numpy as np

        count = self.bounds[streams + 1] - self.bounds[streams]
        bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(count)])
        its = np.arange(bounds[-1]) + np.repeat(self.bounds[streams] - bounds[:-1], count)
        known = self.gaps
        gaps = {new: known[old] for new, old in enumerate(streams.tolist()) if old in known} if known else {}
        return Pieces(
            self.at[its],
            self.length[its],
            self.start[its],
            self.time[its],
            self.frame[its],
            bounds,
            self.sizes[streams],
            gaps,
            self.begun[streams],
            self.complete[streams],
            self.stray[:0],
        )


@dataclass(slots=True, eq=False)
class _Work:
    """Segments with payload on their way to become pieces; sorted by group, then by position."""

    group: Ints
    begin: Ints  # position in the stream, gaps counted
    length: Ints
    at: Ints
    time: Ints
    frame: Ints
    arrival: Ints

    def __len__(self) -> int:
        return len(self.group)

    def take(self, which: Ints | NDArray[np.bool_]) -> None:
        for column in fields(self):
            setattr(self, column.name, getattr(self, column.name)[which])


def reassemble(segments: Segments, group: Ints, groups: int) -> Pieces:
    """Put the payloads of each group (one direction of one connection) in order.

    Group 2n is the direction of a connection's first packet, 2n + 1 the other.
    """
    import numpy as np

    places = _places(segments, group, groups)
    full = np.flatnonzero((segments.length > 0) & ~places.stray)
    full = full[_sorting(group[full])]
    work = _Work(
        group[full],
        places.position[full],
        segments.length[full],
        segments.at[full],
        segments.time[full],
        segments.frame[full],
        full,
    )
    _sort_disordered(work)
    _cut_off_before(work)
    _first_copies(work)
    _let_times_ascend(work)
    bounds = np.searchsorted(work.group, np.arange(groups + 1))
    before = np.r_[0, np.cumsum(work.length)]
    start = before[:-1] - before[bounds[work.group]]
    gaps = _holes(work, start)
    end = np.zeros(groups, np.int64)
    np.maximum.at(end, work.group, work.begin + work.length)
    fins = np.flatnonzero((segments.flags & FIN != 0) & ~places.stray)
    closed = np.full(groups, -1, np.int64)
    closed[group[fins]] = places.position[fins] + segments.length[fins]
    sizes = np.diff(before[bounds])
    complete = places.begun & (closed == end) & (closed == sizes)
    for stream, missing in _missing_ends(segments, group, places, end):
        gaps.setdefault(stream, []).append((int(sizes[stream]), missing))
    return Pieces(
        work.at,
        work.length,
        start,
        work.time,
        work.frame,
        bounds,
        sizes,
        gaps,
        places.begun,
        complete,
        places.stray,
    )


def _sorting(group: Ints) -> Ints:
    """A stable order by group; by halves of the number, for which numpy sorts in linear time."""
    import numpy as np

    order = np.argsort((group & 0xFFFF).astype(np.uint16), kind="stable")
    upper = (group >> 16).astype(np.uint16)
    return order[np.argsort(upper[order], kind="stable")] if upper.any() else order


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where segments stand in their streams."""

    position: Ints  # of each segment, of its first octet of payload; gaps counted
    stray: NDArray[np.bool_]  # of each segment: it is not part of the stream
    zero: Ints  # of each stream: the sequence number of position 0, -1 if unknown
    begun: NDArray[np.bool_]  # of each stream: its SYN was captured


def _places(segments: Segments, group: Ints, groups: int) -> _Places:
    """Unroll the sequence numbers.

    Without the SYN, the first octet captured is position 0.  Segments that carry neither
    payload nor SYN nor FIN say nothing, and have position 0.
    """
    import numpy as np

    counted = np.flatnonzero((segments.length > 0) | (segments.flags & (SYN | FIN) != 0))
    counted = counted[_sorting(group[counted])]
    of = group[counted]
    is_syn = segments.flags[counted] & SYN != 0
    seq = segments.seq[counted] + is_syn  # the SYN takes a number of its own
    first = np.r_[True, of[1:] != of[:-1]] if len(of) else np.zeros(0, np.bool_)
    # Differences of sequence numbers, modulo 2^32, as numbers with a sign.
    step = np.diff(seq, prepend=seq[:1]).view(np.int32).astype(np.int64)
    step[first] = 0
    unrolled = np.cumsum(step)
    unrolled -= unrolled[np.maximum.accumulate(np.where(first, np.arange(len(of)), 0))]
    stray = np.zeros(len(segments), np.bool_)
    for wild in sorted(set(of[np.abs(step) > WINDOW].tolist())):
        its = slice(*np.searchsorted(of, [wild, wild + 1]))
        unrolled[its], stray[counted[its]] = _unroll(seq[its].tolist())

    begun = np.zeros(groups, np.bool_)
    begun[of[is_syn]] = True
    base = np.zeros(groups, np.int64)
    # A lone octet in front may be a keep-alive probe: it repeats the last one before it.
    telling = ~begun[of] & (unrolled >= -BEHIND)
    for rows in (telling, telling & (segments.length[counted] > 1)):
        base[of[rows]] = WINDOW
        np.minimum.at(base, of[rows], unrolled[rows])
    syns = np.flatnonzero(is_syn)[::-1]  # backwards: the first has the last word
    base[of[syns]] = unrolled[syns]

    unrolled -= base[of]
    zero = np.full(groups, -1, np.int64)
    zero[of[::-1]] = (seq.astype(np.int64) - unrolled)[::-1] & 0xFFFF_FFFF
    position = np.zeros(len(segments), np.int64)
    farthest = (1 << 62) // (groups + 1)  # so that a number for group and position fits into 64 bits
    position[counted] = unrolled.clip(-farthest, farthest)
    return _Places(position, stray, zero, begun)


def _unroll(numbers: list[int]) -> tuple[list[int], list[bool]]:
    """The positions of one stream's sequence numbers, and which of them no window could hold."""
    last, position = numbers[0], 0
    positions, strays = [], []
    for number in numbers:
        step = (number - last + 2**31) % 2**32 - 2**31
        strays.append(abs(step) > WINDOW)
        if not strays[-1]:
            last, position = number, position + step
        positions.append(position)
    return positions, strays


def _sort_disordered(work: _Work) -> None:
    """Sort by position the groups that need it: captures are nearly in order."""
    import numpy as np

    back = np.flatnonzero((work.begin[1:] < work.begin[:-1]) & (work.group[1:] == work.group[:-1])) + 1
    if not back.size:
        return
    rows = np.flatnonzero(np.isin(work.group, sorted(set(work.group[back].tolist()))))
    order = np.arange(len(work))
    order[rows] = rows[np.lexsort((work.arrival[rows], work.begin[rows], work.group[rows]))]
    work.take(order)


def _cut_off_before(work: _Work) -> None:
    """Drop octets before position 0."""
    import numpy as np

    before = np.clip(-work.begin, 0, work.length)
    if before.any():
        work.begin += before
        work.at += before
        work.length -= before
        work.take(work.length > 0)


def _reach(work: _Work) -> Ints:
    """How far the segments before each one reach in its group: 0 for the first."""
    import numpy as np

    if not len(work):
        return work.begin
    end = work.begin + work.length
    stride = int(end.max()) + 1
    number = np.cumsum(np.r_[0, work.group[1:] != work.group[:-1]])  # dense, so that the product fits
    far = np.maximum.accumulate(end + number * stride)
    reach: Ints = np.maximum(np.r_[0, far[:-1]] - number * stride, 0)
    return reach


def _first_copies(work: _Work) -> None:
    """Cut from every segment what an earlier one had brought."""
    import numpy as np

    reach = _reach(work)
    covered = np.clip(reach - work.begin, 0, work.length)
    overlapping = np.flatnonzero(covered)
    if not overlapping.size:
        return
    # The segment that reaches farthest covers the whole overlap.  Where that one arrived later,
    # cutting in the order of positions would keep the second copy: those groups go the slow way.
    end = work.begin + work.length
    farthest = np.maximum.accumulate(np.where(end > reach, np.arange(len(work)), 0))
    later = work.arrival[farthest[overlapping - 1]] > work.arrival[overlapping]
    odd = sorted(set(work.group[overlapping[later]].tolist()))
    slow = np.isin(work.group, odd) if odd else np.zeros(len(work), np.bool_)
    redone = [_one_by_one(work, np.flatnonzero(work.group == group)) for group in odd]
    work.begin += covered
    work.at += covered
    work.length -= covered
    work.take((work.length > 0) & ~slow)
    if redone:
        for column in fields(work):
            parts = [getattr(work, column.name), *(getattr(part, column.name) for part in redone)]
            setattr(work, column.name, np.concatenate(parts))
        work.take(np.argsort(work.group, kind="stable"))


def _one_by_one(work: _Work, which: Ints) -> _Work:
    """The same for one group, segment after segment in the order of arrival."""
    import numpy as np

    covered: list[tuple[int, int]] = []  # begin and end of what is there, disjoint, ascending
    kept: list[tuple[int, int, int]] = []  # begin, end, index of the segment
    arrivals = which[np.argsort(work.arrival[which], kind="stable")]
    for i, begin, length in zip(
        arrivals.tolist(), work.begin[arrivals].tolist(), work.length[arrivals].tolist(), strict=True
    ):
        end = begin + length
        place = begin
        k = max(bisect_right(covered, (begin, 1 << 62)) - 1, 0)
        fresh: list[tuple[int, int]] = []
        while place < end:
            if k == len(covered) or covered[k][0] >= end:
                fresh.append((place, end))
                break
            if covered[k][1] > place:
                if covered[k][0] > place:
                    fresh.append((place, covered[k][0]))
                place = covered[k][1]
            k += 1
        for piece in fresh:
            insort(covered, piece)
            kept.append((*piece, i))
    kept.sort()
    begin, end, index = np.array(kept, np.int64).T
    part = _Work(*(getattr(work, column.name)[index] for column in fields(work)))
    part.at += begin - part.begin
    part.begin, part.length = begin, end - begin
    return part


def _holes(work: _Work, start: Ints) -> dict[int, list[tuple[int, int]]]:
    """The holes between the pieces of each group, as (offset in the data, octets missing)."""
    import numpy as np

    hole = work.begin - _reach(work)
    holes: dict[int, list[tuple[int, int]]] = {}
    for i in np.flatnonzero(hole > 0).tolist():
        holes.setdefault(int(work.group[i]), []).append((int(start[i]), int(hole[i])))
    return holes


def _missing_ends(segments: Segments, group: Ints, places: _Places, end: Ints) -> Iterator[tuple[int, int]]:
    """The groups whose end is missing, and how many octets: a FIN, or the peer's last ACK, lies beyond it."""
    import numpy as np

    missing = np.zeros_like(end)
    acks = np.flatnonzero((segments.flags & (ACK | RST)) == ACK)
    acked = np.full_like(end, -1)
    acked[group[acks] ^ 1] = segments.ack[acks]  # the last has the last word
    begin = places.zero.copy()
    silent = np.flatnonzero((begin < 0) & (acked >= 0))  # only the other direction was captured
    first = np.full_like(end, -1)
    first[group[acks[::-1]] ^ 1] = segments.ack[acks[::-1]]
    begin[silent] = first[silent]
    known = np.flatnonzero(acked >= 0)
    beyond = ((acked - begin - end)[known] & 0xFFFF_FFFF).astype(np.uint32).view(np.int32)
    missing[known] = np.where(beyond > 1, beyond, 0)  # a single one is a FIN that was not captured
    fins = np.flatnonzero((segments.flags & FIN != 0) & ~places.stray)
    missing[group[fins]] = places.position[fins] + segments.length[fins] - end[group[fins]]
    for stream in np.flatnonzero((missing > 0) & (missing <= WINDOW)).tolist():
        yield stream, int(missing[stream])


def _let_times_ascend(work: _Work) -> None:
    """An octet can be read when those before it are there."""
    import numpy as np

    back = (work.group[1:] == work.group[:-1]) & (work.time[1:] < work.time[:-1])
    for group in sorted(set(work.group[1:][back].tolist())):
        first, last = np.searchsorted(work.group, [group, group + 1])
        work.time[first:last] = np.maximum.accumulate(work.time[first:last])
