"""The tables of what was carried: messages, recipients, parts, hops; and logins."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from hashlib import sha256
from operator import itemgetter
from typing import Any

from labkit.dissect.imap import mailbox_of
from labkit.errors import ProtocolError
from labkit.grammar import sasl
from labkit.message.fields import decode_words, parse_received
from labkit.tables.carried import Carried, path_of
from labkit.tables.dissected import Talk
from labkit.tables.exchanges import outcome, outcome_at
from labkit.tables.moments import began
from labkit.tables.table import Table, micros

_QUEUE_ID = re.compile(
    rb"(?:queued as|queued mail for delivery as|\bid[=:]|accepted as) *<?([A-Za-z0-9._-]{1,})|"
    rb"\b([A-Za-z0-9]{8,}) message accepted for delivery",
    re.IGNORECASE,
)
_LOGGING_IN = frozenset(("USER", "PASS", "APOP", "LOGIN", "AUTH", "AUTHENTICATE"))


def messages(found: Iterable[Carried], capture: str) -> Table:
    return Table.of("messages", (_message(each, capture) for each in found), sort=True)


def recipients(talks: Iterable[Talk], found: Iterable[Carried], capture: str) -> Table:
    carriers = {(each.talk.number, index): each.exchange for each in found for index in each.recipients}
    rows = (
        (
            capture,
            talk.number,
            row.number,
            carriers.get((talk.number, index)),
            began(talk.moments, index),
            path_of(row.argument),
            outcome(row),
            int(row.status) if row.status else None,
            text(row.enhanced),
            text(row.text),
        )
        for talk in talks
        if talk.protocol == "smtp"
        for index, row in enumerate(talk.rows)
        if row.verb == "RCPT"
    )
    return Table.of("recipients", rows, sort=True)


def parts(found: Iterable[Carried], capture: str) -> Table:
    rows = (
        (
            *_key(each, capture),
            part.path,
            part.content_type,
            part.charset,
            part.encoding,
            part.disposition,
            part.filename,
            part.offset,
            part.end - part.header_end,
            sha256(part.decoded()).hexdigest(),
        )
        for each in found
        for part in each.tree.walk()
    )
    return Table.of("parts", rows)


def headers(found: Iterable[Carried], capture: str) -> Table:
    rows = (
        (*_key(each, capture), position, field.name, decode_words(field.value), field.value, field.offset)
        for each in found
        for position, field in enumerate(each.tree.fields)
    )
    return Table.of("headers", rows)


def hops(found: Iterable[Carried], capture: str) -> Table:
    return Table.of("hops", (row for each in found for row in _hops(each, capture)))


def logins(talks: Iterable[Talk], capture: str) -> Table:
    rows = (
        (capture, talk.number, row.number, time, user, mechanism, outcome(row), row.encrypted)
        for talk in talks
        for index, time, user, mechanism in attempts(talk)
        for row in (talk.rows[index],)
    )
    return Table.of("logins", rows, sort=True)


def attempts(talk: Talk) -> Iterator[tuple[int, int, str | None, str | None]]:
    """Every attempt to log in: which row decided it, when it began, who, how."""
    user: str | None = None
    verbs, arguments = talk.rows.column("verb"), talk.rows.column("argument")
    for index in [index for index, verb in enumerate(verbs) if verb in _LOGGING_IN]:
        verb, time, argument = verbs[index], began(talk.moments, index), arguments[index] or b""
        words = argument.split(b" ")
        if verb == "USER":
            user = _whole(talk, index, index, text(words[0]))
        elif verb == "PASS":
            yield index, time, user, "USER"
        elif verb == "APOP":
            yield index, time, _whole(talk, index, index, text(words[0])), "APOP"
        elif verb == "LOGIN" and talk.protocol == "imap":
            yield index, time, _whole(talk, index, index, text(mailbox_of(argument))), "LOGIN"
        elif verb in ("AUTH", "AUTHENTICATE") and words[0]:
            behind = index + 1
            while behind < len(verbs) and verbs[behind] == "(response)":
                behind += 1
            said = [*words[1:2], *(response or b"" for response in arguments[index + 1 : behind])]
            mechanism = words[0].decode("ascii", "backslashreplace").upper()
            user = _whole(talk, index, behind - 1, user_of(mechanism, said))
            yield behind - 1, time, user, _whole(talk, index, index, mechanism)


def _whole(talk: Talk, first: int, last: int, said: str | None) -> str | None:
    """What rows of a login say, unless octets of it are missing: then it may be a part of the password."""
    if not (gaps := talk.flow.client.gaps):
        return said
    start, end = talk.rows.column("start")[first], talk.rows.column("end")[last]
    behind = bisect_right(gaps, start, key=itemgetter(0))
    return None if behind < len(gaps) and gaps[behind].offset < end else said


def user_of(mechanism: str, responses: list[bytes]) -> str | None:
    """Who logs in, from the responses in base64; None if they do not tell."""
    octets = [found for response in responses if (found := _decoded(response)) is not None]
    first = next((found for found in octets if found), b"")
    if mechanism == "PLAIN":
        fields = first.split(b"\0")
        return text(fields[1]) if len(fields) > 1 else None
    if mechanism == "LOGIN":
        return text(first) or None
    if mechanism == "CRAM-MD5":
        return text(first.rpartition(b" ")[0]) or None
    # SCRAM-*: n=user; OAUTHBEARER: a=user; XOAUTH2: user=user; the first two write "," and "=" as =2C, =3D
    pattern = rb"(?:^|,)n=([^,]*)" if mechanism.startswith("SCRAM-") else rb"(?:\ba|\Auser)=([^,\x01]*)"
    named = re.search(pattern, first)
    return text(named[1].replace(b"=2C", b",").replace(b"=3D", b"=")) if named else None


def text(octets: bytes | None) -> str | None:
    return None if octets is None else octets.decode("utf-8", "backslashreplace")


def _message(each: Carried, capture: str) -> tuple[Any, ...]:
    talk, index, tree = each.talk, each.index, each.tree
    smtp, status = talk.protocol == "smtp", talk.rows.column("status")[index]
    queued = _QUEUE_ID.search(talk.rows.column("text")[index] or b"") if smtp else None
    return (
        *_key(each, capture),
        began(talk.moments, index),
        talk.step,
        each.direction,
        each.reverse_path,
        len(each.recipients) if smtp else None,
        outcome_at(talk.rows, index),
        int(status) if smtp and status else None,
        text(queued[1] or queued[2]) if queued else None,
        text(each.mailbox),
        each.uid,
        each.text_of("From"),
        each.text_of("To"),
        each.text_of("Subject"),
        each.date(),
        each.text_of("Message-ID"),
        len(each.data),
        sha256(each.data).hexdigest(),
        each.body_sha256,
        each.trace_id,
        sum(1 for _ in tree.walk()) if tree.children else 1,
        each.complete,
    )


def _hops(each: Carried, capture: str) -> Iterator[tuple[Any, ...]]:
    found = [parse_received(field.value) for field in each.tree.fields if field.name.lower() == "received"]
    for index, hop in enumerate(found):
        before = found[index + 1].time if index + 1 < len(found) else None
        delay = (hop.time - before).total_seconds() if hop.time and before else None
        yield (
            *_key(each, capture),
            len(found) - index,
            hop.by,
            hop.from_name,
            hop.from_address,
            hop.with_,
            hop.id,
            hop.for_address,
            micros(hop.time) if hop.time else None,
            delay,
        )


def _key(each: Carried, capture: str) -> tuple[str, int, int, int]:
    return capture, each.talk.number, each.exchange, each.number


def _decoded(response: bytes) -> bytes | None:
    try:
        return sasl.read_initial(response)
    except ProtocolError:
        return None
