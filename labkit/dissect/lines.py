"""One line of a conversation: its words, what is wrong with it, and where a reply repeats a secret."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from functools import lru_cache

from labkit.dissect.flaws import Found
from labkit.dissect.half import Half
from labkit.dissect.row import Span
from labkit.grammar.framing import CRLF
from labkit.net.tap import Side

ECHO = 4  # octets of a secret whose repetition in a reply is no accident
_WORD = re.compile(rb"[!-~]{1,40}")


def echoes(
    client: bytes | bytearray, secrets: Sequence[Span], reply: bytes | bytearray, start: int
) -> tuple[Span, ...]:
    """Where a reply, which begins at `start`, repeats a secret, to say that it is not understood."""
    found: list[Span] = []
    said = reply.lower()
    for begin, end in secrets:
        secret = client[begin:end].strip().lower()
        at = said.find(secret) if len(secret) >= ECHO else -1
        while at >= 0:
            found.append((start + at, start + at + len(secret)))
            at = said.find(secret, at + len(secret))
    return tuple(found)


@lru_cache(maxsize=1024)
def verb_of(word: bytes) -> str:
    """A command's word in upper case; empty if it is none."""
    return word.decode("ascii").upper() if _WORD.fullmatch(word) else ""


def split(line: bytes) -> tuple[str, bytes | None]:
    """A command's first word in upper case, and the rest; ("", line) if that is no word."""
    command = line[:-2] if line.endswith(CRLF) else line.rstrip(b"\r\n")
    word, space, rest = command.partition(b" ")
    verb = verb_of(word)
    return (verb, rest if space else None) if verb else ("", command or None)


def line_flaws(half: Half, side: Side, start: int, line: bytes, limit: int) -> Generator[Found, None, None]:
    gap = half.gap(start, start + len(line))
    if gap is not None:
        yield Found("gap", side, gap)
    if not line.endswith(b"\n"):
        yield Found("truncated", side, start + len(line))
    body = line.removesuffix(CRLF)
    for name, octet in (("bare-lf", b"\n"), ("bare-cr", b"\r")):
        offset = body.replace(CRLF, b"..").find(octet)
        if offset >= 0:
            yield Found(name, side, start + offset)
    if not line.isascii():
        first = next(index for index, octet in enumerate(line) if octet > 127)
        yield Found("eight-bit", side, start + first)
    if len(line) > limit:
        yield Found("line-too-long", side, start + limit, f"{len(line)} octets, {limit} are permitted")
