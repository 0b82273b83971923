"""What FETCH finds in a message: every section of the tree in RFC 3501 6.4.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.imap import Talk, account, make_site

from labkit.grammar.imap_data import Section
from labkit.grammar.imap_responses import Data, parse_response
from labkit.servers.imap.fetch import Content
from labkit.store.mailbox import StoredMessage


def part(content_type: str, body: str) -> str:
    return f"Content-Type: {content_type}\r\nX-Is: {content_type}\r\n\r\n{body}"


def multipart(kind: str, boundary: str, *parts: str) -> str:
    inner = "".join(f"--{boundary}\r\n{each}\r\n" for each in parts)
    return part(f"multipart/{kind}; boundary={boundary}", f"{inner}--{boundary}--\r\n")


INNER = "Subject: three\r\n" + multipart(
    "mixed", "b3", part("text/plain", "3.1\r\n"), part("application/octet-stream", "3.2")
)
DEEP = "Subject: four\r\n" + multipart(
    "mixed",
    "b42",
    part("text/plain", "4.2.1"),
    multipart("alternative", "b422", part("text/plain", "4.2.2.1"), part("text/richtext", "4.2.2.2")),
)
MESSAGE = "Subject: all\r\nFrom: a@b\r\n" + multipart(
    "mixed",
    "b0",
    part("text/plain", "1"),
    part("application/octet-stream", "2"),
    part("message/rfc822", INNER),
    multipart("mixed", "b4", part("image/gif", "4.1"), part("message/rfc822", DEEP)),
)


def split(message: str) -> tuple[str, str]:
    head, _, body = message.partition("\r\n\r\n")
    return head + "\r\n\r\n", body


CASES: list[tuple[str, str | None]] = [
    ("", MESSAGE),
    ("HEADER", split(MESSAGE)[0]),
    ("TEXT", split(MESSAGE)[1]),
    ("1", "1"),
    ("1.MIME", "Content-Type: text/plain\r\nX-Is: text/plain\r\n\r\n"),
    ("2", "2"),
    ("3", INNER),
    ("3.HEADER", split(INNER)[0]),
    ("3.TEXT", split(INNER)[1]),
    ("3.1", "3.1\r\n"),
    ("3.2", "3.2"),
    ("3.MIME", "Content-Type: message/rfc822\r\nX-Is: message/rfc822\r\n\r\n"),
    ("4.1", "4.1"),
    ("4.1.MIME", "Content-Type: image/gif\r\nX-Is: image/gif\r\n\r\n"),
    ("4.2", DEEP),
    ("4.2.HEADER", split(DEEP)[0]),
    ("4.2.TEXT", split(DEEP)[1]),
    ("4.2.1", "4.2.1"),
    ("4.2.2.2", "4.2.2.2"),
    ("HEADER.FIELDS (FROM subject)", "Subject: all\r\nFrom: a@b\r\n\r\n"),
    (
        "HEADER.FIELDS.NOT (FROM subject X-Is)",
        "Content-Type: multipart/mixed; boundary=b0\r\n\r\n",
    ),
    ("HEADER.FIELDS (none)", "\r\n"),
    ("3.HEADER.FIELDS (Subject)", "Subject: three\r\n\r\n"),
    ("5", None),
    ("1.1", None),
    ("1.HEADER", None),
    ("9.TEXT", None),
]


@pytest.fixture
def talk() -> Talk:
    site = make_site()
    account(site).inbox.append(MESSAGE.encode())
    account(site).inbox.append(b"Subject: plain\r\n\r\nbody\r\n")
    return Talk(site).select()


def fetched(talk: Talk, number: int, item: str) -> dict[str, object]:
    answer = talk(f"a FETCH {number} {item}").encode() + b"\r\n"
    assert answer.endswith(b"a OK FETCH completed\r\n")
    data = parse_response(answer.removesuffix(b"a OK FETCH completed\r\n"))
    assert isinstance(data, Data)
    (items,) = data.values
    assert isinstance(items, tuple)
    return dict(zip(map(str, items[::2]), items[1::2], strict=True))


@pytest.mark.parametrize(("section", "octets"), CASES, ids=[section or "all" for section, _ in CASES])
def test_a_section(talk: Talk, section: str, octets: str | None) -> None:
    found = fetched(talk, 1, f"BODY.PEEK[{section}]")
    assert found == {f"BODY[{section}]": octets if octets is None else octets.encode()}


def test_of_a_message_without_parts(talk: Talk) -> None:
    found = fetched(talk, 2, "(BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[TEXT] BODY.PEEK[2])")
    assert found == {
        "BODY[1]": b"body\r\n",
        "BODY[1.MIME]": b"Subject: plain\r\n\r\n",
        "BODY[TEXT]": b"body\r\n",
        "BODY[2]": None,
    }


@pytest.mark.parametrize(
    ("partial", "name", "octets"),
    [
        ("<0.4>", "BODY[TEXT]<0>", b"body"),
        ("<2.99>", "BODY[TEXT]<2>", b"dy\r\n"),
        ("<6.1>", "BODY[TEXT]<6>", b""),
        ("<4000000000.4000000000>", "BODY[TEXT]<4000000000>", b""),
    ],
)
def test_a_part_of_a_section(talk: Talk, partial: str, name: str, octets: bytes) -> None:
    assert fetched(talk, 2, f"BODY.PEEK[TEXT]{partial}") == {name: octets}


def test_the_old_names(talk: Talk) -> None:
    assert fetched(talk, 2, "(RFC822.HEADER RFC822.SIZE)") == {
        "RFC822.HEADER": b"Subject: plain\r\n\r\n",
        "RFC822.SIZE": 24,
    }
    assert fetched(talk, 2, "(RFC822 RFC822.TEXT FLAGS)")["RFC822"] == b"Subject: plain\r\n\r\nbody\r\n"


SECTIONS = st.builds(
    Section,
    st.lists(st.integers(1, 3), max_size=3).map(tuple),
    st.sampled_from(["", "HEADER", "TEXT", "MIME", "HEADER.FIELDS"]),
    st.just((b"subject",)),
)


@given(st.binary(max_size=200) | st.text(MESSAGE[:60] + "-\r\n", max_size=99).map(str.encode), SECTIONS)
def test_no_message_and_no_section_raises(message: bytes, section: Section) -> None:
    stored = StoredMessage(1, message, None, frozenset(), 1)  # type: ignore[arg-type]
    found = Content(stored).section(section)
    if found is not None and not section.text.startswith("HEADER.FIELDS"):
        assert found in message
