"""The packets of a capture file, as columns: where each one stands, when it was seen, on what link.

Reads the classic pcap format (both byte orders, micro- and nanoseconds) and hands pcapng
to its own module.  A file that stops in the middle of a packet, or in which a length
cannot be true, gives everything before that place and a note; what is no capture
at all is refused with a `LabError`.  Packets are counted as Wireshark does, from 1,
and one that is cut short by the end of the file is not counted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from labkit.errors import LabError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labkit.capture.source import Octets

BATCH = 1 << 16  # packets taken at a time, so that what is in between stays in the cache
LONGEST = 262_144  # octets in a packet, unless the file says more (libpcap's own limit)
ABSURD = 1 << 27  # no length beyond this is believed, of a packet or a block


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Some packets of a file; all columns have the same length."""

    at: NDArray[np.int64]  # where the packet begins in the file
    length: NDArray[np.int64]  # octets captured
    time: NDArray[np.int64]  # µs since the epoch
    link: NDArray[np.int64]  # its link type (LINKTYPE_…)
    frame: NDArray[np.int64]  # its number, from 1

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, which: NDArray[np.int64]) -> Frames:
        return Frames(*(getattr(self, column.name)[which] for column in fields(self)))


def frames(raw: Octets, name: str, notes: list[str]) -> Iterator[Frames]:
    """The packets of a file in batches; `notes` gets a sentence if it stops early."""
    from labkit.capture import pcapng

    magic = bytes(raw[:4])
    if magic == pcapng.MAGIC and bytes(raw[8:12]) in pcapng.BYTE_ORDERS:
        return pcapng.frames(raw, name, notes)
    if magic in VARIANTS:
        return classic(raw, name, notes)
    raise LabError(f"{name} is not a pcap, pcapng or labkit capture: it {opening(raw)}")


def opening(raw: Octets) -> str:
    """How a file begins, for the message that refuses it."""
    head = bytes(raw[:16])
    if not head:
        return "is empty"
    text = head.decode("latin-1")
    legible = text.isascii() and all(c.isprintable() or c.isspace() for c in text)
    return f"begins with {text!r}" if legible else f"begins with the octets {head.hex(' ')}"


VARIANTS = {  # the first four octets: byte order, fractions of a second in a µs
    b"\xd4\xc3\xb2\xa1": ("<", 1),
    b"\xa1\xb2\xc3\xd4": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1000),
}


def classic(raw: Octets, name: str, notes: list[str]) -> Iterator[Frames]:
    """The packets of a classic pcap file."""
    import numpy as np

    order, fraction = VARIANTS[bytes(raw[:4])]
    if len(raw) < 24:
        raise LabError(f"{name} is not a pcap file: its header has {len(raw)} octets and should have 24")
    snapshot, link = struct.unpack_from(order + "II", raw, 16)
    longest = max(LONGEST, snapshot if snapshot <= ABSURD else 0)
    octets = np.frombuffer(raw, np.uint8)
    length_at = struct.Struct(order + "I").unpack_from
    position, end, number = 24, len(raw), 0
    while position < end:
        places = []
        for _ in range(BATCH):
            if position + 16 > end:
                break
            length = length_at(raw, position + 8)[0]
            if length > longest or position + 16 + length > end:
                break
            places.append(position)
            position += 16 + length
        if places:
            at = np.array(places, np.int64)
            header = rows(octets, at, 16).view(order + "u4").astype(np.int64)
            yield Frames(
                at + 16,
                header[:, 2],
                header[:, 0] * 1_000_000 + header[:, 1] // fraction,
                np.full(len(at), link & 0x0FFF_FFFF, np.int64),
                np.arange(number + 1, number + len(at) + 1),
            )
            number += len(at)
        if len(places) < BATCH:
            break
    if position < end:
        notes.append(_why_it_stops(raw, name, position, number, order, longest))


def _why_it_stops(raw: Octets, name: str, position: int, number: int, order: str, longest: int) -> str:
    where = f"{name} stops at byte {position}, after frame {number}"
    rest = len(raw) - position
    if rest < 16:
        return f"{where}: {rest} octets are left, too few for a packet"
    length = struct.unpack_from(order + "I", raw, position + 8)[0]
    if length > longest:
        return f"{where}: the next packet claims {length} octets, more than any packet has"
    return f"{where}: the next packet is cut short, {rest - 16} of {length} octets are there"


def rows(octets: NDArray[np.uint8], at: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """The `width` octets from each place on, one row each; beyond the end of the file they are zero."""
    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view

    if len(octets) < width:
        octets = np.append(octets, np.zeros(width, np.uint8))
    last = len(octets) - width
    found: NDArray[np.uint8] = sliding_window_view(octets, width)[np.minimum(at, last)]
    late = np.flatnonzero(at > last)
    if late.size:
        tail = np.append(octets[last:], np.zeros(width, np.uint8))
        found[late] = sliding_window_view(tail, width)[np.minimum(at[late] - last, width)]
    return found
