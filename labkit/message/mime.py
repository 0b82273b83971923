"""The MIME tree of a message, by byte offsets (RFC 2045, 2046, 2183, 2231).

`parse` takes any octets and never raises: what is wrong with a part stands in its
`defects`, by the names of `DEFECTS`.  One pass over the message finds all boundaries, so
the time is linear however parts are nested; nothing is decoded before it is asked
for.  A delimiter line is "--", the whole boundary, "--" if it is the last, and white space.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from labkit.message.compose import Attachment, compose
from labkit.message.fields import Field, decode_words, find, iter_fields, known_charset, unfold

__all__ = ["DEFECTS", "Attachment", "Part", "compose", "parse", "parse_parameters"]

DEFECTS = {
    "missing-empty-line": "The header ends with a line that is no field, not with an empty line.",
    "bad-content-type": "Content-Type is not type/subtype; the default is taken (RFC 2045 5.2).",
    "unknown-encoding": "Content-Transfer-Encoding is none of RFC 2045 6; the octets stay as they are.",
    "encoded-composite": "A multipart or message with an encoding, which its parts must have (RFC 2045 6.4).",
    "missing-boundary": "A multipart without a boundary parameter; its body is left in one piece.",
    "boundary-in-use": "The boundary of a multipart around it; its body is left in one piece.",
    "no-parts": "A multipart in whose body its boundary does not open any part.",
    "missing-close-boundary": "A multipart whose last boundary line, ending in --, never comes.",
    "nested-too-deep": "More parts inside each other than DEPTH; this one is left in one piece.",
}
DEPTH = 100
"""Parts inside each other that are followed; nobody writes as many, save to do harm."""

_TYPE = re.compile(r"[!#$%&'*+.0-9a-z^_`{|}~-]+/[!#$%&'*+.0-9a-z^_`{|}~-]+")
_IDENTITY = {"7bit", "8bit", "binary"}
_EMBEDDED = {"message/rfc822", "message/global"}


@dataclass(slots=True)
class Part:
    """One entity of a message, or the message itself, in the octets `data` of the whole.

    The header is `data[offset:header_end]`, the empty line included, the body
    `data[header_end:end]`.  `path` is IMAP's number of the part (RFC 3501 6.4.5); the multipart
    that is the whole body of a message has none and is called TEXT, inside part 2 "2.TEXT".
    Type, encoding, charset and disposition are in lower case.
    """

    data: bytes = field(repr=False)
    offset: int
    header_end: int
    end: int
    path: str = ""
    fields: list[Field] = field(default_factory=list, repr=False)
    content_type: str = "text/plain"
    params: dict[str, str] = field(default_factory=dict)
    encoding: str = "7bit"
    disposition: str | None = None
    filename: str | None = None
    children: list[Part] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    @property
    def charset(self) -> str | None:
        """The charset that is named, in lower case; None: none is."""
        return self.params["charset"].lower() if "charset" in self.params else None

    @property
    def body(self) -> bytes:
        """The body as it was sent."""
        return self.data[self.header_end : self.end]

    def decoded(self) -> bytes:
        """The body out of its base64 or quoted-printable; damaged base64 gives what can be read."""
        if self.encoding == "base64":
            return _base64(self.body)
        return binascii.a2b_qp(self.body) if self.encoding == "quoted-printable" else self.body

    def text(self) -> str:
        """The decoded body as text; octets that its charset does not have become backslash escapes."""
        charset = self.charset or "us-ascii"
        return self.decoded().decode(charset if known_charset(charset) else "utf-8", "backslashreplace")

    def get(self, name: str) -> bytes | None:
        """The unfolded value of the part's first field of that name, in any case."""
        return find(self.fields, name)

    def walk(self) -> Iterator[Part]:
        """This part and all inside it, in the order they stand in the message."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting += reversed(part.children)


def parse(data: bytes) -> Part:
    """The message as a tree of parts, whatever the octets."""
    return _Tree(data).read()


class _Tree:
    """The parse: `open` is the chain of parts from the root to the one we are in."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.open: list[Part] = []
        self.boundaries: list[bytes] = []  # of each open part, the one that may come; empty: none
        self.levels: dict[bytes, int] = {}  # these boundaries' places in `open`

    def read(self) -> Part:
        """Look at every line that begins with "--", from the first to the last."""
        data = self.data
        behind = self._open_part(0, "text/plain")
        root = self.open[0]
        while self.levels and (before := data.find(b"\n--", behind - 1)) >= 0:
            behind = data.find(b"\n", before + 1) + 1 or len(data)
            level, closes = self._delimiter(before + 1, behind)
            if level is None:
                continue
            # the line's end before a delimiter belongs to it (RFC 2046 5.1.1)
            self._close_parts(level + 1, before - 1 if data[before - 1 : before] == b"\r" else before)
            multipart = self.open[level]
            if closes:
                self._forget(level)
            else:
                default = "message/rfc822" if multipart.content_type == "multipart/digest" else "text/plain"
                behind = self._open_part(behind, default)
        self._close_parts(0, len(data))
        return root

    def _delimiter(self, start: int, end: int) -> tuple[int | None, bool]:
        """Which open multipart a line beginning with "--" belongs to, and whether it is its last."""
        boundary = self.data[start + 2 : end].rstrip(b" \t\r\n")
        level = self.levels.get(boundary)
        if level is None and boundary.endswith(b"--"):
            return self.levels.get(boundary[:-2]), True
        return level, False

    def _open_part(self, offset: int, default: str) -> int:
        """Open the part at `offset`, and messages that begin inside it; returns where its body begins."""
        while True:
            part = self._read_header(offset, default)
            boundary = self._boundary(part)
            around = self.open[-1] if self.open else None
            if around is None or around.content_type in _EMBEDDED:
                part.path = _inside(around.path if around else "") + ("TEXT" if boundary else "1")
            else:
                part.path = _inside(around.path) + str(len(around.children) + 1)
            if around:
                around.children.append(part)
            self.open.append(part)
            self.boundaries.append(boundary)
            if boundary:
                self.levels[boundary] = len(self.open) - 1
            if not self._embeds(part):
                return part.header_end
            offset, default = part.header_end, "text/plain"

    def _read_header(self, offset: int, default: str) -> Part:
        data, end = self.data, offset
        part = Part(data, offset, offset, len(data))
        for item in iter_fields(data, offset):
            if item.name.startswith("--"):
                line_end = data.find(b"\n", item.offset, item.end) + 1 or item.end
                if self._delimiter(item.offset, line_end)[0] is not None:
                    break  # it only looks like a field
            part.fields.append(item)
            end = item.end
        if data.startswith((b"\r\n", b"\n"), end):
            end = data.find(b"\n", end) + 1
        elif end < len(data):
            part.defects.append("missing-empty-line")
        part.header_end = end
        _describe(part, default)
        return part

    def _boundary(self, part: Part) -> bytes:
        """The boundary to look for; empty if the part is not to be taken apart."""
        if not part.content_type.startswith("multipart/"):
            return b""
        boundary = part.params.get("boundary", "").rstrip(" \t").encode("utf-8", "surrogatepass")
        if not boundary:
            part.defects.append("missing-boundary")
        elif boundary in self.levels:
            part.defects.append("boundary-in-use")
        elif len(self.open) >= DEPTH:
            part.defects.append("nested-too-deep")
        else:
            return boundary
        return b""

    def _embeds(self, part: Part) -> bool:
        if part.content_type not in _EMBEDDED or part.encoding not in _IDENTITY:
            return False
        if len(self.open) > DEPTH:
            part.defects.append("nested-too-deep")
            return False
        return True

    def _close_parts(self, level: int, end: int) -> None:
        """Close all parts from this level on, the innermost first."""
        while len(self.open) > level:
            part = self.open[-1]
            part.end = end = max(end, part.header_end)
            if self.boundaries[-1]:
                part.defects.append("missing-close-boundary")
                self._forget(len(self.open) - 1)
            self.open.pop()
            self.boundaries.pop()

    def _forget(self, level: int) -> None:
        """The multipart at this level has had its last boundary, or is closed without it."""
        del self.levels[self.boundaries[level]]
        self.boundaries[level] = b""
        if not self.open[level].children:
            self.open[level].defects.append("no-parts")


def _inside(path: str) -> str:
    path = path.removesuffix("TEXT")
    return path if not path or path.endswith(".") else path + "."


def _describe(part: Part, default: str) -> None:
    """Fill in what the Content- fields say; of two with one name the first counts."""
    said: dict[str, bytes] = {}
    for item in part.fields:
        if item.name[:8].lower() == "content-":
            said.setdefault(item.name[8:].lower(), unfold(item.value))
    part.content_type = default
    if "type" in said:
        named, part.params = parse_parameters(said["type"])
        if _TYPE.fullmatch(named):
            part.content_type = named
        else:
            part.content_type = "text/plain"
            part.defects.append("bad-content-type")
    if "transfer-encoding" in said:
        part.encoding = parse_parameters(said["transfer-encoding"])[0]
        if part.encoding not in _IDENTITY | {"base64", "quoted-printable"}:
            part.defects.append("unknown-encoding")
        elif part.encoding not in _IDENTITY and part.content_type.startswith(
            ("multipart/", "message/rfc822")
        ):
            part.defects.append("encoded-composite")
    filename = part.params.get("name")
    if "disposition" in said:
        named, params = parse_parameters(said["disposition"])
        part.disposition = named or None
        filename = params.get("filename", filename)
    part.filename = decode_words(filename) if filename is not None else None


# parameter = ";" attribute "=" ( quoted-string / token, or what else stands before the next ";" )
_PARAMETER = re.compile(rb';\s*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^;]*+))', re.DOTALL)
_MAIN = re.compile(rb"[^\s;()]*+")


def parse_parameters(value: bytes) -> tuple[str, dict[str, str]]:
    """An unfolded value like that of Content-Type: what it begins with and its parameters.

    The first and the names of the parameters in lower case; continued and encoded
    parameters (RFC 2231) are put together.  Of two with one name the first counts.
    """
    main = _MAIN.match(value)
    said: dict[str, bytes] = {}
    for name, quoted, bare in _PARAMETER.findall(value):
        octets = re.sub(rb"\\(.)", rb"\1", quoted) if quoted else bare.partition(b" (")[0].strip()
        said.setdefault(name.decode("utf-8", "backslashreplace").lower(), octets)
    params: dict[str, str] = {}
    for name, octets in said.items():
        base, star, section = name.partition("*")
        if not star:
            params.setdefault(name, octets.decode("utf-8", "backslashreplace"))
        elif section in ("", "0", "0*"):
            params[base] = _extended(said, base, section)
    return (main[0].decode("utf-8", "backslashreplace").lower() if main else ""), params


def _extended(said: dict[str, bytes], base: str, section: str) -> str:
    """name*=charset'language'octets, or name*0, name*1* … (RFC 2231 3 and 4)."""
    octets, charset = said[f"{base}*{section}"], b"utf-8"
    if section.endswith("*") or not section:
        charset, _, octets = octets.partition(b"'")
        octets = unquote_to_bytes(octets.partition(b"'")[2])
    pieces = [octets]
    while section:
        plain = f"{base}*{len(pieces)}"
        if plain in said:
            pieces.append(said[plain])
        elif f"{plain}*" in said:
            pieces.append(unquote_to_bytes(said[f"{plain}*"]))
        else:
            break
    name = charset.decode("ascii", "replace")
    return b"".join(pieces).decode(name if known_charset(name) else "utf-8", "backslashreplace")


def _base64(body: bytes) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:  # cut in the middle: leave the octets that are not whole
        digits = re.sub(rb"[^A-Za-z0-9+/]+", b"", body)
        digits = digits[: len(digits) - (len(digits) % 4 == 1)]
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
