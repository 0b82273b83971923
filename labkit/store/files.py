"""Messages out of files: a single .eml, an mbox (RFC 4155), a Maildir.

Files keep lines as the system does; what comes out ends every line in CRLF, as it would
have arrived.  In an mbox a ">" is taken off where it was put before "From ", however often (the
mboxrd rule).  The files are only read, never locked or changed.
"""

from __future__ import annotations

import mailbox
import re
from collections.abc import Iterator
from pathlib import Path

from labkit.errors import LabError

_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_LINE_END = re.compile(rb"\r?\n")


class Damaged(LabError):
    """A file of mail that has something in it which cannot be mail: where, and what."""


def read_messages(path: Path) -> Iterator[bytes]:
    """The messages in a file or folder, in the order they lie there.

    A folder must be a Maildir (with cur and new); a file that begins with "From " is an mbox, any
    other file is one message.  Raises LabError for what is none of them, is damaged or cannot be read;
    of a Maildir, behind all messages that are whole.
    """
    try:
        yield from _messages(path)
    except OSError as error:
        raise LabError(f"cannot read {error.filename or path}: {error.strerror or error}") from error


def _messages(path: Path) -> Iterator[bytes]:
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
        yield canonical(data)
        return
    _sound(data, str(path))
    box = mailbox.mbox(path, create=False)
    try:
        yield from (canonical(_QUOTED.sub(rb"\1", box.get_bytes(key))) for key in box.iterkeys())
    finally:
        box.close()


def _maildir(path: Path) -> Iterator[bytes]:
    folder = mailbox.Maildir(path, create=False)
    damaged: list[str] = []
    for key in sorted(folder.keys()):
        try:
            yield canonical(_sound(folder.get_bytes(key), f"{path}, {key}"))
        except KeyError:  # a mail program has taken it out meanwhile
            continue
        except Damaged as error:
            damaged.append(str(error))
    if damaged:
        raise Damaged("; ".join(damaged))


def _sound(data: bytes, name: str) -> bytes:
    """Blocks of NULs are what a crash leaves of a mailbox, and no message has any (RFC 5322 4)."""
    nul = data.find(b"\0")
    if nul >= 0:
        raise Damaged(f"{name} is damaged: a NUL at octet {nul}")
    return data


def canonical(message: bytes) -> bytes:
    """The message with CRLF at the end of every line."""
    return _LINE_END.sub(b"\r\n", message)
