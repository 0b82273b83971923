"""Follows a conversation on its way: which octets are a command, data or a reply, and what they answer.

Octets come as they were written, in pieces or several commands at once; what goes out are whole
lines, and data as it comes.  It is lenient, as both ends may be anybody's: what it cannot tell
it takes for a line.  Who begins to listen in the middle of a conversation may be wrong about the
command that is under way, not about those that follow.  SMTP: RFC 5321 2.4, 4.1.1.4, RFC 3030; POP3:
RFC 1939 3, RFC 5034; IMAP: RFC 9051 2.2, 4.3, RFC 7888.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from labkit import standards
from labkit.grammar.framing import CRLF, block_end, line_end, literal_size
from labkit.grammar.imap_frames import response_ends_in_text
from labkit.net.faults import PASS, Cut, End, Event, Rewrite, Rule, Verdict
from labkit.net.tap import Side

PROTOCOLS = {port.service: port.protocol for port in standards.PORTS}

Kind = Literal["command", "more", "data", "reply"]
"""A command's first line; what else belongs to it (a response to AUTH, the rest behind a
literal); a message's octets, either way; a line of a reply."""


@dataclass(eq=False, slots=True)
class Asked:
    """A command, for as long as its reply is awaited.

    Two have no verb of their own: the greeting, which nobody asks for (""), and the end of a
    message's data in SMTP (".").  A fault may leave a note for the reply.
    """

    verb: str
    tag: bytes = b""
    has_block: bool = False  # POP3: a block comes behind its "+OK"
    note: Any = None


class Piece(NamedTuple):
    """Octets of one kind; `last` if the command, or the reply to it, is whole with them."""

    kind: Kind
    data: bytes
    asked: Asked
    last: bool


class Talk:
    """One connection; each protocol says how to cut a piece off what has come of either side."""

    protocol: str

    def __init__(self, greeted: bool) -> None:
        self.waiting: deque[Asked] = deque([] if greeted else [Asked("")])
        self._kept: dict[Side, bytes] = {"client": b"", "server": b""}

    def kept(self, sender: Side) -> int:
        """Octets of a line that is not whole yet."""
        return len(self._kept[sender])

    def pieces(self, sender: Side, data: bytes) -> list[Piece]:
        """What the octets come to, behind those kept before."""
        data = self._kept[sender] + data
        cut = self.client_piece if sender == "client" else self.server_piece
        found = []
        while data and (piece := cut(data)) is not None:
            found.append(piece)
            data = data[len(piece.data) :]
        self._kept[sender] = data
        return found

    def client_piece(self, data: bytes) -> Piece | None:
        raise NotImplementedError

    def server_piece(self, data: bytes) -> Piece | None:
        raise NotImplementedError

    def _answered(self, last: bool) -> Asked:
        """What a reply answers: the commands in their order."""
        if not self.waiting:
            return Asked("")
        return self.waiting.popleft() if last else self.waiting[0]


def _line(data: bytes) -> bytes | None:
    end = line_end(data, 0)
    return None if end < 0 else data[:end]


def _block(data: bytes) -> tuple[bytes, bool] | None:
    """Whole lines of a dot-stuffed block, and whether its end is among them."""
    end = block_end(data, 0)
    if end > 0:
        return data[:end], True
    end = data.rfind(CRLF) + len(CRLF)
    return (data[:end], False) if end >= len(CRLF) else None


def _verb(line: bytes) -> str:
    return line.split()[0].decode("ascii", "replace").upper() if line.split() else ""


class SmtpTalk(Talk):
    protocol = "smtp"

    def __init__(self, greeted: bool) -> None:
        super().__init__(greeted)
        self.block: Asked | None = None  # the message whose data comes
        self._chunk: tuple[Asked, int] | None = None  # octets still to come behind BDAT
        self._login = False

    def begin_data(self) -> Asked:
        """DATA was granted: what comes is the message."""
        self.block = Asked(".")
        self.waiting.append(self.block)
        return self.block

    def client_piece(self, data: bytes) -> Piece | None:
        if self.block is not None:
            found = _block(data)
            if found is None:
                return None
            piece = Piece("data", found[0], self.block, found[1])
            self.block = None if piece.last else self.block
            return piece
        if self._chunk is not None:
            asked, size = self._chunk
            taken = data[:size]
            self._chunk = (asked, size - len(taken)) if size > len(taken) else None
            return Piece("data", taken, asked, self._chunk is None)
        line = _line(data)
        if line is None:
            return None
        if self._login:
            self._login = False
            asked = Asked("(response)")
            self.waiting.append(asked)
            return Piece("more", line, asked, True)
        asked = Asked(_verb(line))
        self.waiting.append(asked)
        words = line.split()
        if asked.verb == "BDAT" and len(words) > 1 and words[1].isdigit() and int(words[1]):
            self._chunk = asked, int(words[1])
        return Piece("command", line, asked, self._chunk is None)

    def server_piece(self, data: bytes) -> Piece | None:
        line = _line(data)
        if line is None:
            return None
        last = line[3:4] != b"-"
        asked = self._answered(last)
        if last and asked.verb == "DATA" and line.startswith(b"3"):
            self.begin_data()
        if last and asked.verb in ("AUTH", "(response)"):
            self._login = line.startswith(b"334")
        return Piece("reply", line, asked, last)


class Pop3Talk(Talk):
    protocol = "pop3"

    BLOCKS = re.compile(rb"(?:RETR|TOP|CAPA)\b|(?:LIST|UIDL|AUTH|LANG)\s*\r\n", re.IGNORECASE)

    def __init__(self, greeted: bool) -> None:
        super().__init__(greeted)
        self._block: Asked | None = None
        self._login = False

    def client_piece(self, data: bytes) -> Piece | None:
        line = _line(data)
        if line is None:
            return None
        if self._login:
            kind: Kind = "more"
            asked = Asked("(response)")
        else:
            kind = "command"
            asked = Asked(_verb(line), has_block=self.BLOCKS.match(line) is not None)
        self._login = False
        self.waiting.append(asked)
        return Piece(kind, line, asked, True)

    def server_piece(self, data: bytes) -> Piece | None:
        if self._block is not None:
            found = _block(data)
            if found is None:
                return None
            asked = self._answered(found[1])
            self._block = None if found[1] else self._block
            return Piece("data", found[0], asked, found[1])
        line = _line(data)
        if line is None:
            return None
        first = self.waiting[0] if self.waiting else Asked("")
        has_block = first.has_block and line[:3].upper() == b"+OK"
        asked = self._answered(not has_block)
        self._block = asked if has_block else None
        self._login = asked.verb in ("AUTH", "(response)") and line.startswith(b"+ ")
        return Piece("reply", line, asked, not has_block)


class ImapTalk(Talk):
    protocol = "imap"

    def __init__(self, greeted: bool) -> None:
        super().__init__(greeted)
        self._command: Asked | None = None  # whose rest is still to come
        self._literals: dict[Side, int] = {"client": 0, "server": 0}  # octets still to come
        self._announced = 0  # a literal that waits for the server's "+"
        self._continued: Asked | None = None  # AUTHENTICATE or IDLE, whose lines have no tag

    def client_piece(self, data: bytes) -> Piece | None:
        if self._literals["client"]:
            assert self._command is not None
            return self._octets("client", data, self._command)
        line = _line(data)
        if line is None:
            return None
        if self._continued is not None:
            asked, self._continued = self._continued, None
            return Piece("more", line, asked, True)
        kind: Kind = "command" if self._command is None else "more"
        if self._command is None:
            tag, _, rest = line.partition(b" ")
            verb = _verb(rest)
            self._command = Asked(f"UID {_verb(rest[4:])}" if verb == "UID" else verb, tag)
            self.waiting.append(self._command)
        asked = self._command
        literal = literal_size(line)
        if literal is None:
            self._command = None
        elif literal[1]:
            self._announced = literal[0]
        else:
            self._literals["client"] = literal[0]
        return Piece(kind, line, asked, literal is None)

    def server_piece(self, data: bytes) -> Piece | None:
        oldest = self.waiting[0] if self.waiting else Asked("")
        if self._literals["server"]:
            return self._octets("server", data, oldest)
        line = _line(data)
        if line is None:
            return None
        if line.startswith(b"+"):
            self._literals["client"], self._announced = self._announced, 0
            if self._command is None:
                self._continued = next(
                    (each for each in self.waiting if each.verb in ("AUTHENTICATE", "IDLE")), None
                )
            return Piece("reply", line, oldest, False)
        literal = None if response_ends_in_text(line) else literal_size(line)
        if literal is not None:
            self._literals["server"] = literal[0]
        tag = line.split(b" ")[0]
        asked = next((each for each in self.waiting if each.tag == tag), None)
        if asked is None and oldest.verb == "" and self.waiting:  # the greeting
            asked = oldest
        if asked is None:
            return Piece("reply", line, oldest, False)
        self.waiting.remove(asked)
        if asked is self._command:  # refused before it was whole
            self._command, self._announced = None, 0
        if asked is self._continued:
            self._continued = None
        return Piece("reply", line, asked, True)

    def _octets(self, sender: Side, data: bytes, asked: Asked) -> Piece:
        taken = data[: self._literals[sender]]
        self._literals[sender] -= len(taken)
        return Piece("data", taken, asked, False)


TALKS: dict[str, type[Talk]] = {"smtp": SmtpTalk, "pop3": Pop3Talk, "imap": ImapTalk}
GREETINGS: dict[bytes, Any] = {
    **dict.fromkeys((b"2", b"4", b"5"), "smtp"),
    **dict.fromkeys((b"+", b"-"), "pop3"),
    b"*": "imap",
}
"""How a server's first words begin, where nobody said what it speaks."""


class Talks:
    """The conversations of a network, each followed from when a rule first sees it."""

    def __init__(self) -> None:
        self._talks: dict[int, Talk] = {}

    def of(self, event: Event) -> Talk | None:
        """The conversation in which these octets are; None if they are not mail's."""
        service, number = event.connection.service, event.connection.number
        if number not in self._talks and event.sender is not None:
            protocol: Any = PROTOCOLS.get(service or "")
            if service is None and event.sender == "server":
                protocol = GREETINGS.get(event.data[:1])
            if protocol is not None:
                self._talks[number] = TALKS[protocol](greeted=event.sender == "client")
        return self._talks.get(number)


def watching(look: Callable[[Talk, Side, Piece], Verdict]) -> Rule:
    """A rule that changes no octet, but may hold them back or end them.

    In the verdicts Cut and End, `first` is what may still pass of the piece.
    """
    talks = Talks()

    def rule(event: Event) -> Verdict:
        talk = talks.of(event)
        if talk is None or event.sender is None:
            return PASS
        at = -talk.kept(event.sender)
        for piece in talk.pieces(event.sender, event.data):
            verdict = look(talk, event.sender, piece)
            if isinstance(verdict, Cut | End):
                return type(verdict)(event.data[: max(0, at + len(verdict.first))])
            if verdict is not PASS:
                return verdict
            at += len(piece.data)
        return PASS

    return rule


def changing(change: Callable[[Talk, Side, Piece], bytes | End]) -> Rule:
    """A rule that is shown whole lines, and says what goes on in the place of each."""
    talks = Talks()

    def rule(event: Event) -> Verdict:
        talk = talks.of(event)
        if talk is None or event.sender is None:
            return PASS
        data = b""
        for piece in talk.pieces(event.sender, event.data):
            changed = change(talk, event.sender, piece)
            if isinstance(changed, End):
                return End(data + changed.first)
            data += changed
        return PASS if data == event.data else Rewrite(data)

    return rule
