"""From the secrets of a session to the keys of its records, and what those open.

TLS 1.2 has one key for each side, from the master secret (RFC 5246 6.3); TLS 1.3 one for its handshake,
one for what follows, and a new one with each KeyUpdate (RFC 8446 7.1-7.3): a side's *epochs*,
counted from 0.  Records are numbered from 0 in each epoch.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from labkit.capture.keys import MASTER_SECRET
from labkit.capture.tls.handshake import TLS_1_2, TLS_1_3
from labkit.capture.tls.suites import TAG, Suite

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

    from labkit.net.tap import Side

NONCE = 12
HEADER = 5  # octets before a record's content: type, version, length


class Opened(NamedTuple):
    """What was sealed in a record; `kind` is the type of its content."""

    kind: int
    content: bytes


class Opener(Protocol):
    """Opens the records of one side in one epoch."""

    overhead: int
    """Octets of a record that are not content (without padding)."""

    def open(self, record: bytes, number: int) -> Opened | None:
        """The content of the `number`-th record; None if the key does not open it."""


class Schedule(Protocol):
    """The keys of one session."""

    def opener(self, side: Side, epoch: int) -> Opener | None:
        """What opens the records of this epoch; None if there is no such epoch, or its secret is unknown."""


class Schedule12:
    """TLS 1.2: one epoch, behind ChangeCipherSpec."""

    def __init__(self, suite: Suite, secrets: Mapping[str, bytes], client: bytes, server: bytes) -> None:
        self._suite = suite
        master, fixed = secrets[MASTER_SECRET], 4 if suite.algorithm == "AESGCM" else NONCE
        size = 2 * suite.key + 2 * fixed
        block = _prf(suite.hash, master, b"key expansion" + server + client, size)
        ivs = block[2 * suite.key :]
        self._keys: dict[Side, tuple[bytes, bytes]] = {
            "client": (block[: suite.key], ivs[:fixed]),
            "server": (block[suite.key : 2 * suite.key], ivs[fixed:]),
        }

    def opener(self, side: Side, epoch: int) -> Opener | None:
        return Opener12(self._suite, *self._keys[side]) if epoch == 0 else None


class Schedule13:
    """TLS 1.3: epoch 0 is the handshake behind the hellos, 1 what follows, then one for each KeyUpdate."""

    def __init__(self, suite: Suite, secrets: Mapping[str, bytes]) -> None:
        self._suite, self._secrets = suite, secrets

    def opener(self, side: Side, epoch: int) -> Opener | None:
        name = "HANDSHAKE_TRAFFIC_SECRET" if epoch == 0 else "TRAFFIC_SECRET_0"
        secret = self._secrets.get(f"{side.upper()}_{name}")
        if secret is None:
            return None
        size = hashlib.new(self._suite.hash).digest_size
        for _ in range(epoch - 1):
            secret = self._expand(secret, b"traffic upd", size)
        return Opener13(
            self._suite, self._expand(secret, b"key", self._suite.key), self._expand(secret, b"iv", NONCE)
        )

    def _expand(self, secret: bytes, label: bytes, size: int) -> bytes:
        """HKDF-Expand-Label with an empty context (RFC 8446 7.1)."""
        label = b"tls13 " + label
        info = size.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
        return hmac.digest(secret, info + b"\x01", self._suite.hash)[:size]


class Opener12:
    """RFC 5246 6.2.3.3 with RFC 5288 (AES-GCM) or RFC 7905 (ChaCha20-Poly1305)."""

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._cipher, self._iv = _ciphers()[suite.algorithm](key), iv
        self._explicit = NONCE - len(iv)
        self.overhead = HEADER + self._explicit + TAG

    def open(self, record: bytes, number: int) -> Opened | None:
        size = len(record) - self.overhead
        if size < 0:
            return None
        sealed = HEADER + self._explicit
        nonce = self._iv + record[HEADER:sealed] if self._explicit else _nonce(self._iv, number)
        about = number.to_bytes(8, "big") + record[:3] + size.to_bytes(2, "big")
        content = _open(self._cipher, nonce, record[sealed:], about)
        return None if content is None else Opened(record[0], content)


class Opener13:
    """RFC 8446 5.2: the true type stands behind the content, and zeros may stand behind that."""

    overhead = HEADER + 1 + TAG

    def __init__(self, suite: Suite, key: bytes, iv: bytes) -> None:
        self._cipher, self._iv = _ciphers()[suite.algorithm](key), iv

    def open(self, record: bytes, number: int) -> Opened | None:
        if len(record) < self.overhead:
            return None
        inner = _open(self._cipher, _nonce(self._iv, number), record[HEADER:], record[:HEADER])
        inner = inner and inner.rstrip(b"\0")
        return Opened(inner[-1], inner[:-1]) if inner else None


def schedule(
    version: int, suite: Suite, secrets: Mapping[str, bytes], client: bytes, server: bytes
) -> Schedule | None:
    """The keys of a session with these random octets; None if the secrets are not there."""
    if version == TLS_1_3 and any(label.endswith("TRAFFIC_SECRET_0") for label in secrets):
        return Schedule13(suite, secrets)
    if version == TLS_1_2 and MASTER_SECRET in secrets:
        return Schedule12(suite, secrets, client, server)
    return None


def _nonce(iv: bytes, number: int) -> bytes:
    return (int.from_bytes(iv, "big") ^ number).to_bytes(NONCE, "big")


def _open(cipher: AESGCM | ChaCha20Poly1305, nonce: bytes, sealed: bytes, about: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(nonce, sealed, about)
    except InvalidTag:
        return None


def _prf(name: str, secret: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246 5: P_hash."""
    found, chained = b"", seed
    while len(found) < size:
        chained = hmac.digest(secret, chained, name)
        found += hmac.digest(secret, chained + seed, name)
    return found[:size]


@cache
def _ciphers() -> dict[str, type[AESGCM] | type[ChaCha20Poly1305]]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

    return {"AESGCM": AESGCM, "ChaCha20Poly1305": ChaCha20Poly1305}
