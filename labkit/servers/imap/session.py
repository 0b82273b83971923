"""One IMAP4rev1 session, octets in and octets out (RFC 3501).

Read it in this order: `receive` cuts what arrives into commands, `_perform` finds a command's
handler, `_run` turns what the handler gives into octets, `_complete` adds the news of the
selected mailbox and the tagged response, and follows the table of states.  The handlers
are in the other modules here, one per group of commands.

What other sessions do to the selected mailbox is told at the end of a command, before its
tagged response, or at once to a client in IDLE, and never otherwise: with no command in
progress a client need not listen (RFC 3501 5.3, 7.4.1).

Whatever a client sends is answered with BAD at worst.  What is too big is refused from its
announced size; a client that vanishes leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from labkit.errors import ProtocolError
from labkit.grammar.imap import Command, find_tag, parse_arguments, parse_head
from labkit.grammar.imap_elements import SYSTEM_FLAGS, ImapCursor, write_flags
from labkit.grammar.imap_frames import CommandFrames, Frame, GoAhead
from labkit.grammar.imap_frames import Refused as TooLong
from labkit.grammar.imap_responses import Continuation, Status, write_response
from labkit.net.session import Action, Close, Delay, Send
from labkit.servers.imap.answers import REGISTRY, Answer, Ask, Done, Refused, provides
from labkit.servers.site import Site
from labkit.states.imap import MACHINE, State
from labkit.store.accounts import Account
from labkit.store.changes import Exists, Expunged, FlagsChanged, View, may_tell_expunges
from labkit.store.mailbox import StoreError

LEGAL = {state: frozenset(MACHINE.legal(state)) for state in State}
CHUNK = 64 * 1024
"""Octets that one write may have before the rest of a response goes into another."""
MESSAGE_LIMIT = 32 * 1024 * 1024
"""Octets of the largest message that APPEND takes."""
ARGUMENT_LIMIT = 64 * 1024
"""Octets that any other command may have with its literals."""


class ImapSession:
    """One connection of one client (see `labkit.net.session`).

    `hidden` names capabilities that are not advertised; their commands are unknown then.
    """

    idle_timeout: float | None = 1800.0  # at least thirty minutes (RFC 3501 5.4)

    def __init__(
        self, site: Site, *, hidden: Collection[str] = (), message_limit: int = MESSAGE_LIMIT
    ) -> None:
        self.site = site
        self.state = MACHINE.start
        self.account: Account | None = None  # whose mailboxes these are, once logged in
        self.view: View | None = None  # the selected mailbox, as this client knows it
        self.secure = False
        self._hidden = frozenset(hidden)
        self._message_limit = message_limit
        self._frames = CommandFrames(self._limit)
        self._command: Command | None = None  # that which asked for more lines
        self._answer: Answer | None = None
        self._ask: Ask | None = None
        self._keywords = 0  # how many of the mailbox's keywords the client was told of
        self._ended = False
        self._wake_soon: Callable[[], None] = lambda: None

    # The connection.

    @property
    def waiting_for(self) -> str:
        """What must come next, in words."""
        if self._ask:
            return self._ask.waiting_for
        return f"{self._frames.waiting_for} in the {self.state.value} state"

    def attach(self, wake_soon: Callable[[], None]) -> None:
        self._wake_soon = wake_soon

    def connected(self, peer: str, encrypted: bool) -> Iterator[Action]:
        """The greeting, with what the server can do (RFC 3501 7.1)."""
        self.secure = encrypted
        greeting = f"{self.site.hostname} IMAP4rev1 service ready"
        yield Send(write_response(Status(None, "OK", greeting, self.capabilities())))

    @provides("LITERAL+")
    def receive(self, data: bytes) -> Iterator[Action]:
        """Answer every whole command, in order."""
        self._frames.feed(data)
        while not self._ended:
            if self._ask:
                try:
                    line = self._frames.line()
                except ProtocolError as error:
                    yield from self._run(error)
                    continue
                if line is None:
                    return
                yield from self._run(line)
                continue
            match self._frames.next():
                case Frame(frame):
                    yield from self._perform(frame)
                case GoAhead(size):
                    yield Send(write_response(Continuation(f"ready for {size} octets")))
                case TooLong(start, literal):
                    yield Send(self._too_long(start, literal))
                case None:
                    return

    def wake(self) -> Iterator[Action]:
        """News for a client in IDLE, which hears it at once (RFC 2177)."""
        if self._ask and self._ask.listening and (news := b"".join(self._news("IDLE"))):
            yield Send(news)

    def encrypted(self) -> Iterator[Action]:
        """TLS has begun; the server waits for a command (RFC 3501 6.2.1)."""
        self.secure, self._ended = True, False
        return iter(())

    def eof(self) -> Iterator[Action]:
        self.lost()
        yield Close()

    def timed_out(self) -> Iterator[Action]:
        """The autologout (RFC 3501 5.4)."""
        self.lost()
        yield Send(write_response(Status(None, "BYE", "autologout: nothing was heard for too long")))
        yield Close()

    def lost(self) -> None:
        """The connection is gone; no message is deleted, and no half of one is kept."""
        self._ended = True
        self.deselect()

    # For the handlers.

    def capabilities(self) -> str:
        """What can be done now, as a response code and the CAPABILITY response have it."""
        return " ".join(["CAPABILITY", *filter(self._offers, REGISTRY.advertised())])

    def mechanisms(self) -> list[str]:
        """Those of AUTHENTICATE, as the capabilities name them."""
        offered = [name for name in REGISTRY.advertised() if name.startswith("AUTH=")]
        return [name.removeprefix("AUTH=") for name in offered if self._offers(name)]

    def select(self, name: str, *, read_only: bool) -> View:
        """Open a mailbox in place of the one that is open; if there is none of that name, none is open."""
        self.deselect()
        assert self.account is not None, "the table lets no such command come before a login"
        mailbox = self.account.mailbox(name)
        self.view = View(mailbox, read_only=read_only, wake=self._note)
        self._keywords = len(mailbox.keywords)
        return self.view

    def deselect(self) -> None:
        if self.view is not None:
            self.view.close()
            self.view = None

    def new_keywords(self) -> Iterator[bytes]:
        """FLAGS again, if messages got keywords that the client has not been told of (RFC 3501 7.2.6)."""
        if self.view is not None and len(self.view.mailbox.keywords) != self._keywords:
            self._keywords = len(self.view.mailbox.keywords)
            yield b"FLAGS " + write_flags([*SYSTEM_FLAGS, *self.view.mailbox.keywords])

    # A command and its answer.

    def _perform(self, frame: bytes) -> Iterator[Action]:
        at = ImapCursor(frame)
        try:
            tag, verb = parse_head(at)
            self._permit(verb)
            command = Command(tag, verb, parse_arguments(at, verb))
        except (ProtocolError, Refused) as error:
            yield Send(write_response(_refusal(find_tag(frame), error)))
            return
        self._command, self._answer = command, self._handle(command)
        yield from self._run(None)

    def _handle(self, command: Command) -> Answer:
        answer = REGISTRY.handlers[command.verb](self, command)
        return answer if isinstance(answer, Done) else (yield from answer)

    def _permit(self, verb: str) -> None:
        if verb not in LEGAL[self.state]:
            raise Refused(f"{verb} is no command for the {self.state.value} state", status="BAD")
        if verb not in REGISTRY.handlers or not self._offers(REGISTRY.capability[verb]):
            raise Refused(f"there is no command {verb} here", status="BAD")

    def _offers(self, capability: str) -> bool:
        if capability == "STARTTLS" and (self.site.tls is None or self.secure):
            return False
        before_login = capability in ("STARTTLS", "SASL-IR") or capability.startswith("AUTH=")
        if before_login and self.state is not State.NOT_AUTHENTICATED:
            return False
        return capability not in self._hidden

    def _limit(self, line: bytes) -> int:
        """How many octets a command may have that begins with this line."""
        try:
            _, verb = parse_head(ImapCursor(line))
            self._permit(verb)
        except (ProtocolError, Refused):
            return 0  # no literal is worth reading for it
        return len(line) + self._message_limit if verb == "APPEND" else ARGUMENT_LIMIT

    def _too_long(self, start: bytes, literal: int | None) -> bytes:
        try:
            tag, verb = parse_head(ImapCursor(start))
            self._permit(verb)
        except (ProtocolError, Refused) as error:
            return write_response(_refusal(find_tag(start), error))
        if verb == "APPEND" and literal is not None:
            text = f"a message may have {self._message_limit} octets"
            return write_response(Status(tag, "NO", text, "TOOBIG"))
        return write_response(Status(tag, "BAD", "the command is too long", "TOOBIG"))

    def _run(self, said: bytes | ProtocolError | None) -> Iterator[Action]:
        """Let the handler go on with what the client said, up to its next question or its end."""
        answer, command = self._answer, self._command
        assert answer is not None
        assert command is not None
        self._ask = None
        out = bytearray()
        try:
            while True:
                given = answer.throw(said) if isinstance(said, ProtocolError) else answer.send(said)
                said = None
                if isinstance(given, Ask):
                    self._ask = given
                    news = b"".join(self._news(command.verb)) if given.listening else b""
                    yield Send(bytes(out) + b"+ " + given.prompt + b"\r\n" + news)
                    return
                out += b"* " + given + b"\r\n"
                if len(out) >= CHUNK:
                    yield Send(bytes(out))
                    out.clear()
        except StopIteration as stop:
            done: Done = stop.value
            status, then = Status(command.tag, "OK", done.text, done.code), done.then
        except (ProtocolError, Refused, StoreError) as error:
            status, then = _refusal(command.tag, error), None
            if status.code == "AUTHENTICATIONFAILED":
                yield Delay(self.site.login_penalty)
        yield from self._complete(out, status, then)

    def _complete(self, out: bytearray, status: Status, then: Action | None) -> Iterator[Action]:
        """The last octets of an answer: the news of the mailbox, then the tagged response."""
        assert self._command is not None
        verb = self._command.verb
        self.state = MACHINE.step(self.state, verb, status.status) or self.state
        if self.state is not State.SELECTED:
            self.deselect()
        self._command = self._answer = None
        yield Send(bytes(out) + b"".join(self._news(verb)) + write_response(status))
        if then is not None:
            # nothing may follow LOGOUT, and nothing in plain text STARTTLS (RFC 3501 6.2.1)
            self._frames.clear()
            self._ended = True
            yield then

    def _news(self, verb: str) -> Iterator[bytes]:
        """What has happened to the selected mailbox, as far as it may be told during this command."""
        view = self.view
        if view is None:
            return
        for line in self.new_keywords():
            yield b"* " + line + b"\r\n"
        for update in view.updates(expunges=may_tell_expunges(verb)):
            match update:
                case Expunged(number):
                    yield b"* %d EXPUNGE\r\n" % number
                case Exists(messages, recent):
                    yield b"* %d EXISTS\r\n* %d RECENT\r\n" % (messages, recent)
                case FlagsChanged(number, message):
                    uid = b"UID %d " % message.uid if verb.startswith("UID ") else b""
                    flags = write_flags(sorted(view.flags(message)))
                    yield b"* %d FETCH (%bFLAGS %b)\r\n" % (number, uid, flags)

    def _note(self) -> None:
        """Called in the midst of another session's work: only take note."""
        if self._ask and self._ask.listening:
            self._wake_soon()


def _refusal(tag: str | None, error: ProtocolError | Refused | StoreError) -> Status:
    match error:
        case Refused():
            status, text, code = error.status, error.text, error.code
        case StoreError():
            status, text, code = "NO", str(error), error.code
        case _:
            status, text, code = "BAD", error.message, None
    # a text is US-ASCII (RFC 3501 9, resp-text), and a mailbox's name may be in it
    return Status(tag, status, text.encode("ascii", "backslashreplace").decode(), code)
