"""How a store lies in tables: what `labkit.store.sqlite` keeps, as rows and back.

Memory is the original and a row its copy: writing replaces the row by what there is now, or removes
it where there is nothing any more.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeAlias
from zlib import crc32

from labkit.store.accounts import Account, Store
from labkit.store.journal import Body
from labkit.store.mailbox import Mailbox, StoredMessage
from labkit.store.spool import Parcel


class Damage(Exception):
    """The octets of a body are not those that were written, from `offset` on or a little behind it."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


FORMATS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE account (
            address TEXT PRIMARY KEY,
            password TEXT NOT NULL,       -- as it is: see labkit.store.accounts
            token TEXT NOT NULL,
            quota INTEGER,                -- octets
            levels TEXT NOT NULL,         -- JSON: names that are no mailboxes, but have some below them
            validities TEXT NOT NULL,     -- JSON: the greatest UIDVALIDITY that each name had
            subscriptions TEXT NOT NULL)  -- JSON""",
        """CREATE TABLE mailbox (
            id INTEGER PRIMARY KEY,
            account TEXT NOT NULL REFERENCES account,
            name TEXT NOT NULL,
            uidvalidity INTEGER NOT NULL,
            uidnext INTEGER NOT NULL,
            highestmodseq INTEGER NOT NULL,
            recent_from INTEGER NOT NULL,  -- messages from this UID on are recent
            use TEXT NOT NULL,             -- JSON
            keywords TEXT NOT NULL)        -- JSON""",
        """CREATE TABLE message (
            mailbox INTEGER NOT NULL REFERENCES mailbox,
            uid INTEGER NOT NULL,
            body INTEGER NOT NULL REFERENCES body,
            internal_date TEXT NOT NULL,  -- ISO 8601
            flags TEXT NOT NULL,          -- JSON
            modseq INTEGER NOT NULL,
            PRIMARY KEY (mailbox, uid)) WITHOUT ROWID""",
        """CREATE TABLE parcel (  -- the relay's queue
            id INTEGER PRIMARY KEY,
            label TEXT NOT NULL,
            body INTEGER NOT NULL REFERENCES body)""",
        # Copies share a body, and it goes some time after the last of them.
        """CREATE TABLE body (
            id INTEGER PRIMARY KEY,
            octets INTEGER NOT NULL,
            checksum INTEGER NOT NULL)  -- CRC-32""",
        # Apart from the rest, so that opening a store does not read all of it.
        """CREATE TABLE content (
            body INTEGER PRIMARY KEY REFERENCES body,
            data BLOB NOT NULL)""",
    ),
    (
        "ALTER TABLE account ADD COLUMN last_login TEXT",  # ISO 8601; NULL: never, by POP3
        # CRC-32 of each 4096 octets, so that it can be said where a message is damaged; NULL for older ones.
        "ALTER TABLE body ADD COLUMN parts BLOB",
        """CREATE TABLE imported (
            account TEXT NOT NULL REFERENCES account,
            name TEXT NOT NULL,  -- of a message: a digest, and how many there were of it
            PRIMARY KEY (account, name)) WITHOUT ROWID""",
    ),
)
"""The statements that make a file of the first format, those that turn it into the second, and so on."""

PART = 4096
"""Octets; the unit in which damage is found."""

Execute: TypeAlias = Callable[..., sqlite3.Cursor]
FileBody: TypeAlias = Callable[[Body], int]
"""Sees to it that a body is in its table; returns its id."""


def write_account(execute: Execute, account: Account) -> None:
    execute(
        # not REPLACE: the order of accounts stays
        "INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (address) DO UPDATE SET"
        " password = excluded.password, token = excluded.token, quota = excluded.quota,"
        " levels = excluded.levels, validities = excluded.validities, subscriptions = excluded.subscriptions,"
        " last_login = excluded.last_login",
        (
            account.address,
            account.password,
            account.token,
            account.quota,
            json.dumps([name for name, box in account.names.items() if box is None]),
            json.dumps(account.last_validity),
            json.dumps(sorted(account.subscriptions)),
            account.last_login and account.last_login.isoformat(),
        ),
    )


def write_imported(execute: Execute, account: Account, name: str) -> None:
    execute("INSERT OR IGNORE INTO imported VALUES (?, ?)", (account.address, name))


def write_mailbox(execute: Execute, box: Mailbox) -> None:
    if box.deleted:
        execute("DELETE FROM mailbox WHERE id = ?", (box.id,))
        return
    execute(
        "REPLACE INTO mailbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            box.id,
            box.account.address,
            box.name,
            box.uidvalidity,
            box.uidnext,
            box.highestmodseq,
            box.recent_from,
            json.dumps(sorted(box.use)),
            json.dumps(box.keywords),
        ),
    )


def write_message(execute: Execute, box: Mailbox, uid: int, file: FileBody) -> None:
    message = box.get(uid)
    if message is None:
        execute("DELETE FROM message WHERE mailbox = ? AND uid = ?", (box.id, uid))
        return
    date, flags = message.internal_date.isoformat(), json.dumps(sorted(message.flags))
    row = (box.id, uid, file(message.body), date, flags, message.modseq)
    execute("REPLACE INTO message VALUES (?, ?, ?, ?, ?, ?)", row)


def write_body(execute: Execute, id: int, data: bytes) -> None:
    execute("INSERT INTO body VALUES (?, ?, ?, ?)", (id, len(data), crc32(data), _checksums(data)))
    execute("INSERT INTO content VALUES (?, ?)", (id, data))


def read_body(execute: Execute, id: int) -> bytes:
    """Raises `Damage`."""
    query = "SELECT data, checksum, parts FROM content JOIN body ON body.id = content.body WHERE body.id = ?"
    data, checksum, parts = execute(query, (id,)).fetchone() or (None, 0, None)
    if not isinstance(data, bytes):
        raise Damage(0)
    if crc32(data) != checksum:
        found, parts = _checksums(data), parts or b""
        wrong = (at for at in range(0, len(parts), 4) if found[at : at + 4] != parts[at : at + 4])
        raise Damage(next(wrong, 0) // 4 * PART)
    return data


def _checksums(data: bytes) -> bytes:
    starts = range(0, len(data), PART)
    return b"".join(crc32(data[at : at + PART]).to_bytes(4, "big") for at in starts)


def write_parcel(execute: Execute, parcel: Parcel, file: FileBody) -> None:
    if parcel.gone:
        execute("DELETE FROM parcel WHERE id = ?", (parcel.id,))
    else:
        row = (parcel.id, parcel.label, file(parcel.body))
        execute("REPLACE INTO parcel VALUES (?, ?, ?)", row)


def load(execute: Execute, store: Store, bodies: Mapping[int, Body]) -> None:
    """Everything, into an empty store.  What does not fit together is a LookupError or a ValueError."""
    accounts: dict[str, Account] = {}
    for address, password, token, quota, levels, validities, subscriptions, last_login in execute(
        "SELECT * FROM account ORDER BY rowid"
    ):
        account = accounts[address] = Account(store, address, password)
        account.token, account.quota = token, quota
        account.names = dict.fromkeys(json.loads(levels))
        account.last_validity = json.loads(validities)
        account.subscriptions = set(json.loads(subscriptions))
        account.last_login = datetime.fromisoformat(last_login) if last_login else None
    for address, name in execute("SELECT * FROM imported"):
        accounts[address].imported.add(name)
    for id, address, name, validity, uidnext, modseq, recent_from, use, keywords in execute(
        "SELECT * FROM mailbox"
    ):
        box = accounts[address].names[name] = Mailbox(accounts[address], name, validity)
        box.id, box.uidnext, box.highestmodseq, box.recent_from = id, uidnext, modseq, recent_from
        box.use = frozenset(json.loads(use))
        rows = execute(
            "SELECT uid, body, internal_date, flags, modseq FROM message WHERE mailbox = ? ORDER BY uid",
            (id,),
        )
        box.restore(_messages(rows, bodies), json.loads(keywords))
    for account in accounts.values():
        if account.names.get("INBOX") is None:
            raise LookupError(f"{account.address} has no INBOX")
        store.restore(account)
    for id, label, body in execute("SELECT * FROM parcel ORDER BY id"):
        store.spool.restore(Parcel(id, label, bodies[body]))


def _messages(
    rows: Iterable[tuple[int, int, str, str, int]], bodies: Mapping[int, Body]
) -> Iterable[StoredMessage]:
    known: dict[str, frozenset[str]] = {}  # many messages, few combinations of flags
    for uid, body, date, text, modseq in rows:
        flags = known.get(text)
        if flags is None:
            flags = known[text] = frozenset(json.loads(text))
        yield StoredMessage(uid, bodies[body], datetime.fromisoformat(date), flags, modseq)
