from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from labkit import World
from labkit.capture.changes import broken, changes
from labkit.capture.pcap import read
from labkit.errors import LabError
from labkit.net.faults import Cut, Event, Gather, Rewrite, Rule, Verdict

WorldWith = Callable[[Rule | str], World]


@pytest.fixture
def world_with() -> Iterator[WorldWith]:
    """Makes a world in which one letter was submitted, or was to be."""
    with ExitStack() as stack:

        def make(rule: Rule | str) -> World:
            world = stack.enter_context(World(seed=0))
            alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
            with world.fault(rule), suppress(LabError, OSError):
                alice.submit(alice.compose(to=bob, subject="Hello", text="Hello, hello Bob.\n"))
            world.settle()
            return world

        yield make


def test_only_the_lines_that_differ_are_told(world_with: WorldWith) -> None:
    tape = world_with("strip-starttls").seen_from("client").tape
    (change,) = [each for each in changes(tape) if each.flow == 0]
    assert (change.sender, change.written, change.arrived) == ("server", b"250-STARTTLS\r\n", b"")
    assert tape.flows[0].server.data[change.offset :].startswith(b"250-AUTH")


@pytest.mark.parametrize(("side", "here"), [("client", b"hello Bob"), ("server", b"HELLO Bob")])
def test_each_end_has_its_own_view_of_a_change(world_with: WorldWith, side: str, here: bytes) -> None:
    world = world_with("rewrite-line:hello,HELLO")
    tape = (world.seen_from("server") if side == "server" else world.seen_from("client")).tape
    change = next(changes(tape))
    assert (change.written, change.arrived) == (b"Hello, hello Bob.\r\n", b"Hello, HELLO Bob.\r\n")
    assert change.own == (side == "client")
    assert tape.flows[0].client.data[change.offset :].startswith(b"Hello, " + here)


def test_what_a_cut_loses_is_told_and_that_it_was_a_fault(world_with: WorldWith) -> None:
    def before_data(event: Event) -> Verdict:
        return Cut() if event.data.startswith(b"354") else Rewrite(event.data)

    tape = world_with(before_data).seen_from("client").tape
    assert broken(tape) == {0}
    (change,) = changes(tape)
    assert change.written.startswith(b"354")
    assert (change.arrived, change.offset) == (b"", len(tape.flows[0].server))


def test_a_refused_connection_is_the_fault_s_and_one_that_nobody_serves_is_not(world_with: WorldWith) -> None:
    assert broken(world_with("refuse").seen_from("client").tape)
    with World(seed=0) as world:
        with pytest.raises(OSError, match="refused"):
            world.user("alice@example.com").console("mail.example.com", 2525).connect()
        (flow,) = world.capture.tape
        assert (flow.connection.ended, broken(world.capture.tape)) == ("reset", frozenset())


def test_octets_that_only_come_later_or_together_are_not_changed(world_with: WorldWith) -> None:
    for rule in (lambda event: Gather(0.2), "split", "latency"):
        tape = world_with(rule).seen_from("client").tape
        assert (list(changes(tape)), broken(tape)) == ([], frozenset())


def test_on_real_sockets_it_is_known_too() -> None:
    with World(seed=0, network="loopback") as world:
        alice = world.user("alice@example.com")
        with world.fault("temporary-failure"), suppress(LabError):
            alice.submit(alice.compose(to=alice, subject="Hello", text="Hello."))
        found = [(each.sender, each.written, each.arrived) for each in changes(world.capture.tape)]
    asked, answered = b"RCPT TO:<alice@example.com>\r\n", b"450 4.2.1 Try again later\r\n"
    assert found == [("client", asked, b"NOOP\r\n"), ("server", b"250 2.0.0 Ok\r\n", answered)]


def test_a_file_does_not_know(world_with: WorldWith, tmp_path: Path) -> None:
    world_with("strip-starttls").capture.to_pcap(tmp_path / "a.pcap")
    tape = read(tmp_path / "a.pcap")
    assert (list(changes(tape)), broken(tape)) == ([], frozenset())
