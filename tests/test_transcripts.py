"""Every golden transcript, played against our servers and typed into the console."""

from __future__ import annotations

import pytest
from support.transcript import Transcript, can_be_typed, parse, play, transcripts, type_in, verbatim

ALL = transcripts()
NAMES = [each.name for each in ALL]


@pytest.mark.parametrize("transcript", ALL, ids=NAMES)
def test_the_server_says_its_lines(transcript: Transcript) -> None:
    play(transcript)


@pytest.mark.parametrize(
    "transcript", [each for each in ALL if can_be_typed(each)], ids=lambda each: each.name
)
def test_so_it_does_to_the_console(transcript: Transcript) -> None:
    type_in(transcript)


def test_those_for_the_dissector_can_be_read() -> None:
    assert all(turn.kind in "CS" for each in verbatim() for turn in each.turns)


# The format itself

SMALL = """\
# a comment
service: smtp
host: foo.com
user: bob@foo.com secret
mail: bob@foo.com Old \\Seen $Junk
| Subject: x
|
|  y

S: 220 foo.com ESMTP labkit
C: HELP \\n
C~ NO\\x4fP\\r\\n
"""


def test_a_transcript_is_read() -> None:
    small = parse(SMALL, "small")
    assert (small.service, small.host, small.users) == ("smtp", "foo.com", [("bob@foo.com", "secret")])
    assert small.mails == [("bob@foo.com", "Old", ["\\Seen", "$Junk"], b"Subject: x\r\n\r\n y\r\n")]
    assert small.streams() == (b"HELP \\n\r\nNOOP\r\n", b"220 foo.com ESMTP labkit\r\n")


def test_names_stand_for_what_was_said_first() -> None:
    small = parse("service: smtp\nS: $$ $a: $b; $_ $a\nC: $a $b", "small")
    names: dict[str, str] = {}
    small.turns[0].check("$ 1: 2; anything at all 1", names)
    assert small.turns[1].octets(names) == b"1 2\r\n"
    assert small.streams()[0] == b"a b\r\n"
    with pytest.raises(pytest.fail.Exception, match="small:2: expected"):
        small.turns[0].check("$ 1: 2; anything at all 2", {})


@pytest.mark.parametrize("bad", ["X: y", "C HELP", "host: late", "> jump"])
def test_a_line_that_is_none_of_the_format_is_an_error(bad: str) -> None:
    with pytest.raises(ValueError, match="small:3"):
        parse(f"service: smtp\nC: NOOP\n{bad}", "small")


CONVERSATION = "service: smtp\nS: 220 mx.example.org ESMTP labkit\nC: NOOP\n"


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("S: 250 2.0.0 No", ":4: expected '250 2.0.0 No', got '250 2.0.0 Ok'"),
        ("C: NOOP", r":4: .*also"),
        ("", ":3: .*also"),
        ("S: 250 2.0.0 Ok\nS: 250", ":5: expected '250'"),
        ("S: 250 2.0.0 Ok\n> closed", ":5: the connection is still open"),
    ],
)
def test_a_server_that_departs_from_it_is_noticed(rest: str, why: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=why):
        play(parse(CONVERSATION + rest, "small"))
