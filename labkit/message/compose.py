"""A new message, in canonical form: CRLF, MIME, header in ASCII (RFC 5322, RFC 2045-2047, RFC 2231).

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
from urllib.parse import quote

from labkit.message.address import Group, NamedMailbox, parse_address_list
from labkit.message.fields import encode_words, format_date, write_field

LINE_LIMIT = 998
"""Octets, without CRLF, that no line may exceed (RFC 5322 2.1.1)."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message; what is a message itself (message/…) is sent as it is."""

    filename: str
    content: bytes
    content_type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class _Entity:
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
    attachments: Iterable[Attachment] = (),
    extra: Iterable[tuple[str, str]] = (),
    boundary: Callable[[], str] | None = None,
) -> bytes:
    """A message from text, the same as HTML if given, and files.

    Addresses are written as people do, `Jörg <joerg@example.org>`; ProtocolError if one is none.
    `extra` are more fields, by name and value; `boundary` gives a new boundary at each call,
    otherwise they are numbered.
    """
    entity = _text(text, "plain")
    numbers = count(1)
    new_boundary = boundary or (lambda: f"=_part_{next(numbers)}")
    if html is not None:
        entity = _multipart("alternative", [entity, _text(html, "html")], new_boundary)
    if files := [_attached(file) for file in attachments]:
        entity = _multipart("mixed", [entity, *files], new_boundary)
    fields = [
        ("From", _addresses([sender])),
        *((name, _addresses(listed)) for name, listed in (("To", to), ("Cc", cc), ("Bcc", bcc)) if listed),
        ("Subject", encode_words(subject)),
        ("Date", format_date(date)),
        ("Message-ID", message_id),
        *((name, encode_words(value)) for name, value in extra),
        ("MIME-Version", "1.0"),
    ]
    return _Entity(fields + entity.fields, entity.body).write()


def _addresses(texts: Iterable[str]) -> str:
    return ", ".join(_in_ascii(one) for text in texts for one in parse_address_list(text))


def _in_ascii(one: NamedMailbox | Group) -> str:
    if one.name is None or one.name.isascii():
        return str(one)
    name = encode_words(one.name)
    if isinstance(one, Group):
        return f"{name}: {', '.join(map(_in_ascii, one.members))};"
    return f"{name} <{one.mailbox}>"


def _text(text: str, subtype: str) -> _Entity:
    octets = "\r\n".join(re.split(r"\r\n|\r|\n", text)).encode()
    if octets and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    encoding, charset = "7bit", "us-ascii" if octets.isascii() else "utf-8"
    if not octets.isascii() or b"\0" in octets or max(map(len, octets.split(b"\r\n"))) > LINE_LIMIT:
        encoding, octets = "quoted-printable", binascii.b2a_qp(octets, istext=True)
    return _Entity(
        [("Content-Type", f"text/{subtype}; charset={charset}"), ("Content-Transfer-Encoding", encoding)],
        octets,
    )


def _attached(file: Attachment) -> _Entity:
    if file.content_type.startswith("message/"):
        encoding, body = "7bit" if file.content.isascii() else "8bit", file.content
    else:
        encoding, body = "base64", encodebytes(file.content).replace(b"\n", b"\r\n")
    return _Entity(
        [
            ("Content-Type", file.content_type),
            ("Content-Transfer-Encoding", encoding),
            ("Content-Disposition", f"attachment; {_parameter('filename', file.filename)}"),
        ],
        body,
    )


def _parameter(name: str, value: str) -> str:
    if value.isascii():
        escaped = re.sub(r'(["\\])', r"\\\1", value)
        return f'{name}="{escaped}"'
    return f"{name}*=utf-8''{quote(value, safe='')}"


def _multipart(subtype: str, entities: list[_Entity], new_boundary: Callable[[], str]) -> _Entity:
    parts = [entity.write() for entity in entities]
    boundary = new_boundary()
    while any(b"--" + boundary.encode() in part for part in parts):
        boundary += "_"
    line = f"--{boundary}".encode()
    body = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"
    return _Entity([("Content-Type", f'multipart/{subtype}; boundary="{boundary}"')], body)
