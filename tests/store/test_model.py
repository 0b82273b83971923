"""Every kind of store against plain lists and dicts, with the same operations of several sessions at once.

The store in a folder is also killed again and again: a copy of its files, as they are at
that moment, is all that the next store has.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from labkit.store.accounts import Account, Store
from labkit.store.changes import Exists, Expunged, FlagsChanged, Maildrop, View
from labkit.store.files import Letter
from labkit.store.mailbox import SPECIAL_USES, SYSTEM_FLAGS, Mailbox, StoreError
from labkit.store.sqlite import open_store

ADDRESS = "alice@example.org"


def now() -> datetime:
    return datetime(2026, 1, 5, 9, tzinfo=UTC)


class InMemory:
    """A store to be tested, and how to kill it."""

    def __init__(self) -> None:
        self.store = Store(now)

    def kill(self) -> bool:
        """Whether there is a new one in its place."""
        return False

    def end(self) -> None:
        self.store.close()


class OnDisk(InMemory):
    def __init__(self) -> None:
        self.folders = [Path(tempfile.mkdtemp(prefix="labkit-"))]
        self._open()

    def _open(self) -> None:
        self.store = open_store(self.folders[-1], now)
        self.store.ledger.journal._database.execute("PRAGMA synchronous = OFF")  # nobody cuts the power

    def kill(self) -> bool:
        folder = Path(tempfile.mkdtemp(prefix="labkit-"))
        shutil.copytree(self.folders[-1], folder, dirs_exist_ok=True)
        self.store.close()
        self.folders.append(folder)
        self._open()
        return True

    def end(self) -> None:
        super().end()
        for folder in self.folders:
            shutil.rmtree(folder)


FLAGS = st.sets(st.sampled_from([*SYSTEM_FLAGS, "$One", "$Two"]), max_size=3)
HOW = st.sampled_from(["replace", "add", "remove"])


class Client:
    """What a client knows of a mailbox from the updates alone: a list of [UID, flags]."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.messages = [[message.uid, message.flags] for _, message in view]

    def hear(self, *, expunges: bool) -> None:
        for update in self.view.updates(expunges=expunges):
            match update:
                case Expunged(number, uid):
                    assert expunges
                    assert self.messages.pop(number - 1)[0] == uid
                case Exists(messages, _):
                    assert messages > len(self.messages)
                    for number in range(len(self.messages) + 1, messages + 1):
                        new = self.view.message(number)  # as the client's FETCH would
                        self.messages.append([new.uid, new.flags])
                case FlagsChanged(number, message):
                    assert self.messages[number - 1][0] == message.uid
                    self.messages[number - 1][1] = message.flags


class SessionsOnOneMailbox(RuleBasedStateMachine):
    """The mailbox is a dict of UID -> flags; whoever has heard everything must know exactly that.

    So is the archive, where nobody looks; every message has octets of its own.
    """

    make = InMemory

    @initialize(before=st.integers(0, 3))
    def start(self, before: int) -> None:
        self.tested = self.make()
        self.account = self.tested.store.add_user(ADDRESS, "secret")
        self.box = self.account.inbox
        self.archive = self.account.create("Archive", ["\\Archive"])
        self.model: dict[int, frozenset[str]] = {}
        self.archived: dict[int, frozenset[str]] = {}
        self.modseqs: dict[tuple[str, int], int] = {}  # of what was last changed
        self.flags: dict[tuple[str, int], frozenset[str]] = {}  # at that time
        self.imported: set[bytes] = set()
        self.limit: int | None = None
        self.data: dict[tuple[str, int], bytes] = {}
        self.written = 0
        self.given = self.archive_given = 0
        self.clients: list[Client] = []
        self.maildrop: Maildrop | None = None
        if before:
            self.append(before, set())
        self.select(False)
        self.select(True)

    def client(self, data: st.DataObject) -> Client:
        return data.draw(st.sampled_from(self.clients))

    def uids(self, data: st.DataObject) -> set[int]:
        """Some that are there, and perhaps one that is gone or never was."""
        return data.draw(st.sets(st.sampled_from([*self.model, self.given // 2, self.given + 1]), max_size=4))

    @rule(number=st.integers(1, 3), flags=FLAGS)
    def append(self, number: int, flags: set[str]) -> None:
        letters = [b"letter %d" % (self.written + n) for n in range(number)]
        self.written += number
        for message, data in zip(
            self.box.extend([(data, flags, None) for data in letters]), letters, strict=True
        ):
            self.given += 1
            assert message.uid == self.given
            self.model[message.uid] = frozenset(flags)
            self.data["INBOX", message.uid] = data

    @rule(room=st.integers(0, 30))
    def quota(self, room: int) -> None:
        """What is too much is refused, and nothing has changed; a move needs no room."""
        used = sum(len(self.data[key]) for box in (self.box, self.archive) for key in self.keys(box))
        self.limit_to(used + room)
        letters = [b"letter %d" % self.written, b"another"]
        if sum(map(len, letters)) > room:
            before = self.box.uidnext, self.box.highestmodseq
            with pytest.raises(StoreError, match=f"{used} of {used + room} octets are taken"):
                self.box.extend([(letter, (), None) for letter in letters])
            assert (self.box.uidnext, self.box.highestmodseq) == before
        self.copy_some(list(self.model)[:1], moved=True, back=False)
        self.limit_to(used + 1_000_000)

    def limit_to(self, octets: int) -> None:
        self.limit = self.account.quota = octets
        self.account.save()

    def keys(self, box: Mailbox) -> list[tuple[str, int]]:
        return [(box.name, uid) for uid in (self.model if box is self.box else self.archived)]

    @rule(letters=st.lists(st.sampled_from([b"file 1", b"file 2", b"file 3"]), max_size=4, unique=True))
    def import_(self, letters: list[bytes]) -> None:
        """Each comes once, whatever has become of it."""
        new = [letter for letter in letters if letter not in self.imported]
        assert self.account.import_(map(Letter, letters)) == len(new)
        self.imported.update(new)
        for letter in new:
            self.given += 1
            self.model[self.given] = frozenset()
            self.data["INBOX", self.given] = letter

    @rule(data=st.data(), moved=st.booleans(), back=st.booleans())
    def copy(self, data: st.DataObject, moved: bool, back: bool) -> None:
        """From INBOX to the archive, or the other way."""
        model = self.archived if back else self.model
        self.copy_some(data.draw(st.sets(st.sampled_from([*model, 999]), max_size=3)), moved=moved, back=back)

    def copy_some(self, uids: Collection[int], *, moved: bool, back: bool) -> None:
        here, there = (self.box, self.archive) if not back else (self.archive, self.box)
        model, other = (self.model, self.archived) if not back else (self.archived, self.model)
        pairs = (here.move if moved else here.copy)(uids, there)
        assert [old for old, _ in pairs] == sorted(model.keys() & uids)
        for old, new in pairs:
            if back:
                self.given += 1
            else:
                self.archive_given += 1
            assert new == (self.given if back else self.archive_given)
            other[new] = model[old]
            self.data[there.name, new] = self.data[here.name, old]
            if moved:
                del model[old]

    @rule()
    def kill(self) -> None:
        """No session survives, and what they did does."""
        last = self.box.highestmodseq
        if self.tested.kill():
            self.account = self.tested.store.account(ADDRESS)
            self.box, self.archive = self.account.inbox, self.account.mailbox("Archive")
            self.clients.clear()
            self.maildrop = None
            assert self.box.highestmodseq == last
            assert self.archive.use == {"\\Archive"}
            assert self.account.quota == self.limit

    def teardown(self) -> None:
        if hasattr(self, "tested"):
            self.tested.end()

    @precondition(lambda self: len(self.clients) < 4)
    @rule(read_only=st.booleans())
    def select(self, read_only: bool) -> None:
        self.clients.append(Client(View(self.box, read_only=read_only)))

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        client = self.client(data)
        client.view.close()
        self.clients.remove(client)

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), flags=FLAGS, how=HOW)
    def store(self, data: st.DataObject, flags: set[str], how: str) -> None:
        client, uids = self.client(data), self.uids(data)
        self.box.change_flags(uids, flags, how, by=client.view)
        for uid in uids & self.model.keys():
            before = self.model[uid]
            self.model[uid] = frozenset(
                {"replace": flags, "add": before | flags, "remove": before - flags}[how]
            )
            for known in client.messages:  # it asked for this, so it knows
                if known[0] == uid:
                    known[1] = self.model[uid]
                    client.view.flags_told(uid)

    @rule(data=st.data())
    def expunge(self, data: st.DataObject) -> None:
        uids = self.uids(data)
        gone = self.box.expunge(uids)
        assert [message.uid for message in gone] == sorted(uids & self.model.keys())
        for uid in uids:
            self.model.pop(uid, None)

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def noop(self, data: st.DataObject) -> None:
        client = self.client(data)
        client.hear(expunges=True)
        assert client.messages == [[uid, flags] for uid, flags in self.model.items()]

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def fetch(self, data: st.DataObject) -> None:
        client = self.client(data)
        client.hear(expunges=False)
        known = {uid: flags for uid, flags in client.messages if uid in self.model}
        assert known == self.model

    @precondition(lambda self: self.maildrop is None)
    @rule()
    def pop3_login(self) -> None:
        self.maildrop = Maildrop(self.account)
        self.numbers = list(self.model)
        self.marks: set[int] = set()

    @precondition(lambda self: self.maildrop is not None)
    @rule(number=st.integers(0, 12))
    def pop3_dele(self, number: int) -> None:
        legal = 1 <= number <= len(self.numbers) and number not in self.marks
        assert self.maildrop.mark(number) is legal
        if legal:
            self.marks.add(number)

    @precondition(lambda self: self.maildrop is not None)
    @rule(quit=st.booleans())
    def pop3_end(self, quit: bool) -> None:
        doomed = {self.numbers[number - 1] for number in self.marks} & self.model.keys()
        if quit:
            assert self.maildrop.commit() == len(doomed)
            for uid in doomed:
                del self.model[uid]
        else:
            self.maildrop.release()
        self.maildrop = None

    @invariant()
    def the_mailbox_is_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        for box, model, given in (
            (self.box, self.model, self.given),
            (self.archive, self.archived, self.archive_given),
        ):
            assert {message.uid: message.flags for message in box} == model
            assert [message.data for message in box] == [self.data[box.name, uid] for uid in model]
            assert box.octets == sum(len(message.data) for message in box)
            assert box.uidnext == given + 1
            self.a_message_has_a_new_modseq_when_it_was_changed(box)
        for client in self.clients:  # numbers change only when something is told
            assert client.view.uids == [uid for uid, _ in client.messages]
            assert [client.view.number(uid) for uid, _ in client.messages] == list(
                range(1, len(client.messages) + 1)
            )
            assert all(client.view.message(n).uid == uid for n, (uid, _) in enumerate(client.messages, 1))
        if self.maildrop is not None:
            left = [uid for n, uid in enumerate(self.numbers, 1) if n not in self.marks]
            assert [message.uid for _, message in self.maildrop] == left

    def a_message_has_a_new_modseq_when_it_was_changed(self, box: Mailbox) -> None:
        """And only then; each is greater than all that were known of the mailbox (RFC 7162 3.1.1)."""
        highest = self.modseqs.get((box.name, 0), 0)
        for message in box:
            key = box.name, message.uid
            known = self.modseqs.get(key), self.flags.get(key)
            if known == (None, None) or known[1] != message.flags:
                assert highest < message.modseq <= box.highestmodseq
            else:
                assert message.modseq == known[0]
            self.modseqs[key], self.flags[key] = message.modseq, message.flags
        assert box.highestmodseq >= highest
        self.modseqs[box.name, 0] = box.highestmodseq

    @invariant()
    def a_message_is_recent_to_one_writing_session_at_most(self) -> None:
        claims = [uid for c in getattr(self, "clients", []) if not c.view.read_only for uid in c.view.recent]
        assert len(claims) == len(set(claims))


class SessionsOnDisk(SessionsOnOneMailbox):
    make = OnDisk


TestSessionsInMemory = SessionsOnOneMailbox.TestCase
TestSessionsInMemory.settings = settings(max_examples=150, stateful_step_count=30)
TestSessionsOnDisk = SessionsOnDisk.TestCase
TestSessionsOnDisk.settings = settings(max_examples=60, stateful_step_count=30)


# Names

NAME = st.sampled_from(["INBOX", "inbox/a", "A", "A/B", "A/B/C", "D", "D/B", "ä"])


class Names(RuleBasedStateMachine):
    """The hierarchy is a dict of name -> messages, None for a mere level.

    A client that knows (name, UIDVALIDITY, UID) knows the message: that never means another one.
    """

    make = InMemory

    @initialize()
    def start(self) -> None:
        self.tested = self.make()
        self.account: Account = self.tested.store.add_user(ADDRESS, "secret")
        self.model: dict[str, list[bytes] | None] = {"INBOX": []}
        self.uses: dict[str, set[str]] = {"INBOX": set()}
        self.subscriptions: set[str] = set()
        self.known: dict[tuple[str, int, int], bytes] = {}
        self.written = 0

    def teardown(self) -> None:
        if hasattr(self, "tested"):
            self.tested.end()

    def code(self, call, *arguments) -> str | None:
        try:
            call(*arguments)
        except StoreError as error:
            return error.code
        return None

    def make_parents(self, name: str) -> None:
        levels = name.split("/")
        for depth in range(1, len(levels)):
            parent = "/".join(levels[:depth])
            if parent not in self.model:
                self.model[parent], self.uses[parent] = [], set()

    def below(self, name: str) -> list[str]:
        return [each for each in self.model if each.startswith(name + "/")]

    @rule(name=NAME, use=st.sets(st.sampled_from(SPECIAL_USES), max_size=1))
    def create(self, name: str, use: set[str]) -> None:
        code = self.code(self.account.create, name, use)
        name = name.replace("inbox", "INBOX")
        if self.model.get(name) is not None:
            assert code == "ALREADYEXISTS"
        else:
            assert code is None
            self.make_parents(name)
            self.model[name], self.uses[name] = [], use

    @rule(name=NAME)
    def delete(self, name: str) -> None:
        code = self.code(self.account.delete, name)
        name = name.replace("inbox", "INBOX")
        below = self.below(name)
        if name == "INBOX":
            assert code == "CANNOT"
        elif name not in self.model:
            assert code == "NONEXISTENT"
        elif self.model[name] is None and below:
            assert code == "HASCHILDREN"
        else:
            assert code is None
            if below:
                self.model[name] = None
            else:
                del self.model[name]

    @rule(old=NAME, new=NAME)
    def rename(self, old: str, new: str) -> None:
        code = self.code(self.account.rename, old, new)
        old, new = old.replace("inbox", "INBOX"), new.replace("inbox", "INBOX")
        if old not in self.model:
            assert code == "NONEXISTENT"
        elif new in self.model:
            assert code == "ALREADYEXISTS"
        elif old == "INBOX":
            self.make_parents(new)
            self.model[new], self.uses[new] = self.model[old], set()
            self.model[old] = []
        elif new.startswith(old + "/"):
            assert code == "CANNOT"
        else:
            assert code is None
            self.make_parents(new)
            for name in [old, *self.below(old)]:
                moved = new + name.removeprefix(old)
                self.model[moved], self.uses[moved] = self.model.pop(name), self.uses.pop(name, set())

    @rule(name=NAME)
    def append(self, name: str) -> None:
        name = name.replace("inbox", "INBOX")
        if self.model.get(name) is not None:
            self.written += 1
            self.account.mailbox(name).append(b"letter %d" % self.written)
            self.model[name].append(b"letter %d" % self.written)
        else:
            assert self.code(self.account.mailbox, name) == "NONEXISTENT"

    @rule(name=NAME, wanted=st.booleans())
    def subscribe(self, name: str, wanted: bool) -> None:
        (self.account.subscribe if wanted else self.account.unsubscribe)(name)
        name = name.replace("inbox", "INBOX")
        (self.subscriptions.add if wanted else self.subscriptions.discard)(name)

    @rule()
    def kill(self) -> None:
        self.tested.kill()
        self.account = self.tested.store.account(ADDRESS)

    @invariant()
    def the_hierarchy_is_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        entries = self.account.entries()
        found = {
            entry.name: entry.mailbox and [message.data for message in entry.mailbox] for entry in entries
        }
        assert found == self.model
        assert self.account.subscriptions == self.subscriptions
        for entry in entries:
            if entry.mailbox is not None:
                assert entry.mailbox.name == entry.name
                assert entry.mailbox.use == self.uses[entry.name]
                for message in entry.mailbox:
                    key = (entry.name, entry.mailbox.uidvalidity, message.uid)
                    assert self.known.setdefault(key, message.data) == message.data


class NamesOnDisk(Names):
    make = OnDisk


TestNamesInMemory = Names.TestCase
TestNamesInMemory.settings = settings(max_examples=100, stateful_step_count=25)
TestNamesOnDisk = NamesOnDisk.TestCase
TestNamesOnDisk.settings = settings(max_examples=50, stateful_step_count=25)
