from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import NamedTuple

import pandas as pd
import pytest

from labkit.errors import LabError
from labkit.views.rows import micros, rows_of, tables_of, to_rows

START = 1_767_603_600_000_000


class Pair(NamedTuple):
    capture: str
    code: int | None


FRAME = pd.DataFrame(
    {
        "capture": pd.array(["a", "b"], dtype="str"),
        "code": pd.array([250, None], dtype="Int64"),
        "latency_s": [0.5, float("nan")],
        "time": pd.to_datetime([START, None], unit="us", utc=True),
    }
)


def test_a_frame_gives_plain_values() -> None:
    first, second = to_rows(FRAME)
    assert first == {"capture": "a", "code": 250, "latency_s": 0.5, "time": START}
    assert second == {"capture": "b", "code": None, "latency_s": None, "time": None}


@pytest.mark.parametrize(
    "table",
    [
        [{"capture": "a", "code": 250}, {"capture": "b", "code": None}],
        {"capture": ["a", "b"], "code": [250, None]},
        [Pair("a", 250), Pair("b", None)],
        FRAME[["capture", "code"]],
    ],
    ids=["mappings", "columns", "named tuples", "frame"],
)
def test_every_form_of_a_table_is_the_same_rows(table: object) -> None:
    assert to_rows(table) == [{"capture": "a", "code": 250}, {"capture": "b", "code": None}]


def test_a_frame_is_a_table_although_it_has_a_column_called_capture() -> None:
    assert len(rows_of(FRAME, "exchanges")) == 2
    assert [len(rows) for rows in tables_of(FRAME, "exchanges", "connections")] == [2, 0]


def test_an_empty_frame_is_no_rows() -> None:
    assert to_rows(FRAME.iloc[:0]) == []


@pytest.mark.parametrize(
    "wrap", [lambda c: c, lambda c: SimpleNamespace(capture=c)], ids=["capture", "world"]
)
@pytest.mark.parametrize("by_name", [True, False], ids=["rows()", "properties"])
def test_a_source_gives_its_tables_by_name(wrap: object, by_name: bool) -> None:
    capture = (
        SimpleNamespace(rows=lambda name: [{"capture": name}])
        if by_name
        else SimpleNamespace(lines=FRAME.assign(capture="lines"), exchanges=FRAME.assign(capture="exchanges"))
    )
    lines, exchanges = tables_of(wrap(capture), "lines", "exchanges")  # type: ignore[operator]
    assert (lines[0]["capture"], exchanges[0]["capture"]) == ("lines", "exchanges")


def test_what_is_no_table_is_said_in_words() -> None:
    with pytest.raises(LabError, match="no table of the lab: int"):
        rows_of(7, "exchanges")


def test_times() -> None:
    assert micros(datetime(2026, 1, 5, 9, tzinfo=UTC)) == START
    assert micros(START) == START
    assert micros(None) is None
    with pytest.raises(LabError):
        micros("nine o'clock")
