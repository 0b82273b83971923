"""ENVELOPE and BODYSTRUCTURE, as the RFC prints them and of messages that nobody should send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.grammar.imap_responses import parse_response
from labkit.grammar.imap_structure import write_envelope, write_structure
from labkit.message.mime import parse

# RFC 3501 8; the body is 92 lines in 3028 octets
SAMPLE = (
    b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    b"From: Terry Gray <gray@cac.washington.edu>\r\n"
    b"Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
    b"To: imap@cac.washington.edu\r\n"
    b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
    b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"
    b"\r\n" + b"x" * (3028 - 92 * 2) + b"\r\n" * 92
)


def envelope(header: str) -> str:
    return write_envelope(parse(header.encode() + b"\r\n\r\n")).decode()


def structure(message: bytes, *, extended: bool = True) -> str:
    return write_structure(parse(message), extended=extended).decode()


def test_the_sample_session_of_the_rfc() -> None:
    assert write_envelope(parse(SAMPLE)).decode() == (
        '("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" '
        '"IMAP4rev1 WG mtg summary and minutes" '
        '(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        '(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        '(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        '((NIL NIL "imap" "cac.washington.edu")) '
        '((NIL NIL "minutes" "CNRI.Reston.VA.US")'
        '("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
        '"<B27397-0100000@cac.washington.edu>")'
    )
    assert structure(SAMPLE, extended=False) == (
        '("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92)'
    )


@pytest.mark.parametrize(
    ("header", "place", "written"),
    [
        ("To: a@b, Group: c@d, e@f;, g@h", 5, None),
        ("To: undisclosed-recipients:;", 5, '((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))'),
        ("From: a@b\r\nSender: c@d\r\nReply-To: ", 3, '((NIL NIL "c" "d"))'),
        ("From: a@b\r\nSender: c@d\r\nReply-To: ", 4, '((NIL NIL "a" "b"))'),
        ("To: =?utf-8?q?J=C3=B6rg?= <j@b>", 5, '(("=?utf-8?q?J=C3=B6rg?=" NIL "j" "b"))'),
        ("To: root", 5, '((NIL NIL "root" ""))'),
        ("To: A B <nonsense>, c@d", 5, '(("A B" NIL "nonsense" "")(NIL NIL "c" "d"))'),
        ('Subject: say "hi" \\', 1, '"say \\"hi\\" \\\\"'),
        ("Subject: folded\r\n here", 1, '"folded here"'),
        ("Subject: Grüße", 1, "{7}\r\nGrüße"),
        ("Subject:", 1, '""'),
        ("X: y", 1, "NIL"),
        ("In-Reply-To: <1@a> <2@b>", 8, '"<1@a> <2@b>"'),
    ],
)
def test_one_field(header: str, place: int, written: str | None) -> None:
    data = parse_response(b"* 1 FETCH (ENVELOPE " + envelope(header).encode() + b")\r\n")
    if written is None:
        written = (
            '((NIL NIL "a" "b")(NIL NIL "Group" NIL)(NIL NIL "c" "d")(NIL NIL "e" "f")'
            '(NIL NIL NIL NIL)(NIL NIL "g" "h"))'
        )
    ((_, items),) = data.values
    expected = parse_response(b"* X " + written.encode() + b"\r\n").values[0]
    assert items[place] == expected


def test_multipart_with_its_extension_data() -> None:
    message = (
        b'Content-Type: multipart/mixed; boundary="b 1"\r\nContent-Language: de, en\r\n\r\n'
        b"--b 1\r\n\r\nhi\r\nyou\r\n"
        b"--b 1\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-ID: <1@x>\r\nContent-Description: a picture\r\nContent-Language: fr\r\n"
        b"Content-Location: http://x/\r\nContent-MD5: abc\r\n"
        b"Content-Disposition: attachment; filename=a.png\r\n\r\niVBO\r\n"
        b"--b 1--\r\n"
    )
    assert structure(message) == (
        '(("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 7 1 NIL NIL NIL NIL)'
        '("IMAGE" "PNG" ("NAME" "a.png") "<1@x>" "a picture" "BASE64" 4 "abc" '
        '("ATTACHMENT" ("FILENAME" "a.png")) "fr" "http://x/") '
        '"MIXED" ("BOUNDARY" "b 1") NIL ("de" "en") NIL)'
    )
    assert structure(message, extended=False).endswith(' 4) "MIXED")')


def test_a_message_in_a_message() -> None:
    message = b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody\r\n"
    assert structure(message, extended=False) == (
        '("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 21 '
        '(NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL) '
        '("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 6 1) 3)'
    )


@pytest.mark.parametrize(
    "header", ["Content-Type: multipart/mixed", "Content-Type: multipart/mixed; boundary=never"]
)
def test_a_multipart_without_parts_is_one_piece(header: str) -> None:
    assert structure(header.encode() + b"\r\n\r\nx", extended=False).startswith(
        '("APPLICATION" "OCTET-STREAM" '
    )


def test_no_nul_and_no_depth_gets_through() -> None:
    assert "\0" not in envelope("Subject: a\0b\r\nFrom: \0")
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(500)
    )
    assert structure(deep).count("MIXED") > 50


HEADERS = st.text('From: To\r\n<>@,;"()\\a\0=?ü ', max_size=60)


@given(HEADERS, st.sampled_from(["From", "To", "Content-Type", "Content-Disposition", "Content-Language"]))
def test_whatever_the_header_what_is_written_can_be_read(text: str, name: str) -> None:
    message = parse(f"{name}: {text}\r\n\r\nbody".encode())
    for written in (write_envelope(message), write_structure(message, extended=True)):
        parse_response(b"* 1 FETCH (X " + written + b")\r\n")


@given(st.binary(max_size=300))
def test_whatever_the_message_what_is_written_can_be_read(octets: bytes) -> None:
    message = parse(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + octets)
    for written in (write_envelope(message), write_structure(message, extended=True)):
        parse_response(b"* 1 FETCH (X " + written + b")\r\n")
