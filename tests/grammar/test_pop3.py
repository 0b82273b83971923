"""POP3's commands and replies, each both ways."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import ProtocolError
from labkit.grammar.framing import Buffer, dot_unstuff
from labkit.grammar.pop3 import (
    COMMAND_LIMIT,
    REPLY_LIMIT,
    Command,
    Reply,
    apop_digest,
    find_timestamp,
    parse_apop,
    parse_auth,
    parse_command,
    parse_drop_listing,
    parse_nothing,
    parse_number,
    parse_optional_number,
    parse_scan_listing,
    parse_status,
    parse_text,
    parse_top,
    parse_unique_id,
    top_of,
    write_command,
    write_reply,
)

COMMANDS = [
    (b"QUIT\r\n", Command("QUIT")),
    (b"RETR 1\r\n", Command("RETR", b"1")),
    (b"TOP 1 10\r\n", Command("TOP", b"1 10")),
    (b"USER mrose\r\n", Command("USER", b"mrose")),
    (b"PASS two words \r\n", Command("PASS", b"two words ")),
    (b"AUTH PLAIN AG1yb3NlAHNlY3JldA==\r\n", Command("AUTH", b"PLAIN AG1yb3NlAHNlY3JldA==")),
]

BAD_COMMANDS = [
    (b"\r\n", 0, "expected a command of three or four letters"),
    (b" QUIT\r\n", 0, "expected a command of three or four letters"),
    (b"HI\r\n", 0, "expected a command of three or four letters"),
    (b"QUITS\r\n", 0, "expected a command of three or four letters"),
    (b"QUIT\t1\r\n", 0, "expected a command of three or four letters"),
    (b"\x00\xff\xfe\r\n", 0, "expected a command of three or four letters"),
]

REPLIES = [
    (b"+OK\r\n", Reply("+OK")),
    (b"+OK 2 320\r\n", Reply("+OK", "2 320")),
    (b"-ERR no such message\r\n", Reply("-ERR", "no such message")),
    (b"-ERR [IN-USE] maildrop already locked\r\n", Reply("-ERR", "maildrop already locked", "IN-USE")),
    (b"-ERR [SYS/TEMP]\r\n", Reply("-ERR", "", "SYS/TEMP")),
    (b"+ \r\n", Reply("+")),
    (b"+ VXNlcm5hbWU6\r\n", Reply("+", "VXNlcm5hbWU6")),
]

BLOCKS = [
    (b"+OK\r\n.\r\n", Reply("+OK", data=b"")),
    (b"+OK 3 octets\r\na\r\n.\r\n", Reply("+OK", "3 octets", data=b"a\r\n")),
    (b"+OK\r\n..\r\n...\r\nb\r\n.\r\n", Reply("+OK", data=b".\r\n..\r\nb\r\n")),
]


@pytest.mark.parametrize(("line", "command"), COMMANDS)
def test_a_command_is_read_and_written(line: bytes, command: Command) -> None:
    assert parse_command(line) == command
    assert parse_command(line.removesuffix(b"\r\n")) == command
    assert write_command(command) == line


@pytest.mark.parametrize(("line", "command"), COMMANDS)
def test_a_command_is_read_from_a_stream_however_it_arrives(line: bytes, command: Command) -> None:
    buffer = Buffer()
    for byte in line[:-1]:
        buffer.feed(bytes([byte]))
        assert buffer.line(COMMAND_LIMIT) is None
    buffer.feed(line[-1:] + b"NOOP\r\n")
    assert parse_command(buffer.line(COMMAND_LIMIT)) == command
    assert parse_command(buffer.line(COMMAND_LIMIT)) == Command("NOOP")


def test_a_verb_comes_in_any_case_and_its_argument_stays() -> None:
    assert parse_command(b"uSeR MRose\r\n") == Command("USER", b"MRose")


@pytest.mark.parametrize(("line", "offset", "message"), BAD_COMMANDS)
def test_a_line_that_is_no_command(line: bytes, offset: int, message: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_command(line)
    assert (refused.value.offset, refused.value.message) == (offset, message)


def test_an_argument_cannot_bring_a_second_command() -> None:
    with pytest.raises(ProtocolError, match="end of line"):
        write_command(Command("USER", b"mrose\r\nDELE 1"))


def test_numbers() -> None:
    assert parse_number(parse_command(b"RETR 17\r\n")) == 17
    assert parse_number(parse_command(b"RETR 0\r\n")) == 0  # no message has it: the server will say so
    assert parse_optional_number(parse_command(b"LIST\r\n")) is None
    assert parse_optional_number(parse_command(b"LIST \r\n")) is None
    assert parse_optional_number(parse_command(b"LIST 2\r\n")) == 2
    assert parse_top(parse_command(b"TOP 1 0\r\n")) == (1, 0)
    parse_nothing(parse_command(b"NOOP\r\n"))
    parse_nothing(parse_command(b"NOOP \r\n"))


@pytest.mark.parametrize(
    ("line", "parse", "offset", "message"),
    [
        (b"RETR\r\n", parse_number, 5, "expected a message number"),
        (b"RETR -1\r\n", parse_number, 5, "expected a message number"),
        (b"RETR +1\r\n", parse_number, 5, "expected a message number"),
        (b"RETR 1x\r\n", parse_number, 5, "expected a message number"),
        (b"RETR 12345678901\r\n", parse_number, 5, "expected a message number"),
        ("RETR ²\r\n".encode(), parse_number, 5, "expected a message number"),
        (b"RETR  1\r\n", parse_number, 5, "expected a message number"),
        (b"RETR 1 2\r\n", parse_number, 6, "expected the end of the line"),
        (b"RETR 1 \r\n", parse_number, 6, "expected the end of the line"),
        (b"LIST all\r\n", parse_optional_number, 5, "expected a message number"),
        (b"TOP 1\r\n", parse_top, 5, "expected a number of lines behind a space"),
        (b"TOP 1 -2\r\n", parse_top, 6, "expected a number of lines"),
        (b"TOP 1 2 3\r\n", parse_top, 7, "expected the end of the line"),
        (b"NOOP 1\r\n", parse_nothing, 5, "expected no argument behind NOOP"),
        (b"AUTH\r\n", parse_auth, 5, "expected the name of a mechanism"),
        (b"AUTH \xff\r\n", parse_auth, 5, "expected the name of a mechanism"),
    ],
)
def test_arguments_that_are_none(line: bytes, parse, offset: int, message: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse(parse_command(line))
    assert (refused.value.offset, refused.value.message) == (offset, message)
    assert refused.value.data == line.removesuffix(b"\r\n")


def test_text_keeps_its_spaces() -> None:
    assert parse_text(parse_command(b"PASS  a b \r\n"), "a password") == " a b "
    assert parse_text(parse_command("PASS smørbrød\r\n".encode()), "a password") == "smørbrød"
    with pytest.raises(ProtocolError, match="expected a password"):
        parse_text(parse_command(b"PASS\r\n"), "a password")
    with pytest.raises(ProtocolError, match="expected a password in UTF-8"):
        parse_text(parse_command(b"PASS \xff\r\n"), "a password")
    for line in (b"USER bo\rb\r\n", b"USER bo\nb\r\n"):
        with pytest.raises(ProtocolError, match="cannot hold an end of line"):
            parse_text(parse_command(line), "the name of a mailbox")


def test_auth() -> None:
    assert parse_auth(parse_command(b"AUTH plain\r\n")) == ("PLAIN", None)
    assert parse_auth(parse_command(b"AUTH PLAIN =\r\n")) == ("PLAIN", b"=")


def test_no_repr_shows_a_password() -> None:
    assert "secret" not in repr(parse_command(b"PASS secret\r\n"))
    assert "secret" not in repr(parse_command(b"AUTH PLAIN secret\r\n"))
    assert "mrose" in repr(parse_command(b"USER mrose\r\n"))


@pytest.mark.parametrize(("line", "reply"), REPLIES)
def test_a_status_line_is_read_and_written(line: bytes, reply: Reply) -> None:
    assert parse_status(line) == reply
    assert write_reply(reply) == line


@pytest.mark.parametrize(("octets", "reply"), BLOCKS)
def test_a_block_is_dot_stuffed(octets: bytes, reply: Reply) -> None:
    assert write_reply(reply) == octets
    line, _, block = octets.partition(b"\r\n")
    assert parse_status(line) == Reply(reply.status, reply.text)
    assert dot_unstuff(block) == reply.data


@pytest.mark.parametrize(
    "line", [b"", b"OK\r\n", b"+OKAY\r\n", b"-ERROR x\r\n", b"+x\r\n", b" +OK\r\n", b"220 hi\r\n"]
)
def test_a_line_that_is_no_reply(line: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"expected '\+OK' or '-ERR'"):
        parse_status(line)


def test_reading_a_reply_is_lenient_with_its_text() -> None:
    assert parse_status(b"+OK  two  spaces\r\n").text == " two  spaces"
    assert parse_status(b"-ERR [not a code\r\n") == Reply("-ERR", "[not a code")
    assert parse_status(b"-ERR [] empty\r\n") == Reply("-ERR", "[] empty")
    assert parse_status("+OK grüß\xff\r\n".encode("latin-1")).text == "gr\\xfc\\xdf\\xff"
    assert parse_status(b"+OK\r\n").ok
    assert not parse_status(b"-ERR\r\n").ok
    assert not parse_status(b"+ \r\n").ok


def test_a_reply_can_always_be_written() -> None:
    assert write_reply(Reply("-ERR", "a\r\nb\0")) == b"-ERR a??b?\r\n"
    assert write_reply(Reply("-ERR", "ø")) == b"-ERR \\xf8\r\n"
    assert len(write_reply(Reply("-ERR", "x" * 1000))) == REPLY_LIMIT


def test_listings() -> None:
    assert parse_drop_listing("2 320") == (2, 320)
    assert parse_drop_listing("2 320 and more") == (2, 320)
    assert parse_scan_listing("1 120") == (1, 120)
    assert parse_unique_id("1 whqtswO00WBw418f9t5JxYwZ") == (1, "whqtswO00WBw418f9t5JxYwZ")
    assert Reply("+OK", data=b"1 120\r\n2 200\r\n").lines == ["1 120", "2 200"]
    assert Reply("+OK").lines == []
    for parse, text in [
        (parse_drop_listing, "2"),
        (parse_drop_listing, "two 320"),
        (parse_scan_listing, "1"),
        (parse_scan_listing, ""),
        (parse_unique_id, "1 "),
        (parse_unique_id, "1 " + "x" * 71),
    ]:
        with pytest.raises(ProtocolError):
            parse(text)


PARSERS = [
    parse_nothing,
    parse_number,
    parse_optional_number,
    parse_top,
    parse_auth,
    lambda c: parse_text(c, "x"),
]


@given(st.binary() | st.from_regex(rb"(?i:[a-z]{3,4})( [0-9]{1,3}){0,2}( .*)?\r\n", fullmatch=True))
def test_any_octets_are_a_command_or_a_protocol_error(line: bytes) -> None:
    try:
        command = parse_command(line)
    except ProtocolError:
        return
    assert parse_command(bytes(command.verb, "ascii") + b" " + command.argument) == command
    for parse in PARSERS:
        with suppress(ProtocolError):
            parse(command)


@given(st.binary() | st.from_regex(rb"(\+OK|-ERR|\+)( \[[A-Z/]*\])?( .*)?\r\n", fullmatch=True))
def test_any_octets_are_a_reply_or_a_protocol_error(line: bytes) -> None:
    try:
        reply = parse_status(line)
    except ProtocolError:
        return
    assert parse_status(write_reply(reply)).status == reply.status
    for parse in (parse_drop_listing, parse_scan_listing, parse_unique_id):
        with suppress(ProtocolError):
            parse(reply.text)


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="["), max_size=60)
CODES = st.none() | st.from_regex(r"[A-Z-]{1,10}(/[A-Z]{1,10})?", fullmatch=True)


@given(st.sampled_from(["+OK", "-ERR"]), TEXT.map(str.lstrip), CODES)
def test_what_is_written_is_read_the_same(status, text: str, code: str | None) -> None:
    assert parse_status(write_reply(Reply(status, text, code))) == Reply(status, text, code)


@given(st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b".", b"+OK", b"x"])).map(b"".join))
def test_who_takes_any_lf_for_the_end_of_a_line_finds_one_end(message: bytes) -> None:
    """Else a message could say the reply to the client's next command."""
    _, _, block = write_reply(Reply("+OK", data=message)).partition(b"\r\n")
    lines = [line.removesuffix(b"\r") for line in block.split(b"\n")]
    assert (lines.index(b"."), lines[-1]) == (len(lines) - 2, b"")
    given = message if message.endswith(b"\r\n") or not message else message + b"\r\n"
    assert dot_unstuff(block).replace(b"\r\n", b"\n") == given.replace(b"\r\n", b"\n")


@pytest.mark.parametrize(
    ("data", "block"),
    [
        (b"a\n.\r\n+OK b\r\n", b"a\r\n..\r\n+OK b\r\n.\r\n"),
        (b"a\n.\n.\r\n", b"a\r\n..\r\n..\r\n.\r\n"),
        (b"a\n.", b"a\r\n..\r\n.\r\n"),
        (b"a\n.b\nc\r\n", b"a\n.b\nc\r\n.\r\n"),  # as it is stored
    ],
)
def test_a_bare_lf_before_a_dot(data: bytes, block: bytes) -> None:
    assert write_reply(Reply("+OK", data=data)) == b"+OK\r\n" + block


@pytest.mark.parametrize(
    ("message", "lines", "expected"),
    [
        (b"A: b\r\n\r\none\r\ntwo\r\n", 0, b"A: b\r\n\r\n"),
        (b"A: b\r\n\r\none\r\ntwo\r\n", 1, b"A: b\r\n\r\none\r\n"),
        (b"A: b\r\n\r\none\r\ntwo\r\n", 2, b"A: b\r\n\r\none\r\ntwo\r\n"),
        (b"A: b\r\n\r\none\r\ntwo\r\n", 3, b"A: b\r\n\r\none\r\ntwo\r\n"),
        (b"A: b\r\n\r\none\r\ntwo", 2, b"A: b\r\n\r\none\r\ntwo"),
        (b"A: b\r\n\r\n\r\n\r\ntwo", 1, b"A: b\r\n\r\n\r\n"),
        (b"\r\nno header\r\nx", 1, b"\r\nno header\r\n"),
        (b"\r\n", 1, b"\r\n"),
        (b"A: b\r\n", 0, b"A: b\r\n"),
        (b"A: b", 3, b"A: b"),
        (b"", 3, b""),
    ],
)
def test_top_of_a_message(message: bytes, lines: int, expected: bytes) -> None:
    assert top_of(message, lines) == expected


def test_apop() -> None:
    # RFC 1939 7
    timestamp = find_timestamp("POP3 server ready <1896.697170952@dbc.mtview.ca.us>")
    assert timestamp == "<1896.697170952@dbc.mtview.ca.us>"
    assert apop_digest(timestamp, "tanstaaf") == "c4c9334bac560ecc979e58001b3e22fb"
    command = parse_command(b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n")
    assert parse_apop(command) == ("mrose", "c4c9334bac560ecc979e58001b3e22fb")
    assert "c4c9" not in repr(command)
    assert find_timestamp("POP3 server <ready>") is None
    with pytest.raises(ProtocolError, match="a digest"):
        parse_apop(parse_command(b"APOP mrose\r\n"))
    with pytest.raises(ProtocolError, match="32 hexadecimal digits in lower case"):
        parse_apop(parse_command(b"APOP mrose C4C9334BAC560ECC979E58001B3E22FB\r\n"))


def test_a_reply_in_utf8_is_not_cut_within_a_character() -> None:
    line = write_reply(Reply("+OK", "é" * 400), utf8=True)
    assert len(line) <= REPLY_LIMIT
    assert line.decode().rstrip() == "+OK " + "é" * 253
    assert write_reply(Reply("+OK", "é")) == b"+OK \\xe9\r\n"
