from __future__ import annotations

import pytest

from labkit.clients.dialogue import Disconnected
from labkit.world.faults import cut_before_final_reply, delay, no_answer


@pytest.fixture
def alice(world):
    return world.user("alice@example.com")


@pytest.fixture
def bob(world):
    return world.user("bob@example.org")


def test_the_final_reply_is_lost(world, alice, bob):
    with world.fault(cut_before_final_reply(times=2)):
        alice.submit(alice.compose(to=bob, text="x"))
        world.settle()
    assert len(bob.retrieve()) == 3
    exchanges = world.capture.exchanges
    assert list(exchanges[(exchanges.verb == ".") & (exchanges.step == "relay")].outcome) == [
        "unanswered",
        "unanswered",
        "ok",
    ]


def test_the_final_reply_to_the_sender_is_lost(world, alice, bob):
    letter = alice.compose(to=bob, text="x")
    with world.fault(cut_before_final_reply(service="submission")):
        with pytest.raises(Disconnected, match="waiting for the reply to the message"):
            alice.submit(letter)
        alice.submit(letter)
    world.settle()
    assert len(bob.retrieve()) == 2


def test_only_while_in_the_block(world, alice, bob):
    with world.fault(cut_before_final_reply()):
        pass
    assert world.network.faults == []
    alice.submit(alice.compose(to=bob, text="x"))
    world.settle()
    assert len(bob.retrieve()) == 1


def test_slow_answers(world, alice, bob):
    def seconds() -> float:
        before = world.now()
        alice.submit(alice.compose(to=bob, text="x"))
        return (world.now() - before).total_seconds()

    at_once = seconds()
    with world.fault(delay(10, service="pop3")):
        assert seconds() == pytest.approx(at_once)
    with world.fault(delay(10)):
        assert seconds() == pytest.approx(at_once + 8 * 10)  # the greeting and seven replies


@pytest.mark.parametrize("by", ["name", "address"])
def test_no_answer(world, alice, bob, by):
    host = bob.server.host
    with world.fault(no_answer(getattr(host, by))):
        alice.submit(alice.compose(to=bob, text="x"))
        world.wait(60)
        with pytest.raises(OSError, match="does not answer"):
            bob.retrieve()
    world.settle()
    assert len(bob.retrieve()) == 1
