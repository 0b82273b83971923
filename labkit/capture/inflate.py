"""What deflated octets say (RFC 1951), as IMAP sends them behind COMPRESS DEFLATE (RFC 4978).

Each piece is unpacked as it comes.  What does not unpack ends it, and so does a bomb: octets
that unpack to far more than mail does.
"""

from __future__ import annotations

import zlib

ENOUGH = 1 << 26  # octets unpacked before anybody asks out of how few they came
RATIO = 100  # octets unpacked for each packed one that are believed then


class Inflater:
    """The octets of one direction; `trouble` says why nothing more is unpacked."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self._stream = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        self._packed = self._unpacked = 0

    def feed(self, octets: bytes) -> bytes:
        """What the next octets unpack to."""
        if self.trouble is not None:
            return b""
        self._packed += len(octets)
        most = max(ENOUGH, RATIO * self._packed) - self._unpacked
        try:
            found = self._stream.decompress(octets, most)
        except zlib.error:
            self.trouble = "these octets do not unpack"
            return b""
        self._unpacked += len(found)
        if self._stream.unconsumed_tail:
            self.trouble = f"{self._packed} octets unpack to more than {self._unpacked}"
        elif self._stream.eof and self._stream.unused_data:
            self.trouble = "octets stand behind the end of what is packed"
        return found
