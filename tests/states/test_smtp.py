"""The table says what RFC 5321 says, and agrees with the registry; tests/conformance walks the server."""

from __future__ import annotations

import pytest

from labkit import standards
from labkit.states.smtp import MACHINE, State


def follow(*steps: tuple[str, int]) -> State | None:
    state: State | None = MACHINE.start
    for verb, status in steps:
        assert state is not None
        state = MACHINE.step(state, verb, status)
    return state


def test_the_example_of_the_rfc() -> None:
    """RFC 5321 D.1: one of three recipients is refused, the mail goes on."""
    transaction = [("MAIL", 2), ("RCPT", 2), ("RCPT", 5), ("RCPT", 2), ("DATA", 3), (".", 2)]
    assert follow(("EHLO", 2), *transaction) is State.READY
    assert follow(("EHLO", 2), *transaction, ("QUIT", 2)) is State.CLOSED


@pytest.mark.parametrize("status", [2, 4, 5])
def test_the_end_of_data_ends_the_transaction_however_it_is_answered(status: int) -> None:
    assert MACHINE.step(State.DATA, ".", status) is State.READY


@pytest.mark.parametrize("state", [State.MAIL, State.RCPT])
@pytest.mark.parametrize("verb", ["RSET", "EHLO", "HELO"])
def test_a_transaction_is_given_up(state: State, verb: str) -> None:
    assert MACHINE.step(state, verb, 2) is State.READY
    assert MACHINE.step(state, verb, 5) is state


def test_tls_makes_the_client_a_stranger_again() -> None:
    assert follow(("EHLO", 2), ("STARTTLS", 2)) is State.CONNECTED


def test_what_is_out_of_order() -> None:
    assert "MAIL" not in MACHINE.legal(State.CONNECTED)
    assert "RCPT" not in MACHINE.legal(State.READY)
    assert "DATA" not in MACHINE.legal(State.MAIL)
    assert "MAIL" not in MACHINE.legal(State.RCPT)
    assert "AUTH" not in MACHINE.legal(State.MAIL)
    assert MACHINE.legal(State.DATA) == ["."]
    assert MACHINE.legal(State.CLOSED) == []


def test_the_registry_names_the_same_states() -> None:
    for command in standards.COMMANDS["smtp"]:
        legal = {state.value for state in State if command.verb in MACHINE.legal(state)}
        at_any_time = {s.value for s in State} - {"data", "closed"}
        assert legal == (set(command.states) or at_any_time), command.verb
