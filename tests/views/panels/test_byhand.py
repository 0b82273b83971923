"""Typing by hand: what may come when and why not, bad input, other protocols, and the sitting as Python."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labkit import World
from labkit.tables.table import Table
from labkit.views.panels.byhand import ByHand, Typed
from labkit.views.panels.explain import explain

LETTER = "Subject: dots\n\n.one\n..two\nend"


@pytest.fixture
def hand(world: World) -> ByHand:
    return ByHand(world, world.user("alice@example.com"))


def may(hand: ByHand) -> list[str]:
    return [choice.verb for choice in hand.choices(hand.state(hand.rows())) if not choice.reason]


def why_not(hand: ByHand, verb: str) -> str:
    return next(c.reason for c in hand.choices(hand.state(hand.rows())) if c.verb == verb)


def test_what_may_come_follows_the_state_and_the_others_have_a_reason(hand: ByHand) -> None:
    assert why_not(hand, "EHLO") == "connect first"
    hand.connect("mail.example.com", 25)
    assert hand.said == "220 mail.example.com ESMTP labkit"
    assert "EHLO" in may(hand)
    assert why_not(hand, "RCPT").startswith(
        "comes only in state mail or rcpt, and this is connected (RFC 5321"
    )
    hand.type("EHLO me\nMAIL FROM:<alice@example.com>")
    assert "RCPT" in may(hand)
    hand.type("RCPT TO:<alice@example.com>\nDATA")
    assert may(hand) == ["."]


def test_a_message_is_dot_stuffed_and_arrives_as_it_was(hand: ByHand, world: World) -> None:
    hand.data(LETTER)
    assert "connect" in hand.trouble or "DATA first" in hand.trouble
    hand.connect("mail.example.com", 25)
    hand.type("EHLO me\nMAIL FROM:<alice@example.com>\nRCPT TO:<alice@example.com>\nDATA")
    hand.data(LETTER)
    assert hand.said.startswith("250")
    kept = world.servers["mail.example.com"].read("alice@example.com")
    assert bytes(kept[-1]).endswith(b"\r\n\r\n.one\r\n..two\r\nend\r\n")


def test_lines_of_a_letter_have_no_replies_until_the_dot(hand: ByHand) -> None:
    hand.connect("mail.example.com", 25)
    hand.type(
        "EHLO me\nMAIL FROM:<alice@example.com>\nRCPT TO:<alice@example.com>\nDATA\nSubject: x\n\nhello"
    )
    assert (hand.said, hand.trouble, hand.awaits_letter) == ("", "", True)
    hand.type(".")
    assert hand.said.startswith("250")
    assert not hand.awaits_letter


def test_a_literal_of_imap_waits_to_be_asked_for(hand: ByHand) -> None:
    hand.connect("mail.example.com", 143)
    hand.literal("a1 APPEND INBOX", LETTER)
    assert hand.trouble == "the server did not ask for the octets, so they were not sent"
    hand.type("a2 LOGIN alice@example.com secret-alice")
    hand.literal("a3 APPEND INBOX", LETTER)
    assert hand.said.startswith("a3 OK")
    assert next(c.line for c in hand.choices("authenticated") if c.verb == "SELECT") == "a4 SELECT INBOX"


@pytest.mark.parametrize(("port", "line"), [(25, "STARTTLS"), (110, "STLS"), (143, "a1 STARTTLS")])
def test_tls_begins_where_the_server_agrees(hand: ByHand, port: int, line: str) -> None:
    hand.connect("mail.example.com", port)
    hand.type(f"EHLO me\n{line}" if port == 25 else line)
    hand.type("NOOP" if port != 143 else "a2 NOOP")
    assert hand.trouble == ""
    assert hand.rows()[-1]["encrypted"]


@pytest.mark.parametrize(
    "line",
    [
        "\x00\x01\x1b[31m",
        "x" * 10_000,
        "Grüße, 世界 🙂",
        "\ud800",
        "a\x0bb\x85c\u2028d",
        "",
        " ",
        "\u202eTXEN",
    ],
    ids=["control", "long", "non-ascii", "surrogate", "other line ends", "empty", "space", "bidi"],
)
@pytest.mark.parametrize("port", [25, 110, 143])
def test_any_line_has_a_reply_or_a_word_of_what_is_wrong(hand: ByHand, port: int, line: str) -> None:
    hand.connect("mail.example.com", port)
    hand.type(line)
    assert hand.said or hand.trouble
    assert len(hand.rows()) > 1
    hand.type("a1 NOOP" if port == 143 else "QUIT")
    assert hand.said or hand.trouble


def test_pasted_lines_are_sent_one_by_one_until_one_fails(hand: ByHand) -> None:
    hand.connect("mail.example.com", 25)
    hand.type("EHLO me\r\nNOOP\rRSET\nQUIT\nNOOP\nRSET\n")
    assert [row["verb"] for row in hand.rows()] == [None, "EHLO", "NOOP", "RSET", "QUIT", "NOOP"]
    assert hand.trouble == "mail.example.com has closed the connection"
    assert hand.state(hand.rows()) == "closed"
    assert may(hand) == []
    assert why_not(hand, "NOOP") == "the connection is closed; connect again"


@pytest.mark.parametrize(
    ("server", "port", "words"),
    [
        ("nowhere.example", 25, "nowhere.example"),
        ("mail.example.com", 26, "nobody listens on mail.example.com, port 26"),
        ("mail.example.com", 0, "0 is no port: they go from 1 to 65535"),
        ("mail.example.com", 70000, "70000 is no port"),
        ("", 25, ""),
        ("<b>\x00", 25, ""),
    ],
)
def test_a_place_that_cannot_be_reached_is_said_in_words(
    hand: ByHand, server: str, port: int, words: str
) -> None:
    hand.connect(server, port)
    assert hand.trouble
    assert words in hand.trouble
    assert "Error" not in hand.trouble
    hand.connect("mail.example.com", 25)
    assert hand.trouble == ""


def test_typing_without_a_connection(hand: ByHand) -> None:
    hand.type("NOOP")
    assert hand.trouble == "there is no connection; connect first"


def test_an_explanation_names_the_section_of_everything_in_the_reply(hand: ByHand) -> None:
    hand.connect("mail.example.com", 25)
    assert "RFC 5321 3.1" in str(explain(hand.rows()[-1]))
    hand.type("EHLO me\nMAIL FROM:<alice@example.com>\nRCPT TO:<nobody@example.com>")
    said = str(explain(hand.rows()[-1]))
    for words in (
        "RCPT: ",
        "RFC 5321 4.1.1.3",
        "550: ",
        "RFC 5321 4.2.2",
        "5.1.1: no such mailbox (RFC 3463",
    ):
        assert words in said
    hand.type("<script>")
    assert "<script>" not in explain(hand.rows()[-1])._repr_html_()
    assert str(explain(None)) == "No reply has come yet."


def test_the_cell_says_the_same_as_the_hand(hand: ByHand, make_world: Callable[[], World]) -> None:
    hand.connect("mail.example.com", 25)
    hand.data(LETTER)  # too early: not sent
    hand.type("EHLO me\nMAIL FROM:<alice@example.com>\nRCPT TO:<alice@example.com>\nDATA")
    hand.data(LETTER)
    hand.type('STARTTLS\nEHLO again\nNOOP \\ """\nQUIT')
    hand.connect("mail.example.com", 143)
    hand.literal("a0 APPEND INBOX", LETTER)  # not logged in: the octets are not sent
    hand.type("a1 LOGIN alice@example.com secret-alice")
    hand.literal("a2 APPEND INBOX", LETTER)
    hand.hang_up()
    world = make_world()
    exec(hand.as_code(), {"world": world, "print": lambda said: None})
    assert spoken(world) == spoken(hand.world)


def test_replayed_on_a_world_of_the_same_seed_it_is_the_same(
    hand: ByHand, make_world: Callable[[], World]
) -> None:
    hand.connect("mail.example.com", 110)
    hand.type("USER alice@example.com\nPASS secret-alice\nSTAT\nQUIT\nNOOP")
    kept: list[Typed] = []
    world = make_world()
    again = ByHand(world, world.user("alice@example.com"), kept.extend)
    again.replay(hand.done)
    assert again.done == hand.done
    assert (again.said, again.trouble) == (hand.said, hand.trouble)
    assert kept == []


def spoken(world: World) -> Table:
    return world.capture.with_secrets().rows("exchanges")
