"""A POP3 server: one session, octets in and octets out (RFC 1939; RFC 2449, 2595, 3206, 5034, 6856).

Read it in this order: `receive` cuts what arrives into lines, `_answer` turns a line into a
reply, and each command's handler, further down, returns its reply or raises `Refused`.  No
handler changes the state: the table in `labkit.states.pop3` says where a reply leads.

Nothing is deleted before QUIT.  A client that vanishes, sleeps too long or breaks off leaves the
maildrop as it was, without its lock.  Whatever a client sends is answered with "-ERR" at worst,
until that has been said too often.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from hmac import compare_digest

from labkit.errors import ProtocolError
from labkit.grammar import sasl
from labkit.grammar.framing import CRLF, Buffer
from labkit.grammar.pop3 import (
    COMMAND_LIMIT,
    Command,
    Reply,
    apop_digest,
    header_of,
    parse_apop,
    parse_auth,
    parse_command,
    parse_nothing,
    parse_number,
    parse_optional_number,
    parse_text,
    parse_top,
    top_of,
    write_reply,
)
from labkit.grammar.saslprep import on_file, saslprep
from labkit.net.session import Action, Close, Delay, Send, StartTLS
from labkit.servers.pop3_languages import LANGUAGES, choose, translated
from labkit.servers.pop3_policy import NEVER, REGISTRY, Policy, Refused, code_of, provides
from labkit.servers.site import Site
from labkit.states.pop3 import MACHINE, State
from labkit.store.changes import Maildrop
from labkit.store.mailbox import StoredMessage, StoreError

LEGAL = {state: frozenset(MACHINE.legal(state)) for state in State}
ONE_STATE = {
    "STLS": State.AUTHORIZATION,  # RFC 2595 8
    "IMPLEMENTATION": State.TRANSACTION,  # which program this is, is not for strangers (RFC 2449 6.9)
}
"""Where CAPA tells of them; all others are told in both states (RFC 2449 5)."""
ERROR_LIMIT = 100
"""So often "-ERR" is said on one connection; then the server hangs up."""


class Pop3Session:
    """One connection of one client (see `labkit.net.session`).

    `hidden` names capabilities, and single mechanisms ("SASL PLAIN"), that are not advertised; their
    commands are unknown then.  `login_delay` is how many seconds a user must wait between two
    logins.  `expire` is after how many days a message is deleted; 0: once it was retrieved.
    """

    idle_timeout: float | None = 600.0  # at least ten minutes (RFC 1939 3)

    def __init__(
        self,
        site: Site,
        *,
        hidden: Collection[str] = (),
        login_delay: int = 0,
        expire: int | None = NEVER,
    ) -> None:
        self.site = site
        self.state = MACHINE.start
        self._policy = Policy(frozenset(hidden), login_delay, expire)
        self._buffer = Buffer()
        self.timestamp = ""  # in the greeting, for APOP
        self._name: str | None = None  # from USER, for the PASS directly behind it
        self._exchange: sasl.Server | None = None  # while AUTH goes on
        self._maildrop: Maildrop | None = None  # ours, and locked, in the transaction state
        self._retrieved: set[int] = set()  # what goes at QUIT where nothing is kept
        self._secure = False
        self._utf8 = False  # messages may have UTF-8 in their header
        self._language: str | None = None  # of the replies, once the client has chosen one
        self._errors = 0
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
        """The greeting; a timestamp in it offers APOP (RFC 1939 4 and 7)."""
        self._secure = encrypted
        greeting = "POP3 server ready"
        if self._offers("APOP"):
            self.timestamp = self.site.timestamp()
            greeting += f" {self.timestamp}"
        yield Send(write_reply(Reply("+OK", greeting)))

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
                yield from self._say(Reply("-ERR", error.message))
                continue
            if line is None:
                return
            yield from self._say(self._answer(line))

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
        except sasl.Denied as denied:
            reply = Reply("-ERR", str(denied), "AUTH")
        except Refused as refusal:
            reply = Reply("-ERR", refusal.text, refusal.code)
        except StoreError as error:  # of a disk
            reply = Reply("-ERR", str(error), code_of(error))
        self.state = MACHINE.step(self.state, verb, reply.status) or self.state
        return reply

    def _say(self, reply: Reply) -> Iterator[Action]:
        """The reply, in one piece and the client's language; then what must follow it."""
        if reply.code == "AUTH":
            yield Delay(self.site.login_penalty)
        if reply.status == "-ERR":
            self._errors += 1
            if self._errors == ERROR_LIMIT:
                self._then = Close()
        if self._language:
            reply = replace(reply, text=translated(reply.text, self._language))
        if reply.code:
            reply = replace(reply, code=self._policy.code(reply.code))
        yield Send(write_reply(reply, utf8=self._utf8 or self._language is not None))
        if self._then is not None:
            self._buffer.clear()  # nothing may follow QUIT, nor STLS in plain text (RFC 2595 4)
            yield self._then

    def _perform(self, command: Command) -> Reply:
        verb = command.verb
        if verb != "PASS":
            self._name = None
        if verb not in REGISTRY.handlers or not self._offers(REGISTRY.capability[verb]):
            raise Refused(f"there is no command {verb} here")
        if verb not in LEGAL[self.state]:
            raise Refused(f"{verb} is no command for the {self.state.value} state")
        return REGISTRY.handlers[verb](self, command)

    # ---- What is offered -------------------------------------------------------------

    @provides("CAPA", "CAPA")
    def _capa(self, command: Command) -> Reply:
        parse_nothing(command)
        names = [name for name in REGISTRY.advertised() if self._offers(name)]
        names = [name for name in names if ONE_STATE.get(name, self.state) is self.state]
        return Reply("+OK", "Capability list follows", data=_listing(map(self._policy.line, names)))

    def _offers(self, capability: str) -> bool:
        """Whether a capability is there, here and now."""
        if capability == "STLS" and (self.site.tls is None or self._secure):
            return False
        return self._policy.offers(capability)

    @provides("LANG", "LANG")
    def _lang(self, command: Command) -> Reply:
        if not command.argument:
            self._language = self._language or next(iter(LANGUAGES))  # whose names need UTF-8
            listing = _listing(f"{tag} {name}" for tag, name in LANGUAGES.items())
            return Reply("+OK", "Language listing follows:", data=listing)
        wanted = parse_text(command, "a language")
        if (language := choose(wanted)) is None:
            raise Refused(f"invalid language {wanted}")
        self._language = language
        return Reply("+OK", f"{language} {translated('language changed', language)}")

    @provides("UTF8", "UTF8")
    def _enter_utf8(self, command: Command) -> Reply:
        parse_nothing(command)
        self._utf8 = True
        return Reply("+OK", "UTF-8 is welcome")

    @provides("STLS", "STLS")
    def _stls(self, command: Command) -> Reply:
        parse_nothing(command)
        if self._utf8:
            raise Refused("STLS comes before UTF8")  # RFC 6856 2.1
        self._then = StartTLS()
        return Reply("+OK", "Begin TLS negotiation")

    # ---- The authorization state -----------------------------------------------------

    @provides("USER", "USER")
    def _user(self, command: Command) -> Reply:
        """Always welcome: whether there is such a user is not for strangers to know."""
        self._name = saslprep(parse_text(command, "the name of a mailbox"))
        return Reply("+OK", "send PASS")

    @provides("USER", "PASS")
    def _pass(self, command: Command) -> Reply:
        name, self._name = self._name, None
        if name is None:
            raise Refused("PASS comes directly behind USER")
        password = saslprep(parse_text(command, "a password"))
        return self._open(sasl.check_password(self.site, name, password))

    @provides("APOP", "APOP")
    def _apop(self, command: Command) -> Reply:
        """The password stays at home; who listens learns nothing that opens the next session."""
        name, digest = parse_apop(command)

        def holds(password: str) -> bool:
            expected = apop_digest(self.timestamp, on_file(password))
            return compare_digest(expected.encode(), digest.encode())

        return self._open(sasl.prove(self.site, saslprep(name), holds))

    @provides("SASL", "AUTH")
    def _auth(self, command: Command) -> Reply:
        name, initial = parse_auth(command)
        if name not in self._policy.mechanisms:
            raise Refused(f"the mechanisms here are {' '.join(self._policy.mechanisms)}")
        response = None if initial is None else sasl.read_initial(initial)
        return self._step(sasl.server(name, self.site, response))

    def _respond(self, exchange: sasl.Server, line: bytes) -> Reply:
        self._exchange = None  # it goes on only if the mechanism asks for more
        return self._step(exchange, sasl.read_response(line.removesuffix(CRLF)))

    def _step(self, exchange: sasl.Server, response: bytes | None = None) -> Reply:
        answer = sasl.advance(exchange, response)
        if isinstance(answer, sasl.Challenge):
            self._exchange = exchange
            return Reply("+", sasl.write(answer.data).decode())
        return self._open(answer.name)

    def _open(self, user: str) -> Reply:
        """Take the maildrop of a user who has logged in, and its lock."""
        account = self.site.account(user)
        self._maildrop = self._policy.open(self.site, account)
        name = account.address.partition("@")[0]
        return Reply("+OK", f"{name}'s maildrop has {self._summary()}")

    # ---- The transaction state -------------------------------------------------------

    @provides("POP3", "STAT")
    def _stat(self, command: Command) -> Reply:
        parse_nothing(command)
        return Reply("+OK", f"{len(self._drop)} {self._drop.octets}")

    @provides("POP3", "LIST")
    def _list(self, command: Command) -> Reply:
        number = parse_optional_number(command)
        if number is not None:
            return Reply("+OK", f"{number} {self._readable(number).size}")
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
        number = parse_number(command)
        message = self._readable(number)
        if self._policy.expire == 0:
            self._retrieved.add(number)
        return Reply("+OK", f"{message.size} octets", data=message.data)

    @provides("TOP", "TOP")
    def _top(self, command: Command) -> Reply:
        number, lines = parse_top(command)
        return Reply("+OK", data=top_of(self._readable(number).data, lines))

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

    # ---- The end, and the maildrop ---------------------------------------------------

    @provides("POP3", "QUIT")
    def _quit(self, command: Command) -> Reply:
        """The only way into the update state; whoever says QUIT with something behind it goes too."""
        self._then = Close()
        goodbye = f"{self.site.hostname} POP3 server signing off"
        if self.state is State.AUTHORIZATION:
            return Reply("+OK", goodbye)
        for number in self._retrieved:
            self._drop.mark(number)
        try:
            self._drop.commit()
        except StoreError as error:
            raise Refused(f"some deleted messages not removed: {error}", code_of(error)) from None
        left = len(self._drop)
        return Reply("+OK", f"{goodbye} ({_messages(left) + ' left' if left else 'maildrop empty'})")

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

    def _readable(self, number: int) -> StoredMessage:
        """A message that this client can read: UTF-8 in a header is not for all (RFC 6856 2.1)."""
        message = self._message(number)
        plain = self._utf8 or message.data.isascii() or header_of(message.data).isascii()
        if not plain and self._offers("UTF8"):
            raise Refused("the message has UTF-8 in its header: say UTF8 before the login", "UTF8")
        return message

    def _summary(self) -> str:
        return f"{_messages(len(self._drop))} ({self._drop.octets} octets)"


def _listing(lines: Iterable[str]) -> bytes:
    return "\r\n".join(lines).encode()


def _messages(number: int) -> str:
    return f"{number} message" if number == 1 else f"{number} messages"
