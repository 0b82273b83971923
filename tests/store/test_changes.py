"""What sessions see of a mailbox: views, maildrops, and a model of several sessions at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from labkit.store.accounts import Account, Store
from labkit.store.changes import Exists, Expunged, FlagsChanged, Maildrop, View, may_tell_expunges
from labkit.store.mailbox import SYSTEM_FLAGS, Mailbox, StoreError

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
def account() -> Account:
    return Store(now=lambda: NOW).add_user("alice@example.org", "secret")


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


# Several sessions against plain lists

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
    """The mailbox is a dict of UID -> flags; whoever has heard everything must know exactly that."""

    @initialize(before=st.integers(0, 3))
    def start(self, before: int) -> None:
        self.account = Store(now=lambda: NOW).add_user("alice@example.org", "secret")
        self.box = self.account.inbox
        self.model: dict[int, frozenset[str]] = {}
        self.given = 0
        self.clients: list[Client] = []
        self.maildrop: Maildrop | None = None
        self.modseq = 0
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
        for message in self.box.extend([(b"mail", flags, None)] * number):
            self.given += 1
            assert message.uid == self.given
            self.model[message.uid] = frozenset(flags)

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
        assert {message.uid: message.flags for message in self.box} == self.model
        assert self.box.uidnext == self.given + 1
        assert self.box.highestmodseq >= self.modseq
        self.modseq = self.box.highestmodseq
        for client in self.clients:  # numbers change only when something is told
            assert client.view.uids == [uid for uid, _ in client.messages]
            assert [client.view.number(uid) for uid, _ in client.messages] == list(
                range(1, len(client.messages) + 1)
            )
            assert all(client.view.message(n).uid == uid for n, (uid, _) in enumerate(client.messages, 1))
        if self.maildrop is not None:
            left = [uid for n, uid in enumerate(self.numbers, 1) if n not in self.marks]
            assert [message.uid for _, message in self.maildrop] == left

    @invariant()
    def a_message_is_recent_to_one_writing_session_at_most(self) -> None:
        claims = [uid for c in getattr(self, "clients", []) if not c.view.read_only for uid in c.view.recent]
        assert len(claims) == len(set(claims))


TestSessionsOnOneMailbox = SessionsOnOneMailbox.TestCase
TestSessionsOnOneMailbox.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
