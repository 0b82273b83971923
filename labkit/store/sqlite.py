"""A store in a folder: memory as ever, and beside it a copy in SQLite that outlives the process.

    store = open_store(Path("lab"), now)

`Shelf` is the journal.  Each transaction of the store is one of SQLite's, synced before the call
returns: what a server has acknowledged is on the disk, and there is never half of a change.
The database is in WAL mode with synchronous=FULL: one fsync per transaction, where a rollback
journal needs three or more; with NORMAL the last transactions would go with the power.  An
operation on many messages is one transaction; those of different sessions are never put together,
since each of them is answered before the next begins.

Everything but the messages' octets is read into memory when the folder is opened; those are read
when asked for, and compared with a checksum.

One process has the folder at a time: SQLite's exclusive lock, which ends with the process
however that ends.  A full disk, or a damaged one, is a `StoreError` with nothing changed.  What
cannot be opened is a `LabError`: a folder in use, somebody else's files, damage, another format.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from labkit.errors import LabError
from labkit.store import rows
from labkit.store.accounts import Account, Store
from labkit.store.journal import Body, Imported, Journal, MessageKey, Touched
from labkit.store.mailbox import Mailbox, StoreError
from labkit.store.spool import Parcel

FILE = "store.sqlite"
APPLICATION = 0x6C61626B  # "labk", in the header of the file
FORMAT = len(rows.FORMATS)
"""Of the file.  One with a smaller number is brought up to this; one with a greater is refused."""


def open_store(folder: Path, now: Callable[[], datetime], *, create: bool = True) -> Store:
    """The store in a folder, to be closed at the end; made, with the folder, if there is none."""
    file = folder / FILE
    database = None
    try:
        if not file.exists():
            _make(folder, file, create)
        if not (os.access(folder, os.W_OK) and os.access(file, os.W_OK)):
            raise LabError("it is read-only")
        database = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
        shelf = Shelf(database)
        shelf.prepare()
        store = Store(now, shelf)
        shelf.load(store)
    except BaseException as error:
        if database is not None:
            database.close()
        if isinstance(error, LabError):
            raise LabError(f"cannot use {folder} as a store: {error}") from error
        if isinstance(error, OSError):
            raise LabError(f"cannot use {folder} as a store: {error.strerror or error}") from error
        if isinstance(error, sqlite3.Error | ValueError | LookupError | TypeError):
            raise LabError(f"cannot use {folder} as a store: {_reason(error)}") from error
        raise
    return store


def _make(folder: Path, file: Path, create: bool) -> None:
    """An empty file that only its owner can read: there will be passwords in it."""
    if not create:
        raise LabError(f"there is no {FILE} in it")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (names := [each.name for each in folder.iterdir()]) and FILE not in names:
        raise LabError(f"it has other files in it, and no {FILE}")
    with suppress(FileExistsError):  # another process has made it meanwhile, and has the lock now
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    for directory in (folder, folder.parent):
        with suppress(OSError):  # not every system can
            handle = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


class Filed:
    """The octets of a message on the shelf."""

    __slots__ = ("id", "octets", "shelf", "unwritten")

    def __init__(self, shelf: Shelf, id: int, octets: int, unwritten: bytes | None = None) -> None:
        self.shelf = shelf
        self.id = id
        self.octets = octets
        self.unwritten = unwritten

    def __len__(self) -> int:
        return self.octets

    def __bytes__(self) -> bytes:
        return self.shelf.read(self.id) if self.unwritten is None else self.unwritten

    def __del__(self) -> None:
        """No mailbox has it any more, and no session still reads it."""
        self.shelf.unused.append(self.id)


class Shelf(Journal):
    """The database, as the journal of a store."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.unused: list[int] = []  # bodies that go with the next transaction
        self._database = database
        self._last_body = 0
        self._store: Store | None = None

    def prepare(self) -> None:
        """Take the lock, and make the tables if there are none; LabError if this is no store's file."""
        execute = self._database.execute
        execute("PRAGMA locking_mode = EXCLUSIVE")
        (application,) = execute("PRAGMA application_id").fetchone()
        (version,) = execute("PRAGMA user_version").fetchone()
        (tables,) = execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application != APPLICATION:
            raise LabError(f"{FILE} was not made by labkit")
        if tables and version > FORMAT:
            raise LabError(f"{FILE} has format {version}, and this labkit knows only those up to {FORMAT}")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA fullfsync = ON")  # macOS, where an fsync alone stays in the disk's own memory
        with self._transaction():  # takes the lock in any case
            for number, statements in enumerate(rows.FORMATS[version:], version + 1):
                for statement in statements:
                    execute(statement)
                execute(f"PRAGMA application_id = {APPLICATION}")
                execute(f"PRAGMA user_version = {number}")

    def load(self, store: Store) -> None:
        """All that was kept.  A body that nothing refers to was to be removed when the last process ended."""
        execute = self._database.execute
        bodies = {id: Filed(self, id, octets) for id, octets in execute("SELECT id, octets FROM body")}
        self._last_body = max(bodies, default=0)
        rows.load(execute, store, bodies)
        self._store = store

    # What the store asks

    def file(self, data: Body) -> Filed:
        if isinstance(data, Filed) and data.shelf is self:
            return data
        self._last_body += 1
        return Filed(self, self._last_body, len(data), bytes(data))

    def write(self, touched: Collection[Touched]) -> None:
        written: dict[int, Filed] = {}
        unused, self.unused = self.unused, []
        try:
            with self._transaction() as execute:
                for id in unused:
                    execute("DELETE FROM body WHERE id = ?", (id,))
                    execute("DELETE FROM content WHERE body = ?", (id,))

                def file(body: Body) -> int:
                    assert isinstance(body, Filed), "what is in this store was filed here"
                    if (data := body.unwritten) is not None and body.id not in written:
                        rows.write_body(execute, body.id, data)
                        written[body.id] = body
                    return body.id

                for each in touched:
                    match each:
                        case MessageKey(mailbox, uid):
                            rows.write_message(execute, mailbox, uid, file)
                        case Imported(account, name):
                            rows.write_imported(execute, account, name)
                        case Mailbox():
                            rows.write_mailbox(execute, each)
                        case Account():
                            rows.write_account(execute, each)
                        case Parcel():
                            rows.write_parcel(execute, each, file)
        except sqlite3.Error as error:
            self.unused += unused
            raise _refusal(error) from error
        for body in written.values():
            body.unwritten = None

    def close(self) -> None:
        """Keep, if possible, what sessions have seen as recent; then another process may come."""
        store, self._store = self._store, None
        if store is not None:
            boxes = [box for account in store.accounts for box in account.names.values() if box is not None]
            with suppress(StoreError):  # a message may be recent twice (RFC 3501 2.3.2)
                self.write(boxes)
        self._database.close()

    def read(self, id: int) -> bytes:
        """The octets of a body; StoreError if they are not those that were written."""
        try:
            return rows.read_body(self._database.execute, id)
        except sqlite3.Error as error:
            raise _refusal(error) from error
        except rows.Damage as damage:
            where = f"body {id} in {FILE}, from octet {damage.offset} on"
            raise StoreError("CORRUPTION", f"the message is damaged on the disk ({where})") from None

    @contextmanager
    def _transaction(self) -> Iterator[rows.Execute]:
        execute = self._database.execute
        execute("BEGIN IMMEDIATE")
        try:
            yield execute
            execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:  # some errors have ended it already
                execute("ROLLBACK")
            raise


def _name(error: Exception) -> str:
    """SQLite's own name for what went wrong, such as SQLITE_FULL."""
    return str(getattr(error, "sqlite_errorname", None))


def _reason(error: Exception) -> str:
    """Why a folder cannot be opened."""
    name = _name(error)
    if name.startswith("SQLITE_BUSY"):
        return "another process is using it"
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
        return f"{FILE}: {error}"
    return f"{FILE} is damaged ({error})"


def _refusal(error: sqlite3.Error) -> StoreError:
    """Why something could not be read or written, in IMAP's words (RFC 5530 3)."""
    if _name(error).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return StoreError("CORRUPTION", f"the store is damaged on the disk ({error})")
    if isinstance(error, sqlite3.ProgrammingError):
        return StoreError("UNAVAILABLE", "the store is closed")
    return StoreError("UNAVAILABLE", f"the store cannot be used now: {error}")
