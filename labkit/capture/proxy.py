"""The header that a proxy puts before what its client says (the PROXY protocol, versions 1 and 2).

It tells the server whose connection this is: a line of text (2.1) or a block of octets (2.2).  It has
no reply, and TLS may begin right behind it.
"""

from __future__ import annotations

import re
import struct
from ipaddress import ip_address
from typing import NamedTuple

LONGEST_LINE = 107  # octets of version 1, line end and all
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # of version 2
FIXED = 16  # octets of version 2 that always stand there

_LINE = re.compile(
    rb"PROXY (UNKNOWN(?: [ -~]*)?|TCP4 [0-9.]+ [0-9.]+ [0-9]+ [0-9]+"
    rb"|TCP6 [0-9A-Fa-f:.]+ [0-9A-Fa-f:.]+ [0-9]+ [0-9]+)\r\n"
)


class Header(NamedTuple):
    """`end` is the index behind the header, 0 if there is none; `argument` what version 1 would say."""

    end: int
    argument: bytes = b""
    valid: bool = True


NONE = Header(0)


def read(data: bytes | bytearray, ended: bool) -> Header | None:
    """The header that what a client sent begins with; None while that cannot be told."""
    if data[:12] == SIGNATURE:
        return _version_2(bytes(data[: FIXED + 65536]), ended)
    if data[:6] == b"PROXY ":
        end = data.find(b"\n", 0, LONGEST_LINE) + 1
        if not end:
            return NONE if ended or len(data) >= LONGEST_LINE else None
        line = bytes(data[:end])
        return Header(end, line[6:].rstrip(b"\r\n"), _LINE.fullmatch(line) is not None)
    begun = bool(data) and (SIGNATURE.startswith(data[:12]) or b"PROXY ".startswith(data[:6]))
    return None if begun and not ended else NONE


def _version_2(data: bytes, ended: bool) -> Header | None:
    if len(data) < FIXED or len(data) < FIXED + (size := int.from_bytes(data[14:16], "big")):
        return NONE if ended else None
    command, kind, body = data[12], data[13], data[FIXED : FIXED + size]
    end, valid = FIXED + size, command in (0x20, 0x21)
    width = {0x11: 4, 0x21: 16}.get(kind, 0)
    if command == 0x20:
        return Header(end, b"LOCAL")
    if not width or len(body) < 2 * width + 4:
        return Header(end, b"UNKNOWN", valid and not width)
    source, target = ip_address(body[:width]), ip_address(body[width : 2 * width])
    ports = struct.unpack_from(">HH", body, 2 * width)
    name = "TCP4" if width == 4 else "TCP6"
    return Header(end, f"{name} {source} {target} {ports[0]} {ports[1]}".encode(), valid)
