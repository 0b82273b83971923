"""How tables print: short, escaped, the same whatever holds them."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from labkit.tables import Capture
from labkit.tables.show import CELL, WIDTH, Cells, Grid, cut, seconds, times


def test_a_table_and_its_frame_print_alike(capture: Capture) -> None:
    assert repr(capture.logins) == repr(capture.rows("logins"))
    assert capture.logins._repr_html_() == capture.rows("logins")._repr_html_()
    assert repr(capture.logins).splitlines() == [
        "capture  connection  exchange  time          user               mechanism  outcome  encrypted",
        "lab               0         5  09:00:00.450  alice@example.com  PLAIN      ok       yes",
        "lab               3         2  09:00:04.650  bob                USER       ok       no",
        "lab               4         1  09:00:06.000  bob                LOGIN      ok       no",
        "[3 rows]",
    ]


@pytest.mark.parametrize("table", ["exchanges", "connections", "messages", "lines", "flaws", "hops"])
def test_every_table_fits(capture: Capture, empty: Capture, table: str) -> None:
    for each in (capture, empty):
        assert max(len(line) for line in repr(each.rows(table)).splitlines()) <= WIDTH
        assert repr(getattr(each, table)) == repr(each.rows(table))


def test_a_narrow_terminal_shows_how_a_command_was_answered(capture: Capture) -> None:
    terminal = Console(width=80, file=StringIO())
    terminal.print(capture.rows())
    shown = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, shown.splitlines())) <= 80
    assert ["verb" in shown, "argument" in shown, "status" in shown] == [True] * 3


def test_part_of_a_frame_prints_so_too(capture: Capture) -> None:
    some = capture.exchanges[["verb", "latency_s", "pipelined"]].dropna().head(2)
    assert repr(some) == (
        "verb      latency_s  pipelined\nEHLO          0.100  no\nSTARTTLS      0.100  no\n[2 rows]"
    )
    named = capture.exchanges.set_index("verb")[["code"]].dropna().head(1)
    assert repr(named) == "verb  code\n       220\n[1 row]"


def test_what_an_analyst_computes_prints_too(capture: Capture) -> None:
    frame = capture.exchanges[["verb", "time", "latency_s"]].iloc[1:2]
    told = frame.assign(
        there=frame["time"].dt.tz_convert("Asia/Tokyo"),
        arrow=frame["time"].convert_dtypes(dtype_backend="pyarrow"),
        since=frame["time"] - frame["time"].min() + pd.Timedelta("1.5s"),
        rate=10 / (frame["latency_s"] * 0),
    )
    time = frame["time"].iloc[0]
    values = repr(told).splitlines()[1].split()
    assert values[1:] == [
        f"{time:%H:%M:%S.%f}"[:-3],
        f"{frame['latency_s'].iloc[0]:.3f}",
        f"{time + pd.Timedelta('9h'):%H:%M:%S.%f}"[:-3],
        f"{time:%H:%M:%S.%f}"[:-3],
        "00:00:01.500000",
        "inf",
    ]
    assert "inf" in told._repr_html_()  # type: ignore[operator]


def test_a_frame_is_a_frame(capture: Capture) -> None:
    import pickle

    frame = capture.exchanges
    assert isinstance(frame, pd.DataFrame)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(frame)), frame)
    pd.testing.assert_frame_equal(pd.DataFrame(frame), frame)
    wide = frame.pivot_table(
        index="connection", columns=["protocol", "outcome"], values="exchange", observed=True
    )
    assert "smtp" in repr(wide)
    assert "smtp" in wide._repr_html_()


def test_what_is_shown_is_escaped() -> None:
    from labkit.tables.show import html

    found = html(Grid([Cells("<b>", "text", ["<script>&"])], 1, 1, None))
    assert "&lt;script&gt;&amp;" in found
    assert "<script>" not in found


def test_short_values() -> None:
    start = 1_767_603_600_000_000
    assert times([start, None, start + 1_500]) == ["09:00:00.000000", "", "09:00:00.001500"]
    assert times([start, start + 86_400_000_000]) == ["2026-01-05 09:00:00.000", "2026-01-06 09:00:00.000"]
    assert seconds([0.1, None]) == ["0.100", ""]
    assert seconds([0.000123]) == ["0.000123"]
    assert cut("x" * 100) == "x" * (CELL - 1) + "…"
    assert cut("a\x00\x1b[31mb") == "a\\x00\\x1b[31mb"


def test_a_long_table_shows_head_and_tail(capture: Capture) -> None:
    lines = repr(capture.rows("lines")).splitlines()
    assert "…" in lines
    assert len(lines) < 40
    assert f"[{len(capture.rows('lines'))} rows;" in lines[-1]


def test_a_capture_tells_what_it_holds(capture: Capture, empty: Capture) -> None:
    assert repr(capture).startswith(
        "Capture 'lab': 1 imap, 1 pop3, 2 smtp; 30 exchanges, 4 connections, 5 messages,"
    )
    assert "mx.example.org" in repr(capture)
    assert "<b>Capture lab</b>" in capture._repr_html_()
    assert repr(empty).startswith("Capture 'nothing': no mail; 0 exchanges, 0 connections, 0 messages")


def test_the_story(capture: Capture) -> None:
    lines = repr(capture.where(0, 1).story()).splitlines()
    assert [name for name in lines[0].split("  ") if name] == [
        "time",
        "from → to",
        "command",
        "reply",
        "meaning",
    ]
    assert lines[1].split("  ")[0] == "09:00:00.050"
    text = "\n".join(lines)
    assert "host.example.com → mx.example.com" in text
    assert "553 5.1.3 no" in text
    assert "not an address" in text
    assert "example.org MX?" in text
    assert "hidden" not in repr(capture.story())
    assert len(capture.story()) == len(capture.rows())
    assert list(capture.story().frame().columns) == ["time", "from → to", "command", "reply", "meaning"]


def test_on_a_terminal(capture: Capture) -> None:
    for width in (60, 200):
        console = Console(width=width, force_terminal=False, record=True, file=open_nowhere())
        console.print(capture.rows("exchanges"))
        console.print(capture.story())
        assert max(len(line) for line in console.export_text().splitlines()) <= width


def open_nowhere() -> Any:
    import io

    return io.StringIO()
