"""One direction of a connection, as far as its octets have been seen.

The protocol modules ask it where a frame ends.  The answer is an index just behind the
frame, or `MORE` when the octets for it have not come yet and may still come.  Once the
stream has ended, a frame that was cut off ends where the octets end.

A line ends with CRLF or with LF alone, for most servers read it so; see `strict` and dissector.py.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter

from labkit.grammar.framing import CRLF, block_end, line_end

MORE = -1
MANY = 2048  # octets that numpy looks at quicker than bytes.count does


@dataclass(slots=True)
class Half:
    """Octets sent in one direction: plain ones and, behind them, what was inside TLS.

    `gaps` are (offset, number of octets missing there), ascending; without `begun` the first octet that is
    there may not be the first that was sent.  `tls_at` is the offset at which TLS began, None where it did
    not, and `tls` its records; the `troubles` of those are why they could not be opened.  `order` tells where
    an octet stands in the capture, to compare the two directions; `unpack` has the stream inflated from an
    offset on.

    How servers differ: with `strict` only CRLF ends a line, with `lax` even a data block may end
    with bare LFs, with `heeded` the octets behind STARTTLS are commands all the same.  With
    `timely` no reply is one to a command that was seen later.
    """

    data: bytes | bytearray = b""
    ended: bool = False
    gaps: Sequence[tuple[int, int]] = ()
    tls_at: int | None = None
    tls: Half | None = None
    troubles: Sequence[tuple[str, int, str]] = ()
    order: Callable[[int], int] | None = None
    unpack: Callable[[int], bytes] | None = None
    begun: bool = True
    strict: bool = False
    lax: bool = False
    heeded: bool = False
    timely: bool = False
    _asked: tuple[str, int] = ("", -1)  # the frame that was not all here,
    _searched: int = 0  # ... and how many octets have been searched for its end

    def line(self, at: int) -> int:
        """Index just behind the line that begins at `at`."""
        start = self._searched if self._asked == ("line", at) else at
        ends = line_end(self.data, at, start) if self.strict else self.data.find(b"\n", start) + 1
        end = ends or MORE
        if end > 0 and self.tls_at is None:
            return end
        return self._within("line", at, end)

    def tidy(self, start: int, end: int, limit: int) -> bool:
        """Whether nothing is wrong with the line from `start` to `end`."""
        return not self.gaps and tidy(self.data[start:end], limit)

    def block(self, at: int) -> int:
        """Index just behind the final dot of the block that begins at `at`."""
        start = self._searched if self._asked == ("block", at) else at
        if self.lax:
            found = _LAX_BLOCK_END.search(self.data, max(at - 1, start - 4, 0))
            end = found.end() if found else MORE
        else:
            end = block_end(self.data, at, start)
        return self._within("block", at, end)

    def octets(self, at: int, number: int) -> int:
        """Index just behind `number` octets; those that a gap swallowed count."""
        end = at + number
        first = bisect_left(self.gaps, at, key=itemgetter(0)) if self.gaps else 0
        while first < len(self.gaps) and self.gaps[first][0] < end:
            offset, missing = self.gaps[first]
            first, end = first + 1, max(offset, end - missing)
        return self._within("octets", at, end if end <= len(self.data) else MORE)

    def inflate(self, at: int) -> None:
        """What stands from `at` on is packed: read what it unpacks to (RFC 4978)."""
        if self.unpack is not None:
            self.data = self.unpack(at)
            self._asked, self._searched = ("", -1), 0

    def gap(self, start: int, end: int) -> int | None:
        """The offset of the first gap among the octets from `start` up to `end`."""
        if not self.gaps:
            return None
        first = bisect_left(self.gaps, start, key=itemgetter(0))
        return self.gaps[first][0] if first < len(self.gaps) and self.gaps[first][0] < end else None

    def absent(self) -> bool:
        """Nothing of this direction was captured."""
        return self.ended and not self.data and self.tls is None

    def _within(self, kind: str, at: int, end: int) -> int:
        """`end`, but not beyond the start of TLS, and where the octets end once no more come."""
        if self.tls_at is not None and at < self.tls_at and not 0 <= end <= self.tls_at:
            return self.tls_at
        if end < 0 and self.ended:
            return len(self.data)
        if end < 0:
            self._asked, self._searched = (kind, at), len(self.data)
        return end


_LAX_BLOCK_END = re.compile(rb"\n\.\r?\n")


def tidy_throughout(data: bytes | bytearray) -> bool:
    """Whether all lines end with CRLF, with no other CR or LF among them."""
    if not data.endswith(CRLF):
        return False
    if len(data) < MANY:
        return data.count(b"\n") == data.count(b"\r") == data.count(CRLF)
    import numpy as np

    octets = np.frombuffer(data, np.uint8)
    ends, returns = octets == 0x0A, octets == 0x0D
    return not ends[0] and ends[1:].tobytes() == returns[:-1].tobytes()


def count_lines(data: bytes | bytearray, start: int, end: int) -> int:
    """How many octets from `start` to `end` are LF."""
    if end - start < MANY:
        return data.count(b"\n", start, end)
    import numpy as np

    return int(np.count_nonzero(np.frombuffer(data, np.uint8, end - start, start) == 0x0A))


def tidy(line: bytes | bytearray, limit: int) -> bool:
    """Whether a line is ASCII, not too long, and ends with CRLF and has no other CR."""
    size = len(line)
    return size <= limit and line.isascii() and line.endswith(CRLF) and line.find(b"\r") == size - 2
