"""The moment and the day that a date names, whoever wrote it."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.message.dates import parse_date, written_day

LATE = datetime(1997, 11, 21, 23, 55, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment", "day"),
    [
        ("Fri, 21 Nov 1997 23:55:06 +0000", LATE, date(1997, 11, 21)),
        ("Sat, 22 Nov 1997 01:55:06 +0200", LATE, date(1997, 11, 22)),
        # RFC 5322 4.3: two digits of a year, zones by name, and one letter, which means nothing
        ("21 Nov 97 18:55:06 EST", LATE, date(1997, 11, 21)),
        ("21 Nov 97 16:55:06 PDT", LATE, date(1997, 11, 21)),
        ("21 Nov 97 23:55:06 GMT", LATE, date(1997, 11, 21)),
        ("21 Nov 97 23:55:06 UT", LATE, date(1997, 11, 21)),
        ("21 Nov 97 23:55:06 K", LATE, date(1997, 11, 21)),
        ("21 Nov 1997 23:55:06 -0000", LATE, date(1997, 11, 21)),
        ("32 Nov 1997 23:55:06 +0000", None, None),
        ("tomorrow", None, None),
        ("", None, None),
    ],
)
def test_a_date(text: str, moment: datetime | None, day: date | None) -> None:
    assert parse_date(text) == moment
    assert written_day(text) == day


@given(st.text() | st.text("0123456789 :+-,MonJaGT"))
def test_any_text_is_a_date_or_none(text: str) -> None:
    parse_date(text)
    written_day(text)


def two(last: int) -> st.SearchStrategy[str]:
    return st.integers(0, last).map("{:02}".format)


@given(
    st.sampled_from(("", "Mon, ", "Sun, ", "mon ")),
    two(32) | st.integers(0, 9).map(str),
    st.sampled_from(("Jan", "Feb", "Dec", "feb", "Foo")),
    st.sampled_from(("0001", "0999", "1000", "1900", "2024", "2026", "9999", "26")),
    st.tuples(two(25), two(61), two(61)).map(":".join),
    st.tuples(st.sampled_from("+-"), two(25), two(61)).map("".join),
    st.sampled_from(("", " (UTC)", " (x y)", " Z", " (é)")),
)
def test_a_date_as_usual_is_the_same_moment_as_with_more_space(
    day_name: str, day: str, month: str, year: str, time: str, zone: str, comment: str
) -> None:
    rest = f"{month} {year} {time} {zone}{comment}"
    found = parse_date(f"{day_name}{day} {rest}")
    assert found == parse_date(f"{day_name}{day}  {rest}")
    assert found is None or found.tzinfo is UTC


def test_a_date_beyond_what_datetime_knows() -> None:
    assert parse_date("31 Dec 9999 23:59:59 -0001") is None
    assert parse_date("29 Feb 2025 09:00:00 +0000") is None
    assert parse_date("29 Feb 2024 23:59:60 +0000") == datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)
