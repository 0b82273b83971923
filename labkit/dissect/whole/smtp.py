"""SMTP read whole: commands of one line, messages that are all there, a reply to each (RFC 5321)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from labkit.dissect.half import tidy_throughout
from labkit.dissect.lines import echoes, verb_of
from labkit.dissect.row import Sheet
from labkit.dissect.smtp import EXTENSIONS, RULES, ZERO, initial_response
from labkit.dissect.whole.frames import REST, Shape, ends, frames, remembering, shape_of, sheet

_ODD = frozenset(("BDAT", "LHLO", "STARTTLS"))  # and whatever LHLO changes
_SECRETIVE, _MESSAGE = frozenset(("AUTH",)), frozenset(".")

# The message behind DATA, of lines of at most 1000 octets (RFC 5321 4.5.3.1.6); or word and argument.
# Behind DATA nothing but a message is usual: so its end is looked for in vain once at most.
_CLIENT = re.compile(
    rb"((?<=[Dd][Aa][Tt][Aa]\r\n)(?:(?!\.\r).{0,999}+\n)*+\.\r\n"
    rb"|(?<![Dd][Aa][Tt][Aa]\r\n)([!-~]{1,40})(?: ([ -~]{1,200}))?\r\n)" + REST
)
# Enhanced codes count if they are of the same class as the code, which is a group of its own.
_PARTS = rb"(?:((?!3)\%d\.[0-9]{1,3}\.[0-9]{1,3})(?: |(?=\r)))?([ -~]{0,480})\r\n"
# Lines before the last, code, enhanced code, text.  421 may come unasked.
_SERVER = re.compile(
    rb"(((?:[2-5][0-9][0-9]-[ -~]{0,480}\r\n)*+)(?!421)(([2-5])[0-9][0-9]) " + _PARTS % 4 + rb")" + REST
)
_LINE = re.compile(rb"(([2-5])[0-9][0-9])[- ]" + _PARTS % 2)


def read(client: bytes, server: bytes) -> Sheet | None:
    """The rows of a conversation; None if something in it is odd."""
    sent, said = frames(_CLIENT, client), frames(_SERVER, server)
    if sent is None or said is None or len(said[0]) != len(sent[0]) + 1:
        return None
    commands, words, arguments, _ = sent
    replies, longer, codes, _, enhanced, texts, _ = said
    shape = _shape(words, codes)
    if shape is None or (shape.marked and not tidy_throughout(client)):
        return None
    places, reply_places = ends(commands), ends(replies)
    more: dict[str, list[Any]] = {
        "enhanced": [code or None for code in enhanced],
        "reply_lines": [1] * len(codes),
        "body": [-1] * len(codes),
    }
    texts_of = list(texts)
    for row in [row for row, lines in enumerate(longer) if lines]:
        if (found := _joined(replies[row])) is None:
            return None
        texts_of[row], more["enhanced"][row], more["reply_lines"][row] = found
    for row in shape.marked:
        more["body"][row] = places[row - 1]
    if shape.secretive:
        more["secrets"], more["echoes"] = [()] * len(codes), [()] * len(codes)
        for row in shape.secretive:
            more["secrets"][row] = spans = initial_response(commands[row - 1], places[row - 1])
            more["echoes"][row] = echoes(client, spans, replies[row], reply_places[row])
    return sheet(shape, arguments, places, codes, texts_of, reply_places, **more)


@remembering
def _shape(words: tuple[bytes, ...], codes: tuple[bytes, ...]) -> Shape | None:
    """`words` has nothing where a message stands."""
    verbs = [verb_of(word) if word else "." for word in words]
    # A message comes behind each DATA that was answered with 354, and nowhere else.
    invited = [code == b"354" and verb == "DATA" for verb, code in zip(verbs, codes[1:], strict=True)]
    odd = not _ODD.isdisjoint(verbs) or b"334" in codes  # which asks for a line of a login
    if codes[0] != b"220" or odd or [False, *invited] != [*[verb == "." for verb in verbs], False]:
        return None
    answers = [code[0] - ZERO for code in codes[1:]]
    return shape_of(RULES, verbs, answers, EXTENSIONS, _SECRETIVE, _MESSAGE)


@lru_cache(maxsize=1024)
def _joined(reply: bytes) -> tuple[bytes, bytes | None, int] | None:
    """Text, enhanced code and number of the lines of a reply; None if their codes are not the same."""
    lines = _LINE.findall(reply)
    if len({code for code, *_ in lines}) > 1:
        return None
    enhanced = [code for _, _, code, _ in lines if code]
    return b"\n".join([text for *_, text in lines]), enhanced[-1] if enhanced else None, len(lines)
