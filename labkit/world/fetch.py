"""Fetch new mail from any POP3 server into files, and lose nothing (`labkit fetch`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.clients.dialogue import DialogueSession
from labkit.clients.pop3 import Refused, Remaining, Retrieved, fetch_new
from labkit.errors import LabError, ProtocolError
from labkit.net.outside import converse_outside, trusting
from labkit.net.tap import Tap
from labkit.tables import follow
from labkit.world.devices import TLS
from labkit.world.shelf import Shelf, shelf

if TYPE_CHECKING:
    from labkit.dissect.exchange import Exchange

SILENCE = 60.0
"""Seconds for which the server may say nothing."""


@dataclass(frozen=True)
class Options:
    """From where, as whom, and where to.

    A message is deleted on the server once it is kept (`delete`), or once it was kept for `keep_days`
    days; else it is left there.  `mechanism` is one of AUTH's, or APOP; None is USER and PASS.
    """

    server: str
    port: int
    user: str
    password: str = field(repr=False)
    to: Path
    tls: TLS = "none"
    ca_file: Path | None = None
    mechanism: str | None = None
    pipelined: bool = False
    delete: bool = False
    keep_days: int | None = None

    @property
    def account(self) -> str:
        return f"{self.user} at {self.server}:{self.port}"


@dataclass(frozen=True)
class Fetched:
    """How many were fetched now, and how many the server still has; which it refused to give or to delete."""

    fetched: int
    left: int
    refused: dict[str, Refused]


def fetch(options: Options, show: Callable[[Exchange], None], now: datetime | None = None) -> Fetched:
    """One session; `show` is given each exchange as it happens.

    Raises LabError when the server cannot be reached or refuses, or a file cannot be written.  What
    had been fetched until then is kept and remembered.
    """
    with shelf(options.to, options.account) as kept:
        return _fetch(options, show, kept, now or datetime.now(UTC))


def _fetch(options: Options, show: Callable[[Exchange], None], kept: Shelf, time: datetime) -> Fetched:
    fetched = 0

    def keep(messages: list[Retrieved]) -> None:
        nonlocal fetched
        kept.add(messages, time)
        fetched += len(messages)

    def finished(unique_id: str) -> bool:
        if options.delete:
            return True
        since = time - kept.seen.times[unique_id]
        return options.keep_days is not None and since >= timedelta(days=options.keep_days)

    dialogue = fetch_new(
        options.user,
        options.password,
        known=kept.seen.times.keys(),
        keep=keep,
        finished=finished,
        mechanism=options.mechanism,
        starttls=options.server if options.tls == "STARTTLS" else None,
        pipelined=options.pipelined,
    )
    session: DialogueSession[Remaining] = DialogueSession(dialogue, idle_timeout=SILENCE)
    tap = Tap()
    stop = follow(tap, show)
    implicit = options.tls == "implicit"
    try:
        remaining: Remaining = asyncio.run(
            converse_outside(
                *(tap, options.server, options.port, session),
                service="pop3s" if implicit else "pop3",
                implicit_tls=implicit,
                trust=lambda: trusting(options.ca_file),
            )
        )
    except ProtocolError as error:
        if not error.data:  # of the user's own name or password, which it does not show
            raise
        raise LabError(f"{options.server} says what is no POP3: {error}") from error
    finally:
        stop()
    kept.seen.keep_only(remaining.unique_ids)
    return Fetched(fetched, len(remaining.unique_ids), remaining.refused)


def server_and_port(text: str, tls: TLS) -> tuple[str, int]:
    """HOST or HOST:PORT; without a port it is the well-known one.  Raises LabError."""
    host, colon, number = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, number = text, "995" if tls == "implicit" else "110"
    if not host or not number.isdecimal() or not 0 < int(number) < 65536:
        raise LabError(f"{text!r} is not HOST:PORT")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise LabError(f"{text!r} is not HOST:PORT; an IPv6 address stands in brackets")
    return host.strip("[]"), int(number)
