"""The MIME tree of a message, by byte offsets (RFC 2045, 2046, 2183, 2231).

`parse` takes any octets and never raises: what is wrong with a part stands in its `defects`, by the
names of `DEFECTS`, with the offset.  One pass over the message finds all boundaries, so the time is
linear however parts are nested; nothing is decoded or cut into fields before it is asked for, and
nothing is copied.  A delimiter line is "--", the whole boundary, "--" if it is the last, and white
space.  In a multipart/digest a part without a type is a message (RFC 2046 5.1.5).
"""

from __future__ import annotations

import re

from labkit.message.compose import Attachment, compose
from labkit.message.defects import DEFECTS, Defect
from labkit.message.parameters import parse_parameters
from labkit.message.part import Part, Segment
from labkit.message.transfer import IDENTITY

__all__ = [
    "DEFECTS",
    "DEPTH",
    "EMBEDDED",
    "Attachment",
    "Defect",
    "Part",
    "Segment",
    "compose",
    "parse",
    "parse_parameters",
]

DEPTH = 1_000
"""Parts inside each other that are followed; nobody writes as many, save to do harm."""
EMBEDDED = frozenset({"message/rfc822", "message/global"})
"""The types whose body is a message."""
LONGEST_BOUNDARY = 70
NOWHERE, UNKNOWN = -1, -2  # in place of an offset
FEW = 4  # boundaries that are looked for one by one: the longer the needle, the faster the search

# field = field-name ":" unstructured CRLF; one whose name looks like a delimiter is read by itself
_FIELD = rb"[!-9;-~]++[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z)"
_FIELDS = re.compile(rb"(?:(?!--)" + _FIELD + rb")*+")
# how nearly every multipart says it, in lower case
_MULTIPART = re.compile(
    rb"content-type:[ \t]*+multipart/([a-z]++);(?:[ \t]|\r\n[ \t])*+"
    rb'boundary="([^"\\\r\n]*[^"\\\s])"\r?(?:\n|\Z)'
)
_LOOKS_LIKE_DELIMITER = re.compile(_FIELD)


def parse(data: bytes) -> Part:
    """The message as a tree of parts, whatever the octets."""
    return _Tree(data).read()


class _Tree:
    """The parse: `open` is the chain of parts from the root to the one we are in."""

    __slots__ = ("data", "levels", "open", "upcoming")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.open: list[Part] = []
        self.levels: dict[bytes, int] = {}  # the boundaries that may come, and whose in `open` they are
        self.upcoming: dict[bytes, int] = {}  # where each of them stands next

    def read(self) -> Part:
        """Look at every line that may be a delimiter, from the first to the last."""
        data, levels, find = self.data, self.levels, self.data.find
        behind = self._open_part(0, "text/plain")
        root = self.open[0]
        while levels and (before := self._next_line(behind - 1)) >= 0:
            behind = find(b"\n", before + 1) + 1 or len(data)
            line = data[before + 3 : behind].rstrip(b" \t\r\n")
            level = levels.get(line)
            if closes := level is None and line.endswith(b"--"):
                level = levels.get(line[:-2])
            if level is None:
                continue
            if before and data[before - 1] == 13:
                before -= 1  # the line's end before a delimiter belongs to it (RFC 2046 5.1.1)
            self._close_parts(level + 1, before)
            if closes:
                self._forget(self.open[level])
            else:
                behind = self._open_part(behind, self.open[level].default_inside)
        self._close_parts(0, len(data))
        return root

    def _next_line(self, offset: int) -> int:
        """The line's end from `offset` on before what may be a delimiter; -1: there is none."""
        if len(self.levels) > FEW:
            return self.data.find(b"\n--", offset)
        nearest, upcoming = -1, self.upcoming
        for boundary, at in upcoming.items():
            if at < offset and at != NOWHERE:  # looked for once, until it has been passed
                upcoming[boundary] = at = self.data.find(b"\n--" + boundary, offset)
            if nearest < 0 or 0 <= at < nearest:
                nearest = at
        return nearest

    def _open_part(self, offset: int, default: str) -> int:
        """Open the part at `offset`, and messages that begin inside it; returns where its body begins."""
        data = self.data
        while True:
            fields = _FIELDS.match(data, offset)
            end = fields.end() if fields else offset
            next_octets = data[end : end + 2]
            if next_octets == b"--":
                end = self._fields_end(end)
                next_octets = data[end : end + 2]
            behind = end + (2 if next_octets == b"\r\n" else next_octets[:1] == b"\n")
            part = Part(data, offset, behind, default)
            if behind == end < len(data):
                part.notice("missing-empty-line", end)
            if self.open:
                part.place(self.open[-1])
            header = data[offset:end].lower()
            embeds = False
            if b"multipart/" in header or b"message/" in header or default != "text/plain":
                if boundary := self._boundary(part, header):
                    self._expect(boundary, part)
                embeds = not boundary and part.content_type in EMBEDDED and self._embeds(part)
            self.open.append(part)
            if not embeds:
                return behind
            offset, default = behind, "text/plain"

    def _fields_end(self, end: int) -> int:
        """The index behind the last field of a header that goes on with "--" at `end`."""
        data = self.data
        while data.startswith(b"--", end) and (found := _LOOKS_LIKE_DELIMITER.match(data, end)):
            line = data[end + 2 : data.find(b"\n", end, found.end()) + 1 or found.end()].rstrip(b" \t\r\n")
            if line in self.levels or (line.endswith(b"--") and line[:-2] in self.levels):
                break  # it only looks like a field
            more = _FIELDS.match(data, found.end())
            end = more.end() if more else found.end()
        return end

    def _boundary(self, part: Part, header: bytes) -> bytes:
        """The boundary that a multipart names; empty: it is none, or names none."""
        at = header.find(b"content-type:")
        usual = at == 0 or (at > 0 and header[at - 1] == 10)
        if (
            usual
            and header.find(b"content-type", at + 1) < 0
            and (found := _MULTIPART.match(header, at))
            and header.isascii()
        ):
            if found[1] == b"digest":
                part.default_inside = "message/rfc822"
            return self.data[part.offset + found.start(2) : part.offset + found.end(2)]
        if not part.content_type.startswith("multipart/"):
            return b""
        if part.content_type == "multipart/digest":
            part.default_inside = "message/rfc822"
        boundary = part.params.get("boundary", "").rstrip(" \t").encode("utf-8", "surrogatepass")
        if not boundary:
            part.notice("missing-boundary", part.offset)
        return boundary

    def _expect(self, boundary: bytes, part: Part) -> None:
        """From now on look for the boundary of this multipart, unless it is not to be taken apart."""
        depth = len(self.open)
        if boundary in self.levels:
            part.notice("boundary-in-use", part.offset)
        elif depth >= DEPTH:
            part.notice("nested-too-deep", part.offset)
        else:
            if len(boundary) > LONGEST_BOUNDARY:
                part.notice("boundary-too-long", part.offset)
            if not depth or (not self.open[-1].boundary and self.open[-1].content_type in EMBEDDED):
                part.number = "TEXT"
            part.boundary = boundary
            self.levels[boundary] = depth
            self.upcoming[boundary] = UNKNOWN

    def _embeds(self, part: Part) -> bool:
        if part.encoding not in IDENTITY:
            return False
        if len(self.open) >= DEPTH:
            part.notice("nested-too-deep", part.offset)
            return False
        return True

    def _close_parts(self, level: int, end: int) -> None:
        """Close all parts from this level on, the innermost first."""
        still_open = self.open
        while len(still_open) > level:
            part = still_open.pop()
            if part.header_end > end:
                end = part.header_end
            part.end = end
            if part.boundary:
                part.notice("missing-close-boundary", end)
                self._forget(part)

    def _forget(self, part: Part) -> None:
        """Its last boundary has come, or never will."""
        del self.levels[part.boundary], self.upcoming[part.boundary]
        part.boundary = b""
        if not part.children:
            part.notice("no-parts", part.header_end)
