"""Commands about messages of the selected mailbox (RFC 3501 6.4; UIDPLUS: RFC 4315; MOVE: RFC 6851).

Every command that names messages has two forms: by sequence number, and with UID before it
by UID.  A message that another session expunged, and of which this client has not been
told, keeps its number: it can be fetched, but no longer changed or copied (RFC 2180 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from labkit.grammar.imap import Command
from labkit.grammar.imap_data import FetchItem, FlagChange, SequenceSet
from labkit.servers.imap.answers import Answer, Done, Refused, provides
from labkit.servers.imap.fetch import write_items
from labkit.servers.imap.mailboxes import find_target
from labkit.servers.imap.search import criterion
from labkit.store.changes import View
from labkit.store.mailbox import DELETED, SEEN, Mailbox, StoredMessage, StoreError

if TYPE_CHECKING:
    from labkit.servers.imap.session import ImapSession

FLAGS = FetchItem("FLAGS")
HOW: dict[str, Literal["replace", "add", "remove"]] = {"": "replace", "+": "add", "-": "remove"}


@provides("IMAP4rev1", "CHECK")
def check(session: ImapSession, command: Command) -> Done:
    """Nothing to put in order here."""
    return Done("CHECK completed")


@provides("IMAP4rev1", "CLOSE")
def close(session: ImapSession, command: Command) -> Done:
    """Leaves the mailbox; what is marked is expunged, of which this client is not told."""
    view = _view(session)
    session.deselect()
    if not view.read_only:
        view.mailbox.expunge(_deleted(view))
    return Done("CLOSE completed")


@provides("UNSELECT", "UNSELECT")
def unselect(session: ImapSession, command: Command) -> Done:
    session.deselect()
    return Done("UNSELECT completed")


@provides("IMAP4rev1", "EXPUNGE")
def expunge(session: ImapSession, command: Command) -> Done:
    """The EXPUNGE responses are this session's news like any other's."""
    view = _writable(session)
    view.mailbox.expunge(_deleted(view))
    return Done("EXPUNGE completed")


@provides("UIDPLUS", "UID EXPUNGE")
def uid_expunge(session: ImapSession, command: Command) -> Done:
    (asked,) = command.arguments
    view = _writable(session)
    view.mailbox.expunge(asked.among(_deleted(view)))
    return Done("UID EXPUNGE completed")


@provides("IMAP4rev1", "SEARCH", "UID SEARCH")
def search(session: ImapSession, command: Command) -> Answer:
    (asked,) = command.arguments
    view = _view(session)
    wanted = criterion(asked, view)
    by_uid = command.verb.startswith("UID")
    found = [message.uid if by_uid else number for number, message in view if wanted(number, message)]
    yield b" ".join([b"SEARCH", *(b"%d" % number for number in found)])
    return Done(f"{command.verb} completed")


@provides("IMAP4rev1", "FETCH", "UID FETCH")
def fetch(session: ImapSession, command: Command) -> Answer:
    """Messages, and where a body is fetched without PEEK, \\Seen is set first and told (RFC 3501 6.4.5)."""
    asked, items = command.arguments
    view = _view(session)
    by_uid = command.verb.startswith("UID")
    uids = _uids(view, asked, by_uid)
    seen: set[int] = set()
    if not view.read_only and any(item.sets_seen for item in items):
        with suppress(StoreError):  # on a full disk mail can still be read
            seen = {message.uid for message in view.mailbox.change_flags(uids, [SEEN], "add", by=view)}
    for number, message in _numbered(view, uids):
        data = write_items(items, message, view, with_uid=by_uid, with_flags=message.uid in seen)
        yield b"%d FETCH %b" % (number, data)
    return Done(f"{command.verb} completed")


@provides("IMAP4rev1", "STORE", "UID STORE")
def store(session: ImapSession, command: Command) -> Answer:
    asked, change = command.arguments
    assert isinstance(change, FlagChange)
    view = _writable(session)
    by_uid = command.verb.startswith("UID")
    uids = _uids(view, asked, by_uid)
    view.mailbox.change_flags(uids, change.flags, HOW[change.how], by=view)
    yield from session.new_keywords()
    if not change.silent:
        for number, message in _numbered(view, uids):
            if not view.is_expunged(message.uid):
                yield b"%d FETCH %b" % (number, write_items([FLAGS], message, view, with_uid=by_uid))
    _none_expunged(view, uids)
    return Done(f"{command.verb} completed")


@provides("IMAP4rev1", "COPY", "UID COPY")
def copy(session: ImapSession, command: Command) -> Done:
    """All of them or none."""
    uids, target = _destination(session, command, _view(session))
    return Done(f"{command.verb} completed", _copied(_view(session).mailbox.copy(uids, target), target))


@provides("MOVE", "MOVE", "UID MOVE")
def move(session: ImapSession, command: Command) -> Answer:
    """Where the messages went is told before they are gone from here (RFC 6851 4.3)."""
    view = _writable(session)
    uids, target = _destination(session, command, view)
    code = _copied(view.mailbox.move(uids, target), target)
    if code is not None:
        yield b"OK [" + code.encode() + b"] moved"
    return Done(f"{command.verb} completed")


def _destination(session: ImapSession, command: Command, view: View) -> tuple[list[int], Mailbox]:
    """The messages that are to be copied, and where."""
    asked, name = command.arguments
    uids = _uids(view, asked, command.verb.startswith("UID"))
    target = find_target(session, name)
    _none_expunged(view, uids)
    return uids, target


def _copied(pairs: list[tuple[int, int]], target: Mailbox) -> str | None:
    if not pairs:
        return None
    here, there = (SequenceSet.of([pair[i] for pair in pairs]) for i in (0, 1))
    return f"COPYUID {target.uidvalidity} {here} {there}"


def _view(session: ImapSession) -> View:
    assert session.view is not None, "the table lets no such command come before a SELECT"
    return session.view


def _writable(session: ImapSession) -> View:
    view = _view(session)
    if view.read_only:
        raise Refused("the mailbox was opened to be read only")
    return view


def _uids(view: View, asked: SequenceSet, by_uid: bool) -> list[int]:
    """The UIDs of the messages that a command names.

    A UID that is not there is passed over; a number that is not there is an error (RFC 3501 9, seq-number).
    """
    if by_uid:
        return asked.among(view.uids)
    if not len(view) or asked.highest(len(view)) > len(view):
        raise Refused(f"there are only {len(view)} messages", status="BAD")
    return [view.uids[number - 1] for number in asked.among(range(1, len(view) + 1))]


def _numbered(view: View, uids: list[int]) -> Iterator[tuple[int, StoredMessage]]:
    for uid in uids:
        number = view.number(uid)
        message = None if number is None else view.message(number)
        if number is not None and message is not None:
            yield number, message


def _deleted(view: View) -> list[int]:
    return [message.uid for message in view.mailbox if DELETED in message.flags]


def _none_expunged(view: View, uids: list[int]) -> None:
    if any(view.is_expunged(uid) for uid in uids):
        raise Refused("another session expunged some of these messages", "EXPUNGEISSUED")
