"""Transfer encodings: from the octets that travelled to those that were meant (RFC 2045 6).

`decode` never raises and gives what can be told; `examine` lists what is wrong, with offsets.
7bit, 8bit and binary are no encodings at all, and what nobody knows is left as it is.
uuencode, older than MIME, is read under the four names by which it still goes about.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from labkit.message.defects import Defect

IDENTITY = frozenset({"7bit", "8bit", "binary"})
UUENCODE = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})
KNOWN = IDENTITY | UUENCODE | {"base64", "quoted-printable"}


def decode(encoding: str, body: bytes) -> bytes:
    """The octets that were meant."""
    if encoding == "base64":
        return _base64(body)
    if encoding == "quoted-printable":
        return _quoted_printable(body)
    return _uuencode(body) if encoding in UUENCODE else body


def _base64(body: bytes) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:  # cut in the middle: leave the octets that are not whole
        digits = re.sub(rb"[^A-Za-z0-9+/]+", b"", body)
        digits = digits[: len(digits) - (len(digits) % 4 == 1)]
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def _quoted_printable(body: bytes) -> bytes:
    # white space before a line's end was added by transport (RFC 2045 6.7 rule 3); a2b_qp keeps it
    if b" \r" in body or b" \n" in body or b"\t\r" in body or b"\t\n" in body:
        body = re.sub(rb"[ \t]++(?=\r?\n)", b"", body)
    return binascii.a2b_qp(body)


_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]*)\r?\n", re.MULTILINE)


def _uuencode(body: bytes) -> bytes:
    begin = _BEGIN.search(body)
    return b"".join(octets or b"" for _, octets in _uu_lines(body, begin.end() if begin else 0))


def _uu_lines(body: bytes, offset: int) -> Iterator[tuple[int, bytes | None]]:
    """Each line up to `end`: where it begins, and its octets; None if its length is wrong."""
    while offset < len(body):
        behind = body.find(b"\n", offset) + 1 or len(body)
        line = body[offset:behind].rstrip(b"\r\n")
        if line == b"end":
            return
        if line:
            try:
                yield offset, binascii.a2b_uu(line)
            except binascii.Error:
                # a count that is larger than the line, or octets behind it that some wrote
                groups = (((line[0] - 32) & 63) * 4 + 5) // 3
                try:
                    yield offset, binascii.a2b_uu(line[:groups])
                except binascii.Error:
                    yield offset, None
        offset = behind


def uuencoded_name(body: bytes) -> str | None:
    """The file name that the begin line gives."""
    begin = _BEGIN.search(body)
    return begin[1].decode("utf-8", "backslashreplace") if begin else None


_FOREIGN_TO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]")
_PADDING = re.compile(rb"=\s*=|=")
_QUOTED = [
    ("quoted-bad-escape", re.compile(rb"=(?![0-9A-F]{2}|[ \t]*\r?(?:\n|\Z))")),
    ("quoted-foreign", re.compile(rb"[^\t\n\r -~]")),
    ("quoted-space-at-end", re.compile(rb"(?<=[!-<>-~])[ \t]++(?=\r?\n)")),
]
_EIGHT_BIT = re.compile(rb"[\x80-\xff]")


def examine(encoding: str, data: bytes, start: int, end: int) -> Iterator[Defect]:
    """What is wrong with the body `data[start:end]`: of each kind the first."""
    if encoding == "base64":
        yield from _examine_base64(data, start, end)
    elif encoding == "quoted-printable":
        for name, pattern in _QUOTED:
            if found := pattern.search(data, start, end):
                yield Defect(name, found.start())
    elif encoding in UUENCODE:
        yield Defect("uuencode", start)
        yield from _examine_uuencode(data, start, end)
    elif encoding == "7bit" and (found := _EIGHT_BIT.search(data, start, end)):
        yield Defect("eight-bit", found.start())
    if encoding != "binary" and (nul := data.find(b"\0", start, end)) >= 0:
        yield Defect("nul", nul)


def _examine_base64(data: bytes, start: int, end: int) -> Iterator[Defect]:
    if found := _FOREIGN_TO_BASE64.search(data, start, end):
        yield Defect("base64-foreign", found.start())
    padding = _PADDING.search(data, start, end)
    behind = padding.end() if padding else end
    digits = len(re.sub(rb"[^A-Za-z0-9+/]+", b"", data[start : padding.start() if padding else end]))
    wanted = {0: 0, 2: 2, 3: 1}.get(digits % 4)
    if wanted is None or (padding[0].count(b"=") if padding else 0) != wanted:
        yield Defect("base64-cut", padding.start() if padding else end)
    if rest := re.compile(rb"[A-Za-z0-9+/=]").search(data, behind, end):
        yield Defect("base64-goes-on", rest.start())


def _examine_uuencode(data: bytes, start: int, end: int) -> Iterator[Defect]:
    body = data[start:end]
    begin = _BEGIN.search(body)
    wrong = next((at for at, octets in _uu_lines(body, begin.end() if begin else 0) if octets is None), None)
    if begin is None:
        yield Defect("uuencode-damaged", start)
    elif wrong is not None:
        yield Defect("uuencode-damaged", start + wrong)
    elif not re.search(rb"^end\s*$", body, re.MULTILINE):
        yield Defect("uuencode-damaged", end)
