"""The secrets of TLS sessions, as browsers, curl, OpenSSL and labkit log them (RFC 9850, SSLKEYLOGFILE).

A line is a label, the random octets of the session's ClientHello and a secret, in hexadecimal.  Lines
that are none are passed over, as the format asks; a file in which no line is one is refused.  A key log
is read where somebody names it: the environment variable is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from labkit.errors import LabError

if TYPE_CHECKING:
    from typing import Self

_LINE = re.compile(rb"^([A-Z][A-Z0-9_]*) ([0-9A-Fa-f]{64}) ((?:[0-9A-Fa-f]{2})+)[ \t]*\r?$", re.MULTILINE)

MASTER_SECRET = "CLIENT_RANDOM"  # the label of TLS 1.2 and before

Where = str | PathLike[str]


class KeyLog:
    """Secrets by session: `of` one gives them by their labels."""

    def __init__(self, text: bytes = b"") -> None:
        self._sessions: dict[bytes, dict[str, bytes]] = {}
        self.add(text)

    @classmethod
    def read(cls, path: Where) -> Self:
        """The key log in a file; raises LabError if there is none, or it holds something else."""
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise LabError(f"cannot read {fspath(path)}: {error.strerror or error}") from None
        found = cls(text)
        if not found and re.search(rb"^[^#\s]", text, re.MULTILINE):
            raise LabError(f"{fspath(path)} is no key log: no line has a label, a random and a secret")
        return found

    def add(self, text: bytes) -> None:
        """Take in more lines."""
        for label, random, secret in _LINE.findall(text):
            session = self._sessions.setdefault(bytes.fromhex(random.decode()), {})
            session[label.decode()] = bytes.fromhex(secret.decode())

    def of(self, client_random: bytes) -> Mapping[str, bytes]:
        """The secrets of the session whose ClientHello has these random octets; empty if none are known."""
        return self._sessions.get(client_random, {})

    def copy(self) -> KeyLog:
        """Another with the same secrets."""
        other = KeyLog()
        other._sessions = {random: dict(secrets) for random, secrets in self._sessions.items()}
        return other

    def text(self) -> bytes:
        """All of it in the form it is read from."""
        return b"".join(
            b"%s %s %s\n" % (label.encode(), random.hex().encode(), secret.hex().encode())
            for random, secrets in self._sessions.items()
            for label, secret in secrets.items()
        )

    def __len__(self) -> int:
        return len(self._sessions)

    def __repr__(self) -> str:
        return f"<KeyLog of {len(self)} TLS sessions>"


def key_log(keys: KeyLog | Where | None) -> KeyLog | None:
    """A key log, or the one in a file."""
    return keys if keys is None or isinstance(keys, KeyLog) else KeyLog.read(keys)
