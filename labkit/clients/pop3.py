"""POP3 clients as dialogues: each reads from top to bottom (RFC 1939, 2449, 2595, 5034, 6856).

See `labkit.clients.dialogue`.  The small ones (`greeting`, `login`, `list_messages`, `retrieve`)
are the parts of the large ones, `retrieve_all` and `fetch_new`; each begins where the one before
it ended::

    def my_client() -> Dialogue[None]:
        yield from greeting()
        yield from login("mrose", "secret")
        ...
        yield from leave()

A "-ERR" raises `Refused`, which a dialogue may catch.  Data is kept as it was before it was
dot-stuffed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from labkit.clients.dialogue import Dialogue, Token, fresh
from labkit.errors import LabError
from labkit.grammar import pop3, sasl
from labkit.grammar.framing import CRLF, Buffer, dot_unstuff
from labkit.grammar.pop3 import Reply
from labkit.grammar.saslprep import saslprep
from labkit.net.session import StartTLS

LINE_LIMIT = 65_536
"""Octets of the longest status line that is read: far more than servers may send (RFC 1939 3)."""
BLOCK_LIMIT = 1 << 30
"""Octets of the largest message that is read."""

T = TypeVar("T")


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
        said = f"[{reply.code}] {reply.text}" if reply.code else reply.text
        super().__init__(f"the server refused {verb}: {said or 'it does not say why'}")
        self.reply = reply


def ask(asked: Command) -> Dialogue[Reply]:
    """One command that must be granted; returns the reply."""
    reply: Reply = yield asked
    return _granted(asked, reply)


def _granted(asked: Command, reply: Reply) -> Reply:
    if reply.status == "-ERR":
        raise Refused(asked.verb if asked.data else "the connection", reply)
    return reply


# ---- The parts of a session ----------------------------------------------------------


def greeting() -> Dialogue[Reply]:
    """What the server says first (RFC 1939 4)."""
    return (yield from ask(GREETING))


def login(user: str, password: str) -> Dialogue[Reply]:
    """USER and PASS: the password crosses the wire as it is (RFC 1939 7)."""
    yield from ask(command("USER", user))
    return (yield from ask(command("PASS", password)))


def apop(user: str, password: str, greeting: Reply) -> Dialogue[Reply]:
    """APOP: a digest crosses the wire; LabError if the greeting offers none (RFC 1939 7).

    Both sides prepare name and password in one way (RFC 6856 2.2).
    """
    timestamp = pop3.find_timestamp(greeting.text)
    if timestamp is None:
        raise LabError(f"the server does not offer APOP: its greeting is {greeting.text!r}")
    digest = pop3.apop_digest(timestamp, saslprep(password))
    return (yield from ask(command("APOP", saslprep(user), digest)))


def authenticate(mechanism: str, user: str, password: str, *, token: Token = fresh) -> Dialogue[Reply]:
    """AUTH; the initial response waits until the server asks, as old servers want it (RFC 5034 4).

    For OAUTHBEARER and XOAUTH2 the password is the access token; a client's nonce comes from `token`.
    Raises LabError for a mechanism that labkit does not know.
    """
    responses = sasl.client(mechanism, user, password, token)
    response = next(responses)
    reply = yield from ask(command("AUTH", mechanism))
    while reply.status == "+":
        if response is None:
            response = sasl.answer(responses, sasl.read_challenge(reply.text.encode()))
        line = sasl.CANCEL if response is None else sasl.write(response)
        reply = yield from ask(Command(line + CRLF, "AUTH"))
        response = None
    sasl.granted(responses)
    return reply


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

WINDOW = 50
"""Commands that are sent before their replies are awaited, where a client pipelines."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A message that was fetched; `unique_id` is None where nobody asked for it."""

    number: int
    data: bytes
    unique_id: str | None = None


def enter(
    user: str,
    password: str,
    *,
    mechanism: str | None = None,
    starttls: str | None = None,
    utf8: bool = False,
    token: Token = fresh,
) -> Dialogue[None]:
    """From the greeting to the login.

    `mechanism` logs in with AUTH, or with "APOP", instead of USER and PASS.  `starttls` is the server's
    name, as its certificate gives it.  `utf8` asks for messages with UTF-8 in their header, if
    the server has such.
    """
    greeted = yield from greeting()
    if starttls is not None:
        yield from start_tls(starttls)
    if utf8 and "UTF8" in (yield from capabilities()):
        yield command("UTF8")  # which the server may refuse all the same (RFC 6856 2.1)
    if mechanism is None:
        yield from login(user, password)
    elif mechanism.upper() == "APOP":
        yield from apop(user, password, greeted)
    else:
        yield from authenticate(mechanism, user, password, token=token)


def retrieve_all(
    user: str,
    password: str,
    *,
    delete: bool = False,
    uidl: bool = False,
    known: Collection[str] = (),
    mechanism: str | None = None,
    starttls: str | None = None,
    utf8: bool = False,
    pipelined: bool = False,
    token: Token = fresh,
) -> Dialogue[list[Retrieved]]:
    """A whole session, from the greeting to QUIT: fetch every message, or every new one.

    With `uidl` each message comes with its unique-id, and those that are `known` are left where they
    are: how a client leaves mail on the server.  `pipelined` sends RETRs, and then DELEs, without
    waiting in between (RFC 2449 6.6).  The rest is as in `enter`.
    """
    yield from enter(user, password, mechanism=mechanism, starttls=starttls, utf8=utf8, token=token)
    names: dict[int, str] = (yield from unique_ids()) if uidl or known else {}
    numbers = [number for number in (yield from list_messages()) if names.get(number) not in known]
    replies = yield from _each((_retr(number) for number in numbers), pipelined)
    if delete:
        yield from _each((_dele(number) for number in numbers), pipelined)
    yield from leave()
    return [
        Retrieved(number, reply.data or b"", names.get(number))
        for number, reply in zip(numbers, replies, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Remaining:
    """What `fetch_new` left on the server, by unique-id, and what could not be had or deleted, and why."""

    unique_ids: list[str]
    refused: dict[str, Refused]


def fetch_new(
    user: str,
    password: str,
    *,
    known: Collection[str],
    keep: Callable[[list[Retrieved]], None],
    finished: Callable[[str], bool],
    mechanism: str | None = None,
    starttls: str | None = None,
    pipelined: bool = False,
    token: Token = fresh,
) -> Dialogue[Remaining]:
    """A whole session that loses nothing: fetch what is not `known`, delete what is `finished`.

    `keep` must have stored the messages safely when it returns, and `known` have their names: whatever
    happens to the connection then, they are not fetched again.  Only after the last of them is
    `finished` asked, with the unique-id of each message that is kept, whether to delete it.

    Without UIDL all messages are fetched, and what is in them names them.
    """
    yield from enter(user, password, mechanism=mechanism, starttls=starttls, utf8=True, token=token)
    names = yield from _names()
    refused: dict[str, Refused] = {}
    new = [number for number, name in names.items() if name not in known]
    for window in _windows(new, WINDOW if pipelined else 1):
        fetched: list[Retrieved] = []
        for number, reply in zip(window, (yield tuple(map(_retr, window))), strict=True):
            name, data = names[number], reply.data or b""
            if not reply.ok:
                names[number] = name or str(number)
                refused[names[number]] = Refused("RETR", reply)
                continue
            names[number] = name or hashlib.sha256(data).hexdigest()
            if name or names[number] not in known:
                fetched.append(Retrieved(number, data, names[number]))
        if fetched:
            keep(fetched)
    gone = [number for number, name in names.items() if name not in refused and finished(name)]
    for window in _windows(gone, WINDOW if pipelined else 1):
        for number, reply in zip(window, (yield tuple(map(_dele, window))), strict=True):
            if not reply.ok:  # as for one that IMAP has deleted meanwhile
                refused[names[number]] = Refused("DELE", reply)
    yield from leave()
    left = [name for number, name in names.items() if number not in gone or name in refused]
    return Remaining(left, refused)


def _names() -> Dialogue[dict[int, str]]:
    """The unique-ids; "" for each message of a server that has none, as UIDL is optional (RFC 1939 7)."""
    try:
        return (yield from unique_ids())
    except Refused as refused:
        if refused.reply.code:  # it has them, but not now
            raise
        return dict.fromkeys((yield from list_messages()), "")


def _retr(number: int) -> Command:
    return command("RETR", number, has_block=True)


def _dele(number: int) -> Command:
    return command("DELE", number)


def _each(commands: Iterable[Command], pipelined: bool) -> Dialogue[list[Reply]]:
    granted: list[Reply] = []
    for window in _windows(list(commands), WINDOW if pipelined else 1):
        replies: tuple[Reply, ...] = yield tuple(window)
        granted += [_granted(each, reply) for each, reply in zip(window, replies, strict=True)]
    return granted


def _windows(items: list[T], size: int) -> Iterable[list[T]]:
    return (items[at : at + size] for at in range(0, len(items), size))
