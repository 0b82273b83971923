"""Messages on their way through this host: the relay's queue, as far as the store keeps it.

The store knows nothing of envelopes: a `Parcel` is a message, and a label that means
something to whoever put it there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from labkit.store.journal import Body, Ledger


@dataclass(slots=True, eq=False)
class Parcel:
    """A message that waits, and what is written on it."""

    id: int
    label: str
    body: Body
    gone: bool = False

    @property
    def data(self) -> bytes:
        return bytes(self.body)


class Spool:
    """Parcels, in the order they came."""

    def __init__(self, ledger: Ledger) -> None:
        self.parcels: dict[int, Parcel] = {}
        self._ledger = ledger
        self._last = 0

    def __iter__(self) -> Iterator[Parcel]:
        return iter(self.parcels.values())

    def __len__(self) -> int:
        return len(self.parcels)

    def restore(self, parcel: Parcel) -> None:
        """One that is there; for the journal too."""
        self.parcels[parcel.id] = parcel
        self._last = max(self._last, parcel.id)

    def add(self, data: bytes, *labels: str) -> list[Parcel]:
        """The same message once for each label."""
        body = self._ledger.journal.file(data)
        added = [Parcel(id, label, body) for id, label in enumerate(labels, self._last + 1)]
        with self._ledger.transaction() as work:
            work.undo(lambda: self._drop(added))
            work.touch(*added)
            for parcel in added:
                self.restore(parcel)
        return added

    def relabel(self, parcel: Parcel, label: str) -> None:
        with self._ledger.transaction() as work:
            before, parcel.label = parcel.label, label
            work.touch(parcel)
            work.undo(lambda: setattr(parcel, "label", before))

    def remove(self, parcel: Parcel) -> None:
        """It is delivered, or returned.  If that cannot be kept, it will be there again after a restart."""
        with self._ledger.transaction() as work:
            parcel.gone = True
            self._drop([parcel])
            work.touch(parcel)
            work.undo(lambda: setattr(parcel, "gone", False))
            work.undo(lambda: self.restore(parcel))

    def _drop(self, parcels: list[Parcel]) -> None:
        for parcel in parcels:
            del self.parcels[parcel.id]
