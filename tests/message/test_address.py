"""Paths strictly, address lists leniently; what parses is written so that it parses again."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import ProtocolError
from labkit.message.address import (
    NULL_PATH,
    Group,
    Mailbox,
    NamedMailbox,
    Path,
    lookup_domain,
    parse_address_list,
    parse_mailbox,
    parse_path,
    read_path,
)

SMITH = Mailbox("Smith", "bar.com")

PATHS = [
    ("<>", NULL_PATH, "<>"),
    ("<Smith@bar.com>", Path(SMITH), "<Smith@bar.com>"),
    ("<postmaster>", Path(Mailbox("postmaster", "")), "<postmaster>"),
    ("<PostMaster>", Path(Mailbox("PostMaster", "")), "<PostMaster>"),
    # RFC 5321 4.1.1.3: relays are read, and never written
    ("<@hosta.int,@jkl.org:Smith@bar.com>", Path(SMITH, ("hosta.int", "jkl.org")), "<Smith@bar.com>"),
    ("<@[x]:a@b>", None, 2),
    ('<"Smith"@bar.com>', Path(SMITH), "<Smith@bar.com>"),
    ('<"a b>\\"\\\\c"@x-1.y>', Path(Mailbox('a b>"\\c', "x-1.y")), '<"a b>\\"\\\\c"@x-1.y>'),
    ('<""@x>', Path(Mailbox("", "x")), '<""@x>'),
    ("<!#$%&'*+-/=?^_`{|}~@x>", Path(Mailbox("!#$%&'*+-/=?^_`{|}~", "x")), "<!#$%&'*+-/=?^_`{|}~@x>"),
    ("<a@[192.0.2.1]>", Path(Mailbox("a", "[192.0.2.1]")), "<a@[192.0.2.1]>"),
    ("<a@[IPv6:2001:db8::1]>", Path(Mailbox("a", "[IPv6:2001:db8::1]")), "<a@[IPv6:2001:db8::1]>"),
    ("<jörg@bücher.example>", Path(Mailbox("jörg", "bücher.example")), "<jörg@bücher.example>"),
    # what is refused, and at which byte
    ("", None, 0),
    ("a@b", None, 0),
    ("<a@b", None, 4),
    ("<a@b> ", None, 5),
    ("< a@b>", None, 1),
    ("<a>", None, 2),
    ("<a@>", None, 3),
    ("<@b>", None, 3),
    ("<@b,c:a@b>", None, 3),
    ("<.a@b>", None, 1),
    ("<a.@b>", None, 2),
    ("<a..b@c>", None, 2),
    ("<a@b..c>", None, 4),
    ("<a@-b>", None, 3),
    ("<a@b->", None, 4),
    ("<a@b_c>", None, 4),
    ('<"a"b@c>', None, 4),
    ('<"a@b>', None, 1),
    ('<"a\r\n"@b>', None, 1),
    ("<a@[192.0.2.256]>", None, 4),
    ("<a@[2001:db8::1]>", None, 4),
    ("<a@[tag:content]>", None, 4),
    ("<a@[IPv6:192.0.2.1]>", None, 4),
    (b"<a\xff@b>", None, 2),
    ("<a\ud800@b>", None, 2),
]


@pytest.mark.parametrize(("text", "path", "written"), PATHS)
def test_path(text: str | bytes, path: Path | None, written: str | int) -> None:
    if path is None:
        with pytest.raises(ProtocolError) as raised:
            parse_path(text)
        assert raised.value.offset == written
        assert raised.value.rule == "RFC 5321 4.1.2"
        return
    assert isinstance(text, str)
    assert parse_path(text) == parse_path(text.encode()) == path
    assert str(path) == written
    line = f"MAIL FROM:{text} SIZE=9".encode()
    assert read_path(line, 10) == (path, len(line) - 7)


def test_mailbox() -> None:
    assert parse_mailbox("Smith@bar.com") == SMITH
    for bad, offset in [("<a@b>", 0), ("a@b ", 3), ("a", 1), ("", 0)]:
        with pytest.raises(ProtocolError) as raised:
            parse_mailbox(bad)
        assert raised.value.offset == offset


def test_address_of_a_literal() -> None:
    assert parse_mailbox("a@[192.0.2.1]").address == ip_address("192.0.2.1")
    assert parse_mailbox("a@[IPv6:2001:db8::1]").address == ip_address("2001:db8::1")
    assert SMITH.address is None


def test_no_mailbox_can_carry_a_command() -> None:
    with pytest.raises(ProtocolError, match="control character"):
        Mailbox("a\r\nRSET", "b")


def named(local: str, domain: str, name: str | None = None) -> NamedMailbox:
    return NamedMailbox(Mailbox(local, domain), name)


LISTS = [
    ("", [], ""),
    ("a@b", [named("a", "b")], "a@b"),
    ("John Doe <jdoe@machine.example>", [named("jdoe", "machine.example", "John Doe")], None),
    ('"Joe Q. Public" <john.q@x>', [named("john.q", "x", "Joe Q. Public")], None),
    ("Joe Q. Public <j@x>", [named("j", "x", "Joe Q. Public")], '"Joe Q. Public" <j@x>'),
    ('"Giant; \\"Big\\" Box" <s@x>', [named("s", "x", 'Giant; "Big" Box')], None),
    ("Undisclosed recipients:;", [Group("Undisclosed recipients")], "Undisclosed recipients: ;"),
    (
        "A Group:Ed Jones <joe@where.test>,John <jdoe@one.test>;",
        [Group("A Group", (named("joe", "where.test", "Ed Jones"), named("jdoe", "one.test", "John")))],
        "A Group: Ed Jones <joe@where.test>, John <jdoe@one.test>;",
    ),
    # RFC 5322 A.5: white space, comments and folding
    (
        "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
        [named("pete", "silly.test", "Pete")],
        "Pete <pete@silly.test>",
    ),
    (
        "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n joe@example.org;",
        [Group("A Group", (named("c", "public.example", "Chris Jones"), named("joe", "example.org")))],
        "A Group: Chris Jones <c@public.example>, joe@example.org;",
    ),
    # RFC 5322 A.6.1: obsolete
    (
        "Mary Smith <@node.test:mary@example.net>, , jdoe@test   . example",
        [named("mary", "example.net", "Mary Smith"), named("jdoe", "test.example")],
        "Mary Smith <mary@example.net>, jdoe@test.example",
    ),
    ("a@b (Ann (or Anna) Bo)", [named("a", "b", "Ann (or Anna) Bo")], '"Ann (or Anna) Bo" <a@b>'),
    ("a@b (Ann), c@d", [named("a", "b", "Ann"), named("c", "d")], "Ann <a@b>, c@d"),
    (' "a b"\t. c @ x ', [named("a b.c", "x")], '"a b.c"@x'),
    ('"a\r\n b"@x', [named("a b", "x")], '"a b"@x'),
    ("a@[192.0.2.1]", [named("a", "[192.0.2.1]")], None),
    ("=?utf-8?q?J=C3=B6rg?= <j@x>", [named("j", "x", "=?utf-8?q?J=C3=B6rg?=")], None),
    ("Jörg <jörg@bücher.example>", [named("jörg", "bücher.example", "Jörg")], None),
]


@pytest.mark.parametrize(("text", "addresses", "written"), LISTS)
def test_address_list(text: str, addresses: list[NamedMailbox | Group], written: str | None) -> None:
    assert parse_address_list(text) == addresses
    assert ", ".join(map(str, addresses)) == (text if written is None else written)


BAD = [
    (b"a", 1, "expected '@'"),
    (b"a b@c", 2, "expected '@'"),
    (b"a@b c", 4, "expected ','"),
    (b"a@", 2, "expected a domain"),
    (b"a.@b", 2, "expected a local part"),
    (b"A <a@b", 6, "expected '>'"),
    (b"A <>", 3, "expected a local part"),
    (b"A: a@b", 6, "expected ',' or ';'"),
    (b"A:", 2, "expected a local part"),
    (b"A: B:c@d;;", 4, "expected '@'"),
    (b"A <@b c@d>", 6, "expected '@'"),
    (b"a@b (c (d)", 4, "a comment that does not end"),
    (b"a@b\r\nc@d", 3, "expected an address"),
    (b'"a\r\nb"@c', 0, "expected an address"),
    (b'"a@b', 0, "expected an address"),
    (b"a\xff@b", 1, "expected UTF-8"),
    (b"a@b)", 3, "expected an address"),
]


@pytest.mark.parametrize(("data", "offset", "message"), BAD)
def test_bad_address_list(data: bytes, offset: int, message: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        parse_address_list(data)
    assert (raised.value.message, raised.value.offset) == (message, offset)


PIECES = [
    b"a",
    b"B c",
    b".",
    b"@",
    b"<",
    b">",
    b",",
    b":",
    b";",
    b'"',
    b"\\",
    b"(",
    b")",
    b"[",
    b"]",
    b" ",
    b"\r\n ",
]
OCTETS = st.binary(max_size=40) | st.lists(st.sampled_from([*PIECES, b"a@b", b'"x y"', "ö".encode()])).map(
    b"".join
)


def outcome(parse: Callable[[bytes], Any], data: bytes) -> Any:
    try:
        return parse(data)
    except ProtocolError as error:
        return error


@given(OCTETS)
def test_any_octets_are_an_address_list_or_refused(data: bytes) -> None:
    found = outcome(parse_address_list, data)
    if isinstance(found, ProtocolError):
        assert 0 <= found.offset <= len(data)
    else:
        assert parse_address_list(", ".join(map(str, found))) == found


@given(OCTETS)
def test_any_octets_are_a_path_or_refused(data: bytes) -> None:
    found = outcome(parse_path, data)
    if isinstance(found, ProtocolError):
        assert 0 <= found.offset <= len(data)
    else:
        assert parse_path(str(found)) == Path(found.mailbox)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_any_local_part_survives_its_quoting(local: str) -> None:
    mailbox = Mailbox(local, "example.org")
    assert parse_address_list(str(mailbox)) == [NamedMailbox(mailbox)]
    assert parse_mailbox(str(mailbox)) == mailbox


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "unit", [b"(", b"a(b)", b'"', b"a@b (c),", b"x:", b"\\", b"a.", b"a@b,", b"<@a,", b"\r\n "]
)
def test_hostile_lists_cost_linear_time(unit: bytes) -> None:
    assert outcome(parse_address_list, unit * 20_000) is not None


@given(
    OCTETS
    | st.lists(st.sampled_from([b"Ann B. <a@b>", b"a.b@c.d", b'"x, y"  <q@r>', b"A\t B <c@d>"])).map(
        b", ".join
    )
)
def test_what_is_read_at_once_is_what_is_read_token_by_token(data: bytes) -> None:
    """A comment in front sends the whole list the long way."""
    short, long = outcome(parse_address_list, data), outcome(parse_address_list, b"()" + data)
    if isinstance(short, ProtocolError):
        assert isinstance(long, ProtocolError)
        assert (short.message, short.offset) == (long.message, long.offset - 2)
    else:
        assert short == long


def test_a_domain_for_people_and_for_dns() -> None:
    mailbox = parse_mailbox("jörg@BÜCHER.example")
    assert mailbox.lookup_domain == "xn--bcher-kva.example"
    assert mailbox.needs_smtputf8
    shown = parse_mailbox("joerg@xn--bcher-kva.example")
    assert shown.shown == "joerg@bücher.example"
    assert not shown.needs_smtputf8
    assert parse_mailbox("a@xn--999999999.example").shown == "a@xn--999999999.example"
    assert parse_mailbox("a@[192.0.2.1]").shown == "a@[192.0.2.1]" == "a@" + lookup_domain("[192.0.2.1]")
    with pytest.raises(ProtocolError, match="no domain name"):
        lookup_domain("a\u2024\u200db")
