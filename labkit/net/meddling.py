"""Carries out what the rules say about one direction of one connection, on either network.

What was written and what arrives are two things as soon as a rule has changed something, and the
tap notes both: the one with no time of arrival, the other with no time at which it was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, Protocol

from labkit.net.faults import Event, Fate, Rule, judge
from labkit.net.tap import Connection, Layer, Record, Side, Tap
from labkit.net.wire import Pass


class Way(Protocol):
    """What a network does for one direction of one of its connections."""

    microseconds: Callable[[], int]

    def emit(self, data: bytes, layer: Layer, go: Pass, fate: Fate, hold: float, *, forged: bool) -> None:
        """Send these octets off, `hold` seconds late, and note them; `forged`: nobody has written them."""

    def finish(self, how: Literal["cut", "end", "reset"], after: bool) -> None:
        """End the connection or the stream; `after` what was just sent off has arrived."""


class Meddler:
    """Asks the rules about what passes one way, and sends on what they leave of it."""

    def __init__(self, way: Way, rules: list[Rule], tap: Tap, connection: Connection, sender: Side) -> None:
        self._way = way
        self._rules = rules
        self._tap = tap
        self._connection = connection
        self._sender = sender
        self._gathered = b""
        self._release: Callable[[], None] = _nothing
        self._timer: asyncio.TimerHandle | None = None

    @property
    def gathering(self) -> bool:
        """Whether octets wait here for more."""
        return self._timer is not None

    def pass_on(self, data: bytes, layer: Layer, go: Pass) -> None:
        way = self._way
        fate = judge(self._rules, Event(self._connection, self._sender, data, way.microseconds()))
        if fate.gather and fate.data:
            self.lose(data, layer)
            self._gather(fate, layer, go)
        else:
            self.flush()
            forged = fate.data != data
            if forged:
                self.lose(data, layer)
            self._emit(fate, layer, go, forged=forged)
        if fate.ending:
            self.flush()
            self._tap.broken.add(self._connection.number)
            way.finish(fate.ending, after=bool(fate.data))

    def flush(self) -> None:
        """Let go what waits for more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._release()

    def _gather(self, fate: Fate, layer: Layer, go: Pass) -> None:
        self._gathered += fate.data

        def release() -> None:
            fate.data, self._gathered = self._gathered, b""
            self._emit(fate, layer, go, forged=True)

        self._release = release
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(fate.gather, self.flush)

    def lose(self, data: bytes, layer: Layer) -> None:
        """Note octets that were written and never arrive."""
        sent = self._way.microseconds()
        record = Record(self._connection.number, sent, None, self._sender, data, layer)
        self._tap.stopped.add(self._tap.add(record))

    def _emit(self, fate: Fate, layer: Layer, go: Pass, *, forged: bool) -> None:
        for piece, hold in fate.pieces():
            self._way.emit(piece, layer, go, fate, hold, forged=forged)


def _nothing() -> None:
    pass
