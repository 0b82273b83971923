"""Every header field that the standards of a message define: its grammar and how often it may stand.

The grammars are functions of `grammars`, by name.  Fields with the prefix Resent- are counted in
their block (RFC 5322 3.6.6), trace fields stand as often as there were hops; whatever is not here is
unstructured and may be repeated (RFC 5322 3.6.8).
"""

from __future__ import annotations

from typing import NamedTuple


class FieldRule(NamedTuple):
    """`most`: how often at most, None: any number; `needed`: at least once in every message."""

    name: str
    grammar: str
    most: int | None
    rule: str
    needed: bool = False


_ALL = [
    FieldRule("Date", "date", 1, "RFC 5322 3.6.1", needed=True),
    FieldRule("From", "mailboxes", 1, "RFC 5322 3.6.2", needed=True),
    FieldRule("Sender", "mailbox", 1, "RFC 5322 3.6.2"),
    FieldRule("Reply-To", "addresses", 1, "RFC 5322 3.6.2"),
    FieldRule("To", "addresses", 1, "RFC 5322 3.6.3"),
    FieldRule("Cc", "addresses", 1, "RFC 5322 3.6.3"),
    FieldRule("Bcc", "addresses-or-none", 1, "RFC 5322 3.6.3"),
    FieldRule("Message-ID", "message-id", 1, "RFC 5322 3.6.4"),
    FieldRule("In-Reply-To", "message-ids", 1, "RFC 5322 3.6.4"),
    FieldRule("References", "message-ids", 1, "RFC 5322 3.6.4"),
    FieldRule("Subject", "text", 1, "RFC 5322 3.6.5"),
    FieldRule("Comments", "text", None, "RFC 5322 3.6.5"),
    FieldRule("Keywords", "phrases", None, "RFC 5322 3.6.5"),
    FieldRule("Resent-Date", "date", None, "RFC 5322 3.6.6"),
    FieldRule("Resent-From", "mailboxes", None, "RFC 5322 3.6.6"),
    FieldRule("Resent-Sender", "mailbox", None, "RFC 5322 3.6.6"),
    FieldRule("Resent-To", "addresses", None, "RFC 5322 3.6.6"),
    FieldRule("Resent-Cc", "addresses", None, "RFC 5322 3.6.6"),
    FieldRule("Resent-Bcc", "addresses-or-none", None, "RFC 5322 3.6.6"),
    FieldRule("Resent-Message-ID", "message-id", None, "RFC 5322 3.6.6"),
    FieldRule("Return-Path", "path", 1, "RFC 5321 4.4"),
    FieldRule("Received", "received", None, "RFC 5321 4.4"),
    FieldRule("MIME-Version", "version", 1, "RFC 2045 4"),
    FieldRule("Content-Type", "content-type", 1, "RFC 2045 5"),
    FieldRule("Content-Transfer-Encoding", "token", 1, "RFC 2045 6"),
    FieldRule("Content-ID", "message-id", 1, "RFC 2045 7"),
    FieldRule("Content-Description", "text", 1, "RFC 2045 8"),
    FieldRule("Content-Disposition", "disposition", 1, "RFC 2183 2"),
    FieldRule("Content-Language", "tokens", 1, "RFC 3282 2"),
    FieldRule("Content-MD5", "digest", 1, "RFC 1864 2"),
    FieldRule("Auto-Submitted", "disposition", 1, "RFC 3834 5"),
    FieldRule("Disposition-Notification-To", "mailboxes", 1, "RFC 8098 2.1"),
]
FIELDS = {found.name.lower(): found for found in _ALL}
TRACE = frozenset({"return-path", "received"})
