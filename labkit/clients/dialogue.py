"""A client as a generator: it yields a command and receives the reply.

So a client reads from top to bottom, and runs unchanged against a list of replies in
a test, the simulated network or a real server.  A tuple of commands is sent at once
(pipelined, RFC 2920) and answered by the tuple of their replies.  `GREETING` waits for
what the server says first; a `StartTLS` takes the connection into TLS and is answered
with None.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from labkit.errors import LabError
from labkit.net.session import Action, Close, Send, StartTLS

T = TypeVar("T")


class Reader(Protocol):
    """Reads one reply from the octets of a stream, whatever their chunks.

    `feed` returns the reply once it is whole, else None; what lies behind it is then in `rest`.
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


class Disconnected(LabError):
    """The server closed the connection, or it was lost, before the dialogue was through."""


class DialogueSession(Generic[T]):
    """A dialogue as a sans-IO session (see `labkit.net.session`).

    Once `done` is true the outcome is in `result` or, an exception, in `failure`; `on_done`
    is called at that moment.  The connection is then closed.
    """

    def __init__(self, dialogue: Dialogue[T], on_done: Callable[[], None] = lambda: None) -> None:
        self.idle_timeout: float | None = None
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
        while self._pending:
            if self._reader is None:
                self._reader = self._pending[0].reader()
            chunk, self._rest = self._rest, b""
            reply = self._reader.feed(chunk)
            if reply is None:
                yield from getattr(self._reader, "actions", tuple)()
                return
            self._rest, self._reader = self._reader.rest, None
            self._pending.pop(0)
            self._replies.append(reply)
            if not self._pending:
                answer = tuple(self._replies) if self._many else self._replies[0]
                yield from self._go_on(answer)

    def wake(self) -> Iterable[Action]:
        return ()

    def eof(self) -> Iterator[Action]:
        yield from self._throw(
            Disconnected(f"the server closed the connection; the client was waiting for {self.waiting_for}")
        )
        yield Close()

    def timed_out(self) -> Iterator[Action]:
        yield from self._throw(
            Disconnected(
                f"no octet came in {self.idle_timeout} seconds; the client was waiting for {self.waiting_for}"
            )
        )
        yield Close()

    def lost(self) -> None:
        for _ in self._throw(
            Disconnected(f"the connection was lost; the client was waiting for {self.waiting_for}")
        ):
            pass

    def _go_on(self, answer: Any) -> Iterator[Action]:
        yield from self._advance(lambda: self._dialogue.send(answer))

    def _throw(self, error: BaseException) -> Iterator[Action]:
        if not self.done:
            yield from self._advance(lambda: self._dialogue.throw(error))

    def _advance(self, resume: Callable[[], Any]) -> Iterator[Action]:
        try:
            asked = resume()
        except StopIteration as stop:
            self._finish(stop.value, None)
            yield Close()
            return
        except Exception as error:
            self._finish(None, error)
            yield Close()
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

    def _finish(self, result: T | None, failure: BaseException | None) -> None:
        self.done, self.result, self.failure = True, result, failure
        self._pending = []
        self._on_done()
