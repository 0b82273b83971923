"""The messages of a TLS handshake, as far as they tell what a session is (RFC 5246 7.4, RFC 8446 4).

A hello tells the random octets, version, cipher suite and server name; a Certificate of TLS 1.2 the
server's name.  What cannot be read gives no facts and no error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, FINISHED, KEY_UPDATE = 1, 2, 11, 20, 24  # kinds of messages
SERVER_NAME, SUPPORTED_VERSIONS = 0, 43  # extensions
TLS_1_2, TLS_1_3 = 0x0303, 0x0304
VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", TLS_1_2: "TLSv1.2", TLS_1_3: "TLSv1.3"}
# A ServerHello with these random octets, the hash of the word, is a HelloRetryRequest (RFC 8446 4.1.3).
RETRY = bytes.fromhex("CF21AD74E59A6111BE1D8C021E65B891C2A211167ABB8C5E079E09E2C8A8339C")


class Hello(NamedTuple):
    """What a ClientHello or ServerHello says."""

    random: bytes
    version: int
    suite: int | None = None  # the server's choice
    server_name: str | None = None  # the client's wish


def messages(octets: bytes | bytearray) -> Iterator[tuple[int, bytes]]:
    """(kind, whole message with its header) of each message that is all here, in order."""
    at = 0
    while at + 4 <= len(octets):
        end = at + 4 + int.from_bytes(octets[at + 1 : at + 4], "big")
        if end > len(octets):
            return
        yield octets[at], bytes(octets[at:end])
        at = end


def read_hello(message: bytes) -> Hello | None:
    """The facts of a hello: version, random, session id, suite(s), compression, extensions."""
    try:
        return _read(message)
    except IndexError:
        return None


def _read(message: bytes) -> Hello | None:
    kind, version = message[0], number(message, 4, 2)
    random = message[6:38]
    at = 38 + 1 + message[38]
    suite = None
    if kind == SERVER_HELLO:
        suite = number(message, at, 2)
        at += 3
    elif kind == CLIENT_HELLO:
        at += 2 + number(message, at, 2)
        at += 1 + message[at]
    else:
        return None
    name = None
    for extension, body in _extensions(message, at):
        if extension == SUPPORTED_VERSIONS and kind == SERVER_HELLO:
            version = number(body, 0, 2)
        elif extension == SERVER_NAME and kind == CLIENT_HELLO and len(body) > 5:
            name = body[5 : 5 + number(body, 3, 2)].decode("ascii", "backslashreplace")
    return Hello(random, version, suite, name)


def certificate_subject(message: bytes) -> str | None:
    """Whom the first certificate of a Certificate message of TLS 1.2 was issued to (RFC 5246 7.4.2)."""
    if len(message) < 10:
        return None
    from cryptography import x509

    size = int.from_bytes(message[7:10], "big")
    try:
        return x509.load_der_x509_certificate(message[10 : 10 + size]).subject.rfc4514_string()
    except ValueError:
        return None


def _extensions(message: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    at += 2
    while at + 4 <= len(message):
        size = number(message, at + 2, 2)
        yield number(message, at, 2), message[at + 4 : at + 4 + size]
        at += 4 + size


def number(data: bytes, at: int, size: int) -> int:
    """A number of so many octets; raises IndexError if they are not all there."""
    if at + size > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + size], "big")
