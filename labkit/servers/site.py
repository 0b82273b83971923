"""What the servers of one host share: its name, its mailboxes, its clock, its certificate."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labkit.store.accounts import Store


@dataclass(frozen=True)
class Site:
    """One host, as its servers know it.

    `now` is the network's clock (aware, UTC); `token(n)` gives n characters of
    [0-9a-z] that were not given before: from the world's seed when simulated, from the
    operating system's randomness on real ports.  `tls` makes the server's TLS context, the first
    time anybody asks for TLS; None where the host offers none.
    """

    hostname: str
    store: Store
    now: Callable[[], datetime]
    token: Callable[[int], str]
    tls: Callable[[], ssl.SSLContext] | None = None
