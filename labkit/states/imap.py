"""The four states of IMAP and the commands that each permits, as one table (RFC 3501 3 and 6).

Read an entry as: in this state, this command completed with this status leads there.
A BAD never changes anything: the server did not understand, so nothing was done.  The
verbs of the UID forms are two words, "UID FETCH".  The server, the dissector, the
client, the diagram and the conformance test read this table; no other module knows
the order.
"""

from __future__ import annotations

from enum import StrEnum

from labkit.states.machine import Machine, Status


class State(StrEnum):
    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


Row = dict[tuple[str, Status], State]

_NEVER_NO = ("CAPABILITY", "NOOP", "LOGOUT", "ID", "STARTTLS", "CHECK", "CLOSE", "UNSELECT")
"""Commands that are only ever answered with OK or BAD, as their sections say."""

IN_ANY_STATE = ("CAPABILITY", "NOOP", "ID")  # RFC 3501 6.1, RFC 2971; LOGOUT has its own entry
ABOUT_MAILBOXES = (  # RFC 3501 6.3, RFC 2342, RFC 2177
    *("CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "LIST", "LSUB"),
    *("STATUS", "APPEND", "NAMESPACE", "IDLE"),
)
ABOUT_MESSAGES = (  # RFC 3501 6.4, RFC 4315, RFC 6851
    *("CHECK", "EXPUNGE", "SEARCH", "FETCH", "STORE", "COPY", "MOVE"),
    *("UID SEARCH", "UID FETCH", "UID STORE", "UID COPY", "UID MOVE", "UID EXPUNGE"),
)


def _leads(state: State, verbs: tuple[str, ...], ok: State, no: State) -> Row:
    """Legal here: an OK leads to `ok`, a NO to `no`, and a BAD nowhere."""
    row: Row = {}
    for verb in verbs:
        row[verb, "OK"] = ok
        if verb not in _NEVER_NO:
            row[verb, "NO"] = no
        row[verb, "BAD"] = state
    return row


def _stays(state: State, verbs: tuple[str, ...]) -> Row:
    """Legal here, and whatever the answer, the state remains."""
    return _leads(state, verbs, state, state)


def _anywhere(state: State) -> Row:
    return _stays(state, IN_ANY_STATE) | _leads(state, ("LOGOUT",), State.LOGOUT, state)


_NOT, _AUTH, _SELECTED = State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED

TABLE: dict[State, Row] = {
    _NOT: _anywhere(_NOT)
    | _stays(_NOT, ("STARTTLS",))
    | _leads(_NOT, ("LOGIN", "AUTHENTICATE"), _AUTH, _NOT),
    _AUTH: _anywhere(_AUTH)
    | _leads(_AUTH, ("SELECT", "EXAMINE"), _SELECTED, _AUTH)
    | _stays(_AUTH, ABOUT_MAILBOXES),
    _SELECTED: _anywhere(_SELECTED)
    # a SELECT that fails leaves no mailbox selected (RFC 3501 6.3.1)
    | _leads(_SELECTED, ("SELECT", "EXAMINE"), _SELECTED, _AUTH)
    | _stays(_SELECTED, ABOUT_MAILBOXES)
    | _leads(_SELECTED, ("CLOSE", "UNSELECT"), _AUTH, _SELECTED)
    | _stays(_SELECTED, ABOUT_MESSAGES),
    State.LOGOUT: {},
}

MACHINE: Machine[State] = Machine("imap", State.NOT_AUTHENTICATED, TABLE)

AFTER_GREETING = {"OK": State.NOT_AUTHENTICATED, "PREAUTH": State.AUTHENTICATED, "BYE": State.LOGOUT}
"""Where the server's first word leads (RFC 3501 7.1)."""
