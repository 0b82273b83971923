"""Messages that were fetched in pieces: what our server and hand-written ones say, joined to the octet."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.imap import Talk as Server
from support.imap import account, make_site

from labkit.capture.tape import Gap, Tape
from labkit.net.session import Send
from labkit.net.tap import Connection, Record, Side, Tap
from labkit.tables import Capture
from labkit.tables.carried import Carried
from labkit.tables.letters import write_letters

HEADER = b"From: a@example.org\r\nSubject: pieces\r\n\r\n"
TEXT = b'one\r\n\r\n.\r\n) BODY[]<0> {3}\r\nabc "quoted\\\r\n\x00\xff\r\n'
LETTER = HEADER + TEXT
SELECT = "SELECT INBOX"


def capture_of(said: Iterable[tuple[Side, bytes]]) -> Capture:
    tap = Tap()
    tap.connections.append(Connection(0, "tcp", "192.0.2.1", 49152, "192.0.2.2", 143, 0, closed=99))
    for time, (sender, octets) in enumerate(said):
        tap.records.append(Record(0, time, time, sender, octets, "plain"))
    return Capture(Tape.from_tap(tap))


@lru_cache(maxsize=4)
def server(letter: bytes) -> Server:
    """Our IMAP server, with the letter in the INBOX twice and in a mailbox of its own."""
    site = make_site()
    fred = account(site)
    fred.create("Other")
    for mailbox in (fred.inbox, fred.inbox, fred.mailbox("Other")):
        mailbox.append(letter)
    return Server(site).login()


def fetching(*commands: str, letter: bytes = LETTER) -> Capture:
    """What our server answers to these commands."""
    said: list[tuple[Side, bytes]] = [("server", b"* PREAUTH ready\r\n")]
    session = server(letter).session
    for number, command in enumerate(commands):
        line = f"a{number} {command}\r\n".encode()
        replies = [action.data for action in session.receive(line) if isinstance(action, Send)]
        said += [("client", line), ("server", b"".join(replies))]
    return capture_of(said)


def played(*turns: tuple[str, bytes]) -> Capture:
    """Commands and the untagged responses to them, from any server."""
    said: list[tuple[Side, bytes]] = [("server", b"* PREAUTH ready\r\n")]
    for number, (command, responses) in enumerate((("SELECT INBOX", b"* 3 EXISTS\r\n"), *turns)):
        said.append(("client", f"a{number} {command}\r\n".encode()))
        said.append(("server", responses + b"a%d OK done\r\n" % number))
    return capture_of(said)


def piece(number: int, items: bytes, octets: bytes) -> bytes:
    return b"* %d FETCH (%s {%d}\r\n%s)\r\n" % (number, items, len(octets), octets)


def shown(found: Iterable[Carried]) -> list[tuple[int, bytes, bool]]:
    return [(each.row.number, each.data, each.complete) for each in found]


# Any pieces, as our server gives them


@st.composite
def cuts(draw: st.DrawFn, size: int) -> list[tuple[int, int]]:
    """Origins and numbers of octets that make up a section and reach beyond its end; they may overlap."""
    places = sorted(draw(st.sets(st.integers(1, size), max_size=6)))
    ends = [*places, size + draw(st.integers(1, 9))]
    asked = {}
    for begin, end in zip([0, *places], ends, strict=True):
        early = draw(st.integers(0, min(begin, 9)))
        asked[begin - early] = end - begin + early + draw(st.integers(0, 9))
    return list(asked.items())


@st.composite
def requests(draw: st.DrawFn) -> list[str]:
    """Commands that fetch all of a message, in any order."""
    head, text = len(HEADER), len(TEXT)
    ways = [
        [f"BODY.PEEK[]<{origin}.{octets}>" for origin, octets in draw(cuts(head + text))],
        [
            *(f"BODY[HEADER]<{origin}.{octets}>" for origin, octets in draw(cuts(head))),
            *(f"BODY.PEEK[TEXT]<{origin}.{octets}>" for origin, octets in draw(cuts(text))),
        ],
        [f"BODY[]<0.{draw(st.integers(head, head + text))}>", "BODY[TEXT]"],
        ["RFC822.HEADER", *(f"BODY[TEXT]<{origin}.{octets}>" for origin, octets in draw(cuts(text)))],
        [f"BODY.PEEK[]<{origin}.{octets}>" for origin, octets in draw(cuts(head))] + ["RFC822.TEXT"],
    ]
    items = draw(st.sampled_from(ways).flatmap(st.permutations))
    together = draw(st.integers(1, len(items)))
    groups = [" ".join(items[at : at + together]) for at in range(0, len(items), together)]
    command = draw(st.sampled_from(["FETCH", "UID FETCH"]))
    return [f"{command} 1 ({group})" for group in groups]


@settings(deadline=None)
@given(requests())
def test_any_pieces_in_any_order_are_the_message(commands: list[str]) -> None:
    capture = fetching(SELECT, *commands)
    (message,) = capture.messages_carried()
    assert (message.data, message.complete, message.number) == (LETTER, True, 0)
    assert message.mailbox == b"INBOX"
    assert message.uid == (1 if commands[0].startswith("UID") else None)


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(1, 12), st.booleans())
def test_any_message_piece_by_piece(letter: bytes, step: int, sized: bool) -> None:
    """The end is known by RFC822.SIZE, or by asking on until a piece is not full."""
    pieces = [f"UID FETCH 2 BODY.PEEK[]<{at}.{step}>" for at in range(0, len(letter) + (not sized), step)]
    capture = fetching(SELECT, "UID FETCH 2 RFC822.SIZE", *pieces, letter=letter)
    assert [(each.data, each.complete) for each in capture.messages_carried()] == [(letter, True)] * (
        len(pieces) > 0
    )


def test_a_message_is_carried_by_its_last_piece(tmp_path: Path) -> None:
    capture = fetching(
        SELECT,
        "UID FETCH 1:2 BODY.PEEK[]<0.60>",
        "UID FETCH 2 BODY.PEEK[]<60.60>",
        "NOOP",
        "UID FETCH 1 BODY[]",
    )
    rows = capture.rows("messages")
    assert [(row.exchange, row.uid, row.octets, row.complete) for row in rows] == [
        (3, 2, len(LETTER), True),
        (5, 1, len(LETTER), True),
    ]
    assert {row.exchange for row in capture.rows("parts")} == {3, 5}
    written = write_letters([capture], tmp_path / "x")
    assert [(path.name, path.read_bytes()) for path in written] == [("0-3.eml", LETTER), ("0-5.eml", LETTER)]
    assert capture.message_bytes(0, 3) == LETTER


def test_several_in_one_exchange_are_numbered() -> None:
    capture = fetching(SELECT, "FETCH 1:2 BODY[HEADER]", "FETCH 1:2 BODY[TEXT]")
    assert [(each.row.number, each.number, each.data) for each in capture.messages_carried()] == [
        (3, 0, LETTER),
        (3, 1, LETTER),
    ]


# What is not a message, or not once more


def test_a_message_that_is_fetched_twice_is_two() -> None:
    pieces = ("UID FETCH 1 BODY[]<0.60>", "UID FETCH 1 BODY[]<60.60>")
    whole = [(3, LETTER, True), (5, LETTER, True)]
    assert shown(fetching(SELECT, *pieces, *pieces).messages_carried()) == whole
    assert shown(fetching(SELECT, *pieces, *reversed(pieces)).messages_carried()) == whole
    halves = ("UID FETCH 1 BODY[HEADER]", "UID FETCH 1 BODY[TEXT]")
    assert shown(fetching(SELECT, *halves, *halves).messages_carried()) == whole
    again = ("UID FETCH 1 (BODY[TEXT]<1.1> BODY[HEADER]<1.1>)", "UID FETCH 1 BODY[]<9.9>")
    assert shown(fetching(SELECT, *halves, *again).messages_carried()) == whole[:1]
    both = fetching(SELECT, *pieces, "UID FETCH 1 BODY[]")
    assert shown(both.messages_carried()) == [(3, LETTER, True), (4, LETTER, True)]


@pytest.mark.parametrize("first", [True, False])
def test_a_look_at_the_beginning_of_a_message_that_is_fetched_whole_is_nothing_new(first: bool) -> None:
    look, whole = "UID FETCH 1:2 BODY.PEEK[]<0.50>", "UID FETCH 1:2 BODY[]"
    capture = fetching(SELECT, *((look, whole) if first else (whole, look)))
    exchange = 3 if first else 2
    assert shown(capture.messages_carried()) == [(exchange, LETTER, True)] * 2


@pytest.mark.parametrize(
    "item", ["BODY[HEADER]", "RFC822.HEADER", "BODY[TEXT]", "BODY[1]<0.5>", "BODY[HEADER]<0.9>"]
)
def test_a_header_or_a_text_alone_is_no_message(item: str) -> None:
    assert fetching(SELECT, f"FETCH 1 {item}").messages_carried() == []


# What is missing


def test_a_piece_missing_in_the_middle() -> None:
    capture = fetching(SELECT, "FETCH 1 BODY[]<0.50>", "FETCH 1 BODY[]<60.90>")
    assert shown(capture.messages_carried()) == [(3, LETTER[:50] + LETTER[60:], False)]
    assert not capture.rows("messages")["complete"][0]


def test_the_beginning_missing() -> None:
    assert shown(fetching(SELECT, "FETCH 1 BODY[]<9.999>").messages_carried()) == [(2, LETTER[9:], False)]
    halves = fetching(SELECT, "FETCH 1 BODY[HEADER]<9.999>", "FETCH 1 BODY[TEXT]")
    assert shown(halves.messages_carried()) == [(3, LETTER[9:], False)]


def test_part_of_the_header_missing() -> None:
    halves = fetching(SELECT, "FETCH 1 BODY[HEADER]<0.9>", "FETCH 1 BODY[TEXT]")
    assert shown(halves.messages_carried()) == [(3, LETTER[:9] + TEXT, False)]


@pytest.mark.parametrize(
    ("more", "complete"),
    [
        ([], False),  # it is as long as was asked for
        (["FETCH 1 RFC822.SIZE"], True),
        ([f"FETCH 1 BODY[]<{len(LETTER)}.9>"], True),  # there is nothing behind it
        (["FETCH 1 BODY[]<4000000000.9>"], False),
    ],
)
def test_an_end_that_may_not_be_the_end(more: list[str], complete: bool) -> None:
    capture = fetching(SELECT, f"FETCH 1 BODY[]<0.{len(LETTER)}>", *more)
    (message,) = capture.messages_carried()
    assert (message.data, message.complete) == (LETTER, complete)


def test_what_the_size_says() -> None:
    sized = ("FETCH 1 RFC822.SIZE", b"* 1 FETCH (RFC822.SIZE 90)\r\n")
    full = ("FETCH 1 BODY[]<0.60>", piece(1, b"BODY[]<0>", LETTER[:60]))
    rest = ("FETCH 1 BODY[]<60.90>", piece(1, b"BODY[]<60>", LETTER[60:]))
    assert shown(played(sized, full).messages_carried()) == [(3, LETTER[:60], False)], "there is more"
    assert shown(played(sized, full, rest).messages_carried()) == [(4, LETTER, True)], "it is only a guess"


def test_a_size_that_is_too_small_ends_nothing() -> None:
    sized = ("FETCH 1 RFC822.SIZE", b"* 1 FETCH (RFC822.SIZE 10)\r\n")
    turns = [
        (f"FETCH 1 BODY[]<{at}.10>", piece(1, b"BODY[]<%d>" % at, LETTER[at : at + 10])) for at in (0, 10, 20)
    ]
    turns.append(("FETCH 1 BODY[]<30.100>", piece(1, b"BODY[]<30>", LETTER[30:])))
    assert shown(played(sized, *turns).messages_carried()) == [(6, LETTER, True)]


def test_pieces_that_do_not_agree() -> None:
    turns = [
        ("FETCH 1 BODY[]<0.30>", piece(1, b"BODY[]<0>", LETTER[:30])),
        ("FETCH 1 BODY[]<20.999>", piece(1, b"BODY[]<20>", b"X" + LETTER[21:])),
    ]
    assert shown(played(*turns).messages_carried()) == [(3, LETTER, False)]


def test_a_piece_behind_the_end() -> None:
    turns = [
        ("FETCH 1 BODY[]<0.90>", piece(1, b"BODY[]<0>", LETTER[:50])),
        ("FETCH 1 BODY[]<50.90>", piece(1, b"BODY[]<50>", LETTER[50:])),
    ]
    assert not played(*turns).messages_carried()[0].complete


def test_octets_that_the_capture_has_not() -> None:
    turns = [
        ("FETCH 1 BODY[]<0.50>", piece(1, b"BODY[]<0>", LETTER[:50])),
        ("FETCH 1 BODY[]<50.90>", piece(1, b"BODY[]<50>", LETTER[50:])),
    ]
    gap = played(*turns)
    (flow,) = gap.tape.flows
    flow.server.gaps.append(Gap(flow.server.data.index(LETTER[:50]) + 20, 5))
    assert not gap.messages_carried()[0].complete
    for whole in (b"BODY[]", b"BODY[]<0>"):
        said = b"* 1 FETCH (" + whole + b" {90}\r\n" + LETTER[:70]
        cut = capture_of(
            [("server", b"* PREAUTH a\r\n"), ("client", b"a FETCH 1 BODY[]<0.90>\r\n"), ("server", said)]
        )
        assert shown(cut.messages_carried()) == [(1, LETTER[:70], False)]


# Which message it is


def test_another_mailbox() -> None:
    capture = fetching(SELECT, "UID FETCH 1 BODY[]<0.60>", "SELECT Other", "UID FETCH 1 BODY[]<60.90>")
    assert [(each.mailbox, each.data, each.complete) for each in capture.messages_carried()] == [
        (b"INBOX", LETTER[:60], False),
        (b"Other", LETTER[60:], False),
    ]


def test_the_same_mailbox_again() -> None:
    commands = ("{} 1 BODY[]<0.60>", "SELECT Other", SELECT, "{} 1 BODY[]<60.90>")
    by_uid = fetching(SELECT, *(each.format("UID FETCH") for each in commands))
    assert shown(by_uid.messages_carried()) == [(5, LETTER, True)]
    by_number = fetching(SELECT, *(each.format("FETCH") for each in commands))
    assert [each.complete for each in by_number.messages_carried()] == [False, False]


def test_another_uidvalidity() -> None:
    def again(validity: int) -> list[Carried]:
        return played(
            ("SELECT INBOX", b"* OK [UIDVALIDITY 4] ok\r\n"),
            ("UID FETCH 7 BODY[]<0.60>", piece(1, b"UID 7 BODY[]<0>", LETTER[:60])),
            ("SELECT INBOX", b"* OK [UIDVALIDITY %d] ok\r\n" % validity),
            ("UID FETCH 7 BODY[]<60.90>", piece(1, b"UID 7 BODY[]<60>", LETTER[60:])),
        ).messages_carried()

    assert shown(again(4)) == [(5, LETTER, True)]
    assert [each.complete for each in again(5)] == [False, False]


@pytest.mark.parametrize(
    ("said", "joined"),
    [
        (b"* 2 EXPUNGE", True),
        (b"* 1 EXPUNGE", False),
        (b"* VANISHED 3", False),
        (b"* VANISHED (EARLIER) 3", True),
    ],
)
def test_numbers_hold_until_an_expunge(said: bytes, joined: bool) -> None:
    def fetched(uid: bytes) -> list[bool]:
        capture = played(
            ("FETCH 1 BODY[]<0.60>", piece(1, uid + b"BODY[]<0>", LETTER[:60])),
            ("NOOP", said + b"\r\n"),
            ("FETCH 1 BODY[]<60.90>", piece(1, uid + b"BODY[]<60>", LETTER[60:])),
        )
        return [each.complete for each in capture.messages_carried()]

    assert fetched(b"") == [True] if joined else [False, False]
    assert fetched(b"UID 7 ") == [True]


def test_a_number_whose_uid_is_told_at_times() -> None:
    told = ("FETCH 1 (UID RFC822.SIZE)", b"* 1 FETCH (UID 7 RFC822.SIZE %d)\r\n" % len(LETTER))
    first = ("FETCH 1 BODY[]<0.60>", piece(1, b"BODY[]<0>", LETTER[:60]))
    rest = (f"UID FETCH 7 BODY[]<60.{len(LETTER) - 60}>", piece(1, b"UID 7 BODY[]<60>", LETTER[60:]))
    for turns in ((told, first, rest), (first, told, rest), (first, rest, told)):
        assert [(each.uid, each.complete) for each in played(*turns).messages_carried()] == [(7, True)]


# How servers write it


def test_the_server_alone() -> None:
    ask = [SELECT, "FETCH 1 (RFC822.SIZE BODY[]<0.60>)", "FETCH 1 BODY[]<60.90>"]
    both = fetching(*ask)
    (flow,) = both.tape.flows
    alone = capture_of([("server", bytes(flow.server.data))])
    assert [(each.data, each.complete) for each in alone.messages_carried()] == [(LETTER, True)]


def test_binary() -> None:
    first = b"* 1 FETCH (BINARY[]<0> ~{60}\r\n" + LETTER[:60] + b")\r\n"
    turns = [
        ("FETCH 1 BINARY.PEEK[]<0.60>", first),
        ("FETCH 1 BINARY[]<60.60>", piece(1, b"BINARY[]<60>", LETTER[60:])),
    ]
    assert shown(played(*turns).messages_carried()) == [(3, LETTER, True)]
    turns[1] = ("FETCH 1 BODY[]<60.60>", piece(1, b"BODY[]<60>", LETTER[60:]))
    assert [each.complete for each in played(*turns).messages_carried()] == [False] * 2, "other octets, maybe"


def test_quoted_strings_and_nil() -> None:
    header = ("FETCH 1 BODY[HEADER]", piece(1, b"BODY[HEADER]", b"a: b\r\n\r\n"))
    for said, text in ((b"NIL", b""), (b'""', b""), (b'"a \\"b\\\\"', b'a "b\\')):
        text_of_it = ("FETCH 1 BODY[TEXT]", b"* 1 FETCH (BODY[TEXT] " + said + b")\r\n")
        assert shown(played(header, text_of_it).messages_carried()) == [(3, b"a: b\r\n\r\n" + text, True)]


def test_what_a_string_says_is_not_obeyed() -> None:
    subject = b'"=? BODY[]<0> \\"x" "( BODY[]<2> " "(UID 9 RFC822.SIZE 3"'
    said = b"* 1 FETCH (ENVELOPE (NIL %s) UID 7 BODY[]<0> {%d}\r\n%s FLAGS ())\r\n" % (
        subject,
        len(LETTER),
        LETTER,
    )
    (message,) = played(("FETCH 1 (UID ENVELOPE BODY[]<0.999>)", said)).messages_carried()
    assert (message.data, message.complete, message.uid) == (LETTER, True, 7)


def test_a_text_for_people_has_no_literal() -> None:
    said = b"* OK see {5}\r\n" + piece(1, b"BODY[]<0>", LETTER[:60]) + b"* OK {70}\r\n"
    rest = piece(1, b"BODY[]<60>", LETTER[60:])
    capture = played(("FETCH 1 BODY[]<0.60>", said), ("FETCH 1 BODY[]<60.90>", rest))
    assert shown(capture.messages_carried()) == [(3, LETTER, True)]
