"""What was said as lines, and expected exchanges beside it."""

from __future__ import annotations

import pytest

from labkit.errors import LabError
from labkit.views.transcript import Expected, transcript, unlike
from labkit.world.world import World

SEEN = [
    "S: 220 mail.example.com ESMTP labkit",
    "C: ehlo pc.example.com",
    "S: 250-mail.example.com",
    "S: 250 HELP",
    "C: mail FROM:<a@example.com> size=3",
    "S: 250 2.1.0 Ok",
    "C: QUIT",
    "S: 221",
]


@pytest.fixture(scope="module")
def world() -> World:
    with World(seed=0) as world:
        alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
        alice.submit(alice.compose(to=bob, subject="Hello", text="Hello.\n.\n"))
        world.settle()
    return world


@pytest.mark.parametrize(
    "expected",
    [
        "C: QUIT",
        "C: EHLO pc.example.com\nS: 250-mail.example.com",
        "C: MAIL FROM:<a@example.com> …",
        "C: MAIL FROM:<…> ...\nS: 250 …",
        "S: 220 …\n…\nC: QUIT\nS: 221 …",
        "# the whole of it\n\n  S: 220 …\n ...\n  S: 221\n",
        "…\nS: 221\n…",
    ],
)
def test_what_was_said(expected: str) -> None:
    assert Expected.read(expected).is_in(SEEN)


@pytest.mark.parametrize(
    "expected",
    [
        "C: EHLO pc.example.org",
        "C: QUIT\nC: QUIT",
        "S: 250-mail.example.com\nC: MAIL FROM:<a@example.com> …",  # a line is between them
        "C: QUIT\n…\nS: 250 HELP",  # in another order
        "C: MAIL FROM:<A@example.com> …",  # whose mailbox that is, is not for us to say
        "S: 250 help",
        "C: 221",
        "S: 22",
    ],
)
def test_what_was_not(expected: str) -> None:
    assert not Expected.read(expected).is_in(SEEN)


@pytest.mark.parametrize("text", ["", "…", "# nothing", "QUIT", "c: QUIT", "C:QUIT"])
def test_what_cannot_be_expected(text: str) -> None:
    with pytest.raises(LabError, match="begins with 'C: '"):
        Expected.read(text)


def test_lines_of_every_connection(world: World) -> None:
    said = transcript(world)
    assert said[0][0] == "S: 220 mail.example.com ESMTP labkit"
    assert "C: .." in said[0]
    assert any(line.startswith("C: AUTH PLAIN ***") for line in said[0])
    assert said[0][-1] == "S: 221 2.0.0 Goodbye"


def test_an_exchange_that_took_place(world: World) -> None:
    assert unlike(world, "C: RCPT TO:<bob@example.org>\nS: 250 …\n…\nC: QUIT") is None
    assert unlike(world.capture, "C: RCPT TO:<bob@example.org>") is None


def test_the_difference_is_shown_on_the_nearest_connection(world: World) -> None:
    said = unlike(world, "C: AUTH PLAIN …\nS: 535 …\nC: QUIT")
    assert said is not None
    assert "on connection 0, alice-pc.example.com to mail.example.com (and 1 more);" in said
    lines = said.splitlines()
    assert "  - S: 535 …" in lines
    assert "  + S: 235 2.7.0 Authentication successful" in lines
    assert lines[lines.index("    C: QUIT") + 1] == "    S: 221 2.0.0 Goodbye"
    assert lines[3] == "    …"  # what comes before is cut


def test_nothing_at_all_was_said() -> None:
    with World() as world:
        assert unlike(world, "C: QUIT") == "This exchange was not on the wire; nobody said anything at all."
