from __future__ import annotations

from typing import Any, Literal

import pytest

from labkit.views.deletions import Deletions
from labkit.views.journey import journey
from labkit.views.moments import Walk, moments, still
from labkit.world.faults import cut_before_final_reply
from labkit.world.world import World

A, B, C, D = "alice-pc.example.com", "mail.example.com", "mail.example.org", "bob-pc.example.org"


@pytest.fixture(scope="module")
def world() -> World:
    """One letter, the first attempt to relay it cut, fetched and deleted by POP3."""
    world = World()
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    alice.submit(alice.compose(to=bob, subject="Lunch", text="Friday?"))
    with world.fault(cut_before_final_reply()):
        world.wait(1)
    world.settle()
    bob.retrieve("pop3", delete=True)
    return world


@pytest.fixture(scope="module")
def walk(world: World) -> Walk:
    return moments(world)


def lying(walk: Walk, words: str) -> dict[tuple[str, str], int]:
    """How many letters lie where, when the first moment of these words is over."""
    moment = next(moment for moment in walk if words in moment.words)
    return {key: len(found) for key, found in moment.places.items() if found}


def test_the_message_moves_from_place_to_place(walk: Walk) -> None:
    assert [device.name for device in walk.devices] == [A, B, "name server", C, D]
    assert lying(walk, "is ready") == {(A, "outbox"): 1}
    assert lying(walk, "sender's server accepts") == {(B, "queue"): 1}
    assert lying(walk, "MX example.org") == {(B, "queue"): 1}


def test_what_the_sender_cannot_know_is_told_by_what_is_fetched_later(walk: Walk) -> None:
    assert lying(walk, "takes “Lunch”, but its reply does not arrive") == {(B, "queue"): 1, (C, "mailbox"): 1}
    assert lying(walk, "recipient's server accepts") == {(C, "mailbox"): 2}  # RFC 1047: two copies
    assert lying(walk, "deletes 2 messages") == {(D, "fetched"): 2}


def test_received_fields_as_they_are_added(walk: Walk) -> None:
    said = {moment.words: moment.received for moment in walk if moment.letter}
    assert said["“Lunch” is ready on the sender's host"] == ()
    first = said["sender's server accepts “Lunch”"]
    both = said["recipient's server accepts “Lunch”"]
    assert len(first) == 1
    assert first[0].startswith(f"Received: from {A} by {B} with ESMTPA id ")
    assert both[0] == first[0]
    assert f"from {B} by {C} with ESMTP" in both[1]


def test_a_field_nobody_has_seen_yet_is_told_as_unknown() -> None:
    world = World()
    alice = world.user("alice@example.com")
    world.user("bob@example.org")
    alice.submit(alice.compose(to="bob@example.org", subject="Lunch", text="Friday?"))
    world.settle()
    assert moments(world)[-1].received[-1] == f"Received: … by {C} …"


def test_mail_within_one_domain_never_waits_in_a_queue() -> None:
    world = World()
    alice, carol = world.user("alice@example.com"), world.user("carol@example.com")
    alice.submit(alice.compose(to=carol, subject="Tea", text="Now?"))
    carol.retrieve("imap")
    places = {place for moment in moments(world) for _, place in moment.places}
    assert places == {"outbox", "mailbox", "fetched"}


@pytest.mark.parametrize("protocol", ["pop3", "imap"])
def test_a_mailbox_is_empty_when_its_messages_are_deleted(protocol: Literal["pop3", "imap"]) -> None:
    world = World()
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    for subject in ("One", "Two"):
        alice.submit(alice.compose(to=bob, subject=subject, text="Hello"))
        world.settle()
    bob.retrieve(protocol)
    before = moments(world)[-1]
    bob.retrieve(protocol, delete=True)
    after = next(moment for moment in moments(world) if "deletes 2 messages" in moment.words)
    assert [len(moment.places.get((C, "mailbox"), ())) for moment in (before, after)] == [2, 0]


def imap(verb: str, argument: str = "", outcome: str = "ok") -> dict[str, Any]:
    return {"protocol": "imap", "verb": verb, "argument": argument, "outcome": outcome}


def pop3(verb: str, argument: str = "", outcome: str = "ok") -> dict[str, Any]:
    return {"protocol": "pop3", "verb": verb, "argument": argument, "outcome": outcome}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([pop3("DELE", "1"), pop3("QUIT")], ["a"]),
        ([pop3("DELE", "1"), pop3("RSET"), pop3("QUIT")], []),
        ([pop3("DELE", "1", "permanent"), pop3("DELE", "9"), pop3("QUIT")], []),
        ([pop3("DELE", "1")], []),
        ([imap("UID STORE", r"1:* +FLAGS.SILENT (\Deleted)"), imap("EXPUNGE"), imap("EXPUNGE")], ["a", "b"]),
        ([imap("UID STORE", r"2 FLAGS \Deleted \Seen"), imap("CLOSE")], ["b"]),
        ([imap("UID STORE", r"1:2 +FLAGS (\Deleted)"), imap("UID STORE", r"1 -FLAGS (\Deleted)"),
          imap("EXPUNGE")], ["b"]),
        ([imap("UID STORE", r"1 +FLAGS (\Deleted)"), imap("UID STORE", r"1 FLAGS ()"), imap("CLOSE")], []),
        ([imap("UID STORE", r"1 +FLAGS (\Seen)"), imap("UID STORE", "nonsense"), imap("CLOSE")], []),
        ([imap("UID STORE", r"1 +FLAGS (\Deleted)"), imap("LOGOUT")], []),
    ],
)  # fmt: skip
def test_what_is_deleted(said: list[dict[str, Any]], expected: list[str]) -> None:
    deletions = Deletions()
    for number, trace in ((1, "a"), (2, "b")):
        fetch = {"protocol": said[0]["protocol"], "argument": str(number)}
        deletions.fetched(fetch, {"uid": number, "trace_id": trace})
    assert [trace for row in said for trace in deletions.gone(row)] == expected


def test_a_host_that_does_not_answer() -> None:
    world = World(domains=("example.com",))
    alice = world.user("alice@example.com")
    with world.always_on("bob@example.org").offline():
        alice.submit(alice.compose(to="bob@example.org", subject="In vain", text="Hello"))
        world.wait(3600)
    failed = [moment for moment in moments(world) if moment.outcome == "unanswered"]
    assert failed[0].words.endswith("nobody answers")
    assert dict(failed[0].places)["mail.example.com", "queue"]


def test_every_exchange_is_a_moment_when_asked_for(world: World, walk: Walk) -> None:
    every = moments(world, every="exchange")
    assert len(every) > len(walk)
    assert [moment.words for moment in every if moment.is_step] == [moment.words for moment in walk]
    assert any("RCPT TO:<bob@example.org>: ✓ 250" in moment.words for moment in every)
    assert list(every) == sorted(every, key=lambda moment: moment.at)


def test_one_message_can_be_followed_alone(world: World, walk: Walk) -> None:
    trace = walk[0].letter.trace  # type: ignore[union-attr]
    assert moments(world, trace=trace).most == walk.most
    assert moments(world, trace="another").most == {}


def test_a_moment_as_a_picture_says_the_same_in_words(walk: Walk) -> None:
    at = next(i for i, moment in enumerate(walk) if "recipient's server accepts" in moment.words)
    picture = still(walk, at)
    assert f"Moment {at + 1} of {len(walk)}" in str(picture)
    for form in (str(picture), picture.svg or ""):
        assert "mailbox: " in form
        assert f"from {B} by {C} with ESMTP" in form
    assert "2 in the mailbox of the recipient's server" in picture.alt
    assert still(walk, -1) == still(walk, len(walk) - 1)


def test_the_pictures_of_a_walk_have_one_width_and_the_journey_shows_them(world: World, walk: Walk) -> None:
    widths = {(still(walk, k).svg or "").split('viewBox="0 0 ')[1].split(" ")[0] for k in range(len(walk))}
    assert len(widths) == 1
    assert journey(world, moment=2) == still(walk, 2)


def test_nothing_to_show(journey_rows: dict[str, Any]) -> None:
    empty = moments({"connections": [], "messages": []})
    assert len(empty) == 0
    assert "Nothing travelled" in str(still(empty, 0))
    assert len(moments(journey_rows)) > 5  # plain rows are enough
