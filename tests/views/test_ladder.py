from __future__ import annotations

import re
from typing import Any

import pandas as pd

from labkit.views.ladder import ladder


def said(text: str) -> list[str]:
    """The labels of the steps, from the text twin, without lines and times."""
    steps = [line for line in text.splitlines() if "│" in line]
    return [re.sub(r"│|<?[─═╌·]{2,}>?|\bTLS$", "", line[12:]).strip() for line in steps]


def test_a_submission_from_top_to_bottom(journey_rows: dict[str, Any]) -> None:
    labels = said(str(ladder(journey_rows, connection=0)))
    assert labels[:6] == [
        "connection 0: SMTP submit, port 587",
        "✓ 220 mail.example.org ready",
        "EHLO laptop.example.org",
        "✓ 250 mail.example.org (+2 lines)",
        "STARTTLS",
        "✓ 220 2.0.0 go ahead",
    ]
    assert "✗ 550 5.1.1 no such user" in labels
    assert "message, 612 octets, then ." in labels


def test_arrows_point_from_the_one_who_speaks(journey_rows: dict[str, Any]) -> None:
    text = str(ladder(journey_rows, connection=4))  # here the client stands at the right
    user = next(line for line in text.splitlines() if "USER bob" in line)
    reply = next(line for line in text.splitlines() if "go on" in line)
    assert ("│<─" in user, "─>│" in user) == (True, False)
    assert ("│<─" in reply, "─>│" in reply) == (False, True)


def test_pipelined_commands_stand_above_their_replies(journey_rows: dict[str, Any]) -> None:
    labels = said(str(ladder(journey_rows, connection=2)))
    assert labels[4:] == [
        "MAIL FROM:<alice@example.org>",
        "RCPT TO:<bob@example.net>",
        "DATA",
        "✓ 250 2.1.0 ok",
        "✓ 250 2.1.5 ok",
        "… 354 go on",
        "message, 812 octets, then .",
        "no reply arrived",
    ]


def test_a_reply_that_never_came_is_said(journey_rows: dict[str, Any]) -> None:
    picture = ladder(journey_rows, connection=2)
    assert said(str(picture))[-1] == "no reply arrived"
    assert "no reply arrived" in (picture.svg or "")


def test_silence_is_said_in_words(journey_rows: dict[str, Any]) -> None:
    assert "⋮ 15 min pass, Mon 09:15:01" in str(ladder(journey_rows))


def test_devices_stand_in_the_order_of_the_journey(journey_rows: dict[str, Any]) -> None:
    names = str(ladder(journey_rows)).splitlines()[3].split()
    assert names == [
        "laptop.example.org",
        "mail.example.org",
        "name",
        "server",
        "mx.example.net",
        "bob.example.net",
    ]


def test_tls_is_shaded_and_named(journey_rows: dict[str, Any]) -> None:
    picture = ladder(journey_rows, connection=0)
    assert (picture.svg or "").count('class="lk-tls"') == 1
    lines = str(picture).splitlines()
    assert [line.endswith("TLS") for line in lines if "EHLO" in line] == [False, True]


def test_one_device_talking_to_itself_has_two_lines(submission: list[dict[str, Any]]) -> None:
    ends = [
        {
            "connection": 0,
            "client_name": "host",
            "server_name": "host",
            "client_role": None,
            "server_role": None,
        }
    ]
    assert "host (server)" in str(ladder(submission, ends))


def test_exchanges_alone_are_enough(submission: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(submission)
    assert str(ladder(frame)) == str(ladder(submission))
    assert "client" in str(ladder(frame)).splitlines()[2]


def test_what_is_beyond_the_limit_is_counted(submission: list[dict[str, Any]]) -> None:
    picture = ladder(submission, limit=3)
    assert "8 more exchanges not drawn" in str(picture)
    assert "8 more exchanges not drawn" in (picture.svg or "")


def test_no_exchange_at_all() -> None:
    picture = ladder([])
    assert str(picture).startswith("No exchange was captured")
    assert picture.svg
