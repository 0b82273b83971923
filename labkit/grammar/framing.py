"""Cuts a stream into frames: lines, dot-stuffed blocks, counted octets.

RFC 5321 2.3.8 and 4.5.2, RFC 1939 3, RFC 3501 4.3, RFC 7888.  A line ends with CRLF
and with nothing else: taking a bare LF for a line's end is how messages are smuggled.
The finders work on any octets and keep nothing; `Buffer` is what a session reads
from, in linear time and with no more memory than its caller's limit (plus what was
fed at once).  What a frame means is none of this module's business.
"""

from __future__ import annotations

import re

from labkit.errors import ProtocolError

CRLF = b"\r\n"
DOT = b".\r\n"
_BLOCK_END = CRLF + DOT
# literal = "{" number ["+"] "}" CRLF ; literal8 = "~" literal
_LITERAL = re.compile(rb"\{([0-9]{1,19})(\+?)\}(?:\r\n)?\Z")
_LONGEST_LITERAL = len(b"{0123456789012345678+}\r\n")


def line_end(data: bytes | bytearray, start: int, searched: int = 0) -> int:
    """Index just behind the CRLF of the line that begins at `start`, or -1.

    Who calls again with more octets passes how many an earlier call saw in `searched`.
    """
    found = data.find(CRLF, max(start, searched - 1))
    return -1 if found < 0 else found + len(CRLF)


def block_end(data: bytes | bytearray, start: int, searched: int = 0) -> int:
    """Index just behind the final ".CRLF" of the dot-stuffed block that begins at `start`, or -1.

    A block may be empty: then it is ".CRLF" alone.  `searched` is as in `line_end`.
    """
    if data.startswith(DOT, start):
        return start + len(DOT)
    found = data.find(_BLOCK_END, max(start, searched - len(_BLOCK_END) + 1))
    return -1 if found < 0 else found + len(_BLOCK_END)


def literal_size(line: bytes) -> tuple[int, bool] | None:
    """The literal that a line announces, as (octets, synchronising), or None.

    The line may still have its CRLF.  A size of more than 63 bits is no literal.
    """
    found = _LITERAL.search(line, max(0, len(line) - _LONGEST_LITERAL))
    return (int(found[1]), not found[2]) if found else None


def dot_stuff(data: bytes) -> bytes:
    """`data` as a block: a dot doubled where it begins a line, ".CRLF" at the end.

    A last line without CRLF gets one (RFC 5321 4.1.1.4).
    """
    block = data.replace(b"\r\n.", b"\r\n..")
    if block.startswith(b"."):
        block = b"." + block
    return end_block(block)


def end_block(block: bytes) -> bytes:
    """With ".CRLF" behind it, and a CRLF before that where the last line has none."""
    return block + (DOT if not block or block.endswith(CRLF) else _BLOCK_END)


def dot_unstuff(data: bytes, start: int = 0, end: int | None = None) -> bytes:
    """The data of the block `data[start:end]`; one cut off before its final ".CRLF" gives what it has."""
    end = len(data) if end is None else end
    if data.endswith(_BLOCK_END, start, end) or data[start:end] == DOT:
        end -= len(DOT)
    return data[start:end].removeprefix(b".").replace(b"\r\n.", CRLF)


class Buffer:
    """Octets that have arrived and were not yet read as frames.

    A frame over its limit raises ProtocolError once; what still comes of it is dropped
    as it comes, and the next call reads the frame behind it.
    """

    def __init__(self) -> None:
        self._data = bytearray()
        self._ending = CRLF  # what `_searched` speaks of
        self._searched = 0  # no `_ending` begins before this index
        self._dropping: bytes | None = None  # drop up to and with this ending
        self._discard = 0  # octets still to be dropped by number

    def __len__(self) -> int:
        return len(self._data)

    def feed(self, data: bytes) -> None:
        """Octets have arrived."""
        if self._discard:
            dropped = min(self._discard, len(data))
            self._discard -= dropped
            data = data[dropped:]
        self._data += data

    def clear(self) -> None:
        """Forget everything, as at the start of TLS (RFC 3207 4.2)."""
        self._take(len(self._data))
        self._dropping, self._discard = None, 0

    def line(self, limit: int) -> bytes | None:
        """The next line with its CRLF, of at most `limit` octets with it; None: not all here yet."""
        return self._frame(CRLF, limit, "line")

    def block(self, limit: int) -> bytes | None:
        """The next block, still dot-stuffed, with its final ".CRLF"; None: not all here yet."""
        if self._dropped() and self._data.startswith(DOT):
            return self._take(len(DOT))
        return self._frame(_BLOCK_END, limit, "block of data")

    def octets(self, size: int) -> bytes | None:
        """The next `size` octets; None: not all here yet."""
        if not self._dropped() or len(self._data) < size:
            return None
        return self._take(size)

    def discard(self, size: int) -> None:
        """Drop the next `size` octets, those that have not arrived yet too: a literal that was refused."""
        here = min(size, len(self._data))
        self._take(here)
        self._discard = size - here

    def _frame(self, ending: bytes, limit: int, what: str) -> bytes | None:
        if not self._data or not self._dropped():
            return None
        end = self._find(ending)
        if 0 <= end <= limit:
            return self._take(end)
        if end < 0 and len(self._data) <= limit:
            return None
        shown = bytes(self._data[: limit + 1])
        self._dropping = ending
        self._dropped()
        raise ProtocolError(f"a {what} of more than {limit} octets", shown, limit)

    def _find(self, ending: bytes) -> int:
        """Index just behind the first `ending`, or -1; never looks at an octet twice in vain."""
        if ending != self._ending:
            self._ending, self._searched = ending, 0
        found = self._data.find(ending, self._searched)
        if found >= 0:
            return found + len(ending)
        self._searched = max(0, len(self._data) - len(ending) + 1)
        return -1

    def _take(self, size: int) -> bytes:
        taken = bytes(self._data[:size])
        del self._data[:size]
        self._searched = 0
        return taken

    def _dropped(self) -> bool:
        """Drop what is here of an over-long frame; True once nothing of it is left to come."""
        if self._dropping:
            end = self._find(self._dropping)
            self._take(end if end >= 0 else self._searched)
            if end < 0:
                return False
            self._dropping = None
        return not self._discard
