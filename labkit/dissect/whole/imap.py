"""IMAP read whole: commands of one line, answered in turn, with literals from the server (RFC 3501)."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from operator import add
from typing import Any

from labkit.dissect.imap import EXTENSIONS, RULES, secrets_of, selected
from labkit.dissect.imap_lines import status_of
from labkit.dissect.lines import echoes, verb_of
from labkit.dissect.row import Row, Sheet
from labkit.dissect.whole.frames import REST, Shape, ends, frames, remembering, shape_of, sheet

_ODD = frozenset(("COMPRESS", "STARTTLS"))
_SECRETIVE, _SELECTING = (
    frozenset(("LOGIN", "AUTHENTICATE")),
    frozenset(("SELECT", "EXAMINE", "CLOSE", "UNSELECT")),
)

_TAG = rb"((?!(?i:LOGIN|AUTHENTICATE) )[!#-'),-Z^-z|}\[\]~]{1,100}) "
# Tag, word, argument; and behind IDLE its end.
_CLIENT = re.compile(
    rb"(" + _TAG + rb"((?i:UID )?[!-~]{1,40})(?: ([ -~]{0,7999}[ -|~]))?\r\n((?i:DONE)\r\n)?)" + REST
)
_GREETING = re.compile(rb"\* OK [ -z|~]{0,8000}\r\n")
# "+", untagged responses, of which a FETCH may go on behind a literal; tag, status, response code, text.
_FETCH = rb"[0-9]{1,10} (?i:FETCH) "
_SERVER = re.compile(
    rb"((\+ [ -~]{0,480}\r\n)?((?:\* (?:" + _FETCH + rb"[ -~]{1,8000}\r\n(?:(?<=\}\r\n)[ -~]{0,8000}\r\n)*+"
    rb"|(?!"
    + _FETCH
    + rb")[ -~]{0,8000}[ -|~]\r\n))*+)"
    + _TAG
    + rb"(OK|NO|BAD)(?: (?:\[([ !#-\\^-~]+)\] ?|(?!\[))([ -~]{0,8000}))\r\n)"
    + REST
)
_LITERAL = re.compile(rb"\{([0-9]{1,18})\}\r\n")


def read(client: bytes, server: bytes) -> Sheet | None:
    """The rows of a conversation; None if something in it is odd."""
    greeting = _GREETING.match(server)
    sent = frames(_CLIENT, client) if greeting else None
    if greeting is None or sent is None:
        return None
    begins = greeting.end()
    lines, literals = _without_literals(server, begins)
    said = frames(_SERVER, lines, begins)
    if said is None or said[3] != sent[1] or lines.count(b"}\r\n", begins) != len(literals):
        return None
    commands, tags, words, arguments, dones, _ = sent
    replies, invitations, data, _, statuses, codes, texts, _ = said
    shape = _shape(words, statuses, tuple(map(bool, dones)), tuple(map(bool, invitations)))
    if shape is None:
        return None
    places, reply_places = ends(commands), [0, *ends(replies, begins)]
    untagged = [1, *[lines.count(b"\n") if lines else 0 for lines in data]]
    if literals:
        missing = [0] * len(reply_places)
        for place, size in literals:
            row = bisect_right(reply_places, place) - 1
            untagged[row] -= 1  # for the line behind it is of the same response
            missing[row + 1] += size
        reply_places = list(map(add, reply_places, accumulate(missing)))
    code, text = _greeted(greeting[0])
    shown = [1 + number + bool(plus) for number, plus in zip(untagged[1:], invitations, strict=True)]
    more: dict[str, list[Any]] = {
        "tag": [None, *tags],
        "reply_lines": [1, *shown],
        "response_code": [code, *[code or None for code in codes]],
        "untagged": untagged,
        "mailbox": [None] * len(untagged),
        "secrets": [()] * len(untagged),
        "echoes": [()] * len(untagged),
    }
    mailbox = None
    for row in shape.marked:
        status_here = statuses[row - 1].decode()
        mailbox = selected(mailbox, shape.verbs[row] or "", status_here, arguments[row - 1])
        more["mailbox"][row + 1 :] = [mailbox] * (len(untagged) - row - 1)
    for row in shape.secretive:
        login = Row(row, "", shape.verbs[row], None, places[row - 1], places[row], tag=tags[row - 1])
        more["secrets"][row] = spans = secrets_of(login, client)
        begin, end = reply_places[row : row + 2]
        more["echoes"][row] = echoes(client, spans, server[begin:end], begin)
    return sheet(shape, arguments, places, (b"OK", *statuses), (text, *texts), reply_places, **more)


@remembering
def _shape(
    words: tuple[bytes, ...],
    statuses: tuple[bytes, ...],
    dones: tuple[bool, ...],
    invitations: tuple[bool, ...],
) -> Shape | None:
    """`dones` and `invitations`: which commands and replies have what belongs to IDLE (RFC 2177)."""
    verbs = [f"UID {verb_of(word[4:])}" if word[:4].upper() == b"UID " else verb_of(word) for word in words]
    idling = [done and verb == "IDLE" for verb, done in zip(verbs, dones, strict=True)]
    if not _ODD.isdisjoint(verbs) or not list(dones) == list(invitations) == idling:
        return None
    answers = [status.decode() for status in statuses]
    return shape_of(RULES, verbs, answers, EXTENSIONS, _SECRETIVE, _SELECTING)


def _without_literals(server: bytes, start: int) -> tuple[bytes, list[tuple[int, int]]]:
    """The stream without the octets of literals behind `start`; where they were in it, and how many."""
    pieces, literals, at, gone = [], [], 0, 0
    found = _LITERAL.search(server, start)
    while found is not None:
        size, end = int(found[1]), found.end()
        pieces.append(server[at:end])
        literals.append((end - gone, size))
        gone += size
        at = end + size
        found = _LITERAL.search(server, at)
    return (b"".join([*pieces, server[at:]]) if pieces else server), literals


@lru_cache(maxsize=1024)
def _greeted(line: bytes) -> tuple[bytes | None, bytes]:
    """Response code and text of a greeting."""
    _, code, text = status_of(line)
    return code, text or b""
