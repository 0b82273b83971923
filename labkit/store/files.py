"""Messages out of files: a single .eml, an mbox (RFC 4155), a Maildir.

Files keep lines as the system does; what comes out ends every line in CRLF, as it would
have arrived.  In an mbox a ">" is taken off where it was put before "From ", however often (the
mboxrd rule).  A Maildir has flags and dates too.  The files are only read, never locked or changed.
"""

from __future__ import annotations

import mailbox
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from labkit.errors import LabError
from labkit.store.mailbox import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN

LETTERS = {DRAFT: "D", FLAGGED: "F", ANSWERED: "R", SEEN: "S", DELETED: "T"}
"""A Maildir's letters for flags, in their order."""

_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_LINE_END = re.compile(rb"\r?\n")


class Letter(NamedTuple):
    """A message out of a file, with what else is known of it; without a date, it is new."""

    data: bytes
    flags: frozenset[str] = frozenset()
    date: datetime | None = None


class Damaged(LabError):
    """A file of mail that has something in it which cannot be mail: where, and what."""


def read_messages(path: Path) -> Iterator[bytes]:
    """The octets of `read_letters`."""
    return (letter.data for letter in read_letters(path))


def read_letters(path: Path) -> Iterator[Letter]:
    """The messages in a file or folder, in the order they lie there.

    A folder must be a Maildir (with cur and new); a file that begins with "From " is an mbox, any
    other file is one message.  Raises LabError for what is none of them, is damaged or cannot be read;
    of a Maildir, behind all messages that are whole.
    """
    try:
        yield from _letters(path)
    except OSError as error:
        raise LabError(f"cannot read {error.filename or path}: {error.strerror or error}") from error


def _letters(path: Path) -> Iterator[Letter]:
    if path.is_dir():
        if not (path / "cur").is_dir() or not (path / "new").is_dir():
            raise LabError(f"{path} is a folder, but no Maildir: it has no cur and new in it")
        yield from _maildir(path)
        return
    data = path.read_bytes()
    if not data:
        raise LabError(f"{path} is empty: there is no message in it")
    if not data.startswith(b"From "):
        if path.suffix == ".mbox":
            raise Damaged(f"{path} is damaged: expected 'From ' at octet 0 (RFC 4155)")
        yield Letter(canonical(data))
        return
    _sound(data, str(path))
    box = mailbox.mbox(path, create=False)
    try:
        yield from (Letter(canonical(_QUOTED.sub(rb"\1", box.get_bytes(key)))) for key in box.iterkeys())
    finally:
        box.close()


def _maildir(path: Path) -> Iterator[Letter]:
    damaged: list[str] = []
    for key, found in sorted(_files(path).items()):
        try:
            letter = _read(found)
        except FileNotFoundError:  # a mail program has read it meanwhile, or taken it out
            moved = _files(path).get(key)
            if moved is None:
                continue
            letter = _read(moved)
        try:
            _sound(letter.data, f"{path}, {key}")
        except Damaged as error:
            damaged.append(str(error))
        else:
            yield letter._replace(data=canonical(letter.data))
    if damaged:
        raise Damaged("; ".join(damaged))


def _files(path: Path) -> dict[str, Path]:
    """The files of a Maildir, by the part of their names that stays: what stands before ":2," and flags."""
    files = [file for part in ("new", "cur") for file in (path / part).iterdir()]
    return {file.name.partition(":")[0]: file for file in files if not file.name.startswith(".")}


def _read(file: Path) -> Letter:
    letters = file.name.partition(":2,")[2]
    flags = frozenset(flag for flag, letter in LETTERS.items() if letter in letters)
    return Letter(file.read_bytes(), flags, datetime.fromtimestamp(file.stat().st_mtime, UTC))


def _sound(data: bytes, name: str) -> bytes:
    """Blocks of NULs are what a crash leaves of a mailbox, and no message has any (RFC 5322 4)."""
    nul = data.find(b"\0")
    if nul >= 0:
        raise Damaged(f"{name} is damaged: a NUL at octet {nul}")
    return data


def canonical(message: bytes) -> bytes:
    """The message with CRLF at the end of every line."""
    return _LINE_END.sub(b"\r\n", message)
