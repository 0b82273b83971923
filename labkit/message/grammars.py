"""The grammars of structured fields, strictly: what a value breaks, and where.

Each takes a raw value, folded as it stands, and gives `Finding`s with offsets into it.  What
RFC 5322 4 calls obsolete, to be read and never written, is a warning; what not even that allows, an
error.  Comments are blanked out first, so that the patterns need not know of them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Literal, NamedTuple

from labkit.errors import ProtocolError
from labkit.message.address_list import Group, parse_address_list
from labkit.message.mailbox import ATEXT, parse_path
from labkit.message.tokens import without_comments

Severity = Literal["error", "warning"]


class Finding(NamedTuple):
    """What is wrong at octet `at` of a value."""

    at: int
    name: str
    rule: str
    sentence: str
    severity: Severity = "error"


def _start(value: bytes) -> int:
    """Where the value begins, behind white space."""
    return len(value) - len(value.lstrip())


# -- dates

_DATE = re.compile(
    rb"\s*(?:([A-Za-z]+)\s*(,)\s*)?(\d+)\s+([A-Za-z]+)\s+(\d+)\s+(\d+)\s*:\s*(\d+)(?:\s*:\s*(\d+))?\s*(\S+)?\s*"
)
LONGEST_DATE = 300  # comments and folding included; longer ones are not looked at
_DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_ZONE = re.compile(rb"[+-]\d\d[0-5]\d")
_OLD_ZONES = re.compile(rb"UT|GMT|[ECMP][SD]T|[A-IK-Z]", re.IGNORECASE)


def check_date(value: bytes) -> Iterator[Finding]:
    """date-time (RFC 5322 3.3, 4.3)."""
    bare = without_comments(value)
    found = _DATE.fullmatch(bare) if len(bare) < LONGEST_DATE else None
    if not found:
        yield Finding(
            _start(value),
            "bad-date",
            "RFC 5322 3.3",
            "This is no date such as Mon, 5 Jan 2026 09:00:00 +0000.",
        )
        return
    weekday, _, day, month, year, hour, minute, second, zone = found.groups()
    if weekday and weekday.title() not in _DAYS:
        yield Finding(found.start(1), "bad-date", "RFC 5322 3.3", "This is no day of the week.")
    if month.title() not in _MONTHS:
        yield Finding(found.start(4), "bad-date", "RFC 5322 3.3", "This is no month.")
        return
    if len(year) < 4:
        yield Finding(
            found.start(5),
            "obsolete-date",
            "RFC 5322 4.3",
            "A year of fewer than four digits is obsolete.",
            "warning",
        )
    elif not 1900 <= int(year[:9]) <= 9999:
        yield Finding(found.start(5), "bad-date", "RFC 5322 3.3", "The year is not between 1900 and 9999.")
    elif not _is_day(int(year), _MONTHS.index(month.title()) + 1, int(day[:9])):
        yield Finding(found.start(3), "bad-date", "RFC 5322 3.3", "This month has no such day.")
    elif weekday and date(int(year), _MONTHS.index(month.title()) + 1, int(day)).weekday() != (
        _DAYS.index(weekday.title()) if weekday.title() in _DAYS else -1
    ):
        yield Finding(
            found.start(1), "wrong-weekday", "RFC 5322 3.3", "That date falls on another day of the week."
        )
    for group, limit, digits in ((6, 23, hour), (7, 59, minute), (8, 60, second)):
        if digits is not None and (len(digits) != 2 or int(digits[:9]) > limit):
            yield Finding(found.start(group), "bad-date", "RFC 5322 3.3", "This is no time of day: hh:mm:ss.")
            break
    if zone is None:
        yield Finding(found.end(), "bad-date", "RFC 5322 3.3", "The zone is missing.")
    elif _OLD_ZONES.fullmatch(zone):
        yield Finding(
            found.start(9), "obsolete-date", "RFC 5322 4.3", "A zone by its name is obsolete.", "warning"
        )
    elif not _ZONE.fullmatch(zone):
        yield Finding(found.start(9), "bad-date", "RFC 5322 3.3", "This is no zone such as +0100.")


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


# -- addresses

_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_EMPTY = re.compile(rb"(?:\A|,)\s*+(?=,|\Z)")
_ROUTE = re.compile(rb"<\s*+(?=[,@])")
_SPACED_DOT = re.compile(rb"\s\.|\.\s")
LONGEST_ADDRESS = 1_000  # of longer ones the older forms are not told


def _obsolete(masked: bytes) -> Iterator[Finding]:
    """What RFC 5322 4 lets stand in a list of addresses; quotes and comments are masked."""
    if found := _EMPTY.search(masked):
        sentence = "An empty element in a list of addresses is obsolete."
        yield Finding(found.start(), "obsolete-address", "RFC 5322 4.4", sentence, "warning")
    if found := _ROUTE.search(masked):
        sentence = "A source route is obsolete, and ignored."
        yield Finding(found.start(), "obsolete-address", "RFC 5322 4.4", sentence, "warning")
    at = 0
    for element in masked.split(b","):
        if len(element) < LONGEST_ADDRESS:
            name, angle, rest = element.rpartition(b"<")
            if b"." in name.rpartition(b":")[2]:
                sentence = "A dot in a name without quotes is obsolete."
                where = at + name.rindex(b".")
                yield Finding(where, "obsolete-address", "RFC 5322 4.1", sentence, "warning")
            if found := _SPACED_DOT.search(rest):
                sentence = "White space around a dot in an address is obsolete."
                where = at + len(name + angle) + found.start()
                yield Finding(where, "obsolete-address", "RFC 5322 4.4", sentence, "warning")
        at += len(element) + 1


def _addresses(value: bytes, most: int | None = None, *, groups: bool = True) -> Iterator[Finding]:
    try:
        found = parse_address_list(value)
    except ProtocolError as error:
        yield Finding(
            min(error.offset, len(value)),
            "bad-address",
            error.rule,
            f"In this list of addresses: {error.message}.",
        )
        return
    masked = _QUOTED.sub(lambda quoted: b"q" * len(quoted[0]), without_comments(value))
    if not found:
        yield Finding(_start(value), "no-address", "RFC 5322 3.4", "There is no address.")
        return
    yield from _obsolete(masked)
    if not groups and any(isinstance(each, Group) for each in found):
        yield Finding(
            _start(value),
            "group-of-authors",
            "RFC 6854 3",
            "A group here is only for special cases.",
            "warning",
        )
    if most is not None and len(found) > most:
        yield Finding(
            _start(value), "too-many-addresses", "RFC 5322 3.6.2", "More than one mailbox stands here."
        )


def check_addresses_or_none(value: bytes) -> Iterator[Finding]:
    """Bcc may be empty (RFC 5322 3.6.3)."""
    return _addresses(value) if without_comments(value).strip() else iter(())


def check_path(value: bytes) -> Iterator[Finding]:
    """Return-Path: a path as MAIL has it (RFC 5321 4.4)."""
    bare = without_comments(value)
    try:
        parse_path(bare.strip())
    except ProtocolError as error:
        yield Finding(
            _start(bare) + error.offset, "bad-address", error.rule, f"In this path: {error.message}."
        )


# -- identifications

_DOT_ATOM = ATEXT + rb"(?:\." + ATEXT + rb")*"
_MESSAGE_ID = re.compile(rb"<" + _DOT_ATOM + rb"@(?:" + _DOT_ATOM + rb"|\[[!-Z^-~]*\])>")
_SPACE = re.compile(rb"\s*+")
_LOOSE_ID = re.compile(rb"<[^<>\s]+>")


def check_message_ids(value: bytes, most: int | None = None) -> Iterator[Finding]:
    """1*msg-id (RFC 5322 3.6.4, 4.5.4)."""
    bare = without_comments(value).rstrip()
    at, count = _start(bare), 0
    while at < len(bare):
        if found := _MESSAGE_ID.match(bare, at):
            at = found.end()
        elif found := _LOOSE_ID.match(bare, at):
            sentence = "Between < and > must stand one @, and no strange characters."
            yield Finding(at, "bad-message-id", "RFC 5322 3.6.4", sentence)
            at = found.end()
        elif most is None and bare[at : at + 1] != b"<" and b"<" in bare:
            sentence = "Words beside the identifications are obsolete."
            yield Finding(at, "obsolete-message-id", "RFC 5322 4.5.4", sentence, "warning")
            at = bare.find(b"<", at) if bare.find(b"<", at) > 0 else len(bare)
            continue
        else:
            yield Finding(at, "bad-message-id", "RFC 5322 3.6.4", "This is no <left@right>.")
            return
        count += 1
        at = _SPACE.match(bare, at).end()  # type: ignore[union-attr]  # which matches anywhere
    if not count:
        yield Finding(_start(value), "bad-message-id", "RFC 5322 3.6.4", "There is no identification.")
    elif most is not None and count > most:
        yield Finding(
            _start(value), "bad-message-id", "RFC 5322 3.6.4", "More than one identification stands here."
        )


# -- values with parameters, tokens

_TOKEN = re.compile(rb"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+")
_PARAMETER = re.compile(
    rb"""\s*;\s*(?P<name>[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+)\s*=\s*
    (?:"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<token>[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+)(?=\s|;|\Z))""",
    re.VERBOSE | re.DOTALL,
)
_SECTION = re.compile(rb"(.+?)\*(0|[1-9]\d*)(\*?)")


def _with_parameters(value: bytes, form: re.Pattern[bytes], what: str, rule: str) -> Iterator[Finding]:
    bare = without_comments(value)
    main = form.match(bare, _start(bare))
    if not main:
        yield Finding(_start(value), "bad-value", rule, f"This does not begin with {what}.")
        return
    at, said = main.end(), dict[bytes, int]()
    while found := _PARAMETER.match(bare, at):
        name = found["name"].lower()
        if name in said:
            yield Finding(found.start("name"), "repeated-parameter", rule, "This parameter stands twice.")
        said[name] = found.start("name")
        if (
            name.endswith(b"*")
            and (found["quoted"] or found["token"] or b"").count(b"'") < 2
            and not _later(name)
        ):
            yield Finding(
                found.start("name"), "bad-parameter", "RFC 2231 4", "The value needs charset'language'text."
            )
        at = found.end()
    rest = bare[at:].strip()
    if rest == b";":
        yield Finding(
            at + bare[at:].index(b";"),
            "empty-parameter",
            rule,
            "A semicolon with nothing behind it.",
            "warning",
        )
    elif rest:
        yield Finding(
            at + _start(bare[at:]),
            "bad-parameter",
            rule,
            "Behind the value only ; name=value may stand, in quotes where needed.",
        )
    for name, start in said.items():
        if (part := _SECTION.fullmatch(name)) and part[2] != b"0":
            before = part[1] + b"*%d" % (int(part[2][:9]) - 1)
            if before not in said and before + b"*" not in said:
                yield Finding(start, "bad-parameter", "RFC 2231 3", "The section before this one is missing.")


def _later(name: bytes) -> bool:
    """name*1*, name*2* … name no charset."""
    part = _SECTION.fullmatch(name)
    return part is not None and part[2] != b"0"


_MEDIA_TYPE = re.compile(_TOKEN.pattern + rb"\s*/\s*" + _TOKEN.pattern)


def _whole(pattern: bytes, what: str, rule: str) -> Callable[[bytes], Iterator[Finding]]:
    form = re.compile(pattern)

    def check(value: bytes) -> Iterator[Finding]:
        if not form.fullmatch(without_comments(value).strip()):
            yield Finding(_start(value), "bad-value", rule, f"This is not {what}.")

    return check


def _check_digest(value: bytes) -> Iterator[Finding]:
    try:
        right = len(binascii.a2b_base64(value.strip(), strict_mode=True)) == 16
    except binascii.Error:
        right = False
    if not right:
        yield Finding(_start(value), "bad-value", "RFC 1864 2", "This is not the base64 of 16 octets.")


# -- trace

_BY = re.compile(rb"(?:\A|\s)by\s", re.IGNORECASE)


def check_received(value: bytes) -> Iterator[Finding]:
    """Received: words, a semicolon, a date (RFC 5321 4.4, RFC 5322 3.6.7)."""
    bare = without_comments(value)
    semicolon = bare.rfind(b";")
    if semicolon < 0:
        yield Finding(_start(value), "bad-trace", "RFC 5322 3.6.7", "There is no ; with the date behind it.")
    else:
        for found in check_date(value[semicolon + 1 :]):
            yield found._replace(at=found.at + semicolon + 1)
    if not _BY.search(bare if semicolon < 0 else bare[:semicolon]):
        yield Finding(
            _start(value),
            "bad-trace",
            "RFC 5321 4.4",
            "Nobody says by whom the message was received.",
            "warning",
        )


_WORDS = rb'(?:"(?:[^"\\]|\\.)*+"|[^\x00-\x20\x7f"(),:;<>@\[\\\]]++)'
_PHRASE = _WORDS + rb"(?:\s++" + _WORDS + rb")*+"
_PHRASES = _PHRASE + rb"(?:\s*+,\s*+" + _PHRASE + rb")*+"
_MORE_TOKENS = rb"[0-9A-Za-z-]++(?:\s*+,\s*+[0-9A-Za-z-]++)*+"

GRAMMARS: dict[str, Callable[[bytes], Iterator[Finding]]] = {
    "text": lambda value: iter(()),
    "date": check_date,
    "mailboxes": lambda value: _addresses(value, groups=False),
    "mailbox": lambda value: _addresses(value, 1, groups=False),
    "addresses": _addresses,
    "addresses-or-none": check_addresses_or_none,
    "path": check_path,
    "message-id": lambda value: check_message_ids(value, 1),
    "message-ids": check_message_ids,
    "phrases": _whole(_PHRASES, "phrases between commas", "RFC 5322 3.6.5"),
    "received": check_received,
    "version": _whole(rb"1\s*\.\s*0", "1.0, the only version there is", "RFC 2045 4"),
    "content-type": lambda value: _with_parameters(value, _MEDIA_TYPE, "type/subtype", "RFC 2045 5.1"),
    "disposition": lambda value: _with_parameters(value, _TOKEN, "a word", "RFC 2183 2"),
    "token": _whole(_TOKEN.pattern, "one word", "RFC 2045 6.1"),
    "tokens": _whole(_MORE_TOKENS, "languages between commas", "RFC 3282 2"),
    "digest": _check_digest,
}
