"""Cipher suites: their numbers, their names, and what opens a record that they sealed.

Read are AES-GCM (RFC 5288), AES-CCM with long and short tags (RFC 6655, 7251), ChaCha20-Poly1305 (RFC
7905), what of these TLS 1.3 has (RFC 8446 B.4), and AES-CBC with HMAC (RFC 5246 6.2.3.2).  Suites
of 3DES, Camellia and RC4 are known by name only.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

CIPHERS = {  # by the names that OpenSSL, and so Python's ssl module, gives them
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0x1304: "TLS_AES_128_CCM_SHA256",
    0x1305: "TLS_AES_128_CCM_8_SHA256",
    0x0005: "RC4-SHA",
    0x000A: "DES-CBC3-SHA",
    0x0016: "DHE-RSA-DES-CBC3-SHA",
    0x002F: "AES128-SHA",
    0x0033: "DHE-RSA-AES128-SHA",
    0x0034: "ADH-AES128-SHA",
    0x0035: "AES256-SHA",
    0x0039: "DHE-RSA-AES256-SHA",
    0x003A: "ADH-AES256-SHA",
    0x003C: "AES128-SHA256",
    0x003D: "AES256-SHA256",
    0x0041: "CAMELLIA128-SHA",
    0x0045: "DHE-RSA-CAMELLIA128-SHA",
    0x0067: "DHE-RSA-AES128-SHA256",
    0x006B: "DHE-RSA-AES256-SHA256",
    0x006C: "ADH-AES128-SHA256",
    0x006D: "ADH-AES256-SHA256",
    0x0084: "CAMELLIA256-SHA",
    0x0088: "DHE-RSA-CAMELLIA256-SHA",
    0x009C: "AES128-GCM-SHA256",
    0x009D: "AES256-GCM-SHA384",
    0x009E: "DHE-RSA-AES128-GCM-SHA256",
    0x009F: "DHE-RSA-AES256-GCM-SHA384",
    0x00A6: "ADH-AES128-GCM-SHA256",
    0x00A7: "ADH-AES256-GCM-SHA384",
    0xC008: "ECDHE-ECDSA-DES-CBC3-SHA",
    0xC009: "ECDHE-ECDSA-AES128-SHA",
    0xC00A: "ECDHE-ECDSA-AES256-SHA",
    0xC011: "ECDHE-RSA-RC4-SHA",
    0xC012: "ECDHE-RSA-DES-CBC3-SHA",
    0xC013: "ECDHE-RSA-AES128-SHA",
    0xC014: "ECDHE-RSA-AES256-SHA",
    0xC018: "AECDH-AES128-SHA",
    0xC019: "AECDH-AES256-SHA",
    0xC023: "ECDHE-ECDSA-AES128-SHA256",
    0xC024: "ECDHE-ECDSA-AES256-SHA384",
    0xC027: "ECDHE-RSA-AES128-SHA256",
    0xC028: "ECDHE-RSA-AES256-SHA384",
    0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256",
    0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xC02F: "ECDHE-RSA-AES128-GCM-SHA256",
    0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
    0xC09C: "AES128-CCM",
    0xC09D: "AES256-CCM",
    0xC09E: "DHE-RSA-AES128-CCM",
    0xC09F: "DHE-RSA-AES256-CCM",
    0xC0A0: "AES128-CCM8",
    0xC0A1: "AES256-CCM8",
    0xC0A2: "DHE-RSA-AES128-CCM8",
    0xC0A3: "DHE-RSA-AES256-CCM8",
    0xC0AC: "ECDHE-ECDSA-AES128-CCM",
    0xC0AD: "ECDHE-ECDSA-AES256-CCM",
    0xC0AE: "ECDHE-ECDSA-AES128-CCM8",
    0xC0AF: "ECDHE-ECDSA-AES256-CCM8",
    0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305",
    0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
    0xCCAA: "DHE-RSA-CHACHA20-POLY1305",
}
MACS = {"SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}  # by the last word of a name


class Suite(NamedTuple):
    """What a suite means for its records."""

    algorithm: Literal["AESGCM", "AESCCM", "ChaCha20Poly1305", "CBC"]
    key: int  # octets
    hash: Literal["sha256", "sha384"]  # of the key schedule
    tag: int = 16  # octets that authenticate a record, of all but CBC
    mac: str | None = None  # the hash of CBC's HMAC


def name_of(number: int) -> str:
    """A suite's name, or its number where it has none here."""
    return CIPHERS.get(number, f"0x{number:04X}")


def suite(number: int) -> Suite | None:
    """What opens the records of a suite; None if it is one that is not read."""
    name = CIPHERS.get(number, "").replace("_", "-")
    if "CHACHA20" in name:
        return Suite("ChaCha20Poly1305", 32, "sha256")
    if "AES" not in name:
        return None
    key = 16 if "AES128" in name or "AES-128" in name else 32
    if "CCM" in name:
        return Suite("AESCCM", key, "sha256", 8 if "CCM8" in name or "CCM-8" in name else 16)
    digest: Literal["sha256", "sha384"] = "sha384" if name.endswith("384") else "sha256"
    if "GCM" in name:
        return Suite("AESGCM", key, digest)
    return Suite("CBC", key, digest, mac=MACS[name.rpartition("-")[2]])
