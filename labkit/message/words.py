"""Encoded words: what a header in ASCII says in other characters (RFC 2047).

Reading never raises: a word of an unknown charset or with broken contents stays as it stands.
Writing gives UTF-8 in base64.
"""

from __future__ import annotations

import binascii
import codecs
import re
from base64 import b64encode
from functools import lru_cache

from labkit.message.tokens import unfold

# encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="
_ENCODED_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bq])\?([^?\s]*)\?=", re.IGNORECASE)
_OCTETS_OF_WORD = 39  # before base64: then even the first word fits behind `Subject: ` (RFC 2047 2)


def decode_words(value: str | bytes) -> str:
    """A field's value for people: unfolded, its encoded words decoded (RFC 2047 6).

    Octets that are not UTF-8 become backslash escapes.  A word of an unknown charset or
    with broken contents stays as it stands.
    """
    if isinstance(value, bytes):
        value = unfold(value).decode("utf-8", "backslashreplace")
    if "=?" not in value:
        return value
    text, behind = "", 0
    charset, octets = "ascii", bytearray()
    for found in _ENCODED_WORD.finditer(value):
        name, decoded = found[1].lower(), _word_octets(found[2], found[3])
        if decoded is None or not known_charset(name):
            continue
        between = value[behind : found.start()]
        neighbours = behind > 0 and not between.strip()
        if name != charset or not neighbours:  # else they may share a character
            text += octets.decode(charset, "backslashreplace") + ("" if neighbours else between)
            charset, octets = name, bytearray()
        octets += decoded
        behind = found.end()
    return text + octets.decode(charset, "backslashreplace") + value[behind:]


def encode_words(text: str) -> str:
    """`text` for a header field in ASCII: itself, or encoded words of UTF-8 in base64."""
    if text.isascii() and "=?" not in text and all(len(word) < 900 for word in text.split(" ")):
        return text
    words, chunk = [], b""
    for octets in (character.encode() for character in text):
        if len(chunk) + len(octets) > _OCTETS_OF_WORD:
            words.append(chunk)
            chunk = b""
        chunk += octets
    return " ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in [*words, chunk])


def _word_octets(encoding: str, text: str) -> bytes | None:
    try:
        if encoding in "bB":
            return binascii.a2b_base64(text + "=" * (-len(text) % 4))
        return binascii.a2b_qp(text, header=True)
    except ValueError:
        return None


_NO_CHARSETS = {
    "idna",
    "punycode",
    "undefined",
    "unicode-escape",
    "raw-unicode-escape",
}  # codecs of Python's own


@lru_cache(256)
def known_charset(name: str) -> bool:
    """True if `octets.decode(name, "backslashreplace")` gives text, whatever the octets."""
    try:
        b" ".decode(name, "replace")
        return codecs.lookup(name).name not in _NO_CHARSETS
    except (LookupError, ValueError):
        return False
