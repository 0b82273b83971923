"""The messages of a TLS handshake, as far as they tell what a session is (RFC 5246 7.4, RFC 8446 4).

A hello tells the random octets, version, cipher suite and server name, and what was asked for or agreed
on that changes how records are read; EncryptedExtensions, whether early data is; a Certificate of TLS 1.2
the server's name.  What cannot be read gives no facts and no error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

# Kinds of messages.
CLIENT_HELLO, SERVER_HELLO, END_OF_EARLY_DATA, ENCRYPTED_EXTENSIONS = 1, 2, 5, 8
CERTIFICATE, FINISHED, KEY_UPDATE = 11, 20, 24
SERVER_NAME, ENCRYPT_THEN_MAC, EARLY_DATA, SUPPORTED_VERSIONS = 0, 22, 42, 43  # extensions
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
    early_data: bool = False  # the client sends some (RFC 8446 4.2.10)
    encrypt_then_mac: bool = False  # (RFC 7366)
    compressed: bool = False  # the server's choice (RFC 3749)


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
    suite, compressed = None, False
    if kind == SERVER_HELLO:
        suite, compressed = number(message, at, 2), message[at + 2] != 0
        at += 3
    elif kind == CLIENT_HELLO:
        at += 2 + number(message, at, 2)
        at += 1 + message[at]
    else:
        return None
    extensions, name = _extensions(message, at), None
    if kind == SERVER_HELLO and SUPPORTED_VERSIONS in extensions:
        version = number(extensions[SUPPORTED_VERSIONS], 0, 2)
    elif kind == CLIENT_HELLO and len(body := extensions.get(SERVER_NAME, b"")) > 5:
        name = body[5 : 5 + number(body, 3, 2)].decode("ascii", "backslashreplace")
    early, mac_last = EARLY_DATA in extensions, ENCRYPT_THEN_MAC in extensions
    return Hello(random, version, suite, name, early, mac_last, compressed)


def takes_early_data(encrypted_extensions: bytes) -> bool:
    """Whether the server says there that it reads the client's early data (RFC 8446 4.2.10)."""
    return EARLY_DATA in _extensions(encrypted_extensions, 4)


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


def _extensions(message: bytes, at: int) -> dict[int, bytes]:
    """What stands in each of the extensions that begin, with their length, at `at`."""
    found = {}
    at += 2
    while at + 4 <= len(message):
        end = at + 4 + number(message, at + 2, 2)
        found[number(message, at, 2)] = message[at + 4 : end]
        at = end
    return found


def number(data: bytes, at: int, size: int) -> int:
    """A number of so many octets; raises IndexError if they are not all there."""
    if at + size > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + size], "big")
