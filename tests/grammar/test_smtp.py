"""One list of cases serves reading and writing; a second says what is refused, and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import ProtocolError
from labkit.grammar.smtp import (
    REPLY_LIMIT,
    Auth,
    Mail,
    MailOptions,
    Rcpt,
    Refused,
    Reply,
    ReplyReader,
    extensions,
    parse_auth,
    parse_command,
    parse_hello,
    parse_mail,
    parse_rcpt,
    parse_reply,
    write_command,
)
from labkit.message.address import NULL_PATH, Mailbox, Path

ALICE = Path(Mailbox("alice", "example.com"))

PATH_COMMANDS = [
    (b"MAIL FROM:<alice@example.com>\r\n", Mail(ALICE)),
    (b"MAIL FROM:<>\r\n", Mail(NULL_PATH)),
    (
        b"MAIL FROM:<alice@example.com> SIZE=1000 BODY=8BITMIME\r\n",
        Mail(ALICE, {"SIZE": "1000", "BODY": "8BITMIME"}),
    ),
    (b"MAIL FROM:<> AUTH=<> SMTPUTF8\r\n", Mail(NULL_PATH, {"AUTH": "<>", "SMTPUTF8": None})),
    (b'MAIL FROM:<"a b"@example.com>\r\n', Mail(Path(Mailbox("a b", "example.com")))),
    (
        "MAIL FROM:<jürgen@bücher.example> SMTPUTF8\r\n".encode(),
        Mail(Path(Mailbox("jürgen", "bücher.example")), {"SMTPUTF8": None}),
    ),
    (b"RCPT TO:<alice@example.com>\r\n", Rcpt(ALICE)),
    (b"RCPT TO:<postmaster>\r\n", Rcpt(Path(Mailbox("postmaster", "")))),
    (b"RCPT TO:<bob@[192.0.2.1]>\r\n", Rcpt(Path(Mailbox("bob", "[192.0.2.1]")))),
]

FORGIVEN = [
    (b"MAIL FROM: <alice@example.com>", Mail(ALICE)),
    (b"mail from:<alice@example.com>  size=7  ", Mail(ALICE, {"SIZE": "7"})),
    (
        b"RCPT TO:<@a.example,@b.example:alice@example.com>",
        Rcpt(Path(Mailbox("alice", "example.com"), ("a.example", "b.example"))),
    ),
]

BAD = [
    (b"", 0, "expected a command"),
    (b"\x80EHLO", 0, "expected a command"),
    (b"EHLO\tx", 4, "expected a space"),
    (b"MAIL", 0, "expected 'FROM:'"),
    (b"MAIL TO:<a@b>", 0, "expected 'FROM:'"),
    (b"MAIL FROM <a@b>", 0, "expected 'FROM:'"),
    (b"MAIL FROM:alice@example.com", 5, "expected '<'"),
    (b"MAIL FROM:<alice>", 11, "expected '@'"),
    (b"MAIL FROM:<alice@>", 12, "expected a domain"),
    (b"MAIL FROM:<alice@example.com", 23, "expected '>'"),
    (b"MAIL FROM:<a@b>SIZE=1", 10, "expected a space"),
    (b"MAIL FROM:<a@b> =1", 11, "expected a parameter"),
    (b"MAIL FROM:<a@b> SIZE=", 16, "expected the value of SIZE"),
    (b"MAIL FROM:<a@b> SIZE=1 size=2", 18, "a second SIZE"),
    (b"MAIL FROM:<a@b> X=\xff", 13, "expected UTF-8"),
    (b"MAIL FROM:<a@b>\nRCPT TO:<c@d>", 10, "expected a space"),
    (b"RCPT TO:<>", 4, "expected a recipient"),
    (b"RCPT TO:<a@b>\x00", 8, "expected a space"),
]


def parse_path_command(line: bytes) -> Mail | Rcpt:
    verb, argument = parse_command(line)
    return parse_mail(argument) if verb == "MAIL" else parse_rcpt(argument)


@pytest.mark.parametrize(("line", "value"), PATH_COMMANDS)
def test_commands_with_a_path(line: bytes, value: Mail | Rcpt) -> None:
    assert parse_path_command(line) == value
    assert value.write() == line


@pytest.mark.parametrize(("line", "value"), FORGIVEN)
def test_what_is_forgiven(line: bytes, value: Mail | Rcpt) -> None:
    assert parse_path_command(line) == value


def test_a_source_route_is_read_and_never_written() -> None:
    assert parse_rcpt(b"TO:<@a.example:alice@example.com>").write() == b"RCPT TO:<alice@example.com>\r\n"


@pytest.mark.parametrize(("line", "offset", "message"), BAD)
def test_what_is_refused_and_where(line: bytes, offset: int, message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_path_command(line)
    assert (caught.value.offset, caught.value.message) == (offset, message)
    assert caught.value.rule


def test_a_command_cannot_smuggle_another_one() -> None:
    with pytest.raises(ProtocolError, match="control character"):
        write_command("EHLO", "a\r\nQUIT")
    with pytest.raises(ProtocolError, match="control character"):
        Mail(ALICE, {"X": "1\r\nRSET"}).write()
    assert Reply(250, ("a\r\n550 b",)).write() == b"250 a  550 b\r\n"


def test_command_lines() -> None:
    assert parse_command(b"noop\r\n") == ("NOOP", b"")
    assert parse_command(b"VRFY  Crispin \t\r\n") == ("VRFY", b"Crispin")
    assert write_command("DATA") == b"DATA\r\n"
    assert write_command("EHLO", "a.example") == b"EHLO a.example\r\n"


def test_the_client_may_call_itself_anything_that_is_one_word() -> None:
    assert parse_hello(b"[192.0.2.1]") == "[192.0.2.1]"
    assert parse_hello(b"my_laptop") == "my_laptop"
    for bad in (b"", b"two words", b"\x80"):
        with pytest.raises(ProtocolError):
            parse_hello(bad)


def test_mail_options() -> None:
    assert MailOptions.of({}) == MailOptions()
    said = {"SIZE": "10", "BODY": "8bitmime", "SMTPUTF8": None, "AUTH": "<>"}
    assert MailOptions.of(said) == MailOptions(10, "8BITMIME", True, "<>")
    for bad in (
        {"SIZE": None},
        {"SIZE": "-1"},
        {"SIZE": "x"},
        {"BODY": "9BIT"},
        {"BODY": None},
        {"SMTPUTF8": "1"},
    ):
        with pytest.raises(ProtocolError):
            MailOptions.of(bad)
    with pytest.raises(ProtocolError):
        MailOptions.of({"AUTH": None})


def test_auth() -> None:
    assert parse_auth(b"plain") == Auth("PLAIN", None)
    assert parse_auth(b"PLAIN AGEAYg==") == Auth("PLAIN", b"\0a\0b")
    assert parse_auth(b"PLAIN =") == Auth("PLAIN", b"")
    for bad in (b"", b"PL@IN", b"PLAIN x", b"PLAIN AA== AA=="):
        with pytest.raises(ProtocolError):
            parse_auth(bad)


REPLIES = [
    (b"250 2.1.0 Sender ok\r\n", Reply(250, ("Sender ok",), "2.1.0")),
    (b"354 End with a dot\r\n", Reply(354, ("End with a dot",))),
    (b"250-mx.example\r\n250-SIZE 1000\r\n250 HELP\r\n", Reply(250, ("mx.example", "SIZE 1000", "HELP"))),
    (b"550-5.1.1 No\r\n550 5.1.1 such user\r\n", Reply(550, ("No", "such user"), "5.1.1")),
    (b"250-2.0.0 a\r\n250 b\r\n", Reply(250, ("2.0.0 a", "b"))),
    (b"250 5.0.0 not of this class\r\n", Reply(250, ("5.0.0 not of this class",))),
    (b"250 2.0.0\r\n", Reply(250, ("",), "2.0.0")),
    (b"334 \r\n", Reply(334)),
    (b"250-\r\n250 \r\n", Reply(250, ("", ""))),
    ("250 ü\r\n".encode(), Reply(250, ("ü",))),
]


@pytest.mark.parametrize(("data", "value"), REPLIES)
def test_replies(data: bytes, value: Reply) -> None:
    assert parse_reply(data) == value
    assert value.write() == data


@pytest.mark.parametrize(("data", "value"), REPLIES)
def test_replies_byte_by_byte_and_with_a_tail(data: bytes, value: Reply) -> None:
    reader = ReplyReader()
    assert [reader.feed(data[n : n + 1]) for n in range(len(data))] == [None] * (len(data) - 1) + [value]
    reader = ReplyReader()
    assert reader.feed(data + b"250 next\r\n2") == value
    assert reader.rest == b"250 next\r\n2"


BAD_REPLIES = [
    (b"hello\r\n", 0, "expected a reply code"),
    (b"150 too low\r\n", 0, "expected a reply code"),
    (b"250_no\r\n", 0, "expected a reply code"),
    (b"2500\r\n", 0, "expected a reply code"),
    (b"250-a\r\n251 b\r\n", 0, "expected 250 again"),
    (b"250-a\r\n", 7, "expected one whole reply"),
    (b"250 a\r\n250 b\r\n", 7, "expected one whole reply"),
    (b"250 " + b"x" * REPLY_LIMIT + b"\r\n", REPLY_LIMIT, f"a line of more than {REPLY_LIMIT} octets"),
    (b"250-\r\n" * 1001, 0, "a reply of more than 1000 lines"),
]


@pytest.mark.parametrize(("data", "offset", "message"), BAD_REPLIES, ids=[m for *_, m in BAD_REPLIES])
def test_what_is_no_reply(data: bytes, offset: int, message: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_reply(data)
    assert (caught.value.offset, caught.value.message) == (offset, message)


def test_a_reply_may_be_a_bare_code() -> None:
    assert parse_reply(b"250\r\n") == Reply(250)


def test_a_reply_says_what_it_says() -> None:
    reply = Reply(550, ("No such", "user"), "5.1.1")
    assert (reply.kind, reply.text, str(reply)) == (5, "No such\nuser", "550-5.1.1 No such\n550 5.1.1 user")
    assert str(Refused(Reply(550, ("No",), "5.1.1"), "RCPT")) == "RCPT was refused: 550 5.1.1 No"


def test_extensions() -> None:
    reply = Reply(250, ("mx.example greets you", "size 1000", "AUTH PLAIN LOGIN", "", "8BITMIME"))
    assert extensions(reply) == {"SIZE": ("1000",), "AUTH": ("PLAIN", "LOGIN"), "8BITMIME": ()}


@given(st.binary(max_size=80))
def test_any_octets_are_a_command_or_refused(octets: bytes) -> None:
    try:
        value = parse_path_command(b"MAIL FROM:<a@b>" + octets)
    except ProtocolError:
        return
    assert parse_path_command(value.write()) == value


@given(
    st.lists(st.sampled_from([b"250-", b"250 ", b"2.1.0 ", b"text", b"\r\n", b"\r", b"\n", b"\xff", b"551"]))
)
def test_any_octets_are_replies_or_refused_however_they_arrive(chunks: list[bytes]) -> None:
    def outcome(pieces: list[bytes]) -> object:
        reader = ReplyReader()
        for n, piece in enumerate(pieces):
            try:
                if reply := reader.feed(piece):
                    return reply, reader.rest + b"".join(pieces[n + 1 :])
            except ProtocolError as error:
                return error.message
        return None

    whole = b"".join(chunks)
    assert outcome(chunks) == outcome([whole]) == outcome([whole[n : n + 1] for n in range(len(whole))])


@given(
    st.integers(200, 599),
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])), min_size=1, max_size=4),
)
def test_replies_round_trip(code: int, lines: list[str]) -> None:
    reply = Reply(code, tuple(lines), f"{code // 100}.1.0" if code // 100 in (2, 4, 5) else None)
    again = parse_reply(reply.write())
    assert again.write() == reply.write()
    assert again.enhanced == reply.enhanced
