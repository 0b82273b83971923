"""Commands about mailboxes as a whole (RFC 3501 6.3; NAMESPACE: RFC 2342; IDLE: RFC 2177).

Names have "/" between levels.  A mailbox that is asked for and not there is NONEXISTENT, or
TRYCREATE where creating it would help (RFC 3501 6.3.11, RFC 5530 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from labkit.grammar.imap import Command
from labkit.grammar.imap_elements import (
    SYSTEM_FLAGS,
    write_flags,
    write_mailbox,
)
from labkit.servers.imap.answers import Answer, Ask, Done, Refused, provides
from labkit.servers.imap.patterns import matches
from labkit.store.mailbox import SEEN, Mailbox, StoreError

if TYPE_CHECKING:
    from labkit.servers.imap.session import ImapSession
    from labkit.store.accounts import Account

LONGEST_NAME = 255
"""Characters in a mailbox's name with all its levels."""


@provides("IMAP4rev1", "SELECT", "EXAMINE")
def select(session: ImapSession, command: Command) -> Answer:
    (name,) = command.arguments
    read_only = command.verb == "EXAMINE"
    view = session.select(name, read_only=read_only)
    mailbox = view.mailbox
    flags = [*SYSTEM_FLAGS, *mailbox.keywords]
    yield b"FLAGS " + write_flags(flags)
    yield b"%d EXISTS" % len(view)
    yield b"%d RECENT" % len(view.recent)
    unseen = next((number for number, message in view if SEEN not in message.flags), None)
    if unseen is not None:
        yield b"OK [UNSEEN %d] the first message not yet seen" % unseen
    yield b"OK [UIDVALIDITY %d] UIDs are valid" % mailbox.uidvalidity
    yield b"OK [UIDNEXT %d] the next UID, as foreseen" % mailbox.uidnext
    permanent = write_flags([] if read_only else [*flags, "\\*"])
    yield b"OK [PERMANENTFLAGS " + permanent + b"] flags that last"
    return Done(f"{command.verb} completed", "READ-ONLY" if read_only else "READ-WRITE")


@provides("IMAP4rev1", "CREATE")
def create(session: ImapSession, command: Command) -> Done:
    (name,) = command.arguments
    _account(session).create(_short(name))
    return Done("CREATE completed")


@provides("IMAP4rev1", "DELETE")
def delete(session: ImapSession, command: Command) -> Done:
    (name,) = command.arguments
    _account(session).delete(name)
    return Done("DELETE completed")


@provides("IMAP4rev1", "RENAME")
def rename(session: ImapSession, command: Command) -> Done:
    old, new = command.arguments
    _account(session).rename(old, _short(new))
    return Done("RENAME completed")


@provides("IMAP4rev1", "SUBSCRIBE")
def subscribe(session: ImapSession, command: Command) -> Done:
    (name,) = command.arguments
    _account(session).subscribe(_short(name))
    return Done("SUBSCRIBE completed")


@provides("IMAP4rev1", "UNSUBSCRIBE")
def unsubscribe(session: ImapSession, command: Command) -> Done:
    (name,) = command.arguments
    _account(session).unsubscribe(name)
    return Done("UNSUBSCRIBE completed")


@provides("IMAP4rev1", "LIST")
def list_(session: ImapSession, command: Command) -> Answer:
    reference, pattern = command.arguments
    if not pattern:  # only the delimiter is asked for (RFC 3501 6.3.8)
        yield b'LIST (\\Noselect) "/" ""'
    else:
        for entry in _account(session).entries():
            if matches(_short(reference + pattern), entry.name):
                yield _listed("LIST", entry.name, selectable=entry.mailbox is not None)
    return Done("LIST completed")


@provides("IMAP4rev1", "LSUB")
def lsub(session: ImapSession, command: Command) -> Answer:
    """Subscriptions; with "%", the levels above those that it leaves out too (RFC 3501 6.3.9)."""
    reference, pattern = command.arguments
    asked = _short(reference + pattern)
    account = _account(session)
    mailboxes = {entry.name for entry in account.entries() if entry.mailbox is not None}
    names = set(account.subscriptions)
    levels = {level for name in names for level in _levels_above(name)} if "%" in asked else set()
    for name in sorted(names | levels, key=lambda name: name.split("/")):
        if matches(asked, name):
            yield _listed("LSUB", name, selectable=name in names and name in mailboxes)
    return Done("LSUB completed")


@provides("NAMESPACE", "NAMESPACE")
def namespace(session: ImapSession, command: Command) -> Answer:
    yield b'NAMESPACE (("" "/")) NIL NIL'
    return Done("NAMESPACE completed")


@provides("IMAP4rev1", "STATUS")
def status(session: ImapSession, command: Command) -> Answer:
    name, items = command.arguments
    mailbox = _account(session).mailbox(name)
    found = " ".join(f"{item} {_count(mailbox, item)}" for item in items)
    yield b"STATUS " + write_mailbox(name) + b" (" + found.encode() + b")"
    return Done("STATUS completed")


@provides("IMAP4rev1", "APPEND")
def append(session: ImapSession, command: Command) -> Done:
    name, flags, date, message = command.arguments
    mailbox = find_target(session, name)
    stored = mailbox.append(message, flags or (), date)
    return Done("APPEND completed", f"APPENDUID {mailbox.uidvalidity} {stored.uid}")


@provides("IDLE", "IDLE")
def idle(session: ImapSession, command: Command) -> Answer:
    line = yield Ask(b"idling", "DONE", listening=True)
    if line.upper() != b"DONE":
        raise Refused("expected DONE", status="BAD")
    return Done("IDLE completed")


def find_target(session: ImapSession, name: str) -> Mailbox:
    """The mailbox that messages are to go to; if it is not there, creating it would help."""
    try:
        return _account(session).mailbox(name)
    except StoreError as error:
        raise Refused(str(error), "TRYCREATE") from None


def _account(session: ImapSession) -> Account:
    assert session.account is not None, "the table lets no such command come before a login"
    return session.account


def _short(name: str) -> str:
    if len(name) > LONGEST_NAME:
        raise Refused(f"a mailbox's name may have {LONGEST_NAME} characters", "LIMIT")
    return name


def _listed(kind: str, name: str, *, selectable: bool) -> bytes:
    attributes = b"" if selectable else b"\\Noselect"
    return b'%b (%b) "/" %b' % (kind.encode(), attributes, write_mailbox(name))


def _levels_above(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _count(mailbox: Mailbox, item: str) -> int:
    match item:
        case "MESSAGES":
            return len(mailbox)
        case "RECENT":
            return mailbox.recent
        case "UIDNEXT":
            return mailbox.uidnext
        case "UIDVALIDITY":
            return mailbox.uidvalidity
        case _:
            return sum(SEEN not in message.flags for message in mailbox)
