"""Commands: one list to parse and to write; one of what is refused, with the place."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labkit.errors import ProtocolError
from labkit.grammar.imap import SYNTAX, Command, find_tag, parse_command, write_command
from labkit.grammar.imap_data import FetchItem, FlagChange, Section, SequenceSet
from labkit.grammar.imap_frames import CommandFrames, Frame, GoAhead
from labkit.grammar.imap_search import And, Key, Not, Or, Search


def find(*keys: Key | Not | Or | And, charset: str | None = None) -> Search:
    return Search(And(keys), charset)


TWO_TO_FOUR = SequenceSet(((2, 4),))
COMMANDS: list[tuple[bytes, str, tuple[object, ...]]] = [
    (b"CAPABILITY", "CAPABILITY", ()),
    (b"LOGIN SMITH SESAME", "LOGIN", ("SMITH", "SESAME")),
    (b'LOGIN "a b" "c\\"\\\\"', "LOGIN", ("a b", 'c"\\')),
    (b"LOGIN {4}\r\nz\xc3\xb6e {2}\r\n\r\n", "LOGIN", ("zöe", "\r\n")),
    (b'LOGIN "" "NIL"', "LOGIN", ("", "NIL")),
    (b"AUTHENTICATE PLAIN", "AUTHENTICATE", ("PLAIN", None)),
    (b"AUTHENTICATE PLAIN AGEAYg==", "AUTHENTICATE", ("PLAIN", b"AGEAYg==")),
    (b"AUTHENTICATE EXTERNAL =", "AUTHENTICATE", ("EXTERNAL", b"=")),
    (b"ID NIL", "ID", (None,)),
    (b'ID ("name" "mutt" "os" NIL)', "ID", (((b"name", b"mutt"), (b"os", None)),)),
    (b"SELECT INBOX", "SELECT", ("INBOX",)),
    (b'EXAMINE "foo bar"', "EXAMINE", ("foo bar",)),
    (b"CREATE Entw&APw-rfe", "CREATE", ("Entwürfe",)),
    (b"CREATE R&-D/&U,BTFw-/&ZeVnLIqe-", "CREATE", ("R&D/台北/日本語",)),
    (b"RENAME blurdybloop sarasoop", "RENAME", ("blurdybloop", "sarasoop")),
    (b'LIST "" *', "LIST", ("", "*")),
    (b"LIST ~/Mail/ %", "LIST", ("~/Mail/", "%")),
    (b"STATUS blurdybloop (UIDNEXT MESSAGES)", "STATUS", ("blurdybloop", ("UIDNEXT", "MESSAGES"))),
    (b"APPEND saved {3}\r\nabc", "APPEND", ("saved", None, None, b"abc")),
    (b"APPEND saved (\\Seen Junk) {0}\r\n", "APPEND", ("saved", ("\\Seen", "Junk"), None, b"")),
    (
        b'APPEND saved () " 7-Feb-1994 21:52:25 +0000" {1}\r\nx',
        "APPEND",
        ("saved", (), datetime(1994, 2, 7, 21, 52, 25, tzinfo=UTC), b"x"),
    ),
    (b"SEARCH ALL", "SEARCH", (find(Key("ALL")),)),
    (
        b"SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM Smith",
        "SEARCH",
        (find(Key("FLAGGED"), Key("SINCE", date(1994, 2, 1)), Not(Key("FROM", b"Smith"))),),
    ),
    (
        b"SEARCH CHARSET UTF-8 OR (2:4 UNSEEN) HEADER Message-ID <1@a> LARGER 10",
        "SEARCH",
        (
            find(
                Or(
                    And((Key("SEQUENCE", TWO_TO_FOUR), Key("UNSEEN"))),
                    Key("HEADER", (b"Message-ID", b"<1@a>")),
                ),
                Key("LARGER", 10),
                charset="UTF-8",
            ),
        ),
    ),
    (
        b"UID SEARCH UID 2:4 KEYWORD Junk TEXT {2}\r\n\xc3\xb6",
        "UID SEARCH",
        (find(Key("UID", TWO_TO_FOUR), Key("KEYWORD", "Junk"), Key("TEXT", "ö".encode())),),
    ),
    (b"FETCH 2:4 FLAGS", "FETCH", (TWO_TO_FOUR, (FetchItem("FLAGS"),))),
    (
        b"FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
        "FETCH",
        (
            TWO_TO_FOUR,
            (
                FetchItem("FLAGS"),
                FetchItem("BODY", Section((), "HEADER.FIELDS", (b"DATE", b"FROM"))),
            ),
        ),
    ),
    (
        b"UID FETCH 1,5:*,* (BODY BODY[] BODY.PEEK[1.2.MIME]<0.100> BODY[3] BODY[TEXT]<5.1>)",
        "UID FETCH",
        (
            SequenceSet(((1, 1), (5, 0), (0, 0))),
            (
                FetchItem("BODY"),
                FetchItem("BODY", Section()),
                FetchItem("BODY", Section((1, 2), "MIME"), (0, 100), peek=True),
                FetchItem("BODY", Section((3,))),
                FetchItem("BODY", Section((), "TEXT"), (5, 1)),
            ),
        ),
    ),
    (b"STORE 2:4 +FLAGS (\\Deleted)", "STORE", (TWO_TO_FOUR, FlagChange("+", ("\\Deleted",)))),
    (b"STORE 2:4 FLAGS.SILENT ()", "STORE", (TWO_TO_FOUR, FlagChange("", (), silent=True))),
    (b"COPY 2:4 MEETING", "COPY", (TWO_TO_FOUR, "MEETING")),
    (b"UID EXPUNGE 2:4", "UID EXPUNGE", (TWO_TO_FOUR,)),
]
CASES = [(b"A1 " + words + b"\r\n", Command("A1", verb, arguments)) for words, verb, arguments in COMMANDS]


def test_every_command_has_an_example_or_needs_none() -> None:
    shown = {verb for _, verb, _ in COMMANDS}
    alike = {verb for verb, row in SYNTAX.items() if any(row == SYNTAX[other] for other in shown)}
    assert alike == set(SYNTAX)


@pytest.mark.parametrize(("frame", "command"), CASES, ids=lambda case: repr(case)[:50])
def test_parse_and_write(frame: bytes, command: Command) -> None:
    assert parse_command(frame) == command
    assert write_command(command) == frame


def cut(stream: list[bytes]) -> list[bytes]:
    frames = CommandFrames(lambda start: 10_000)
    found = []
    for octets in stream:
        frames.feed(octets)
        while event := frames.next():
            if isinstance(event, Frame):
                found.append(event.data)
            else:
                assert isinstance(event, GoAhead)
    return found


@pytest.mark.parametrize(("frame", "command"), CASES, ids=lambda case: repr(case)[:50])
def test_cut_whole_byte_by_byte_and_with_a_tail(frame: bytes, command: Command) -> None:
    assert cut([frame]) == [frame]
    assert cut([frame[i : i + 1] for i in range(len(frame))]) == [frame]
    assert cut([frame + b"A2 NO", b"OP\r\n"]) == [frame, b"A2 NOOP\r\n"]


@pytest.mark.parametrize(
    ("words", "same_as"),
    [
        (b"login smith {6+}\r\nSESAME", b"LOGIN smith SESAME"),
        (b"select inbox", b"SELECT INBOX"),
        (b'select "iNbOx"', b"SELECT INBOX"),
        (b"fetch 1 fast", b"FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)"),
        (b"FETCH 1 (UID FLAGS UID)", b"FETCH 1 (UID FLAGS)"),
        (b"FETCH 1 ALL", b"FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"),
        (b"FETCH 1 FULL", b"FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)"),
        (b"fetch 1 body.peek[header]", b"FETCH 1 BODY.PEEK[HEADER]"),
        (b"STORE 1 flags \\seen \\SEEN", b"STORE 1 FLAGS (\\Seen)"),
        (b'SEARCH on "1-jan-2026"', b"SEARCH ON 1-Jan-2026"),
        (
            b'APPEND a "17-Jul-1996 02:44:25 -0700" {0}\r\n',
            b'APPEND a "17-Jul-1996 09:44:25 +0000" {0}\r\n',
        ),
    ],
)
def test_spellings_of_the_same(words: bytes, same_as: bytes) -> None:
    command = parse_command(b"A1 " + words + b"\r\n")
    assert write_command(command) == b"A1 " + same_as + b"\r\n"


BAD = [
    (b"\r\n", 0, "expected a tag"),
    (b"A+ NOOP\r\n", 1, "expected a space"),
    (b"A1\r\n", 2, "expected a space"),
    (b"A1 \r\n", 3, "expected a command"),
    (b"A1 JUMP\r\n", 3, "expected a command that is known"),
    (b"A1 UID NOOP\r\n", 3, "expected a command that is known"),
    (b"A1 NOOP \r\n", 7, "expected the end of the line"),
    (b"A1 NOOP\n", 7, "expected the end of the line"),
    (b"A1 LOGIN smith\r\n", 14, "expected a space"),
    (b"A1 LOGIN smith  x\r\n", 15, "expected a password"),
    (b'A1 LOGIN "smi\r\n', 9, "expected an atom or a string"),
    (b'A1 LOGIN "a\\b" c\r\n', 9, "expected an atom or a string"),
    (b"A1 LOGIN \xff x\r\n", 9, "expected an atom or a string"),
    (b'A1 LOGIN "\xff" x\r\n', 9, "expected an atom or a string in UTF-8"),
    (b"A1 LOGIN {3}\r\na\0b x\r\n", 15, "expected a literal without NUL"),
    (b"A1 LOGIN {9}\r\nab\r\n", 14, "expected 9 octets of an atom or a string, found 4"),
    (b"A1 SELECT *\r\n", 10, "expected a mailbox's name"),
    (b"A1 SELECT &AGE-\r\n", 10, "expected a name in modified UTF-7"),
    (b"A1 SELECT &\r\n", 10, "expected a name in modified UTF-7"),
    (b"A1 SELECT &2AA-\r\n", 10, "expected a name in modified UTF-7"),
    (b'A1 SELECT "\xc3\xb6"\r\n', 10, "expected a name in modified UTF-7"),
    (b"A1 STATUS a ()\r\n", 13, "expected an item of STATUS"),
    (
        b"A1 STATUS a (SIZES)\r\n",
        13,
        "expected one of MESSAGES, RECENT, UIDNEXT, UIDVALIDITY, UNSEEN",
    ),
    (b"A1 APPEND a abc\r\n", 12, "expected a literal with the message"),
    (b'A1 APPEND a "30-Feb-2026 00:00:00 +0000" {0}\r\n\r\n', 12, "expected a time that exists"),
    (b'A1 APPEND a " 1-Jan-0001 00:00:00 +2359" {0}\r\n\r\n', 12, "expected a time that exists"),
    (b'A1 APPEND a " 1-Jan-2026 00:00:00 +9999" {0}\r\n\r\n', 12, "expected a time that exists"),
    (b"A1 FETCH 0 FLAGS\r\n", 9, 'expected a message number or "*"'),
    (b"A1 FETCH 4294967296 FLAGS\r\n", 9, "expected a message number below 4294967296"),
    (b"A1 FETCH 1: FLAGS\r\n", 11, 'expected a message number or "*"'),
    (b"A1 FETCH 1 COLOUR\r\n", 11, "expected an item to fetch"),
    (b"A1 FETCH 1 (FAST)\r\n", 12, "expected an item to fetch"),
    (
        b"A1 FETCH 1 (" + b" ".join(b"BODY[%d]" % n for n in range(1, 52)) + b")\r\n",
        11,
        "expected at most 50 items",
    ),
    (b"A1 FETCH 1 BODY[MIME]\r\n", 16, "expected a part of a message"),
    (b"A1 FETCH 1 BODY[1.]\r\n", 18, "expected a part of a message"),
    (b"A1 FETCH 1 BODY[0]\r\n", 16, "expected a part of a message"),
    (b"A1 FETCH 1 BODY[]<0.0>\r\n", 21, "expected at least one octet"),
    (b"A1 FETCH 1 BODY[]<5>\r\n", 19, "expected '.'"),
    (b"A1 STORE 1 COLOURS (\\Seen)\r\n", 11, "expected FLAGS, +FLAGS or -FLAGS"),
    (b"A1 STORE 1 FLAGS (a b\r\n", 21, "expected ')'"),
    (b"A1 SEARCH\r\n", 9, "expected a space"),
    (b"A1 SEARCH RED\r\n", 10, "expected a search key"),
    (b"A1 SEARCH ON 31-Jun-2026\r\n", 13, "expected a day that exists"),
    (b"A1 SEARCH LARGER 4294967296\r\n", 17, "expected a number of octets below 4294967296"),
    (
        b"A1 SEARCH " + b"(" * 5000 + b"ALL\r\n",
        61,
        "expected search keys nested at most 50 deep",
    ),
    (
        b"A1 SEARCH " + b"NOT " * 5000 + b"ALL\r\n",
        214,
        "expected search keys nested at most 50 deep",
    ),
]


@pytest.mark.parametrize(("frame", "offset", "message"), BAD, ids=lambda case: repr(case)[:50])
def test_refused_at_the_right_place(frame: bytes, offset: int, message: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        parse_command(frame)
    assert (raised.value.message, raised.value.offset) == (message, offset)


@given(st.binary(max_size=80), st.sampled_from(sorted(SYNTAX)))
@example(b" 1:4294967295 (FLAGS)", "FETCH")
def test_any_octets_parse_or_raise(octets: bytes, verb: str) -> None:
    frame = b"A1 " + verb.encode() + octets + b"\r\n"
    try:
        command = parse_command(frame)
    except ProtocolError:
        return
    assert parse_command(write_command(command)) == command


WORDS = st.sampled_from(
    b"( ) 1 2:* 3,4 FLAGS BODY[] BODY.PEEK[1.HEADER] <0.5> +FLAGS \\Seen NOT OR ALL UID HEADER a b "
    b'"c d" {1}\r\nx INBOX &- & 1-Jan-2026 CHARSET NIL *'.split(b" ")
)


@given(st.lists(WORDS, max_size=8), st.sampled_from(sorted(SYNTAX)))
def test_any_words_parse_or_raise_and_what_parses_round_trips(words: list[bytes], verb: str) -> None:
    try:
        command = parse_command(b" ".join([b"A1", verb.encode(), *words]) + b"\r\n")
    except ProtocolError:
        return
    assert parse_command(write_command(command)) == command


def test_the_tag_of_nonsense_is_found() -> None:
    assert find_tag(b"A7 \xff\xff") == "A7"
    assert find_tag(b"A7\r\n") == "A7"
    assert find_tag(b"\x80\r\n") is None
    assert find_tag(b"") is None


def test_secrets_are_not_shown() -> None:
    assert "SESAME" not in repr(parse_command(b"A1 LOGIN SMITH SESAME\r\n"))
    assert "AGEAYg" not in repr(parse_command(b"A1 AUTHENTICATE PLAIN AGEAYg==\r\n"))
