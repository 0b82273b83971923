from __future__ import annotations

import pytest

from labkit import standards
from labkit.states.imap import AFTER_GREETING, MACHINE, TABLE, State
from labkit.states.machine import Machine


@pytest.mark.parametrize(
    ("state", "verb", "status", "after"),
    [
        (State.NOT_AUTHENTICATED, "LOGIN", "OK", State.AUTHENTICATED),
        (State.NOT_AUTHENTICATED, "LOGIN", "NO", State.NOT_AUTHENTICATED),
        (State.NOT_AUTHENTICATED, "SELECT", "OK", None),
        (State.AUTHENTICATED, "LOGIN", "OK", None),
        (State.AUTHENTICATED, "STARTTLS", "OK", None),
        (State.AUTHENTICATED, "SELECT", "OK", State.SELECTED),
        (State.AUTHENTICATED, "FETCH", "OK", None),
        (State.SELECTED, "SELECT", "NO", State.AUTHENTICATED),
        (State.SELECTED, "SELECT", "BAD", State.SELECTED),
        (State.SELECTED, "UID FETCH", "OK", State.SELECTED),
        (State.SELECTED, "CLOSE", "OK", State.AUTHENTICATED),
        (State.SELECTED, "CREATE", "NO", State.SELECTED),
        (State.SELECTED, "LOGOUT", "OK", State.LOGOUT),
    ],
)
def test_steps(state: State, verb: str, status: str, after: State | None) -> None:
    assert MACHINE.step(state, verb, status) is after


def test_what_is_legal_grows_with_each_state() -> None:
    legal = {state: set(MACHINE.legal(state)) for state in State}
    assert legal[State.AUTHENTICATED] < legal[State.SELECTED]
    assert "LOGIN" not in legal[State.AUTHENTICATED]
    assert legal[State.LOGOUT] == set()


def test_bad_never_moves() -> None:
    assert all(before is after for before, _, status, after in MACHINE.edges() if status == "BAD")


def test_every_state_is_reached_from_a_greeting() -> None:
    assert isinstance(MACHINE, Machine)
    assert {*AFTER_GREETING.values(), *(after for _, _, _, after in MACHINE.edges())} == set(TABLE)


def test_the_standards_name_the_same_states() -> None:
    for command in standards.COMMANDS["imap"]:
        permitted = [state.value for state in State if command.verb in MACHINE.legal(state)]
        anywhere = [state.value for state in State if state is not State.LOGOUT]
        assert permitted == list(command.states or anywhere), command.verb
