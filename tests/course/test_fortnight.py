"""A fortnight of mail on two hosts of one user, in four ways."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from labkit.course.fortnight import DAYS, LETTERS_A_DAY, Way, account, fortnight
from labkit.errors import LabError

WRITTEN = DAYS * LETTERS_A_DAY


@pytest.fixture(scope="module")
def costs() -> dict[str, dict[str, int]]:
    worlds = {way: fortnight(way) for way in get_args(Way)}
    table = account(worlds).set_index("")
    for world in worlds.values():
        world.close()
    return {way: {row: int(value.replace(" ", "")) for row, value in table[way].items()} for way in worlds}


def on_both(cost: dict[str, int]) -> tuple[int, int]:
    return cost["of these on the PC"], cost["of these on the phone"]


def test_who_deletes_shares_the_letters_out(costs: dict[str, dict[str, int]]) -> None:
    assert sum(on_both(costs["delete"])) == WRITTEN
    assert costs["delete"]["letters left on the server"] == 0


def test_without_names_all_is_fetched_each_time(costs: dict[str, dict[str, int]]) -> None:
    assert on_both(costs["keep"]) == (WRITTEN, WRITTEN)
    assert costs["keep"]["RETR that brought a letter again"] > 10 * WRITTEN
    assert costs["keep"]["octets by POP3"] > 10 * costs["UIDL"]["octets by POP3"]


@pytest.mark.parametrize(("way", "left"), [("UIDL", WRITTEN), ("a week", WRITTEN // 2)])
def test_by_name_each_host_fetches_each_letter_once(
    costs: dict[str, dict[str, int]], way: str, left: int
) -> None:
    assert on_both(costs[way]) == (WRITTEN, WRITTEN)
    assert costs[way]["RETR that brought a letter again"] == 0
    assert costs[way]["letters left on the server"] == left


def test_another_way_is_refused() -> None:
    way: Any = "archive"
    with pytest.raises(LabError, match="choose delete, keep, UIDL, a week"):
        fortnight(way)
