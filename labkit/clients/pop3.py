"""POP3 clients as dialogues: each reads from top to bottom (RFC 1939, 2449, 2595, 5034).

See `labkit.clients.dialogue`.  The small ones (`greeting`, `login`, `list_messages`, `retrieve`)
are the parts of the large one, `retrieve_all`; each begins where the one before it ended::

    def my_client() -> Dialogue[None]:
        yield from greeting()
        yield from login("mrose", "secret")
        ...
        yield from leave()

A "-ERR" raises `Refused`, which a dialogue may catch.  Data is kept as it was before it was
dot-stuffed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from labkit.clients.dialogue import Dialogue
from labkit.errors import LabError
from labkit.grammar import pop3, sasl
from labkit.grammar.framing import CRLF, Buffer, dot_unstuff
from labkit.grammar.pop3 import Reply
from labkit.net.session import StartTLS

LINE_LIMIT = 65_536
"""Octets of the longest status line that is read: far more than servers may send (RFC 1939 3)."""
BLOCK_LIMIT = 1 << 30
"""Octets of the largest message that is read."""


# ---- Commands and replies ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """Octets to send, the name of what is awaited, and whether a "+OK" comes with a block."""

    data: bytes = field(repr=False)  # a password may be in it
    verb: str
    has_block: bool = False

    @property
    def expects(self) -> str:
        return f"the reply to {self.verb}" if self.data else self.verb

    def reader(self) -> ReplyReader:
        return ReplyReader(self.has_block)


GREETING = Command(b"", "the greeting")


def command(verb: str, *arguments: object, has_block: bool = False) -> Command:
    """`command("TOP", 1, 10, has_block=True)`."""
    argument = " ".join(str(each) for each in arguments).encode()
    return Command(pop3.write_command(pop3.Command(verb, argument)), verb, has_block)


class ReplyReader:
    """Reads a status line and, behind a "+OK" that has one, the block."""

    def __init__(self, has_block: bool) -> None:
        self.rest = b""
        self._has_block = has_block
        self._buffer = Buffer()
        self._status: Reply | None = None

    def feed(self, data: bytes) -> Reply | None:
        self._buffer.feed(data)
        if self._status is None:
            line = self._buffer.line(LINE_LIMIT)
            if line is None:
                return None
            self._status = pop3.parse_status(line)
        block = None
        if self._has_block and self._status.ok:
            block = self._buffer.block(BLOCK_LIMIT)
            if block is None:
                return None
            block = dot_unstuff(block)
        self.rest = self._buffer.octets(len(self._buffer)) or b""
        return Reply(self._status.status, self._status.text, self._status.code, block)


class Refused(LabError):
    """The server answered "-ERR"; the reply is in `reply`."""

    def __init__(self, verb: str, reply: Reply) -> None:
        code = f"[{reply.code}] " if reply.code else ""
        super().__init__(f"the server refused {verb}: {code}{reply.text}")
        self.reply = reply


def ask(asked: Command) -> Dialogue[Reply]:
    """One command that must be granted; returns the reply."""
    reply: Reply = yield asked
    return _granted(asked, reply)


def _granted(asked: Command, reply: Reply) -> Reply:
    if reply.status == "-ERR":
        raise Refused(asked.verb, reply)
    return reply


# ---- The parts of a session ----------------------------------------------------------


def greeting() -> Dialogue[Reply]:
    """What the server says first (RFC 1939 4)."""
    return (yield from ask(GREETING))


def login(user: str, password: str) -> Dialogue[Reply]:
    """USER and PASS: the password crosses the wire as it is (RFC 1939 7)."""
    yield from ask(command("USER", user))
    return (yield from ask(command("PASS", password)))


def authenticate(mechanism: str, user: str, password: str) -> Dialogue[Reply]:
    """AUTH; the initial response waits until the server asks, as old servers want it (RFC 5034 4).

    Raises LabError for a mechanism that labkit does not know.
    """
    responses = sasl.client(mechanism, user, password)
    response = next(responses)
    reply = yield from ask(command("AUTH", mechanism))
    while reply.status == "+":
        if response is None:
            response = _answer(responses, sasl.read_challenge(reply.text.encode()))
        line = sasl.CANCEL if response is None else sasl.write(response)
        reply = yield from ask(Command(line + CRLF, "AUTH"))
        response = None
    return reply


def _answer(responses: sasl.Client, challenge: bytes) -> bytes | None:
    try:
        return responses.send(challenge)
    except StopIteration:  # the mechanism has nothing left to say
        return None


def start_tls(server_name: str) -> Dialogue[None]:
    """STLS, and everything behind it in TLS (RFC 2595 4)."""
    yield from ask(command("STLS"))
    yield StartTLS(server_name)


def capabilities() -> Dialogue[dict[str, str]]:
    """CAPA: names and their arguments; none if the server does not know the command (RFC 2449 5)."""
    try:
        reply = yield from ask(command("CAPA", has_block=True))
    except Refused:
        return {}
    split = (line.partition(" ") for line in reply.lines)
    return {name.upper(): arguments for name, _, arguments in split}


def list_messages() -> Dialogue[dict[int, int]]:
    """LIST: the size in octets of each message, by its number."""
    reply = yield from ask(command("LIST", has_block=True))
    return dict(pop3.parse_scan_listing(line) for line in reply.lines)


def unique_ids() -> Dialogue[dict[int, str]]:
    """UIDL: the lasting name of each message, by its number."""
    reply = yield from ask(command("UIDL", has_block=True))
    return dict(pop3.parse_unique_id(line) for line in reply.lines)


def retrieve(number: int) -> Dialogue[bytes]:
    """RETR: one message."""
    reply = yield from ask(command("RETR", number, has_block=True))
    return reply.data or b""


def top(number: int, lines: int) -> Dialogue[bytes]:
    """TOP: the header of one message, and the first lines of its body."""
    reply = yield from ask(command("TOP", number, lines, has_block=True))
    return reply.data or b""


def delete_messages(numbers: Iterable[int]) -> Dialogue[None]:
    """DELE: marks that take effect with `leave`, and only then."""
    for number in numbers:
        yield from ask(command("DELE", number))


def leave() -> Dialogue[Reply]:
    """QUIT: deletes what is marked."""
    return (yield from ask(command("QUIT")))


# ---- Whole sessions ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A message that was fetched; `unique_id` is None where nobody asked for it."""

    number: int
    data: bytes
    unique_id: str | None = None


def retrieve_all(
    user: str,
    password: str,
    *,
    delete: bool = False,
    uidl: bool = False,
    known: Collection[str] = (),
    mechanism: str | None = None,
    starttls: str | None = None,
    pipelined: bool = False,
) -> Dialogue[list[Retrieved]]:
    """A whole session, from the greeting to QUIT: fetch every message, or every new one.

    With `uidl` each message comes with its unique-id, and those that are `known` are left where they
    are: how a client leaves mail on the server.  `starttls` is the server's name, as its
    certificate gives it; `mechanism` logs in with AUTH instead of USER and PASS.  `pipelined`
    sends all RETRs, and then all DELEs, without waiting in between (RFC 2449 6.6).
    """
    yield from greeting()
    if starttls is not None:
        yield from start_tls(starttls)
    if mechanism is None:
        yield from login(user, password)
    else:
        yield from authenticate(mechanism, user, password)
    names: dict[int, str] = (yield from unique_ids()) if uidl or known else {}
    numbers = [number for number in (yield from list_messages()) if names.get(number) not in known]
    replies = yield from _each([command("RETR", number, has_block=True) for number in numbers], pipelined)
    if delete:
        yield from _each([command("DELE", number) for number in numbers], pipelined)
    yield from leave()
    return [
        Retrieved(number, reply.data or b"", names.get(number))
        for number, reply in zip(numbers, replies, strict=True)
    ]


def _each(commands: list[Command], pipelined: bool) -> Dialogue[list[Reply]]:
    if pipelined:
        replies = yield tuple(commands)
        return [_granted(each, reply) for each, reply in zip(commands, replies, strict=True)]
    granted = []
    for each in commands:
        granted.append((yield from ask(each)))
    return granted
