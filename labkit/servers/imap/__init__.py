"""The IMAP server: `ImapSession`, one session, and a module per group of commands (RFC 3501).

session.py         the connection: octets to commands, answers to octets; read it first
answers.py         what a command's handler gives back, and where handlers are found
any_state.py       CAPABILITY NOOP LOGOUT ID
authentication.py  STARTTLS AUTHENTICATE LOGIN
mailboxes.py       SELECT EXAMINE CREATE DELETE RENAME LIST STATUS APPEND IDLE ...
messages.py        SEARCH FETCH STORE COPY MOVE EXPUNGE CLOSE ... and their UID forms
fetch.py, search.py, patterns.py   what FETCH, SEARCH and LIST compute
"""

from labkit.servers.imap import any_state, authentication, mailboxes, messages
from labkit.servers.imap.answers import REGISTRY
from labkit.servers.imap.session import ImapSession

__all__ = ["REGISTRY", "ImapSession", "any_state", "authentication", "mailboxes", "messages"]
