"""Rows are as they are whether they were seen one by one or in columns."""

from __future__ import annotations

import pytest

from labkit.tables.moments import Moments, Times, began

SEEN = [
    Moments(5, 6, 7, 8, 1, 2),
    Moments(None, None, 9, 9, None, 3),
    Moments(0, 0, None, None, 1, None),
]


def test_columns_are_the_same_moments() -> None:
    times = Times.of(SEEN)
    assert list(times) == SEEN
    assert list(times[1:]) == SEEN[1:]
    assert Times.of(times) is times


@pytest.mark.parametrize("moments", [SEEN, Times.of(SEEN)], ids=["one by one", "columns"])
def test_when_a_row_began(moments: list[Moments] | Times) -> None:
    assert [began(moments, index) for index in range(3)] == [5, 9, 0] == [each.time for each in moments]
