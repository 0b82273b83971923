"""The table of POP3's states, walked cell by cell against the server.

Every state and every command (and one that does not exist): where the table has an entry, the server
gives that answer and goes where the entry leads; where it has none, the answer is "-ERR" and nothing moves.
"""

from __future__ import annotations

import base64
import ssl
from datetime import UTC, datetime

import pytest

from labkit import standards
from labkit.grammar.pop3 import apop_digest, parse_status
from labkit.net.session import Close, Send
from labkit.servers.pop3 import Pop3Session
from labkit.servers.site import Site
from labkit.states.pop3 import MACHINE, State
from labkit.store.accounts import Store
from labkit.store.mailbox import Mailbox, StoreError

SECRET = base64.b64encode(b"\0mrose\0secret").decode()

INTO = {
    State.AUTHORIZATION: [],
    State.TRANSACTION: ["USER mrose", "PASS secret"],
    State.UPDATE: ["USER mrose", "PASS secret", "QUIT"],
    State.CLOSED: ["QUIT"],
}

PROVOKE = {
    ("USER", "+OK"): ["USER mrose"],
    ("USER", "-ERR"): ["USER"],
    ("PASS", "+OK"): ["USER mrose", "PASS secret"],
    ("PASS", "-ERR"): ["USER mrose", "PASS wrong"],
    ("APOP", "+OK"): ["APOP mrose @digest"],
    ("APOP", "-ERR"): ["APOP mrose 0"],
    ("UTF8", "+OK"): ["UTF8"],
    ("UTF8", "-ERR"): ["UTF8 now"],
    ("LANG", "+OK"): ["LANG de"],
    ("LANG", "-ERR"): ["LANG MUL"],
    ("AUTH", "+OK"): [f"AUTH PLAIN {SECRET}"],
    ("AUTH", "-ERR"): ["AUTH KERBEROS_V4"],
    ("AUTH", "+"): ["AUTH PLAIN"],
    ("(response)", "+OK"): ["AUTH PLAIN", SECRET],
    ("(response)", "-ERR"): ["AUTH PLAIN", "*"],
    ("(response)", "+"): ["AUTH LOGIN", base64.b64encode(b"mrose").decode()],
    ("STLS", "+OK"): ["STLS"],
    ("STLS", "-ERR"): ["STLS now"],
    ("CAPA", "+OK"): ["CAPA"],
    ("CAPA", "-ERR"): ["CAPA all"],
    ("STAT", "+OK"): ["STAT"],
    ("STAT", "-ERR"): ["STAT 1"],
    ("LIST", "+OK"): ["LIST"],
    ("LIST", "-ERR"): ["LIST 9"],
    ("UIDL", "+OK"): ["UIDL"],
    ("UIDL", "-ERR"): ["UIDL 9"],
    ("RETR", "+OK"): ["RETR 1"],
    ("RETR", "-ERR"): ["RETR 9"],
    ("TOP", "+OK"): ["TOP 1 0"],
    ("TOP", "-ERR"): ["TOP 1"],
    ("DELE", "+OK"): ["DELE 1"],
    ("DELE", "-ERR"): ["DELE 9"],
    ("RSET", "+OK"): ["RSET"],
    ("RSET", "-ERR"): ["RSET 1"],
    ("NOOP", "+OK"): ["NOOP"],
    ("NOOP", "-ERR"): ["NOOP 1"],
    ("QUIT", "+OK"): ["QUIT"],
}

VERBS = [command.verb for command in standards.COMMANDS["pop3"]] + ["XTND"]


@pytest.fixture
def session() -> Pop3Session:
    store = Store(now=lambda: datetime(2026, 1, 5, 9, tzinfo=UTC))
    store.add_user("mrose@example.org", "secret").inbox.append(b"Subject: one\r\n\r\n")
    site = Site("dewey", store, store.now, token=str, tls=lambda: ssl.create_default_context())
    session = Pop3Session(site)
    assert status_of(list(session.connected("192.0.2.1", False))) == "+OK"
    return session


def status_of(actions: list) -> str | None:
    """The one reply among the actions; None if there is none."""
    replies = [action.data for action in actions if isinstance(action, Send)]
    assert len(replies) <= 1
    return parse_status(replies[0].partition(b"\r\n")[0]).status if replies else None


def tell(session: Pop3Session, lines: list[str]) -> list:
    actions: list = []
    for line in lines:
        line = line.replace("@digest", apop_digest(session.timestamp, "secret"))
        actions = list(session.receive(line.encode() + b"\r\n"))
    return actions


@pytest.mark.parametrize(
    ("state", "verb", "status", "after"),
    list(MACHINE.edges()),
    ids=[f"{state.value}-{verb}-{status}" for state, verb, status, _ in MACHINE.edges()],
)
def test_an_entry_of_the_table(
    session: Pop3Session,
    state: State,
    verb: str,
    status: str,
    after: State,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell(session, INTO[state])
    assert session.state is state
    if (verb, status) == ("QUIT", "-ERR"):  # some deleted messages not removed
        monkeypatch.setattr(Mailbox, "expunge", cannot_expunge)
    actions = tell(session, PROVOKE.get((verb, status), [verb]))
    assert status_of(actions) == status
    assert session.state is after
    assert (Close() in actions) == (after in (State.UPDATE, State.CLOSED))


def cannot_expunge(*_: object) -> None:
    raise StoreError("LIMIT", "no space left")


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        (state, verb)
        for state in (State.AUTHORIZATION, State.TRANSACTION)
        for verb in VERBS
        if verb not in MACHINE.legal(state)
    ],
)
def test_a_command_that_the_table_does_not_have(session: Pop3Session, state: State, verb: str) -> None:
    tell(session, INTO[state])
    actions = tell(session, PROVOKE.get((verb, "+OK"), [verb])[-1:])
    assert status_of(actions) == "-ERR"
    assert Close() not in actions
    assert session.state is state


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", [State.UPDATE, State.CLOSED])
def test_nothing_is_answered_at_the_end(session: Pop3Session, state: State, verb: str) -> None:
    tell(session, INTO[state])
    assert session.state is state
    assert tell(session, PROVOKE.get((verb, "+OK"), [verb])) == []
    assert session.state is state
