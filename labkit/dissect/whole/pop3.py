"""POP3 read whole: commands with a reply to each, whose lines are all there (RFC 1939)."""

from __future__ import annotations

import re
from typing import Any

from labkit.dissect.half import count_lines
from labkit.dissect.lines import echoes, verb_of
from labkit.dissect.pop3 import EXTENSIONS, MULTI_LINE, ONE_LINE_WITH_ARGUMENT, RULES, secrets_of
from labkit.dissect.row import Sheet
from labkit.dissect.whole.frames import REST, Shape, ends, frames, remembering, shape_of, sheet

_SECRETIVE = frozenset(("PASS", "APOP", "AUTH"))
_LISTING = MULTI_LINE - {"RETR", "TOP"}  # those whose lines are looked at

# Word and argument.
_CLIENT = re.compile(rb"(([!-~]{1,40})(?: ([ -~]{1,200}))?\r\n)" + REST)
# A line with status, response code, text; and a block, if what follows does not look like the next one.
_SERVER = re.compile(
    rb"((\+OK|-ERR)(?: (?:\[([ -Z\\^-~]+)\] ?|(?!\[))([ -~]{0,480}))?\r\n)"
    rb"((?!\+OK|-ERR)(?:(?!\.\r).*+\n)*+(?<=\r\n)\.\r\n)?" + REST
)
# What the lines of a listing look like, up to the dot.
_LISTED = {
    "LIST": re.compile(rb"(?:[0-9]+ [0-9].*+\n)*+\.\r\n"),
    "UIDL": re.compile(rb"(?:[0-9]+ [!-~].*+\n)*+\.\r\n"),
}
_OTHER = re.compile(rb"(?:(?!(?:\+OK|-ERR)[ \r\n]).*+\n)*+")


def read(client: bytes, server: bytes) -> Sheet | None:
    """The rows of a conversation; None if something in it is odd."""
    sent, said = frames(_CLIENT, client), frames(_SERVER, server)
    if sent is None or said is None or len(said[0]) != len(sent[0]) + 1:
        return None
    commands, words, arguments, _ = sent
    lines, statuses, codes, texts, blocks, _ = said
    shape = _shape(words, tuple(map(bool, arguments)), statuses, tuple(map(bool, blocks)))
    if shape is None:
        return None
    for row in shape.marked:
        if (
            blocks[row]
            and _LISTED.get(words[row - 1].decode().upper(), _OTHER).fullmatch(blocks[row]) is None
        ):
            return None
    places, reply_places = ends(commands), ends(lines, rests=blocks)
    more: dict[str, list[Any]] = {
        "reply_lines": [1 + count_lines(block, 0, len(block)) if block else 1 for block in blocks],
        "response_code": [code or None for code in codes],
        "secrets": [()] * len(statuses),
        "echoes": [()] * len(statuses),
    }
    for row in shape.secretive:
        verb = shape.verbs[row] or ""
        more["secrets"][row] = spans = secrets_of(verb, commands[row - 1], places[row - 1])
        more["echoes"][row] = echoes(client, spans, lines[row], reply_places[row])
    return sheet(shape, arguments, places, statuses, texts, reply_places, **more)


@remembering
def _shape(
    words: tuple[bytes, ...], argued: tuple[bool, ...], statuses: tuple[bytes, ...], blocks: tuple[bool, ...]
) -> Shape | None:
    """`argued`: which commands have an argument; `blocks`: which replies have more than one line."""
    verbs = [verb_of(word) for word in words]
    longer = [False] * len(blocks)
    for row, (verb, argument) in enumerate(zip(verbs, argued, strict=True), 1):
        one_line = argument and verb in ONE_LINE_WITH_ARGUMENT
        longer[row] = verb in MULTI_LINE and statuses[row] == b"+OK" and not one_line
        if verb == "STLS" or (verb == "AUTH" and not argument):
            return None
    if statuses[0] != b"+OK" or tuple(longer) != blocks:
        return None
    answers = [status.decode() for status in statuses[1:]]
    return shape_of(RULES, verbs, answers, EXTENSIONS, _SECRETIVE, _LISTING)
