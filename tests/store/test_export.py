"""Mailboxes into files, and back."""

from __future__ import annotations

import mailbox
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labkit.errors import LabError
from labkit.store.accounts import Account, Store
from labkit.store.export import Format, export, file_name
from labkit.store.files import read_letters, read_messages
from labkit.store.mailbox import SYSTEM_FLAGS, StoreError

THEN = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
ONE = b"Return-Path: <a@example.org>\r\nSubject: one\r\n\r\nFrom here\r\n>From there\r\n.\r\n"
TWO = b"Subject: two\r\n\r\nTwo.\r\n"
ROOM = "bob@example.org"


@pytest.fixture
def bob(store: Store) -> Account:
    bob = store.add_user(ROOM, "secret")
    bob.inbox.extend([(ONE, ["\\Seen", "\\Flagged", "$Work"], THEN), (TWO, (), None)])
    bob.inbox.extend([(TWO, (), None)] * 10)
    bob.create("Old/2025").append(TWO)
    bob.create("Gone/Below")
    bob.delete("Gone")
    return bob


def test_an_mbox_can_be_read_back(bob: Account, tmp_path: Path) -> None:
    assert export([bob], tmp_path / "out", "mbox").messages == 13
    files = {str(p.relative_to(tmp_path / "out" / ROOM)) for p in tmp_path.rglob("*.mbox")}
    assert files == {"INBOX.mbox", "Old.mbox", "Old/2025.mbox", "Gone/Below.mbox"}
    inbox = tmp_path / "out" / ROOM / "INBOX.mbox"
    assert inbox.read_bytes().startswith(b"From a@example.org Sat Feb  3 04:05:06 2001\n")
    assert b"\n>From here\n>>From there\n" in inbox.read_bytes()
    assert list(read_messages(inbox)) == [ONE, *[TWO] * 11]


def test_a_maildir_can_be_read_back(bob: Account, tmp_path: Path) -> None:
    export([bob], tmp_path / "out", "maildir")
    place = tmp_path / "out" / ROOM / "INBOX"
    assert list(read_messages(place)) == [ONE, *[TWO] * 11]
    maildir = mailbox.Maildir(place, create=False)
    first = maildir[min(maildir.keys())]
    assert (first.get_flags(), first.get_date()) == ("FS", THEN.timestamp())
    assert list(read_messages(tmp_path / "out" / ROOM / "Old" / "2025")) == [TWO]


def test_a_maildir_brings_flags_and_dates_back(bob: Account, store: Store, tmp_path: Path) -> None:
    bob.inbox.change_flags([1, 2], SYSTEM_FLAGS, "add")
    bob.inbox.change_flags([2], ["\\Seen"], "remove")
    export([bob], tmp_path / "out", "maildir")
    ann = store.add_user("ann@example.org", "secret")
    assert ann.import_(read_letters(tmp_path / "out" / ROOM / "INBOX")) == 12

    def told(account: Account, uid: int) -> tuple[frozenset[str], datetime]:
        message = account.inbox.get(uid)
        assert message is not None
        return message.flags - {"$Work"}, message.internal_date.replace(microsecond=0)

    assert [told(ann, uid) for uid in range(1, 13)] == [told(bob, uid) for uid in range(1, 13)]
    assert told(ann, 1) == (frozenset(SYSTEM_FLAGS), THEN)


def test_an_eml_is_the_very_octets(bob: Account, tmp_path: Path) -> None:
    bob.inbox.append(b"bare\nand\0")
    export([bob], tmp_path / "out", "eml")
    assert (tmp_path / "out" / ROOM / "INBOX" / "13.eml").read_bytes() == b"bare\nand\0"
    assert (tmp_path / "out" / ROOM / "Old" / "2025" / "1.eml").read_bytes() == TWO


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("Sent", "Sent"),
        ("Gesendet ä", "Gesendet ä"),
        ("..", "%2E."),
        ("a/b\\c:d%", "a%2Fb%5Cc%3Ad%25"),
        ("cur", "%63ur"),
        ("current", "current"),
        ("1.eml", "1%2Eeml"),
    ],
)
def test_names_that_files_can_have(name: str, file: str) -> None:
    assert file_name(name) == file


@pytest.mark.parametrize("format", ["mbox", "maildir", "eml"])
def test_names_that_are_too_long_for_a_file(bob: Account, tmp_path: Path, format: Format) -> None:
    """IMAP's mailboxes may have 255 characters; one such keeps no other from being written."""
    for last in "xy":
        bob.create("\u65e5" * 100 + last).append(TWO)
    assert export([bob], tmp_path / "out", format).messages == 15
    names = {file_name("\u65e5" * 100 + last) for last in "xy"}
    assert len(names) == 2
    assert all(name.startswith("\u65e5" * 66 + "%") and len(name.encode()) < 240 for name in names)


def test_a_folder_with_something_in_it_is_left_alone(bob: Account, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(LabError, match="is not empty: name a new folder"):
        export([bob], tmp_path, "mbox")
    with pytest.raises(LabError, match=r"cannot write .*mine"):
        export([bob], tmp_path / "mine", "mbox")


class Damaged:
    def __len__(self) -> int:
        return 3

    def __bytes__(self) -> bytes:
        raise StoreError("CORRUPTION", "the message is damaged")


def test_what_is_damaged_is_named_and_left_out(bob: Account, tmp_path: Path) -> None:
    bob.inbox.get(1).body = Damaged()
    done = export([bob], tmp_path / "out", "eml")
    assert done.messages == 12
    assert done.damaged == ["message 1 of INBOX of bob@example.org: the message is damaged"]
