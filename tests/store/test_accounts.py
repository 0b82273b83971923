"""Accounts, the hierarchy of names, delivery, the maildrop's lock."""

from __future__ import annotations

import pytest

from labkit.store.accounts import Account, Store
from labkit.store.changes import Expunged, View
from labkit.store.files import Letter
from labkit.store.mailbox import StoreError


def names(account: Account) -> list[str]:
    return [entry.name if entry.mailbox else f"({entry.name})" for entry in account.entries()]


def code(call, *arguments) -> str:
    with pytest.raises(StoreError) as refused:
        call(*arguments)
    return refused.value.code


# Users


def test_a_user_is_found_in_any_case(store: Store, alice: Account) -> None:
    assert store.account("ALICE@EXAMPLE.ORG") is alice
    assert store.knows("alice@example.org")
    assert not store.knows("bob@example.org")
    assert list(store.accounts) == [alice]
    assert code(store.add_user, "alice@Example.org", "") == "ALREADYEXISTS"


def test_authentication(store: Store, alice: Account) -> None:
    assert store.authenticate("alice@example.org", "secret") is alice
    assert store.authenticate("alice", "secret") is alice
    assert store.authenticate("alice@example.org", "Secret") is None
    assert store.authenticate("alice@example.org", "") is None
    assert store.authenticate("bob", "secret") is None
    assert store.authenticate("bob", "") is None
    assert store.authenticate("", "") is None


def test_a_bare_local_part_must_name_one_user(store: Store, alice: Account) -> None:
    store.add_user("alice@example.com", "secret")
    assert store.authenticate("alice", "secret") is None
    assert store.authenticate("alice@example.org", "secret") is alice


def test_a_password_is_compared_as_utf_8(store: Store) -> None:
    account = store.add_user("øle@example.org", "smørbrød")
    assert store.authenticate("øle@example.org", "smørbrød") is account


def test_no_repr_shows_a_password(store: Store, alice: Account) -> None:
    assert "secret" not in repr(alice) + repr(store) + repr(vars(store))


# Names


def test_inbox_is_always_there_in_any_case(alice: Account) -> None:
    assert names(alice) == ["INBOX"]
    assert alice.mailbox("inBox") is alice.inbox
    assert code(alice.create, "Inbox") == "ALREADYEXISTS"
    assert code(alice.delete, "inbox") == "CANNOT"
    alice.create("inbox/below")
    assert names(alice) == ["INBOX", "INBOX/below"]
    assert alice.mailbox("InboX/below").name == "INBOX/below"


def test_create_makes_the_levels_above(alice: Account) -> None:
    alice.create("a/b/c/")
    alice.create("a!")  # sorts before "a/b" as a string, but is no part of a
    assert [(e.name, e.has_children) for e in alice.entries()] == [
        ("INBOX", False),
        ("a", True),
        ("a/b", True),
        ("a/b/c", False),
        ("a!", False),
    ]


@pytest.mark.parametrize("name", ["", "/", "/a", "a//b", "a\r\nb", "a\0"])
def test_names_that_are_none(alice: Account, name: str) -> None:
    assert code(alice.create, name) == "CANNOT"
    alice.create("x")
    assert code(alice.rename, "x", name) == "CANNOT"
    assert names(alice) == ["INBOX", "x"]


def test_delete_with_names_below_leaves_a_level(alice: Account) -> None:
    alice.create("a/b")
    alice.mailbox("a").append(b"mail")
    view = View(alice.mailbox("a"))
    alice.delete("a")
    assert names(alice) == ["INBOX", "(a)", "a/b"]
    assert view.updates() == [Expunged(1, 1)]
    assert view.mailbox.deleted
    assert code(alice.mailbox, "a") == "NONEXISTENT"
    assert code(alice.delete, "a") == "HASCHILDREN"
    alice.delete("a/b")
    alice.delete("a")
    assert names(alice) == ["INBOX"]
    assert code(alice.delete, "a") == "NONEXISTENT"


def test_a_mere_level_can_become_a_mailbox_again(alice: Account) -> None:
    alice.create("a/b")
    alice.delete("a")
    alice.create("a")
    assert names(alice) == ["INBOX", "a", "a/b"]


def test_a_name_made_again_has_a_greater_uidvalidity(alice: Account) -> None:
    seen = []
    for _ in range(3):
        seen.append(alice.create("a").uidvalidity)
        alice.delete("a")
    assert seen == sorted(set(seen))


def test_rename_takes_the_names_below_and_keeps_messages(alice: Account) -> None:
    alice.create("a/b")
    box = alice.mailbox("a/b")
    box.append(b"mail")
    validity = box.uidvalidity
    alice.rename("a", "x/y")
    assert names(alice) == ["INBOX", "x", "x/y", "x/y/b"]
    assert alice.mailbox("x/y/b") is box
    assert (box.name, box.uidvalidity, box.uids) == ("x/y/b", validity, [1])


def test_rename_of_a_mere_level(alice: Account) -> None:
    alice.create("a/b")
    alice.delete("a")
    alice.rename("a", "x")
    assert names(alice) == ["INBOX", "(x)", "x/b"]


def test_rename_onto_a_name_used_before_never_lowers_its_uidvalidity(alice: Account) -> None:
    old = alice.create("old")
    newer = alice.create("name").uidvalidity
    alice.delete("name")
    assert old.uidvalidity < newer
    alice.rename("old", "name")
    assert old.uidvalidity > newer


def test_what_rename_refuses(alice: Account) -> None:
    alice.create("a/b")
    assert code(alice.rename, "c", "d") == "NONEXISTENT"
    assert code(alice.rename, "a", "a/b") == "ALREADYEXISTS"
    assert code(alice.rename, "a", "inbox") == "ALREADYEXISTS"
    assert code(alice.rename, "a", "a/c") == "CANNOT"
    assert names(alice) == ["INBOX", "a", "a/b"]


def test_rename_of_inbox_moves_its_messages_only(alice: Account) -> None:
    """RFC 3501 6.3.5: the new name has the messages, INBOX stays, empty, and so do its inferiors."""
    alice.create("INBOX/below")
    validity = alice.inbox.uidvalidity
    alice.inbox.append(b"one", ["\\Seen"])
    alice.inbox.append(b"two")
    view = View(alice.inbox)
    alice.rename("inbox", "old/mail")
    assert names(alice) == ["INBOX", "INBOX/below", "old", "old/mail"]
    assert [(m.data, m.flags) for m in alice.mailbox("old/mail")] == [(b"one", {"\\Seen"}), (b"two", set())]
    assert (alice.inbox.uidvalidity, alice.inbox.uidnext, len(alice.inbox)) == (validity, 3, 0)
    assert view.updates() == [Expunged(1, 1), Expunged(1, 2)]


def test_a_subscription_needs_no_mailbox(alice: Account) -> None:
    alice.subscribe("not there")
    alice.subscribe("Inbox")
    assert alice.subscriptions == {"not there", "INBOX"}
    alice.unsubscribe("INBOX")
    alice.unsubscribe("never")
    assert alice.subscriptions == {"not there"}


# Delivery


def test_delivery_puts_the_return_path_on_top(store: Store, alice: Account) -> None:
    message = store.deliver("alice@example.org", b"Subject: hi\r\n\r\ntext\r\n", "bob@example.com")
    assert message.data == b"Return-Path: <bob@example.com>\r\nSubject: hi\r\n\r\ntext\r\n"
    assert message.flags == set()
    assert alice.deliver(b"\r\n").data == b"Return-Path: <>\r\n\r\n"
    assert alice.deliver(b"\r\n", "øle@example.com").data == "Return-Path: <øle@example.com>\r\n\r\n".encode()
    assert alice.inbox.uids == [1, 2, 3]


def test_delivery_to_nobody_and_from_a_forger(store: Store, alice: Account) -> None:
    assert code(store.deliver, "bob@example.org", b"") == "NONEXISTENT"
    with pytest.raises(ValueError, match="reverse-path"):
        alice.deliver(b"", "a@b>\r\nBcc: <c@d")
    assert len(alice.inbox) == 0


def test_what_was_imported_comes_once(alice: Account) -> None:
    assert alice.import_(map(Letter, [b"one", b"two", b"one"])) == 3
    alice.inbox.expunge([2])
    assert alice.import_(map(Letter, [b"one", b"two", b"one", b"one"])) == 1
    assert [message.data for message in alice.inbox] == [b"one", b"one", b"one"]


def test_what_finds_no_room_is_not_imported_by_half(alice: Account) -> None:
    alice.quota = 5
    with pytest.raises(StoreError, match="no room"):
        alice.import_(map(Letter, [b"one", b"two"]))
    assert len(alice.inbox) == 0
    alice.quota = None
    assert alice.import_(map(Letter, [b"one", b"two"])) == 2


def test_the_lock_is_held_once(alice: Account) -> None:
    assert alice.lock()
    assert not alice.lock()
    alice.unlock()
    assert alice.lock()
