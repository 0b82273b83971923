"""Dialogues as sans-IO sessions: what is sent, what is awaited, and how each ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labkit.clients.dialogue import Dialogue, DialogueSession, Disconnected, play
from labkit.clients.smtp import GREETING, command
from labkit.errors import LabError, ProtocolError
from labkit.grammar.smtp import Reply
from labkit.net.session import Close, Send, StartTLS

Make = Callable[[], Dialogue[Any]]


def begun(make: Make) -> DialogueSession[Any]:
    session = DialogueSession(make())
    assert list(session.connected("192.0.2.1", False)) == []
    return session


def one() -> Dialogue[list[int]]:
    greeting = yield GREETING
    noop = yield command("NOOP")
    return [greeting.code, noop.code]


def test_a_command_is_sent_when_the_reply_before_it_has_come() -> None:
    session = begun(one)
    assert session.waiting_for == "the greeting"
    assert list(session.receive(b"220 he")) == []
    assert list(session.receive(b"llo\r\n")) == [Send(b"NOOP\r\n")]
    assert session.waiting_for == "the reply to NOOP"
    assert list(session.receive(b"250 Ok\r\n")) == [Close()]
    assert (session.done, session.result, session.failure) == (True, [220, 250], None)


def test_replies_may_come_together_and_too_early() -> None:
    session = begun(one)
    assert list(session.receive(b"220 hello\r\n250 Ok\r\n250 too much\r\n")) == [Send(b"NOOP\r\n"), Close()]
    assert session.result == [220, 250]


def test_a_tuple_is_sent_at_once_and_answered_by_a_tuple() -> None:
    def many() -> Dialogue[tuple[str, ...]]:
        assert (yield ()) == ()
        replies = yield command("NOOP", "1"), command("NOOP", "2")
        return tuple(reply.text for reply in replies)

    session = DialogueSession(many())
    assert list(session.connected("192.0.2.1", False)) == [Send(b"NOOP 1\r\nNOOP 2\r\n")]
    assert list(session.receive(b"250 a\r\n25")) == []
    assert list(session.receive(b"0 b\r\n")) == [Close()]
    assert session.result == ("a", "b")


def test_what_came_before_tls_is_forgotten() -> None:
    def secure() -> Dialogue[str]:
        yield command("STARTTLS")
        assert (yield StartTLS("mx.example")) is None
        return (yield command("NOOP")).text  # type: ignore[no-any-return]

    session = DialogueSession(secure())
    list(session.connected("192.0.2.1", False))
    assert list(session.receive(b"220 go\r\n250 injected\r\n")) == [StartTLS("mx.example")]
    assert list(session.encrypted()) == [Send(b"NOOP\r\n")]
    list(session.receive(b"250 true\r\n"))
    assert session.result == "true"


@pytest.mark.parametrize("end", ["eof", "timed_out", "lost"])
def test_an_end_that_comes_too_early_is_an_error(end: str) -> None:
    ends: list[bool] = []
    session = DialogueSession(one(), lambda: ends.append(True), idle_timeout=30)
    list(session.connected("192.0.2.1", False))
    list(getattr(session, end)() or ())
    assert isinstance(session.failure, Disconnected)
    assert "waiting for the greeting" in str(session.failure)
    session.lost()
    assert ends == [True]


def test_a_dialogue_may_take_the_end_for_an_answer() -> None:
    def quiet() -> Dialogue[str]:
        try:
            yield GREETING
        except Disconnected:
            return "gone"
        return "here"

    session = begun(quiet)
    assert list(session.eof()) == [Close()]
    assert (session.result, session.failure) == ("gone", None)


def test_a_dialogue_that_goes_on_asking_after_the_end_is_closed() -> None:
    def stubborn() -> Dialogue[None]:
        while True:
            try:
                yield GREETING
            except Disconnected:
                continue

    session = begun(stubborn)
    assert list(session.eof()) == [Close()]
    assert isinstance(session.failure, Disconnected)


def test_octets_that_are_no_reply_are_told_to_the_dialogue() -> None:
    def polite() -> Dialogue[None]:
        try:
            yield GREETING
        except ProtocolError:
            yield command("QUIT")
            raise

    session = begun(polite)
    assert list(session.receive(b"hello\r\n")) == [Send(b"QUIT\r\n")]
    assert list(session.receive(b"221 bye\r\n")) == [Close()]
    assert isinstance(session.failure, ProtocolError)


def test_an_error_of_the_dialogue_is_its_failure() -> None:
    def broken() -> Dialogue[None]:
        yield GREETING
        raise LabError("no")

    session = begun(broken)
    assert list(session.receive(b"220 hello\r\n")) == [Close()]
    assert str(session.failure) == "no"


def test_play_needs_no_connection() -> None:
    asked, result = play(one(), [Reply(220), Reply(250)])
    assert [each.verb for each in asked] == ["the greeting", "NOOP"]
    assert result == [220, 250]
