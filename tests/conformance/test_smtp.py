"""The table of SMTP's states, walked cell by cell against the running server on the simulated network.

Every state and every command (and one that does not exist): where the table has an entry, the server
gives an answer of that class and goes where the entry leads; where it has none, the answer is a refusal
and nothing moves.  A cell that the server departs from would stand in KNOWN_DIFFERENCES; none does.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator

import pytest
from support.office import Office
from support.wire import Wire

from labkit import standards
from labkit.grammar.smtp import Reply, parse_reply
from labkit.states.smtp import MACHINE, State

LOGIN = base64.b64encode(b"\0bob@example.org\0secret").decode()
WRONG = base64.b64encode(b"\0bob@example.org\0wrong").decode()

INTO = {
    State.CONNECTED: [],
    State.READY: ["EHLO me"],
    State.MAIL: ["EHLO me", "MAIL FROM:<>"],
    State.RCPT: ["EHLO me", "MAIL FROM:<>", "RCPT TO:<bob@example.org>"],
    State.DATA: ["EHLO me", "MAIL FROM:<>", "RCPT TO:<bob@example.org>", "DATA"],
    State.CLOSED: ["QUIT"],
}
"""What a client says to get there."""

PROVOKE = {
    ("EHLO", 2): ["EHLO me"],
    ("EHLO", 5): ["EHLO"],
    ("HELO", 2): ["HELO me"],
    ("HELO", 5): ["HELO"],
    ("MAIL", 2): ["MAIL FROM:<alice@example.com>"],
    ("MAIL", 5): ["MAIL FROM:"],
    ("RCPT", 2): ["RCPT TO:<bob@example.org>"],
    ("RCPT", 5): ["RCPT TO:<nobody@example.org>"],
    ("DATA", 3): ["DATA"],
    ("DATA", 5): ["DATA now"],
    (".", 2): ["Subject: x\r\n\r\n."],
    (".", 5): ["x" * 2000 + "\r\n."],
    ("RSET", 2): ["RSET"],
    ("RSET", 5): ["RSET now"],
    ("NOOP", 2): ["NOOP"],
    ("HELP", 2): ["HELP"],
    ("HELP", 5): ["HELP me"],
    ("VRFY", 2): ["VRFY bob@example.org"],
    ("VRFY", 5): ["VRFY nobody@example.org"],
    ("EXPN", 5): ["EXPN staff"],
    ("STARTTLS", 2): ["STARTTLS"],
    ("STARTTLS", 5): ["STARTTLS now"],
    ("AUTH", 2): [f"AUTH PLAIN {LOGIN}"],
    ("AUTH", 3): ["AUTH PLAIN"],
    ("AUTH", 5): [f"AUTH PLAIN {WRONG}"],
    ("(response)", 2): ["AUTH PLAIN", LOGIN],
    ("(response)", 3): ["AUTH LOGIN", base64.b64encode(b"bob@example.org").decode()],
    ("(response)", 5): ["AUTH PLAIN", "*"],
    ("QUIT", 2): ["QUIT"],
    ("QUIT", 5): ["QUIT now"],
    ("FOO", 5): ["FOO"],
}
"""What to say, in a state where it is legal, to get this class of answer."""

NEVER = {("NOOP", 5), ("EXPN", 2)}
"""Our server always carries out NOOP, and never EXPN."""

VERBS = sorted({verb for verb, _ in PROVOKE})


@pytest.fixture
def office() -> Iterator[Office]:
    with Office() as office:
        office.serve("smtp", size_limit=1000)
        office.serve("submission", size_limit=1000)
        yield office


class Walk:
    """A session that is brought into a state, and asked where it is."""

    def __init__(self, office: Office, service: str) -> None:
        self.office = office
        self.wire: Wire = office.wire(service)
        self.wire.hear()

    def say(self, lines: list[str]) -> Reply | None:
        """The last answer; None if the server has nothing more to say."""
        said = b""
        for line in lines:
            said = self.wire.send(line.encode() + b"\r\n")
        if lines[-1:] == ["STARTTLS"] and said.startswith(b"220"):
            self.wire.start_tls(self.office.authority.client_context(), self.office.host.name)
        return parse_reply(said) if said else None

    @property
    def state(self) -> State:
        """Where the server is, told by what it permits."""
        if self.wire.closed:
            return State.CLOSED
        noop = self.say(["NOOP"])
        if noop is None:
            return State.DATA
        # each of these is refused with 503 where it may not come, and with 501 where it may
        permits = {verb for verb in ("MAIL", "RCPT") if self._refusal(verb) == 501}
        if permits == {"MAIL"}:
            return State.READY
        if permits == {"RCPT"}:
            return State.RCPT if self._refusal("DATA") == 501 else State.MAIL
        assert permits == set()
        return State.CONNECTED

    def _refusal(self, verb: str) -> int:
        reply = self.say([f"{verb} nonsense"])
        assert reply is not None
        return reply.code


def cells(legal: bool) -> Iterator[tuple[State, str]]:
    for state in State:
        for verb in VERBS:
            if (verb in MACHINE.legal(state)) == legal and verb != "(response)":
                yield state, verb


@pytest.mark.parametrize(
    ("state", "verb", "status"), [(s, v, c) for s, v, c, _ in MACHINE.edges() if (v, c) in PROVOKE]
)
def test_an_entry_of_the_table(office: Office, state: State, verb: str, status: int) -> None:
    login = verb in ("AUTH", "(response)")
    walk = Walk(office, "submission" if login else "smtp")
    walk.say(INTO[state])
    reply = walk.say(PROVOKE[verb, status])
    assert reply is not None
    assert reply.kind == status, reply
    if not login:
        assert walk.state is MACHINE.step(state, verb, status)
    elif status != 3:  # in between, every line is the login's
        assert walk.say(["MAIL FROM:<>"]).code == (250 if status == 2 else 530)  # type: ignore[union-attr]


@pytest.mark.parametrize("verb", ["RCPT", "VRFY", "."])
def test_a_server_that_fails_changes_nothing_but_ends_a_message(
    office: Office, verb: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State.DATA if verb == "." else State.RCPT
    walk = Walk(office, "smtp")
    walk.say(INTO[state])

    def fail(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(office, "accept" if verb == "." else "route", fail)
    with caplog.at_level(logging.CRITICAL):
        reply = walk.say(PROVOKE[verb, 2])
    assert reply is not None
    assert (reply.code, reply.enhanced) == (451, "4.3.0")
    monkeypatch.undo()
    assert walk.state is MACHINE.step(state, verb, 4)


@pytest.mark.parametrize(("state", "verb"), list(cells(legal=False)))
def test_what_the_table_does_not_know_is_refused(office: Office, state: State, verb: str) -> None:
    walk = Walk(office, "smtp")
    walk.say(INTO[state])
    if state is State.CLOSED:
        assert walk.wire.closed
        return
    reply = walk.say(["."] if verb == "." else PROVOKE.get((verb, 2)) or PROVOKE.get((verb, 3)) or [verb])
    if state is State.DATA:  # whatever comes is the message
        assert reply is None
    else:
        assert reply is not None
        assert (reply.code, reply.enhanced) in {
            (503, "5.5.1"),
            (554, "5.5.1"),
            (500, "5.5.2"),
            (502, "5.5.1"),
        }
    assert walk.state is state


def test_the_walk_leaves_nothing_out() -> None:
    left_out = {(verb, status) for _, verb, status, _ in MACHINE.edges()} - set(PROVOKE)
    assert {cell for cell in left_out if cell[1] != 4} == NEVER  # 4: a server that fails, above
    assert {command.verb for command in standards.COMMANDS["smtp"]} <= set(VERBS)
    assert set(INTO) == set(State)
