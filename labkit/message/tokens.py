"""What all structured fields share: folding and comments (RFC 5322 2.2.3, 3.2.2)."""

from __future__ import annotations

import re

from labkit.errors import LabError

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_COMMENT_PART = re.compile(rb"\\.|[()]", re.DOTALL)
_QUOTED_OR_PAREN = re.compile(rb'"(?:[^"\\]|\\.)*+"|\\.|\(', re.DOTALL)


def unfold(value: bytes) -> bytes:
    """A field's value on one line, without white space around it (RFC 5322 2.2.3)."""
    if b"\n" in value:
        if value.count(b"\n") == value.count(b"\r\n ") + value.count(b"\r\n\t"):  # as it should be
            value = value.replace(b"\r\n", b"")
        else:
            value = _FOLD.sub(b"", value)
    return value.strip(b" \t\r\n")


def comment_end(data: bytes, offset: int) -> int:
    """Index behind the comment that begins at `offset`, with those inside it; -1 if it has no end."""
    depth = 0
    for found in _COMMENT_PART.finditer(data, offset):
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if not depth:
            return found.end()
    return -1


def without_comments(value: bytes) -> bytes:
    """The value with a space of the same length for each comment, so that offsets stay."""
    if b"(" not in value:
        return value
    pieces, behind, offset = [], 0, 0
    while found := _QUOTED_OR_PAREN.search(value, offset):
        offset = found.end()
        if found[0] == b"(":
            offset = comment_end(value, found.start())
            if offset < 0:
                break
            pieces += [value[behind : found.start()], b" " * (offset - found.start())]
            behind = offset
    return b"".join([*pieces, value[behind:]])


def refuse_line_ends(name: str, value: str) -> None:
    """Raises LabError for a value that would become two lines."""
    if "\r" in value or "\n" in value:
        raise LabError(f"the value of {name} must not hold a line's end: {value!r}")
