"""Mailboxes into files that other programs read: mbox (RFC 4155), Maildir, or a file per message.

One folder per account, and in it a path per mailbox, level by level; what a file system does not
like in a name becomes %XX.  mbox and Maildir have lines as the system has them, and in an mbox a line
that begins with "From " gets a ">" (the mboxrd rule, which can be undone); .eml files are the
stored octets.  Maildir keeps the system flags.  Keywords are kept by none of the three.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Literal

from labkit.errors import LabError
from labkit.message.fields import get
from labkit.store.accounts import Account
from labkit.store.files import LETTERS
from labkit.store.mailbox import Mailbox, StoredMessage, StoreError

Format = Literal["mbox", "maildir", "eml"]

LONGEST = 200
"""Octets of a name, which with what comes behind it are fewer than the 255 of most file systems."""

_UNSAFE = re.compile(r'[/%\\:*?"<>|]|^\.|\.(?=(?:eml|mbox)$)|^[cnt](?=(?:ur|ew|mp)$)')
_FROM = re.compile(rb"^(>*From )", re.MULTILINE)


@dataclass
class Exported:
    """How many messages there are now in files, and what is wrong with the others."""

    messages: int = 0
    damaged: list[str] = field(default_factory=list)


def export(accounts: Sequence[Account], target: Path, format: Format) -> Exported:
    """Every message of these accounts, into a new folder; LabError if it cannot be written.

    A message that is damaged on the disk is left out, and named.
    """
    write = {"mbox": _write_mbox, "maildir": _write_maildir, "eml": _write_eml}[format]
    done = Exported()
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise LabError(f"{target} is not empty: name a new folder")
        for account in accounts:
            for entry in account.entries():
                if entry.mailbox is not None:
                    place = target.joinpath(*map(file_name, [account.address, *entry.name.split("/")]))
                    write(place, _readable(entry.mailbox, done))
    except OSError as error:
        raise LabError(f"cannot write {error.filename or target}: {error.strerror or error}") from error
    return done


def file_name(name: str) -> str:
    """An address, or one level of a mailbox's name, as the name of a file; a long one ends in a hash."""
    safe = _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", name)
    octets = safe.encode()
    if len(octets) <= LONGEST:
        return safe
    return octets[:LONGEST].decode(errors="ignore") + "%" + hashlib.sha256(name.encode()).hexdigest()[:16]


def _readable(box: Mailbox, done: Exported) -> Iterator[tuple[StoredMessage, bytes]]:
    for message in box:
        try:
            data = message.data
        except StoreError as error:
            done.damaged.append(f"message {message.uid} of {box.name} of {box.account.address}: {error}")
        else:
            done.messages += 1
            yield message, data


def _write_mbox(place: Path, messages: Iterator[tuple[StoredMessage, bytes]]) -> None:
    file = place.with_name(f"{place.name}.mbox")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for message, data in messages:
            path = b"".join((get(data, "Return-Path") or b"").strip(b" <>\r\n").split()) or b"MAILER-DAEMON"
            date = message.internal_date.astimezone(UTC).ctime().encode()
            out.write(b"From " + path + b" " + date + b"\n")
            text = _FROM.sub(rb">\1", data.replace(b"\r\n", b"\n"))
            out.write(text + (b"\n" if text.endswith(b"\n") else b"\n\n"))


def _write_maildir(place: Path, messages: Iterator[tuple[StoredMessage, bytes]]) -> None:
    for part in ("cur", "new", "tmp"):
        (place / part).mkdir(parents=True, exist_ok=True)
    for message, data in messages:
        since = message.internal_date.timestamp()
        flags = "".join(letter for flag, letter in LETTERS.items() if flag in message.flags)
        file = place / "cur" / f"{message.uid:010}.{since:.0f}.labkit:2,{flags}"
        file.write_bytes(data.replace(b"\r\n", b"\n"))
        os.utime(file, (since, since))


def _write_eml(place: Path, messages: Iterator[tuple[StoredMessage, bytes]]) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for message, data in messages:
        (place / f"{message.uid}.eml").write_bytes(data)
