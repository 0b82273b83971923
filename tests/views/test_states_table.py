from __future__ import annotations

from typing import Any

import pytest

from labkit.states import imap, pop3, smtp
from labkit.states.machine import Machine
from labkit.views.states_table import matrix, transitions

MACHINES: list[Machine[Any]] = [smtp.MACHINE, pop3.MACHINE, imap.MACHINE]


def cells(text: str) -> dict[str, list[str]]:
    """The cells of each verb, from the text twin; two spaces divide them."""
    lines = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]
    return {line[0]: line[1:] for line in lines if len(line) > 1}


def test_where_each_verb_leads() -> None:
    found = cells(str(matrix(smtp.MACHINE)))
    assert found["command"] == ["connected", "ready", "mail", "rcpt", "data"]
    assert found["EHLO"] == ["→ ready", "stays", "→ ready", "→ ready", "·"]
    assert found["DATA"] == ["·", "·", "·", "→ data", "·"]
    assert found["."] == ["·", "·", "·", "·", "→ ready"]


def test_a_refusal_that_leads_elsewhere_is_told() -> None:
    assert cells(str(matrix(imap.MACHINE)))["SELECT"][2] == "stays, → authenticated (NO)"


def test_the_present_state_is_marked(submission: list[dict[str, Any]]) -> None:
    picture = matrix(smtp.MACHINE, submission[:9])
    assert "> data" in str(picture)
    assert "▶ data (now)" in picture._repr_html_()
    assert "now in state data" in picture.alt
    assert "> mail" in str(matrix(smtp.MACHINE, current="mail"))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.protocol)
def test_the_frame_has_every_entry_of_the_table(machine: Machine[Any]) -> None:
    frame = transitions(machine)
    assert list(frame.columns) == ["state", "verb", "status", "next", "gist", "rfc"]
    assert len(frame) == len(list(machine.edges()))
    if machine is smtp.MACHINE:
        row = frame[(frame["state"] == "mail") & (frame["verb"] == "RCPT")].iloc[0]
        assert (row["status"], row["next"], row["rfc"]) == ("2xx", "rcpt", "RFC 5321 4.1.1.3")
