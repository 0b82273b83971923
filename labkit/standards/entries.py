"""What an entry of the registry says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Protocol = Literal["smtp", "pop3", "imap"]
Step = Literal["submit", "relay", "access"]


@dataclass(frozen=True, slots=True)
class Capability:
    """Something a server can do, by the name it advertises, with the commands it brings.

    `advertised` is False for what has a name only here, such as the base of a protocol.
    `notebook` is where the course treats it.
    """

    name: str
    rfc: str
    gist: str
    notebook: str
    commands: tuple[str, ...] = ()
    advertised: bool = True


@dataclass(frozen=True, slots=True)
class Command:
    """A command: where it is defined, and the states in which it may come (none: all of them)."""

    verb: str
    rfc: str
    gist: str
    states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """A reply code, enhanced status code or response code, and what it tells the other side."""

    code: str
    meaning: str
    rfc: str


@dataclass(frozen=True, slots=True)
class Port:
    """A well-known port, and the lab's own beside it, which needs no special rights."""

    number: int
    service: str
    protocol: Protocol
    step: Step
    implicit_tls: bool

    @property
    def lab(self) -> int:
        return 2000 + self.number
