"""A POP3 server: one session, octets in and octets out (RFC 1939; RFC 2449, 2595, 3206, 5034).

Read it in this order: `receive` cuts what arrives into lines, `_answer` turns a line into a
reply, and each command's handler, further down, returns its reply or raises `Refused`.  No
handler changes the state: the table in `labkit.states.pop3` says where a reply leads.

Nothing is deleted before QUIT.  A client that vanishes, sleeps too long or breaks off leaves the
maildrop as it was, without its lock.  Whatever a client sends is answered with "-ERR" at worst.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

from labkit.errors import ProtocolError
from labkit.grammar import sasl
from labkit.grammar.framing import CRLF, Buffer
from labkit.grammar.pop3 import (
    COMMAND_LIMIT,
    Command,
    Reply,
    parse_auth,
    parse_command,
    parse_nothing,
    parse_number,
    parse_optional_number,
    parse_text,
    parse_top,
    write_reply,
)
from labkit.net.session import Action, Close, Send, StartTLS
from labkit.servers.registry import Registry
from labkit.servers.site import Site
from labkit.states.pop3 import MACHINE, State
from labkit.store.changes import Maildrop
from labkit.store.mailbox import StoredMessage, StoreError

Handler: TypeAlias = Callable[["Pop3Session", Command], Reply]
REGISTRY: Registry[Handler] = Registry("pop3")
provides = REGISTRY.provides


class Refused(Exception):
    """The command is answered with "-ERR", this text, and a code for programs (RFC 2449 8)."""

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Pop3Session:
    """One connection of one client (see `labkit.net.session`).

    `hidden` names capabilities that are not advertised; their commands are unknown then.
    """

    idle_timeout: float | None = 600.0  # at least ten minutes (RFC 1939 3)

    def __init__(self, site: Site, *, hidden: Collection[str] = ()) -> None:
        self.site = site
        self.state = MACHINE.start
        self._hidden = frozenset(hidden)
        self._buffer = Buffer()
        self._name: str | None = None  # from USER, for the PASS directly behind it
        self._exchange: sasl.ServerExchange | None = None  # while AUTH goes on
        self._maildrop: Maildrop | None = None  # ours, and locked, in the transaction state
        self._secure = False
        self._then: Action | None = None  # Close or StartTLS, behind which no command is read

    # ---- The connection --------------------------------------------------------------

    @property
    def waiting_for(self) -> str:
        """What must come next, in words."""
        if self._exchange:
            return "the next response of AUTH"
        return f"a command in the {self.state.value} state"

    def attach(self, wake_soon: Callable[[], None]) -> None:
        """A POP3 server speaks only when it is spoken to."""

    def connected(self, peer: str, encrypted: bool) -> Iterator[Action]:
        """The greeting (RFC 1939 4)."""
        self._secure = encrypted
        yield Send(write_reply(Reply("+OK", "POP3 server ready")))

    @provides("PIPELINING")
    def receive(self, data: bytes) -> Iterator[Action]:
        """Answer every whole line, in order, each reply in one piece."""
        if self._then is None:
            self._buffer.feed(data)
        while self._then is None:
            try:
                line = self._buffer.line(sasl.LINE_LIMIT if self._exchange else COMMAND_LIMIT)
            except ProtocolError as error:
                self._exchange = self._name = None
                yield Send(write_reply(Reply("-ERR", error.message)))
                continue
            if line is None:
                return
            yield Send(write_reply(self._answer(line)))
            if self._then is not None:
                self._buffer.clear()  # nothing may follow QUIT, nor STLS in plain text (RFC 2595 4)
                yield self._then

    def encrypted(self) -> Iterator[Action]:
        """TLS has begun; a name given before it is gone, as with any command behind USER."""
        self._secure, self._then = True, None
        return iter(())

    def wake(self) -> Iterator[Action]:
        return iter(())

    def eof(self) -> Iterator[Action]:
        self.lost()
        yield Close()

    def timed_out(self) -> Iterator[Action]:
        """The autologout: no word, and nothing deleted (RFC 1939 3)."""
        self.lost()
        yield Close()

    def lost(self) -> None:
        """The connection is gone without a QUIT: the lock goes too, every message stays."""
        self._then = Close()
        if self._maildrop is not None:
            self._maildrop.release()

    # ---- A line and its reply --------------------------------------------------------

    def _answer(self, line: bytes) -> Reply:
        verb = "(response)"
        try:
            if self._exchange:
                reply = self._respond(self._exchange, line)
            else:
                command = parse_command(line)
                verb = command.verb
                reply = self._perform(command)
        except ProtocolError as error:
            reply = Reply("-ERR", error.message)
        except Refused as refusal:
            reply = Reply("-ERR", refusal.text, refusal.code)
        self.state = MACHINE.step(self.state, verb, reply.status) or self.state
        return reply

    def _perform(self, command: Command) -> Reply:
        verb = command.verb
        if verb != "PASS":
            self._name = None
        if verb not in REGISTRY.handlers or not self._offers(REGISTRY.capability[verb]):
            raise Refused(f"there is no command {verb} here")
        if verb not in MACHINE.legal(self.state):
            raise Refused(f"{verb} is no command for the {self.state.value} state")
        return REGISTRY.handlers[verb](self, command)

    def _offers(self, capability: str) -> bool:
        if capability == "STLS" and (self.site.tls is None or self._secure):
            return False
        return capability not in self._hidden

    # ---- The authorization state -----------------------------------------------------

    @provides("USER", "USER")
    def _user(self, command: Command) -> Reply:
        """Always welcome: whether there is such a user is not for strangers to know."""
        self._name = parse_text(command, "the name of a mailbox")
        return Reply("+OK", "send PASS")

    @provides("USER", "PASS")
    def _pass(self, command: Command) -> Reply:
        name, self._name = self._name, None
        if name is None:
            raise Refused("PASS comes directly behind USER")
        return self._login(name, parse_text(command, "a password"))

    @provides("SASL", "AUTH")
    def _auth(self, command: Command) -> Reply:
        name, initial = parse_auth(command)
        if name not in sasl.MECHANISMS:
            raise Refused(f"the mechanisms here are {' '.join(sasl.MECHANISMS)}")
        response = None if initial is None else sasl.read_initial(initial)
        return self._step(sasl.MECHANISMS[name](), response)

    def _respond(self, exchange: sasl.ServerExchange, line: bytes) -> Reply:
        self._exchange = None  # it goes on only if the mechanism asks for more
        return self._step(exchange, sasl.read_response(line.removesuffix(CRLF)))

    def _step(self, exchange: sasl.ServerExchange, response: bytes | None) -> Reply:
        answer = exchange.step(response)
        if isinstance(answer, sasl.Challenge):
            self._exchange = exchange
            return Reply("+", sasl.write(answer.data).decode())
        if answer.acting_as is not None:
            raise Refused(f"{answer.user} may not act for others", "AUTH")
        return self._login(answer.user, answer.password)

    @provides("RESP-CODES")
    @provides("AUTH-RESP-CODE")
    def _login(self, user: str, password: str) -> Reply:
        """Take the maildrop and its lock; the reply is the same for a wrong name and a wrong password."""
        account = self.site.store.authenticate(user, password)
        if account is None:
            raise Refused("wrong name or password", "AUTH")
        try:
            self._maildrop = Maildrop(account)
        except StoreError:
            raise Refused("maildrop already locked", "IN-USE") from None
        name = account.address.partition("@")[0]
        return Reply("+OK", f"{name}'s maildrop has {self._summary()}")

    @provides("STLS", "STLS")
    def _stls(self, command: Command) -> Reply:
        parse_nothing(command)
        self._then = StartTLS()
        return Reply("+OK", "Begin TLS negotiation")

    # ---- The transaction state -------------------------------------------------------

    @provides("POP3", "STAT")
    def _stat(self, command: Command) -> Reply:
        parse_nothing(command)
        return Reply("+OK", f"{len(self._drop)} {self._drop.octets}")

    @provides("POP3", "LIST")
    def _list(self, command: Command) -> Reply:
        number = parse_optional_number(command)
        if number is not None:
            return Reply("+OK", f"{number} {self._message(number).size}")
        return Reply(
            "+OK", self._summary(), data=_listing(f"{number} {each.size}" for number, each in self._drop)
        )

    @provides("UIDL", "UIDL")
    def _uidl(self, command: Command) -> Reply:
        number, unique_id = parse_optional_number(command), self._drop.unique_id
        if number is not None:
            return Reply("+OK", f"{number} {unique_id(self._message(number))}")
        return Reply("+OK", data=_listing(f"{number} {unique_id(each)}" for number, each in self._drop))

    @provides("POP3", "RETR")
    def _retr(self, command: Command) -> Reply:
        message = self._message(parse_number(command))
        return Reply("+OK", f"{message.size} octets", data=message.data)

    @provides("TOP", "TOP")
    def _top(self, command: Command) -> Reply:
        number, lines = parse_top(command)
        return Reply("+OK", data=top(self._message(number).data, lines))

    @provides("POP3", "DELE")
    def _dele(self, command: Command) -> Reply:
        number = parse_number(command)
        self._message(number)
        self._drop.mark(number)
        return Reply("+OK", f"message {number} deleted")

    @provides("POP3", "RSET")
    def _rset(self, command: Command) -> Reply:
        parse_nothing(command)
        self._drop.reset()
        return Reply("+OK", f"maildrop has {self._summary()}")

    @provides("POP3", "NOOP")
    def _noop(self, command: Command) -> Reply:
        parse_nothing(command)
        return Reply("+OK")

    # ---- Both ------------------------------------------------------------------------

    @provides("CAPA", "CAPA")
    def _capa(self, command: Command) -> Reply:
        parse_nothing(command)
        names = [name for name in REGISTRY.advertised() if self._offers(name)]
        lines = ["SASL " + " ".join(sasl.MECHANISMS) if name == "SASL" else name for name in names]
        return Reply("+OK", "Capability list follows", data=_listing(lines))

    @provides("POP3", "QUIT")
    def _quit(self, command: Command) -> Reply:
        """The only way into the update state; whoever says QUIT with something behind it goes too."""
        self._then = Close()
        goodbye = f"{self.site.hostname} POP3 server signing off"
        if self.state is State.AUTHORIZATION:
            return Reply("+OK", goodbye)
        try:
            self._drop.commit()
        except StoreError as error:
            raise Refused(f"some deleted messages not removed: {error}", "SYS/TEMP") from None
        left = len(self._drop)
        return Reply("+OK", f"{goodbye} ({_messages(left) + ' left' if left else 'maildrop empty'})")

    # ---- The maildrop ----------------------------------------------------------------

    @property
    def _drop(self) -> Maildrop:
        assert self._maildrop is not None, "the table lets no such command come before a login"
        return self._maildrop

    def _message(self, number: int) -> StoredMessage:
        message = self._drop.message(number)
        if message is not None:
            return message
        if self._drop.is_marked(number):
            raise Refused(f"message {number} already deleted")
        raise Refused(f"no such message, only {_messages(len(self._drop))} in maildrop")

    def _summary(self) -> str:
        return f"{_messages(len(self._drop))} ({self._drop.octets} octets)"


def top(message: bytes, lines: int) -> bytes:
    """The header, the empty line behind it, and so many lines of the body (RFC 1939 7)."""
    end = (CRLF + message).find(CRLF + CRLF)  # where the empty line begins
    if end < 0:
        return message
    for _ in range(1 + lines):
        found = message.find(CRLF, end)
        if found < 0:
            return message
        end = found + len(CRLF)
    return message[:end]


def _listing(lines: Collection[str] | Iterator[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()


def _messages(number: int) -> str:
    return f"{number} message" if number == 1 else f"{number} messages"
