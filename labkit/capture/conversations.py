"""Which packets belong to one connection, and which of its two ends is the client.

Conversations are numbered as Wireshark numbers them (tcp.stream, udp.stream): in the order
of their first packets, and a SYN with another sequence number on ports that were in
use begins a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.capture.packets import ACK, SYN, V4, Segments

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SERVERS = (25, 465, 587, 2525, 24, 110, 995, 143, 993, 53)  # ports on which mail and its DNS are served
GREETINGS = (b"220", b"421", b"554", b"+OK", b"-ERR", b"* ")  # a server of mail speaks first, and like this


@dataclass(frozen=True, slots=True, eq=False)
class Conversations:
    """`stream` and `turned` have one entry per segment, `first` one per conversation.

    `turned` says that the segment goes against the direction of its conversation's first packet.
    """

    stream: NDArray[np.int64]
    turned: NDArray[np.bool_]
    first: NDArray[np.int64]  # index of the first segment

    def __len__(self) -> int:
        return len(self.first)


def conversations(segments: Segments) -> Conversations:
    """Put segments into conversations by addresses and ports, then by reuse of the ports."""
    import numpy as np

    if not len(segments):
        nothing = np.zeros(0, np.int64)
        return Conversations(nothing, nothing.astype(bool), nothing)
    stream, first = _numbered(pairs(segments))
    turned, alike = _directions(segments, first[stream])
    if not alike:  # two pairs of ends have one hash: somebody made them so
        stream, first = _numbered(_pair_exactly(segments))
        turned, _ = _directions(segments, first[stream])
    again = _reuse(segments, stream, turned)
    if again.any():
        stream, first = _numbered((stream << 32 | again).astype(np.uint64))
        turned, _ = _directions(segments, first[stream])
    return Conversations(stream, turned, first)


def clients(segments: Segments, talk: Conversations) -> NDArray[np.int64]:
    """Who is the client of each conversation: 0 the sender of its first packet, 1 the other, -1 unknown.

    A SYN tells; else a port on which mail is served; else -1, and the octets have to tell.
    """
    import numpy as np

    who = np.full(len(talk), -1, np.int64)
    ports = segments.ports[talk.first]
    served = np.isin(ports, SERVERS, kind="table")
    who[served[:, 1] & ~served[:, 0]] = 0
    who[served[:, 0] & ~served[:, 1]] = 1
    opening = np.flatnonzero(segments.flags & SYN)[::-1]  # backwards: the first SYN has the last word
    answers = (segments.flags[opening] & ACK) != 0
    who[talk.stream[opening]] = talk.turned[opening] ^ answers
    return who


def client_by_content(first: bytes, other: bytes, ports: tuple[int, int]) -> int:
    """The same from what was said by the sender of the first packet and by the other."""
    for server, said in ((1, other), (0, first)):
        if said.startswith(GREETINGS):
            return 1 - server
    return int(ports[0] < 1024 <= ports[1])


def pairs(segments: Segments) -> NDArray[np.uint64]:
    """A hash of the two ends of each segment, the same in both directions."""
    import numpy as np

    ports = segments.ports.astype(np.uint64)
    ends = segments.addresses[:, 0::2] * np.uint64(0xC2B2_AE3D_27D4_EB4F)
    ends ^= segments.addresses[:, 1::2] * np.uint64(0x9E37_79B9_7F4A_7C15)
    ends += ports * np.uint64(0x1656_67B1_9E37_79F9)
    ends ^= ends >> np.uint64(29)
    return ends[:, 0] * ends[:, 1] + (ends[:, 0] ^ ends[:, 1])


def _pair_exactly(segments: Segments) -> NDArray[np.uint64]:
    """A number for the two ends of each segment, slowly and without doubt."""
    import numpy as np

    ends = np.column_stack([segments.addresses, segments.ports.astype(np.uint64)])
    _, forth = np.unique(np.concatenate([ends, ends[:, [2, 3, 0, 1, 5, 4]]]), axis=0, return_inverse=True)
    one, other = forth.reshape(2, -1)
    return np.minimum(one, other).astype(np.uint64)


def _numbered(key: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Equal keys get one number, in order of first appearance; and the index of that appearance."""
    import numpy as np

    known, number = np.unique(key, return_inverse=True)
    number = number.reshape(-1)
    first = np.empty(len(known), np.int64)
    first[number[::-1]] = np.arange(len(key))[::-1]  # backwards: the first has the last word
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[number], first[order]


def _directions(segments: Segments, model: NDArray[np.int64]) -> tuple[NDArray[np.bool_], bool]:
    """Whether each segment goes against its model's direction; and whether all are between the same ends."""
    if (segments.addresses[:, 0] == V4).all():  # then an end fits into one number
        one, other = _ends(segments)
        along = (one == one[model]) & (other == other[model])
        against = (one == other[model]) & (other == one[model])
        return ~along, bool((along | against).all())
    there_address, there_port = segments.addresses[model], segments.ports[model]
    along = (segments.ports == there_port).all(1) & (segments.addresses == there_address).all(1)
    against = (segments.ports == there_port[:, ::-1]).all(1)
    against &= (segments.addresses == there_address[:, [2, 3, 0, 1]]).all(1)
    return ~along, bool((along | against).all())


def _ends(segments: Segments) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Source and target of IPv4 segments, each as one number."""
    import numpy as np

    one, other = (
        segments.addresses[:, 1 + 2 * side] << np.uint64(16) | segments.ports[:, side].astype(np.uint64)
        for side in (0, 1)
    )
    return one, other


def _reuse(segments: Segments, stream: NDArray[np.int64], turned: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many times the ports of a conversation had been taken anew when each segment came.

    Wireshark's rule: a SYN whose sequence number is not the first known one of its direction,
    where that is the number of the first segment, or else what the other side first acknowledged.
    """
    import numpy as np

    again = np.zeros(len(segments), np.int64)
    opening = np.flatnonzero((segments.flags & (SYN | ACK)) == SYN)
    # Only conversations with several different SYNs, or one that does not come first, are looked at.
    start = np.full(int(stream.max()) + 1, -1, np.int64)
    start[stream[::-1]] = np.arange(len(stream))[::-1]
    model = start[stream[opening]]
    odd = (segments.seq[opening] != segments.seq[model]) | (turned[opening] != turned[model])
    suspects = sorted(set(stream[opening[odd]].tolist()))
    if not suspects:
        return again
    which = np.flatnonzero(np.isin(stream, suspects))
    seen: dict[int, tuple[int, list[int | None]]] = {}
    for i, of, side, seq, ack, flags in zip(
        which.tolist(),
        stream[which].tolist(),
        turned[which].tolist(),
        segments.seq[which].tolist(),
        segments.ack[which].tolist(),
        segments.flags[which].tolist(),
        strict=True,
    ):
        times, base = seen.get(of, (0, [None, None]))
        if flags & (SYN | ACK) == SYN and base[side] is not None and base[side] != seq:
            times, base = times + 1, [None, None]
        if base[side] is None:
            base[side] = seq if flags & SYN else (seq - 1) % 2**32
        if base[not side] is None and flags & ACK:
            base[not side] = (ack - 1) % 2**32
        seen[of] = times, base
        again[i] = times
    return again
