"""The store of one host: its accounts, and the names of their mailboxes.

SMTP delivers into it (RFC 5321 4.4), POP3 and IMAP read from it (RFC 1939 4, RFC 3501 5.1,
6.3.3-6.3.7).  It keeps these promises:

- INBOX is there always, in any case of letters.
- A UIDVALIDITY is never given twice in a store: a name that is deleted and created again
  begins with a greater one (RFC 3501 2.3.1.1).
- One session at a time holds the lock of an account's maildrop (RFC 1939 4).
- What would take an account above its quota is refused, and what cannot be kept is undone (see
  `journal`): either way nothing has changed.

Names are Unicode with "/" between levels; IMAP's modified UTF-7 is the business of its
grammar.  What cannot be done raises `StoreError`, whose `code` is IMAP's word for the reason.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from labkit.store.journal import Imported, Journal, Ledger, Transaction
from labkit.store.mailbox import SPECIAL_USES, Mailbox, StoredMessage, StoreError
from labkit.store.spool import Spool

if TYPE_CHECKING:
    from labkit.store.files import Letter


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of the hierarchy.  Without a mailbox it is \\Noselect: a level, and no more."""

    name: str
    mailbox: Mailbox | None
    has_children: bool


class Account:
    """One user: an address, a password, mailboxes, subscriptions, and the lock of the maildrop."""

    def __init__(self, store: Store, address: str, password: str) -> None:
        self.address = address
        # As it is: APOP and CRAM-MD5 can be checked by nothing less (RFC 1939 7, RFC 2195 3), and the lab
        # shows the same login by every mechanism.  Where nobody else looks, keep SCRAM's StoredKey.
        self.password = password
        self.token = password  # for OAUTHBEARER and XOAUTH2; one of its own may be set
        self.quota: int | None = None  # octets; see `save`
        self.last_login: datetime | None = None  # of POP3, for LOGIN-DELAY (RFC 2449 6.5)
        self.subscriptions: set[str] = set()  # names, which need not exist (RFC 3501 6.3.6)
        self.imported: set[str] = set()  # what `import_` has filed
        self.names: dict[str, Mailbox | None] = {}  # None: a level of the hierarchy, and no more
        self.last_validity: dict[str, int] = {}  # the greatest UIDVALIDITY that each name had
        self.store = store
        self._locked = False

    def __repr__(self) -> str:
        return f"<Account {self.address}>"

    @property
    def inbox(self) -> Mailbox:
        return self.mailbox("INBOX")

    @property
    def used(self) -> int:
        """Octets of all messages in all mailboxes; of a copy, all of them again."""
        return sum(box.octets for box in self.names.values() if box is not None)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for anything."""
        return self.quota is not None and self.used >= self.quota

    def check_room(self, octets: int) -> None:
        """StoreError OVERQUOTA if so many octets more are too many (RFC 9208 5.3, RFC 5530 3)."""
        if self.quota is not None and self.used + octets > self.quota:
            taken = f"{self.used} of {self.quota} octets are taken"
            raise StoreError("OVERQUOTA", f"no room for {octets} octets: {taken}")

    def save(self) -> None:
        """Keep password, token, quota and last login as they are now."""
        with self.store.transaction() as work:
            work.touch(self)

    def mailbox(self, name: str) -> Mailbox:
        """The mailbox of that name; StoreError if there is none to select."""
        name = canonical_name(name)
        box = self.names.get(name)
        if box is None:
            reason = "is a level of the hierarchy, not a mailbox" if name in self.names else "does not exist"
            raise StoreError("NONEXISTENT", f"mailbox {name} {reason}")
        return box

    def entries(self) -> list[Entry]:
        """Every name, in order: parents before children, INBOX among the rest."""
        names = sorted(self.names, key=lambda name: name.split("/"))
        return [
            Entry(name, self.names[name], follower.startswith(name + "/"))
            for name, follower in zip(names, [*names[1:], ""], strict=True)
        ]

    def create(self, name: str, use: Iterable[str] = ()) -> Mailbox:
        r"""CREATE, with the levels above it (RFC 3501 6.3.3).  A "/" at the end is taken off.

        `use` says what it is for, such as \Sent (RFC 6154 3).
        """
        name = valid_name(name.removesuffix("/"))
        if self.names.get(name) is not None:
            raise StoreError("ALREADYEXISTS", f"mailbox {name} exists already")
        uses = frozenset(_special_use(each) for each in use)
        with self._renaming():
            self._make_parents(name)
            return self._make(name, uses)

    def delete(self, name: str) -> None:
        """DELETE: a name with names below it stays as a mere level (RFC 3501 6.3.4)."""
        name = canonical_name(name)
        if name == "INBOX":
            raise StoreError("CANNOT", "INBOX is always there and cannot be deleted")
        if name not in self.names:
            raise StoreError("NONEXISTENT", f"mailbox {name} does not exist")
        box, below = self.names[name], self._below(name)
        if box is None and below:
            raise StoreError("HASCHILDREN", f"{name} has mailboxes below it, such as {below[0]}")
        with self._renaming() as work:
            if box is not None:
                box.deleted = True
                work.undo(lambda: setattr(box, "deleted", False))
                work.touch(box)
                box.expunge(box.uids)
            if below:
                self.names[name] = None
            else:
                del self.names[name]

    def rename(self, old: str, new: str) -> None:
        """RENAME with all names below; INBOX is emptied into the new name and stays (RFC 3501 6.3.5)."""
        old, new = canonical_name(old), valid_name(new.removesuffix("/"))
        if old not in self.names:
            raise StoreError("NONEXISTENT", f"mailbox {old} does not exist")
        if new in self.names:
            raise StoreError("ALREADYEXISTS", f"mailbox {new} exists already")
        if new.startswith(old + "/") and old != "INBOX":
            raise StoreError("CANNOT", f"{old} cannot be moved below itself")
        with self._renaming() as work:
            if old == "INBOX":
                self.inbox.move(self.inbox.uids, self.create(new))
                return
            self._make_parents(new)
            for name in [old, *self._below(old)]:
                box = self.names.pop(name)
                moved = new + name.removeprefix(old)
                self.names[moved] = box
                if box is not None:
                    self._give(box, moved, work)

    def subscribe(self, name: str) -> None:
        with self._renaming():
            self.subscriptions.add(canonical_name(name))

    def unsubscribe(self, name: str) -> None:
        with self._renaming():
            self.subscriptions.discard(canonical_name(name))

    def deliver(self, message: bytes, reverse_path: str = "") -> StoredMessage:
        """Final delivery into INBOX, with the Return-Path on top (RFC 5321 4.4).

        `reverse_path` stands without angle brackets; "" is the null reverse-path.
        """
        if not reverse_path.isprintable():
            raise ValueError(f"not a reverse-path: {reverse_path!r}")
        return self.inbox.append(b"Return-Path: <" + reverse_path.encode() + b">\r\n" + message)

    def import_(self, letters: Iterable[Letter]) -> int:
        """File messages out of files into INBOX, all in one step, but none that was filed so before.

        So the same files can be named again at every start, though messages were read and deleted
        meanwhile.  Of equal messages that come together each counts.  Returns how many were new.
        """
        copies: Counter[str] = Counter()
        new: dict[str, Letter] = {}
        for letter in letters:
            digest = hashlib.sha256(letter.data).hexdigest()
            copies[digest] += 1
            new[f"{digest}.{copies[digest]}"] = letter
        for name in self.imported & new.keys():
            del new[name]
        with self.store.transaction() as work:
            work.undo(lambda: self.imported.difference_update(new))
            self.imported.update(new)
            work.touch(*(Imported(self, name) for name in new))
            self.inbox.extend(new.values())
        return len(new)

    def lock(self) -> bool:
        """Take the exclusive lock of the maildrop (RFC 1939 4); False if another session has it."""
        taken, self._locked = not self._locked, True
        return taken

    def unlock(self) -> None:
        self._locked = False

    @contextmanager
    def _renaming(self) -> Iterator[Transaction]:
        """A transaction in which names change."""
        before = dict(self.names), dict(self.last_validity), set(self.subscriptions)

        def undo() -> None:
            self.names, self.last_validity, self.subscriptions = before

        with self.store.transaction() as work:
            work.undo(undo)
            work.touch(self)
            yield work

    def _make(self, name: str, use: frozenset[str] = frozenset()) -> Mailbox:
        box = Mailbox(self, name, self.store.new_uidvalidity())
        box.use = use
        self.names[name] = box
        self.last_validity[name] = box.uidvalidity
        with self.store.transaction() as work:
            work.touch(box)
        return box

    def _give(self, box: Mailbox, name: str, work: Transaction) -> None:
        """Another name for a mailbox, and a new UIDVALIDITY where that name has had a greater one."""
        before = box.name, box.uidvalidity

        def undo() -> None:
            box.name, box.uidvalidity = before

        work.undo(undo)
        work.touch(box)
        box.name = name
        if box.uidvalidity < self.last_validity.get(name, 0):
            box.uidvalidity = self.store.new_uidvalidity()
        self.last_validity[name] = box.uidvalidity

    def _make_parents(self, name: str) -> None:
        levels = name.split("/")
        for depth in range(1, len(levels)):
            parent = "/".join(levels[:depth])
            if parent not in self.names:
                self._make(parent)

    def _below(self, name: str) -> list[str]:
        return sorted(each for each in self.names if each.startswith(name + "/"))


class Store:
    """All accounts of one host, and the mail on its way.

    `now` is the clock: aware datetimes, UTC.  `journal` keeps what is done; without one, the store is
    in memory alone.  `labkit.store.sqlite.open_store` is the store in a folder.
    """

    def __init__(self, now: Callable[[], datetime], journal: Journal | None = None) -> None:
        self.now = now
        self.ledger = Ledger(journal or Journal())
        self.spool = Spool(self.ledger)
        self._accounts: dict[str, Account] = {}
        self._namesakes: dict[str, list[Account]] = {}  # by local part
        self._uidvalidity = 0

    def transaction(self) -> Transaction:
        """What is done in this block is kept as a whole at its end, or not at all (see `journal`)."""
        return self.ledger.transaction()

    def close(self) -> None:
        """The end of the store's use."""
        self.ledger.journal.close()

    @property
    def accounts(self) -> Collection[Account]:
        """In the order they were added."""
        return self._accounts.values()

    def add_user(self, address: str, password: str) -> Account:
        """A new account with an empty INBOX; `address` is local@domain."""
        if address.lower() in self._accounts:
            raise StoreError("ALREADYEXISTS", f"there is a user {address} already")
        account = Account(self, address, password)
        with self.transaction() as work:
            work.touch(account)
            account.create("INBOX")
            self.restore(account)
            work.undo(lambda: self._forget(account))
        return account

    def keep_user(self, address: str, password: str) -> Account:
        """The account of an address, made if there is none, and with this password from now on."""
        account = self.account(address)
        if account is None:
            return self.add_user(address, password)
        if account.password != password:
            account.password = account.token = password
            account.save()
        return account

    def restore(self, account: Account) -> None:
        """An account that was kept; for the journal."""
        self._accounts[account.address.lower()] = account
        self._namesakes.setdefault(_local_part(account), []).append(account)
        self._uidvalidity = max(self._uidvalidity, *account.last_validity.values())

    def _forget(self, account: Account) -> None:
        del self._accounts[account.address.lower()]
        self._namesakes[_local_part(account)].remove(account)

    def account(self, address: str) -> Account | None:
        """The account of an address, in any case of letters."""
        return self._accounts.get(address.lower())

    def knows(self, address: str) -> bool:
        """Whether mail for this address can be delivered here."""
        return self.account(address) is not None

    def named(self, user: str) -> Account | None:
        """The account of an address, or of a local part when that belongs to one account only."""
        namesakes = self._namesakes.get(user.lower(), ())
        return self.account(user) or (namesakes[0] if len(namesakes) == 1 else None)

    def authenticate(self, user: str, password: str) -> Account | None:
        """The account, if the password is right.

        A user that is not there costs the same comparison as a wrong password.
        """
        account = self.named(user)
        expected = "" if account is None else account.password
        same = hmac.compare_digest(expected.encode(), password.encode())
        return account if same and account is not None else None

    def deliver(self, address: str, message: bytes, reverse_path: str = "") -> StoredMessage:
        """Final delivery to an address that `knows` accepts; see `Account.deliver`."""
        account = self.account(address)
        if account is None:
            raise StoreError("NONEXISTENT", f"there is no user {address}")
        return account.deliver(message, reverse_path)

    def new_uidvalidity(self) -> int:
        """Greater than all before it in this store, and not less than the time in seconds."""
        self._uidvalidity = max(self._uidvalidity + 1, int(self.now().timestamp()))
        return self._uidvalidity


def _local_part(account: Account) -> str:
    return account.address.lower().rpartition("@")[0]


def _special_use(use: str) -> str:
    for known in SPECIAL_USES:
        if use.lower() == known.lower():
            return known
    raise StoreError("USEATTR", f"there is no special use {use}")


def canonical_name(name: str) -> str:
    """INBOX in any case of letters is INBOX, as the first level of a name too (RFC 3501 5.1)."""
    first, slash, rest = name.partition("/")
    return "INBOX" + slash + rest if first.upper() == "INBOX" else name


def valid_name(name: str) -> str:
    """The canonical form of a name to be made; empty levels and control characters are refused."""
    if not all(name.split("/")) or not all(c.isprintable() for c in name):
        raise StoreError("CANNOT", f"not a name for a mailbox: {name!r}")
    return canonical_name(name)
