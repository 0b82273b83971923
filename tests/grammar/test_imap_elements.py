"""Names, strings, dates and sets, each there and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import ProtocolError
from labkit.grammar import imap_elements as el
from labkit.grammar.imap_data import STAR, SequenceSet, sequence_set
from labkit.grammar.imap_elements import ImapCursor


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"INBOX", "INBOX"),
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),  # RFC 3501 5.1.3
        (b"&Jjo-!", "☺!"),
        (b"R&-D", "R&D"),
        (b"&2D3eAA-", "\U0001f600"),
        (b"", ""),
    ],
)
def test_mailbox_names(raw: bytes, name: str) -> None:
    assert el.decode_mailbox(raw) == name
    assert el.encode_mailbox(name) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"&",
        b"&Jjo",
        b"&Jjo!",
        b"&Jjp-",
        b"&AEE-",
        b"&U,BTFw-&ZeVnLIqe-",
        b"\xc3\xb6",
        b"a\x7f",
        b"&A-",
        b"&2D0-",
    ],
    ids=repr,
)
def test_no_second_spelling_of_a_name(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        el.decode_mailbox(raw)


@given(st.text().filter(lambda name: "\0" not in name))
def test_any_name_round_trips(name: str) -> None:
    assert el.decode_mailbox(el.encode_mailbox(name)) == name
    at = ImapCursor(el.write_mailbox(name))
    assert at.mailbox() == ("INBOX" if name.upper() == "INBOX" else name)
    at.end()


@given(st.binary(max_size=2000).filter(lambda octets: b"\0" not in octets))
def test_any_string_round_trips(octets: bytes) -> None:
    for write in (el.write_string, el.write_astring, el.write_literal):
        at = ImapCursor(write(octets))
        assert at.astring() == octets
        at.end()


TIMES = st.datetimes(
    datetime(2, 1, 1),
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(TIMES.filter(lambda time: time.year < 9999))
def test_any_time_round_trips(time: datetime) -> None:
    at = ImapCursor(el.write_date_time(time))
    assert at.date_time() == time.replace(microsecond=0)
    at.end()
    day = ImapCursor(el.write_date(time.date()))
    assert day.date() == time.date()


def test_a_time_is_written_as_the_rfc_has_it() -> None:
    assert el.write_date_time(datetime(2026, 1, 5, 9, tzinfo=UTC)) == b'" 5-Jan-2026 09:00:00 +0000"'
    pacific = timezone(timedelta(hours=-7))
    assert el.write_date_time(datetime(1996, 7, 17, 2, 44, 25, tzinfo=pacific)) == (
        b'"17-Jul-1996 02:44:25 -0700"'
    )


@pytest.mark.parametrize(
    ("text", "numbers", "found"),
    [
        (b"2,4:7,9,12:*", range(1, 16), [2, 4, 5, 6, 7, 9, 12, 13, 14, 15]),  # RFC 3501 9
        (b"*:4,5:7", range(1, 11), [4, 5, 6, 7, 8, 9, 10]),
        (b"559:*", [3, 7, 12], [12]),  # UIDs: "*" is always the last (RFC 3501 6.4.8)
        (b"1:4294967295", [3, 7], [3, 7]),
        (b"1:*", [], []),
        (b"3,3,2:3", [2, 3], [2, 3]),
        (b"4", [3, 5], []),
    ],
)
def test_what_a_set_holds(text: bytes, numbers: list[int], found: list[int]) -> None:
    at = ImapCursor(text)
    asked = sequence_set(at)
    at.end()
    assert asked.among(list(numbers)) == found
    assert str(asked).encode() == text


ENDS = st.integers(0, 30)


@given(st.lists(st.tuples(ENDS, ENDS), min_size=1, max_size=4), st.sets(st.integers(1, 30)))
def test_a_set_agrees_with_a_plain_list(ranges: list[tuple[int, int]], there: set[int]) -> None:
    numbers = sorted(there)
    star = numbers[-1] if numbers else 0
    ends = [sorted(star if end == STAR else end for end in pair) for pair in ranges]
    expected = [number for number in numbers if any(a <= number <= b for a, b in ends)]
    assert SequenceSet(tuple(ranges)).among(numbers) == expected


@given(st.sets(st.integers(1, 60), min_size=1))
def test_the_shortest_set_holds_what_it_was_made_of(numbers: set[int]) -> None:
    short = SequenceSet.of(sorted(numbers))
    assert short.among(list(range(1, 61))) == sorted(numbers)
    assert short.highest(0) == max(numbers)
    assert sequence_set(ImapCursor(str(short).encode())).among(sorted(numbers)) == sorted(numbers)
