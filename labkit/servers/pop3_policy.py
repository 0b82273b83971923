"""What one POP3 server offers, and when it opens a maildrop (RFC 2449 5 and 6, RFC 3206)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from labkit.grammar import sasl
from labkit.grammar.pop3 import Command, Reply
from labkit.servers.registry import Registry
from labkit.servers.site import Site
from labkit.store.accounts import Account
from labkit.store.changes import Maildrop
from labkit.store.mailbox import StoreError

Handler: TypeAlias = Callable[[Any, Command], Reply]
"""A method of `Pop3Session` that answers a command."""

REGISTRY: Registry[Handler] = Registry("pop3")
provides = REGISTRY.provides

NEVER = None
"""For `expire`: messages stay until somebody deletes them."""


class Refused(Exception):
    """The command is answered with "-ERR", this text, and a code for programs (RFC 2449 8)."""

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


def code_of(error: StoreError) -> str:
    """What a store refuses, in POP3's words (RFC 5530 3, RFC 3206 4)."""
    return "SYS/PERM" if error.code == "CORRUPTION" else "SYS/TEMP"


@dataclass(frozen=True)
class Policy:
    """The terms of one server; `Pop3Session` says what the fields mean."""

    hidden: frozenset[str] = frozenset()
    login_delay: int = 0
    expire: int | None = NEVER

    @property
    def mechanisms(self) -> list[str]:
        """Those that AUTH takes."""
        return [name for name in sasl.MECHANISMS if f"SASL {name}" not in self.hidden]

    def offers(self, capability: str) -> bool:
        if capability == "LOGIN-DELAY" and not self.login_delay:
            return False
        if capability == "SASL" and not self.mechanisms:
            return False
        return capability not in self.hidden

    @provides("IMPLEMENTATION")
    def line(self, capability: str) -> str:
        """A capability with its arguments, as CAPA lists it."""
        arguments = {
            "SASL": " ".join(self.mechanisms),
            "LOGIN-DELAY": str(self.login_delay),
            "EXPIRE": "NEVER" if self.expire is NEVER else str(self.expire),
            "UTF8": "USER",  # names and passwords may have it too (RFC 6856 2.2)
            "IMPLEMENTATION": "labkit",
        }
        return f"{capability} {arguments.get(capability, '')}".rstrip()

    @provides("RESP-CODES")
    @provides("AUTH-RESP-CODE")
    def code(self, code: str) -> str | None:
        """A response code, if the capability that announces it is offered."""
        of_logins = code == "AUTH" or code.startswith("SYS/")
        return code if self.offers("AUTH-RESP-CODE" if of_logins else "RESP-CODES") else None

    def open(self, site: Site, account: Account) -> Maildrop:
        """The maildrop of a user who has logged in, with its lock; raises Refused."""
        if self.login_delay:
            self._keep_delay(site, account)
        try:
            self._remove_expired(site, account)
            maildrop = Maildrop(account)
        except StoreError as error:
            if error.code == "INUSE":
                raise Refused("maildrop already locked", "IN-USE") from None
            raise Refused(f"the maildrop cannot be opened: {error}", code_of(error)) from None
        if self.login_delay:  # counts from a "+OK" (RFC 2449 6.5)
            account.last_login = site.now()
            with suppress(StoreError):  # a full disk keeps nobody from their mail
                account.save()
        return maildrop

    @provides("LOGIN-DELAY")
    def _keep_delay(self, site: Site, account: Account) -> None:
        last = account.last_login
        if last is not None and site.now() - last < timedelta(seconds=self.login_delay):
            raise Refused(f"only one login in {self.login_delay} seconds", "LOGIN-DELAY")

    @provides("EXPIRE")
    def _remove_expired(self, site: Site, account: Account) -> None:
        if self.expire and account.lock():  # else another session reads them: nothing goes (RFC 1939 4)
            oldest = site.now() - timedelta(days=self.expire)
            try:
                account.inbox.expunge([each.uid for each in account.inbox if each.internal_date <= oldest])
            finally:
                account.unlock()
