"""The store in a folder: what it keeps, what it refuses, and what a broken disk does to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from labkit.errors import LabError
from labkit.store.accounts import Account, Store
from labkit.store.changes import Maildrop, View
from labkit.store.files import Letter
from labkit.store.mailbox import StoreError
from labkit.store.sqlite import FILE, FORMAT, open_store

ADDRESS = "Bob@example.org"


def now() -> datetime:
    return datetime(2026, 1, 5, 9, tzinfo=UTC)


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    store = open_store(folder, now)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def account_in(folder: Path) -> Iterator[Account]:
    with opened(folder) as store:
        yield store.account(ADDRESS) or store.add_user(ADDRESS, "secret")


def bodies(store: Store) -> int:
    (number,) = store.ledger.journal._database.execute("SELECT count(*) FROM content").fetchone()
    return number


def test_everything_is_there_again(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "store"
    then = datetime(2001, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=-7)))
    with opened(folder) as store:
        store.add_user("alice@example.org", "pässword")
        bob = store.add_user(ADDRESS, "secret")
        bob.token, bob.quota, bob.last_login = "token", 10_000, then
        bob.save()
        bob.inbox.extend([(b"a\0\r\n\xff", ["\\Seen", "$Work"], then), (b"", (), None)])
        bob.inbox.append(b"gone")
        bob.inbox.expunge([3])
        bob.create("Sent/Ä", ["\\Sent"])
        bob.create("Old")
        old = bob.mailbox("Old").uidvalidity
        bob.delete("Old")
        bob.delete("Sent")
        bob.subscribe("nowhere")
        View(bob.inbox).updates()
        store.spool.add(b"mail", "one", "two")
        store.spool.remove(next(iter(store.spool)))
    with opened(folder) as store:
        alice, bob = store.accounts
        assert (alice.address, alice.password, len(alice.inbox)) == ("alice@example.org", "pässword", 0)
        assert (bob.address, bob.password, bob.token, bob.quota) == (ADDRESS, "secret", "token", 10_000)
        assert (alice.last_login, bob.last_login) == (None, then)
        assert store.account("bob@EXAMPLE.org") is bob
        assert [(each.uid, each.data, each.flags) for each in bob.inbox] == [
            (1, b"a\0\r\n\xff", {"\\Seen", "$Work"}),
            (2, b"", set()),
        ]
        assert [each.internal_date.isoformat() for each in bob.inbox] == [then.isoformat(), now().isoformat()]
        assert (bob.inbox.uidnext, bob.inbox.recent, bob.inbox.keywords) == (4, 0, ["$Work"])
        assert [(each.name, each.mailbox is None) for each in bob.entries()] == [
            ("INBOX", False),
            ("Sent", True),
            ("Sent/Ä", False),
        ]
        assert bob.mailbox("Sent/Ä").use == {"\\Sent"}
        assert bob.subscriptions == {"nowhere"}
        assert bob.create("Old").uidvalidity > old
        assert [(each.label, each.data) for each in store.spool] == [("two", b"mail")]
        assert bob.inbox.append(b"new").uid == 4
        assert store.spool.add(b"", "three")[0].id > 2


def test_copies_share_their_octets_which_go_with_the_last_reader(tmp_path: Path) -> None:
    with account_in(tmp_path) as account:
        store, inbox = account.store, account.inbox
        inbox.append(b"one")
        inbox.copy([1, 1], inbox)
        inbox.copy([1], account.create("A"))
        assert bodies(store) == 1
        inbox.expunge([1])
        account.delete("A")
        view, maildrop = View(inbox), Maildrop(account)
        inbox.expunge([2])
        inbox.append(b"two")
        assert bodies(store) == 2
        assert view.message(1).data == maildrop.message(1).data == b"one"
        view.updates()
        maildrop.release()
        del maildrop
        inbox.append(b"three")
        assert bodies(store) == 2


def test_octets_left_by_a_killed_process_go_too(tmp_path: Path) -> None:
    with account_in(tmp_path / "a") as account:
        account.inbox.append(b"one")
        account.inbox.expunge([1])
        assert bodies(account.store) == 1
        shutil.copytree(tmp_path / "a", tmp_path / "b")
    with account_in(tmp_path / "b") as account:
        account.inbox.append(b"two")
        assert bodies(account.store) == 1
        assert account.inbox.get(2).data == b"two"


def test_what_was_acknowledged_is_synced(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        execute = store.ledger.journal._database.execute
        assert execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with opened(folder):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
        assert {stat.S_IMODE(file.stat().st_mode) & 0o077 for file in folder.iterdir()} == {0}


# What cannot be opened


def refused(folder: Path) -> str:
    with pytest.raises(LabError) as error:
        open_store(folder, now)
    prefix = f"cannot use {folder} as a store: "
    assert str(error.value).startswith(prefix)
    return str(error.value).removeprefix(prefix)


def test_a_folder_belongs_to_one_process(tmp_path: Path) -> None:
    with account_in(tmp_path) as account:
        assert refused(tmp_path) == "another process is using it"
        code = "import sys; from pathlib import Path; from labkit.store.sqlite import open_store;"
        code += "open_store(Path(sys.argv[1]), None)"
        other = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
        assert other.returncode == 1
        assert "another process is using it" in other.stderr
        account.inbox.append(b"one")
    with account_in(tmp_path) as account:
        assert len(account.inbox) == 1


@pytest.mark.parametrize("read_only", ["lab", FILE])
def test_what_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: str) -> None:
    """As on a disk for reading only, where SQLite speaks of an error of input and output."""
    open_store(tmp_path / "lab", now).close()
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != read_only)
    assert refused(tmp_path / "lab") == "it is read-only"


def test_two_that_begin_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second found no file, and then one: that of the first, which has the lock."""
    with account_in(tmp_path / "lab"):
        monkeypatch.setattr(Path, "exists", lambda path: False)
        assert refused(tmp_path / "lab") == "another process is using it"


def test_folders_that_are_something_else(tmp_path: Path) -> None:
    (tmp_path / "letter.eml").write_bytes(b"")
    assert refused(tmp_path) == f"it has other files in it, and no {FILE}"
    assert refused(tmp_path / "letter.eml") in ("File exists", "Not a directory")
    with pytest.raises(LabError, match="there is no"):
        open_store(tmp_path / "nothing", now, create=False)
    assert not (tmp_path / "nothing").exists()


def test_files_that_are_something_else(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"From alice Mon Jan  5 09:00:00 2026\n" * 100)
    assert "is damaged (file is not a database)" in refused(tmp_path)
    (tmp_path / FILE).unlink()
    foreign = sqlite3.connect(tmp_path / FILE)
    foreign.execute("CREATE TABLE cookies (name)")
    foreign.close()
    assert refused(tmp_path) == f"{FILE} was not made by labkit"


def test_a_file_of_another_format(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    later = sqlite3.connect(tmp_path / FILE)
    later.execute(f"PRAGMA user_version = {FORMAT + 1}")
    later.close()
    reason = f"has format {FORMAT + 1}, and this labkit knows only those up to {FORMAT}"
    assert refused(tmp_path) == f"{FILE} {reason}"


def test_a_file_of_the_first_format_is_brought_up_to_this(tmp_path: Path) -> None:
    with account_in(tmp_path) as account:
        account.inbox.append(b"one")
    first = sqlite3.connect(tmp_path / FILE)
    with first:
        first.execute("ALTER TABLE account DROP COLUMN last_login")
        first.execute("ALTER TABLE body DROP COLUMN parts")
        first.execute("DROP TABLE imported")
        first.execute("PRAGMA user_version = 1")
    first.close()
    for number in (1, 2):
        with account_in(tmp_path) as account:
            assert [each.data for each in account.inbox] == [b"one", b"two"][:number]
            assert account.import_([Letter(b"two")]) == 2 - number


def test_a_file_that_was_begun_and_no_more(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with account_in(tmp_path) as account:
        account.inbox.append(b"one")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE mailbox SET keywords = '['",
        "UPDATE mailbox SET account = 'nobody'",
        "UPDATE message SET body = 17",
        "UPDATE message SET internal_date = 'yesterday'",
        "DELETE FROM mailbox",
        "DROP TABLE message",
    ],
)
def test_what_does_not_fit_together(tmp_path: Path, damage: str) -> None:
    with account_in(tmp_path) as account:
        account.inbox.append(b"one")
    database = sqlite3.connect(tmp_path / FILE)
    with database:
        database.execute(damage)
    database.close()
    assert f"{FILE} is damaged" in refused(tmp_path)


# A broken disk


def test_a_damaged_message_is_refused_and_the_others_are_not(tmp_path: Path) -> None:
    with account_in(tmp_path) as account:
        letters = [
            b"".join(b"%b %05d\r\n" % (name, n) for n in range(2000)) for name in (b"one ", b"two ", b"last")
        ]
        account.inbox.extend((letter, (), None) for letter in letters)
    octets = bytearray((tmp_path / FILE).read_bytes())
    octets[octets.index(b"two  01500")] ^= 1
    (tmp_path / FILE).write_bytes(octets)
    with account_in(tmp_path) as account:
        one, two, three = account.inbox
        assert (one.data, three.data) == (letters[0], letters[2])
        assert two.size == len(letters[1])
        with pytest.raises(StoreError, match=r"\(body 2 in store.sqlite, from octet 16384 on\)") as error:
            two.data  # noqa: B018
        assert error.value.code == "CORRUPTION"


def test_cut_off_anywhere_it_holds_a_beginning_of_what_was_done(tmp_path: Path) -> None:
    """The power fails while the log is written: any number of its last octets may be missing."""
    with account_in(tmp_path / "whole") as account:
        pictures = [[]]
        for n in range(12):
            account.inbox.extend([(b"%d" % n * 300, (), None)] * 3)
            pictures.append([(each.uid, each.data) for each in account.inbox])
        log = tmp_path / "whole" / f"{FILE}-wal"
        size = log.stat().st_size
        for number, length in enumerate(range(size, 0, -size // 40)):
            folder = tmp_path / f"cut{number}"
            shutil.copytree(tmp_path / "whole", folder)
            os.truncate(folder / log.name, length)
            with opened(folder) as store:
                found = store.account(ADDRESS)
                left = [(each.uid, each.data) for each in found.inbox] if found else []
            assert left in pictures
            assert number or left == pictures[-1]


def test_a_full_disk_refuses_and_nothing_has_happened(tmp_path: Path) -> None:
    with account_in(tmp_path) as account:
        store, inbox = account.store, account.inbox
        inbox.append(b"one")
        execute = store.ledger.journal._database.execute
        (pages,) = execute("PRAGMA page_count").fetchone()
        execute(f"PRAGMA max_page_count = {pages + 20}")
        view = View(inbox)
        written = [b"one"]
        with suppress(StoreError):
            for n in range(100):
                inbox.append(b"%d" % n * 4000)
                written.append(b"%d" % n * 4000)
        assert 2 <= len(written) < 100
        with pytest.raises(StoreError, match="full") as error:
            inbox.append(b"x" * 4000)
        assert error.value.code == "UNAVAILABLE"
        assert [each.data for each in inbox] == written
        assert len(view.updates()) == 1
        inbox.change_flags([1], ["\\Seen"], "add")
        inbox.expunge([2])
        view.updates()  # nobody reads it any more
        inbox.append(b"y" * 2000)  # in place of what is gone
        left = [(each.uid, each.data, each.flags) for each in inbox]
    with account_in(tmp_path) as account:
        assert [(each.uid, each.data, each.flags) for each in account.inbox] == left


FILE_LIMIT = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from labkit.store.mailbox import StoreError
from labkit.store.sqlite import open_store

store = open_store(Path(sys.argv[1]), lambda: datetime(2026, 1, 5, 9, tzinfo=UTC))
inbox = store.account("bob@example.org").inbox
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    while True:
        inbox.append(b"x" * 5000)
except StoreError as error:
    print(error.code, len(inbox), inbox.uidnext)
inbox.get(3).data
try:
    inbox.append(b"x" * 5000)
except StoreError:
    print("again")
store.close()
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of files are POSIX's")
def test_files_that_cannot_grow(tmp_path: Path) -> None:
    """The operating system refuses to write, in the log and in the file."""
    with account_in(tmp_path) as account:
        account.inbox.append(b"one")
    ran = subprocess.run([sys.executable, "-c", FILE_LIMIT, tmp_path], capture_output=True, text=True)
    assert ran.stderr == ""
    first, again = ran.stdout.splitlines()
    code, number, uidnext = first.split()
    assert (code, again) == ("UNAVAILABLE", "again")
    assert int(number) > 10
    with account_in(tmp_path) as account:
        assert (len(account.inbox), account.inbox.uidnext) == (int(number), int(uidnext))
        assert {each.data for each in account.inbox} == {b"one", b"x" * 5000}
        (sound,) = account.store.ledger.journal._database.execute("PRAGMA integrity_check").fetchone()
        assert sound == "ok"
