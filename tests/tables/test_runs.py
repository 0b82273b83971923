"""Sorted pieces of a table, put together: all rows, in order, and not all of them in memory."""

import pyarrow as pa
import pytest

from labkit.tables import runs
from labkit.tables.runs import Run, Runs


def piece(*times):
    """Rows of `exchanges`, as far as they are sorted by."""
    return pa.table({"time": times, "connection": [0] * len(times), "exchange": list(range(len(times)))})


def times_of(found):
    return [time for part in found for time in part["time"].to_pylist()]


@pytest.mark.parametrize("spilled", [False, True], ids=["in memory", "in files"])
def test_runs_that_overlap_are_merged(tmp_path, spilled):
    found = Runs("exchanges", tmp_path)
    for times in ([5, 6, 9], [1, 2, 7], [], [3, 8], [20]):
        found.add(piece(*times))
    if spilled:
        found.spill()
    assert times_of(found.merged()) == [1, 2, 3, 5, 6, 7, 8, 9, 20]


def test_a_table_that_begins_with_no_time_is_sorted_by_connection(tmp_path):
    found = Runs("connections", tmp_path)
    for numbers in ([2, 4], [1, 3]):
        found.add(pa.table({"connection": numbers, "stream": [-number for number in numbers]}))
    assert [part["stream"].to_pylist() for part in found.merged()] == [[-1, -2, -3], [-4]]


def test_only_the_files_whose_turn_it_is_are_read(tmp_path, monkeypatch):
    found, read = Runs("exchanges", tmp_path), []
    for number in range(50):
        found.add(piece(10 * number, 10 * number + 11))  # into the next one
    found.spill()
    batches = runs._batches
    monkeypatch.setattr(runs, "_batches", lambda rows: read.append(rows) or batches(rows))
    parts = found.merged()
    first = next(parts)
    assert len(read) == 2
    assert len(times_of([first, *parts])) == 100
    assert len(read) == 50


def test_what_another_process_wrote_is_taken_in(tmp_path):
    theirs, ours = Runs("exchanges", tmp_path, mark="1-"), Runs("exchanges", tmp_path)
    theirs.add(piece(2, 4))
    ours.add(piece(1, 3))
    (written,) = theirs.spill()
    assert written == Run(2, tmp_path / "exchanges-1-0.arrow")
    ours.take_in([written])
    assert times_of(ours.merged()) == [1, 2, 3, 4]
