"""Plots of the analysts' questions: drawing, words, and the same octets each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labkit import World
from labkit.errors import LabError
from labkit.tables import Capture
from labkit.views.analysis_plots import latency, lines, timeline
from labkit.views.picture import Picture


@pytest.fixture(scope="module")
def capture() -> Capture:
    with World(seed=0) as world:
        alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
        alice.submit(alice.compose(to=bob, subject="Hello", text="Hello."))
        world.settle()
        bob.retrieve("pop3")
        return world.capture


def test_latency_says_what_it_draws(capture: Capture) -> None:
    found = latency(capture.exchanges)
    took = capture.exchanges.query("protocol == 'pop3' and latency_s > 0")["latency_s"]
    assert f"pop3: half of {len(took)} replies within 40 ms, the slowest after 40 ms" in str(found)
    assert found.svg is not None
    for name in ("smtp", "pop3", "dns", "share of replies", "How long replies took"):
        assert f">{name}<" in found.svg


def test_timeline_counts_what_the_table_has(capture: Capture) -> None:
    found = timeline(capture.exchanges, "100ms", "An evening")
    smtp = int((capture.exchanges["protocol"] == "smtp").sum())
    assert f"smtp: {smtp} exchanges, at most " in str(found)
    assert found.svg is not None
    assert ">seconds since 09:00:00<" in found.svg
    assert ">An evening<" in found.svg
    assert timeline(capture.exchanges, "min").text == timeline(capture.exchanges, "1min").text


@pytest.mark.parametrize("plot", [latency, timeline])
def test_nothing_is_drawn_as_nothing(capture: Capture, plot: Callable[[Any], Picture]) -> None:
    found = plot(capture.exchanges.iloc[:0])
    assert "Nothing to show" in found.alt
    assert found.svg is not None


@pytest.mark.parametrize("plot", [latency, timeline])
def test_the_same_table_gives_the_same_octets(capture: Capture, plot: Callable[[Any], Picture]) -> None:
    assert plot(capture.exchanges).svg == plot(capture.exchanges).svg


def test_lines_say_where_each_begins_and_ends() -> None:
    import pandas as pd

    rows = pd.DataFrame(
        {"octets": [1, 10, 1, 10], "seconds": [2.0, 4.0, 8.0, 8.0], "line": ["a", "a", "b", "b"]}
    )
    found = lines(rows, "octets", "seconds", "line", "Two lines", log=True)
    assert str(found).splitlines() == [
        "Two lines",
        "  a: from 2 at 1 to 4 at 10",
        "  b: from 8 at 1 to 8 at 10",
    ]
    assert found.alt == "seconds against octets. a: from 2 at 1 to 4 at 10 and b: from 8 at 1 to 8 at 10."
    assert found.svg is not None
    assert found.svg == lines(rows, "octets", "seconds", "line", "Two lines", log=True).svg
    assert "Nothing to show" in lines(rows.iloc[:0], "octets", "seconds", "line", "None").alt


def test_latency_is_asked_of_exchanges(capture: Capture) -> None:
    with pytest.raises(LabError, match="how long replies took is asked of the table exchanges"):
        latency(capture.messages)
