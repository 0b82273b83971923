"""Aliases and mailing lists: who gets a copy, and who is told of a failure (RFC 5321 3.9)."""

from __future__ import annotations

import pytest

from labkit.errors import LabError
from labkit.servers.smtp_policy import Envelope
from labkit.world.expansion import Expansion, expanded
from labkit.world.world import World


def envelope(*paths: str, sender: str = "alice@example.com") -> Envelope:
    return Envelope(sender, paths, b"Subject: x\r\n\r\nhi\r\n", "q1")


def paths(*found: Envelope) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.reverse_path, each.forward_paths) for each in found]


def test_an_alias_is_replaced_and_the_sender_stays() -> None:
    known = {"team@example.org": Expansion(("bob@example.org", "carol@example.net"))}
    found = expanded(envelope("dave@example.org", "Team@Example.org", "bob@example.org"), known)
    everybody = ("dave@example.org", "bob@example.org", "carol@example.net")
    assert paths(*found) == [("alice@example.com", everybody)]


def test_a_list_sends_an_envelope_of_its_own() -> None:
    known = {"news@example.org": Expansion(("bob@example.org",), "owner@example.org")}
    assert paths(*expanded(envelope("news@example.org", "dave@example.org"), known)) == [
        ("alice@example.com", ("dave@example.org",)),
        ("owner@example.org", ("bob@example.org",)),
    ]
    assert paths(*expanded(envelope("news@example.org"), known)) == [
        ("owner@example.org", ("bob@example.org",))
    ]


def test_names_that_name_each_other_come_to_an_end() -> None:
    known = {
        "a@example.org": Expansion(("b@example.org", "bob@example.org")),
        "b@example.org": Expansion(("a@example.org", "c@example.org")),
        "c@example.org": Expansion(("a@example.org", "c@example.org"), "owner@example.org"),
    }
    assert paths(*expanded(envelope("a@example.org"), known)) == [("alice@example.com", ("bob@example.org",))]


def test_nothing_is_changed_where_nothing_is_known() -> None:
    assert expanded(envelope("bob@example.org"), {}) == [envelope("bob@example.org")]


def test_from_host_to_host(either: World) -> None:
    alice, bob = either.user("alice@example.com"), either.user("bob@example.org")
    dave = either.user("dave@example.net")
    bob.server.alias("team@example.org", bob, dave)
    alice.submit(alice.compose(to="team@example.org", subject="To the team", text="Lunch?"))
    either.settle()
    for member in (bob, dave):
        (letter,) = member.server.read(member.address)
        assert letter.startswith(b"Return-Path: <alice@example.com>\r\n")
        assert b"To: team@example.org" in letter


def test_the_owner_of_a_list_is_told_and_its_writer_is_not(either: World) -> None:
    alice, bob = either.user("alice@example.com"), either.user("bob@example.org")
    owner = either.user("owner@example.org")
    bob.server.mailing_list("news@example.org", bob, "gone@example.net", "gone@example.org", owner=owner)
    either.domain("example.net")
    alice.submit(alice.compose(to="news@example.org", subject="News", text="None."))
    either.settle()
    assert bob.server.read("bob@example.org")[0].startswith(b"Return-Path: <owner@example.org>\r\n")
    told = b"".join(bob.server.read("owner@example.org"))
    assert told.count(b"Return-Path: <>") == 2
    assert b"<gone@example.net>" in told
    assert b"<gone@example.org>" in told
    assert alice.server.read("alice@example.com") == []


def test_a_full_mailbox_on_a_list_is_no_business_of_the_client(world: World) -> None:
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    owner = world.user("owner@example.org")
    bob.server.mailing_list("news@example.org", bob, owner=owner)
    bob.server.store.account("bob@example.org").quota = 10
    alice.submit(alice.compose(to="news@example.org", subject="News", text="None."))
    world.settle()
    assert len(bob.server.read("owner@example.org")) == 1
    assert alice.server.read("alice@example.com") == []


@pytest.mark.parametrize(
    ("address", "members", "words"),
    [
        ("team@example.com", ["bob@example.org"], "does not keep the mail of example.com"),
        ("bob@example.org", ["x@example.org"], "has a mailbox"),
        ("team@example.org", ["no address"], "RFC 5321"),
        ("team", ["bob@example.org"], "RFC 5321"),
    ],
)
def test_what_cannot_stand_for_others(world: World, address: str, members: list[str], words: str) -> None:
    server = world.user("bob@example.org").server
    with pytest.raises(LabError, match=words):
        server.alias(address, *members)
