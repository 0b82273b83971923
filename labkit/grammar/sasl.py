"""Authentication exchanges, both sides of each mechanism, with no I/O.

| mechanism | what crosses the wire | defined by |
|---|---|---|
| PLAIN, LOGIN | the password | RFC 4616, draft-murchison-sasl-login-00 |
| CRAM-MD5 | a digest of a challenge and the password | RFC 2195 |
| SCRAM-SHA-1, SCRAM-SHA-256 | proofs of both sides (see `scram`) | RFC 5802, RFC 7677 |
| OAUTHBEARER, XOAUTH2 | an access token | RFC 7628, Google's XOAUTH2 |

SMTP (RFC 4954), POP3 (RFC 5034) and IMAP (RFC 3501 6.2.2, RFC 4959) carry the same exchange, in
base64 lines behind "334 " or "+ "; so there is one of each mechanism, used by all servers and
all clients.  Base64 is read strictly (RFC 4648 3).

Each side is a generator that reads from top to bottom.  An error of this module never holds
the octets that were sent: they are secrets.  A server::

    exchange = server("CRAM-MD5", keys, None)
    answer = advance(exchange)
    while isinstance(answer, Challenge):
        answer = advance(exchange, read_response((yield b"+ " + write(answer.data))))
    welcome(answer.name)                # a wrong password has raised Denied
"""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias

from labkit.errors import LabError, ProtocolError
from labkit.grammar import scram
from labkit.grammar.saslprep import on_file, saslprep

LINE_LIMIT = 12_288
"""Octets of the longest line of an exchange, with CRLF (RFC 4954 4)."""


# ---- The server's side ---------------------------------------------------------------


class Keyring(Protocol):
    """What the server's side asks of its host; `labkit.servers.site.Site` is one."""

    def password(self, user: str) -> str | None: ...  # None: there is no such user
    def salt(self, user: str) -> bytes: ...  # SCRAM's: always the same for a name, known or not
    def accepts(self, user: str, token: str) -> bool: ...  # is it a good access token of this user?
    def timestamp(self) -> str: ...  # "<...@host>", never the same twice
    def token(self, length: int, /) -> str: ...  # random characters of [0-9a-z]


class Denied(Exception):
    """The proof does not hold.  Whether there is such a user is not told, in words or in time."""

    def __init__(self, text: str = "wrong name or password") -> None:
        super().__init__(text)


class NotAllowed(Denied):
    """The user is who it says, but may not act for the other one it named (RFC 4616 2)."""


class Cancelled(ProtocolError):
    """The client sent "*": it wants the exchange to end (RFC 4954 4)."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the server asks next, before base64."""

    data: bytes


@dataclass(frozen=True, slots=True)
class User:
    """Who has proved to be who."""

    name: str


Server: TypeAlias = Generator[bytes, bytes, str]
"""Yields challenges, receives responses, returns the user's name.

Raises Denied, or ProtocolError if a response breaks the mechanism's grammar."""


def prove(keys: Keyring, user: str, holds: Callable[[str], bool]) -> str:
    """Judge a proof by the user's password; for nobody's it takes as long.  Raises Denied."""
    password = keys.password(user)
    if not holds(password or "") or password is None:
        raise Denied
    return user


def check_password(keys: Keyring, user: str, password: str) -> str:
    """The proof that is the password itself.  Raises Denied."""
    return prove(keys, user, lambda expected: same_text(expected, password))


def same_text(expected: str, given: str) -> bool:
    """Compare two passwords in time that tells nothing, once both are prepared (RFC 4013)."""
    return hmac.compare_digest(on_file(expected).encode(), on_file(given).encode())


def _plain(keys: Keyring, initial: bytes | None) -> Server:
    response = (yield b"") if initial is None else initial
    # message = [authzid] NUL authcid NUL passwd
    parts = response.split(b"\0")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise ProtocolError(
            "expected an identity to act as (or nothing), NUL, the user's name, NUL, the password",
            rule="RFC 4616 2",
        )
    acting_as, user, password = (_text(part) for part in parts)
    return _as_itself(check_password(keys, saslprep(user), password), saslprep(acting_as))


def _login(keys: Keyring, initial: bytes | None) -> Server:
    """Name and password asked for one by one; older than SASL and never standardised."""
    user = _text((yield b"Username:") if initial is None else initial)
    password = _text((yield b"Password:"))
    return check_password(keys, user, password)


def _cram_md5(keys: Keyring, initial: bytes | None) -> Server:
    if initial is not None:
        raise ProtocolError("CRAM-MD5 has no initial response: the server speaks first", rule="RFC 2195 2")
    challenge = keys.timestamp().encode()
    user, space, digest = (yield challenge).rpartition(b" ")
    if not space:
        raise ProtocolError("expected a name, a space and a digest", rule="RFC 2195 2")
    return prove(
        keys,
        _text(user),
        lambda password: hmac.compare_digest(cram_md5(password, challenge), digest.lower()),
    )


def cram_md5(password: str, challenge: bytes) -> bytes:
    """The digest of RFC 2195 2: HMAC-MD5 in hexadecimal."""
    return hmac.new(password.encode(), challenge, "md5").hexdigest().encode()


def _scram(hash_name: str, keys: Keyring, initial: bytes | None) -> Server:
    user, acting_as, proved = yield from scram.server(hash_name, keys, initial)
    if not proved:
        raise Denied
    return _as_itself(user, acting_as)


# client-resp = gs2-header kvsep *kvpair kvsep
_BEARER = re.compile(
    rb"(?:n|y|p=[^,]+),(?:a=(?P<user>[^,\x00\x01]*))?,\x01(?P<pairs>(?:[A-Za-z]+=[^\x00\x01]*\x01)*)\x01"
)
_AUTH = re.compile(rb"(?:\A|\x01)auth=Bearer +(?P<token>[A-Za-z0-9._~+/-]+=*) *\x01", re.IGNORECASE)
_XOAUTH2 = re.compile(rb"user=(?P<user>[^\x00\x01]*)\x01(?P<pairs>auth=[^\x00\x01]*\x01)\x01")


def _oauth(form: re.Pattern[bytes], rule: str, keys: Keyring, initial: bytes | None) -> Server:
    """A token that somebody else gave the user; why it is no good is told in JSON (RFC 7628 3.2.2)."""
    found = form.fullmatch((yield b"") if initial is None else initial)
    bearer = _AUTH.search(found["pairs"]) if found else None
    if found is None or bearer is None:
        raise ProtocolError("expected a user and 'auth=Bearer' with a token", rule=rule)
    user = _text(found["user"] or b"").replace("=2C", ",").replace("=3D", "=")
    if not keys.accepts(user, bearer["token"].decode()):
        yield json.dumps({"status": "invalid_token", "scope": "mail"}).encode()
        raise Denied("the token is not valid")  # whatever the client has answered
    return user


def _as_itself(user: str, acting_as: str) -> str:
    if acting_as not in ("", user):
        raise NotAllowed(f"{user} may not act for others")
    return user


_SERVERS: dict[str, Callable[[Keyring, bytes | None], Server]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _cram_md5,
    "SCRAM-SHA-1": partial(_scram, "sha1"),
    "SCRAM-SHA-256": partial(_scram, "sha256"),
    "OAUTHBEARER": partial(_oauth, _BEARER, "RFC 7628 3.1"),
    "XOAUTH2": partial(_oauth, _XOAUTH2, "XOAUTH2"),
}
MECHANISMS = tuple(_SERVERS)
"""The names of those that a server can offer."""


def server(mechanism: str, keys: Keyring, initial: bytes | None) -> Server:
    """One attempt; `initial` is the response that came with the command, None if there was none."""
    return _SERVERS[mechanism](keys, initial)


def advance(exchange: Server, response: bytes | None = None) -> Challenge | User:
    """Begin (with no response), or go on with one; raises what the exchange raises."""
    try:
        return Challenge(next(exchange) if response is None else exchange.send(response))
    except StopIteration as proved:
        return User(proved.value)


# ---- The client's side ---------------------------------------------------------------

Client: TypeAlias = Generator[bytes | None, bytes | None, None]
"""Yields responses, receives challenges.

The first response is the initial one, which a client may also keep until the first, empty challenge;
None: the server speaks first.  See `answer` and `granted` for what comes behind it."""


def _plain_client(user: str, password: str) -> Client:
    yield f"\0{user}\0{password}".encode()


def _login_client(user: str, password: str) -> Client:
    yield None
    yield user.encode()
    yield password.encode()


def _cram_md5_client(user: str, password: str) -> Client:
    challenge = yield None
    yield user.encode() + b" " + cram_md5(password, challenge or b"")


def _oauthbearer_client(user: str, token: str) -> Client:
    name = user.replace("=", "=3D").replace(",", "=2C")
    yield f"n,a={name},\x01auth=Bearer {token}\x01\x01".encode()
    yield b"\x01"  # why it was refused has been read (RFC 7628 3.2.3)


def _xoauth2_client(user: str, token: str) -> Client:
    yield f"user={user}\x01auth=Bearer {token}\x01\x01".encode()
    yield b""


_CLIENTS: dict[str, Callable[[str, str], Client]] = {
    "CRAM-MD5": _cram_md5_client,
    "PLAIN": _plain_client,
    "LOGIN": _login_client,
    "OAUTHBEARER": _oauthbearer_client,
    "XOAUTH2": _xoauth2_client,
}
_HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}
_BY_PASSWORD = (*_HASHES, "CRAM-MD5", "PLAIN", "LOGIN")  # the best first


def choose(offered: Iterable[str]) -> str | None:
    """The best of the offered mechanisms by which a client can use a password, or None."""
    names = {name.upper() for name in offered}
    return next((name for name in _BY_PASSWORD if name in names), None)


def client(mechanism: str, user: str, secret: str, token: Callable[[int], str]) -> Client:
    """The client's side of `mechanism`; raises LabError if there is none.

    `secret` is the password, or the access token for OAUTHBEARER and XOAUTH2; `token(n)` gives n random
    characters.
    """
    name = mechanism.upper()
    if name not in _CLIENTS and name not in _HASHES:
        known = ", ".join([*_HASHES, *_CLIENTS])
        raise LabError(f"no client for the mechanism {mechanism!r}; known are {known}")
    if "\0" in user + secret or not user or not secret:
        raise LabError("a user's name and password must not be empty or hold a NUL (RFC 4616 2)")
    if name in _HASHES:
        return scram.client(_HASHES[name], user, secret, token)
    return _CLIENTS[name](user, secret)


def answer(responses: Client, challenge: bytes) -> bytes | None:
    """The response to a challenge; None when the mechanism has nothing left to say: then cancel."""
    try:
        return responses.send(challenge)
    except StopIteration:
        return None


def granted(responses: Client) -> None:
    """The server said yes; raises `scram.Unproven` if it had to prove something first and did not."""
    with suppress(StopIteration):
        responses.send(None)


# ---- Lines ---------------------------------------------------------------------------

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
