"""Cuts an IMAP stream into commands or responses, each whole with its literals (RFC 3501 4.3).

A frame is a line, and where that ends in "{n}" also n octets and the rest, which again is
a line.  A client that writes "{n}" waits for "+" before it sends the octets; with
"{n+}" it does not wait (RFC 7888).  Whether a literal is welcome is known from its size
before it is read: what is too big is refused without being kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from labkit.errors import ProtocolError
from labkit.grammar.framing import Buffer, line_end, literal_size

LINE_LIMIT = 65_536
"""Octets in one line.  RFC 2683 3.2.1.5 asks for 8000; clients that list UIDs need more."""

# Status responses and continuations end in text for people, in which "{5}" means nothing.
_TEXT = re.compile(rb"\+|[^ ]+ (?:OK|NO|BAD|BYE|PREAUTH)(?: |\r|$)", re.IGNORECASE)


def response_ends_in_text(line: bytes) -> bool:
    """True if a response that begins with `line` can have no literal: it ends in text for people."""
    return _TEXT.match(line) is not None


def frame_end(data: bytes, start: int = 0) -> int:
    """Index just behind the frame that begins at `start`, or -1 if its end has not come."""
    end = line_end(data, start)
    if end >= 0 and response_ends_in_text(data[start:end]):
        return end
    while end >= 0 and (literal := literal_size(data[max(start, end - 40) : end])):
        start = end + literal[0]
        end = line_end(data, start) if start <= len(data) else -1
    return end


def split_at_literals(frame: bytes) -> list[bytes]:
    """A command in the pieces that a client sends: after all but the last it waits for "+"."""
    pieces, start, end = [], 0, line_end(frame, 0)
    while end < len(frame) and (literal := literal_size(frame[start:end])):
        pieces.append(frame[start:end])
        start, end = end, line_end(frame, end + literal[0])
    return [*pieces, frame[start:]]


def frames_of(data: bytes, start: int = 0, end: int | None = None) -> Iterator[list[bytes]]:
    """Each command or response in `data[start:end]` as line, literal, line …

    The last may be cut off anywhere.
    """
    at, stop = start, len(data) if end is None else end
    while at < stop:
        frame: list[bytes] = []
        while True:
            behind = data.find(b"\n", at, stop) + 1 or stop
            line, at = data[at:behind], behind
            frame.append(line)
            literal = literal_size(line) if line.endswith(b"}\r\n") else None
            if literal is None or (len(frame) == 1 and response_ends_in_text(line)):
                break
            behind = min(at + literal[0], stop)
            frame.append(data[at:behind])
            at = behind
        yield frame


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole command, or response."""

    data: bytes


@dataclass(frozen=True, slots=True)
class GoAhead:
    """The client waits for "+" before it sends a literal, which is welcome."""

    size: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The command that begins with `start` is not read: a line or a literal of it is too long."""

    start: bytes
    literal: int | None  # octets announced; None: it was a line


class CommandFrames:
    """Cuts what one client sends.

    `limit(line)` says how many octets a command that begins with this line may have,
    literals and all; it is asked before a literal is read.
    """

    def __init__(self, limit: Callable[[bytes], int], line_limit: int = LINE_LIMIT) -> None:
        self._buffer = Buffer()
        self._limit = limit
        self._line_limit = line_limit
        self._pieces: list[bytes] = []  # of the command that is not all here yet
        self._size = 0  # of the pieces
        self._literal = 0  # octets still to come of a literal that is welcome
        self._dropping = False  # a command that was refused goes on

    def feed(self, data: bytes) -> None:
        self._buffer.feed(data)

    def clear(self) -> None:
        """Forget everything, as at the start of TLS."""
        self._buffer.clear()
        self._whole()
        self._literal, self._dropping = 0, False

    @property
    def waiting_for(self) -> str:
        if self._literal:
            return f"{self._literal} octets of a literal"
        return "the rest of a command" if self._pieces else "a command"

    def line(self) -> bytes | None:
        """One line that is no command, without CRLF: a response to AUTHENTICATE, or DONE.

        Raises ProtocolError if it is too long.
        """
        line = self._buffer.line(self._line_limit)
        return None if line is None else line[:-2]

    def next(self) -> Frame | GoAhead | Refused | None:
        """What comes next of the octets that were fed; None: more must come."""
        while True:
            if self._literal:
                octets = self._buffer.octets(self._literal)
                if octets is None:
                    return None
                self._keep(octets)
                self._literal = 0
            try:
                line = self._buffer.line(self._line_limit)
            except ProtocolError as error:
                start = self._pieces[0] if self._pieces else error.data
                self._whole()
                if not self._dropping:
                    return Refused(start, None)
                self._dropping = False
                continue
            if line is None:
                return None
            event = self._read(line)
            if event is not None:
                return event

    def _read(self, line: bytes) -> Frame | GoAhead | Refused | None:
        announced = literal_size(line)
        if self._dropping:
            # a client that waits for "+" has its answer already: what it sends next is a command
            self._dropping = announced is not None and not announced[1]
            if announced and self._dropping:
                self._buffer.discard(announced[0])
            return None
        self._keep(line)
        if announced is None:
            return Frame(self._whole())
        size, waits = announced
        if self._size + size > self._limit(self._pieces[0]):
            start = self._pieces[0]
            self._whole()
            if not waits:
                self._buffer.discard(size)
                self._dropping = True
            return Refused(start, size)
        self._literal = size
        return GoAhead(size) if waits else None

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)

    def _whole(self) -> bytes:
        frame = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        return frame


class ResponseFrames:
    """Cuts what a server sends; raises ProtocolError for a response of more than `limit` octets."""

    def __init__(self, limit: int = 256 * 1024 * 1024) -> None:
        self._buffer = Buffer()
        self._limit = limit
        self._frame: list[bytes] = []
        self._size = 0
        self._literal = 0

    def feed(self, data: bytes) -> None:
        self._buffer.feed(data)

    def rest(self) -> bytes:
        """Takes out what has come behind the last whole response."""
        unread = b"".join(self._frame) + (self._buffer.octets(len(self._buffer)) or b"")
        self._frame, self._size, self._literal = [], 0, 0
        return unread

    def next(self) -> bytes | None:
        """The next response; None: it is not all here yet."""
        while True:
            if self._literal:
                octets = self._buffer.octets(self._literal)
                if octets is None:
                    return None
                self._frame.append(octets)
                self._literal = 0
            line = self._buffer.line(self._limit)
            if line is None:
                return None
            self._frame.append(line)
            announced = literal_size(line)
            if announced is None or (len(self._frame) == 1 and response_ends_in_text(line)):
                frame, self._frame, self._size = b"".join(self._frame), [], 0
                return frame
            self._literal = announced[0]
            self._size += len(line) + self._literal
            if self._size > self._limit:
                raise ProtocolError(f"a response of more than {self._limit} octets", line, len(line) - 2)
