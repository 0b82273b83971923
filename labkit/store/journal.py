"""What is done together: kept as a whole or undone as a whole, and told to sessions only then.

Memory is what all sessions work on, in every store; a `Journal` keeps a durable copy of it.  An
operation changes memory, says what it has touched, how to undo it, and whom to tell:

    with ledger.transaction() as work:
        message.flags = after
        work.touch(message_key)
        work.undo(lambda: restore(message, before))
        work.then(lambda: watcher.flags_changed([message]))

At the end the journal writes whatever was touched, as it is by then.  If it cannot, everything is
undone and `StoreError` says why; nobody has heard of the change.  Transactions nest: an inner one
that fails undoes its own part, and what is kept is decided at the end of the outermost.
Nothing else runs while one is open, so no coroutine may wait inside.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, TypeAlias

if TYPE_CHECKING:
    from labkit.store.accounts import Account
    from labkit.store.mailbox import Mailbox
    from labkit.store.spool import Parcel


class Body(Protocol):
    """The octets of a message, wherever they are: `bytes(body)` gives them, `len(body)` counts them.

    In memory they are simply `bytes`.
    """

    def __bytes__(self) -> bytes: ...
    def __len__(self) -> int: ...


class MessageKey(NamedTuple):
    """The place of a message, where there may be none any more."""

    mailbox: Mailbox
    uid: int


class Imported(NamedTuple):
    """An account has been given a message out of a file, which is not to come again."""

    account: Account
    name: str


Touched: TypeAlias = "Account | Mailbox | MessageKey | Imported | Parcel"


class Journal:
    """Where changes are kept.  This one keeps nothing: memory is all there is."""

    def file(self, data: Body) -> Body:
        """The octets as they are to be held from now on; they are kept when what has them is."""
        return bytes(data)

    def write(self, touched: Collection[Touched]) -> None:
        """Keep all of it, as it is now; raises StoreError if nothing could be kept."""

    def close(self) -> None:
        """Nothing will be written any more."""


class Transaction:
    """What has been done so far, and may still have to be undone."""

    def __init__(self, ledger: Ledger) -> None:
        self.touched: dict[Touched, None] = {}
        self._ledger = ledger
        self._undo: list[Callable[[], None]] = []
        self._news: list[Callable[[], None]] = []
        self._begun: list[tuple[int, int, int]] = []  # how much there was of each when a `with` began

    def touch(self, *things: Touched) -> None:
        for thing in things:
            self.touched[thing] = None

    def undo(self, step: Callable[[], None]) -> None:
        """A step to be taken, in reverse order, if this fails."""
        self._undo.append(step)

    def then(self, step: Callable[[], None]) -> None:
        """Something to be done once this is kept."""
        self._news.append(step)

    def __enter__(self) -> Self:
        self._begun.append((len(self.touched), len(self._undo), len(self._news)))
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        try:
            if failure is not None:
                self._take_back()
            elif len(self._begun) == 1:
                self._keep()
        finally:
            self._begun.pop()
        if not self._begun and failure is None:
            for step in self._news:
                step()

    def _keep(self) -> None:
        try:
            if self.touched:
                self._ledger.journal.write(self.touched)
        except BaseException:
            self._take_back()
            raise
        finally:
            self._ledger.open = None

    def _take_back(self) -> None:
        """Undo what was done since the innermost `with` began; then nothing of it is to be written."""
        touched, undo, news = self._begun[-1]
        for step in reversed(self._undo[undo:]):
            step()
        for thing in list(self.touched)[touched:]:
            del self.touched[thing]
        del self._undo[undo:], self._news[news:]
        if len(self._begun) == 1:
            self._ledger.open = None


class Ledger:
    """The transactions of one store, one after the other."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.open: Transaction | None = None

    def transaction(self) -> Transaction:
        """For a `with`: a new one, or one more part of that which is open."""
        if self.open is None:
            self.open = Transaction(self)
        return self.open
