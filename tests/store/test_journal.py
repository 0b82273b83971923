"""Transactions: what cannot be kept is undone, and nobody has heard of it; quota."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labkit.store.accounts import Account, Store
from labkit.store.changes import Exists, View
from labkit.store.journal import Journal
from labkit.store.mailbox import StoreError
from labkit.store.sqlite import open_store


class Full(Journal):
    """A journal on a disk that is full now and then."""

    full = False
    writes = 0

    def write(self, touched) -> None:
        if self.full:
            raise StoreError("UNAVAILABLE", "the disk is full")
        self.writes += 1


@pytest.fixture
def journal() -> Full:
    return Full()


@pytest.fixture
def store(journal: Full) -> Store:
    store = Store(lambda: datetime(2026, 1, 5, 9, tzinfo=UTC), journal)
    account = store.add_user("bob@example.org", "secret")
    account.create("A/B", ["\\Sent"])
    account.inbox.extend([(b"one", ["\\Seen"], None), (b"two", (), None), (b"three", ["$Work"], None)])
    return store


def bob(store: Store) -> Account:
    account = store.account("bob@example.org")
    assert account is not None
    return account


def picture(store: Store) -> object:
    """All there is to see of a store."""
    return [
        (
            account.address,
            set(account.subscriptions),
            account.used,
            dict(account.last_validity),
            [
                (
                    entry.name,
                    box and (box.name, box.uidvalidity, box.uidnext, box.highestmodseq, box.deleted),
                    box and [(each.uid, each.data, each.flags, each.modseq) for each in box],
                )
                for entry in account.entries()
                for box in [entry.mailbox]
            ],
        )
        for account in store.accounts
    ] + [(parcel.id, parcel.label, parcel.data, parcel.gone) for parcel in store.spool]


CHANGES: dict[str, Callable[[Store], object]] = {
    "append": lambda store: bob(store).inbox.append(b"four"),
    "flags": lambda store: bob(store).inbox.change_flags([1, 2, 3], ["\\Flagged"], "add"),
    "expunge": lambda store: bob(store).inbox.expunge([1, 2]),
    "copy": lambda store: bob(store).inbox.copy([1, 2], bob(store).mailbox("A")),
    "move": lambda store: bob(store).inbox.move([2], bob(store).mailbox("A/B")),
    "move within": lambda store: bob(store).inbox.move([2], bob(store).inbox),
    "create": lambda store: bob(store).create("C/D/E"),
    "delete": lambda store: bob(store).delete("A/B"),
    "delete, leaving a level": lambda store: bob(store).delete("A"),
    "rename": lambda store: bob(store).rename("A", "C/A"),
    "rename INBOX": lambda store: bob(store).rename("INBOX", "Old/2025"),
    "subscribe": lambda store: bob(store).subscribe("A"),
    "add a user": lambda store: store.add_user("eve@example.org", "secret"),
    "deliver": lambda store: store.deliver("bob@example.org", b"mail"),
    "queue": lambda store: store.spool.add(b"mail", "one", "two"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_cannot_be_kept_has_not_happened(
    store: Store, journal: Full, change: Callable[[Store], object]
) -> None:
    woken: list[str] = []
    views = [View(box, wake=lambda: woken.append("!")) for box in (bob(store).inbox, bob(store).mailbox("A"))]
    before = picture(store)
    journal.full = True
    with pytest.raises(StoreError, match="the disk is full"):
        change(store)
    assert picture(store) == before
    assert woken == []
    assert [view.updates() for view in views] == [[], []]
    journal.full = False
    writes = journal.writes
    change(store)
    assert picture(store) != before
    assert journal.writes == writes + 1


def test_the_queue_is_undone_too(store: Store, journal: Full) -> None:
    (parcel,) = store.spool.add(b"mail", "label")
    before = picture(store)
    journal.full = True
    for change in (lambda: store.spool.relabel(parcel, "other"), lambda: store.spool.remove(parcel)):
        with pytest.raises(StoreError):
            change()
        assert picture(store) == before


def test_several_operations_in_one(store: Store, journal: Full) -> None:
    inbox, view = bob(store).inbox, View(bob(store).inbox)
    writes = journal.writes
    with store.transaction():
        inbox.append(b"four")
        inbox.append(b"five")
        assert not view.has_updates()  # nobody is told of what may still be undone
    assert view.updates() == [Exists(5, 5)]
    assert journal.writes == writes + 1


def test_a_part_that_fails_is_undone_alone(store: Store) -> None:
    inbox = bob(store).inbox
    with store.transaction():
        inbox.append(b"four")
        with suppress(ZeroDivisionError), store.transaction():
            inbox.append(b"never")
            inbox.expunge([1])
            raise ZeroDivisionError
        inbox.append(b"five")
    assert [(each.uid, each.data) for each in inbox][3:] == [(4, b"four"), (5, b"five")]
    assert inbox.uids == [1, 2, 3, 4, 5]


def test_what_was_undone_in_part_is_not_kept(tmp_path: Path) -> None:
    def now() -> datetime:
        return datetime(2026, 1, 5, 9, tzinfo=UTC)

    kept = open_store(tmp_path, now)
    account = kept.add_user("bob@example.org", "secret")
    with kept.transaction():
        account.inbox.append(b"one")
        with suppress(ZeroDivisionError), kept.transaction():
            account.create("A").append(b"never")
            account.inbox.append(b"never")
            kept.add_user("eve@example.org", "secret")
            kept.spool.add(b"never", "label")
            raise ZeroDivisionError
    before = picture(kept)
    kept.close()
    again = open_store(tmp_path, now)
    assert picture(again) == before
    assert len(list(again.accounts)) == 1
    again.close()


def test_a_transaction_that_fails_leaves_the_next_one_alone(store: Store) -> None:
    before = picture(store)
    with suppress(ZeroDivisionError), store.transaction():
        bob(store).delete("A/B")
        raise ZeroDivisionError
    assert picture(store) == before
    bob(store).delete("A/B")
    assert picture(store) != before


def test_a_quota_is_for_all_mailboxes_together(store: Store) -> None:
    account = bob(store)
    account.quota = account.used + 4
    account.save()
    account.mailbox("A").append(b"four")
    before = picture(store)
    for change in (
        lambda: account.inbox.append(b"x"),
        lambda: account.inbox.copy([1], account.mailbox("A")),
        lambda: account.deliver(b"mail"),
    ):
        with pytest.raises(StoreError, match="15 of 15 octets are taken") as refused:
            change()
        assert refused.value.code == "OVERQUOTA"
        assert picture(store) == before
    account.inbox.move([1, 2], account.mailbox("A/B"))
    account.rename("INBOX", "Old")
    account.mailbox("Old").expunge([1])
    account.inbox.append(b"three")
    account.quota = 3  # less than there is: everything may still be read, marked and removed
    account.mailbox("A").change_flags([1], ["\\Deleted"], "add")
    account.mailbox("A").expunge([1])
    assert account.used == 11
