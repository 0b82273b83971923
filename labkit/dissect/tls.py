"""The two hellos of a TLS handshake: version, cipher and server name (RFC 5246 7.4, RFC 8446 4.1).

A handshake is one row: the ClientHello is its command, the ServerHello (or an alert) its
reply.  What follows is sealed; the dissection goes on with what is known from inside TLS,
or ends here.  No certificate is read and no key used.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from labkit.dissect.flaws import Found
from labkit.dissect.half import Half
from labkit.dissect.row import Row

HANDSHAKE, ALERT = 22, 21
CLIENT_HELLO, SERVER_HELLO = 1, 2
SERVER_NAME, SUPPORTED_VERSIONS = 0, 43
LARGEST_RECORD = 16384 + 2048  # RFC 5246 6.2.3

VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
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
}


class Hello(NamedTuple):
    """What one side's hello says; `end` is the index behind it in the stream of TLS records."""

    end: int
    version: str | None = None
    cipher: str | None = None
    server_name: str | None = None
    alert: bool = False


def read_hello(data: bytes | bytearray, ended: bool) -> Hello | None:
    """The hello at the beginning of a side's TLS records; None while it is not all here.

    A message may lie in several records.  What cannot be read gives a Hello without facts.
    """
    message, at = b"", 0
    while True:
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        end = at + 5 + size
        if len(data) < at + 5 or len(data) < end <= at + 5 + LARGEST_RECORD:
            return Hello(len(data)) if ended else None
        if data[at] == ALERT and not message:
            return Hello(min(end, len(data)), alert=True)
        if data[at] != HANDSHAKE or size > LARGEST_RECORD:
            return Hello(min(end, len(data)))
        message, at = message + bytes(data[at + 5 : end]), end
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            break
        if len(message) > LARGEST_RECORD:
            return Hello(at)
    try:
        return _read(message, at)
    except IndexError:
        return Hello(at)


def _read(message: bytes, end: int) -> Hello:
    """Body of a hello: version, random, session id, cipher(s), compression, extensions."""
    kind, version = message[0], _number(message, 4, 2)
    at = 38 + 1 + message[38]
    cipher = None
    if kind == SERVER_HELLO:
        chosen = _number(message, at, 2)
        cipher = CIPHERS.get(chosen, f"0x{chosen:04X}")
        at += 3
    elif kind == CLIENT_HELLO:
        at += 2 + _number(message, at, 2)
        at += 1 + message[at]
    else:
        return Hello(end)
    name = None
    for extension, body in _extensions(message, at):
        if extension == SUPPORTED_VERSIONS and kind == SERVER_HELLO:
            version = _number(body, 0, 2)
        elif extension == SERVER_NAME and kind == CLIENT_HELLO and len(body) > 5:
            name = body[5 : 5 + _number(body, 3, 2)].decode("ascii", "backslashreplace")
    return Hello(end, VERSIONS.get(version, f"0x{version:04X}"), cipher, name)


def _extensions(message: bytes, at: int) -> Generator[tuple[int, bytes], None, None]:
    at += 2
    while at + 4 <= len(message):
        size = _number(message, at + 2, 2)
        yield _number(message, at, 2), message[at + 4 : at + 4 + size]
        at += 4 + size


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + size], "big")


def handshake(
    client: Half, server: Half, number: int, state: str, at: int, flaws: tuple[Found, ...] = ()
) -> Generator[Row | None, None, bool]:
    """The row of a handshake that the client begins at `at` of its readable octets.

    Returns whether anything is known of what was said inside TLS.
    """
    while (asked := _hello(client)) is None:
        yield None
    while (answered := _hello(server)) is None:
        yield None
    name = asked.server_name.encode() if asked.server_name else None
    row = Row(number, state, "TLS", name, 0, asked.end)
    row.flaws = flaws
    if answered.end:
        row.reply_start, row.reply_end, row.reply_lines = 0, answered.end, 0
        row.status = b"alert" if answered.alert else b"ServerHello"
        row.text = " ".join(filter(None, (answered.version, answered.cipher))).encode()
    elif not (_has_inside(client) or _has_inside(server)):
        row.flaws += (Found("unanswered", "client", at),)
    yield row
    while not (_has_inside(client) or _has_inside(server)):
        if client.ended and server.ended:
            return False
        yield None
    return True


def _hello(half: Half) -> Hello | None:
    if half.tls is None:
        return Hello(0) if half.ended else None
    return read_hello(half.tls.data, half.ended or _has_inside(half))


def _has_inside(half: Half) -> bool:
    return half.tls_at is not None and len(half.data) > half.tls_at
