"""A line to begin with for every command: what a learner changes is easier than what he must know."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labkit.world.devices import Device

FORMS: dict[str, dict[str, str]] = {
    "smtp": {
        "EHLO": "EHLO {host}",
        "HELO": "HELO {host}",
        "MAIL": "MAIL FROM:<{me}>",
        "RCPT": "RCPT TO:<{them}>",
        "VRFY": "VRFY {them}",
        "AUTH": "AUTH PLAIN",
    },
    "pop3": {
        "USER": "USER {me}",
        "PASS": "PASS {password}",
        "AUTH": "AUTH PLAIN",
        "RETR": "RETR 1",
        "TOP": "TOP 1 5",
        "DELE": "DELE 1",
    },
    "imap": {
        "AUTHENTICATE": "AUTHENTICATE PLAIN",
        "ID": 'ID ("name" "by hand")',
        "LOGIN": "LOGIN {me} {password}",
        "SELECT": "SELECT INBOX",
        "EXAMINE": "EXAMINE INBOX",
        "CREATE": "CREATE Plans",
        "DELETE": "DELETE Plans",
        "RENAME": "RENAME Plans Ideas",
        "SUBSCRIBE": "SUBSCRIBE Plans",
        "UNSUBSCRIBE": "UNSUBSCRIBE Plans",
        "LIST": 'LIST "" "*"',
        "LSUB": 'LSUB "" "*"',
        "STATUS": "STATUS INBOX (MESSAGES UNSEEN)",
        "APPEND": "APPEND INBOX",
        "SEARCH": "SEARCH UNSEEN",
        "FETCH": "FETCH 1 (FLAGS ENVELOPE)",
        "STORE": r"STORE 1 +FLAGS (\Seen)",
        "COPY": "COPY 1 Plans",
        "MOVE": "MOVE 1 Plans",
        "UID SEARCH": "UID SEARCH ALL",
        "UID FETCH": "UID FETCH 1:* (FLAGS)",
        "UID STORE": r"UID STORE 1 +FLAGS (\Seen)",
        "UID COPY": "UID COPY 1 Plans",
        "UID MOVE": "UID MOVE 1 Plans",
        "UID EXPUNGE": "UID EXPUNGE 1",
    },
}
"""By protocol and verb; a command that is not here stands alone."""


def form(protocol: str, verb: str, client: Device, tag: str) -> str:
    """The command as this host would say it first; IMAP's with its tag."""
    me = getattr(client, "address", f"postmaster@{client.name}")
    others = [address for address in client.world.users if address != me.lower()]
    line = (
        FORMS[protocol]
        .get(verb, verb)
        .format(
            host=client.name,
            me=me,
            them=others[0] if others else me,
            password=getattr(client, "password", "secret"),
        )
    )
    return f"{tag} {line}" if protocol == "imap" else line
