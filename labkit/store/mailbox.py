"""A mailbox: messages with UIDs and flags, shared by POP3 and IMAP (RFC 3501 2.3).

It keeps these promises:

- A stored message is immutable bytes.  Only its flags change, and only through `Mailbox`.
- A UID is never given twice in a mailbox.
- Every change has a MODSEQ greater than all before it in that mailbox (RFC 7162 3.1.1).
- An operation on many messages is one change: it is kept as a whole (see `journal`), and each open
  session hears of it once, as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from labkit.errors import LabError
from labkit.store.journal import Body, MessageKey

if TYPE_CHECKING:
    from labkit.store.accounts import Account

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = SYSTEM_FLAGS = (
    "\\Seen",
    "\\Answered",
    "\\Flagged",
    "\\Deleted",
    "\\Draft",
)
RECENT = "\\Recent"
"""Never stored: it says something about a session, not about a message (see `changes.View`)."""

SPECIAL_USES = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash")
"""What a mailbox can be for (RFC 6154 2)."""

_SYSTEM = {flag.lower(): flag for flag in SYSTEM_FLAGS}
_NONE: frozenset[str] = frozenset()


class StoreError(LabError):
    """What the store refuses to do; `code` names the reason as IMAP does (RFC 5530)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True, eq=False)
class StoredMessage:
    """One message in one mailbox.  Read it freely; `Mailbox` alone changes flags and MODSEQ."""

    uid: int
    body: Body
    internal_date: datetime
    flags: frozenset[str]
    modseq: int

    @property
    def data(self) -> bytes:
        """The message, read from the disk if that is where it lies; StoreError if it is damaged there."""
        return bytes(self.body)

    @property
    def size(self) -> int:
        """RFC822.SIZE, and POP3's octets: the length of the message as stored, with CRLFs."""
        return len(self.body)


class Watcher(Protocol):
    """Whoever must hear of a mailbox's changes; `changes.View` is the one that does."""

    def arrived(self, messages: list[StoredMessage]) -> None: ...
    def flags_changed(self, messages: list[StoredMessage]) -> None: ...
    def expunged(self, messages: list[StoredMessage]) -> None: ...


class Mailbox:
    """Messages in the order of their UIDs.

    Iterating gives the messages; `len` and `get` take constant time.  `id` is the mailbox's own
    for good, under whatever name; `use` says what the mailbox is for (see `SPECIAL_USES`).
    """

    def __init__(self, account: Account, name: str, uidvalidity: int) -> None:
        self.account = account
        self.id = uidvalidity  # which is never given twice in a store, but changes in some renamings
        self.name = name
        self.uidvalidity = uidvalidity
        self.use: frozenset[str] = frozenset()
        self.octets = 0  # of all messages
        self.uidnext = 1
        self.highestmodseq = 1
        self.recent_from = 1  # messages from this UID on have not been shown to any session
        self.deleted = False  # the name is gone; sessions that had it selected see it empty
        self.watchers: list[Watcher] = []
        self._messages: dict[int, StoredMessage] = {}  # in UID order, since UIDs only grow
        self._keywords: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Mailbox {self.name!r}: {len(self)} messages, uidnext {self.uidnext}>"

    def __len__(self) -> int:
        return len(self._messages)

    def __bool__(self) -> bool:
        """True: an empty mailbox is a mailbox too."""
        return True

    def __iter__(self) -> Iterator[StoredMessage]:
        return iter(self._messages.values())

    def get(self, uid: int) -> StoredMessage | None:
        return self._messages.get(uid)

    @property
    def uids(self) -> list[int]:
        """All UIDs, ascending, as a list of the caller's own."""
        return list(self._messages)

    @property
    def keywords(self) -> list[str]:
        """Every keyword that a message here ever had, as it was first spelt."""
        return list(self._keywords.values())

    @property
    def recent(self) -> int:
        """How many messages no session has been shown yet (STATUS RECENT)."""
        number = 0
        for uid in reversed(self._messages):
            if uid < self.recent_from:
                break
            number += 1
        return number

    def restore(self, messages: Iterable[StoredMessage], keywords: Iterable[str]) -> None:
        """What was kept, in UID order; for the journal."""
        for message in messages:
            self._messages[message.uid] = message
            self.octets += message.size
        self._keywords = {keyword.lower(): keyword for keyword in keywords}

    def append(
        self, data: bytes, flags: Iterable[str] = (), internal_date: datetime | None = None
    ) -> StoredMessage:
        """Add one message; without a date, it is the present."""
        return self.extend([(data, flags, internal_date)])[0]

    def extend(self, messages: Iterable[tuple[Body, Iterable[str], datetime | None]]) -> list[StoredMessage]:
        """Add many at once, or none: StoreError OVERQUOTA if the account has no room for all of them."""
        file, now = self.account.store.ledger.journal.file, self.account.store.now
        modseq = self.highestmodseq + 1
        messages = list(messages)
        for body, _, _ in messages:
            if not hasattr(body, "__bytes__") or not hasattr(body, "__len__"):
                raise LabError(f"a message is kept as octets (bytes), not as {type(body).__name__}")
        added = [
            StoredMessage(uid, file(body), date or now(), self._canonical(flags), modseq)
            for uid, (body, flags, date) in enumerate(messages, self.uidnext)
        ]
        if not added:
            return []
        octets = sum(message.size for message in added)
        self.account.check_room(octets)
        with self.account.store.transaction() as work:
            before = self.uidnext, self.highestmodseq

            def undo() -> None:
                self.uidnext, self.highestmodseq = before
                self.octets -= octets
                for message in added:
                    del self._messages[message.uid]

            work.undo(undo)
            self.highestmodseq = modseq
            self.uidnext = added[-1].uid + 1
            self.octets += octets
            self._messages.update((message.uid, message) for message in added)
            work.touch(self, *(MessageKey(self, message.uid) for message in added))
            work.then(lambda: self._tell(lambda watcher: watcher.arrived(added)))
        return added

    def copy(self, uids: Iterable[int], target: Mailbox) -> list[tuple[int, int]]:
        """Copy messages with their flags and dates; returns (UID here, UID there) of each."""
        found = self._find(uids)
        copies = target.extend([(each.body, each.flags, each.internal_date) for each in found])
        return [(old.uid, new.uid) for old, new in zip(found, copies, strict=True)]

    def move(self, uids: Iterable[int], target: Mailbox) -> list[tuple[int, int]]:
        """Copy and expunge, in one (RFC 6851 3.3): it needs no more room than there is."""
        with self.account.store.transaction():
            gone = self.expunge(uids)
            moved = target.extend([(each.body, each.flags, each.internal_date) for each in gone])
        return [(old.uid, new.uid) for old, new in zip(gone, moved, strict=True)]

    def change_flags(
        self,
        uids: Iterable[int],
        flags: Iterable[str],
        how: Literal["replace", "add", "remove"],
        *,
        by: Watcher | None = None,
    ) -> list[StoredMessage]:
        """Change flags; returns the messages whose flags are now others.

        The session `by` that asked is not told: it answers for itself, or was asked to be silent.
        """
        given = self._canonical(flags)
        changes: list[tuple[StoredMessage, frozenset[str]]] = []
        for message in self._find(uids):
            before = message.flags
            after = given if how == "replace" else before | given if how == "add" else before - given
            if after != before:
                changes.append((message, after))
        changed = [message for message, _ in changes]
        if not changed:
            return []
        with self.account.store.transaction() as work:
            past = [(message, message.flags, message.modseq) for message in changed]
            highest = self.highestmodseq

            def undo() -> None:
                self.highestmodseq = highest
                for message, flags, modseq in past:
                    message.flags, message.modseq = flags, modseq

            work.undo(undo)
            self.highestmodseq += 1
            for message, after in changes:
                message.flags, message.modseq = after, self.highestmodseq
            work.touch(self, *(MessageKey(self, message.uid) for message in changed))
            work.then(lambda: self._tell(lambda watcher: watcher.flags_changed(changed), but=by))
        return changed

    def expunge(self, uids: Iterable[int]) -> list[StoredMessage]:
        """Remove messages for good; returns them, in UID order.  UIDs not here are passed over.

        Who still holds one of them can read it.
        """
        gone = self._find(uids)
        if not gone:
            return []
        octets = sum(message.size for message in gone)
        with self.account.store.transaction() as work:

            def undo() -> None:
                back = {message.uid: message for message in gone} | self._messages
                self._messages = dict(sorted(back.items()))
                self.highestmodseq -= 1
                self.octets += octets

            work.undo(undo)
            for message in gone:
                del self._messages[message.uid]
            self.highestmodseq += 1
            self.octets -= octets
            work.touch(self, *(MessageKey(self, message.uid) for message in gone))
            work.then(lambda: self._tell(lambda watcher: watcher.expunged(gone)))
        return gone

    def _tell(self, news: Callable[[Watcher], None], but: Watcher | None = None) -> None:
        for watcher in tuple(self.watchers):
            if watcher is not but:
                news(watcher)

    def _find(self, uids: Iterable[int]) -> list[StoredMessage]:
        found = (self._messages.get(uid) for uid in sorted(set(uids)))
        return [message for message in found if message is not None]

    def _canonical(self, flags: Iterable[str]) -> frozenset[str]:
        """One spelling for each flag; \\Recent and unknown system flags are not kept."""
        kept = set()
        for flag in flags:
            lower = flag.lower()
            if lower in _SYSTEM:
                kept.add(_SYSTEM[lower])
            elif not flag.startswith("\\"):
                kept.add(self._keywords.setdefault(lower, flag))
        return frozenset(kept) if kept else _NONE
