"""Authentication exchanges: PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login-00).

SMTP (RFC 4954), POP3 (RFC 5034) and IMAP (RFC 3501 6.2.2, RFC 4959) carry the same
exchange, in base64 lines behind "334 " or "+ "; so there is one of each mechanism, used by
all servers and all clients, with no I/O.  Base64 is read strictly (RFC 4648 3).  Passwords are
compared by the store, not here.

An error of this module never holds the octets that were sent: they are secrets.

A server::

    exchange = MECHANISMS[name.upper()]()
    answer = exchange.step(read_initial(argument) if argument else None)
    while isinstance(answer, Challenge):
        answer = exchange.step(read_response((yield b"+ " + write(answer.data))))
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from labkit.errors import LabError, ProtocolError

LINE_LIMIT = 12_288
"""Octets of the longest line of an exchange, with CRLF (RFC 4954 4)."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the server asks next, before base64."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who the client says it is; `acting_as` if it wants to be somebody else (RFC 4616 2)."""

    user: str
    password: str = field(repr=False)
    acting_as: str | None = None


class Cancelled(ProtocolError):
    """The client sent "*": it wants the exchange to end (RFC 4954 4)."""


class ServerExchange(Protocol):
    """One attempt of one client."""

    def step(self, response: bytes | None) -> Challenge | Credentials:
        """Take the next response; None at the start, if there was no initial response.

        Raises ProtocolError if the response breaks the mechanism's grammar.
        """
        ...


class Plain:
    """One response with everything in it."""

    def step(self, response: bytes | None) -> Challenge | Credentials:
        if response is None:
            return Challenge(b"")
        # message = [authzid] NUL authcid NUL passwd
        parts = response.split(b"\0")
        if len(parts) != 3 or not parts[1] or not parts[2]:
            raise ProtocolError(
                "expected an identity to act as (or nothing), NUL, the user's name, NUL, the password",
                rule="RFC 4616 2",
            )
        acting_as, user, password = (_text(part) for part in parts)
        return Credentials(user, password, acting_as if acting_as not in ("", user) else None)


class Login:
    """Name and password asked for one by one; older than SASL and never standardised."""

    def __init__(self) -> None:
        self._user: str | None = None

    def step(self, response: bytes | None) -> Challenge | Credentials:
        if response is None:
            return Challenge(b"Username:")
        if self._user is None:
            self._user = _text(response)
            return Challenge(b"Password:")
        return Credentials(self._user, _text(response))


MECHANISMS: dict[str, type[ServerExchange]] = {"PLAIN": Plain, "LOGIN": Login}
"""What a server can offer, by the name it advertises."""


Client = Generator[bytes | None, bytes, None]
"""Yields responses, receives challenges.  The first response is the initial one, which a
client may also keep until the first, empty challenge; None: the server speaks first.
A client that has nothing left to say cancels."""


def _plain(user: str, password: str) -> Client:
    yield f"\0{user}\0{password}".encode()


def _login(user: str, password: str) -> Client:
    yield None
    yield user.encode()
    yield password.encode()


_CLIENTS: dict[str, Callable[[str, str], Client]] = {"PLAIN": _plain, "LOGIN": _login}


def choose(offered: Iterable[str]) -> str | None:
    """The best of the offered mechanisms that a client knows, or None."""
    names = {name.upper() for name in offered}
    return next((name for name in _CLIENTS if name in names), None)


def client(mechanism: str, user: str, password: str) -> Client:
    """The client's side of `mechanism`; raises LabError if there is none."""
    if mechanism.upper() not in _CLIENTS:
        raise LabError(f"no client for the mechanism {mechanism!r}; known are {', '.join(_CLIENTS)}")
    if "\0" in user + password or not user or not password:
        raise LabError("a user's name and password must not be empty or hold a NUL (RFC 4616 2)")
    return _CLIENTS[mechanism.upper()](user, password)


CANCEL = b"*"
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def read_response(line: bytes) -> bytes:
    """A response line, without CRLF, out of its base64; raises ProtocolError, or Cancelled for "*"."""
    if line == CANCEL:
        raise Cancelled("the client cancelled the exchange", rule="RFC 4954 4")
    return _decode(line)


def read_initial(argument: bytes) -> bytes:
    """An initial response out of its base64, where "=" stands for an empty one (RFC 4954 4)."""
    return b"" if argument == b"=" else _decode(argument)


def read_challenge(text: bytes) -> bytes:
    """What stands behind "334 " or "+ ", out of its base64."""
    return _decode(text)


def write(octets: bytes) -> bytes:
    """A challenge or response as it stands on its line."""
    return base64.b64encode(octets)


def write_initial(response: bytes) -> bytes:
    """An initial response as it stands behind the mechanism's name."""
    return write(response) or b"="


def _decode(line: bytes) -> bytes:
    found = _BASE64.match(line)
    size = found.end() if found else 0
    if size != len(line):
        raise ProtocolError(f"expected base64 at octet {size} of the response", rule="RFC 4648 4")
    return base64.b64decode(line)


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise ProtocolError("expected UTF-8", rule="RFC 4616 2") from None
