"""A one-pass reader of one whole frame, for parsers that read like the ABNF.

The framer has already cut the frame, so a Cursor never waits for more.  Every
error of every parser is raised here: `what` names the grammar element that was
expected, `offset` the byte at which it was not found, `rule` the section that asks
for it.  Nothing is skipped silently; being lenient is the parser's own decision.
"""

from __future__ import annotations

import re
from typing import NoReturn

from labkit.errors import ProtocolError


class Cursor:
    """`data` and how much of it has been read; `rule` may change as the parser goes on."""

    __slots__ = ("data", "offset", "rule")

    def __init__(self, data: bytes, rule: str, offset: int = 0) -> None:
        self.data = data
        self.rule = rule
        self.offset = offset

    def at_end(self) -> bool:
        """True if all octets have been read."""
        return self.offset >= len(self.data)

    def peek(self, size: int = 1) -> bytes:
        """The next octets, fewer at the end, without reading them."""
        return self.data[self.offset : self.offset + size]

    def skip(self, literal: bytes, *, ignore_case: bool = False) -> bool:
        """Read `literal` if it comes next; says whether it did."""
        if not self.data.startswith(literal, self.offset) and not (
            ignore_case and self.peek(len(literal)).upper() == literal.upper()
        ):
            return False
        self.offset += len(literal)
        return True

    def expect(self, literal: bytes, what: str = "", *, ignore_case: bool = False) -> None:
        """Read `literal`, which must come next."""
        if not self.skip(literal, ignore_case=ignore_case):
            self.fail(f"expected {what or repr(literal)[1:]}")

    def maybe(self, pattern: re.Pattern[bytes]) -> bytes | None:
        """Read what `pattern` matches here; None, and nothing read, if it does not match."""
        found = pattern.match(self.data, self.offset)
        if found is None:
            return None
        self.offset = found.end()
        return found.group()

    def take(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        """Read what `pattern` matches here; it must match."""
        found = self.maybe(pattern)
        if found is None:
            self.fail(f"expected {what}")
        return found

    def octets(self, size: int, what: str) -> bytes:
        """Read exactly `size` octets, such as a literal's."""
        if self.offset + size > len(self.data):
            self.fail(f"expected {size} octets of {what}, found {len(self.data) - self.offset}")
        self.offset += size
        return self.data[self.offset - size : self.offset]

    def rest(self) -> bytes:
        """Read all that is left, which may be nothing."""
        first, self.offset = self.offset, len(self.data)
        return self.data[first:]

    def end(self, what: str = "the end") -> None:
        """Nothing may be left."""
        if not self.at_end():
            self.fail(f"expected {what}")

    def fail(self, message: str, offset: int | None = None) -> NoReturn:
        """Raise the ProtocolError that says `message`, at `offset` or else here."""
        raise ProtocolError(message, self.data, self.offset if offset is None else offset, self.rule)
