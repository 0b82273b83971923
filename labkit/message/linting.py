"""What a message breaks: each violation with its octet, its section and one sentence.

An error breaks what a standard says must be; a warning what it says should be, or uses what may be
read and never written (RFC 5322 4).  Nothing here raises, whatever the octets.  Of one kind, in one
part, at most `most` are listed: a message without any CRLF would otherwise be a list of its lines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from labkit.errors import LabError, ProtocolError
from labkit.message.address_list import Group, parse_address_list
from labkit.message.catalogue import FIELDS, TRACE
from labkit.message.defects import DEFECTS
from labkit.message.fields import Field
from labkit.message.grammars import GRAMMARS, Finding, Severity
from labkit.message.lint_words import check_words
from labkit.message.mime import parse
from labkit.message.part import Part
from labkit.message.trace import parse_received

MOST = 50


class Violation(NamedTuple):
    """`field` is the name of the field it stands in; empty: none."""

    offset: int
    field: str
    name: str
    rule: str
    sentence: str
    severity: Severity


def lint(data: bytes, *, most: int = MOST) -> list[Violation]:
    """Everything that the message breaks, in the order of its octets; LabError for what is no octets."""
    if not isinstance(data, bytes | bytearray):
        raise LabError(f"a message is octets (bytes), not {type(data).__name__}: text has lost its line ends")
    root = parse(data)
    found = list(_at_most(most, _lines(root)))
    for part in root.walk():
        found += _at_most(most, _of_part(part, root))
    return sorted(found)


def _at_most(most: int, violations: Iterator[Violation]) -> Iterator[Violation]:
    counts: Counter[str] = Counter()
    for violation in violations:
        counts[violation.name] += 1
        if counts[violation.name] <= most:
            yield violation


def _of_part(part: Part, root: Part) -> Iterator[Violation]:
    nul = part.data.find(b"\0", part.offset, part.header_end)
    if nul >= 0:
        yield Violation(nul, "", "nul", "RFC 5322 4.1", "A NUL in the header.", "error")
    for field in part.fields:
        yield from _field(part, field)
    yield from _counts(part)
    if part is root:
        yield from _of_message(part)
    for defect in part.flaws():
        if defect.name in _TOLD:
            continue
        kind = DEFECTS[defect.name]
        severity: Severity = "warning" if defect.name in _MILD else "error"
        yield Violation(defect.offset, "", defect.name, kind.rule, kind.sentence, severity)


_TOLD = frozenset({"bad-content-type", "repeated-parameter"})  # by the field's grammar
_MILD = frozenset({"uuencode", "quoted-space-at-end", "nested-too-deep", "unknown-charset"})

# -- lines (RFC 5322 2.1.1, 2.3)

_LONG = re.compile(rb"[^\n]{79,}")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
LINE_SHOULD, LINE_MUST = 78, 998


def _lines(root: Part) -> Iterator[Violation]:
    """Line ends and lengths, wherever no binary body stands."""
    data = root.data
    if b"\r" not in data and b"\n" in data:
        sentence = "Every line ends in LF alone, as files on Unix do; on the wire it must be CRLF."
        yield Violation(data.index(b"\n"), "", "lf-for-crlf", "RFC 5322 2.3", sentence, "warning")
    behind = 0
    for part in root.walk():
        if part.encoding == "binary" and not part.children:
            yield from _lines_between(data, behind, part.header_end)
            behind = part.end
    yield from _lines_between(data, behind, len(data))


def _lines_between(data: bytes, start: int, end: int) -> Iterator[Violation]:
    for found in _BARE.finditer(data, start, end) if b"\r" in data else ():
        bare = "LF" if found[0] == b"\n" else "CR"
        sentence = f"A bare {bare}; CR and LF stand together, as the end of a line, or not at all."
        yield Violation(found.start(), "", f"bare-{bare.lower()}", "RFC 5322 2.3", sentence, "error")
    for found in _LONG.finditer(data, start, end):
        length = len(found[0]) - found[0].endswith(b"\r")
        if length > LINE_MUST:
            sentence = f"A line of {length} octets; more than {LINE_MUST} must not be."
            yield Violation(found.start(), "", "line-too-long", "RFC 5322 2.1.1", sentence, "error")
        elif length > LINE_SHOULD:
            sentence = f"A line of {length} octets; more than {LINE_SHOULD} should not be."
            yield Violation(found.start(), "", "long-line", "RFC 5322 2.1.1", sentence, "warning")


# -- one field

_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_BLANK_FOLD = re.compile(rb"\n[ \t]+\r?(?:\n|\Z)")


def _field(part: Part, field: Field) -> Iterator[Violation]:
    known = FIELDS.get(field.name.lower())
    raw = part.data[field.offset : field.end]
    colon = raw.index(b":")
    start = field.offset + colon + 1
    if raw[:colon] != field.name.encode():
        yield _violation(
            field,
            Finding(
                0,
                "space-before-colon",
                "RFC 5322 4.5",
                "White space before the colon is obsolete.",
                "warning",
            ),
            field.offset + len(field.name),
        )
    if found := _CONTROL.search(field.value):
        yield _violation(
            field, Finding(found.start(), "control", "RFC 5322 4.1", "A control character.", "warning"), start
        )
    if found := _BLANK_FOLD.search(field.value):
        sentence = "A folded line with nothing but white space is obsolete."
        yield _violation(
            field, Finding(found.start() + 1, "blank-fold", "RFC 5322 4.2", sentence, "warning"), start
        )
    if not field.value.isascii():
        yield _violation(field, _beyond_ascii(field.value), start)
    for finding in check_words(field.value, structured=known is not None and known.grammar != "text"):
        yield _violation(field, finding, start)
    if known:
        for finding in GRAMMARS[known.grammar](field.value):
            yield _violation(field, finding, start)


def _beyond_ascii(value: bytes) -> Finding:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return Finding(error.start, "eight-bit", "RFC 6532 3", "Octets that are neither ASCII nor UTF-8.")
    sentence = "UTF-8 in the header: only hosts that know SMTPUTF8 can carry it."
    found = _BEYOND_ASCII.search(value)
    return Finding(found.start() if found else 0, "utf-8", "RFC 6532 3", sentence, "warning")


def _violation(field: Field, found: Finding, start: int) -> Violation:
    return Violation(start + found.at, field.name, found.name, found.rule, found.sentence, found.severity)


# -- the header as a whole (RFC 5322 3.6)


def _counts(part: Part) -> Iterator[Violation]:
    seen: Counter[str] = Counter()
    for field in part.fields:
        name = field.name.lower()
        seen[name] += 1
        known = FIELDS.get(name)
        if known and known.most is not None and seen[name] > known.most:
            sentence = f"{known.name} stands more than once."
            yield Violation(field.offset, field.name, "repeated-field", known.rule, sentence, "error")


def _of_message(root: Part) -> Iterator[Violation]:
    names = {field.name.lower() for field in root.fields}
    for known in FIELDS.values():
        if known.needed and known.name.lower() not in names:
            sentence = f"There is no {known.name}, and every message must have one."
            yield Violation(0, known.name, "missing-field", "RFC 5322 3.6", sentence, "error")
    if "message-id" not in names:
        sentence = "There is no Message-ID, and every message should have one."
        yield Violation(0, "Message-ID", "missing-message-id", "RFC 5322 3.6.4", sentence, "warning")
    if "mime-version" not in names:
        for field in root.fields:
            if field.name.lower().startswith("content-"):
                sentence = "There is no MIME-Version, and by the rules this field means nothing without it."
                yield Violation(
                    field.offset, field.name, "missing-mime-version", "RFC 2045 4", sentence, "error"
                )
                break
    yield from _senders("From", "Sender", root.fields)
    yield from _trace(root)
    yield from _resent(root)


def _senders(authors: str, sender: str, fields: list[Field]) -> Iterator[Violation]:
    """Who sent what several wrote must be said (RFC 5322 3.6.2)."""
    first = next((field for field in fields if field.name.lower() == authors.lower()), None)
    if first is None or any(field.name.lower() == sender.lower() for field in fields):
        return
    try:
        found = parse_address_list(first.value)
    except ProtocolError:
        return
    mailboxes = sum(len(each.members) if isinstance(each, Group) else 1 for each in found)
    if mailboxes > 1:
        sentence = f"{authors} has {mailboxes} mailboxes, and no {sender} says who sent it."
        yield Violation(first.offset, first.name, "missing-sender", "RFC 5322 3.6.2", sentence, "error")


_OWN = frozenset({"date", "from", "sender", "to", "cc", "bcc", "subject", "message-id", "mime-version"})


def _trace(root: Part) -> Iterator[Violation]:
    own = next((field for field in root.fields if field.name.lower() in _OWN), None)
    hops = [field for field in root.fields if field.name.lower() == "received"]
    for field in root.fields:
        if field.name.lower() in TRACE and own is not None and field.offset > own.offset:
            sentence = f"It stands below {own.name}: each host puts its trace on top."
            yield Violation(
                field.offset, field.name, "trace-not-on-top", "RFC 5322 3.6.7", sentence, "warning"
            )
    for upper, lower in pairwise(hops):
        later, earlier = parse_received(upper.value).time, parse_received(lower.value).time
        if later and earlier and later < earlier:
            sentence = "It is earlier than the one below it: a clock was wrong, or a field is out of place."
            yield Violation(
                upper.offset, upper.name, "trace-out-of-order", "RFC 5321 4.4", sentence, "warning"
            )
    path = next((field for field in root.fields if field.name.lower() == "return-path"), None)
    if path and hops and path.offset > hops[0].offset:
        sentence = "It stands below a Received: the host that delivers puts it on top of all."
        yield Violation(path.offset, path.name, "return-path-not-on-top", "RFC 5321 4.4", sentence, "warning")


def _resent(root: Part) -> Iterator[Violation]:
    """Each time that a message was resent is a block of its own (RFC 5322 3.6.6)."""
    block: list[Field] = []
    names: set[str] = set()
    for field in [*root.fields, None]:
        name = field.name.lower() if field else ""
        if field is not None and name.startswith("resent-") and name not in names:
            block.append(field)
            names.add(name)
            continue
        if block:
            for needed in ("Resent-Date", "Resent-From"):
                if needed.lower() not in names:
                    sentence = f"This block of Resent- fields has no {needed}."
                    first = block[0]
                    yield Violation(
                        first.offset, first.name, "missing-field", "RFC 5322 3.6.6", sentence, "error"
                    )
            yield from _senders("Resent-From", "Resent-Sender", block)
        block = [field] if field is not None and name.startswith("resent-") else []
        names = {name} if block else set()
