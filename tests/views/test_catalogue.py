from __future__ import annotations

from labkit.views.catalogue import catalogue, outcomes
from labkit.world.faults import CATALOGUE


def test_the_catalogue_names_every_fault_in_text_and_html() -> None:
    picture = catalogue()
    for each in CATALOGUE.values():
        assert f"  {each.name} " in picture.text
        assert f">{each.name}<" in picture._repr_html_()
    assert max(map(len, picture.text.splitlines())) <= 80


def test_outcomes_by_fault_and_protocol() -> None:
    rows = [
        {"fault": "split", "protocol": "smtp", "outcome": "arrived"},
        {"fault": "split", "protocol": "pop3", "outcome": "fetched"},
        {"fault": "<b>", "protocol": "smtp", "outcome": "arrived at attempt 2"},
        {"fault": "refuse", "protocol": "pop3", "outcome": "failed; still on the server"},
    ]
    picture = outcomes(rows)
    assert picture.text.splitlines() == [
        "fault   SMTP                    POP3",
        "split   ✓ arrived               ✓ fetched",
        "<b>     ~ arrived at attempt 2",
        "refuse                          ✗ failed; still on the server",
    ]
    assert "&lt;b&gt;" in picture._repr_html_()
