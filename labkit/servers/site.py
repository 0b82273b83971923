"""What the servers of one host share: its name, its mailboxes, its clock, its certificate, its logins."""

from __future__ import annotations

import hashlib
import hmac
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labkit.store.accounts import Account, Store

LOGIN_PENALTY = 0.5
"""Seconds; who guesses passwords has to wait for each answer."""


@dataclass(frozen=True)
class Site:
    """One host, as its servers know it; the keyring of its logins (see `labkit.grammar.sasl`).

    `now` is the network's clock (aware, UTC); `token(n)` gives n characters of
    [0-9a-z] that were not given before: from the world's seed when simulated, from the
    operating system's randomness on real ports.  `tls` makes the server's TLS context, the first
    time anybody asks for TLS; None where the host offers none.  `check_token` judges the access
    tokens of OAUTHBEARER and XOAUTH2, as (user, token); without it each account has its own.
    `login_penalty` is how many seconds the refusal of a login takes.
    """

    hostname: str
    store: Store
    now: Callable[[], datetime]
    token: Callable[[int], str]
    tls: Callable[[], ssl.SSLContext] | None = None
    check_token: Callable[[str, str], bool] | None = None
    login_penalty: float = LOGIN_PENALTY

    def account(self, user: str) -> Account:
        """The account of a user who has logged in."""
        account = self.store.named(user)
        assert account is not None, "no login is granted to a user who is not there"
        return account

    # What the mechanisms ask

    def password(self, user: str) -> str | None:
        """The user's password; None if there is no such user."""
        account = self.store.named(user)
        return account.password if account else None

    def salt(self, user: str) -> bytes:
        """SCRAM's salt, the same each time, for users who are not there too.

        Made of names, so that the lab's octets are the same in every run.  A server whose
        passwords are worth something draws it by lot.
        """
        return hashlib.sha256(f"{self.hostname} {user.lower()}".encode()).digest()[:16]

    def accepts(self, user: str, token: str) -> bool:
        """Whether an access token is good for this user; nobody's costs the same as a wrong one."""
        account = self.store.named(user)
        if self.check_token is not None:
            return self.check_token(user, token) and account is not None
        expected = account.token if account else ""
        return hmac.compare_digest(expected.encode(), token.encode()) and account is not None

    def timestamp(self) -> str:
        """A text that was never said before: APOP's and CRAM-MD5's challenge (RFC 1939 7, RFC 2195 2)."""
        return f"<{self.token(8)}.{int(self.now().timestamp())}@{self.hostname}>"
