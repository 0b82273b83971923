"""Where fetched messages are put: a folder of .eml files, or an mbox (RFC 4155).

What `add` was given is on the disk, synced, when it returns: only then may a server be told to
delete it.  `Seen`, a small JSON file beside the messages, remembers what was fetched, by the
server's unique-ids.  It is written behind the messages, so that what is cut off in between is
fetched once more, and nothing is lost.

One process at a time keeps messages in a place, where the system has locks that end with their
process; a second one would forget, or cut away, what the first is about to have deleted.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

from labkit.capture.files import whole_file
from labkit.clients.pop3 import Retrieved
from labkit.errors import LabError

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)
_UNQUOTED = re.compile(rb"(?<!>)From ")  # not only at the beginning of a line: one before it may be cut off


class Seen:
    """What was fetched from one account, and when: unique-id -> time; the file may serve several.

    `unfinished` is where an mbox ended before messages were added to it, and the line with which
    each of these begins; None once they are there.
    """

    def __init__(self, path: Path, account: str) -> None:
        self._path = path
        self._account = account
        self._file: dict[str, Any] = {"unfinished": None, "accounts": {}}
        try:
            if path.exists():
                self._file |= json.loads(path.read_text("utf-8"))
            found = self._file["accounts"].setdefault(account, {})
            self.times = {name: datetime.fromisoformat(time) for name, time in found.items()}
        except OSError as error:
            raise LabError(f"cannot read {path}: {error.strerror or error}") from error
        except (ValueError, AttributeError, TypeError) as error:
            raise LabError(f"{path} is not what labkit fetch has written there") from error

    @property
    def unfinished(self) -> tuple[int, bytes] | None:
        match self._file["unfinished"]:
            case [int(size), str(line)]:
                return size, line.encode()
        return None

    def begin(self, size: int, line: bytes) -> None:
        self._file["unfinished"] = [size, line.decode()]
        self.save()

    def add(self, names: Iterable[str], time: datetime) -> None:
        """These are kept now."""
        self._file["unfinished"] = None
        self.times |= dict.fromkeys(names, time)
        self.save()

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget what the server no longer has."""
        left = set(names)
        self.times = {name: time for name, time in self.times.items() if name in left}
        self.save()

    def save(self) -> None:
        self._file["accounts"][self._account] = {name: t.isoformat() for name, t in self.times.items()}
        _write(self._path, json.dumps(self._file, indent=1).encode() + b"\n")


class Shelf(Protocol):
    seen: Seen

    def add(self, messages: list[Retrieved], time: datetime) -> None:
        """Keep these safely, and remember that they are."""
        ...


class Folder:
    """A file for each message, named after its unique-id; the octets as they came."""

    def __init__(self, path: Path, account: str) -> None:
        self.seen = Seen(path / ".labkit-fetch.json", account)
        self._path = path

    def add(self, messages: list[Retrieved], time: datetime) -> None:
        for message in messages:
            self._put(quote(message.unique_id or str(message.number), safe=""), message.data)
        self.seen.add((message.unique_id or "" for message in messages), time)

    def _put(self, name: str, data: bytes) -> None:
        path, copies = self._path / f"{name}.eml", 1
        while path.exists() and path.read_bytes() != data:  # of another account
            copies += 1
            path = self._path / f"{name}-{copies}.eml"
        _write(path, data)


class Mbox:
    """One file, lines as the system ends them, "From " within a message quoted by ">"."""

    def __init__(self, path: Path, account: str) -> None:
        self.seen = Seen(path.with_name(f"{path.name}.fetched.json"), account)
        self._path = path
        if (unfinished := self.seen.unfinished) is not None:
            self._take_back(*unfinished)

    def _take_back(self, size: int, line: bytes) -> None:
        """What was cut off when this program ended will be fetched again: it goes, if it is all there is.

        A mail program may have written since, or have taken out what lay before it.  Then all of it
        stays: one message too many is better than one too few.
        """
        with self._path.open("r+b") as file:
            file.seek(size)
            added = file.read()
            if added.startswith(line[: len(added)]) and not _UNQUOTED.search(added.replace(line, b"")):
                file.truncate(size)

    def add(self, messages: list[Retrieved], time: datetime) -> None:
        try:
            with self._path.open("a+b") as file:  # behind all that others write, at any time
                file.write(_gap(file))
                file.flush()
                self.seen.begin(file.seek(0, os.SEEK_END), first_line(time))
                for message in messages:
                    file.write(mbox_entry(message.data, time))
                _sync(file.fileno())
        except OSError as error:
            raise LabError(f"cannot write {self._path}: {error.strerror or error}") from error
        _sync_folder(self._path.parent)
        self.seen.add((message.unique_id or "" for message in messages), time)


def mbox_entry(message: bytes, time: datetime) -> bytes:
    """A message as an mbox has it: the line that begins it, its lines, an empty one (RFC 4155)."""
    lines = message.replace(b"\r\n", b"\n").removesuffix(b"\n")
    return b"%b\n%b\n\n" % (first_line(time), _FROM.sub(rb">\1", lines))


def first_line(time: datetime) -> bytes:
    return b"From MAILER-DAEMON " + time.ctime().encode()


def _gap(file: BinaryIO) -> bytes:
    """What is missing of the empty line behind the last message of an mbox."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - 2))
    end = file.read()
    return b"" if end in (b"", b"\n\n") else b"\n" if end.endswith(b"\n") else b"\n\n"


@contextmanager
def shelf(path: Path, account: str) -> Iterator[Shelf]:
    """The mbox, for a name that ends in .mbox or a file that is there; else the folder.

    It is this process's alone while in this block; LabError if another has it, or it cannot be made.
    """
    is_file = path.suffix == ".mbox" or path.is_file()
    try:
        if is_file:
            path.open("ab").close()
        else:
            path.mkdir(parents=True, exist_ok=True)
        lock = _lock(path)
    except OSError as error:
        raise LabError(f"cannot keep messages in {path}: {error.strerror or error}") from error
    try:
        yield Mbox(path, account) if is_file else Folder(path, account)
    finally:
        if lock is not None:
            os.close(lock)


def _lock(path: Path) -> int | None:
    """A descriptor with a lock that ends with it; None where the system has no such locks."""
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LabError(f"{path} is in use: another program is putting mail there") from None
    except OSError:  # some file systems of other machines
        os.close(descriptor)
        return None
    return descriptor


def _write(path: Path, data: bytes) -> None:
    with whole_file(path) as part, part.open("wb") as file:
        file.write(data)
        file.flush()
        _sync(file.fileno())
    _sync_folder(path.parent)


def _sync(descriptor: int) -> None:
    os.fsync(descriptor)


def _sync_folder(path: Path) -> None:
    """Let the names in a folder be on the disk too, where a system can be told so."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)
