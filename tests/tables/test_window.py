"""A capture of what happens while in a block."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from labkit.errors import LabError
from labkit.world.world import World


@pytest.fixture
def world() -> World:
    return World(seed=0)


def test_only_what_happens_meanwhile(world: World) -> None:
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    alice.submit(alice.compose(to=bob, text="one"))
    world.settle()
    with world.capture() as fetched:
        bob.retrieve("pop3")
    bob.retrieve("imap")
    assert list(fetched.connections.protocol) == ["pop3"]
    assert set(fetched.exchanges.protocol) == {"pop3"}
    assert len(fetched.messages) == 1
    assert len(fetched.lookups) == 0
    assert set(world.capture.connections.protocol) == {"smtp", "pop3", "imap"}


def test_a_connection_that_was_there_before_and_goes_on_afterwards(world: World) -> None:
    bob = world.user("bob@example.org")
    console = bob.console(bob.server, 110)
    console.connect()
    console.type("USER bob@example.org")
    with world.capture() as seen:
        assert len(seen.exchanges) == 0
        console.type("PASS secret-bob")
        assert list(seen.exchanges.verb) == ["PASS"]  # it can be looked at meanwhile
        console.type("STAT")
    console.type("QUIT")
    assert list(seen.exchanges.verb) == ["PASS", "STAT"]
    assert list(seen.exchanges.exchange) == [2, 3]
    assert list(seen.with_secrets().exchanges.argument.fillna("")) == ["secret-bob", ""]
    assert len(seen.where(0).exchanges) == 2
    assert len(seen.connections) == 1


def test_a_connection_in_vain_is_there_if_it_was_tried_meanwhile(world: World) -> None:
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    with bob.server.offline(), world.capture() as seen:
        alice.submit(alice.compose(to=bob, text="one"))
        world.wait(200)
    with world.capture() as after:
        pass
    assert list(seen.connections.ended) == ["quit", "timeout"]
    assert len(after.connections) == 0


def test_the_window_closes_also_after_an_error(world: World) -> None:
    bob = world.user("bob@example.org")
    with suppress(ZeroDivisionError), world.capture() as seen:
        bob.retrieve("pop3")
        raise ZeroDivisionError
    bob.retrieve("pop3")
    assert len(seen.connections) == 1


def test_it_is_no_whole_capture(world: World, tmp_path: Path) -> None:
    with world.capture() as seen:
        world.user("bob@example.org").retrieve("pop3")
    with pytest.raises(LabError, match="write the whole capture"):
        seen.to_pcap(tmp_path / "part.pcap")
