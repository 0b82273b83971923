"""The table of IMAP's states, walked cell by cell against the server.

Every state and every command (and one that does not exist): where the table has an entry, the server
gives that answer and goes where the entry leads; where it has none, the answer is BAD and nothing moves.
"""

from __future__ import annotations

import base64
import ssl

import pytest
from support.imap import Talk, account, make_site

from labkit import standards
from labkit.states.imap import MACHINE, State

SECRET = base64.b64encode(b"\0fred\0fast car").decode()
LOGIN = 'LOGIN fred "fast car"'
LONG = "x" * 300

INTO = {
    State.NOT_AUTHENTICATED: [],
    State.AUTHENTICATED: [LOGIN],
    State.SELECTED: [LOGIN, "SELECT INBOX"],
    State.LOGOUT: ["LOGOUT"],
}

# What to say for an answer; where nothing stands, the verb alone gives OK and one word too many gives BAD.
PROVOKE = {
    ("ID", "OK"): ["ID NIL"],
    ("LOGIN", "OK"): [LOGIN],
    ("LOGIN", "NO"): ["LOGIN fred slow"],
    ("AUTHENTICATE", "OK"): [f"AUTHENTICATE PLAIN {SECRET}"],
    ("AUTHENTICATE", "NO"): ["AUTHENTICATE KERBEROS_V4"],
    ("AUTHENTICATE", "BAD"): ["AUTHENTICATE PLAIN", "*"],
    ("SELECT", "OK"): ["SELECT INBOX"],
    ("SELECT", "NO"): ["SELECT nowhere"],
    ("EXAMINE", "OK"): ["EXAMINE INBOX"],
    ("EXAMINE", "NO"): ["EXAMINE nowhere"],
    ("CREATE", "OK"): ["CREATE new"],
    ("CREATE", "NO"): ["CREATE INBOX"],
    ("DELETE", "OK"): ["DELETE old"],
    ("DELETE", "NO"): ["DELETE INBOX"],
    ("RENAME", "OK"): ["RENAME old new"],
    ("RENAME", "NO"): ["RENAME nowhere new"],
    ("SUBSCRIBE", "OK"): ["SUBSCRIBE old"],
    ("SUBSCRIBE", "NO"): [f"SUBSCRIBE {LONG}"],
    ("UNSUBSCRIBE", "OK"): ["UNSUBSCRIBE old"],
    ("LIST", "OK"): ['LIST "" *'],
    ("LIST", "NO"): [f'LIST "" {LONG}'],
    ("LSUB", "OK"): ['LSUB "" *'],
    ("LSUB", "NO"): [f'LSUB "" {LONG}'],
    ("STATUS", "OK"): ["STATUS old (UNSEEN)"],
    ("STATUS", "NO"): ["STATUS nowhere (UNSEEN)"],
    ("APPEND", "OK"): ["APPEND old {1+}\r\nx"],
    ("APPEND", "NO"): ["APPEND nowhere {1+}\r\nx"],
    ("IDLE", "OK"): ["IDLE", "DONE"],
    ("SEARCH", "OK"): ["SEARCH ALL"],
    ("SEARCH", "NO"): ["SEARCH CHARSET KOI8-R ALL"],
    ("FETCH", "OK"): ["FETCH 1 FLAGS"],
    ("STORE", "OK"): ["STORE 1 +FLAGS (\\Seen)"],
    ("STORE", "NO"): ["EXAMINE INBOX", "STORE 1 +FLAGS (\\Seen)"],
    ("COPY", "OK"): ["COPY 1 old"],
    ("COPY", "NO"): ["COPY 1 nowhere"],
    ("MOVE", "OK"): ["MOVE 1 old"],
    ("MOVE", "NO"): ["MOVE 1 nowhere"],
    ("EXPUNGE", "NO"): ["EXAMINE INBOX", "EXPUNGE"],
    ("UID EXPUNGE", "OK"): ["UID EXPUNGE 1"],
    ("UID EXPUNGE", "NO"): ["EXAMINE INBOX", "UID EXPUNGE 1"],
}
for (verb, status), lines in list(PROVOKE.items()):
    if f"UID {verb}" in MACHINE.legal(State.SELECTED):
        PROVOKE.setdefault((f"UID {verb}", status), [*lines[:-1], f"UID {lines[-1]}"])

NEVER_SAID = {
    (verb, "NO") for verb in ("UNSUBSCRIBE", "NAMESPACE", "IDLE", "FETCH", "UID FETCH")
}  # the RFCs allow it; this server has no occasion for it

VERBS = [command.verb for command in standards.COMMANDS["imap"]] + ["XYZZY"]


@pytest.fixture
def talk() -> Talk:
    site = make_site(tls=ssl.create_default_context)
    account(site).inbox.append(b"Subject: one\r\n\r\n")
    account(site).create("old")
    return Talk(site)


def tell(talk: Talk, lines: list[str]) -> str:
    """The status that the last of these gets; DONE and "*" have no tag."""
    answer = ""
    for line in lines:
        answer = talk(line if line in ("DONE", "*") else f"t {line}")
    tagged = [line for line in answer.split("\r\n") if line.startswith("t ")]
    assert len(tagged) <= 1
    return tagged[0].split(" ")[1] if tagged else ""


def lines_for(verb: str, status: str) -> list[str]:
    plain = [verb] if status == "OK" else [f"{verb} one two many"]
    return PROVOKE.get((verb, status), plain)


EDGES = [edge for edge in MACHINE.edges() if edge[1:3] not in NEVER_SAID]


@pytest.mark.parametrize(
    ("state", "verb", "status", "after"),
    EDGES,
    ids=[f"{state.value}-{verb}-{status}" for state, verb, status, _ in EDGES],
)
def test_an_entry_of_the_table(talk: Talk, state: State, verb: str, status: str, after: State) -> None:
    tell(talk, INTO[state])
    assert talk.session.state is state
    assert tell(talk, lines_for(verb, status)) == status
    assert talk.session.state is after
    assert (talk.session.view is not None) == (after is State.SELECTED)
    assert talk.closed == (after is State.LOGOUT)


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        (state, verb)
        for state in State
        if state is not State.LOGOUT
        for verb in VERBS
        if verb not in MACHINE.legal(state)
    ],
)
def test_a_command_that_the_table_does_not_have(talk: Talk, state: State, verb: str) -> None:
    tell(talk, INTO[state])
    assert tell(talk, lines_for(verb, "OK")[:1]) == "BAD"
    assert talk.session.state is state
    assert not talk.closed


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_answered_behind_logout(talk: Talk, verb: str) -> None:
    tell(talk, ["LOGOUT"])
    assert tell(talk, lines_for(verb, "OK")[:1]) == ""
