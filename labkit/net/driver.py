"""Runs a sans-IO session over a transport: the only place that turns actions into octets, TLS and timers.

Actions are carried out in order.  What cannot go on (the writer is to pause, TLS is being agreed on, a
delay runs) waits, and with it whatever arrives meanwhile: the session is not called
before all it asked for has been done.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from labkit.errors import LabError
from labkit.net.clock import watchdog
from labkit.net.network import Host, MakeContext, Network
from labkit.net.session import Action, Close, Delay, Send, Session, StartTLS
from labkit.net.tap import Side
from labkit.net.wire import start_tls


class SessionProtocol(asyncio.Protocol):
    """One session on one connection.

    `tls` makes the context for `StartTLS`: a server's own, or what a client trusts.
    """

    def __init__(self, session: Session, tls: MakeContext | None = None, side: Side = "server") -> None:
        self.session = session
        self.failure: BaseException | None = None  # why TLS could not be agreed on
        self._tls = tls
        self._side = side
        self._transport: asyncio.Transport | None = None
        self._todo: deque[Iterator[Action]] = deque()
        self._held: deque[bytes] = deque()  # what the session cannot be fed yet
        self._reading = True  # whether the sender may go on
        self._eof = False
        self._pumping = False
        self._paused = False
        self._in_handshake = False
        self._delay: asyncio.TimerHandle | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._wake: asyncio.Handle | None = None
        self._last_heard = 0.0

    @property
    def waiting_for(self) -> str:
        return "the TLS handshake" if self._in_handshake else self.session.waiting_for

    # asyncio.Protocol

    def connection_made(self, transport: Any) -> None:
        again = self._transport is not None
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._heard()
        if again:
            self._in_handshake = False
            self._do(self.session.encrypted())
            return
        self.session.attach(self._wake_soon)
        peer = str(transport.get_extra_info("peername")[0])
        self._do(self.session.connected(peer, transport.get_extra_info("ssl_object") is not None))

    def data_received(self, data: bytes) -> None:
        self._heard()
        self._held.append(data)
        self._pump()

    def eof_received(self) -> bool:
        self._eof = True
        self._pump()
        # In clear, what the session still has to say may leave; TLS ends both ways at once.
        transport = self._transport
        return transport is not None and transport.get_extra_info("ssl_object") is None

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._pump()

    def connection_lost(self, exc: BaseException | None) -> None:
        for timer in (self._delay, self._idle, self._wake):
            if timer is not None:
                timer.cancel()
        if self._transport is not None:
            self._transport = None
            self._todo.clear()
            self.session.lost()

    # Actions

    def _do(self, actions: Iterable[Action]) -> None:
        self._todo.append(iter(actions))
        self._pump()

    def _pump(self) -> None:
        """Go on as far as possible; the session is fed when it has no more to do."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._transport is not None and not (self._paused or self._in_handshake or self._delay):
                if self._todo:
                    action = next(self._todo[0], None)
                    if action is None:
                        self._todo.popleft()
                    else:
                        self._perform(action, self._transport)
                elif not (self._held or self._eof) or self._transport.is_closing():
                    break
                elif self._held:
                    self._todo.append(iter(self.session.receive(self._held.popleft())))
                else:
                    self._eof = False
                    self._todo += [iter(self.session.eof()), iter([Close()])]
        except Exception:
            self._abandon()
            raise
        finally:
            self._pumping = False
        self._control_reading()

    def _perform(self, action: Action, transport: asyncio.Transport) -> None:
        match action:
            case Send(data):
                transport.write(data)
            case StartTLS(server_name):
                self._start_tls(transport, server_name)
            case Delay(seconds):
                self._delay = self._loop.call_later(seconds, self._delay_over)
            case Close():
                self._todo.clear()
                transport.close()

    def _start_tls(self, transport: asyncio.Transport, server_name: str | None) -> None:
        if self._tls is None:
            raise LabError("the session asks for TLS, but nobody said with which certificates")
        self._in_handshake = True
        self._held.clear()
        self._reading = True
        transport.resume_reading()
        done = start_tls(
            self._loop,
            transport,
            self,
            self._tls(),
            server_side=self._side == "server",
            server_name=server_name,
        )
        done.add_done_callback(self._handshake_over)

    def _handshake_over(self, done: asyncio.Future[None]) -> None:
        # If it failed, asyncio's TLS layer does not tell the protocol that the connection is lost.
        if not done.cancelled() and (error := done.exception()) is not None:
            self._in_handshake = False
            self.failure = error
            self.connection_lost(error)

    def _delay_over(self) -> None:
        self._delay = None
        # What the session says on waking comes before the rest of what it had begun to do.
        self._todo.appendleft(iter(self.session.wake()))
        self._pump()

    def _abandon(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _control_reading(self) -> None:
        """While the session cannot be fed, let the sender feel it."""
        transport, wanted = self._transport, not self._held
        if self._reading is wanted or transport is None or self._in_handshake or transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            transport.resume_reading()
        else:
            transport.pause_reading()

    # Wakes and watchdogs

    def _wake_soon(self) -> None:
        if self._wake is None and self._transport is not None:
            self._wake = self._loop.call_soon_threadsafe(self._wake_up)

    def _wake_up(self) -> None:
        self._wake = None
        if self._transport is not None and not self._transport.is_closing():
            self._do(self.session.wake())

    def _heard(self) -> None:
        self._last_heard = self._loop.time()
        if self._idle is None and self.session.idle_timeout is not None:
            self._idle = watchdog(self._loop, self.session.idle_timeout, self._silence)

    def _silence(self) -> None:
        # One timer serves all: it looks when something was last heard, and waits for the rest.
        self._idle = None
        transport, limit = self._transport, self.session.idle_timeout
        if transport is None or limit is None:
            return
        rest = self._last_heard + limit - self._loop.time()
        if rest > 1e-6:
            self._idle = watchdog(self._loop, rest, self._silence)
            return
        wire = transport.get_extra_info("wire")
        if wire is not None:
            wire.connection.ended = "timeout"
        if self._paused:  # the other end reads nothing: no parting word would ever leave
            self._abandon()
            return
        self._do(self.session.timed_out())
        if wire is not None and not transport.is_closing():
            wire.connection.ended = None


class _Conversation(SessionProtocol):
    """A client's session whose end somebody awaits."""

    def __init__(self, session: Session, trust: MakeContext | None, over: asyncio.Future[None]) -> None:
        super().__init__(session, trust, "client")
        self._over = over

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if not self._over.done():
            self._over.set_result(None)


async def converse(
    network: Network,
    client: Host,
    address: str,
    port: int,
    session: Any,
    *,
    tls: tuple[ssl.SSLContext, str] | None = None,
    trust: MakeContext | None = None,
) -> Any:
    """Connect, run a client's session to its end, and return its `result` or raise its `failure`.

    `tls` is (context, server's name) for implicit TLS; `trust` makes the context for `StartTLS`.
    """
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    transport, protocol = await network.connect(
        client, address, port, lambda: _Conversation(session, trust, over), tls=tls
    )
    try:
        await over
    finally:
        transport.abort()
    if protocol.failure is not None:
        raise protocol.failure
    if session.failure is not None:
        raise session.failure
    return session.result
