"""SCRAM-SHA-1 and SCRAM-SHA-256, both sides (RFC 5802, RFC 7677).

The password never crosses the wire, and the server proves that it knows it too.  Four messages,
each of attributes behind commas: who and a nonce; the nonce made longer, a salt, a
count; the client's proof; the server's signature.

Strict: messages are read as the ABNF of RFC 5802 7 has them.  There is no channel binding:
"n,," and "y,," are taken, "p=..." is refused.  What stands in `sasl` about both sides holds here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Generator
from functools import lru_cache
from typing import Protocol

from labkit.errors import LabError, ProtocolError
from labkit.grammar.saslprep import on_file, saslprep

ITERATIONS = 4096
"""How often the password is hashed: the least that RFC 7677 4 allows; real servers take far more."""
MOST_ITERATIONS = 1_000_000
"""A server that asks a client for more only wants to keep it busy."""
NONCE_LENGTH = 24


class Keys(Protocol):
    """What the server's side asks of its host; see `sasl.Keyring`."""

    def token(self, length: int, /) -> str: ...
    def salt(self, user: str) -> bytes: ...
    def password(self, user: str) -> str | None: ...


class Unproven(LabError):
    """The server has not proved that it knows the password: it is not the one it seems to be."""


# gs2-header = gs2-cbind-flag "," [ authzid ] ","
# client-first-message-bare = username "," nonce ["," extensions]
_NAME = rb"(?:[^\x00,=]|=2C|=3D)*"
_PRINTABLE = rb"[\x21-\x2b\x2d-\x7e]+"  # VCHAR without ","
_CLIENT_FIRST = re.compile(
    rb"(?P<gs2>(?P<flag>n|y|p=[A-Za-z0-9.-]+),(?:a=(?P<authzid>" + _NAME + rb"))?,)"
    rb"(?P<bare>(?P<mext>m=[^,]*,)?n=(?P<user>" + _NAME + rb"),r=(?P<nonce>" + _PRINTABLE + rb")(?:,.*)?)",
    re.DOTALL,
)
# server-first-message = nonce "," salt "," iteration-count ["," extensions]
_SERVER_FIRST = re.compile(
    rb"r=(?P<nonce>" + _PRINTABLE + rb"),s=(?P<salt>[^,]+),i=(?P<count>[1-9][0-9]{0,8})(?:,.*)?", re.DOTALL
)
# client-final-message = channel-binding "," nonce ["," extensions] "," proof
_CLIENT_FINAL = re.compile(
    rb"(?P<bare>c=(?P<binding>[^,]+),r=(?P<nonce>" + _PRINTABLE + rb")(?:,.*)?),p=(?P<proof>[^,]+)", re.DOTALL
)


def server(
    hash_name: str, keys: Keys, initial: bytes | None
) -> Generator[bytes, bytes, tuple[str, str, bool]]:
    """Returns the user, whom it wants to act as ("" for itself), and whether the proof holds.

    A user who is not there is answered like any other up to the end.
    """
    first = _read(_CLIENT_FIRST, (yield b"") if initial is None else initial, "client-first-message")
    if first["flag"].startswith(b"p"):
        raise ProtocolError("channel binding is not offered here", rule="RFC 5802 6")
    if first["mext"]:
        raise ProtocolError("an extension that must be known, and is not", rule="RFC 5802 5.1")
    user = saslprep(_name(first["user"]))
    nonce, salt = first["nonce"] + keys.token(NONCE_LENGTH).encode(), keys.salt(user)
    server_first = b"r=%b,s=%b,i=%d" % (nonce, b64encode(salt), ITERATIONS)

    final = _read(_CLIENT_FINAL, (yield server_first), "client-final-message")
    if final["nonce"] != nonce:
        raise ProtocolError("a nonce that is not the one of this exchange", rule="RFC 5802 5.1")
    if _decode(final["binding"]) != first["gs2"]:
        raise ProtocolError("a channel binding that is not the one announced", rule="RFC 5802 5.1")
    password = keys.password(user)
    salted = salted_password(hash_name, on_file(password or ""), salt, ITERATIONS)
    said = b",".join((first["bare"], server_first, final["bare"]))
    expected, signature = _proof(hash_name, salted, said), _signature(hash_name, salted, said)
    proved = hmac.compare_digest(expected, _decode(final["proof"])) and password is not None
    if proved:
        yield b"v=" + b64encode(signature)  # the client answers it with nothing
    return user, _name(first["authzid"] or b""), proved


def client(
    hash_name: str, user: str, password: str, token: Callable[[int], str]
) -> Generator[bytes | None, bytes | None, None]:
    """Raises `Unproven` if the server says yes without its signature, or with a wrong one."""
    nonce = token(NONCE_LENGTH).encode()
    name = saslprep(user).replace("=", "=3D").replace(",", "=2C").encode()
    bare = b"n=%b,r=%b" % (name, nonce)

    server_first = yield b"n,," + bare
    if server_first is None:
        raise Unproven("the server said yes before it was told anything")
    asked = _read(_SERVER_FIRST, server_first, "server-first-message")
    count = int(asked["count"])
    if not asked["nonce"].startswith(nonce) or asked["nonce"] == nonce:
        raise ProtocolError("a nonce that does not go on from the client's", rule="RFC 5802 5.1")
    if count > MOST_ITERATIONS:
        raise ProtocolError(f"{count} iterations are asked for", rule="RFC 5802 9")
    final = b"c=%b,r=%b" % (b64encode(b"n,,"), asked["nonce"])
    said = b",".join((bare, server_first, final))
    salted = _remembered(hash_name, saslprep(password), _decode(asked["salt"]), count)

    last = yield final + b",p=" + b64encode(_proof(hash_name, salted, said))
    signature = b"v=" + b64encode(_signature(hash_name, salted, said))
    if last is None or not hmac.compare_digest(last, signature):
        raise Unproven("the server has not proved that it knows the password")
    yield b""


def salted_password(hash_name: str, password: str, salt: bytes, iterations: int) -> bytes:
    """Hi(password, salt, i), of a password that is prepared; the dear part."""
    return hashlib.pbkdf2_hmac(hash_name, password.encode(), salt, iterations)


# For clients alone: a server that remembers it answers sooner about a name that it knows.
_remembered = lru_cache(maxsize=256)(salted_password)


def _proof(hash_name: str, salted: bytes, said: bytes) -> bytes:
    """ClientKey XOR ClientSignature."""
    client_key = hmac.digest(salted, b"Client Key", hash_name)
    stored_key = hashlib.new(hash_name, client_key).digest()
    signature = hmac.digest(stored_key, said, hash_name)
    return bytes(a ^ b for a, b in zip(client_key, signature, strict=True))


def _signature(hash_name: str, salted: bytes, said: bytes) -> bytes:
    """ServerSignature."""
    return hmac.digest(hmac.digest(salted, b"Server Key", hash_name), said, hash_name)


def _read(pattern: re.Pattern[bytes], message: bytes, what: str) -> re.Match[bytes]:
    found = pattern.fullmatch(message)
    if found is None:
        raise ProtocolError(f"expected a {what}", rule="RFC 5802 7")
    return found


def _name(octets: bytes) -> str:
    try:
        return octets.replace(b"=2C", b",").replace(b"=3D", b"=").decode()
    except UnicodeDecodeError:
        raise ProtocolError("expected UTF-8", rule="RFC 5802 7") from None


def _decode(text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except NotBase64:
        raise ProtocolError("expected base64", rule="RFC 5802 7") from None
