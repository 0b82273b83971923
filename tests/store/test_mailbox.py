"""One mailbox: UIDs, flags, MODSEQ."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from labkit.store.accounts import Account, Store
from labkit.store.changes import Expunged, View
from labkit.store.mailbox import Mailbox

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
def box(alice: Account) -> Mailbox:
    return alice.inbox


def test_uids_grow_and_are_never_given_twice(box: Mailbox) -> None:
    for data in (b"a", b"b", b"c"):
        box.append(data)
    box.expunge([2, 3])
    assert box.append(b"d").uid == 4
    assert box.uids == [1, 4]
    assert box.uidnext == 5
    assert [message.data for message in box] == [b"a", b"d"]


def test_a_message_without_a_date_has_the_present(box: Mailbox) -> None:
    then = datetime(2001, 1, 1, tzinfo=UTC)
    assert box.append(b"").internal_date == NOW
    assert box.append(b"", internal_date=then).internal_date == then


@pytest.mark.parametrize(
    ("how", "given", "after"),
    [
        ("replace", ["\\Deleted"], {"\\Deleted"}),
        ("add", ["\\Deleted"], {"\\Deleted", "\\Seen", "$Work"}),
        ("remove", ["\\Seen"], {"$Work"}),
        ("replace", [], set()),
    ],
)
def test_flags_are_replaced_added_and_removed(box: Mailbox, how, given, after) -> None:
    message = box.append(b"", ["\\Seen", "$Work"])
    assert box.change_flags([1], given, how) == [message]
    assert message.flags == after


def test_a_flag_has_one_spelling_and_recent_is_not_stored(box: Mailbox) -> None:
    first = box.append(b"", ["\\SEEN", "$Forwarded", "\\Recent", "\\Unheard"])
    second = box.append(b"", ["$FORWARDED"])
    assert first.flags == {"\\Seen", "$Forwarded"}
    assert second.flags == {"$Forwarded"}
    assert box.keywords == ["$Forwarded"]


def test_every_change_has_a_greater_modseq_and_no_change_has_none(box: Mailbox) -> None:
    first, second = box.append(b""), box.append(b"")
    assert 1 < first.modseq < second.modseq == box.highestmodseq
    before = box.highestmodseq
    assert box.change_flags([1, 2], ["\\Seen"], "add") == [first, second]
    assert first.modseq == second.modseq == box.highestmodseq == before + 1
    assert box.change_flags([1, 2], ["\\Seen"], "add") == []
    assert box.expunge([17]) == []
    assert box.highestmodseq == before + 1
    box.expunge([1])
    assert box.highestmodseq == before + 2


def test_a_copy_keeps_flags_and_date_and_gets_new_uids(
    box: Mailbox, make_store: Callable[..., Store]
) -> None:
    later = make_store(now=lambda: datetime(2030, 1, 1, tzinfo=UTC))
    other = later.add_user("bob@example.org", "secret").inbox
    other.append(b"before")
    box.append(b"one", ["\\Seen"])
    box.append(b"two")
    assert box.copy([2, 1, 99], other) == [(1, 2), (2, 3)]
    copied = other.get(2)
    assert copied is not None
    assert (copied.data, copied.flags, copied.internal_date) == (b"one", {"\\Seen"}, NOW)


def test_a_mailbox_can_be_copied_into_itself(box: Mailbox) -> None:
    box.append(b"one")
    assert box.copy(box.uids, box) == [(1, 2)]


def test_a_move_is_a_copy_that_leaves_nothing(box: Mailbox) -> None:
    other = box.account.create("other")
    box.append(b"one", ["\\Seen"])
    box.append(b"two")
    view = View(box)
    assert box.move([2, 1, 99], other) == [(1, 1), (2, 2)]
    assert [(message.data, message.flags) for message in other] == [(b"one", {"\\Seen"}), (b"two", set())]
    assert view.updates() == [Expunged(1, 1), Expunged(1, 2)]
    assert other.move([1], other) == [(1, 3)]
    assert other.uids == [2, 3]


def test_what_a_copy_does_not_share(box: Mailbox) -> None:
    box.append(b"one", ["\\Seen"])
    box.copy([1], box)
    box.change_flags([2], ["\\Seen"], "remove")
    assert [message.flags for message in box] == [{"\\Seen"}, set()]


def test_recent_counts_from_the_end(box: Mailbox) -> None:
    for _ in range(5):
        box.append(b"")
    box.recent_from = 4
    assert box.recent == 2
    box.expunge([5])
    assert box.recent == 1


def test_an_empty_mailbox_is_not_nothing(box: Mailbox) -> None:
    assert box
    assert View(box)
    assert len(box) == len(View(box)) == 0
