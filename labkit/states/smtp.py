"""The order of SMTP commands, as one table (RFC 5321 3.3 and 4.1.4, RFC 3207 4, RFC 4954 4).

Read an entry as: in this state, this verb answered with this class of reply leads there.
A refusal changes nothing, save after the message's data, where it ends the transaction.  The
server, the dissector, the client, the conformance test and the diagram in the notebook
read it; no other module knows the order.

`.` is the end of the message's data, `(response)` a line of a login.  A session that is
closed has no commands any more; a reply 421 leads there from anywhere, whatever the table says.
"""

from __future__ import annotations

from enum import StrEnum

from labkit.states.machine import Machine, Status


class State(StrEnum):
    CONNECTED = "connected"  # the client has not said its name
    READY = "ready"
    MAIL = "mail"  # a transaction is open, without recipients
    RCPT = "rcpt"  # ... with at least one
    DATA = "data"  # the server awaits the message
    CLOSED = "closed"


Row = dict[tuple[str, Status], State]

AT_ANY_TIME = ("NOOP", "HELP", "VRFY", "EXPN")  # RFC 5321 4.1.4


def _legal(state: State, verb: str, *, then: State, when: int = 2) -> Row:
    """`verb` may come in `state`: answered with `when` it leads on, refused it changes nothing."""
    return {(verb, when): then, (verb, 4): state, (verb, 5): state}


def _anywhere(state: State) -> Row:
    """What may come at any time; `EHLO` and `RSET` end a transaction (RFC 5321 4.1.4)."""
    after_reset = State.CONNECTED if state is State.CONNECTED else State.READY
    row = _legal(state, "EHLO", then=State.READY) | _legal(state, "HELO", then=State.READY)
    row |= _legal(state, "RSET", then=after_reset) | _legal(state, "QUIT", then=State.CLOSED)
    # after the handshake the server has forgotten the client's name (RFC 3207 4.2)
    row |= _legal(state, "STARTTLS", then=State.CONNECTED)
    for verb in AT_ANY_TIME:
        row |= _legal(state, verb, then=state)
    return row


def _login(state: State) -> Row:
    """RFC 4954 4: an exchange of any number of lines, never within a transaction."""
    row: Row = {}
    for verb in ("AUTH", "(response)"):
        row |= {(verb, 3): state} | _legal(state, verb, then=state)
    return row


TABLE: dict[State, Row] = {
    State.CONNECTED: _anywhere(State.CONNECTED),
    State.READY: _legal(State.READY, "MAIL", then=State.MAIL) | _login(State.READY) | _anywhere(State.READY),
    State.MAIL: _legal(State.MAIL, "RCPT", then=State.RCPT) | _anywhere(State.MAIL),
    State.RCPT: _legal(State.RCPT, "RCPT", then=State.RCPT)
    | _legal(State.RCPT, "DATA", then=State.DATA, when=3)
    | _anywhere(State.RCPT),
    State.DATA: {(".", 2): State.READY, (".", 4): State.READY, (".", 5): State.READY},
    State.CLOSED: {},
}

MACHINE: Machine[State] = Machine("smtp", State.CONNECTED, TABLE)
