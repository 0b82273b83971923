from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

from labkit.errors import LabError
from labkit.views.ladder import ladder


def said(text: str) -> list[str]:
    """The labels of the steps, from the text twin, without lines and times."""
    steps = [line for line in text.splitlines() if "│" in line]
    return [re.sub(r"│[^│]*$|│|<?[─═╌·✂]{2,}>?", "", line[12:]).strip() for line in steps]


def notes(text: str) -> list[str]:
    """What stands at the right of the steps."""
    return [line.rpartition("│")[2].strip() for line in text.splitlines() if "│" in line]


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
        "the connection is cut",
    ]


def test_commands_in_flight_together_are_counted_and_have_bars_beside_each_other(
    journey_rows: dict[str, Any],
) -> None:
    picture = ladder(journey_rows, connection=2)
    assert notes(str(picture))[4:10] == ["", "2 in flight", "3 in flight", *["after 100 ms"] * 3]
    bars = re.findall(r'class="lk-wait[^"]*" x1="(\d+)"', picture.svg or "")
    assert len(set(bars[1:4])) == 3


def test_a_reply_that_never_came_is_said(journey_rows: dict[str, Any]) -> None:
    picture = ladder(journey_rows, connection=2)
    assert said(str(picture))[-2:] == ["no reply arrived", "the connection is cut"]
    assert "no reply arrived" in (picture.svg or "")
    assert "✂ the connection is cut" in (picture.svg or "")


def test_a_connection_without_a_word_is_said(journey_rows: dict[str, Any]) -> None:
    for ended, words in (("timeout", "nobody answers"), ("reset", "the connection is refused")):
        end = journey_rows["connections"][1] | {"connection": 9, "ended": ended, "exchanges": 0}
        picture = ladder(journey_rows | {"exchanges": [], "connections": [end], "lookups": []})
        assert said(str(picture)) == ["connection 9: SMTP relay, port 25", words]
        assert words in (picture.svg or "")


def test_a_late_reply_is_marked_by_a_word(submission: list[dict[str, Any]]) -> None:
    late = submission[5] | {"latency_s": 9.0, "replied_at": submission[5]["sent_at"] + 9_000_000}
    picture = ladder([*submission[:5], late, *submission[6:]])
    assert "late, after 9 s" in str(picture)
    assert "◷ 9 s" in (picture.svg or "")


def test_flaws_are_named_with_their_meaning(submission: list[dict[str, Any]]) -> None:
    flaw = {"connection": 0, "exchange": 5, "flaw": "bare-lf", "meaning": "no CRLF", "rfc": "RFC 5321 2.3.8"}
    picture = ladder({"exchanges": submission, "flaws": [flaw]})
    assert "MAIL FROM:<alice@example.org>  ⚠ bare-lf" in said(str(picture))
    assert "⚠ bare-lf: no CRLF (RFC 5321 2.3.8)" in (picture.svg or "")


def heights(svg: str, exchange: int) -> list[float]:
    """Where the arrows of one exchange begin and end."""
    group = re.findall(rf'<g class="[^"]*lk-x-0-{exchange}(?: [^"]*)?"[^>]*>.*?</g>', svg)
    found = (re.search(r'<line class="lk-stroke[^"]*" x1="[^"]*" y1="([^"]*)" x2="[^"]*" y2="([^"]*)"', g)
             for g in group)  # fmt: skip
    return [float(value) for match in found if match for value in match.groups()]


def test_to_scale_arrows_fall_as_far_as_they_take_long() -> None:
    start = 1_767_603_600_000_000
    rows = [
        {"connection": 0, "exchange": n, "protocol": "smtp", "verb": "NOOP", "outcome": "ok", "status": "250",
         "time": start + at, "sent_at": start + at, "first_reply_at": start + at + wait,
         "replied_at": start + at + wait, "latency_s": wait / 1e6}
        for n, at, wait in ((1, 0, 40_000), (2, 40_000, 120_000), (3, 160_000, 40_000))
    ]  # fmt: skip
    quick, slow, last = (heights(ladder(rows, scale="time").svg or "", n) for n in (1, 2, 3))
    fall = quick[1] - quick[0]
    assert fall > 40
    assert slow[0] == pytest.approx(quick[3], abs=8)  # sent when the reply before it had come
    assert slow[3] - slow[0] == pytest.approx(6 * fall, rel=0.1)  # 120 ms against 20 ms one way
    assert last[3] - last[0] == pytest.approx(2 * fall, rel=0.1)
    compact = [heights(ladder(rows).svg or "", n) for n in (1, 2, 3)]
    assert len({round(values[3] - values[0], 2) for values in compact}) == 1
    assert "To scale: an empty line is 20 ms" in str(ladder(rows, scale="time"))
    assert "20 ms" in (ladder(rows, scale="time").svg or "")  # the ruler


def test_to_scale_a_missing_reply_is_said_below_the_arrow_that_had_none(journey_rows: dict[str, Any]) -> None:
    heights = {}
    for scale in ("compact", "time"):
        svg = ladder(journey_rows, connection=2, scale=scale).svg or ""  # type: ignore[arg-type]
        (step,) = re.findall(r"<g [^>]*>(?:(?!<g ).)*?no reply arrived</text></g>", svg)
        line = re.search(r'<line[^>]* y1="([^"]*)"', step)
        word = re.search(r'<text class="lk-mono lk-halo"[^>]* y="([^"]*)"', step)
        assert line is not None
        assert word is not None
        heights[scale] = float(word[1]) > float(line[1])
    assert heights == {"compact": False, "time": True}


def test_to_scale_a_long_silence_is_a_break(journey_rows: dict[str, Any]) -> None:
    svg = ladder(journey_rows, scale="time").svg or ""
    assert "⋮ 15 min" in svg
    assert float(re.search(r'viewBox="0 0 \d+ (\d+)"', svg)[1]) < 6000  # type: ignore[index]


def test_what_is_selected_stands_out_in_both_forms(submission: list[dict[str, Any]]) -> None:
    picture = ladder(submission, selected=(0, 5))
    assert (picture.svg or "").count('class="lk-hit lk-chosen"') == 2  # the command and its reply
    chosen = [line for line in str(picture).splitlines() if "▸" in line]
    assert ["MAIL FROM" in chosen[0], "250 2.1.0 ok" in chosen[1], len(chosen)] == [True, True, 2]


def test_each_step_says_whose_it_is_to_whoever_is_clicked_on(journey_rows: dict[str, Any]) -> None:
    svg = ladder(journey_rows, connection=2).svg or ""
    found = re.findall(r'<g [^>]*?data-connection="(\d+)"(?: data-exchange="(\d+)")?>', svg)
    opened = closed = ("2", "")
    said = [0, 1, 1, 2, 3, 4, 2, 3, 4, 5, 5]  # the greeting, then a command and its reply for each
    assert found == [opened, *(("2", str(number)) for number in said), closed]


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
    assert [line.endswith("│ TLS") for line in lines if "EHLO" in line] == [False, True]


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


def test_connections_are_named_by_numbers(journey_rows: dict[str, Any]) -> None:
    last = pd.DataFrame(journey_rows["exchanges"])["connection"].max()  # a number of numpy's
    assert str(ladder(journey_rows, connection=last)) == str(ladder(journey_rows, connection=int(last)))
    with pytest.raises(LabError, match="a connection is named by its number, or several by theirs, not 'x'"):
        ladder(journey_rows, connection="x")  # type: ignore[arg-type]


def test_a_scale_that_there_is_not(submission: list[dict[str, Any]]) -> None:
    with pytest.raises(LabError, match="compact or time, not 'log'"):
        ladder(submission, scale="log")  # type: ignore[arg-type]
