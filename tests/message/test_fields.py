"""Header fields: byte-exact cutting, trace and dates both ways, encoded words."""

import encodings.aliases
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import LabError
from labkit.message.fields import (
    Received,
    decode_words,
    encode_words,
    find,
    format_date,
    get,
    known_charset,
    new_message_id,
    parse_date,
    parse_received,
    split_fields,
    unfold,
    without,
    write_field,
)

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)


def cut(data: bytes) -> list[tuple[str, bytes]]:
    return [(field.name, field.value) for field in split_fields(data)]


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"", []),
        (b"\r\nA: b\r\n", []),
        (b"A: b\r\n\r\nC: d\r\n", [("A", b" b")]),
        (b"A:\r\nB: c", [("A", b""), ("B", b" c")]),
        (b"A: b\r\n c\r\n\td\r\nE:f\r\n", [("A", b" b\r\n c\r\n\td"), ("E", b"f")]),
        (b"A: b\n c\nD: e\n\nF: g", [("A", b" b\n c"), ("D", b" e")]),
        (b"A : b:c\r\n", [("A", b" b:c")]),
        (b"A: b\r\nno field\r\nC: d\r\n", [("A", b" b")]),
        (b" A: b\r\n", []),
        (b"A: \xff\0\r\n", [("A", b" \xff\0")]),
        (b"A: b\r\n \r\nC: d\r\n", [("A", b" b\r\n "), ("C", b" d")]),
    ],
)
def test_split(data: bytes, fields: list[tuple[str, bytes]]) -> None:
    assert cut(data) == fields


def test_split_inside_a_range() -> None:
    data = b"X: y\r\nA: b\r\nC: d\r\n"
    (field,) = split_fields(data, 6, 12)
    assert field == ("A", b" b", 6, 12)


HEADERS = st.lists(
    st.sampled_from([b"A:", b"bc", b":", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\xff"]), max_size=30
)


@given(HEADERS.map(b"".join) | st.binary(max_size=80))
def test_fields_tile_the_header(data: bytes) -> None:
    behind = 0
    for field in split_fields(data):
        assert field.offset == behind
        behind = field.end
        whole = data[field.offset : field.end]
        assert whole.startswith(field.name.encode())
        name, _, value = whole.partition(b":")
        assert name.rstrip(b" \t") == field.name.encode()
        assert value in (field.value + b"\r\n", field.value + b"\n", field.value, field.value + b"\r")


def test_get_is_the_first_of_the_name_in_any_case() -> None:
    data = b"To: a\r\nSUBJECT: one\r\n two\r\nSubject: three\r\n\r\nsubject: body"
    assert get(data, "subject") == b"one two"
    assert get(data, "cc") is None
    assert find(split_fields(data), "to") == b"a"


def test_without_a_field() -> None:
    data = b"bcc: a\r\n b\r\nTo: c\r\nBcc: d\r\n\r\nBcc: body"
    assert without(data, "Bcc") == b"To: c\r\n\r\nBcc: body"
    assert without(data, "Cc") == data


@pytest.mark.parametrize(
    ("value", "line"),
    [(b" a\r\n b\r\n\tc", b"a b\tc"), (b"a\n b ", b"a b"), (b" \r\n ", b""), (b"a\nb", b"a\nb")],
)
def test_unfold(value: bytes, line: bytes) -> None:
    assert unfold(value) == line


def test_write_folds_at_spaces() -> None:
    words = " ".join(["word"] * 40)
    field = write_field("Subject", words)
    assert [len(line) for line in field.splitlines()] == [78, 75, 55]
    assert get(field, "Subject") == words.encode()
    assert write_field("A", "b  c") == b"A: b  c\r\n"
    assert write_field("A", "x" * 100) == b"A: " + b"x" * 100 + b"\r\n"


@pytest.mark.parametrize("value", ["a\r\nBcc: b", "a\nb", "a\r"])
def test_write_refuses_a_second_line(value: str) -> None:
    with pytest.raises(LabError, match="line's end"):
        write_field("Subject", value)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_what_is_written_is_read_again(value: str) -> None:
    assert get(write_field("A", value), "a") == unfold(value.encode())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (b" caf\xc3\xa9\r\n \xff", "café \\xff"),
        # RFC 2047 8
        ("(=?ISO-8859-1?Q?a?=)", "(a)"),
        ("=?ISO-8859-1?Q?a?= b", "a b"),
        ("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
        ("=?ISO-8859-1?Q?a?=\r\n =?ISO-8859-2?Q?_b?=", "a b"),
        ("=?ISO-8859-1?Q?a_b?=", "a b"),
        ("  =?ascii?q?a?=", "  a"),
        ("x =?utf-8*de?b?w6TDtg?= y", "x äö y"),
        ("=?utf-8?q?=C3?= =?utf-8?Q?=A4?=", "ä"),
        ("=?utf-8?q?=C3?= x =?utf-8?q?=A4?=", "\\xc3 x \\xa4"),
        ("=?no-such?q?a?= =?utf-8?q?b?=", "=?no-such?q?a?= b"),
        ("=?utf-8?q?b?= =?no-such?q?a?=", "b =?no-such?q?a?="),
        ("=?utf-8?b?a?=", "=?utf-8?b?a?="),
        ("=?hex?q?61?= =?punycode?q?a?=", "=?hex?q?61?= =?punycode?q?a?="),
        ("=?utf-8?q?a b?=", "=?utf-8?q?a b?="),
    ],
)
def test_decode_words(value: str | bytes, text: str) -> None:
    assert decode_words(value) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_encoded_words_come_back(text: str) -> None:
    encoded = encode_words(text)
    assert encoded.isascii()
    assert all(len(word) <= 75 for word in encoded.split()) or encoded == text
    assert decode_words(encoded) == text


@given(
    st.text()
    | st.lists(st.sampled_from(["=?", "?=", "?q?", "utf-8", "?b?", "=C3", " ", "w6Q="])).map("".join)
)
def test_any_text_is_decoded(text: str) -> None:
    assert isinstance(decode_words(text), str)


@pytest.mark.parametrize("name", sorted(set(encodings.aliases.aliases.values())))
def test_a_known_charset_decodes_anything(name: str) -> None:
    if known_charset(name):
        assert isinstance(bytes(range(256)).decode(name, "backslashreplace"), str)
    else:
        assert name in {"mbcs", "oem"} or name.endswith("_codec") or name in {"rot_13", "hex_codec"}


@pytest.mark.parametrize("name", ["", "\0", "undefined", "unicode_escape", "idna", "x" * 10_000, "ö"])
def test_an_unknown_charset(name: str) -> None:
    assert not known_charset(name)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 05 Jan 2026 09:00:00 +0000", NINE),
        ("Mon, 5 Jan 2026 10:00:00 +0100 (CET)", NINE),
        ("5 Jan 2026 09:00 GMT", NINE),
        ("Mon, 05 Jan 26 04:00:00 EST", NINE),
        ("Mon, 05 Jan 2026 02:00:00 PDT (comment)", NINE),
        ("Mon, 05 Jan 2026 09:00:00 Z", NINE),
        ("Mon, 05 Jan 2026 09:00:00 XYZ", NINE),
        ("Mon, 05 Jan 2026 09:00:00", NINE),
        ("Mon, 05 Jan 2026 09:00:00 -0000", NINE),
        ("Wed, 31 Dec 2008 23:59:60 +0000", datetime(2008, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("", None),
        ("yesterday", None),
        ("Mon, 32 Jan 2026 09:00:00 +0000", None),
        ("Mon, 05 Jan 2026 09:00:61 +0000", None),
        ("1 Jan 0099 00:00:00 +0000", datetime(1999, 1, 1, tzinfo=UTC)),
        ("31 Dec 9999 23:00:00 -0200", None),
        ("1 Jan 9999999999999999999 00:00:00 +0000", None),
    ],
)
def test_parse_date(text: str, moment: datetime | None) -> None:
    assert parse_date(text) == moment


@given(st.datetimes(min_value=datetime(1900, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_dates_come_back(naive: datetime, minutes: int) -> None:
    moment = naive.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    found = parse_date(format_date(moment))
    if datetime(1900, 1, 3, tzinfo=UTC) < moment < datetime(9999, 12, 30, tzinfo=UTC):
        assert found == moment


@given(st.text() | st.text("0123456789 :,+-.JanMoEST()"))
def test_any_text_is_a_date_or_none(text: str) -> None:
    assert parse_date(text) is None or parse_date(text) <= datetime.max.replace(tzinfo=UTC)  # type: ignore[operator]


def test_format_date() -> None:
    assert format_date(NINE) == "Mon, 05 Jan 2026 09:00:00 +0000"


def test_message_id() -> None:
    assert new_message_id(lambda n: "k" * n, "example.org") == "<kkkkkkkkkkkkkkkk@example.org>"


FULL = Received("alice.example", "192.0.2.1", "mx.example.org", "ESMTPS", "q1", "bob@example.org", NINE)


def test_write_received() -> None:
    assert FULL.write() == (
        b"Received: from alice.example ([192.0.2.1])\r\n"
        b"\tby mx.example.org with ESMTPS id q1\r\n"
        b"\tfor <bob@example.org>;\r\n"
        b"\tMon, 05 Jan 2026 09:00:00 +0000\r\n"
    )
    with pytest.raises(LabError):
        Received(from_name="a\r\nb").write()


@pytest.mark.parametrize(
    "trace",
    [
        FULL,
        Received(),
        Received(by="b", time=NINE),
        Received(from_name="a", from_address="2001:db8::1", by="b"),
        Received(from_name="[192.0.2.1]", from_address="192.0.2.1", by="b"),
        Received(by="b", for_address='"a b"@c'),
    ],
)
def test_received_comes_back(trace: Received) -> None:
    assert parse_received(split_fields(trace.write())[0].value) == trace


@pytest.mark.parametrize(
    ("value", "trace"),
    [
        (
            "from mail-x.example (mail-x.example [203.0.113.9])\r\n        (using TLSv1.3 (256/256 bits))"
            "\r\n        by mx.example.org (Postfix) with ESMTPS id 4XY\r\n        for <bob@example.org>; "
            "Mon,  5 Jan 2026 10:00:00 +0100 (CET)",
            Received(
                "mail-x.example", "203.0.113.9", "mx.example.org", "ESMTPS", "4XY", "bob@example.org", NINE
            ),
        ),
        (
            "from unknown (HELO foo) (192.0.2.7)\n  by bar with SMTP; 5 Jan 2026 09:00:00 -0000",
            Received("unknown", "192.0.2.7", "bar", "SMTP", time=NINE),
        ),
        ("(qmail 1 invoked by uid 0); 5 Jan 2026 09:00:00 -0000", Received(time=NINE)),
        ("by 2002:a05:6402:1 with SMTP id x; no date", Received(by="2002:a05:6402:1", with_="SMTP", id="x")),
        ('from by (unclosed; "x', Received()),
        ("from a by", Received(from_name="a")),
        (b"from \xff by b", Received(from_name="\\xff", by="b")),
    ],
)
def test_received_as_others_write_it(value: str | bytes, trace: Received) -> None:
    assert parse_received(value) == trace


@given(
    st.binary()
    | st.lists(st.sampled_from([b"from ", b"by ", b"(", b")", b'"', b";", b"[::1]", b" "])).map(b"".join)
)
def test_any_octets_are_a_trace(value: bytes) -> None:
    assert isinstance(parse_received(value), Received)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "unit", [b"a:\n", b"\n ", b"(", b'"\\', b"=?a?q?", b"=?utf-8?q?a?= ", b"a ", b'a"', b"1.1."]
)
def test_hostile_headers_cost_linear_time(unit: bytes) -> None:
    value = unit * (1_000_000 // len(unit))
    assert len(split_fields(b"A: " + value)) > 0
    assert isinstance(decode_words(value), str)
    assert isinstance(parse_received(value), Received)
    assert parse_date(value.decode()) is None
