from __future__ import annotations

import pytest

from labkit.views.words import clock, duration, listing, plural, short, visible, weekday


@pytest.mark.parametrize(
    ("microseconds", "words"),
    [
        (0, "0 s"),
        (50_000, "50 ms"),
        (999_400, "999 ms"),
        (1_000_000, "1 s"),
        (1_250_000, "1.25 s"),
        (60_000_000, "1 min"),
        (900_000_000, "15 min"),
        (3_661_000_000, "1 h 1 min"),
        (187_200_000_000, "2 d 4 h"),
        (-50_000, "-50 ms"),
    ],
)
def test_duration(microseconds: int, words: str) -> None:
    assert duration(microseconds) == words


def test_the_clock_is_utc_and_english() -> None:
    assert (weekday(1_767_603_600_250_000), clock(1_767_603_600_250_000, 2)) == ("Mon", "09:00:00.25")
    assert clock(1_767_603_600_250_000) == "09:00:00"


def test_what_cannot_be_seen_is_made_visible() -> None:
    assert visible("a\r\n\x00\u202eb\U000e0001é") == "a\\r\\n\\x00\\u202eb\\U000e0001é"


def test_short_plural_listing() -> None:
    assert short("abcdef", 4) == "abc…"
    assert short("abcd", 4) == "abcd"
    assert (plural(1, "octet"), plural(1024, "octet")) == ("1 octet", "1 024 octets")
    assert [listing(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
