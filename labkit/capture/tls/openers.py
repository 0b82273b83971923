"""What opens one record of TLS, with the keys of its side and epoch (see schedule.py).

TLS 1.2 knows AEAD ciphers and CBC with HMAC (RFC 5246 6.2.3), TLS 1.3 only the former (RFC 8446 5.2).
What an opener does not open is none of its records, is damaged, or has another number.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, NamedTuple, Protocol

from labkit.capture.tls.suites import Suite

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

    AEAD = AESGCM | AESCCM | ChaCha20Poly1305

NONCE = 12
BLOCK = 16  # octets of AES
HEADER = 5  # octets before a record's content: type, version, length


class Opened(NamedTuple):
    """What was sealed in a record; `kind` is the type of its content."""

    kind: int
    content: bytes


class Opener(Protocol):
    """Opens the records of one side in one epoch."""

    overhead: int
    """Octets of a record that are not content, at least: padding is not counted."""

    def open(self, record: bytes, number: int) -> Opened | None:
        """The content of the `number`-th record; None if the key does not open it."""


class Opener12:
    """RFC 5246 6.2.3.3 with RFC 5288 (AES-GCM), RFC 6655 (AES-CCM) or RFC 7905 (ChaCha20-Poly1305)."""

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._cipher, self._iv = cipher(suite, key), iv
        self._explicit = NONCE - len(iv)
        self.overhead = HEADER + self._explicit + suite.tag

    def open(self, record: bytes, number: int) -> Opened | None:
        size = len(record) - self.overhead
        if size < 0:
            return None
        sealed = HEADER + self._explicit
        nonce = self._iv + record[HEADER:sealed] if self._explicit else nonce_of(self._iv, number)
        about = number.to_bytes(8, "big") + record[:3] + size.to_bytes(2, "big")
        content = _open(self._cipher, nonce, record[sealed:], about)
        return None if content is None else Opened(record[0], content)


class OpenerCBC:
    """RFC 5246 6.2.3.2: content, MAC and padding in blocks; or, with RFC 7366, the MAC behind the blocks."""

    def __init__(self, suite: Suite, key: bytes, mac_key: bytes, encrypt_then_mac: bool) -> None:
        assert suite.mac is not None
        self._key, self._mac_key, self._hash = key, mac_key, suite.mac
        self._mac = hashlib.new(suite.mac).digest_size
        self._encrypt_then_mac = encrypt_then_mac
        self.overhead = HEADER + BLOCK + self._mac + 1

    def open(self, record: bytes, number: int) -> Opened | None:
        about = number.to_bytes(8, "big") + record[:3]
        blocks: bytes | None = record[HEADER:]
        if self._encrypt_then_mac:
            blocks = self._authentic(about, record[HEADER:])
        if not blocks or len(blocks) < 2 * BLOCK or len(blocks) % BLOCK:
            return None
        padded = _cbc(self._key, blocks[:BLOCK], blocks[BLOCK:])
        padding = padded[-1] + 1
        if not padded.endswith(padded[-1:] * padding):
            return None
        content: bytes | None = padded[:-padding]
        if not self._encrypt_then_mac:
            content = self._authentic(about, padded[:-padding])
        return None if content is None else Opened(record[0], content)

    def _authentic(self, about: bytes, octets: bytes) -> bytes | None:
        """The octets before a MAC, if it is theirs."""
        said, mac = octets[: -self._mac], octets[-self._mac :]
        found = hmac.digest(self._mac_key, about + len(said).to_bytes(2, "big") + said, self._hash)
        return said if found == mac else None


class Opener13:
    """RFC 8446 5.2: the true type stands behind the content, and zeros may stand behind that."""

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._cipher, self._iv = cipher(suite, key), iv
        self.overhead = HEADER + 1 + suite.tag

    def open(self, record: bytes, number: int) -> Opened | None:
        if len(record) < self.overhead:
            return None
        inner = _open(self._cipher, nonce_of(self._iv, number), record[HEADER:], record[:HEADER])
        inner = inner and inner.rstrip(b"\0")
        return Opened(inner[-1], inner[:-1]) if inner else None


def nonce_of(iv: bytes, number: int) -> bytes:
    """The nonce of a record that does not carry its own (RFC 7905 2, RFC 8446 5.3)."""
    return (int.from_bytes(iv, "big") ^ number).to_bytes(NONCE, "big")


def cipher(suite: Suite, key: bytes) -> AEAD:
    """The AEAD cipher of a suite."""
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

    if suite.algorithm == "AESCCM":
        return AESCCM(key, suite.tag)
    return (AESGCM if suite.algorithm == "AESGCM" else ChaCha20Poly1305)(key)


def _open(cipher: AEAD, nonce: bytes, sealed: bytes, about: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(nonce, sealed, about)
    except InvalidTag:
        return None


def _cbc(key: bytes, iv: bytes, blocks: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor().update(blocks)
