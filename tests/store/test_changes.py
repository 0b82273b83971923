"""What sessions see of a mailbox: views and maildrops."""

from __future__ import annotations

import pytest

from labkit.store.accounts import Account
from labkit.store.changes import Exists, Expunged, FlagsChanged, Maildrop, View, may_tell_expunges
from labkit.store.mailbox import Mailbox, StoreError


@pytest.fixture
def account(alice: Account) -> Account:
    return alice


@pytest.fixture
def box(account: Account) -> Mailbox:
    for data in (b"one", b"two", b"three", b"four", b"five"):
        account.inbox.append(data)
    return account.inbox


# View


def test_two_sessions_number_the_same_mailbox_differently(box: Mailbox) -> None:
    one, two = View(box), View(box)
    box.expunge([2, 4])
    assert one.updates() == [Expunged(2, 2), Expunged(3, 4)]
    assert [one.number(uid) for uid in (1, 2, 3, 5)] == [1, None, 2, 3]
    assert [two.number(uid) for uid in (1, 2, 3, 5)] == [1, 2, 3, 5]
    assert (len(one), len(two)) == (3, 5)


def test_what_was_expunged_can_be_read_until_it_is_told(box: Mailbox) -> None:
    view = View(box)
    box.expunge([2])
    assert [message.data for _, message in view][:2] == [b"one", b"two"]
    assert view.is_expunged(2)
    assert view.message(2).data == b"two"
    view.updates()
    assert not view.is_expunged(2)
    assert view.message(2).data == b"three"
    assert view.message(5) is None
    assert view.message(0) is None


def test_expunges_wait_while_numbers_are_in_use(box: Mailbox) -> None:
    view = View(box)
    box.expunge([1])
    box.append(b"six")
    assert view.updates(expunges=False) == [Exists(6, 6)]
    assert not view.has_updates(expunges=False)
    assert view.has_updates()
    assert view.updates() == [Expunged(1, 1)]
    assert not view.has_updates()


@pytest.mark.parametrize(
    ("verb", "may"),
    [
        ("NOOP", True),
        ("fetch", False),
        ("STORE", False),
        ("SEARCH", False),
        ("UID FETCH", True),
        ("IDLE", True),
        (None, False),
    ],
)
def test_when_expunges_may_be_told(verb: str | None, may: bool) -> None:
    assert may_tell_expunges(verb) is may


def test_what_came_and_went_unseen_is_never_told(box: Mailbox) -> None:
    view = View(box)
    box.append(b"six")
    box.change_flags([6], ["\\Seen"], "add")
    box.expunge([6])
    assert view.updates() == []


def test_flags_are_told_to_all_but_the_session_that_set_them(box: Mailbox) -> None:
    mine, yours = View(box), View(box)
    box.change_flags([3], ["\\Flagged"], "add", by=mine)
    assert mine.updates() == []
    assert yours.updates() == [FlagsChanged(3, box.get(3))]
    assert yours.updates() == []


def test_flags_that_the_session_sent_itself_are_not_told_again(box: Mailbox) -> None:
    view = View(box)
    box.change_flags([3], ["\\Flagged"], "add")
    view.flags_told(3)
    assert view.updates() == []


def test_numbers_of_flag_changes_are_those_after_the_expunges(box: Mailbox) -> None:
    view = View(box)
    box.change_flags([3, 4], ["\\Seen"], "add")
    box.expunge([1, 4])
    assert view.updates() == [Expunged(1, 1), Expunged(3, 4), FlagsChanged(2, box.get(3))]


def test_recent_belongs_to_the_first_session_that_may_write(box: Mailbox) -> None:
    examining = View(box, read_only=True)
    first = View(box)
    second = View(box)
    assert [len(view.recent) for view in (examining, first, second)] == [5, 5, 0]
    assert "\\Recent" in first.flags(box.get(1))
    assert "\\Recent" not in second.flags(box.get(1))
    assert box.recent == 0
    box.append(b"six")
    assert box.recent == 1
    assert second.updates() == [Exists(6, 1)]
    assert first.updates() == [Exists(6, 5)]
    assert box.recent == 0


def test_a_sleeping_session_is_woken_only_for_what_concerns_it(box: Mailbox) -> None:
    woken: list[str] = []
    view = View(box, wake=lambda: woken.append("!"))
    box.append(b"six")
    assert woken == ["!"]
    box.change_flags([6], ["\\Seen"], "add")  # will be told with the message itself
    box.expunge([6])
    assert woken == ["!"]
    box.change_flags([1], ["\\Seen"], "add", by=view)
    assert woken == ["!"]
    box.change_flags([1, 2], ["\\Answered"], "add")
    box.expunge([1, 2])
    assert woken == ["!", "!", "!"]
    view.close()
    view.close()
    box.append(b"seven")
    assert woken == ["!", "!", "!"]


def test_one_operation_is_told_as_one(box: Mailbox) -> None:
    view = View(box)
    box.extend([(b"", (), None)] * 3)
    assert view.updates() == [Exists(8, 8)]


def test_a_hundred_thousand_messages(account: Account) -> None:
    box = account.inbox
    box.extend((b"", (), None) for _ in range(100_000))
    view = View(box)
    assert view.number(99_999) == 99_999
    box.expunge(range(1, 100_001, 2))
    updates = view.updates()
    assert updates[:2] == [Expunged(1, 1), Expunged(2, 3)]
    assert (len(updates), len(view), view.number(100_000)) == (50_000, 50_000, 50_000)


# Maildrop


def drop_of(maildrop: Maildrop) -> list[tuple[int, bytes]]:
    return [(number, message.data) for number, message in maildrop]


def test_a_maildrop_is_exclusive_until_it_is_let_go(account: Account, box: Mailbox) -> None:
    first = Maildrop(account)
    with pytest.raises(StoreError) as refused:
        Maildrop(account)
    assert refused.value.code == "INUSE"
    first.release()
    second = Maildrop(account)
    first.release()  # once more: it does not take the lock from its new owner
    first.commit()
    assert not account.lock()
    second.commit()
    assert account.lock()


def test_deletions_happen_at_commit_and_all_at_once(account: Account, box: Mailbox) -> None:
    view, maildrop = View(box), Maildrop(account)
    assert maildrop.mark(2)
    assert maildrop.mark(4)
    assert not maildrop.mark(4)
    assert not maildrop.mark(6)
    assert not maildrop.mark(0)
    assert maildrop.message(2) is None
    assert drop_of(maildrop) == [(1, b"one"), (3, b"three"), (5, b"five")]
    assert (len(maildrop), maildrop.octets) == (3, 12)
    assert len(box) == 5
    assert view.updates() == []
    assert maildrop.commit() == 2
    assert box.uids == [1, 3, 5]
    assert view.updates() == [Expunged(2, 2), Expunged(3, 4)]


def test_release_and_reset_delete_nothing(account: Account, box: Mailbox) -> None:
    maildrop = Maildrop(account)
    maildrop.mark(1)
    maildrop.reset()
    assert (len(maildrop), maildrop.octets) == (5, 19)
    maildrop.mark(1)
    maildrop.release()
    assert maildrop.commit() == 0
    assert len(box) == 5


def test_numbers_stay_while_others_deliver_and_expunge(account: Account, box: Mailbox) -> None:
    maildrop = Maildrop(account)
    box.expunge([1, 2])
    box.append(b"six")
    assert maildrop.message(1).data == b"one"
    assert len(maildrop) == 5
    maildrop.mark(1)
    maildrop.mark(3)
    assert maildrop.commit() == 1
    assert box.uids == [4, 5, 6]


def test_unique_ids_stay_the_same_in_the_next_session(account: Account, box: Mailbox) -> None:
    def ids() -> list[str]:
        maildrop = Maildrop(account)
        found = [maildrop.unique_id(message) for _, message in maildrop]
        maildrop.release()
        return found

    before = ids()
    assert len(set(before)) == 5
    assert all(0x21 <= ord(c) <= 0x7E for uid in before for c in uid)
    box.expunge([2])
    assert ids() == [before[0], *before[2:]]
