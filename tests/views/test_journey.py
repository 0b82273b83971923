from __future__ import annotations

from typing import Any

from labkit.views.journey import journey


def test_each_leg_says_who_speaks_what_to_whom(journey_rows: dict[str, Any]) -> None:
    text = str(journey(journey_rows))
    assert (
        "1 sender's host to sender's server by SMTP submission (port 587, STARTTLS): 1 message sent" in text
    )
    assert "2 sender's server to name server by DNS look-up (port 53): 1 question" in text
    assert "3 sender's server to recipient's server by SMTP delivery (port 25)" in text
    assert "1 message sent, 1 not accepted in 2 connections" in text
    assert "4 recipient's host to recipient's server by POP3 access (port 110): 1 message fetched" in text


def test_the_drawing_says_the_same(journey_rows: dict[str, Any]) -> None:
    svg = journey(journey_rows).svg or ""
    for words in (
        "SMTP submission",
        "DNS look-up",
        "SMTP delivery",
        "POP3 access",
        "1 not accepted",
        "(unanswered)",
    ):
        assert words in svg


def test_one_message_can_be_followed(journey_rows: dict[str, Any]) -> None:
    assert "Lunch on Friday" in str(journey(journey_rows, trace="t1"))
    assert "Lunch on Friday" not in str(journey(journey_rows, trace="another"))


def test_many_crossings_are_counted(journey_rows: dict[str, Any]) -> None:
    message = journey_rows["messages"][0]
    rows = journey_rows | {"messages": [message] * 40}
    assert "… and 29 crossings more" in str(journey(rows))


def test_nothing_travelled() -> None:
    assert "nothing travelled" in journey({"connections": [], "messages": []}).alt
