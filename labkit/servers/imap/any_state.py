"""Commands that are legal in any state: CAPABILITY, NOOP, LOGOUT (RFC 3501 6.1), ID (RFC 2971)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.grammar.imap import Command
from labkit.net.session import Close
from labkit.servers.imap.answers import Answer, Done, provides

if TYPE_CHECKING:
    from labkit.servers.imap.session import ImapSession


@provides("IMAP4rev1", "CAPABILITY")
def capability(session: ImapSession, command: Command) -> Answer:
    yield session.capabilities().encode()
    return Done("CAPABILITY completed")


@provides("IMAP4rev1", "NOOP")
def noop(session: ImapSession, command: Command) -> Done:
    """The news of the mailbox, which any command brings, is what a client wants of it."""
    return Done("NOOP completed")


@provides("IMAP4rev1", "LOGOUT")
def logout(session: ImapSession, command: Command) -> Answer:
    yield f"BYE {session.site.hostname} IMAP4rev1 server logging out".encode()
    return Done("LOGOUT completed", then=Close())


@provides("ID", "ID")
def identify(session: ImapSession, command: Command) -> Answer:
    """The server's name alone: its version is nobody's business."""
    yield b'ID ("name" "labkit")'
    return Done("ID completed")
