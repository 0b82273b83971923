"""One direction of a connection: contiguous octets, and when each of them was seen.

The octets stand without the gaps, so that a dissector can search them with
`bytes.find`; where octets are missing, `gaps` says before which offset and how many.
Times and frame numbers are kept once per segment and looked up by offset.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from labkit.capture.inflate import Inflater

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Column = array[int] | NDArray[np.int64]


class Gap(NamedTuple):
    """`length` octets that were sent but not captured, missing before `offset` of the stream's data."""

    offset: int
    length: int


class Trouble(NamedTuple):
    """Why TLS records or packed octets cannot be read: a flaw's name, and where that was found."""

    flaw: str
    offset: int
    detail: str


class Stream:
    """What one side sent, as the one who reads it has it: plain, then what was inside TLS.

    `data`      the octets; joined when first asked for, and kept
    `starts`    offset in `data` at which each segment begins, ascending
    `times`     µs since the epoch at which a segment could be read: when it was seen, or
                when the last octet before it was, if that came later (reordering); ascending
    `orders`    where the segment stands in the capture: its frame number, counted from 1, in
                a file; a number that only orders in a live capture.  Sorts what has equal times.
    `gaps`      what is missing.  A gap at offset 0 is a missing start, one at `len(stream)`
                a missing end (the peer acknowledged octets that are not in the capture).
    `begun`     its first octet is the first that was sent: the SYN was captured
    `ended`     nothing more can come: FIN, RST, or the connection is closed
    `tls_at`    offset in `data` at which TLS began (0: at once), None while there is none.
                Octets of `data` from there on are from inside TLS, where they are known.
    `tls`       the TLS records on the wire, a stream of their own, beginning with the hello
    `packed_at` offset in `data` at which the sender began to deflate, None while it does not.  Octets of
                `data` from there on are unpacked.
    `packed`    those octets as they were sent, a stream of their own
    `troubles`  why TLS records could not be opened with a key log (of the stream of records), or packed
                octets not be unpacked
    """

    __slots__ = (
        "_data",
        "_inflater",
        "_load",
        "_pieces",
        "_size",
        "begun",
        "ended",
        "framed",
        "gaps",
        "orders",
        "packed",
        "packed_at",
        "starts",
        "times",
        "tls",
        "tls_at",
        "troubles",
    )

    def __init__(self, *, framed: bool = False, columns: tuple[Column, Column, Column] | None = None) -> None:
        self._data = b""
        self._load: Callable[[], bytes] | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self.starts, self.times, self.orders = columns or (array("q"), array("q"), array("q"))
        self.gaps: list[Gap] = []
        self.begun = True
        self.ended = False
        self.framed = framed
        self.tls_at: int | None = None
        self.tls: Stream | None = None
        self.packed_at: int | None = None
        self.packed: Stream | None = None
        self.troubles: list[Trouble] = []
        self._inflater: Inflater | None = None

    @classmethod
    def loaded(
        cls, load: Callable[[], bytes], size: int, starts: Column, times: Column, frames: Column
    ) -> Stream:
        """A stream out of a file: `load` fetches its `size` octets when somebody looks at them."""
        stream = cls(framed=True, columns=(starts, times, frames))
        stream._load, stream._size = load, size
        return stream

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"<Stream of {self._size} octets in {len(self.starts)} segments, {len(self.gaps)} gaps>"

    @property
    def data(self) -> bytes:
        """All octets.  A stream that still grows is joined anew after it grew: see `since`."""
        if self._load is not None:
            self._data, self._load = self._load(), None
        elif len(self._data) < self._size:
            self._data = b"".join(self._pieces)
        return self._data

    @property
    def last_time(self) -> int:
        """When the last octets on the wire could be read, in µs; 0 if there are none."""
        layers = [self, self.tls] if self.tls is not None else [self]
        return max((int(layer.times[-1]) for layer in layers if len(layer.times)), default=0)

    def since(self, offset: int) -> bytes:
        """The octets from `offset` on, at a cost of what is returned: for who follows a live stream."""
        if not self._pieces or len(self._data) == self._size:
            return self.data[offset:]
        first = max(bisect_right(self.starts, offset) - 1, 0)
        return b"".join(self._pieces[first:])[offset - self.starts[first] :]

    def append(self, octets: bytes, time: int, order: int) -> None:
        """The next octets of a live stream."""
        if self._inflater is not None:
            assert self.packed is not None
            self.packed.append(octets, time, order)
            octets = self._inflate(octets)
        self._put(octets, time, order)

    def _put(self, octets: bytes, time: int, order: int) -> None:
        assert isinstance(self.starts, array), "a stream out of a file does not grow"
        assert isinstance(self.times, array)
        assert isinstance(self.orders, array)
        if octets:
            self.starts.append(self._size)
            self.times.append(time)
            self.orders.append(order)
            self._pieces.append(octets)
            self._size += len(octets)

    def begin_tls(self) -> Stream:
        """The stream of TLS records; the first call notes where TLS began."""
        if self.tls is None:
            self.tls_at, self.tls = self._size, Stream(framed=self.framed)
        return self.tls

    def seal(self, offset: int) -> None:
        """Find that a stream out of a file is TLS from `offset` on."""
        starts, times, orders = numbers(self.starts), numbers(self.times), numbers(self.orders)
        first = max(bisect_right(starts, offset) - 1, 0)
        whole = self.data
        begins = (starts[first:] - offset).clip(0)
        self.tls_at = offset
        self.tls = Stream.loaded(
            lambda: whole[offset:], self._size - offset, begins, times[first:], orders[first:]
        )
        self.tls.gaps = [Gap(gap.offset - offset, gap.length) for gap in self.gaps if gap.offset > offset]
        self.gaps = [gap for gap in self.gaps if gap.offset <= offset]
        self.tls.begun, self.tls.ended = self.begun, self.ended
        kept = first + (starts[first] < offset)
        self._data, self._size = whole[:offset], offset
        self.starts, self.times, self.orders = starts[:kept], times[:kept], orders[:kept]

    def inflate(self, offset: int) -> bytes:
        """Find that octets are packed from `offset` on, and go on with what they unpack to.

        Returns all octets.  Behind a gap nothing can be unpacked.
        """
        if self.packed_at is not None:
            return self.data
        whole, size, packed = self.data, self._size, Stream(framed=self.framed)
        segments = zip(self.starts, [*self.starts[1:], size], self.times, self.orders, strict=True)
        packed.gaps = [Gap(gap.offset - offset, gap.length) for gap in self.gaps if gap.offset > offset]
        packed.begun, packed.ended = self.begun, self.ended
        lost = offset + min((gap.offset for gap in packed.gaps), default=size - offset)
        self.gaps = [gap for gap in self.gaps if gap.offset <= offset]
        self.packed_at, self.packed, self._inflater = offset, packed, Inflater()
        self._load, self._data, self._pieces, self._size = None, b"", [], 0
        self.starts, self.times, self.orders = array("q"), array("q"), array("q")
        for start, end, time, order in [(int(a), int(b), int(c), int(d)) for a, b, c, d in segments]:
            self._put(whole[start : min(end, offset)], time, order)
            packed.append(whole[max(start, offset) : end], time, order)
            self._put(self._inflate(whole[max(start, offset) : min(end, lost)]), time, order)
        if packed.gaps:
            self.gaps.append(Gap(self._size, size - lost + sum(gap.length for gap in packed.gaps)))
        return self.data

    def _inflate(self, octets: bytes) -> bytes:
        assert self._inflater is not None
        found = self._inflater.feed(octets)
        if self._inflater.trouble and not self.troubles:
            self.troubles.append(Trouble("compressed", self._size, self._inflater.trouble))
        return found

    @property
    def sent(self) -> list[tuple[Stream, int]]:
        """The octets as they were sent, without what was inside TLS: streams, and how much of each counts."""
        begins = self._size if self.packed_at is None else self.packed_at
        if self.tls_at is not None and self.tls is not None:
            return [(self, min(begins, self.tls_at)), (self.tls, len(self.tls))]
        return [(self, begins)] if self.packed is None else [(self, begins), (self.packed, len(self.packed))]

    def reveal(self, pieces: Sequence[bytes], places: Sequence[int]) -> None:
        """Put behind the plain octets what was inside TLS, each piece as of an octet among the records."""
        if not pieces:
            return
        import numpy as np

        assert self.tls is not None
        times, orders = self.tls.times_at(places), self.tls.orders_at(places)
        sizes = np.cumsum([self._size, *map(len, pieces)])
        columns = (self.starts, sizes[:-1]), (self.times, times), (self.orders, orders)
        self.starts, self.times, self.orders = (
            np.concatenate([numbers(old), new.astype(np.int64)]) for old, new in columns
        )
        self._data, self._size = b"".join([self.data, *pieces]), int(sizes[-1])

    # When and where.  Offsets outside the data mean its first or its last octet; a stream
    # without a single octet has no times, and raises IndexError.

    def time_at(self, offset: int) -> int:
        """µs at which the octet at `offset` could be read."""
        return int(self.times[self._segment(offset)])

    def order_at(self, offset: int) -> int:
        """Where the octet stands in the capture (see `orders`)."""
        return int(self.orders[self._segment(offset)])

    def frame_at(self, offset: int) -> int | None:
        """The packet that carried the octet, as Wireshark counts; None in a live capture."""
        return self.order_at(offset) if self.framed else None

    def times_at(self, offsets: ArrayLike) -> NDArray[np.int64]:
        """`time_at` for many offsets at once."""
        return self._look_up(self.times, offsets)

    def orders_at(self, offsets: ArrayLike) -> NDArray[np.int64]:
        """`order_at` for many offsets at once."""
        return self._look_up(self.orders, offsets)

    def _segment(self, offset: int) -> int:
        if not self._size:
            raise IndexError("a stream without octets has no times")
        return max(bisect_right(self.starts, offset) - 1, 0)

    def _look_up(self, column: Column, offsets: ArrayLike) -> NDArray[np.int64]:
        import numpy as np

        if not self._size:
            raise IndexError("a stream without octets has no times")
        starts = numbers(self.starts)
        at = np.maximum(np.searchsorted(starts, np.asarray(offsets, np.int64), side="right") - 1, 0)
        return numbers(column)[at]


def numbers(column: Column) -> NDArray[np.int64]:
    """A column of a stream for numpy; copied while it may grow, for an array in use cannot."""
    import numpy as np

    return np.array(column, np.int64) if isinstance(column, array) else column
