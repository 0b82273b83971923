"""What the Content- fields of a part say, and what is wrong with them (RFC 2045 5 and 6, RFC 2183)."""

from __future__ import annotations

import re
from typing import NamedTuple

from labkit.message.defects import Defect
from labkit.message.parameters import parse_parameters, repeated_parameter
from labkit.message.tokens import unfold
from labkit.message.transfer import IDENTITY, KNOWN
from labkit.message.words import decode_words

_SAID = re.compile(
    rb"content-(?:(type)|(transfer-encoding)|(disposition))[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)",
    re.IGNORECASE,
)
_TYPE = re.compile(r"[!#$%&'*+.0-9a-z^_`{|}~-]+/[!#$%&'*+.0-9a-z^_`{|}~-]+")
_TOKEN = re.compile(rb"[0-9A-Za-z-]++")


class Described(NamedTuple):
    """The Content- fields' meaning; of two with one name the first counts."""

    content_type: str
    params: dict[str, str]
    encoding: str
    disposition: str | None
    filename: str | None


def describe(data: bytes, offset: int, header_end: int, default: str) -> tuple[list[Defect], Described]:
    """What is wrong in the header `data[offset:header_end]`, and what it says."""
    defects: list[Defect] = []
    lowered = data[offset:header_end].lower()
    at = 0 if lowered.startswith(b"content-") else lowered.find(b"\ncontent-") + 1 or -1
    said: dict[int, tuple[bytes, int]] = {}
    while at >= 0:
        if found := _SAID.match(data, offset + at, header_end):
            kind, _, _, value = found.group(1, 2, 3, 4)
            said.setdefault(1 if kind else 2 if found[2] else 3, (unfold(value), offset + at))
        at = lowered.find(b"\ncontent-", at) + 1 or -1
    content_type, name = default, None
    params: dict[str, str] = {}
    if 1 in said:
        value, start = said[1]
        content_type, params = parse_parameters(value)
        if not _TYPE.fullmatch(content_type):
            content_type = "text/plain"
            defects.append(Defect("bad-content-type", start))
        if value.count(b"=") > len(params) and repeated_parameter(value):
            defects.append(Defect("repeated-parameter", start))
        name = params.get("name")
    encoding = _encoding(*said[2], content_type, defects) if 2 in said else "7bit"
    disposition = None
    if 3 in said:
        disposition, of_file = parse_parameters(said[3][0])
        name = of_file.get("filename", name)
    filename = None if name is None else decode_words(name)
    return defects, Described(content_type, params, encoding, disposition or None, filename)


def _encoding(value: bytes, start: int, content_type: str, defects: list[Defect]) -> str:
    named = value.decode().lower() if _TOKEN.fullmatch(value) else parse_parameters(value)[0]
    if named not in KNOWN:
        defects.append(Defect("unknown-encoding", start))
    elif named not in IDENTITY and content_type.startswith(("multipart/", "message/rfc822")):
        defects.append(Defect("encoded-composite", start))
    return named
