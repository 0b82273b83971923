"""Reports for programs and people at once: what became of a message (RFC 6522).

`delivery_report` is the notice of a server that a message was delivered, delayed or will never be
(RFC 3464); `disposition_notification` that of a reader that it was shown or deleted (RFC 8098).  Both
carry the header of the message they are about; `read_status` reads their middle part again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from labkit.message.compose import Entity, boundaries, message, multipart, text_entity
from labkit.message.dates import format_date
from labkit.message.fields import Field, get, iter_fields, write_field
from labkit.message.mailbox import Mailbox
from labkit.message.tokens import unfold
from labkit.message.words import decode_words

Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the message for one recipient (RFC 3464 2.3).

    `status` is an enhanced code such as 5.1.1 (RFC 3463), `diagnostic` the reply of the host that
    refused, `remote` its name.
    """

    recipient: Mailbox
    action: Action
    status: str
    diagnostic: str | None = None
    remote: str | None = None

    def fields(self) -> list[tuple[str, str]]:
        kind = "utf-8" if self.recipient.needs_smtputf8 else "rfc822"  # RFC 6533 3
        found = [
            ("Final-Recipient", f"{kind}; {self.recipient}"),
            ("Action", self.action),
            ("Status", self.status),
        ]
        if self.remote:
            found.append(("Remote-MTA", f"dns; {self.remote}"))
        if self.diagnostic:
            found.append(("Diagnostic-Code", f"smtp; {' '.join(self.diagnostic.split())}"))
        return found


def delivery_report(
    original: bytes,
    fates: Sequence[Fate],
    *,
    host: str,
    to: str,
    text: str,
    date: datetime,
    message_id: str,
    arrived: datetime | None = None,
    envelope_id: str | None = None,
    boundary: Callable[[], str] | None = None,
) -> bytes:
    """The notice of `host` to the sender of `original` (RFC 3464); send it from the null path."""
    whole = [("Reporting-MTA", f"dns; {host}")]
    if envelope_id:
        whole.insert(0, ("Original-Envelope-Id", envelope_id))
    if arrived:
        whole.append(("Arrival-Date", format_date(arrived)))
    failed = any(fate.action == "failed" for fate in fates)
    return _report(
        "delivery-status",
        [whole, *(fate.fields() for fate in fates)],
        original,
        text,
        boundary,
        sender=f"MAILER-DAEMON@{host}",
        to=[to],
        subject="Undelivered mail returned to sender" if failed else "Delivery status of your message",
        date=date,
        message_id=message_id,
        extra=[("Auto-Submitted", "auto-replied")],  # RFC 3834 5
    )


def disposition_notification(
    original: bytes,
    *,
    reader: str,
    recipient: Mailbox,
    to: str,
    date: datetime,
    message_id: str,
    disposition: Literal["displayed", "deleted", "dispatched", "processed"] = "displayed",
    automatic: bool = False,
    boundary: Callable[[], str] | None = None,
) -> bytes:
    """The notice of a mail program, `reader`, that asked its user or, `automatic`, did not (RFC 8098)."""
    how = "automatic-action/MDN-sent-automatically" if automatic else "manual-action/MDN-sent-manually"
    fields = [("Reporting-UA", reader), ("Final-Recipient", f"rfc822; {recipient}")]
    about = get(original, "Message-ID")
    if about is not None:
        fields.append(("Original-Message-ID", about.decode("utf-8", "backslashreplace")))
    fields.append(("Disposition", f"{how}; {disposition}"))
    subject = decode_words(get(original, "Subject") or b"")
    return _report(
        "disposition-notification",
        [fields],
        original,
        f"Your message was {disposition}.\n\nThis is no promise that it was read or understood.\n",
        boundary,
        sender=str(recipient),
        to=[to],
        subject=f"Disposition notification: {subject}",
        date=date,
        message_id=message_id,
        extra=[("Auto-Submitted", "auto-replied")] if automatic else [],
    )


def _report(
    kind: str,
    groups: list[list[tuple[str, str]]],
    original: bytes,
    text: str,
    boundary: Callable[[], str] | None,
    *,
    sender: str,
    to: Sequence[str],
    subject: str,
    date: datetime,
    message_id: str,
    extra: Sequence[tuple[str, str]],
) -> bytes:
    status = b"\r\n".join(b"".join(write_field(name, value) for name, value in group) for group in groups)
    header = b"".join(_kept(original, field) for field in iter_fields(original)) + b"\r\n"
    parts = [
        text_entity(text, "plain"),
        Entity([("Content-Type", f"message/{kind}"), *_eight_bit(status)], status),
        Entity([("Content-Type", "text/rfc822-headers"), *_eight_bit(header)], header),
    ]
    entity = multipart("report", parts, boundary or boundaries(), **{"report-type": kind})
    return message(
        entity, sender=sender, to=to, subject=subject, date=date, message_id=message_id, extra=extra
    )


def _kept(original: bytes, field: Field) -> bytes:
    """The field as it was, but with CRLF."""
    return re.sub(rb"\r?\n|\r|\Z", b"\r\n", original[field.offset : field.end].rstrip(b"\r\n"))


def _eight_bit(octets: bytes) -> list[tuple[str, str]]:
    return [] if octets.isascii() else [("Content-Transfer-Encoding", "8bit")]


def read_status(body: bytes) -> list[dict[str, str]]:
    """The groups of fields in a message/delivery-status or disposition-notification, by name.

    The first is about the message, each other one about a recipient; never raises.
    """
    groups, offset = [], 0
    while offset < len(body):
        fields = list(iter_fields(body, offset))
        if fields:
            groups.append(
                {field.name: unfold(field.value).decode("utf-8", "backslashreplace") for field in fields}
            )
        behind = fields[-1].end if fields else offset
        offset = body.find(b"\n", behind) + 1 or len(body)
    return groups
