"""The contract between a sans-IO session and whatever moves its bytes.

A session (the POP3 and IMAP servers, every client dialogue, a learner's own
server) never touches a transport, a clock or asyncio.  It is told what happened
and answers with actions, which `driver.py` carries out in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Send:
    """Write these octets, in one write."""

    data: bytes


@dataclass(frozen=True, slots=True)
class StartTLS:
    """Go into TLS once everything sent before has left.

    A client names the server whose certificate it expects; a server leaves it None.
    Octets that arrived behind the command that led here are dropped (RFC 3207 6).
    """

    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Delay:
    """Call `wake()` after this many seconds, and then do the rest; octets that arrive meanwhile wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection in order, after everything sent before has left."""


Action = Send | StartTLS | Delay | Close


class Session(Protocol):
    """One end of one connection, without the connection.

    `idle_timeout` is in seconds of the network's clock, None for never; when nothing
    arrived for that long, `timed_out()` is asked for the parting words.  `waiting_for` says in
    words what the session needs next, for the message of `Stalled`.
    `attach` hands over a callable that asks for a `wake()` soon, at any time, from the
    network's own thread (mail has arrived for an idling IMAP client).
    """

    idle_timeout: float | None

    @property
    def waiting_for(self) -> str: ...
    def attach(self, wake_soon: Callable[[], None]) -> None: ...
    def connected(self, peer: str, encrypted: bool) -> Iterable[Action]: ...
    def receive(self, data: bytes) -> Iterable[Action]: ...
    def wake(self) -> Iterable[Action]: ...
    def encrypted(self) -> Iterable[Action]: ...
    def eof(self) -> Iterable[Action]: ...
    def timed_out(self) -> Iterable[Action]: ...
    def lost(self) -> None: ...
