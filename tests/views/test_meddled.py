from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from labkit import World, annotate, ladder
from labkit.errors import LabError
from labkit.views.meddled import meddled

WorldWith = Callable[[str], World]


@pytest.fixture
def world_with() -> Iterator[WorldWith]:
    """Makes a world in which a letter was sent, and fetched by IMAP, while something went wrong."""
    with ExitStack() as stack:

        def make(fault: str) -> World:
            world = stack.enter_context(World(seed=0))
            alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
            with world.fault(fault), suppress(LabError, OSError):
                alice.submit(alice.compose(to=bob, subject="Hello", text="Hello, hello Bob.\n"))
                world.settle()
                bob.retrieve("imap")
            world.settle()
            return world

        yield make


def below(text: str, words: str) -> str:
    """The first mark of a fault below the line that has these words."""
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if words in line)
    return next(line.strip() for line in lines[begin:] if "✎" in line)


@pytest.mark.parametrize(
    ("fault", "line", "mark"),
    [
        ("strip-starttls", "250-SMTPUTF8", "✎ taken away by a fault: “250-STARTTLS\\r\\n”"),
        ("rewrite-line:hello,HELLO", "hello Bob", "✎ changed by a fault: “Hello, HELLO Bob.\\r\\n” arrived"),
        ("wrong-reply", "+OK", "✎ changed by a fault: the server wrote “250 2.1.0 Ok\\r\\n”"),
        ("temporary-failure", "RCPT TO", "✎ changed by a fault: “NOOP\\r\\n” arrived"),
    ],
)
def test_below_a_line_stands_what_a_fault_made_of_it(
    world_with: WorldWith, fault: str, line: str, mark: str
) -> None:
    picture = annotate(world_with(fault), connection=0)
    assert below(str(picture), line) == mark
    assert f"<b>{mark.partition(':')[0]}</b>" in picture._repr_html_()
    assert mark.partition(": ")[2] in annotate(world_with(fault), connection=0, hex=True)._repr_html_()


def test_a_reply_that_was_lost_stands_below_its_command(world_with: WorldWith) -> None:
    world = world_with("cut-before-final-reply:service=submission")
    text = str(annotate(world, connection=0))
    assert text.index("Hello, hello Bob.") < text.index("✎ taken away by a fault: “250 2.0.0 Ok: queued")
    labels = [line for line in str(ladder(world, connection=0)).splitlines() if "fault" in line]
    assert "no reply arrived  ✎ taken away by a fault" in labels[0]
    assert "the connection is cut by a fault" in labels[1]


def test_the_ladder_marks_the_step_by_a_sign_and_a_word(world_with: WorldWith) -> None:
    picture = ladder(world_with("temporary-failure"), connection=0)
    marked = [line for line in str(picture).splitlines() if "✎ changed by a fault" in line]
    assert ["RCPT TO" in marked[0], "450 Try again" in marked[1], len(marked)] == [True, True, 2]
    assert (picture.svg or "").count('<tspan class="lk-flaw">  ✎ changed by a fault</tspan>') == 2
    assert "✎ changed by a fault: the server wrote “250 2.0.0 Ok" in (picture.svg or "")  # on hovering


def test_an_arrow_of_which_nothing_arrives_breaks_off(world_with: WorldWith) -> None:
    world = world_with("half-close@mail.example.org:imap")
    text = str(ladder(world, connection=4))
    logout = next(line for line in text.splitlines() if "LOGOUT" in line)
    assert "✎ lost by a fault" in logout
    assert ("✗" in logout, "─>│" in logout) == (True, False)
    assert "a fault ends what the client says" in text


@pytest.mark.parametrize("fault", ["refuse", "blackhole"])
def test_a_connection_that_a_fault_refuses_is_its_work(world_with: WorldWith, fault: str) -> None:
    words = {"refuse": "the connection is refused by a fault", "blackhole": "nobody answers by a fault"}
    assert words[fault] in str(ladder(world_with(fault)))


def test_what_a_fault_puts_in_is_text_and_nothing_else(world_with: WorldWith) -> None:
    world = world_with("rewrite-line:hello,<script>alert(1)</script>")
    for view in (annotate(world, connection=0), annotate(world, connection=3), ladder(world)):
        assert "<script>" not in view._repr_html_()
        assert "&lt;script&gt;" in view._repr_html_()


def test_a_secret_stays_one(world_with: WorldWith) -> None:
    world = world_with("bare-lf")
    (login,) = [mark for mark in meddled(world, {0}).marks if mark.exchange == 2]
    assert login.detail == "something else arrived"
    assert "AGFsaWNl" not in str(annotate(world, connection=0)) + str(ladder(world))
    seen = world.seen_from("server")
    assert not re.search("AGFsaWNl", str(annotate(seen, connection=0)) + str(ladder(seen)))
    assert "AGFsaWNl" in str(annotate(world.capture.with_secrets(), connection=0))


def test_where_nothing_went_wrong_or_nobody_knows_there_is_no_mark(world_with: WorldWith) -> None:
    world = world_with("latency:0.01")
    assert meddled(world) == ([], frozenset())
    assert meddled(world.capture.rows("exchanges")) == ((), ())
