"""Where a message keeps the rules, our tree is the standard library's; every difference has a reason."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.message.compose import Attachment, compose, forward
from labkit.message.mime import EMBEDDED, parse

ELSEWHERE = Path(__file__).parents[3] / "shared" / "messages"
MESSAGES = sorted(ELSEWHERE.rglob("*.msg"))

# where the two differ: why
DIFFERENT = {
    "bad-newlines-multiple-parts-base64": "encoded",
    "base64encoded-rfc822message": "encoded",
    "base64encoded-rfc822message-nested": "encoded",
    "multipartemptypart": "no empty line",
    "obsolete": "obsolete",
    "russian-headers": "words in a parameter",
}
REASONS = {
    "encoded": "RFC 2045 6.4 forbids base64 for message/rfc822; theirs reads the digits as if they were a "
    "message in clear, ours leaves the part closed and names the defect",
    "no empty line": "a part without header and empty line, ended at once by the closing delimiter: theirs "
    "gives it the epilogue as its body, though that stands behind the delimiter; ours gives it nothing",
    "obsolete": "white space before the colon (RFC 5322 4.5): theirs ends the header there, ours reads on to "
    "the line that is no field",
    "words in a parameter": "an encoded word without quotes as a parameter's value, forbidden by RFC 2047 5: "
    "ours reads the name of the file, theirs gives it up",
}

Told = tuple[str, str | None, str | None, bytes | None]


def ours(data: bytes) -> list[Told]:
    found: list[Told] = []
    for part in parse(data).walk():
        closed = part.children or part.content_type.startswith("multipart/") or part.content_type in EMBEDDED
        body = None if closed else part.decoded()
        found.append((part.content_type, part.charset, part.filename, body))
    return found


def theirs(data: bytes) -> list[Told]:
    found: list[Told] = []
    root = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(root, EmailMessage)
    for part in root.walk():
        kind = part.get_content_type()
        closed = part.is_multipart() or kind.startswith("multipart/") or kind in EMBEDDED
        body = None if closed else part.get_payload(decode=True)
        found.append((kind, part.get_content_charset(), part.get_filename(), body))
    return found


@pytest.mark.skipif(not MESSAGES, reason="the messages of Apache James Mime4j are not here")
@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_types_charsets_names_and_bodies(path: Path) -> None:
    data = path.read_bytes()
    if path.stem in DIFFERENT:
        assert ours(data) != theirs(data), "the same by now: the reason is no longer true"
        assert DIFFERENT[path.stem] in REASONS
    else:
        assert ours(data) == theirs(data)


def test_every_reason_is_somebodys() -> None:
    assert set(DIFFERENT.values()) == set(REASONS)


NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=300)
NAME = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
    .map(str.strip)
    .filter(bool)
)
FILES = st.builds(
    Attachment, NAME, st.binary(max_size=200), st.sampled_from(["application/pdf", "image/png", "text/csv"])
)


@given(TEXT, st.none() | TEXT, st.lists(FILES, max_size=3), st.lists(FILES, max_size=2), st.booleans())
def test_whatever_is_composed(
    text: str, html: str | None, files: list[Attachment], pictures: list[Attachment], forwarded: bool
) -> None:
    said = {"sender": "a@b.example", "to": ["c@d.example"], "date": NINE, "message_id": "<1@b.example>"}
    data = compose(subject="x", text=text, html=html, attachments=files, related=pictures, **said)
    if forwarded:
        data = forward(data, text=text, **said)
    mine = ours(data)
    for (kind, charset, name, body), wanted in zip(mine, theirs(data), strict=True):
        assert (kind, charset, body) == (wanted[0], wanted[1], wanted[3])
        assert name == wanted[2]
    names = [file.filename for file in [*(pictures if html is not None else []), *files]]
    assert [name for _, _, name, _ in mine if name not in (None, "message.eml")] == names
