"""The packets of a pcapng file (draft-ietf-opsawg-pcapng).

Sections of either byte order, interfaces each with their own link type and clock
(if_tsresol, if_tsoffset), enhanced, simple and obsolete packet blocks, names of
hosts, secrets of TLS.  Every other block is skipped by its length, known or not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import islice
from typing import TYPE_CHECKING

from labkit.capture.frames import ABSURD, BATCH, Frames, Parser
from labkit.capture.tape import LAST_TIME

if TYPE_CHECKING:
    from labkit.capture.source import Octets

MAGIC = b"\x0a\x0d\x0d\x0a"  # the type of a section header block, the same in both byte orders
BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
INTERFACE, OLD_PACKET, SIMPLE_PACKET, NAMES, PACKET, SECRETS = 1, 2, 3, 4, 6, 10  # types of blocks
TLS_KEY_LOG = 0x544C534B  # the kind of secrets that are lines of a key log
END_OF_OPTIONS, RESOLUTION, OFFSET = 0, 9, 14  # options of an interface
END_OF_RECORDS = 0  # of names


@dataclass(frozen=True, slots=True)
class Interface:
    link: int
    snapshot: int  # longest packet captured, 0 for no limit
    per_second: int  # ticks of its clock
    offset: int  # seconds to add

    def microseconds(self, ticks: int) -> int:
        time = ticks * 1_000_000 // self.per_second + self.offset * 1_000_000
        return max(0, min(time, LAST_TIME))


class Blocks(Parser):
    """The blocks of all sections."""

    def __init__(self, name: str, notes: list[str]) -> None:
        super().__init__(name, notes)
        self._order, self._interfaces = "<", list[Interface]()
        self._time = 0  # of the last packet that had one

    def frames(self, raw: Octets, at: int, ended: bool) -> Iterator[Frames]:
        import numpy as np

        begin = self.place - at
        packets = self._packets(raw, at)
        while some := list(islice(packets, BATCH)):
            places, length, time, link = np.array(some, np.int64).T
            yield Frames(places, length, time, link, np.arange(-len(some), 0) + self.number + 1)
        rest = len(raw) - (self.place - begin)
        if ended and rest and not self.stopped:
            if rest < 12:
                self._stop(f": {rest} octets are left, too few for a block")
            else:
                total = struct.unpack_from(self._order + "I", raw, len(raw) - rest + 4)[0]
                self._stop(f": a block is cut short, {rest} of {total} octets are there")

    def _packets(self, raw: Octets, at: int) -> Iterator[tuple[int, int, int, int]]:
        """(place, octets captured, µs, link type) of every packet."""
        end = len(raw)
        while at + 12 <= end:
            if raw[at : at + 4] == MAGIC:
                self._order = BYTE_ORDERS.get(bytes(raw[at + 8 : at + 12]), self._order)
                self._interfaces = []
            order, interfaces = self._order, self._interfaces
            kind, total = struct.unpack_from(order + "II", raw, at)
            if total < 12 or total % 4 or total > ABSURD:
                return self._stop(f": a block cannot have {total} octets")
            if at + total > end:
                return
            body, room = at + 8, total - 12  # the block's length stands once more at its end
            at, self.place = at + total, self.place + total
            if kind == INTERFACE and room >= 8:
                interfaces.append(_interface(raw, body, body + room, order))
            elif kind in (PACKET, OLD_PACKET) and room >= 20:
                which, high, low, length = struct.unpack_from(order + "IIII", raw, body)
                if kind == OLD_PACKET:  # its number of the interface is half as wide, drops stand behind it
                    (which,) = struct.unpack_from(order + "H", raw, body)
                if which < len(interfaces):
                    self.number += 1
                    self._time = interfaces[which].microseconds(high << 32 | low)
                    yield body + 20, min(length, room - 20), self._time, interfaces[which].link
            elif kind == NAMES:
                self.names.update(_names(raw, body, body + room, order))
            elif kind == SECRETS and room >= 8:
                of, length = struct.unpack_from(order + "II", raw, body)
                if of == TLS_KEY_LOG:
                    self.secrets.append(bytes(raw[body + 8 : body + 8 + min(length, room - 8)]))
            elif kind == SIMPLE_PACKET and room >= 4 and interfaces:
                # It has no time of its own: that of the packet before it is the best there is.
                self.number += 1
                (length,) = struct.unpack_from(order + "I", raw, body)
                length = min(length, interfaces[0].snapshot or length, room - 4)
                yield body + 4, length, self._time, interfaces[0].link


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


def _names(raw: Octets, at: int, end: int, order: str) -> Iterator[tuple[str, str]]:
    """Addresses and the names of their hosts, the first where there are several."""
    while at + 4 <= end:
        kind, length = struct.unpack_from(order + "HH", raw, at)
        value = bytes(raw[at + 4 : min(at + 4 + length, end)])
        size = {1: 4, 2: 16}.get(kind)
        if kind == END_OF_RECORDS:
            return
        if size and (name := value[size:].partition(b"\0")[0]):
            yield str(ip_address(value[:size])), name.decode("utf-8", "backslashreplace")
        at += 4 + (length + 3) // 4 * 4
