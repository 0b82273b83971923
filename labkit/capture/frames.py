"""The packets of a capture file, as columns: where each one stands, when it was seen, on what link.

Reads the classic pcap format (both byte orders, micro- and nanoseconds) and hands pcapng
to its own module.  A file that stops in the middle of a packet, or in which a length
cannot be true, gives everything before that place and a note; what is no capture
at all is refused with a `LabError`.  Packets are counted as Wireshark does, from 1,
and one that is cut short by the end of the file is not counted.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from labkit.capture.strides import places
from labkit.errors import LabError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labkit.capture.source import Octets

HEADER = 24  # octets at the beginning of a classic file
BATCH = 1 << 15  # packets taken at a time: as many as a window has, but not all of a large file
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


class Parser(ABC):
    """Finds the packets of a file that is given piece by piece.

    `place` is where the next packet begins in the file, `number` how many came before it.
    """

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes
        self.place = 0
        self.number = 0
        self.names: dict[str, str] = {}  # of hosts, by their addresses, as far as the file has them
        self.secrets: list[bytes] = []  # lines of TLS key logs that the file holds
        self.stopped = False  # at something that cannot be true: nothing behind it is read

    @abstractmethod
    def frames(self, raw: Octets, at: int, ended: bool) -> Iterator[Frames]:
        """The packets that are whole in `raw`, whose octet `at` is the file's at `place`, in batches.

        `place` moves on by what was read.  If the file has `ended`, `notes` gets a sentence about
        what is left.
        """

    def _stop(self, why: str) -> None:
        self.stopped = True
        self.notes.append(f"{self.name} stops at byte {self.place}, after frame {self.number}{why}")


def parser(raw: Octets, name: str, notes: list[str]) -> Parser:
    """The parser for a file that begins with these octets (at least 24, if it has so many)."""
    magic = bytes(raw[:4])
    if magic in VARIANTS:
        return Classic(raw, name, notes)
    from labkit.capture.pcapng import BYTE_ORDERS, MAGIC, Blocks

    if magic == MAGIC and bytes(raw[8:12]) in BYTE_ORDERS:
        return Blocks(name, notes)
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


class Classic(Parser):
    """The classic pcap format."""

    def __init__(self, raw: Octets, name: str, notes: list[str]) -> None:
        super().__init__(name, notes)
        self._order, self._fraction = VARIANTS[bytes(raw[:4])]
        if len(raw) < HEADER:
            raise LabError(
                f"{name} is not a pcap file: its header has {len(raw)} octets and should have {HEADER}"
            )
        snapshot, link = struct.unpack_from(self._order + "II", raw, 16)
        self._link = link & 0x0FFF_FFFF
        self._longest = max(LONGEST, snapshot if snapshot <= ABSURD else 0)

    def frames(self, raw: Octets, at: int, ended: bool) -> Iterator[Frames]:
        import numpy as np

        if not self.place:
            at, self.place = at + HEADER, HEADER
        octets = np.frombuffer(raw, np.uint8)
        found = places(raw, at, self._order, self._longest)
        begin = self.place - at
        for first in range(0, len(found) - 1, BATCH):
            batch = found[first : first + BATCH + 1]
            yield self._batch(octets, batch[:-1])
            self.place = begin + int(batch[-1])
        if found[-1] < len(raw):
            self._why_it_stops(raw, int(found[-1]), ended)

    def _batch(self, octets: NDArray[np.uint8], at: NDArray[np.int64]) -> Frames:
        import numpy as np

        header = rows(octets, at, 16).view(self._order + "u4").astype(np.int64)
        first, self.number = self.number + 1, self.number + len(at)
        return Frames(
            at + 16,
            header[:, 2],
            header[:, 0] * 1_000_000 + header[:, 1] // self._fraction,
            np.full(len(at), self._link, np.int64),
            np.arange(first, first + len(at)),
        )

    def _why_it_stops(self, raw: Octets, at: int, ended: bool) -> None:
        rest = len(raw) - at
        if rest < 16:
            if ended:
                self._stop(f": {rest} octets are left, too few for a packet")
            return
        length = struct.unpack_from(self._order + "I", raw, at + 8)[0]
        if length > self._longest:
            self._stop(f": the next packet claims {length} octets, more than any packet has")
        elif ended:
            self._stop(f": the next packet is cut short, {rest - 16} of {length} octets are there")


def rows(octets: NDArray[np.uint8], at: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """The `width` octets from each place on, one row each; beyond the end of the file they are zero."""
    import numpy as np

    if len(octets) < width:
        octets = np.append(octets, np.zeros(width, np.uint8))
    last = len(octets) - width
    found = _taken(octets, np.minimum(at, last), width)
    late = np.flatnonzero(at > last)
    if late.size:
        tail = np.append(octets[last:], np.zeros(width, np.uint8))
        found[late] = _taken(tail, np.minimum(at[late] - last, width), width)
    return found


def _taken(octets: NDArray[np.uint8], at: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """The same, all within the octets: one copy for each row, not one for each octet."""
    import numpy as np

    pieces = np.ndarray((len(octets) - width + 1,), f"V{width}", octets, strides=(1,))
    return pieces[at].view(np.uint8).reshape(-1, width)
