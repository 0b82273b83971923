"""What labkit raises on purpose.

Every error is one clear sentence: what is wrong, where, and by which rule.  The
command line prints `str(error)` and nothing else, so no error here may need its
traceback to be understood.
"""

from __future__ import annotations


class LabError(Exception):
    """The base of all errors that labkit raises on purpose."""


class Stalled(LabError):
    """A wait that can never end: nothing is on the way and no timer but a watchdog is left.

    The message names who waits for whom, and for what.
    """


class ProtocolError(LabError):
    """Bytes that break a rule of a protocol.

    `message` says what was expected, `data` holds the frame, `offset` is the
    byte (from 0) in `data` at which the rule was broken, `rule` the section that
    states it, such as "RFC 5321 4.1.1.2".
    """

    WIDTH = 72

    def __init__(self, message: str, data: bytes = b"", offset: int = 0, rule: str = "") -> None:
        super().__init__(message, data, offset, rule)
        self.message = message
        self.data = data
        self.offset = offset
        self.rule = rule

    def __str__(self) -> str:
        where = f" ({self.rule})" if self.rule else ""
        if not self.data:
            return f"{self.message}{where}"
        return f"{self.message} at byte {self.offset}{where}\n{self.excerpt()}"

    def excerpt(self) -> str:
        """Two lines: the bytes around the offset, and a caret under the byte itself."""
        first = max(0, self.offset - self.WIDTH // 2)
        shown = self.data[first : first + self.WIDTH]
        before = _printable(shown[: self.offset - first])
        after = _printable(shown[self.offset - first :])
        return f"  {before}{after}\n  {' ' * len(before)}^"


def _printable(data: bytes) -> str:
    text = data.decode("utf-8", "backslashreplace").replace("\r", "\\r").replace("\n", "\\n")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
