"""A beginning for a POP3 server of one's own: it cuts lines and writes replies, you decide what is said.

A class that inherits from `PopServer` is a session (`labkit.net.session`), so
`World(pop3=MyServer)` takes it in place of labkit's.  It writes three methods, `greet`, `answer`
and `gone`.  It does not know POP3: states, commands, blocks and their dots are the learner's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeAlias

from labkit.errors import LabError, ProtocolError
from labkit.grammar.framing import CRLF, Buffer
from labkit.net.session import Action, Close, Send
from labkit.servers.site import Site
from labkit.store.accounts import Store
from labkit.views.words import short

Reply: TypeAlias = Any
"""A line without its CRLF, as str or bytes; or a list of them."""
LINE_LIMIT = 4096


class NoReply(LabError):
    """What a method returned cannot be sent; the words go on from "your server"."""


class PopServer:
    """One connection of one client.  `self.store` has the accounts and the mail of this host."""

    idle_timeout: float | None = 600.0  # at least ten minutes (RFC 1939 3)
    trouble: Exception | None = None  # what went wrong in a method of yours

    def __init__(self, site: Site) -> None:
        self.site = site
        self._buffer = Buffer()
        self._over = self._gone = False

    # ---- What you write --------------------------------------------------------------

    def greet(self) -> Reply:
        """What is said first, to a client that has just called."""
        return ...

    def answer(self, line: str) -> Reply:
        """The reply to one line of the client's, which comes without its CRLF."""
        return ...

    def gone(self) -> None:
        """The connection is over, after QUIT or without it."""

    # ---- What you may use ------------------------------------------------------------

    @property
    def store(self) -> Store:
        """`store.authenticate(name, password)` gives an account, or None."""
        return self.site.store

    def hang_up(self) -> None:
        """Close the connection once the reply has left."""
        self._over = True

    # ---- The session -----------------------------------------------------------------

    @property
    def waiting_for(self) -> str:
        return "a command"

    def attach(self, wake_soon: Callable[[], None]) -> None:
        """A POP3 server speaks only when it is spoken to."""

    def connected(self, peer: str, encrypted: bool) -> Iterator[Action]:
        yield from self._say(lambda: written(self.greet(), "greet"))

    def receive(self, data: bytes) -> Iterator[Action]:
        self._buffer.feed(data)
        while not self._over:
            try:
                line = self._buffer.line(LINE_LIMIT)
            except ProtocolError:
                yield Send(b"-ERR the line is too long" + CRLF)
                continue
            if line is None:
                return
            text = line.removesuffix(CRLF).decode("utf-8", "backslashreplace")
            yield from self._say(partial(self._answer, text))

    def wake(self) -> Iterable[Action]:
        return ()

    def encrypted(self) -> Iterable[Action]:
        return ()

    def eof(self) -> Iterable[Action]:
        return (Close(),)

    def timed_out(self) -> Iterable[Action]:
        return (Close(),)

    def lost(self) -> None:
        if not self._gone:
            self._gone = True
            self._try(self.gone)

    def _answer(self, line: str) -> bytes:
        return written(self.answer(line), "answer")

    def _say(self, make: Callable[[], bytes]) -> Iterator[Action]:
        reply = self._try(make)
        if reply is None:
            self._over = True
            reply = b"-ERR this server has stumbled" + CRLF
        yield Send(reply)
        if self._over:
            yield Close()

    def _try(self, call: Callable[[], Any]) -> Any:
        """An error in the learner's code ends the connection, not the world."""
        try:
            return call()
        except Exception as error:
            self.trouble = error
            return None


def written(reply: Reply, method: str) -> bytes:
    """A reply as it goes on the wire; raises NoReply for what is none."""
    returned = f"`{method}` returned"
    if reply is None or reply is ...:
        raise NoReply(f"has no reply: {returned} {'nothing' if reply is None else '`...`'}")
    if isinstance(reply, str | bytes):
        reply = [reply]
    if not isinstance(reply, Iterable) or isinstance(reply, dict | set):
        raise NoReply(f"has no reply that can be sent: {returned} {short(repr(reply), 40)}")
    lines = [line.encode() if isinstance(line, str) else line for line in reply]
    if not lines:
        raise NoReply(f"has no reply: {returned} an empty list")
    for line in lines:
        if not isinstance(line, bytes):
            raise NoReply(
                f"has no line that can be sent: {returned} a list with {short(repr(line), 40)} in it"
            )
        if b"\n" in line.replace(CRLF, b""):
            raise NoReply(f"has a line that ends with LF alone: {returned} a text with \\n in it")
    return CRLF.join(lines) + (b"" if len(lines) == 1 and lines[0].endswith(CRLF) else CRLF)
