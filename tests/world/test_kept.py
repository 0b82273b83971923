"""Hosts whose store is in a folder: what a restart leaves, what finds no room."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from labkit.grammar.smtp import Refused
from labkit.store.sqlite import open_store
from labkit.world.devices import UserHost
from labkit.world.mail_server import MailServer
from labkit.world.world import World


@pytest.fixture
def start(tmp_path: Path) -> Callable[[], World]:
    """A world that goes on with what the one before it left; its clock begins anew."""
    return lambda: World(store=lambda host, now: open_store(tmp_path / host, now))


def people(world: World) -> tuple[UserHost, UserHost]:
    return world.user("alice@example.com"), world.user("bob@example.org")


def subjects(messages: list[bytes]) -> list[str]:
    lines = b"\r\n".join(messages).decode().splitlines()
    return [line.removeprefix("Subject: ") for line in lines if line.startswith("Subject: ")]


def test_users_and_mail_are_there_after_a_restart(start: Callable[[], World]) -> None:
    with start() as world:
        alice, bob = people(world)
        alice.submit(alice.compose(to=bob, subject="Hello"))
        world.settle()
    with start() as world:
        alice, bob = people(world)
        assert subjects(bob.retrieve("imap")) == ["Hello"]
        assert subjects(bob.retrieve("pop3", delete=True)) == ["Hello"]
    with start() as world:
        assert people(world)[1].retrieve() == []


def test_the_queue_goes_on_after_a_restart(start: Callable[[], World]) -> None:
    with start() as world:
        alice, bob = people(world)
        with bob.server.offline():
            alice.submit(alice.compose(to=[bob, "carol@example.org"], subject="Hello"))
            world.wait(3700)
            (before,) = alice.server.relay.queue
            assert before.attempts == 2
            due = before.next_attempt
    with start() as world:
        alice, bob = people(world)
        (after,) = alice.server.relay.queue
        assert (after.envelope, after.pending, after.since) == (before.envelope, before.pending, before.since)
        assert (after.attempts, after.last) == (2, before.last)
        world.wait((due - world.now() - timedelta(seconds=1)).total_seconds())
        assert bob.server.read(bob.address) == []
        world.settle()
        assert subjects(bob.server.read(bob.address)) == ["Hello"]
        assert "carol@example.org" in alice.server.read(alice.address)[0].decode()
    with start() as world:
        alice, bob = people(world)
        assert alice.server.relay.queue == []
        assert len(bob.server.read(bob.address)) == 1


def test_an_attempt_that_nobody_answered_for_is_made_again(start: Callable[[], World]) -> None:
    with start() as world:
        alice, bob = people(world)
        alice.submit(alice.compose(to=bob, subject="Hello"))
        assert len(alice.server.relay.queue) == 1  # on its way
    with start() as world:
        alice, bob = people(world)
        world.settle()
        assert subjects(bob.server.read(bob.address)) == ["Hello"]


# No room


def refusal(alice: UserHost, to: object, text: str = "") -> str:
    with pytest.raises(Refused) as refused:
        alice.submit(alice.compose(to=to, subject="Hello", text=text))
    return str(refused.value.reply)


@pytest.fixture
def world() -> World:
    return World()


def test_a_full_mailbox_is_said_at_rcpt(world: World) -> None:
    alice = world.user("alice@example.com")
    account = alice.server.store.account(alice.address)
    account.quota = 1
    account.inbox.extend([(b"x", (), None)])
    assert refusal(alice, alice) == "452 4.2.2 The mailbox is full; try again later"


def test_a_message_without_room_is_refused_at_its_end(world: World) -> None:
    alice = world.user("alice@example.com")
    account = alice.server.store.account(alice.address)
    account.quota = 2000
    alice.submit(alice.compose(to=alice, text="x" * 1000))
    assert refusal(alice, alice, "x" * 1000).startswith("452 4.2.2 ")
    assert refusal(alice, alice, "x" * 3000) == "552 5.2.2 The mailbox holds 2000 octets in all"
    assert len(account.inbox) == 1


def test_one_of_several_without_room_is_told_of(world: World) -> None:
    alice, carol = world.user("alice@example.com"), world.user("carol@example.com")
    alice.server.store.account(carol.address).quota = 500
    alice.submit(alice.compose(to=[alice, carol], subject="Hello", text="x" * 1000))
    message, notice = alice.server.read(alice.address)
    assert b"Hello" in message
    assert b"552 5.2.2" in notice
    assert alice.server.read(carol.address) == []


def test_mail_waits_for_a_mailbox_that_is_full(world: World) -> None:
    alice, bob = people(world)
    account = bob.server.store.account(bob.address)
    account.quota = 600
    account.inbox.append(b"x" * 600)
    alice.submit(alice.compose(to=bob, subject="Hello"))
    world.wait(60)
    (queued,) = alice.server.relay.queue
    assert "452 4.2.2" in queued.last[bob.address].text
    bob.retrieve(delete=True)
    account.quota = None
    world.settle()
    assert subjects(bob.server.read(bob.address)) == ["Hello"]


def fill(server: MailServer) -> Callable[[], None]:
    """Let nothing more be written to the server's disk; returns what lets it again."""
    execute = server.store.ledger.journal._database.execute
    execute("PRAGMA query_only = ON")
    return lambda: execute("PRAGMA query_only = OFF")


@pytest.mark.parametrize("to", ["alice@example.com", "bob@example.org"])
def test_a_full_disk_takes_nothing(start: Callable[[], World], to: str) -> None:
    with start() as world:
        alice, bob = people(world)
        empty = fill(alice.server)
        full = "452 4.3.1 There is no room on this server; try again later"
        assert refusal(alice, to) == refusal(alice, [alice, bob]) == full
        world.settle()
        assert alice.server.read(alice.address) == bob.server.read(bob.address) == []
        empty()
        alice.submit(alice.compose(to=[alice, bob], subject="Hello"))
        world.settle()
        assert len(alice.server.read(alice.address)) == len(bob.server.read(bob.address)) == 1


def test_a_notice_that_cannot_be_kept_is_tried_again(start: Callable[[], World]) -> None:
    with start() as world:
        alice, _ = people(world)
        alice.submit(alice.compose(to="nobody@example.org"))
        empty = fill(alice.server)
        world.wait(60)
        assert alice.server.read(alice.address) == []
        assert len(alice.server.relay.queue) == 1
        empty()
        world.settle()
        (notice,) = alice.server.read(alice.address)
        assert b"nobody@example.org" in notice


def test_pop3_and_imap_say_why(start: Callable[[], World]) -> None:
    with start() as world:
        _, bob = people(world)
        account = bob.server.store.account(bob.address)
        account.inbox.extend([(b"one\r\n", (), None), (b"two\r\n", (), None)])
        fill(bob.server)
        imap = bob.imaplib()
        imap.login(bob.address, bob.password)
        status, (text,) = imap.append("INBOX", "", None, b"three\r\n")
        assert status == "NO"
        assert b"[UNAVAILABLE]" in text
        imap.select()
        assert imap.fetch("1", "(BODY[])")[1][0][1] == b"one\r\n"
        assert imap.fetch("1", "(FLAGS)")[1] == [b"1 (FLAGS (\\Recent))"]
        assert len(account.inbox) == 2
        pop3 = bob.poplib()
        pop3.user(bob.address)
        pop3.pass_(bob.password)
        pop3.dele(1)
        with pytest.raises(Exception, match="SYS/TEMP"):
            pop3.quit()
        assert len(account.inbox) == 2


def test_imap_says_that_a_quota_is_reached(world: World) -> None:
    _, bob = people(world)
    account = bob.server.store.account(bob.address)
    account.quota = 10
    account.inbox.append(b"12345678")
    imap = bob.imaplib()
    imap.login(bob.address, bob.password)
    imap.select()
    for refused in (imap.append("INBOX", "", None, b"12345678"), imap.copy("1", "INBOX")):
        assert refused == ("NO", [b"[OVERQUOTA] no room for 8 octets: 8 of 10 octets are taken"])
    assert imap.uid("MOVE", "1", "INBOX")[0] == "OK"
