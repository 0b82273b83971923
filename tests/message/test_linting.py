"""Every rule is broken once, where a ¦ stands; what breaks none is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import LabError
from labkit.message import Violation, lint
from labkit.message.catalogue import FIELDS
from labkit.message.grammars import GRAMMARS

DATE = "Date: Mon, 5 Jan 2026 09:00:00 +0000\r\n"
FROM = "From: alice@example.org\r\n"
ID = "Message-ID: <1@example.org>\r\n"
WHOLE = DATE + FROM + ID
MIME = WHOLE + "MIME-Version: 1.0\r\n"
END = "\r\nHello\r\n"

GOOD = [
    WHOLE + END,
    # RFC 5322 A.1 to A.5
    "From: John Doe <jdoe@machine.example>\r\nSender: Michael Jones <mjones@machine.example>\r\n"
    "To: Mary Smith <mary@example.net>\r\nSubject: Saying Hello\r\n"
    "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nMessage-ID: <1234@local.machine.example>\r\n" + END,
    'From: "Joe Q. Public" <john.q.public@example.com>\r\n'
    "To: Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>\r\n"
    'Cc: <boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>\r\n'
    "Date: Tue, 1 Jul 2003 10:52:37 +0200\r\nMessage-ID: <5678.21-Nov-1997@example.com>\r\n" + END,
    "From: Pete <pete@silly.example>\r\n"
    "To: A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;\r\nCc: Undisclosed recipients:;\r\n"
    "Date: Thu, 13 Feb 1969 23:32:54 -0330\r\nMessage-ID: <testabcd.1234@silly.example>\r\n" + END,
    "Resent-From: Mary Smith <mary@example.net>\r\nResent-To: Jane Brown <j-brown@other.example>\r\n"
    "Resent-Date: Mon, 24 Nov 1997 14:22:01 -0800\r\nResent-Message-ID: <78910@example.net>\r\n"
    + WHOLE
    + END,
    "Received: from x.y.test by example.net via TCP with ESMTP id ABC12345\r\n"
    "  for <mary@example.net>; 21 Nov 1997 10:05:43 -0600\r\n"
    "Received: from node.example by x.y.test; 21 Nov 1997 10:01:22 -0600\r\n" + WHOLE + END,
    "From: Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>\r\n"
    "To:A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
    "         joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)\r\n"
    "Cc:(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;\r\n"
    "Date: Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n"
    "               -0330 (Newfoundland Time)\r\nMessage-ID:              <testabcd.1234@silly.test>\r\n"
    + END,
    MIME + "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= =?utf-8?b?w7w=?=\r\nReferences: <a@b> <c@d>\r\nBcc: \r\n"
    "Keywords: one, two words\r\nContent-Type: text/plain; charset=us-ascii; x*0*=utf-8''a; x*1=b (why)\r\n"
    "Content-Transfer-Encoding: 7bit\r\nContent-Disposition: inline\r\nContent-Language: en, de\r\n"
    "Content-ID: <a@b>\r\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n" + END,
]


@pytest.mark.parametrize("text", GOOD)
def test_what_breaks_nothing(text: str) -> None:
    assert lint(text.encode()) == []


# what it is called, the section, and a message in which ¦ stands where it is broken
BAD = [
    ("missing-field", "RFC 5322 3.6", "¦" + FROM + ID + END),
    ("missing-field", "RFC 5322 3.6", "¦" + DATE + ID + END),
    ("missing-message-id", "RFC 5322 3.6.4", "¦" + DATE + FROM + END),
    ("repeated-field", "RFC 5322 3.6.5", WHOLE + "Subject: a\r\n¦subject: b\r\n" + END),
    ("repeated-field", "RFC 2045 5", MIME + "Content-Type: a/b\r\n¦Content-Type: c/d\r\n" + END),
    ("missing-sender", "RFC 5322 3.6.2", DATE + ID + "¦From: a@b, c@d\r\n" + END),
    ("missing-mime-version", "RFC 2045 4", WHOLE + "¦Content-Type: text/plain\r\n" + END),
    ("missing-empty-line", "RFC 5322 2.1", WHOLE + "¦no field\r\n"),
    ("space-before-colon", "RFC 5322 4.5", WHOLE + "Subject¦ : a\r\n" + END),
    ("control", "RFC 5322 4.1", WHOLE + "Subject: a¦\x07\r\n" + END),
    ("nul", "RFC 5322 4.1", WHOLE + "Subject: a¦\0\r\n" + END),
    ("nul", "RFC 2045 2.8", WHOLE + "\r\na¦\0\r\n"),
    ("blank-fold", "RFC 5322 4.2", WHOLE + "Subject: a\r\n¦ \r\n b\r\n" + END),
    ("utf-8", "RFC 6532 3", WHOLE + "Subject: a¦ä\r\n" + END),
    ("long-line", "RFC 5322 2.1.1", WHOLE + "¦Subject: " + "a" * 70 + "\r\n" + END),
    ("long-line", "RFC 5322 2.1.1", WHOLE + "\r\n¦" + "a" * 79 + "\r\n"),
    ("line-too-long", "RFC 5322 2.1.1", WHOLE + "\r\n¦" + "a" * 999 + "\r\n"),
    ("bare-cr", "RFC 5322 2.3", WHOLE + "\r\na¦\rb\r\n"),
    ("bare-lf", "RFC 5322 2.3", WHOLE + "\r\na¦\nb\r\n"),
    ("lf-for-crlf", "RFC 5322 2.3", (WHOLE + END).replace("\r\n", "\n").replace("+0000\n", "+0000¦\n")),
    ("bad-date", "RFC 5322 3.3", FROM + ID + "Date: ¦2026-01-05\r\n" + END),
    ("bad-date", "RFC 5322 3.3", FROM + ID + "Date: ¦Noday, 5 Jan 2026 09:00:00 +0000\r\n" + END),
    ("bad-date", "RFC 5322 3.3", FROM + ID + "Date: 5 ¦Foo 2026 09:00:00 +0000\r\n" + END),
    ("bad-date", "RFC 5322 3.3", FROM + ID + "Date: ¦30 Feb 2026 09:00:00 +0000\r\n" + END),
    ("bad-date", "RFC 5322 3.3", FROM + ID + "Date: 5 Jan ¦1066 09:00:00 +0000\r\n" + END),
    ("bad-date", "RFC 5322 3.3", FROM + ID + "Date: 5 Jan 2026 ¦24:00:00 +0000\r\n" + END),
    ("bad-date", "RFC 5322 3.3", FROM + ID + "Date: 5 Jan 2026 09:00:00¦\r\n" + END),
    ("bad-date", "RFC 5322 3.3", FROM + ID + "Date: 5 Jan 2026 09:00:00 ¦+0060\r\n" + END),
    ("wrong-weekday", "RFC 5322 3.3", FROM + ID + "Date: ¦Tue, 5 Jan 2026 09:00:00 +0000\r\n" + END),
    ("obsolete-date", "RFC 5322 4.3", FROM + ID + "Date: 5 Jan ¦98 09:00:00 +0000\r\n" + END),
    ("obsolete-date", "RFC 5322 4.3", FROM + ID + "Date: 5 Jan 2026 09:00:00 ¦EST\r\n" + END),
    ("bad-address", "RFC 5322 3.4", WHOLE + "To: alice¦\r\n" + END),
    ("no-address", "RFC 5322 3.4", WHOLE + "To: ¦\r\n" + END),
    ("too-many-addresses", "RFC 5322 3.6.2", WHOLE + "Sender: ¦a@b, c@d\r\n" + END),
    ("group-of-authors", "RFC 6854 3", DATE + ID + "From: ¦Us: a@b;\r\n" + END),
    ("obsolete-address", "RFC 5322 4.4", WHOLE + "To: a@b¦, ,c@d\r\n" + END),
    ("obsolete-address", "RFC 5322 4.4", WHOLE + "To: ¦<@a:b@c>\r\n" + END),
    ("obsolete-address", "RFC 5322 4.4", WHOLE + "To: jdoe@test¦ . example\r\n" + END),
    ("obsolete-address", "RFC 5322 4.1", WHOLE + "To: Joe Q¦. Public <j@x>\r\n" + END),
    ("bad-address", "RFC 5321 4.1.2", "Return-Path: ¦alice@example.org\r\n" + WHOLE + END),
    ("bad-message-id", "RFC 5322 3.6.4", DATE + FROM + "Message-ID: ¦<abc>\r\n" + END),
    ("bad-message-id", "RFC 5322 3.6.4", DATE + FROM + "Message-ID: ¦abc@d\r\n" + END),
    ("bad-message-id", "RFC 5322 3.6.4", DATE + FROM + "Message-ID: ¦<a@b> <c@d>\r\n" + END),
    ("bad-message-id", "RFC 5322 3.6.4", WHOLE + "References: ¦\r\n" + END),
    ("obsolete-message-id", "RFC 5322 4.5.4", WHOLE + "In-Reply-To: ¦Your letter <a@b>\r\n" + END),
    ("bad-value", "RFC 5322 3.6.5", WHOLE + "Keywords: ¦one,,two\r\n" + END),
    ("bad-value", "RFC 2045 4", WHOLE + "MIME-Version: ¦2.0\r\n" + END),
    ("bad-value", "RFC 2045 5.1", MIME + "Content-Type: ¦text\r\n" + END),
    ("bad-value", "RFC 2045 6.1", MIME + "Content-Transfer-Encoding: ¦7bit please\r\n" + END),
    ("bad-value", "RFC 1864 2", MIME + "Content-MD5: ¦abcd\r\n" + END),
    ("bad-value", "RFC 3282 2", MIME + "Content-Language: ¦en;de\r\n" + END),
    ("bad-parameter", "RFC 2045 5.1", MIME + "Content-Type: text/plain; name=a ¦b\r\n" + END),
    ("empty-parameter", "RFC 2045 5.1", MIME + "Content-Type: text/plain¦;\r\n" + END),
    ("repeated-parameter", "RFC 2183 2", MIME + "Content-Disposition: inline; a=b; ¦A=c\r\n" + END),
    ("bad-parameter", "RFC 2231 3", MIME + "Content-Type: text/plain; a*0=b; ¦a*2=c\r\n" + END),
    ("bad-parameter", "RFC 2231 4", MIME + "Content-Type: text/plain; ¦a*=b\r\n" + END),
    ("word-too-long", "RFC 2047 2", WHOLE + "Subject: \r\n ¦=?utf-8?q?" + "a" * 65 + "?=\r\n" + END),
    ("word-in-quotes", "RFC 2047 5", WHOLE + 'To: "¦=?utf-8?q?a?=" <a@b>\r\n' + END),
    ("unknown-charset", "RFC 2047 2", WHOLE + "Subject: ¦=?martian?q?a?=\r\n" + END),
    ("bad-word", "RFC 2047 2", WHOLE + "Subject: ¦=?utf-8?x?a?=\r\n" + END),
    ("bad-word", "RFC 2047 2", WHOLE + "Subject: ¦=?utf-8?q?a b?=\r\n" + END),
    ("bad-word", "RFC 2047 2", WHOLE + "Subject: ¦=?utf-8?b?a?=\r\n" + END),
    ("bad-word", "RFC 2047 2", WHOLE + "Subject: ¦=?utf-8?q?=XY?=\r\n" + END),
    ("cut-character", "RFC 2047 5", WHOLE + "Subject: ¦=?utf-8?q?=C3?=\r\n" + END),
    ("word-without-space", "RFC 2047 5", WHOLE + "Subject: a¦=?utf-8?q?b?=\r\n" + END),
    ("bad-trace", "RFC 5322 3.6.7", "Received: ¦by a\r\n" + WHOLE + END),
    ("bad-date", "RFC 5322 3.3", "Received: by a; ¦now\r\n" + WHOLE + END),
    ("bad-trace", "RFC 5321 4.4", "Received: ¦from a; 5 Jan 2026 09:00:00 +0000\r\n" + WHOLE + END),
    ("trace-not-on-top", "RFC 5322 3.6.7", WHOLE + "¦Received: by a; 5 Jan 2026 09:00:00 +0000\r\n" + END),
    (
        "trace-out-of-order",
        "RFC 5321 4.4",
        "¦Received: by b; 5 Jan 2026 09:00:00 +0000\r\nReceived: by a; 5 Jan 2026 10:00:00 +0000\r\n"
        + WHOLE
        + END,
    ),
    (
        "return-path-not-on-top",
        "RFC 5321 4.4",
        "Received: by b; 5 Jan 2026 09:00:00 +0000\r\n¦Return-Path: <>\r\n" + WHOLE + END,
    ),
    ("missing-field", "RFC 5322 3.6.6", "¦Resent-Date: 5 Jan 2026 09:00:00 +0000\r\n" + WHOLE + END),
    ("missing-field", "RFC 5322 3.6.6", "¦Resent-From: a@b\r\nResent-To: c@d\r\n" + WHOLE + END),
    (
        "missing-sender",
        "RFC 5322 3.6.2",
        "¦Resent-From: a@b, c@d\r\nResent-Date: 5 Jan 2026 09:00:00 +0000\r\n" + WHOLE + END,
    ),
    ("missing-boundary", "RFC 2046 5.1.1", "¦" + MIME + "Content-Type: multipart/mixed\r\n" + END),
    ("unknown-encoding", "RFC 2045 6.1", MIME + "¦Content-Transfer-Encoding: rot13\r\n" + END),
    ("eight-bit", "RFC 2045 2.7", MIME + "Content-Type: application/x\r\n\r\na¦ä\r\n"),
    ("base64-foreign", "RFC 2045 6.8", MIME + "Content-Transfer-Encoding: base64\r\n\r\naG¦!Vs\r\n"),
    ("base64-cut", "RFC 2045 6.8", MIME + "Content-Transfer-Encoding: base64\r\n\r\naGVsb\r\n¦"),
    ("base64-goes-on", "RFC 2045 6.8", MIME + "Content-Transfer-Encoding: base64\r\n\r\naGU=\r\n¦aGU=\r\n"),
    (
        "quoted-bad-escape",
        "RFC 2045 6.7",
        MIME + "Content-Transfer-Encoding: quoted-printable\r\n\r\na¦=b\r\n",
    ),
    (
        "quoted-foreign",
        "RFC 2045 6.7",
        MIME + "Content-Transfer-Encoding: quoted-printable\r\n\r\na¦\x07\r\n",
    ),
    (
        "quoted-space-at-end",
        "RFC 2045 6.7",
        MIME + "Content-Transfer-Encoding: quoted-printable\r\n\r\na¦ \r\n",
    ),
    (
        "uuencode",
        "RFC 2045 6.3",
        MIME + "Content-Transfer-Encoding: x-uuencode\r\n\r\n¦begin 644 a\r\n`\r\nend\r\n",
    ),
    ("uuencode-damaged", "RFC 2045 6.3", MIME + "Content-Transfer-Encoding: uue\r\n\r\n¦#86)C\r\nend\r\n"),
    ("unknown-charset", "RFC 2046 4.1.2", "¦" + MIME + "Content-Type: text/plain; charset=martian\r\n" + END),
    (
        "not-in-charset",
        "RFC 2046 4.1.2",
        MIME + "Content-Type: text/plain; charset=ascii\r\nContent-Transfer-Encoding: 8bit\r\n\r\na¦ä\r\n",
    ),
    ("no-parts", "RFC 2046 5.1.1", MIME + "Content-Type: multipart/x; boundary=b\r\n\r\n¦--b--\r\n"),
    (
        "boundary-too-long",
        "RFC 2046 5.1.1",
        "¦" + MIME + f'Content-Type: multipart/x;\r\n boundary="{"b" * 71}"\r\n' + END,
    ),
]


@pytest.mark.parametrize(("name", "rule", "text"), BAD)
def test_what_breaks_a_rule(name: str, rule: str, text: str) -> None:
    before, _, after = text.partition("¦")
    found = lint((before + after).encode())
    assert (len(before.encode()), name, rule) in [(each.offset, each.name, each.rule) for each in found]
    for each in found:
        assert each.sentence.endswith((".", "+0000", "hh:mm:ss", "+0100"))
        assert each.severity in ("error", "warning")


def test_lines_between_parts_count_and_those_of_binary_do_not() -> None:
    text = MIME + "Content-Type: multipart/mixed; boundary=b\r\n\r\npre¦\nface\r\n--b\r\n"
    text += "Content-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\n" + "a" * 2000
    before, _, after = (text + "\r\n--b--\r\nepilogue\r\n").partition("¦")
    assert [(each.offset, each.name) for each in lint((before + after).encode())] == [
        (len(before), "bare-lf")
    ]


def test_octets_that_are_not_utf_8() -> None:
    (found,) = (each for each in lint(WHOLE.encode() + b"Subject: \xff\r\n\r\n") if each.field == "Subject")
    assert found == Violation(
        len(WHOLE) + 9,
        "Subject",
        "eight-bit",
        "RFC 6532 3",
        "Octets that are neither ASCII nor UTF-8.",
        "error",
    )


def test_every_rule_has_a_message_that_breaks_it() -> None:
    """In a part inside as in the message itself; the header rules are not asked of a part."""
    inner = "Content-Type: text/plain; charset=martian\r\nContent-Transfer-Encoding: rot13\r\n"
    text = MIME + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n¦" + inner + "\r\nx\r\n--b--\r\n"
    before, _, after = text.partition("¦")
    assert [(each.offset - len(before), each.name) for each in lint((before + after).encode())] == [
        (0, "unknown-charset"),
        (43, "unknown-encoding"),
    ]


def test_every_field_has_a_grammar() -> None:
    assert {known.grammar for known in FIELDS.values()} == set(GRAMMARS)


def test_of_one_kind_so_many_are_told() -> None:
    data = (WHOLE + "\r\n").encode() + b"a\n" * 1000 + b"\r\n"
    assert len(lint(data)) == 50
    assert len(lint(data, most=7)) == 7


@given(st.binary() | st.lists(st.sampled_from([text for _, _, text in BAD])).map("".join).map(str.encode))
def test_any_octets_can_be_looked_through(data: bytes) -> None:
    for each in lint(data):
        assert 0 <= each.offset <= len(data)


UNITS = [
    *(
        b"To: a. ",
        b"To: a@b,",
        b"To: (",
        b"References: <a@b> ",
        b"References: a ",
        b"Date: 1 ",
        b"Keywords: a ",
    ),
    *(b"Subject: =?", b"Content-Type: a/b; a*1=b", b"Resent-%d: a\r\n", b"Received: by ", b"Received: ("),
    *(b"Content-Type: multipart/a;\r\n", b"\r", b"\n", b"\0", b"=?utf-8?q?a?=", b'"'),
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", UNITS)
def test_hostile_messages_cost_linear_time(unit: bytes) -> None:
    head, colon, tail = unit.partition(b": ")
    if b"%d" in unit:
        data = b"".join(unit % number for number in range(50_000))
    else:
        data = head + colon + tail * 300_000
    lint(data)


def test_text_is_no_message() -> None:
    with pytest.raises(LabError, match="octets"):
        lint("From: a@example.com\n")  # type: ignore[arg-type]
