"""The week of mail: the same letters by three ways, and what becomes of them."""

from __future__ import annotations

from functools import cache

import pytest

from labkit.views.waiting import traffic
from labkit.world.week import DAYS, ONLINE, LastStep, letters, week
from labkit.world.world import World

WAYS: tuple[LastStep, ...] = ("smtp", "pop3", "imap")


@cache
def played(way: LastStep) -> World:
    return week(way)


def sent(world: World) -> list[tuple[str, str]]:
    rows = world.capture.rows("messages")
    return [
        (subject, body)
        for step, subject, body in zip(rows["step"], rows["subject"], rows["body_sha256"], strict=True)
        if step == "submit"
    ]


def test_the_letters_are_the_same_in_all_three() -> None:
    assert len(letters()) == 3 * DAYS
    assert sent(played("smtp")) == sent(played("pop3")) == sent(played("imap"))
    assert letters() == letters(0) != letters(1)


@pytest.mark.parametrize("way", WAYS)
def test_every_letter_arrives_or_is_returned_and_none_is_lost(way: LastStep) -> None:
    fates = [letter.fate for letter in traffic(played(way)).letters]
    assert len(fates) == len(letters())
    assert set(fates) == ({"arrived", "returned"} if way == "smtp" else {"arrived"})


@pytest.mark.parametrize("way", WAYS)
def test_letters_arrive_only_while_the_host_is_online(way: LastStep) -> None:
    begin, end = (hour * 3_600_000_000 for hour in ONLINE)
    for letter in traffic(played(way)).letters:
        if letter.arrived is not None:
            assert begin <= letter.arrived % 86_400_000_000 < end


def test_a_letter_is_returned_after_five_days_of_trying() -> None:
    returned = [letter for letter in traffic(played("smtp")).letters if letter.returned is not None]
    assert all(5.0 <= (letter.returned - letter.sent) / 86.4e9 < 5.1 for letter in returned)


def test_the_first_letter_misses_bob_by_two_minutes() -> None:
    """As notebook 01 tells it."""
    rows = played("smtp").capture.connections.query("step == 'relay' and ended == 'timeout'")
    tried = set(rows.start.dt.strftime("%a %H:%M"))
    assert {"Mon 18:34", "Mon 22:35", "Tue 18:40", "Fri 18:58"} <= tried


def test_pop3_empties_the_mailbox_and_imap_leaves_it() -> None:
    kept = {way: len(played(way).servers["mail.example.org"].read("bob@example.org")) for way in WAYS[1:]}
    assert kept == {"pop3": 0, "imap": len(letters())}


def test_no_letter_is_fetched_twice() -> None:
    for way in WAYS[1:]:
        rows = played(way).capture.rows("messages")
        bobs = [
            trace
            for trace, direction, sender in zip(
                rows["trace_id"], rows["direction"], rows["header_from"], strict=True
            )
            if direction == "retrieved" and sender == "alice@example.com"
        ]
        assert len(bobs) == len(set(bobs)) == len(letters())


def test_the_same_week_twice_is_the_same() -> None:
    first, second = (week("imap", seed=3).capture.exchanges for _ in range(2))
    assert first.equals(second)
