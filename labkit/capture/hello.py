"""Where TLS begins in a connection: at once, or behind STARTTLS or STLS (RFC 3207, 2595, 9051 6.2.1).

A TLS record begins with its type, the version (3.x) and its length; a handshake's first
octet says whether it is the client's hello or the server's (RFC 8446 4, 5.1).  Octets like these within
a message are no TLS: nothing but the beginning of the stream, a proxy's header or the end of a line
goes before them, and a STARTTLS before that line.
"""

from __future__ import annotations

import re

from labkit.capture import proxy

HELLO = rb"\x16\x03[\x00-\x04][\x00-\x48]."
CLIENT_HELLO = re.compile(HELLO + rb"\x01\x00", re.DOTALL)
SERVER_RECORD = re.compile(HELLO + rb"\x02\x00|\x15\x03[\x00-\x04]\x00\x02", re.DOTALL)  # or an alert
STARTTLS = re.compile(rb"^(?:[^\s]+ )?(?:STARTTLS|STLS)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)


def tls_begins(client: bytes, server: bytes) -> tuple[int | None, int | None]:
    """The offset of the first TLS record of each side, None where there is none."""
    proxied = proxy.read(client, True) or proxy.NONE
    if CLIENT_HELLO.match(client, proxied.end):
        return proxied.end, _first(SERVER_RECORD, server)
    client_at = _first(CLIENT_HELLO, client)
    if client_at and not STARTTLS.search(client, 0, client_at):
        client_at = None
    if client_at is None and client:
        return None, None
    return client_at, _first(SERVER_RECORD, server)


def _first(pattern: re.Pattern[bytes], data: bytes) -> int | None:
    for match in pattern.finditer(data):
        at = match.start()
        if at == 0 or data[at - 1] == 0x0A:
            return at
    return None
