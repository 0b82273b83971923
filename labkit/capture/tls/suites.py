"""Cipher suites: their numbers, their names, and what opens a record that they sealed.

AES-GCM and ChaCha20-Poly1305 are read (RFC 5288, 7905, 8446 B.4).  Suites of CBC and RC4 are known
by name only.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

CIPHERS = {  # by the names that OpenSSL, and so Python's ssl module, gives them
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0x0005: "RC4-SHA",
    0x000A: "DES-CBC3-SHA",
    0x002F: "AES128-SHA",
    0x0033: "DHE-RSA-AES128-SHA",
    0x0035: "AES256-SHA",
    0x0039: "DHE-RSA-AES256-SHA",
    0x003C: "AES128-SHA256",
    0x003D: "AES256-SHA256",
    0x0067: "DHE-RSA-AES128-SHA256",
    0x006B: "DHE-RSA-AES256-SHA256",
    0x009C: "AES128-GCM-SHA256",
    0x009D: "AES256-GCM-SHA384",
    0x009E: "DHE-RSA-AES128-GCM-SHA256",
    0x009F: "DHE-RSA-AES256-GCM-SHA384",
    0xC009: "ECDHE-ECDSA-AES128-SHA",
    0xC00A: "ECDHE-ECDSA-AES256-SHA",
    0xC011: "ECDHE-RSA-RC4-SHA",
    0xC013: "ECDHE-RSA-AES128-SHA",
    0xC014: "ECDHE-RSA-AES256-SHA",
    0xC023: "ECDHE-ECDSA-AES128-SHA256",
    0xC024: "ECDHE-ECDSA-AES256-SHA384",
    0xC027: "ECDHE-RSA-AES128-SHA256",
    0xC028: "ECDHE-RSA-AES256-SHA384",
    0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256",
    0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xC02F: "ECDHE-RSA-AES128-GCM-SHA256",
    0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
    0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305",
    0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
    0xCCAA: "DHE-RSA-CHACHA20-POLY1305",
}
TAG = 16  # octets that authenticate a record, in every suite that is read


class Suite(NamedTuple):
    """What a suite means for its records."""

    algorithm: Literal["AESGCM", "ChaCha20Poly1305"]
    key: int  # octets
    hash: Literal["sha256", "sha384"]


def name_of(number: int) -> str:
    """A suite's name, or its number where it has none here."""
    return CIPHERS.get(number, f"0x{number:04X}")


def suite(number: int) -> Suite | None:
    """What opens the records of a suite; None if it is one that is not read."""
    name = CIPHERS.get(number, "").replace("_", "-")
    if "CHACHA20" in name:
        return Suite("ChaCha20Poly1305", 32, "sha256")
    if "GCM" not in name:
        return None
    return Suite(
        "AESGCM",
        16 if "AES128" in name or "AES-128" in name else 32,
        "sha384" if name.endswith("384") else "sha256",
    )
