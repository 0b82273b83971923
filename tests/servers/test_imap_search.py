"""SEARCH with every key of RFC 3501 6.4.4."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.imap import Talk, account, make_site

ONE = (
    b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nTo: fred@example.org\r\nCc: boss@example.org\r\n"
    b"Subject: =?iso-8859-1?q?Gr=FC=DFe?= from the\r\n office\r\nDate: Thu, 1 Jan 2026 23:30:00 -0800\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"sch=C3=B6ne Zeit\r\n"
)
TWO = (
    b"From: smith@example.org\r\nBcc: secret@example.org\r\nSubject: two\r\nX-Empty:\r\n"
    b"Date: 5 Feb 1994 10:00 +0000\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\naGlkZGVuIHRyZWFzdXJl\r\n--b\r\n"
    b"Content-Type: message/rfc822\r\n\r\nSubject: embedded\r\n\r\ninner\r\n--b--\r\n"
)
THREE = b"Subject: three\r\nDate: nonsense\r\n\r\n" + b"x" * 1000


@pytest.fixture(scope="module")
def talk() -> Talk:
    site = make_site()
    inbox = account(site).inbox
    inbox.expunge([inbox.append(b"gone").uid])
    inbox.append(ONE, ["\\Seen", "\\Answered", "Work"], datetime(2026, 1, 2, 23, 59, tzinfo=UTC))
    inbox.append(TWO, ["\\Flagged", "\\Draft"], datetime(2026, 1, 3, 0, 0, tzinfo=UTC))
    Talk(site).select().session.lost()
    inbox.append(THREE, ["\\Deleted"], datetime(2026, 1, 4, tzinfo=UTC))
    inbox.append(b"Subject: four\r\n\r\n", ["\\Seen"])
    return Talk(site).select()  # messages 1 to 4 with UIDs 2 to 5; 3 and 4 are recent


CASES = [
    ("ALL", "1 2 3 4"),
    ("ANSWERED", "1"),
    ("UNANSWERED", "2 3 4"),
    ("DELETED", "3"),
    ("UNDELETED", "1 2 4"),
    ("DRAFT", "2"),
    ("UNDRAFT", "1 3 4"),
    ("FLAGGED", "2"),
    ("UNFLAGGED", "1 3 4"),
    ("SEEN", "1 4"),
    ("UNSEEN", "2 3"),
    ("RECENT", "3 4"),
    ("NEW", "3"),
    ("OLD", "1 2"),
    ("KEYWORD work", "1"),
    ("UNKEYWORD Work", "2 3 4"),
    ("BEFORE 3-Jan-2026", "1"),
    ("ON 3-Jan-2026", "2"),
    ("SINCE 3-Jan-2026", "2 3 4"),
    ("SENTBEFORE 2-Jan-2026", "1 2"),  # in its own zone it is still the first
    ("SENTON 1-Jan-2026", "1"),
    ("SENTSINCE 1-Jan-2026", "1"),
    ("SENTON 5-Feb-1994", "2"),
    ("LARGER 1000", "3"),
    ("SMALLER 20", "4"),
    ("SMALLER 17", ""),
    ("FROM JOERG", "1"),
    ("FROM {5+}\r\njÖRG", "1"),
    ("CHARSET UTF-8 FROM {5+}\r\njörg", "1"),
    ("TO fred", "1"),
    ("CC boss", "1"),
    ("BCC secret", "2"),
    ('SUBJECT "{}"', ""),
    ("SUBJECT {7+}\r\ngrüße", "1"),
    ('SUBJECT "from the office"', "1"),
    ('HEADER X-Empty ""', "2"),
    ('HEADER subject ""', "1 2 3 4"),
    ("HEADER Date 1994", "2"),
    ("BODY {7+}\r\nSCHÖNE", "1"),
    ("BODY treasure", "2"),
    ("BODY embedded", "2"),
    ("BODY two", ""),
    ("TEXT two", "2"),
    ("TEXT smith", "2"),
    ("TEXT inner", "2"),
    ("2:3", "2 3"),
    ("*", "4"),
    ("9", ""),
    ("UID 3:4", "2 3"),
    ("UID 5:*", "4"),
    ("NOT SEEN", "2 3"),
    ("NOT NOT SEEN", "1 4"),
    ("OR SEEN DRAFT", "1 2 4"),
    ("SEEN RECENT", "4"),
    ("(SEEN RECENT)", "4"),
    ("OR (SEEN OLD) NOT (OLD)", "1 3 4"),
]


@pytest.mark.parametrize(("keys", "numbers"), CASES)
def test_search(talk: Talk, keys: str, numbers: str) -> None:
    assert talk(f"a SEARCH {keys}") == f"* SEARCH {numbers}".rstrip() + "\r\na OK SEARCH completed"


def test_every_key_has_an_example() -> None:
    from labkit.grammar import imap_search as keys

    shown = " ".join(case for case, _ in CASES).split()
    for names in (keys.WORDS, keys.STRINGS, keys.DATES, keys.SIZES, keys.KEYWORDS, ("HEADER", "UID")):
        assert set(names) <= set(shown)


def test_uid_search(talk: Talk) -> None:
    assert talk("a UID SEARCH SEEN") == "* SEARCH 2 5\r\na OK UID SEARCH completed"


def test_charsets(talk: Talk) -> None:
    assert talk("a SEARCH CHARSET us-ascii SEEN") == "* SEARCH 1 4\r\na OK SEARCH completed"
    assert talk("a SEARCH CHARSET KOI8-R SEEN") == (
        "a NO [BADCHARSET (UTF-8 US-ASCII)] the charsets here are UTF-8, US-ASCII"
    )
    assert talk.send(b"a SEARCH TEXT {1+}\r\n\xff\r\n") == "a BAD expected strings in UTF-8"
