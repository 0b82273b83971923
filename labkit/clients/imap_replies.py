"""IMAP commands as a client sends them, and their replies as it reads them (RFC 3501 2.2, 4.3).

A reply is the tagged status with the untagged responses before it.  A command with literals is
cut into pieces; each piece behind the first is sent once the server has said "+".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from labkit.clients.dialogue import Dialogue
from labkit.errors import LabError
from labkit.grammar.imap_frames import ResponseFrames
from labkit.grammar.imap_responses import Continuation, Data, Status, parse_response
from labkit.net.session import Action, Send


@dataclass(frozen=True, slots=True)
class Command:
    """A command in the pieces that its literals cut it into.

    `until` says what ends the reply: the tagged status, that or a "+", or the first response whatever it is.
    """

    tag: str
    verb: str
    pieces: tuple[bytes, ...] = field(repr=False)  # a password may be in them
    until: Literal["tagged", "continued", "anything"] = "tagged"

    @property
    def data(self) -> bytes:
        return self.pieces[0]

    @property
    def expects(self) -> str:
        return f"the reply to {self.verb}" if self.data else self.verb

    def reader(self) -> ReplyReader:
        return ReplyReader(self)


GREETING = Command("*", "the greeting", (b"",), "anything")


@dataclass(frozen=True, slots=True)
class Reply:
    """The tagged status, or "+", and the untagged responses before it."""

    status: str
    text: str = ""
    code: str | None = None
    untagged: tuple[Data | Status, ...] = ()

    def data(self, name: str) -> Iterator[Data]:
        """The untagged data of that name."""
        for response in self.untagged:
            if isinstance(response, Data) and response.name == name:
                yield response

    def codes(self) -> Iterator[tuple[str, str]]:
        """(name, argument) of every response code in the reply, "UIDVALIDITY" and "3"."""
        statuses = [response.code for response in self.untagged if isinstance(response, Status)]
        for code in (*statuses, self.code):
            name, _, argument = (code or "").partition(" ")
            yield name.upper(), argument


class ReplyReader:
    """Reads responses up to the one that ends the reply; sends the next piece at each "+"."""

    def __init__(self, command: Command) -> None:
        self.rest = b""
        self._command = command
        self._frames = ResponseFrames()
        self._untagged: list[Data | Status] = []
        self._pieces = deque(command.pieces[1:])
        self._to_send = b""

    def feed(self, data: bytes) -> Reply | None:
        self._frames.feed(data)
        while frame := self._frames.next():
            reply = self._take(parse_response(frame))
            if reply is not None:
                self.rest = self._frames.rest()
                return reply
        return None

    def actions(self) -> Iterator[Action]:
        if self._to_send:
            yield Send(self._to_send)
            self._to_send = b""

    def _take(self, response: Data | Status | Continuation) -> Reply | None:
        until = self._command.until
        if isinstance(response, Continuation):
            if self._pieces:
                self._to_send += self._pieces.popleft()
                return None
            return Reply("+", response.text, None, tuple(self._untagged)) if until == "continued" else None
        if isinstance(response, Status) and until == "anything":
            return Reply(response.status, response.text, response.code, (response,))
        if isinstance(response, Status) and response.tag == self._command.tag:
            return Reply(response.status, response.text, response.code, tuple(self._untagged))
        self._untagged.append(response)
        return Reply("*", untagged=(response,)) if until == "anything" else None


class Refused(LabError):
    """The server answered NO or BAD, or greeted with BYE; the reply is in `reply`."""

    def __init__(self, verb: str, reply: Reply) -> None:
        code = f"[{reply.code}] " if reply.code else ""
        super().__init__(f"the server refused {verb}: {reply.status} {code}{reply.text}")
        self.reply = reply


def ask(asked: Command) -> Dialogue[Reply]:
    """One command that must be granted; returns the reply."""
    reply: Reply = yield asked
    if reply.status in ("NO", "BAD", "BYE"):
        raise Refused(asked.verb, reply)
    return reply
