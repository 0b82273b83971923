"""The moments that fields name (RFC 5322 3.3, and 4.3 for what was written before)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime, parsedate_tz

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# date-time = [ day-name "," ] date time (RFC 5322 3.3), as nearly everybody writes it: with one space
# between, with seconds, and with a zone in digits, which some say again in a comment
_USUAL = re.compile(
    rf"(?:[MTWFS][a-z]{{2}}, )?([0-9]{{1,2}}) ({'|'.join(_MONTHS)}) ([1-9][0-9]{{3}})"
    r" ((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
    r" ([+-](?:[01][0-9]|2[0-3]))([0-5][0-9])(?: \([A-Z]{1,5}\))?"
)


def format_date(moment: datetime) -> str:
    """A Date field's value (RFC 5322 3.3): `Mon, 05 Jan 2026 09:00:00 +0000`."""
    return format_datetime(moment)


def parse_date(text: str) -> datetime | None:
    """The moment that a Date field or a Received field names, in UTC; None if it cannot be read.

    Obsolete zones and years of two digits are understood (RFC 5322 4.3); a zone nobody knows counts as UTC.
    """
    if (usual := _USUAL.fullmatch(text)) is not None:
        day, month, year, time, hours, minutes = usual.groups()
        iso = f"{year}-{_MONTHS.index(month) + 1:02}-{day:0>2}T{time}{hours}:{minutes}"
        try:  # the same moment as below, for less
            return datetime.fromisoformat(iso).astimezone(UTC)
        except (ValueError, OverflowError):  # no such day
            return None
    try:
        found = parsedate_tz(re.sub(r"\([^()]*\)", " ", text))
        if found is None:
            return None
        year, month, day, hour, minute, second = found[:6]
        second = 59 if second == 60 else second  # a leap second
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC) - timedelta(seconds=found[9] or 0)
    except (ValueError, OverflowError, IndexError, TypeError):  # parsedate_tz is not proof against all text
        return None


def written_day(text: str) -> date | None:
    """The day that a Date field names, in its own zone; None if it cannot be read."""
    try:
        found = parsedate_tz(text)
        return date(*found[:3]) if found else None
    except (ValueError, IndexError, TypeError, OverflowError):  # as above
        return None
