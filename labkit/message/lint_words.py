"""Encoded words where they are wrong (RFC 2047 2, 5, 6)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from labkit.message.grammars import Finding
from labkit.message.words import known_charset

LONGEST_WORD = 75
_RULE = "RFC 2047 2"
_LIKE_A_WORD = re.compile(rb"=\?([^?\s]*)\?([^?\s]*)\?([^?\r\n]*)\?=")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_Q = re.compile(rb"(?:[!-<>@-~]|=[0-9A-Fa-f]{2})*")
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)


def check_words(value: bytes, *, structured: bool) -> Iterator[Finding]:
    """What is wrong with the encoded words in a raw value."""
    if b"=?" not in value:
        return
    quoted = [found.span() for found in _QUOTED.finditer(value)] if structured else []
    for found in _LIKE_A_WORD.finditer(value):
        at, (charset, encoding, text) = found.start(), found.groups()
        if any(start < at < end for start, end in quoted):
            yield Finding(
                at,
                "word-in-quotes",
                "RFC 2047 5",
                "Inside quotes no encoded word may stand; readers show it as it is.",
            )
            continue
        if len(found[0]) > LONGEST_WORD:
            yield Finding(
                at,
                "word-too-long",
                _RULE,
                f"An encoded word of {len(found[0])} characters; at most {LONGEST_WORD} may be.",
            )
        if not known_charset(charset.partition(b"*")[0].decode("ascii", "replace")):
            yield Finding(
                at, "unknown-charset", _RULE, "An encoded word in a charset nobody knows.", "warning"
            )
        if sentence := _wrong_text(encoding.lower(), text):
            yield Finding(at, "bad-word", _RULE, sentence)
        else:
            yield from _cut_character(at, charset, encoding, text)
        if _joined(value, *found.span()):
            yield Finding(
                at, "word-without-space", "RFC 2047 5", "White space must stand around an encoded word."
            )


def _wrong_text(encoding: bytes, text: bytes) -> str | None:
    if encoding not in (b"b", b"q"):
        return "An encoded word is encoded as B or Q."
    if b" " in text or b"\t" in text:
        return "White space inside an encoded word: readers will not take it for one."
    if encoding == b"b" and (len(text) % 4 or not _BASE64.fullmatch(text)):
        return "What should be base64 is not."
    return None if encoding == b"b" or _Q.fullmatch(text) else "What should be Q-encoded is not."


def _cut_character(at: int, charset: bytes, encoding: bytes, text: bytes) -> Iterator[Finding]:
    name = charset.partition(b"*")[0].decode("ascii", "replace")
    octets = binascii.a2b_base64(text) if encoding in b"bB" else binascii.a2b_qp(text, header=True)
    try:
        octets.decode(name)
    except (UnicodeError, LookupError, ValueError):
        if known_charset(name):
            yield Finding(at, "cut-character", "RFC 2047 5", "A character is cut, or is none of the charset.")


def _joined(value: bytes, start: int, end: int) -> bool:
    before, after = value[start - 1 : start], value[end : end + 1]
    return before.strip() not in (b"", b"(") or after.strip() not in (b"", b")", b",", b"<", b":", b";")
