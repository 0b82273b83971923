"""From the secrets of a session to the keys of its records (RFC 5246 6.3, RFC 8446 7.1-7.3).

A side's keys follow one another in *epochs*, in each of which records are numbered from 0.  TLS 1.3 has
one for early data, one for the handshake, one for what is said then, and a new one with each KeyUpdate.
TLS 1.2 has that of what is said only: its handshake is plain up to there.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from labkit.capture.keys import MASTER_SECRET
from labkit.capture.tls.handshake import TLS_1_2, TLS_1_3, Hello
from labkit.capture.tls.openers import NONCE, Opener, Opener12, Opener13, OpenerCBC
from labkit.capture.tls.suites import Suite

if TYPE_CHECKING:
    from labkit.net.tap import Side

SALT = 4  # octets of the nonce of AES-GCM and AES-CCM that TLS 1.2 does not send


class Epoch(IntEnum):
    """The epochs with names; the n-th KeyUpdate of a side begins `APPLICATION + n`."""

    EARLY = -1
    HANDSHAKE = 0
    APPLICATION = 1


LABELS: dict[int, str] = {Epoch.EARLY: "EARLY_TRAFFIC_SECRET", Epoch.HANDSHAKE: "HANDSHAKE_TRAFFIC_SECRET"}


class Schedule(Protocol):
    """The keys of one session."""

    first: Epoch
    """The epoch with which both sides begin."""

    def opener(self, side: Side, epoch: int) -> Opener | None:
        """What opens the records of this epoch; None if there is no such epoch, or its secret is unknown."""


class Schedule12:
    """TLS 1.2: one epoch, behind ChangeCipherSpec."""

    first = Epoch.APPLICATION

    def __init__(self, suite: Suite, master: bytes, client: bytes, server: Hello) -> None:
        self._suite, self._encrypt_then_mac = suite, server.encrypt_then_mac
        mac = hashlib.new(suite.mac).digest_size if suite.mac else 0
        iv = {"CBC": 0, "ChaCha20Poly1305": NONCE}.get(suite.algorithm, SALT)
        sizes = (mac, suite.key, iv)
        octets = _prf(suite.hash, master, b"key expansion" + server.random + client, 2 * sum(sizes))
        self._keys: dict[Side, list[bytes]] = {"client": [], "server": []}
        for size in sizes:
            for keys in self._keys.values():
                keys.append(octets[:size])
                octets = octets[size:]

    def opener(self, side: Side, epoch: int) -> Opener | None:
        if epoch != Epoch.APPLICATION:
            return None
        mac_key, key, iv = self._keys[side]
        if self._suite.algorithm == "CBC":
            return OpenerCBC(self._suite, key, mac_key, self._encrypt_then_mac)
        return Opener12(self._suite, key, iv)


class Schedule13:
    """TLS 1.3: each epoch has a secret of its own."""

    first = Epoch.HANDSHAKE

    def __init__(self, suite: Suite, secrets: Mapping[str, bytes]) -> None:
        self._suite, self._secrets = suite, secrets

    def opener(self, side: Side, epoch: int) -> Opener | None:
        label = LABELS.get(epoch, "TRAFFIC_SECRET_0")
        secret = self._secrets.get(f"{side.upper()}_{label}")
        if secret is None:
            return None
        size = hashlib.new(self._suite.hash).digest_size
        for _ in range(Epoch.APPLICATION, epoch):
            secret = self._expand(secret, b"traffic upd", size)
        return Opener13(
            self._suite, self._expand(secret, b"key", self._suite.key), self._expand(secret, b"iv", NONCE)
        )

    def _expand(self, secret: bytes, label: bytes, size: int) -> bytes:
        """HKDF-Expand-Label with an empty context (RFC 8446 7.1)."""
        label = b"tls13 " + label
        info = size.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
        return hmac.digest(secret, info + b"\x01", self._suite.hash)[:size]


def schedule(suite: Suite, secrets: Mapping[str, bytes], client: bytes, server: Hello) -> Schedule | None:
    """The keys of a session with these secrets, random octets of the client, and answer of the server.

    None if the secrets are not there.
    """
    if server.version == TLS_1_3 and any(label.endswith("TRAFFIC_SECRET_0") for label in secrets):
        return Schedule13(suite, secrets)
    if server.version == TLS_1_2 and MASTER_SECRET in secrets:
        return Schedule12(suite, secrets[MASTER_SECRET], client, server)
    return None


def _prf(name: str, secret: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246 5: P_hash."""
    found, chained = b"", seed
    while len(found) < size:
        chained = hmac.digest(secret, chained, name)
        found += hmac.digest(secret, chained + seed, name)
    return found[:size]
