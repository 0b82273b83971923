"""What a command's handler gives back, and where the handlers are found.

A handler returns how the tagged response reads, or raises `Refused`.  One that has more to
say is a generator: it yields untagged responses, without their "* " and CRLF, or an `Ask`
to hear one more line of the client::

    @provides("IMAP4rev1", "CAPABILITY")
    def capability(session, command):
        yield session.capabilities().encode()
        return Done("CAPABILITY completed")

No handler changes the session's state: the table in `labkit.states.imap` says where
an answer leads.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from labkit.grammar.imap import Command
from labkit.net.session import Action
from labkit.servers.registry import Registry

if TYPE_CHECKING:
    from labkit.servers.imap.session import ImapSession


@dataclass(frozen=True, slots=True)
class Ask:
    """The server says "+" and this, and hears one line; `listening` for news of the mailbox meanwhile."""

    prompt: bytes
    waiting_for: str
    listening: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The command is answered with OK, this text, and a code for programs; then comes what must."""

    text: str
    code: str | None = None
    then: Action | None = None


class Refused(Exception):
    """The command is answered with NO, or BAD, this text, and a code for programs (RFC 5530)."""

    def __init__(self, text: str, code: str | None = None, status: Literal["NO", "BAD"] = "NO") -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.status = status


Answer: TypeAlias = Generator[bytes | Ask, Any, Done]
"""What is sent in behind an `Ask` is the line, without CRLF."""

Handler: TypeAlias = Callable[["ImapSession", Command], Answer | Done]

REGISTRY: Registry[Handler] = Registry("imap")
provides = REGISTRY.provides
