"""One message taken apart for people: offsets that hold, and nothing of it believed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.message.catalogue import FIELDS
from labkit.message.mime import parse
from labkit.views import message as views

HOPS = (
    b"Return-Path: <alice@example.com>\r\n"
    b"Authentication-Results: mail.example.org; spf=pass\r\n"
    b"Received: from mail.example.com by mail.example.org with ESMTP;\r\n\tMon, 5 Jan 2026 09:00:30 +0000\r\n"
    b"X-Scanned: yes\r\n"
    b"Received: from alice-pc by mail.example.com with ESMTPA; Mon, 5 Jan 2026 10:00:00 +0100\r\n"
)
PARTS = (
    b"From: alice@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@a>\r\n"
    b"Date: Mon, 5 Jan 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n"
    b"--b\r\nContent-Type: image/png; name=a.png\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\niVBO\r\n--b--\r\n"
)
LETTER = HOPS + PARTS


def test_lines() -> None:
    shown = views.lines(LETTER).text.splitlines()
    written = [re.split(r"  +", line.strip(), maxsplit=2) for line in shown]
    assert written[0] == ["0", "Return-Path", "Return-Path: <alice@example.com>\\r\\n"]
    assert written[3][1:] == ["(folded)", "Mon, 5 Jan 2026 09:00:30 +0000\\r\\n"]
    assert written[-1] == [str(len(LETTER) - 7), "close-delimiter", "--b--\\r\\n"]
    assert ["2 Content-Type", "Content-Type: image/png; name=a.png\\r\\n"] in [line[1:] for line in written]
    feeds = LETTER.count(b"\n")
    assert len(shown) == feeds + 2  # the line ends before two delimiters belong to these
    assert views.lines(LETTER, limit=3).text.splitlines()[3:] == [f"… {feeds - 3} more lines"]


def test_pasted_text_gets_its_line_ends() -> None:
    pasted = "\nSubject: x\n\nHello\nBob"
    assert views.octets_of(pasted) == b"Subject: x\r\n\r\nHello\r\nBob\r\n"
    assert list(views.fields(pasted).field) == ["Subject"]


def test_fields_and_parts() -> None:
    fields = views.fields(LETTER)
    for row in fields.itertuples():
        assert LETTER[row.start : row.end].startswith(row.field.encode() + b":")
    assert fields.value[fields.field == "Subject"].item() == "Grüße"
    parts = views.parts(LETTER)
    assert list(parts.part) == ["TEXT", "1", "2"]
    assert list(parts.file) == ["", "", "a.png"]
    assert LETTER[parts.body[2] : parts.end[2]] == b"iVBO"


def test_segments_are_the_message() -> None:
    segments = views.segments(LETTER)
    assert b"".join(LETTER[row.start : row.end] for row in segments.itertuples()) == LETTER
    assert list(segments.what) == [
        *("header", "delimiter", "header", "body", "delimiter", "header", "body", "close-delimiter"),
    ]


def test_hops_and_who_added_what() -> None:
    hops = views.hops(LETTER)
    assert list(hops["by"]) == ["mail.example.com", "mail.example.org"]
    assert hops.delay_s.to_list()[1] == 30
    assert views.added(LETTER).text.splitlines() == [
        "mail.example.org",
        "    Authentication-Results",
        "mail.example.org",
        "    Return-Path, Received",
        "mail.example.com",
        "    X-Scanned, Received",
        "where it was written",
        "    From, Subject, Message-ID, Date, MIME-Version, Content-Type",
    ]
    unknown = views.hops(b"Received: nonsense\r\n\r\n")
    assert unknown.to_dict("records") == [
        {"hop": 1, "from": "?", "by": "?", "with": "", "time": "?", "delay_s": None}
    ]


def test_complaints() -> None:
    assert views.complaints(PARTS).text == "Nothing: no error, no warning."
    assert views.complaints(b"Subject : x\r\n" + PARTS.replace(b"Subject", b"X")).text.splitlines() == [
        "line 1, column 8: warning: White space before the colon is obsolete. (RFC 5322 4.5)",
        "    Subject : x",
        "           ^",
    ]


def test_the_catalogue_names_every_field_with_its_group() -> None:
    table = views.catalogue()
    assert list(table.field) == [known.name for known in FIELDS.values()]
    assert set(views.GROUPS.values()) < set(table.group)
    assert table.set_index("field").loc["Date", "how often"] == "exactly once"


@given(st.binary() | st.text())
def test_anything_can_be_looked_at(message: str | bytes) -> None:
    for view in (views.lines, views.fields, views.parts, views.segments, views.hops, views.added):
        repr(view(message))
    repr(views.complaints(message))
    assert parse(views.octets_of(message)).end == len(views.octets_of(message))


@pytest.mark.parametrize(
    "hostile", [b"From: \x1b[2J\r\nX: \xe2\x80\xae\r\n\r\n\x1b", b"<script>: <script>\r\n\r\n"]
)
def test_no_control_character_gets_out(hostile: bytes) -> None:
    for view in (views.lines, views.added, views.complaints):
        assert "\x1b" not in str(view(hostile))
    assert "\u202e" not in views.fields(hostile).to_string()
