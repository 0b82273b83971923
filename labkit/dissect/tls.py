"""The hellos of a TLS handshake: version, cipher, names (RFC 5246 7.4, RFC 8446 4.1).

A handshake is one row: the ClientHello is its command, the ServerHello (or an alert) its
reply.  TLS 1.2 also shows whom the server's certificate was issued to.  What follows is sealed: the
dissection goes on with what is known from inside TLS, or ends here.  If a key log was at
hand and did not help, the row's flaws say why (see ../capture/tls/).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from labkit.capture.tls import handshake as messages
from labkit.capture.tls.handshake import CERTIFICATE, SERVER_HELLO, TLS_1_2, VERSIONS
from labkit.capture.tls.records import ALERT, HANDSHAKE, LARGEST
from labkit.capture.tls.suites import name_of
from labkit.dissect.flaws import Found
from labkit.dissect.half import Half
from labkit.dissect.row import Row, Span
from labkit.net.tap import Side

CHAIN = 1 << 17  # octets of a server's first messages that are searched for its certificate


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
        if len(data) < at + 5 or len(data) < end <= at + 5 + LARGEST:
            return Hello(len(data)) if ended else None
        if data[at] == ALERT and not message:
            return Hello(min(end, len(data)), alert=True)
        if data[at] != HANDSHAKE or size > LARGEST:
            return Hello(min(end, len(data)))
        message, at = message + bytes(data[at + 5 : end]), end
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            break
        if len(message) > LARGEST:
            return Hello(at)
    said = messages.read_hello(message)
    if said is None:
        return Hello(at)
    version = VERSIONS.get(said.version, f"0x{said.version:04X}")
    return Hello(at, version, None if said.suite is None else name_of(said.suite), said.server_name)


def certificate(data: bytes | bytearray, ended: bool) -> str | None:
    """Whom the certificate among a server's plain messages was issued to; "" if none is there to be read.

    None while it may still come.
    """
    handshake, at = bytearray(), 0
    while at + 5 <= len(data) and data[at] == HANDSHAKE and len(handshake) < CHAIN:
        end = at + 5 + int.from_bytes(data[at + 3 : at + 5], "big")
        if end > len(data):
            break
        handshake += data[at + 5 : end]
        at = end
    else:
        ended = ended or at + 5 <= len(data)
    for kind, message in messages.messages(handshake):
        if kind == CERTIFICATE:
            return messages.certificate_subject(message) or ""
        ended = ended or kind not in (SERVER_HELLO, CERTIFICATE)
    return "" if ended else None


def handshake(
    client: Half,
    server: Half,
    number: int,
    state: str,
    at: int,
    flaws: tuple[Found, ...] = (),
    secrets: tuple[Span, ...] = (),
) -> Generator[Row | None, None, bool]:
    """The row of a handshake that the client begins at `at` of its readable octets.

    `flaws` and `secrets` are those of the plain octets right before it.

    Returns whether anything is known of what was said inside TLS.
    """
    while (asked := _hello(client)) is None:
        yield None
    while (answered := _hello(server)) is None:
        yield None
    issued_to: str | None = ""
    if answered.version == VERSIONS[TLS_1_2] and server.tls is not None:
        while (issued_to := certificate(server.tls.data, server.ended or _has_inside(server))) is None:
            yield None
    name = asked.server_name.encode() if asked.server_name else None
    row = Row(number, state, "TLS", name, 0, asked.end)
    row.flaws, row.secrets = flaws, secrets
    if answered.end:
        row.reply_start, row.reply_end, row.reply_lines = 0, answered.end, 0
        row.status = b"alert" if answered.alert else b"ServerHello"
        row.text = " ".join(filter(None, (answered.version, answered.cipher, issued_to))).encode()
    elif not (_has_inside(client) or _has_inside(server)):
        row.flaws += (Found("unanswered", "client", at),)
    halves: tuple[tuple[Side, Half], ...] = ("client", client), ("server", server)
    for side, half in halves:
        if half.tls is not None:
            row.flaws += tuple(Found(flaw, side, place, detail) for flaw, place, detail in half.tls.troubles)
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
