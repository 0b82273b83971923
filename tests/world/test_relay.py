from __future__ import annotations

from itertools import pairwise

import pytest

from labkit.clients import smtp
from labkit.message.fields import get, split_fields
from labkit.net.faults import PASS, Rewrite
from labkit.world.faults import cut_before_final_reply
from labkit.world.relay import RETRY_AFTER

HOUR = 3600.0


@pytest.fixture
def alice(world):
    return world.user("alice@example.com")


@pytest.fixture
def bob(world):
    return world.user("bob@example.org")


def send(alice, *to: object) -> None:
    alice.submit(alice.compose(to=list(to), subject="a letter", text="Dear reader"))


def tried(world, service: str = "smtp") -> list[str]:
    """The servers that were called, in order."""
    return [seen.server_name for seen in world.network.tap.connections if seen.service == service]


def returned(world, alice) -> str:
    """The one notice in Alice's mailbox."""
    world.settle()
    (notice,) = alice.server.read(alice.address)
    assert notice.startswith(b"Return-Path: <>\r\n")
    return notice.decode()


def names(world, number: int, preference: int, domain: str = "example.org") -> str:
    """A further server of the domain."""
    return world.domain(domain, server=f"mx{number}.example.net", preference=preference).name


# Which host


def test_the_lowest_preference_first_and_the_next_one_if_it_does_not_answer(world, alice, bob):
    backup = world.domain("example.org", server="mx2.example.net", preference=20)
    send(alice, bob)
    world.settle()
    assert tried(world) == ["mail.example.org"]
    with bob.server.offline():
        send(alice, bob)
        world.wait(HOUR)
        assert tried(world)[1:3] == ["mail.example.org", "mx2.example.net"]
        assert [queued.pending for queued in backup.relay.queue] == [["bob@example.org"]]
        assert alice.server.relay.queue == []
    world.settle()
    trace = [field for field in split_fields(bob.retrieve()[1]) if field.name == "Received"]
    assert len(trace) == 3  # mail goes uphill: from the second to the first


def test_equal_preferences_take_turns_by_lot(make):
    def first(seed: int) -> str:
        world = make(seed)
        for number in (2, 3):
            names(world, number, 10)
        send(world.user("alice@example.com"), world.user("bob@example.org"))
        world.settle()
        assert len(world.user("bob@example.org").retrieve()) == 1
        return tried(world)[0]

    assert {first(seed) for seed in range(20)} == {"mail.example.org", "mx2.example.net", "mx3.example.net"}
    assert first(3) == first(3)


def test_without_mx_the_host_of_that_name(world, alice, bob):
    world.names.remove("example.org", "MX")
    world.names.add("example.org", "A", bob.server.host.address)
    send(alice, bob)
    world.settle()
    assert len(bob.retrieve()) == 1
    lookups = world.capture.lookups
    assert list(lookups["name"] + " " + lookups["type"]) == ["example.org MX", "example.org A"]


def test_an_address_for_a_domain(world, alice, bob):
    literal = f"postmaster@[{bob.server.host.address}]"
    send(alice, literal)
    world.settle()
    assert len(bob.server.read(f"postmaster@{bob.server.name}")) == 1
    assert tried(world, "dns") == []


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([], "gone.example does not exist"),
        (["0 ."], "gone.example takes no mail (null MX)"),
        (["10 mail.example.com."], "mail for gone.example leads to mail.example.com itself"),
        (["5 a.example.", "10 b.example."], "no mail host of gone.example has an address"),
    ],
)
def test_mail_that_has_nowhere_to_go_comes_back_at_once(world, alice, records, reason):
    if records:
        world.names.add("gone.example", "MX", *records)
    before = world.now()
    send(alice, "bob@gone.example")
    assert reason in returned(world, alice)
    assert (world.now() - before).total_seconds() < 2


def test_a_name_without_any_record_for_mail(world, alice):
    world.names.add("odd.example", "TXT", "no mail here")
    send(alice, "bob@odd.example")
    assert "no mail host of odd.example has an address" in returned(world, alice)


def test_a_better_host_that_does_not_exist_is_passed_over(world, alice, bob):
    world.names.add("example.org", "MX", "5 nosuch.example.net.")
    send(alice, bob)
    world.settle()
    assert len(bob.retrieve()) == 1


def test_a_host_with_two_addresses(world, alice, bob):
    world.names.remove("mail.example.org", "A")
    world.names.add("mail.example.org", "A", "203.0.113.99", bob.server.host.address)
    send(alice, bob)
    world.settle()
    assert len(bob.retrieve()) == 1
    assert [seen.server for seen in world.network.tap.connections if seen.server_port == 25] == [
        "203.0.113.99",
        bob.server.host.address,
    ]


# When


def test_a_name_server_that_fails_is_asked_again_later(world, alice, bob):
    world.names.fail("example.org")
    send(alice, bob)
    world.wait(0.4 * HOUR)
    (queued,) = alice.server.relay.queue
    assert (queued.attempts, queued.pending) == (1, ["bob@example.org"])
    assert queued.last["bob@example.org"][:2] == (
        "temporary",
        "the name server answers SERVFAIL about example.org",
    )
    assert (queued.next_attempt - queued.since).total_seconds() == pytest.approx(0.5 * HOUR, abs=1)
    world.names.fail("example.org", False)
    world.settle()
    assert len(bob.retrieve()) == 1


def test_an_always_on_host_that_is_off_for_some_hours(world, alice):
    carol = world.always_on("carol@carol.example")
    with carol.offline():
        send(alice, "carol@carol.example")
        world.wait(3 * HOUR)
        assert carol.read("carol@carol.example") == []
    world.settle()
    assert len(carol.read("carol@carol.example")) == 1
    opened = [seen.opened / 1e6 / HOUR for seen in world.network.tap.connections if seen.service == "smtp"]
    gaps = [later - earlier for earlier, later in pairwise(opened)]
    assert gaps == pytest.approx([0.5, 0.5, 1, 2], abs=0.05)


def test_a_server_that_is_off_itself_keeps_its_queue(world, alice, bob):
    send(alice, bob)  # the relay has not yet begun
    with alice.server.offline():
        world.wait(2 * HOUR)
        assert len(alice.server.relay.queue) == 1
    world.settle()
    assert len(bob.retrieve()) == 1


def test_a_next_host_that_says_nothing(world, alice, bob):
    def mute(event):
        return Rewrite(b"") if event.sender == "server" and event.connection.service == "smtp" else PASS

    before = world.now()
    with world.fault(mute):
        send(alice, bob)
        world.wait(0.3 * HOUR)
    (said,) = alice.server.relay.queue[0].last.values()
    assert "no octet came in 300 seconds; the client was waiting for the greeting" in said.text
    world.settle()
    assert len(bob.retrieve()) == 1
    assert 0.5 * HOUR < (world.now() - before).total_seconds() < HOUR


def test_giving_up_after_five_days(world, alice, bob):
    before = world.now()
    with bob.server.offline():
        send(alice, bob, "alice@example.com")
        notice = returned_beside_the_letter(world, alice)
    assert (world.now() - before).days == 5
    assert sum(RETRY_AFTER) == 5 * 24 * HOUR
    assert "<bob@example.org>:" in notice
    assert f"given up after {len(RETRY_AFTER) + 1} attempts: mail.example.org [192.0.2.3]:" in notice
    assert "Subject: a letter" in notice
    assert "Auto-Submitted: auto-replied" in notice
    assert bob.retrieve() == []


def returned_beside_the_letter(world, alice) -> str:
    world.settle()
    letter, notice = alice.retrieve("pop3")
    assert b"Dear reader" in letter
    assert get(notice, "To") == b"alice@example.com"
    return notice.decode()


# Who


def test_a_recipient_who_is_unknown_there(world, alice, bob):
    send(alice, "nobody@example.org", bob)
    notice = returned(world, alice)
    assert "550 5.1.1 <nobody@example.org>: no such user here" in notice
    assert "bob@example.org>:" not in notice
    assert len(bob.retrieve()) == 1


def test_several_recipients_in_several_domains(world, alice, bob):
    carol = world.user("carol@example.net")
    ben = world.user("ben@example.org")
    send(alice, bob, carol, ben, "nobody@example.net")
    assert "nobody@example.net" in returned(world, alice)
    assert [len(user.retrieve()) for user in (bob, ben, carol)] == [1, 1, 1]
    assert sorted(tried(world)) == ["mail.example.net", "mail.example.org"]  # one copy for each domain


def test_one_recipient_who_is_refused_for_now(world, alice, bob):
    ben = world.user("ben@example.org")
    refusals = 2

    def greylist(event):
        nonlocal refusals
        if event.sender == "server" and b"5.1.1 <later@" in event.data and refusals:
            refusals -= 1
            return Rewrite(b"451 4.7.1 come back later\r\n")
        return PASS

    with world.fault(greylist):
        send(alice, bob, "later@example.org", ben)
        world.wait(60)
        (queued,) = alice.server.relay.queue
        assert queued.pending == ["later@example.org"]
        assert queued.last["later@example.org"] == (
            *("temporary", "451 4.7.1 come back later", "4.7.1"),
            "mail.example.org",
        )
        later = world.user("later@example.org")
        world.settle()
    assert [len(user.retrieve()) for user in (bob, ben, later)] == [1, 1, 1]
    assert len(tried(world)) == 2


def test_a_notice_that_cannot_be_delivered_is_not_returned(world, alice):
    """A double bounce: the sender's address leads nowhere either."""
    server = alice.server
    for sender in ("ghost@example.com", "ghost@gone.example"):
        world.run(world.converse(alice, server, "submission", letter_from(sender, alice)))
    world.settle()
    assert server.read("alice@example.com") == []
    assert server.read("postmaster@mail.example.com") == []
    assert all(not each.relay.queue for each in world.servers.values())


def letter_from(sender: str, alice):
    message = alice.compose(to="nobody@gone.example", text="x")
    login = {"user": alice.address, "password": alice.password}
    return smtp.submit(alice.name, sender, ["nobody@gone.example"], message, **login)


def test_a_notice_goes_to_another_domain_by_smtp(world, alice, bob):
    sent = smtp.deliver("bob@example.org", ["nobody@example.com"], b"Subject: back\r\n\r\nx\r\n")

    def session():
        yield from smtp.greeting()
        yield from smtp.hello("mail.example.org")
        return (yield from sent)

    backup = world.domain("example.com", server="mx2.example.net", preference=20)
    world.run(world.converse(bob, backup, "smtp", session()))
    world.settle()
    (notice,) = bob.retrieve("imap")
    assert b"mail server of mx2.example.net" in notice
    assert b"no such user here" in notice
    assert b"by mail.example.org with ESMTP" in notice
    assert notice.startswith(b"Return-Path: <>\r\n")


def test_mail_that_runs_in_a_circle_is_stopped(world, alice):
    """Two hosts that each take the other for the one that keeps the mail."""
    first = world.domain("loop.example", server="one.example.net")
    second = world.domain("loop.example", server="two.example.net")
    first.domains.remove("loop.example")
    first.relay.homes["loop.example"] = second.name
    world.names.remove("loop.example", "MX")
    world.names.add("loop.example", "MX", "10 one.example.net.", "10 two.example.net.")
    send(alice, "bob@loop.example")
    notice = returned(world, alice)
    assert "554 5.4.6 Too many hops" in notice
    assert len(tried(world)) == 101 + 1  # and the notice


def test_two_copies_after_a_lost_reply(either):
    alice, bob = either.user("alice@example.com"), either.user("bob@example.org")
    with either.fault(cut_before_final_reply()):
        send(alice, bob)
        either.settle()
    one, two = bob.retrieve()
    assert get(one, "Message-ID") == get(two, "Message-ID")
    assert one != two
    assert [seen.ended for seen in either.network.tap.connections if seen.service == "smtp"] == [
        "cut",
        "quit",
    ]


def test_on_either_network(either):
    alice, bob = either.user("alice@example.com"), either.user("bob@example.org")
    with bob.server.offline():
        send(alice, bob)
        assert len(alice.server.relay.queue) == 1
    send(alice, "nobody@example.org")
    either.settle()
    (notice,) = alice.retrieve("pop3")
    assert b"no such user here" in notice
    assert len(bob.retrieve("imap")) == 1
