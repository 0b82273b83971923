"""IP datagrams out of their fragments (RFC 791 3.2, RFC 8200 4.5).

Fragments are rare, so this is plain Python.  A whole datagram becomes a packet of raw IP
again, seen when its last missing fragment was; of octets that came twice the first count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labkit.capture.frames import Frames
from labkit.capture.packets import V4, Packets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RAW = 101
LARGEST = 65_535  # octets in a datagram
PENDING = 4096  # datagrams in pieces that are kept waiting; the oldest give way

Key = tuple[int, ...]


@dataclass(slots=True)
class _Datagram:
    """The pieces of a datagram by offset, and its size once the last piece is there."""

    pieces: dict[int, bytes] = field(default_factory=dict)
    size: int | None = None

    def add(self, offset: int, data: bytes, more: bool) -> bytes | None:
        """The whole payload, if this piece makes it whole."""
        if offset + len(data) > LARGEST:
            return None
        if len(data) > len(self.pieces.get(offset, b"")):
            self.pieces[offset] = data
        if not more:
            self.size = offset + len(data)
        if self.size is None:
            return None
        whole = bytearray()
        for start in sorted(self.pieces):
            if start > len(whole):
                return None
            whole += self.pieces[start][len(whole) - start :]
        return bytes(whole[: self.size]) if len(whole) >= self.size else None


class Reassembly:
    """Fragments in, packets of raw IP out."""

    def __init__(self) -> None:
        self._pending: dict[Key, _Datagram] = {}
        self._packets = bytearray()
        self._rows: list[tuple[int, int, int, int, int]] = []  # as the columns of Frames

    def add(self, octets: NDArray[np.uint8], frames: Frames, packets: Packets) -> None:
        """Take the fragments among some packets."""
        import numpy as np

        for i in np.flatnonzero(packets.offset >= 0).tolist():
            protocol, end = int(packets.protocol[i]), int(packets.end[i])
            key = (*packets.addresses[i].tolist(), int(packets.identification[i]), protocol)
            datagram = self._pending.setdefault(key, _Datagram())
            data = octets[int(packets.at[i]) : end].tobytes()
            whole = datagram.add(int(packets.offset[i]), data, bool(packets.more[i]))
            if whole is not None:
                del self._pending[key]
                row = int(packets.which[i])
                self._whole(key, whole, protocol, int(frames.time[row]), int(frames.frame[row]))
            elif len(self._pending) > PENDING:
                del self._pending[next(iter(self._pending))]

    def _whole(self, key: Key, payload: bytes, protocol: int, time: int, frame: int) -> None:
        source_high, source, target_high, target = key[:4]
        if source_high == V4:
            total = min(20 + len(payload), LARGEST)
            header = b"\x45\0" + total.to_bytes(2, "big") + bytes(5) + bytes([protocol]) + bytes(2)
            header += source.to_bytes(4, "big") + target.to_bytes(4, "big")
        else:
            header = b"\x60\0\0\0" + len(payload).to_bytes(2, "big") + bytes([protocol, 64])
            header += b"".join(half.to_bytes(8, "big") for half in (source_high, source, target_high, target))
        self._rows.append((len(self._packets), len(header) + len(payload), time, RAW, frame))
        self._packets += header + payload

    def take(self) -> tuple[bytes, Frames]:
        """The datagrams that became whole since, as a buffer of packets and where they stand in it."""
        import numpy as np

        packets, rows = bytes(self._packets), np.array(self._rows, np.int64).reshape(-1, 5)
        self._packets, self._rows = bytearray(), []
        return packets, Frames(*rows.T)
