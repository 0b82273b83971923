"""When the rows of a dissection were seen, one by one or in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ABSENT = -1


class Moments(NamedTuple):
    """When a row was seen: µs; and the packets of its first octets."""

    start: int | None
    sent: int | None
    first_reply: int | None
    replied: int | None
    frame: int | None
    reply_frame: int | None

    @property
    def time(self) -> int:
        found = self.start if self.start is not None else self.first_reply
        assert found is not None
        return found


class Times(Sequence[Moments]):
    """The same for many rows: `columns` has a row for each field of Moments, ABSENT where there is none."""

    def __init__(self, columns: NDArray[np.int64]) -> None:
        self.columns = columns

    @classmethod
    def of(cls, moments: Sequence[Moments]) -> Times:
        import numpy as np

        if isinstance(moments, Times):
            return moments
        rows = [[ABSENT if value is None else value for value in each] for each in moments]
        return cls(np.array(rows, np.int64).reshape(-1, len(Moments._fields)).T)

    def __len__(self) -> int:
        return len(self.columns[0])

    @overload
    def __getitem__(self, index: int) -> Moments: ...
    @overload
    def __getitem__(self, index: slice) -> Times: ...
    def __getitem__(self, index: int | slice) -> Moments | Times:
        if isinstance(index, slice):
            return Times(self.columns[:, index])
        return Moments(*(None if value == ABSENT else value for value in self.columns[:, index].tolist()))


def began(moments: Sequence[Moments], index: int) -> int:
    """The time of one row: of many rows its Moments are not made for it."""
    if not isinstance(moments, Times):
        return moments[index].time
    start = moments.columns.item(0, index)
    return start if start != ABSENT else moments.columns.item(2, index)
