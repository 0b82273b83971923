from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from labkit.states import imap, pop3, smtp
from labkit.states.machine import Machine
from labkit.views.states import diagram, path

MACHINES: list[Machine[Any]] = [smtp.MACHINE, pop3.MACHINE, imap.MACHINE]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.protocol)
def test_every_state_and_every_verb_is_in_both_forms(machine: Machine[Any]) -> None:
    picture = diagram(machine)
    for state, verb, _, _ in machine.edges():
        assert state.value in str(picture)
        assert verb in str(picture)
        assert verb in (picture.svg or "")


def test_the_path_follows_the_rows(submission: list[dict[str, Any]]) -> None:
    moves = path(smtp.MACHINE, submission)
    assert [(move.exchange, move.source, move.target) for move in moves] == [
        (1, "connected", "ready"),
        (2, "ready", "connected"),
        (4, "connected", "ready"),
        (5, "ready", "mail"),
        (6, "mail", "rcpt"),
        (7, "rcpt", "rcpt"),  # refused: it stays
        (8, "rcpt", "data"),
        (9, "data", "ready"),
        (10, "ready", "closed"),
    ]


def test_where_the_connection_is_now(submission: list[dict[str, Any]]) -> None:
    picture = diagram(smtp.MACHINE, submission[:9])
    assert "now in state data" in picture.alt
    assert "> data " in str(picture)
    assert "▶ data (now)" in (picture.svg or "")
    assert "exchanges here: 7" in (picture.svg or "")


def test_a_state_can_be_lit_without_a_path() -> None:
    assert "now mail" in str(diagram(smtp.MACHINE, current=smtp.State.MAIL))
    assert "now selected" in str(diagram(imap.MACHINE, current="selected"))


def test_another_protocols_rows_are_no_path(submission: list[dict[str, Any]]) -> None:
    assert str(diagram(pop3.MACHINE, submission)) == str(diagram(pop3.MACHINE))


class Room(Enum):
    A, B, C, D, E = "ABCDE"


def test_verbs_from_many_states_need_no_state_that_has_them_all() -> None:
    table = {
        Room.A: {("x", 2): Room.E, ("y", 2): Room.E},
        Room.B: {("x", 2): Room.E, ("z", 2): Room.E},
        Room.C: {("x", 2): Room.E, ("y", 2): Room.E, ("z", 2): Room.E},
        Room.D: {("y", 2): Room.E, ("z", 2): Room.E},
        Room.E: {},
    }
    svg = diagram(Machine("smtp", Room.A, table)).svg or ""
    assert svg.count("from several states") == 1
    assert ">x, y, z<" in svg
