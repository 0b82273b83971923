"""From packets to TCP segments and UDP datagrams: link layer, IPv4, IPv6, in columns.

Ethernet with VLAN tags, Linux cooked v1 and v2, BSD loopback and raw IP; IPv4 with options,
IPv6 with extension headers; IP fragments are put together (`fragments.py`).  Packets
on another kind of link, or whose lengths contradict each other, are left out and tallied.
Checksums are not verified: captures from the sending host rarely have them filled in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from labkit.capture.frames import Frames, rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Octets = NDArray[np.uint8]
    Places = NDArray[np.int64]

ETHERNET, NULL, LOOP, COOKED, COOKED_2 = 1, 0, 108, 113, 276
RAW_IP = {101, 12, 14, 228, 229}  # packets that begin with the IP header itself
IPV4, IPV6, VLANS = 0x0800, 0x86DD, (0x8100, 0x88A8, 0x9100)
TCP, UDP, FRAGMENT, AUTHENTICATION = 6, 17, 44, 51
EXTENSIONS = (0, 43, AUTHENTICATION, 60, 135, 139, 140)  # IPv6 headers that lead to another
FIN, SYN, RST, ACK = 1, 2, 4, 16
V4 = 0xFFFF_FFFF_FFFF_FFFF  # the upper half of an address of which only the lower 32 bits count


@dataclass(frozen=True, slots=True, eq=False)
class Packets:
    """The payloads of IP packets: what lies at `at`, up to `end`, is for `protocol` to read."""

    which: NDArray[np.int64]  # index into the frames they came in
    at: NDArray[np.int64]
    end: NDArray[np.int64]
    protocol: NDArray[np.int64]
    addresses: NDArray[np.uint64]  # source high, low, destination high, low: (n, 4)
    # Of a fragment: where it belongs in its datagram, whether more follow, whose it is; -1, 0, 0 otherwise.
    offset: NDArray[np.int64]
    more: NDArray[np.int64]
    identification: NDArray[np.int64]
    header: NDArray[np.int64]  # where the IP header begins

    def __getitem__(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> Packets:
        if which.dtype == bool and which.all():
            return self
        return Packets(*(getattr(self, column.name)[which] for column in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """TCP segments or UDP datagrams, in the order of the file."""

    frame: NDArray[np.int64]
    time: NDArray[np.int64]
    addresses: NDArray[np.uint64]  # (n, 4), as in Packets
    ports: NDArray[np.int64]  # source, destination: (n, 2)
    seq: NDArray[np.uint32]  # 0 for UDP, like ack and flags
    ack: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    at: NDArray[np.int64]  # where the payload stands
    length: NDArray[np.int64]  # octets of payload that were captured

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> Segments:
        if which.dtype == bool:
            if which.all():
                return self
            which = which.nonzero()[0]
        return Segments(*(getattr(self, column.name).take(which, axis=0) for column in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Segments]) -> Segments:
        import numpy as np

        parts = [part for part in parts if len(part)] or parts[:1]
        if len(parts) == 1:
            return parts[0]
        return cls(*(np.concatenate([getattr(part, c.name) for part in parts]) for c in fields(cls)))


def internet(octets: Octets, frames: Frames, tally: Counter[str]) -> Packets:
    """The IP packets in some frames."""
    import numpy as np

    header = _behind_link(octets, frames, tally)
    end = frames.at + frames.length
    version = octets[np.minimum(header, len(octets) - 1)] >> 4
    version[(header < 0) | (header + 20 > end)] = 0
    v4 = _ipv4(octets, header, end, np.flatnonzero(version == 4))
    sixes = np.flatnonzero((version == 6) & (header + 40 <= end))
    if not sixes.size:
        return v4
    v6 = _ipv6(octets, header, end, sixes)
    both = Packets(*(np.concatenate([getattr(v4, c.name), getattr(v6, c.name)]) for c in fields(Packets)))
    return both[np.argsort(both.which, kind="stable")]


def transport(octets: Octets, frames: Frames, packets: Packets) -> tuple[Segments, Segments]:
    """The TCP segments and the UDP datagrams in some packets."""
    import numpy as np

    packets = packets[packets.offset < 0]
    tcp = packets[(packets.protocol == TCP) & (packets.at + 20 <= packets.end)]
    header = rows(octets, tcp.at, 20)
    at = tcp.at + (header[:, 12] >> 4).astype(np.int64) * 4
    good = (header[:, 12] >= 0x50) & (at <= tcp.end)
    tcp, header, at = (tcp, header, at) if good.all() else (tcp[good], header[good], at[good])
    segments = Segments(
        frames.frame[tcp.which],
        frames.time[tcp.which],
        tcp.addresses,
        number(header, 0, 2, 2),
        number(header, 4, 4)[:, 0].astype(np.uint32),
        number(header, 8, 4)[:, 0].astype(np.uint32),
        header[:, 13].copy(),
        at,
        tcp.end - at,
    )
    udp = packets[(packets.protocol == UDP) & (packets.at + 8 <= packets.end)]
    header = rows(octets, udp.at, 8)
    claimed = number(header, 4, 2)[:, 0]
    nothing = np.zeros(len(header), np.uint32)
    datagrams = Segments(
        frames.frame[udp.which],
        frames.time[udp.which],
        udp.addresses,
        number(header, 0, 2, 2),
        nothing,
        nothing,
        nothing.astype(np.uint8),
        udp.at + 8,
        np.clip(claimed - 8, 0, udp.end - udp.at - 8),
    )
    return segments, datagrams


def number(table: Octets, column: int, width: int, count: int = 1) -> NDArray[np.int64]:
    """`count` big-endian numbers of `width` octets from a column on, (n, count)."""
    import numpy as np

    part = np.ascontiguousarray(table[:, column : column + width * count])
    return part.view(f">u{width}").astype(np.int64)


def _behind_link(octets: Octets, frames: Frames, tally: Counter[str]) -> Places:
    """Where the IP header of each packet is; -1 where there is none."""
    import numpy as np

    header = np.full(len(frames), -1, np.int64)
    links = (
        set(frames.link.tolist())
        if (frames.link[1:] != frames.link[:-1]).any()
        else {*frames.link[:1].tolist()}
    )
    for link in sorted(links):
        which = np.flatnonzero(frames.link == link)
        at = frames.at[which]
        if link in RAW_IP:
            header[which] = at
        elif link in (NULL, LOOP):
            header[which] = at + 4  # an address family, whose number depends on the system: IP tells itself
        elif link in (ETHERNET, COOKED, COOKED_2):
            kind_at, behind = {ETHERNET: (12, 14), COOKED: (14, 16), COOKED_2: (0, 20)}[link]
            header[which] = _behind_tags(octets, at + kind_at, at + behind)
        else:
            tally[f"on a link of type {link}, which is not read"] += len(which)
    return header


def _behind_tags(octets: Octets, kind_at: Places, behind: Places) -> Places:
    """Step over VLAN tags, each of which is a tag and the type of what follows it."""
    import numpy as np

    kind = number(rows(octets, kind_at, 2), 0, 2)[:, 0]
    for _ in range(4):
        tagged = np.flatnonzero(np.isin(kind, VLANS))
        if not tagged.size:
            break
        kind[tagged] = number(rows(octets, behind[tagged] + 2, 2), 0, 2)[:, 0]
        behind[tagged] += 4
    return np.where((kind == IPV4) | (kind == IPV6), behind, -1)


def _ipv4(octets: Octets, header: Places, end: Places, which: Places) -> Packets:
    import numpy as np

    at, end = header[which], end[which]
    table = rows(octets, at, 20)
    ihl = (table[:, 0] & 15).astype(np.int64) * 4
    total = number(table, 2, 2)[:, 0]
    # A length of 0 is a packet the network card was to cut up (segmentation offload).
    end = np.where(total == 0, end, np.minimum(end, at + total))
    fragment = number(table, 6, 2)[:, 0]
    is_fragment = (fragment & 0x3FFF) != 0
    addresses = np.full((len(which), 4), V4, np.uint64)
    addresses[:, 1::2] = number(table, 12, 4, 2)
    packets = Packets(
        which,
        at + ihl,
        end,
        table[:, 9].astype(np.int64),
        addresses,
        np.where(is_fragment, (fragment & 0x1FFF) * 8, -1),
        (fragment >> 13) & 1,
        number(table, 4, 2)[:, 0],
        at,
    )
    return packets[(ihl >= 20) & (at + ihl <= end)]


def _ipv6(octets: Octets, header: Places, end: Places, which: Places) -> Packets:
    import numpy as np

    at, end = header[which], end[which]
    table = rows(octets, at, 40)
    length = number(table, 4, 2)[:, 0]
    end = np.where(length == 0, end, np.minimum(end, at + 40 + length))
    protocol = table[:, 6].astype(np.int64)
    addresses = np.ascontiguousarray(table[:, 8:40]).view(">u8").astype(np.uint64)
    place = at + 40
    offset, more, identification = np.full(len(which), -1, np.int64), np.zeros_like(at), np.zeros_like(at)
    for _ in range(8):
        extended = np.flatnonzero(
            np.isin(protocol, (*EXTENSIONS, FRAGMENT)) & (offset < 0) & (place + 8 <= end)
        )
        if not extended.size:
            break
        table = rows(octets, place[extended], 8)
        kind = protocol[extended]
        size = np.where(kind == AUTHENTICATION, (table[:, 1].astype(np.int64) + 2) * 4, 0)
        size = np.where(size > 0, size, (table[:, 1].astype(np.int64) + 1) * 8)
        fragment = number(table, 2, 2)[:, 0]
        part = (kind == FRAGMENT) & ((fragment & 0xFFF9) != 0)
        offset[extended[part]] = fragment[part] & 0xFFF8
        more[extended[part]] = fragment[part] & 1
        identification[extended[part]] = number(table, 4, 4)[part, 0]
        protocol[extended] = table[:, 0]
        place[extended] += np.where(kind == FRAGMENT, 8, size)
    packets = Packets(which, place, end, protocol, addresses, offset, more, identification, at)
    return packets[place <= end]
