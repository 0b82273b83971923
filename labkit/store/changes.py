"""What each open session sees of a mailbox, and what it has yet to be told.

Two sessions on one mailbox number its messages differently as long as one of them has not
been told what the other did.  So each has its own look at the mailbox:

- `View`, for IMAP: its own sequence numbers, and the changes that wait until the session asks
  for them (RFC 3501 5.2, 5.5, 7.4.1).  Waiting changes are kept as sets, not as a list of events: what
  arrives and goes again before anybody asked is never told, and a session that never asks
  costs no more than its mailbox.
- `Maildrop`, for POP3: numbers fixed for the whole session, deletions all at once at its end
  (RFC 1939 3, 6), and the exclusive lock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from labkit.store.accounts import Account
from labkit.store.mailbox import RECENT, Mailbox, StoredMessage, StoreError


@dataclass(frozen=True, slots=True)
class Expunged:
    """The message with this number is gone, and all numbers above it are one less."""

    number: int
    uid: int


@dataclass(frozen=True, slots=True)
class Exists:
    """The mailbox now has so many messages, `recent` of them first seen by this session."""

    messages: int
    recent: int


@dataclass(frozen=True, slots=True)
class FlagsChanged:
    """Somebody else changed this message's flags."""

    number: int
    message: StoredMessage


Update: TypeAlias = Expunged | Exists | FlagsChanged


def may_tell_expunges(verb: str | None) -> bool:
    """Whether EXPUNGE may be sent while this command is answered (RFC 3501 7.4.1).

    Not during FETCH, STORE and SEARCH, whose sequence numbers would then be ambiguous, and not when no
    command is in progress (None).  Their UID forms and IDLE are free to.
    """
    return verb is not None and verb.upper() not in {"FETCH", "STORE", "SEARCH"}


class View:
    """One session's look at one mailbox.

    `wake` is called, at once and possibly while another session is at work, when there is
    something to tell; it must only take note.  A read-only view (EXAMINE) leaves messages recent for
    the next session (RFC 3501 2.3.2).
    """

    def __init__(
        self, mailbox: Mailbox, *, read_only: bool = False, wake: Callable[[], None] = lambda: None
    ) -> None:
        self.mailbox = mailbox
        self.read_only = read_only
        self.recent: set[int] = set()  # UIDs that this session was the first to be told of
        self._wake = wake
        self._uids = mailbox.uids  # of message 1, 2, 3 ... as this session knows them
        self._arrived: dict[int, StoredMessage] = {}
        self._changed: dict[int, StoredMessage] = {}
        self._expunged: dict[int, StoredMessage] = {}
        self._claim_recent(self._uids)
        mailbox.watchers.append(self)

    def close(self) -> None:
        """End of the session's interest; may be called again."""
        if self in self.mailbox.watchers:
            self.mailbox.watchers.remove(self)

    def __len__(self) -> int:
        """The number of messages, as the session was told last."""
        return len(self._uids)

    def __bool__(self) -> bool:
        """True: a view of an empty mailbox is a view too."""
        return True

    @property
    def uids(self) -> list[int]:
        """UIDs in the order of sequence numbers: message n has `uids[n - 1]`.  Not to be changed."""
        return self._uids

    def number(self, uid: int) -> int | None:
        """The sequence number of a UID; None if this session has no such message."""
        at = bisect_left(self._uids, uid)
        return at + 1 if at < len(self._uids) and self._uids[at] == uid else None

    def message(self, number: int) -> StoredMessage | None:
        """Message `number`, counted from 1; None if there is none.

        One that is expunged, and of which the session has not been told, can still be read (RFC 2180 4.1.1).
        """
        if not 1 <= number <= len(self._uids):
            return None
        uid = self._uids[number - 1]
        return self.mailbox.get(uid) or self._expunged[uid]

    def __iter__(self) -> Iterator[tuple[int, StoredMessage]]:
        """(number, message) of every message, in order."""
        for number, uid in enumerate(self._uids, 1):
            yield number, self.mailbox.get(uid) or self._expunged[uid]

    def is_expunged(self, uid: int) -> bool:
        """Whether the message is gone, though this session has not been told."""
        return uid in self._expunged

    def flags(self, message: StoredMessage) -> frozenset[str]:
        r"""The message's flags as this session sees them, with \Recent."""
        return message.flags | {RECENT} if message.uid in self.recent else message.flags

    def flags_told(self, uid: int) -> None:
        """The session has just sent this message's flags: no need to tell them again."""
        self._changed.pop(uid, None)

    def has_updates(self, *, expunges: bool = True) -> bool:
        return bool(self._arrived or self._changed or (expunges and self._expunged))

    def updates(self, *, expunges: bool = True) -> list[Update]:
        """What there is to tell, in the order to tell it; it counts as told.

        With `expunges=False` (see `may_tell_expunges`) expunged messages keep their numbers for now.
        """
        told: list[Update] = []
        if expunges and self._expunged:
            for before, uid in enumerate(sorted(self._expunged)):
                told.append(Expunged(bisect_left(self._uids, uid) + 1 - before, uid))
            self._uids = _without(self._uids, self._expunged)
            self.recent.difference_update(self._expunged)
            self._expunged = {}
        if self._arrived:
            self._uids.extend(self._arrived)
            self._claim_recent(self._arrived)
            self._arrived = {}
            told.append(Exists(len(self._uids), len(self.recent)))
        for uid, message in sorted(self._changed.items()):
            told.append(FlagsChanged(bisect_left(self._uids, uid) + 1, message))
        self._changed = {}
        return told

    # What the mailbox reports (mailbox.Watcher).

    def arrived(self, messages: list[StoredMessage]) -> None:
        self._arrived.update((message.uid, message) for message in messages)
        self._wake()

    def flags_changed(self, messages: list[StoredMessage]) -> None:
        known = [message for message in messages if message.uid not in self._arrived]
        self._changed.update((message.uid, message) for message in known)
        if known:
            self._wake()

    def expunged(self, messages: list[StoredMessage]) -> None:
        for message in messages:
            self._changed.pop(message.uid, None)
            if self._arrived.pop(message.uid, None) is None:
                self._expunged[message.uid] = message
        if self._expunged:
            self._wake()

    def _claim_recent(self, uids: Collection[int]) -> None:
        """Whoever is told of a message first sees it as recent, unless it only examines."""
        first = self.mailbox.recent_from
        self.recent.update(uid for uid in uids if uid >= first)
        if uids and not self.read_only:
            self.mailbox.recent_from = max(first, max(uids) + 1)


class Maildrop:
    """An account's INBOX as one POP3 session sees it, from the lock to its release.

    Message n keeps its number whatever IMAP sessions or deliveries do meanwhile, and can be
    read though an IMAP session has expunged it.  Nothing is deleted before `commit`.
    """

    def __init__(self, account: Account) -> None:
        """Take the lock; StoreError INUSE if another session has it."""
        if not account.lock():
            raise StoreError("INUSE", f"another session has the maildrop of {account.address}")
        self._account: Account | None = account
        self._inbox = account.inbox
        self._messages = list(self._inbox)
        self._marked: set[int] = set()
        self._octets = self._inbox.octets

    def message(self, number: int) -> StoredMessage | None:
        """Message `number`, counted from 1; None if there is none, or if it is marked."""
        if 1 <= number <= len(self._messages) and number not in self._marked:
            return self._messages[number - 1]
        return None

    def __iter__(self) -> Iterator[tuple[int, StoredMessage]]:
        """(number, message) of every message not marked as deleted."""
        for number, message in enumerate(self._messages, 1):
            if number not in self._marked:
                yield number, message

    def __len__(self) -> int:
        """The number of messages not marked as deleted."""
        return len(self._messages) - len(self._marked)

    def __bool__(self) -> bool:
        """True: an empty maildrop is a maildrop too."""
        return True

    @property
    def octets(self) -> int:
        """The size of the maildrop, without the messages marked as deleted."""
        return self._octets - sum(self._messages[number - 1].size for number in self._marked)

    def unique_id(self, message: StoredMessage) -> str:
        """UIDL's name for a message, the same in every session (RFC 1939 7)."""
        return f"{self._inbox.uidvalidity}.{message.uid}"

    def mark(self, number: int) -> bool:
        """Mark as deleted; False if there is no such message."""
        if self.message(number) is None:
            return False
        self._marked.add(number)
        return True

    def is_marked(self, number: int) -> bool:
        return number in self._marked

    def reset(self) -> None:
        """Take every mark away."""
        self._marked.clear()

    def commit(self) -> int:
        """UPDATE: delete what is marked, all of it in one step, and let the lock go; returns how many."""
        if self._account is None:
            return 0
        try:
            return len(self._inbox.expunge(self._messages[number - 1].uid for number in self._marked))
        finally:
            self.release()

    def release(self) -> None:
        """Let the lock go and delete nothing; may be called again."""
        if self._account is not None:
            self._account.unlock()
            self._account = None


def _without(uids: list[int], gone: Collection[int]) -> list[int]:
    """A sorted list without some of its members: a few are cut out, many are left out of a new one."""
    if len(gone) > 50:
        return [uid for uid in uids if uid not in gone]
    for uid in gone:
        del uids[bisect_left(uids, uid)]
    return uids
