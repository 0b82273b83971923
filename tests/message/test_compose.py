"""What is composed is canonical, says what was asked, and is the same each time."""

import email.policy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import LabError, ProtocolError
from labkit.message import lint
from labkit.message.compose import Attachment, compose, forward
from labkit.message.fields import decode_words
from labkit.message.mime import Part, parse

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)


def write(**more: Any) -> bytes:
    asked = {
        "sender": "alice@example.org",
        "to": ["bob@example.net"],
        "subject": "Hello",
        "text": "Hi Bob,\n",
    }
    return compose(**{**asked, "date": NINE, "message_id": "<1@example.org>", **more})


def check(data: bytes) -> Part:
    """Canonical: CRLF only, no long line, no error here and no defect in the standard library's eyes."""
    root = parse(data)
    assert [found for found in lint(data) if found.severity == "error"] == []
    lines = data.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    theirs = email.message_from_bytes(data, policy=email.policy.default)
    assert not any(part.defects for part in theirs.walk())
    assert [part.content_type for part in root.walk()] == [part.get_content_type() for part in theirs.walk()]
    return root


def test_plain_text_to_the_byte() -> None:
    assert write() == (
        b"From: alice@example.org\r\n"
        b"To: bob@example.net\r\n"
        b"Subject: Hello\r\n"
        b"Date: Mon, 05 Jan 2026 09:00:00 +0000\r\n"
        b"Message-ID: <1@example.org>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"Hi Bob,\r\n"
    )


def test_everything_at_once() -> None:
    data = write(
        sender="Jörg Ä. Müller <joerg@example.org>",
        to=["Bob <bob@example.net>, carol@example.net", "Büro: dora@example.net;"],
        cc=["eve@example.net"],
        bcc=["frank@example.net"],
        subject="Grüße " * 20,
        text="Grüße\n.\nFrom here",
        html="<p>Grüße</p>",
        attachments=[
            Attachment("ä b.txt", b"\0\1\2" * 100),
            Attachment('a"b.eml', write(), "message/rfc822"),
        ],
        extra=[("X-Lab", "yes")],
    )
    root = check(data)
    assert data.isascii()
    assert [(part.path, part.content_type) for part in root.walk()] == [
        ("TEXT", "multipart/mixed"),
        ("1", "multipart/alternative"),
        ("1.1", "text/plain"),
        ("1.2", "text/html"),
        ("2", "application/octet-stream"),
        ("3", "message/rfc822"),
        ("3.1", "text/plain"),
    ]
    said = {
        name: decode_words(root.get(name) or b"") for name in ("From", "To", "Cc", "Bcc", "Subject", "X-Lab")
    }
    assert said == {
        "From": "Jörg Ä. Müller <joerg@example.org>",
        "To": "Bob <bob@example.net>, carol@example.net, Büro: dora@example.net;",
        "Cc": "eve@example.net",
        "Bcc": "frank@example.net",
        "Subject": "Grüße " * 20,
        "X-Lab": "yes",
    }
    alternative, file, message = root.children
    assert alternative.children[0].text() == "Grüße\r\n.\r\nFrom here\r\n"
    assert alternative.children[1].text() == "<p>Grüße</p>\r\n"
    assert (file.filename, file.disposition, file.decoded()) == ("ä b.txt", "attachment", b"\0\1\2" * 100)
    assert (message.filename, message.body) == ('a"b.eml', write())


def test_html_with_the_pictures_it_shows() -> None:
    logo = Attachment("logo.png", b"\x89PNG", "image/png", content_id="logo@example.org")
    data = write(
        html='<img src="cid:logo@example.org">',
        related=[logo],
        attachments=[Attachment("a.txt", b"x", "text/plain")],
    )
    root = check(data)
    assert lint(data) == []
    assert [(part.path, part.content_type, part.disposition) for part in root.walk()] == [
        ("TEXT", "multipart/mixed", None),
        ("1", "multipart/alternative", None),
        ("1.1", "text/plain", None),
        ("1.2", "multipart/related", None),
        ("1.2.1", "text/html", None),
        ("1.2.2", "image/png", "inline"),
        ("2", "text/plain", "attachment"),
    ]
    related = root.children[0].children[1]
    assert related.params["type"] == "text/html"
    assert related.children[1].get("Content-ID") == b"<logo@example.org>"


def test_a_message_is_forwarded_whole() -> None:
    original = write(subject="Grüße", text="ä")
    said = {"sender": "bob@example.net", "to": ["carol@example.com"], "text": "See below.\n"}
    data = forward(original, date=NINE, message_id="<2@example.net>", **said)
    root = check(data)
    assert lint(data) == []
    assert decode_words(root.get("Subject") or b"") == "Fwd: Grüße"
    assert root.children[1].body == original
    assert root.children[1].children[0].text() == "ä\r\n"
    assert b"Subject: FYI" in forward(
        original, date=NINE, message_id="<2@example.net>", subject="FYI", **said
    )


def test_boundaries_are_taken_from_the_caller_and_never_stand_in_a_part() -> None:
    boundaries = iter(["one", "two"])
    data = write(
        text="--one\n", html="x", attachments=[Attachment("f", b"")], boundary=lambda: next(boundaries)
    )
    root = check(data)
    assert root.params["boundary"] == "two"
    assert root.children[0].params["boundary"] == "one_"


def test_the_same_octets_each_time() -> None:
    files = [Attachment("f", b"x")]
    assert write(html="x", attachments=files) == write(html="x", attachments=files)


def test_a_long_line_is_quoted() -> None:
    root = check(write(text="x" * 999))
    assert root.encoding == "quoted-printable"
    assert root.text() == "x" * 999 + "\r\n"


def test_an_international_address_stays_as_it_is() -> None:
    assert "To: jörg@bücher.example\r\n".encode() in write(to=["jörg@bücher.example"])


def test_what_is_refused() -> None:
    with pytest.raises(ProtocolError):
        write(to=["nobody"])
    with pytest.raises(LabError, match="line's end"):
        write(subject="a\r\nBcc: eve@example.org")
    with pytest.raises(LabError, match="line's end"):
        write(attachments=[Attachment("a\r\nb", b"")])


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs", "Cc"]))
)
def test_any_text_arrives(text: str, subject: str) -> None:
    root = check(write(text=text, subject=subject))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    assert root.text().replace("\r\n", "\n").removesuffix("\n") == lines
    assert decode_words(root.get("Subject") or b"").strip() == subject.strip()


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"subject": 3}, "the subject of a message is text"),
        ({"text": b"Hello."}, r"the text of a message is text \(str\), not bytes"),
        ({"html": 3}, "the html"),
        ({"attachments": ["letter.pdf"]}, "not 'letter.pdf'"),
    ],
)
def test_what_is_no_part_of_a_message_is_said_in_words(parts: dict[str, Any], words: str) -> None:
    given = {"subject": "", "text": "", **parts}
    with pytest.raises(LabError, match=words):
        compose(
            sender="a@example.com", to=["b@example.org"], date=NINE, message_id="<1@example.com>", **given
        )
