"""The table of POP3's states, as a table."""

from __future__ import annotations

from labkit import standards
from labkit.states.pop3 import MACHINE, State


def test_a_session_from_login_to_update() -> None:
    state = MACHINE.start
    for verb, status in [
        ("CAPA", "+OK"),
        ("USER", "+OK"),
        ("PASS", "-ERR"),
        ("AUTH", "+"),
        ("(response)", "+OK"),
        ("DELE", "+OK"),
        ("RETR", "-ERR"),
        ("QUIT", "+OK"),
    ]:
        state = MACHINE.step(state, verb, status)
    assert state is State.UPDATE


def test_quit_leads_to_update_only_from_transaction() -> None:
    assert MACHINE.step(State.AUTHORIZATION, "QUIT", "+OK") is State.CLOSED
    assert MACHINE.step(State.TRANSACTION, "QUIT", "-ERR") is State.UPDATE


def test_nothing_is_legal_at_the_end() -> None:
    assert MACHINE.legal(State.UPDATE) == MACHINE.legal(State.CLOSED) == []


def test_the_table_and_the_standards_name_the_same_commands_in_the_same_states() -> None:
    table = {(state.value, verb) for state, verb, _, _ in MACHINE.edges() if verb != "(response)"}
    assert table == {(state, c.verb) for c in standards.COMMANDS["pop3"] for state in c.states}


def test_state_names_are_those_of_the_tables() -> None:
    assert [state.value for state in State][:3] == ["authorization", "transaction", "update"]
