"""The exercises against worlds in which it really happens, as the notebooks make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from labkit.course import catalogue
from labkit.course.exercises.n00_start_here import LETTER_SUBJECT
from labkit.world.faults import cut_before_final_reply
from labkit.world.world import World

HOUR = 3600
Letter = Callable[..., World]


def reason(number: str, *given: Any) -> str:
    """Why not; empty when the answer is right."""
    verdict = catalogue.get(number).judge(*given)
    return "" if verdict.ok else verdict.reason


@pytest.fixture
def make() -> Iterator[Callable[[], World]]:
    """Worlds that are closed when the test is over."""
    with ExitStack() as open_worlds:
        yield lambda: open_worlds.enter_context(World())


@pytest.fixture
def letter(make: Callable[[], World]) -> Letter:
    """A world in which Alice has written to Bob, and Bob has fetched it."""

    def write(subject: str = LETTER_SUBJECT, access: tuple[str, ...] = ("pop3",), fault: Any = None) -> World:
        world = make()
        alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
        if fault is not None:
            world.network.faults.append(fault)
        alice.submit(alice.compose(to=bob, subject=subject, text="Dear Bob, ..."))
        world.settle()
        for protocol in access:
            bob.retrieve(protocol)  # type: ignore[arg-type]
        return world

    return write


def test_your_words_on_the_wire(letter: Letter, make: Callable[[], World]) -> None:
    world = letter("My own words", access=("pop3", "imap"))
    messages = world.capture.messages
    by_messages = list(messages[messages.subject == "My own words"].connection)
    lines = world.capture.lines
    by_bytes = set(lines[lines.text.str.contains("My own words")].connection)
    assert reason("00.1", by_messages, world) == ""
    assert reason("00.1", by_bytes, world) == ""
    assert "look-up in the DNS" in reason(
        "00.1", [*by_messages, int(world.capture.lookups.connection[0])], world
    )
    assert "still has the subject" in reason("00.1", by_messages, letter())
    assert "No letter crossed" in reason("00.1", [0], make())


def test_predict_each_leg(letter: Letter) -> None:
    world = letter(access=("imap",))
    legs = world.capture.connections.groupby("step", observed=True).protocol.first()
    seen = {"submission": legs["submit"], "delivery": legs["relay"], "access": legs["access"]}
    assert reason("00.2", seen, world) == ""
    assert reason("00.2", {"submission": "SMTP", "delivery": "SMTP", "access": "IMAP"}, world) == ""
    assert "Access is not SMTP" in reason("00.2", seen | {"access": "SMTP"}, world)


def test_say_it_yourself(make: Callable[[], World]) -> None:
    world = make()
    alice = world.user("alice@example.com")
    world.user("bob@example.org")
    assert "Nobody has said anything" in reason("00.3", world)
    console = alice.console("mail.example.org", 25)
    console.connect()
    assert "say your name" in reason("00.3", world)
    for line, words in (
        ("MAIL FROM:<me@example.com>", "MAIL came too early"),
        ("EHLO me.example.com", "say who it is from"),
        ("MAIL FROM:<me@example.com>", "say who it is for"),
        ("RCPT TO:<nobody@example.org>", "550"),
        ("RCPT TO:<bob@example.org>", "announce the letter"),
        ("DATA", "only a dot"),
        ("Subject: typed by hand\n\nHello Bob.\n.", ""),
    ):
        console.ask(line)
        assert words in reason("00.3", world)
    assert reason("00.3", world) == ""


def test_the_row_where_they_parted(letter: Letter) -> None:
    world = letter(fault=cut_before_final_reply())
    rows = world.capture.exchanges
    lost = rows[(rows.verb == ".") & (rows.outcome == "unanswered")]
    pair = (lost.connection.iloc[0], lost.exchange.iloc[0])
    assert reason("00.4", pair, world) == ""
    ended = world.capture.connections.query("ended == 'cut'").connection.iloc[0]
    assert reason("00.4", [ended, rows[rows.connection == ended].exchange.max()], world) == ""
    again = rows[(rows.verb == ".") & (rows.outcome == "ok") & (rows.connection > pair[0])]
    assert "second attempt" in reason("00.4", (again.connection.iloc[0], again.exchange.iloc[0]), world)
    assert "Switch the fault on" in reason("00.4", pair, letter())


def test_steps_and_hats(letter: Letter) -> None:
    world = letter()
    steps = {"compose": "sender's host", "submit": "sender's host", "deliver": "sender's server",
             "receive": "recipient's server", "access": "recipient's host"}  # fmt: skip
    hats = {
        "client": ["sender's host", "sender's server"],
        "server": ["sender's server", "recipient's server"],
    }
    assert reason("01.1", steps, world) == ""
    assert reason("01.2", hats, world) == ""
    assert "two hats" in reason("01.2", hats | {"server": ["recipient's server"]}, world)


def test_without_an_access_protocol(letter: Letter, make: Callable[[], World]) -> None:
    world = make()
    alice = world.user("alice@example.com")
    server = world.always_on("bob@bob.example")
    assert "No letter was taken" in reason("01.3", world)
    alice.submit(alice.compose(to="bob@bob.example", text="To your own host."))
    world.settle()
    assert reason("01.3", world) == ""
    assert server.read("bob@bob.example")
    assert "waits at the recipient's server" in reason("01.3", letter(access=()))
    assert "speaks IMAP" in reason("01.3", letter(access=("imap",)))


def test_the_longest_wait(make: Callable[[], World]) -> None:
    world = make()
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    for wait in (2, 21, 5):
        alice.submit(alice.compose(to=bob, subject=f"wait {wait}", text="..."))
        world.settle()
        world.wait(wait * HOUR)
        bob.retrieve("pop3", delete=True)
    letters = world.capture.messages.query("outcome == 'ok'")
    begin = letters[letters.step == "submit"].groupby("trace_id").time.min()
    end = letters[letters.direction == "retrieved"].groupby("trace_id").time.min()
    measured = (end - begin).max().total_seconds() / HOUR
    assert reason("01.4", measured, world) == ""
    assert reason("01.4", 21, world) == ""
    assert "in seconds" in reason("01.4", measured * HOUR, world)
    assert "the mean" in reason("01.4", 28 / 3, world)
