"""For each flaw of the catalogue a conversation that has it: the octets, and nothing else.

`labkit flaws` shows them, and a test dissects each: it has the flaw whose name it bears.
"""

from __future__ import annotations

from typing import NamedTuple

from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import Datagram, Flow
from labkit.net.tap import Connection, Side

MISSING = 100  # octets in a gap


class Example(NamedTuple):
    """Who said what: `C` or `S`; with `?` behind it octets before that are missing, with `!` it is TLS.

    `keys` are the lines of the key log with which the capture is read.
    """

    said: tuple[tuple[str, bytes], ...]
    port: int = 25
    keys: bytes | None = None
    udp: bool = False

    def flow(self) -> Flow:
        """The conversation as a capture has it."""
        connection = Connection(
            0, "udp" if self.udp else "tcp", "192.0.2.1", 49152, "192.0.2.2", self.port, 0
        )
        flow = Flow(0, 0, connection, Stream(), Stream())
        for order, (who, octets) in enumerate(self.said, 1):
            sender: Side = "client" if who[0] == "C" else "server"
            stream = flow.side(sender)
            if self.udp:
                flow.datagrams.append(Datagram(sender, order * 1000, order, None, octets))
            elif who.endswith("!"):
                stream.begin_tls().append(octets, order * 1000, order)
            else:
                stream.gaps += [Gap(len(stream), MISSING)] * who.endswith("?")
                stream.append(octets, order * 1000, order)
        connection.closed = 1000 * (len(self.said) + 1)
        if self.keys is not None:
            from labkit.capture.keys import KeyLog
            from labkit.capture.tls.decrypt import Unsealing

            Unsealing(flow, KeyLog(self.keys)).advance(whole=True)
        return flow


def _smtp(*said: tuple[str, bytes]) -> Example:
    """Behind a greeting and EHLO."""
    begin = ("S", b"220 mx.example.org\r\n"), ("C", b"EHLO a.example\r\n"), ("S", b"250 mx.example.org\r\n")
    return Example((*begin, *said))


def _data(message: bytes) -> Example:
    """A message of one recipient."""
    asked = b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
    return _smtp(
        *(("C", asked), ("S", b"250 ok\r\n250 ok\r\n354 go on\r\n")),
        *(("C", message), ("S", b"250 ok\r\n")),
    )


def _tls(suite: bytes, *records: tuple[str, bytes], keys: bytes) -> Example:
    """A session of TLS 1.2 with the least that hellos can hold; all random octets are zero."""
    asked = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03" + bytes(33) + b"\x00\x02" + suite + b"\x01\x00"
    answered = b"\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + bytes(33) + suite + b"\x00"
    return Example((("C!", asked), ("S!", answered), *records), 465, keys)


def _key_log(master_secret: int) -> bytes:
    return b"CLIENT_RANDOM %064d %096d\n" % (0, master_secret)


_GCM, _RC4 = b"\xc0\x2f", b"\xc0\x11"
_BEGIN = b"\x14\x03\x03\x00\x01\x01"  # ChangeCipherSpec
# "bad certificate", as a client seals it whose master secret is zero
_ALERT = bytes.fromhex("150303001a00000000000000003036a2cd3a12ca6d3c9596081c5e2f549371")
_POP3 = ("S", b"+OK\r\n"), ("C", b"USER b\r\nPASS x\r\n"), ("S", b"+OK\r\n+OK\r\n")

EXAMPLES: dict[str, Example] = {
    "bare-lf": _smtp(("C", b"NOOP\n"), ("S", b"250 ok\r\n")),
    "bare-cr": _smtp(("C", b"NOOP a\rb\r\n"), ("S", b"250 ok\r\n")),
    "bare-dot": _data(b"Subject: x\r\n\r\nx\n.\nMAIL FROM:<>\r\n.\r\n"),
    "line-too-long": _smtp(("C", b"NOOP " + b"x" * 2042 + b"\r\n"), ("S", b"500 ok\r\n")),
    "eight-bit": _smtp(("C", b"NOOP \xe9\r\n"), ("S", b"250 ok\r\n")),
    "unanswered": _smtp(("C", b"NOOP\r\n")),
    "unsolicited-reply": _smtp(("S", b"250 and another\r\n")),
    "out-of-order": _smtp(("C", b"RCPT TO:<b@example.org>\r\n"), ("S", b"503 MAIL first\r\n")),
    "unknown-command": _smtp(("C", b"HELLO\r\n"), ("S", b"500 what?\r\n")),
    "bad-reply": _smtp(("C", b"NOOP\r\n"), ("S", b"ok\r\n250 ok\r\n")),
    "code-mismatch": _smtp(("C", b"HELP\r\n"), ("S", b"214-one\r\n250 two\r\n")),
    "bad-size": _smtp(("C", b"BDAT -1 LAST\r\n"), ("S", b"501 no\r\n")),
    "bad-tag": Example((("S", b"* OK\r\n"), ("C", b"+1 NOOP\r\n"), ("S", b"* BAD no tag\r\n")), 143),
    "no-final-dot": Example(
        (*_POP3, ("C", b"LIST\r\nSTAT\r\n"), ("S", b"+OK\r\n1 120\r\n+OK 1 120\r\n")), 110
    ),
    "truncated": _smtp(("C", b"NOO"), ("S", b"421 too slow\r\n")),
    "gap": _smtp(("C?", b"OP\r\nQUIT\r\n"), ("S", b"221 bye\r\n")),
    "one-sided": Example((("C", b"EHLO a.example\r\nQUIT\r\n"),)),
    "not-mail": Example((("C", b"GET / HTTP/1.1\r\n\r\n"), ("S", b"HTTP/1.1 200 OK\r\n\r\n"))),
    "not-tls": _smtp(("C", b"STARTTLS\r\n"), ("S", b"220 go\r\n"), ("C", b"QUIT\r\n"), ("S", b"221 bye\r\n")),
    "behind-starttls": _smtp(
        *(("C", b"STARTTLS\r\nMAIL FROM:<>\r\n"), ("S", b"220 go\r\n")),
        *_tls(_GCM, keys=b"").said,
    ),
    "no-keys": _tls(_GCM, keys=b""),
    "cipher-unsupported": _tls(_RC4, keys=_key_log(0)),
    "not-opened": _tls(_GCM, ("C!", _BEGIN + _ALERT), keys=_key_log(1)),
    "tls-alert": _tls(_GCM, ("C!", _BEGIN + _ALERT), keys=_key_log(0)),
    "compressed": Example(
        (
            ("S", b"* PREAUTH ready\r\n"),
            *(("C", b"a COMPRESS DEFLATE\r\n"), ("S", b"a OK\r\n"), ("C", b"b NOOP\r\n")),
        ),
        143,
    ),
    "bad-proxy": Example((("C", b"PROXY TCP4 a b\r\nQUIT\r\n"), ("S", b"220 mx.example.org\r\n221 bye\r\n"))),
    "bad-dns": Example((("C", b"mx?"),), 53, udp=True),
}
