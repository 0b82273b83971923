"""The packets of a pcapng file (draft-ietf-opsawg-pcapng).

Sections of either byte order, interfaces each with their own link type and clock
(if_tsresol, if_tsoffset), enhanced, simple and obsolete packet blocks.  Every other
block is skipped by its length, known or not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from labkit.capture.frames import ABSURD, BATCH, Frames
from labkit.capture.tape import LAST_TIME

if TYPE_CHECKING:
    from labkit.capture.source import Octets

MAGIC = b"\x0a\x0d\x0d\x0a"  # the type of a section header block, the same in both byte orders
BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
INTERFACE, OLD_PACKET, SIMPLE_PACKET, PACKET = 1, 2, 3, 6  # types of blocks
END_OF_OPTIONS, RESOLUTION, OFFSET = 0, 9, 14  # options of an interface


@dataclass(frozen=True, slots=True)
class Interface:
    link: int
    snapshot: int  # longest packet captured, 0 for no limit
    per_second: int  # ticks of its clock
    offset: int  # seconds to add

    def microseconds(self, ticks: int) -> int:
        time = ticks * 1_000_000 // self.per_second + self.offset * 1_000_000
        return max(0, min(time, LAST_TIME))


def frames(raw: Octets, name: str, notes: list[str]) -> Iterator[Frames]:
    """The packets of all sections in batches; `notes` gets a sentence if the file stops early."""
    import numpy as np

    packets = _packets(raw, name, notes)
    number = 0
    while some := list(islice(packets, BATCH)):
        at, length, time, link = np.array(some, np.int64).T
        yield Frames(at, length, time, link, np.arange(number + 1, number + len(some) + 1))
        number += len(some)


def _packets(raw: Octets, name: str, notes: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """(place, octets captured, µs, link type) of every packet."""
    order, interfaces = "<", list[Interface]()
    position, end = 0, len(raw)
    number, time = 0, 0

    def stop(why: str) -> None:
        notes.append(f"{name} stops at byte {position}, after frame {number}: {why}")

    while position + 12 <= end:
        if raw[position : position + 4] == MAGIC:
            order, interfaces = BYTE_ORDERS.get(raw[position + 8 : position + 12], order), []
        kind, total = struct.unpack_from(order + "II", raw, position)
        if total < 12 or total % 4 or total > ABSURD:
            return stop(f"a block cannot have {total} octets")
        if position + total > end:
            return stop(f"a block is cut short, {end - position} of {total} octets are there")
        body, room = position + 8, total - 12  # the block's length stands once more at its end
        if kind == INTERFACE and room >= 8:
            interfaces.append(_interface(raw, body, body + room, order))
        elif kind in (PACKET, OLD_PACKET) and room >= 20:
            which, high, low, length = struct.unpack_from(order + "IIII", raw, body)
            if kind == OLD_PACKET:  # its number of the interface is half as wide, drops stand behind it
                (which,) = struct.unpack_from(order + "H", raw, body)
            if which < len(interfaces):
                number, time = number + 1, interfaces[which].microseconds(high << 32 | low)
                yield body + 20, min(length, room - 20), time, interfaces[which].link
        elif kind == SIMPLE_PACKET and room >= 4 and interfaces:
            # It has no time of its own: that of the packet before it is the best there is.
            (length,) = struct.unpack_from(order + "I", raw, body)
            number += 1
            yield body + 4, min(length, interfaces[0].snapshot or length, room - 4), time, interfaces[0].link
        position += total
    if position < end:
        stop(f"{end - position} octets are left, too few for a block")


def _interface(raw: Octets, at: int, end: int, order: str) -> Interface:
    link, _, snapshot = struct.unpack_from(order + "HHI", raw, at)
    per_second, offset = 1_000_000, 0
    at += 8
    while at + 4 <= end:
        option, length = struct.unpack_from(order + "HH", raw, at)
        value = bytes(raw[at + 4 : min(at + 4 + length, end)])
        if option == END_OF_OPTIONS:
            break
        if option == RESOLUTION and len(value) == 1:
            # The high bit says whether the rest is a power of 2 or of 10.
            per_second = 1 << (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif option == OFFSET and len(value) == 8:
            (offset,) = struct.unpack(order + "q", value)
        at += 4 + (length + 3) // 4 * 4
    return Interface(link, snapshot, per_second, offset)
