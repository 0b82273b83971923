"""The states of POP3 and the commands that each permits, as one table (RFC 1939 3 to 7, RFC 6856).

Read an entry as: in this state, this command answered with this status leads there.
`(response)` is a line of an AUTH exchange.  The server, the dissector, the diagram and
the conformance test read the table; no other module knows the order.

What it does not show: PASS comes directly behind a USER (RFC 1939 7), and a command in the
wrong state is answered with "-ERR" and changes nothing.
"""

from __future__ import annotations

from enum import StrEnum

from labkit.states.machine import Machine, Status


class State(StrEnum):
    AUTHORIZATION = "authorization"  # who are you?
    TRANSACTION = "transaction"  # the maildrop is locked, and the client's to read
    UPDATE = "update"  # what was marked is deleted, the lock is let go, the connection closes
    CLOSED = "closed"  # QUIT before a login: there is nothing to update


Row = dict[tuple[str, Status], State]

IN_TRANSACTION = ("STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "RSET", "NOOP", "LANG", "CAPA")


def _stays(state: State, *verbs: str) -> Row:
    """Legal here, and whatever the answer, the state remains."""
    return {(verb, status): state for verb in verbs for status in ("+OK", "-ERR")}


def _logs_in(verb: str) -> Row:
    """A "+" asks for one more response of an AUTH exchange (RFC 5034 4)."""
    return {
        (verb, "+OK"): State.TRANSACTION,
        (verb, "-ERR"): State.AUTHORIZATION,
        **({} if verb in ("PASS", "APOP") else {(verb, "+"): State.AUTHORIZATION}),
    }


_AUTHORIZATION, _TRANSACTION = State.AUTHORIZATION, State.TRANSACTION

TABLE: dict[State, Row] = {
    _AUTHORIZATION: _stays(_AUTHORIZATION, "USER", "STLS", "UTF8", "LANG", "CAPA")
    | _logs_in("PASS")
    | _logs_in("APOP")
    | _logs_in("AUTH")
    | _logs_in("(response)")
    | {("QUIT", "+OK"): State.CLOSED},
    _TRANSACTION: _stays(_TRANSACTION, *IN_TRANSACTION)
    | {("QUIT", status): State.UPDATE for status in ("+OK", "-ERR")},  # -ERR: not all was deleted
    State.UPDATE: {},
    State.CLOSED: {},
}

MACHINE: Machine[State] = Machine("pop3", State.AUTHORIZATION, TABLE)
