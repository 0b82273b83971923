"""A new message, in canonical form: CRLF, MIME, header in ASCII (RFC 5322, 2045-2047, 2231, 2387).

The same arguments give the same octets: nothing here asks a clock or for chance.
Addresses with characters beyond ASCII are written as they are, and then the message
needs SMTPUTF8 (RFC 6532); nothing else does.
"""

from __future__ import annotations

import binascii
import re
from base64 import encodebytes
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from labkit.errors import LabError
from labkit.message.address_list import Group, NamedMailbox, parse_address_list
from labkit.message.dates import format_date
from labkit.message.fields import get, write_field
from labkit.message.parameters import write_parameter
from labkit.message.words import decode_words, encode_words

LINE_LIMIT = 998
"""Octets, without CRLF, that no line may exceed (RFC 5322 2.1.1)."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message; what is a message itself (message/…) is sent as it is.

    With a `content_id`, without angle brackets, HTML can show it: `<img src="cid:…">` (RFC 2392).
    """

    filename: str
    content: bytes
    content_type: str = "application/octet-stream"
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """Content- fields and a body in the encoding they name."""

    fields: list[tuple[str, str]]
    body: bytes

    def write(self) -> bytes:
        return b"".join(write_field(name, value) for name, value in self.fields) + b"\r\n" + self.body


def compose(
    *,
    sender: str,
    to: Sequence[str],
    subject: str,
    text: str,
    date: datetime,
    message_id: str,
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
    html: str | None = None,
    related: Iterable[Attachment] = (),
    attachments: Iterable[Attachment] = (),
    extra: Iterable[tuple[str, str]] = (),
    boundary: Callable[[], str] | None = None,
) -> bytes:
    """A message from text, the same as HTML if given with what it shows, and files.

    Addresses are written as people do, `Jörg <joerg@example.org>`; ProtocolError if one is none, LabError
    for what is no text and no file.
    `extra` are more fields, by name and value; `boundary` gives a new boundary at each call,
    otherwise they are numbered.
    """
    for name, given in (("subject", subject), ("text", text), ("html", html)):
        if not isinstance(given, str | None):
            raise LabError(f"the {name} of a message is text (str), not {type(given).__name__}")
    related, attachments = list(related), list(attachments)
    for file in (*related, *attachments):
        if not isinstance(file, Attachment):
            raise LabError(f"a file goes with a message as Attachment(filename, content), not {file!r}")
    new_boundary = boundary or boundaries()
    entity = text_entity(text, "plain")
    if html is not None:
        shown = text_entity(html, "html")
        if pictures := [file_entity(file, "inline") for file in related]:
            shown = multipart("related", [shown, *pictures], new_boundary, type="text/html")  # RFC 2387 3.1
        entity = multipart("alternative", [entity, shown], new_boundary)
    if files := [file_entity(file) for file in attachments]:
        entity = multipart("mixed", [entity, *files], new_boundary)
    return message(
        entity,
        sender=sender,
        to=to,
        cc=cc,
        bcc=bcc,
        subject=subject,
        date=date,
        message_id=message_id,
        extra=extra,
    )


def forward(
    original: bytes,
    *,
    sender: str,
    to: Sequence[str],
    text: str,
    date: datetime,
    message_id: str,
    subject: str | None = None,
) -> bytes:
    """A message with another one in it, whole and unchanged (RFC 2046 5.2.1)."""
    if subject is None:
        subject = "Fwd: " + decode_words(get(original, "Subject") or b"")
    attached = Attachment("message.eml", original, "message/rfc822")
    return compose(
        sender=sender,
        to=to,
        subject=subject,
        text=text,
        date=date,
        message_id=message_id,
        attachments=[attached],
    )


def message(
    entity: Entity,
    *,
    sender: str,
    to: Sequence[str],
    subject: str,
    date: datetime,
    message_id: str,
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
    extra: Iterable[tuple[str, str]] = (),
) -> bytes:
    """An entity with the fields of a message before its own."""
    fields = [
        ("From", _addresses([sender])),
        *((name, _addresses(listed)) for name, listed in (("To", to), ("Cc", cc), ("Bcc", bcc)) if listed),
        ("Subject", encode_words(subject)),
        ("Date", format_date(date)),
        ("Message-ID", message_id),
        *((name, encode_words(value)) for name, value in extra),
        ("MIME-Version", "1.0"),
    ]
    return Entity(fields + entity.fields, entity.body).write()


def boundaries() -> Callable[[], str]:
    """Numbered boundaries, the same in every message: `multipart` lengthens one that stands in a part."""
    numbers = count(1)
    return lambda: f"=_part_{next(numbers)}"


def _addresses(texts: Iterable[str]) -> str:
    return ", ".join(_in_ascii(one) for text in texts for one in parse_address_list(text))


def _in_ascii(one: NamedMailbox | Group) -> str:
    if one.name is None or one.name.isascii():
        return str(one)
    name = encode_words(one.name)
    if isinstance(one, Group):
        return f"{name}: {', '.join(map(_in_ascii, one.members))};"
    return f"{name} <{one.mailbox}>"


def text_entity(text: str, subtype: str) -> Entity:
    """Text with CRLF, in ASCII or UTF-8, quoted where a line or an octet asks for it."""
    octets = "\r\n".join(re.split(r"\r\n|\r|\n", text)).encode()
    if octets and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    encoding, charset = "7bit", "us-ascii" if octets.isascii() else "utf-8"
    if not octets.isascii() or b"\0" in octets or max(map(len, octets.split(b"\r\n"))) > LINE_LIMIT:
        encoding, octets = "quoted-printable", binascii.b2a_qp(octets, istext=True)
    return Entity(
        [("Content-Type", f"text/{subtype}; charset={charset}"), ("Content-Transfer-Encoding", encoding)],
        octets,
    )


def file_entity(file: Attachment, disposition: str = "attachment") -> Entity:
    """A file in base64, or a message as it is (RFC 2046 5.2.1)."""
    if file.content_type.startswith("message/"):
        encoding, body = "7bit" if file.content.isascii() else "8bit", file.content
    else:
        encoding, body = "base64", encodebytes(file.content).replace(b"\n", b"\r\n")
    fields = [
        ("Content-Type", file.content_type),
        ("Content-Transfer-Encoding", encoding),
        ("Content-Disposition", f"{disposition}; {write_parameter('filename', file.filename)}"),
    ]
    if file.content_id is not None:
        fields.append(("Content-ID", f"<{file.content_id}>"))
    return Entity(fields, body)


def multipart(subtype: str, entities: list[Entity], new_boundary: Callable[[], str], **params: str) -> Entity:
    """Entities one behind the other, between boundary lines that stand in none of them (RFC 2046 5.1)."""
    parts = [entity.write() for entity in entities]
    boundary = new_boundary()
    while any(b"--" + boundary.encode() in part for part in parts):
        boundary += "_"
    line = f"--{boundary}".encode()
    body = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"
    said = "".join(f"; {write_parameter(name, value)}" for name, value in params.items())
    return Entity([("Content-Type", f'multipart/{subtype}{said}; boundary="{boundary}"')], body)
