"""The way between two simulated hosts: how long octets take on it.

On a link of limited bandwidth TLS is charged by its plaintext, and a handshake by a constant
each flight: the sizes of certificates and signatures differ from run to run and must not
show in the times.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from numbers import Real

from labkit.errors import LabError
from labkit.net.clock import SECOND
from labkit.net.network import START, to_microseconds

STARTED = to_microseconds(START)

HANDSHAKE = 2000
"""What a flight of a TLS handshake costs, in octets."""

_TLS_OVERHEAD = 17  # TLS 1.3: the content type and the tag
_TLS_HANDSHAKE = (20, 22)  # a flight begins with ChangeCipherSpec or Handshake


@dataclass(frozen=True, slots=True)
class Link:
    """Both directions between two hosts."""

    latency: int  # ns
    ns_per_octet: float  # 0: as fast as can be

    @classmethod
    def of(cls, latency: float, bandwidth: float | None) -> Link:
        """Seconds one way, and bits per second or None; LabError for what no line can be."""
        if not isinstance(latency, Real) or not latency >= 0 or not isfinite(latency):
            raise LabError(f"the latency of a link is seconds one way, 0 or more, not {latency!r}")
        if bandwidth is not None and (not isinstance(bandwidth, Real) or not bandwidth > 0):
            raise LabError(
                f"the bandwidth of a link is bits per second, more than 0 (None: no limit), not {bandwidth!r}"
            )
        return cls(round(latency * SECOND), ns_per_octet(bandwidth) if bandwidth else 0.0)


class Line:
    """One direction of one connection: what is put on it arrives in order."""

    __slots__ = ("_last_arrival", "free", "link")

    def __init__(self, link: Link) -> None:
        self.link = link
        self.free = 0  # ns: when it will have taken up all that was written
        self._last_arrival = 0

    def carry(self, now: int, octets: int, hold: int = 0, rate: float | None = None) -> int:
        """Put octets on the line; the nanosecond at which they arrive."""
        cost = octets * (self.link.ns_per_octet if rate is None else rate)
        self.free = max(now, self.free) + round(cost)
        self._last_arrival = max(self._last_arrival, self.free + self.link.latency + hold)
        return self._last_arrival

    def waiting(self, now: int) -> int:
        """Octets written that the line has not yet taken up."""
        if not self.link.ns_per_octet:
            return 0
        return max(0, int((self.free - now) / self.link.ns_per_octet))

    def time_until(self, octets: int) -> int:
        """When no more than so many octets will be waiting."""
        return self.free - round(octets * self.link.ns_per_octet)


@dataclass(eq=False, slots=True)
class Chunk:
    """Octets written at once, or (None) the end of the stream; and what the fault rules said of them."""

    data: bytes | None
    records: list[int]  # where the tap has noted them
    hold: int = 0
    ns_per_octet: float | None = None
    lost: bool = False
    forged: bool = False  # nobody has written them


def ns_per_octet(bits_per_second: float) -> float:
    return 8 * SECOND / bits_per_second


def charged_octets(ciphertext: bytes) -> int:
    """What these TLS records cost."""
    if ciphertext[0] in _TLS_HANDSHAKE:
        return HANDSHAKE
    octets = at = 0
    while at + 5 <= len(ciphertext):
        size = int.from_bytes(ciphertext[at + 3 : at + 5])
        octets += max(0, size - _TLS_OVERHEAD)
        at += 5 + size
    return octets
