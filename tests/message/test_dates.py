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
