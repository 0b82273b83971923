"""A client as a generator: it yields a command and receives the reply.

So a client reads from top to bottom, and runs unchanged against a list of replies in
a test (`play`), the simulated network or a real server.  A tuple of commands is sent at once
(pipelined, RFC 2920) and answered by the tuple of their replies.  Each protocol has a
`GREETING`, a command without octets, which waits for what the server says first.  A
`StartTLS` takes the connection into TLS and is answered with None.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from labkit.errors import LabError
from labkit.net.session import Action, Close, Send, StartTLS

T = TypeVar("T")


class Reader(Protocol):
    """Reads one reply from the octets of a stream, whatever their chunks.

    `feed` returns the reply once it is whole, else None; what lies behind it is then in
    `rest`.  It raises ProtocolError for octets that are no reply.

    A reader that has to do something before the reply can come also has `actions`, which is asked after
    every `feed` that returned None: a synchronising literal is sent once the server has said "+".
    """

    rest: bytes

    def feed(self, data: bytes) -> Any | None: ...


class Command(Protocol):
    """A command as it is sent, and how its reply is read.

    A command with synchronising literals has `data` up to the first of them and is
    continued by its own reader; see `clients/imap.py`.
    """

    @property
    def data(self) -> bytes: ...
    @property
    def expects(self) -> str: ...  # in words, for Stalled: "the reply to RCPT"
    def reader(self) -> Reader: ...


Dialogue = Generator[Any, Any, T]
"""Yields Command | tuple[Command, ...] | StartTLS, receives Reply | tuple[Reply, ...] | None."""


Token = Callable[[int], str]
"""Gives so many characters that nobody can foresee; a world's come from its seed."""


def fresh(length: int) -> str:
    """A token of the operating system's randomness."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


class Disconnected(LabError):
    """The server closed the connection, or it was lost, before the dialogue was through."""


class DialogueSession(Generic[T]):
    """A dialogue as a sans-IO session (see `labkit.net.session`).

    Once `done` is true the outcome is in `result` or, an exception, in `failure`; `on_done`
    is called at that moment.  The connection is then closed.
    """

    def __init__(
        self,
        dialogue: Dialogue[T],
        on_done: Callable[[], None] = lambda: None,
        *,
        idle_timeout: float | None = None,
    ) -> None:
        self.idle_timeout = idle_timeout
        self.done = False
        self.result: T | None = None
        self.failure: BaseException | None = None
        self._dialogue = dialogue
        self._on_done = on_done
        self._pending: list[Command] = []
        self._replies: list[Any] = []
        self._many = False
        self._reader: Reader | None = None
        self._rest = b""

    @property
    def waiting_for(self) -> str:
        return self._pending[0].expects if self._pending else "nothing"

    def attach(self, wake_soon: Callable[[], None]) -> None:
        """A dialogue never wakes by itself."""

    def connected(self, peer: str, encrypted: bool) -> Iterable[Action]:
        return self._go_on(None)

    def encrypted(self) -> Iterable[Action]:
        return self._go_on(None)

    def receive(self, data: bytes) -> Iterator[Action]:
        self._rest += data
        while self._pending and self._rest:
            if self._reader is None:
                self._reader = self._pending[0].reader()
            chunk, self._rest = self._rest, b""
            try:
                reply = self._reader.feed(chunk)
            except LabError as error:
                yield from self._fail(error)
                return
            if reply is None:
                yield from getattr(self._reader, "actions", tuple)()
                return
            self._rest, self._reader = self._reader.rest, None
            self._pending.pop(0)
            self._replies.append(reply)
            if not self._pending:
                yield from self._go_on(tuple(self._replies) if self._many else self._replies[0])

    def wake(self) -> Iterable[Action]:
        return ()

    def eof(self) -> Iterable[Action]:
        return self._disconnected("the server closed the connection")

    def timed_out(self) -> Iterable[Action]:
        return self._disconnected(f"no octet came in {self.idle_timeout:g} seconds")

    def lost(self) -> None:
        for _ in self._disconnected("the connection was lost"):
            pass

    def _go_on(self, answer: Any) -> Iterator[Action]:
        """Hand the answer to the dialogue, and do what it asks next."""
        yield from self._advance(lambda: self._dialogue.send(answer))

    def _advance(self, resume: Callable[[], Any]) -> Iterator[Action]:
        try:
            asked = resume()
            while asked == ():  # nothing sent, nothing to wait for
                asked = self._dialogue.send(())
        except StopIteration as stop:
            yield from self._finish(stop.value, None)
            return
        except Exception as error:
            yield from self._finish(None, error)
            return
        if isinstance(asked, StartTLS):
            self._rest = b""
            yield asked
            return
        self._many = isinstance(asked, tuple)
        self._pending = list(asked) if self._many else [asked]
        self._replies = []
        if data := b"".join(command.data for command in self._pending):
            yield Send(data)

    def _fail(self, error: LabError) -> Iterator[Action]:
        """Tell the dialogue, which may say a last word: QUIT after a reply that makes no sense."""
        if not self.done:
            self._reader = None
            yield from self._advance(lambda: self._dialogue.throw(error))

    def _disconnected(self, how: str) -> Iterator[Action]:
        """Nothing can be sent any more: the dialogue may only return or raise."""
        if self.done:
            return
        gone = Disconnected(f"{how}; the client was waiting for {self.waiting_for}")
        try:
            self._dialogue.throw(gone)
        except StopIteration as stop:
            yield from self._finish(stop.value, None)
        except Exception as error:
            yield from self._finish(None, error)
        else:
            self._dialogue.close()
            yield from self._finish(None, gone)

    def _finish(self, result: T | None, failure: BaseException | None) -> Iterator[Action]:
        self.done, self.result, self.failure = True, result, failure
        self._pending = []
        self._on_done()
        yield Close()


def play(dialogue: Dialogue[T], replies: Iterable[Any]) -> tuple[list[Any], T]:
    """Run a dialogue against a list of replies, without any connection.

    Returns what it asked, in order, and its result.  A tuple of commands takes as many
    replies as it has commands; `StartTLS` takes none.
    """
    waiting = iter(replies)
    asked: list[Any] = []
    answer: Any = None
    while True:
        try:
            command = dialogue.send(answer)
        except StopIteration as stop:
            return asked, stop.value
        asked.append(command)
        if isinstance(command, StartTLS):
            answer = None
        elif isinstance(command, tuple):
            answer = tuple(next(waiting) for _ in command)
        else:
            answer = next(waiting)
