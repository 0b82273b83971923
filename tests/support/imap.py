"""An IMAP client that only writes and listens, straight on a session, and a host to talk to."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from labkit.net.session import Action, Close, Send, StartTLS
from labkit.servers.imap import ImapSession
from labkit.servers.site import Site
from labkit.store.accounts import Account, Store

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def make_site(tls: Callable[[], ssl.SSLContext] | None = None) -> Site:
    """A host with the user fred@example.org and his password; each look at its clock takes a second."""
    seconds = count()
    store = Store(now=lambda: NOON + timedelta(seconds=next(seconds)))
    store.add_user("fred@example.org", "fast car")
    numbers = count()
    return Site("imap.example.org", store, store.now, lambda n: f"{next(numbers):0{n}}", tls)


def account(site: Site) -> Account:
    fred = site.store.account("fred@example.org")
    assert fred is not None
    return fred


class Talk:
    """`talk("a1 NOOP")` sends a line and returns what is said then, as text without its last CRLF."""

    def __init__(self, site: Site, *, encrypted: bool = False, **options: Any) -> None:
        self.session = ImapSession(site, **options)
        self.actions: list[Action] = []
        self.woken = 0
        self.session.attach(self._note)
        self.greeting = self.take(self.session.connected("192.0.2.1", encrypted))

    def _note(self) -> None:
        self.woken += 1

    def take(self, actions: Iterable[Action]) -> str:
        """Carry the actions out, as far as words go."""
        self.actions = list(actions)
        assert Close() not in self.actions[:-1]
        said = b"".join(action.data for action in self.actions if isinstance(action, Send))
        return said.decode("utf-8", "backslashreplace").removesuffix("\r\n")

    def send(self, data: bytes) -> str:
        return self.take(self.session.receive(data))

    def __call__(self, line: str) -> str:
        return self.send(line.encode() + b"\r\n")

    def lines(self, line: str) -> list[str]:
        return self(line).split("\r\n")

    def hear(self) -> str:
        """What the session says when it is woken."""
        return self.take(self.session.wake())

    @property
    def closed(self) -> bool:
        return Close() in self.actions

    @property
    def begins_tls(self) -> bool:
        return StartTLS() in self.actions

    def login(self) -> Talk:
        assert self('l LOGIN fred "fast car"') == "l OK LOGIN completed"
        return self

    def select(self, mailbox: str = "INBOX", verb: str = "SELECT") -> Talk:
        self.login()
        assert " OK [READ-" in self(f"s {verb} {mailbox}")
        return self
