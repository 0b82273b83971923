"""The moments that fields name (RFC 5322 3.3, and 4.3 for what was written before)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime, parsedate_tz


def format_date(moment: datetime) -> str:
    """A Date field's value (RFC 5322 3.3): `Mon, 05 Jan 2026 09:00:00 +0000`."""
    return format_datetime(moment)


def parse_date(text: str) -> datetime | None:
    """The moment that a Date field or a Received field names, in UTC; None if it cannot be read.

    Obsolete zones and years of two digits are understood (RFC 5322 4.3); a zone nobody knows counts as UTC.
    """
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
