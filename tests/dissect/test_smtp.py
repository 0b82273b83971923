"""SMTP: what belongs to what, whatever the client does."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.dissect.dissector import Dissection, dissect

Rows = Any


def told(rows: Rows) -> list[tuple[Any, ...]]:
    return [(row.verb, row.argument, row.status, row.state) for row in rows]


def names(row: Any) -> list[str]:
    return [flaw.name for flaw in row.flaws]


def test_a_transaction(rows_of: Any) -> None:
    rows = rows_of(
        "S: 220 foo.com ready",
        "C: EHLO bar.com",
        "S: 250-foo.com",
        "S: 250 8BITMIME",
        "C: MAIL FROM:<a@bar.com>",
        "S: 250 2.1.0 ok",
        "C: RCPT TO:<b@foo.com>",
        "S: 550 5.1.1 no such user",
        "C: RCPT TO:<c@foo.com>",
        "S: 250 ok",
        "C: DATA",
        "S: 354 go on",
        "C: Subject: x",
        "C: ",
        "C: ..dot",
        "C: .",
        "S: 250 2.0.0 queued as 1",
        "C: QUIT",
        "S: 221 bye",
    )
    assert told(rows) == [
        (None, None, b"220", "connected"),
        ("EHLO", b"bar.com", b"250", "connected"),
        ("MAIL", b"FROM:<a@bar.com>", b"250", "ready"),
        ("RCPT", b"TO:<b@foo.com>", b"550", "mail"),
        ("RCPT", b"TO:<c@foo.com>", b"250", "mail"),
        ("DATA", None, b"354", "rcpt"),
        (".", None, b"250", "data"),
        ("QUIT", None, b"221", "ready"),
    ]
    assert [row.number for row in rows] == list(range(8))
    assert not any(row.flaws for row in rows)
    assert (rows[1].text, rows[1].reply_lines) == (b"foo.com\n8BITMIME", 2)
    assert (rows[3].enhanced, rows[3].text) == (b"5.1.1", b"no such user")


def test_pipelined_commands_are_paired_in_order(rows_of: Any) -> None:
    rows = rows_of(
        "S: 220 hi",
        "C: EHLO a",
        "S: 250 a",
        "C: MAIL FROM:<>",
        "C: RCPT TO:<b@c>",
        "C: DATA",
        "S: 250 one",
        "S: 550 two",
        "S: 503 three",
        "C: QUIT",
        "S: 221 four",
    )
    assert [(row.verb, row.text) for row in rows[2:]] == [
        ("MAIL", b"one"),
        ("RCPT", b"two"),
        ("DATA", b"three"),
        ("QUIT", b"four"),
    ]
    assert names(rows[4]) == []  # RFC 2920 3.1 permits it


def test_data_begins_when_354_is_seen(rows_of: Any) -> None:
    rows = rows_of(
        "S: 220 hi", "C: EHLO a", "S: 250 a", "C: DATA", "S: 503 no", "C: MAIL FROM:<>", "S: 250 ok"
    )
    assert [row.verb for row in rows] == [None, "EHLO", "DATA", "MAIL"]
    assert names(rows[2]) == ["out-of-order"]


def test_a_message_may_be_just_a_dot(flow: Any) -> None:
    _, rows = dissect(
        flow(
            ("S", b"220 a\r\n"), ("C", b"DATA\r\n"), ("S", b"354 b\r\n"), ("C", b".\r\n"), ("S", b"250 c\r\n")
        )
    )
    assert [(row.verb, row.status, row.end - row.start) for row in rows[2:]] == [(".", b"250", 3)]


@pytest.mark.parametrize(
    ("argument", "flaws", "octets"),
    [
        (b"5 LAST", [], 5),
        (b"5", [], 5),
        (b"0 last", [], 0),
        (b"5  LAST ", [], 5),
        (b"-1 LAST", ["bad-size"], 0),
        (b"", ["bad-size"], 0),
        (b"5 SCRAMBLE", ["bad-size"], 0),
        (b"18446744073709551615 LAST", ["bad-size"], 0),
        (b"9 LAST", ["truncated"], 5),
    ],
)
def test_chunks(flow: Any, argument: bytes, flaws: list[str], octets: int) -> None:
    chunk = b"he\r\nl" if octets else b""
    said = [("S", b"220 a\r\n"), ("C", b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n")]
    said += [("C", b"BDAT " + argument + b"\r\n" + chunk), ("S", b"250 a\r\n250 b\r\n250 c\r\n250 d\r\n")]
    _, rows = dissect(flow(*said))
    row = rows[4]
    assert (row.verb, row.status, names(row)) == ("BDAT", b"250", flaws)
    assert row.body == (-1 if flaws == ["bad-size"] else row.end - octets)


def test_a_login_is_a_row_for_each_line_and_its_secrets_are_marked(flow: Any) -> None:
    said = [
        ("S", b"220 a\r\n"),
        ("C", b"EHLO a\r\n"),
        ("S", b"250 AUTH LOGIN PLAIN\r\n"),
        ("C", b"AUTH LOGIN\r\n"),
        ("S", b"334 VXNlcm5hbWU6\r\n"),
        ("C", b"Ym9i\r\n"),
        ("S", b"334 UGFzc3dvcmQ6\r\n"),
        ("C", b"cHc=\r\n"),
        ("S", b"535 5.7.8 no\r\n"),
        ("C", b"AUTH PLAIN AGJvYgBwdw==\r\n"),
        ("S", b"235 2.7.0 ok\r\n"),
    ]
    talk = flow(*said)
    _, rows = dissect(talk)
    assert [row.verb for row in rows[2:]] == ["AUTH", "(response)", "(response)", "AUTH"]
    secrets = [talk.client.data[a:b] for row in rows for a, b in row.secrets]
    assert secrets == [b"Ym9i", b"cHc=", b"AGJvYgBwdw=="]


def test_starttls_without_keys_ends_behind_the_handshake(flow: Any) -> None:
    said = [("S", b"220 a\r\n"), ("C", b"EHLO a\r\nSTARTTLS\r\n"), ("S", b"250 STARTTLS\r\n220 go\r\n")]
    _, rows = dissect(
        flow(*said, ("C!", b"\x16\x03\x01\x00\x01\x01"), ("S!", b"\x15\x03\x03\x00\x02\x02\x28"))
    )
    assert [(row.verb, row.status, row.state) for row in rows[2:]] == [
        ("STARTTLS", b"220", "ready"),
        ("TLS", b"alert", "connected"),
    ]


def test_plain_octets_where_tls_was_agreed_on(rows_of: Any) -> None:
    rows = rows_of("S: 220 a", "C: EHLO a", "S: 250 a", "C: STARTTLS", "S: 220 go", "C: NOOP", "S: 500 what")
    assert [(row.verb, names(row)) for row in rows[2:]] == [("STARTTLS", []), ("NOOP", ["not-tls"])]


def test_what_was_said_inside_tls_goes_on(flow: Any) -> None:
    said = [("S", b"220 a\r\n"), ("C", b"EHLO a\r\nSTARTTLS\r\n"), ("S", b"250 STARTTLS\r\n220 go\r\n")]
    said += [("C!", b""), ("S!", b""), ("C", b"EHLO a\r\n"), ("S", b"250 a\r\n")]
    _, rows = dissect(flow(*said))
    assert [(row.verb, row.encrypted, row.state) for row in rows[2:]] == [
        ("STARTTLS", False, "ready"),
        ("TLS", False, "connected"),
        ("EHLO", True, "connected"),
    ]


def test_octets_behind_starttls_are_named(flow: Any) -> None:
    said = [
        ("S", b"220 a\r\n"),
        ("C", b"EHLO a\r\nSTARTTLS\r\nRSET\r\n"),
        ("S", b"250 STARTTLS\r\n220 go\r\n"),
    ]
    said += [("C!", b""), ("S!", b""), ("C", b"EHLO a\r\n")]
    sound, broken = [("S", b"250 a\r\n")], [("S", b"250 reset\r\n250 a\r\n")]
    _, rows = dissect(flow(*said, *sound))
    assert [(row.verb, names(row)) for row in rows[3:]] == [("TLS", ["behind-starttls"]), ("EHLO", [])]
    _, rows = dissect(flow(*said, *broken))
    assert [(row.verb, row.text) for row in rows[4:]] == [("RSET", b"reset"), ("EHLO", b"a")]


def test_a_smuggled_message_is_read_as_its_server_read_it(flow: Any) -> None:
    start = [("S", b"220 a\r\n"), ("C", b"DATA\r\n"), ("S", b"354 b\r\n")]
    data = ("C", b"x\r\n\n.\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\ny\r\n.\r\n")
    _, rows = dissect(flow(*start, data, ("S", b"250 taken\r\n")))
    assert [(row.verb, names(row)) for row in rows[2:]] == [(".", ["bare-lf", "bare-dot"])]
    _, rows = dissect(flow(*start, data, ("S", b"250 1\r\n250 2\r\n250 3\r\n354 4\r\n250 5\r\n")))
    assert [(row.verb, row.text) for row in rows[2:]] == [
        (".", b"1"),
        ("MAIL", b"2"),
        ("RCPT", b"3"),
        ("DATA", b"4"),
        (".", b"5"),
    ]


@pytest.mark.parametrize(
    ("line", "flaw"),
    [
        (b"NOOP\n", "bare-lf"),
        (b"NOOP a\rb\r\n", "bare-cr"),
        (b"NOOP \xe9\r\n", "eight-bit"),
        (b"NOOP " + b"x" * 3000 + b"\r\n", "line-too-long"),
        (b"NOOP", "truncated"),
        (b"RCPT TO:<a@b>\r\n", "out-of-order"),
        (b"FLY me\r\n", "unknown-command"),
        (b"\x00\xff\r\n", "unknown-command"),
    ],
)
def test_flaws_of_a_command(flow: Any, line: bytes, flaw: str) -> None:
    rows = list(Dissection(flow(("S", b"220 a\r\n"), ("C", line), ("S", b"250 b\r\n")), whole=True).advance())
    assert flaw in names(rows[1])
    assert rows[1].status == b"250"


def test_octets_that_are_no_reply_are_passed_over(rows_of: Any) -> None:
    rows = rows_of("S: 220 a", "C: NOOP", "S: what?", "S: 250 b", "C: QUIT", "S: 221-c", "S: 250 d")
    assert [(row.status, names(row)) for row in rows[1:]] == [
        (b"250", ["bad-reply"]),
        (b"250", ["code-mismatch"]),
    ]


def test_no_reply_and_a_reply_too_many(rows_of: Any) -> None:
    rows = rows_of("S: 220 a", "C: NOOP")
    assert (rows[1].status, names(rows[1])) == (None, ["unanswered"])
    rows = rows_of("S: 220 a", "C: NOOP", "S: 250 b", "S: 421 4.4.2 too long", port=25)
    assert (rows[2].verb, rows[2].status, names(rows[2])) == (None, b"421", ["unsolicited-reply"])


def test_421_that_came_before_the_command_is_no_reply_to_it(rows_of: Any) -> None:
    rows = rows_of("S: 220 a", "S: 421 too late", "C: QUIT", "S: 221 bye")
    assert [(row.verb, row.status) for row in rows] == [(None, b"220"), (None, b"421"), ("QUIT", b"221")]


def test_a_second_reply_is_not_taken_for_that_of_a_later_command(flow: Any) -> None:
    said = [("S", b"220 a\r\n"), ("C", b"NOOP\r\n"), ("S", b"250 b\r\n"), ("S", b"250 c\r\n")]
    _, rows = dissect(flow(*said, ("C", b"QUIT\r\n"), ("S", b"221 d\r\n")))
    assert [(row.verb, row.text) for row in rows[1:]] == [("NOOP", b"b"), (None, b"c"), ("QUIT", b"d")]


def test_packets_in_the_wrong_order_change_nothing(flow: Any) -> None:
    said = [
        ("S", b"220 a\r\n"),
        ("S", b"250 b\r\n"),
        ("C", b"NOOP\r\n"),
        ("S", b"221 d\r\n"),
        ("C", b"QUIT\r\n"),
    ]
    _, rows = dissect(flow(*said))
    assert [(row.verb, row.text) for row in rows[1:]] == [("NOOP", b"b"), ("QUIT", b"d")]


def test_one_side_is_guessed_from_the_other(flow: Any) -> None:
    said = b"EHLO a\r\nAUTH LOGIN\r\nYm9i\r\ncHc=\r\n"
    said += b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nRSET\r\n.\r\nQUIT\r\n"
    _, rows = dissect(flow(("C", said)))
    assert [row.verb for row in rows] == [
        "EHLO",
        "AUTH",
        "(response)",
        "(response)",
        "MAIL",
        "RCPT",
        "DATA",
        ".",
        "QUIT",
    ]
    assert {name for row in rows for name in names(row)} == {"one-sided"}
    _, rows = dissect(flow(("S", b"220 a\r\n250 b\r\n")))
    assert [(row.status, names(row)) for row in rows] == [(b"220", []), (b"250", ["one-sided"])]


def test_lmtp_answers_for_each_recipient(rows_of: Any) -> None:
    rows = rows_of(
        "S: 220 a",
        "C: LHLO b",
        "S: 250 a",
        "C: MAIL FROM:<>",
        "S: 250 a",
        "C: RCPT TO:<a@b>",
        "S: 250 a",
        "C: RCPT TO:<c@d>",
        "S: 250 a",
        "C: DATA",
        "S: 354 a",
        "C: .",
        "S: 250 one",
        "S: 452 two",
        "C: QUIT",
        "S: 221 a",
    )
    assert (rows[6].verb, rows[6].status, rows[6].text) == (".", b"452", b"one\ntwo")
    assert rows[7].status == b"221"


def test_lmtp_answers_for_each_recipient_of_chunks(rows_of: Any) -> None:
    """Behind BDAT LAST too (RFC 2033 4.3); before that, once."""
    rows = rows_of(
        *("S: 220 a", "C: LHLO b", "S: 250 a", "C: MAIL FROM:<>", "S: 250 a"),
        *("C: RCPT TO:<a@b>", "S: 250 a", "C: RCPT TO:<c@d>", "S: 250 a", "C: RCPT TO:<e@f>", "S: 550 a"),
        *("C: BDAT 3", "C: x", "S: 250 chunk", "C: BDAT 3 LAST", "C: y", "S: 250 one", "S: 452 two"),
        *(
            "C: MAIL FROM:<>",
            "S: 250 a",
            "C: RCPT TO:<a@b>",
            "S: 250 a",
            "C: BDAT 3 LAST",
            "C: z",
            "S: 250 three",
        ),
        *("C: QUIT", "S: 221 a"),
    )
    chunks = [(row.status, row.text) for row in rows if row.verb == "BDAT"]
    assert chunks == [(b"250", b"chunk"), (b"452", b"one\ntwo"), (b"250", b"three")]
    assert rows[-1].status == b"221"
    assert [row.flaws for row in rows] == [()] * len(rows)


def test_behind_a_gap_the_next_command_is_recognised(flow: Any) -> None:
    said = [
        ("S", b"220 a\r\n"),
        ("C", b"EHLO a\r\n"),
        ("S", b"250 a\r\n"),
        ("C", b"MAIL FR"),
        ("S", b"250 b\r\n"),
        ("C?", b"t of a line\r\nDATA\r\n"),
        ("S", b"354 c\r\n"),
        ("C", b".\r\n"),
        ("S", b"250 d\r\n"),
    ]
    _, rows = dissect(flow(*said))
    assert [(row.verb, row.status, names(row)) for row in rows[2:]] == [
        ("MAIL", b"250", ["gap"]),
        ("DATA", b"354", []),  # the RCPT may be what is missing
        (".", b"250", []),
    ]


def test_replies_lost_in_a_gap_are_not_taken_from_later_commands(flow: Any) -> None:
    said = [
        ("S", b"220 a\r\n"),
        ("C", b"EHLO a\r\n"),
        ("S", b"250 a\r\n"),
        ("C", b"NOOP 1\r\n"),
        ("C", b"NOOP 2\r\n"),
        ("S?", b"250 two\r\n"),
        ("C", b"QUIT\r\n"),
        ("S", b"221 bye\r\n"),
    ]
    _, rows = dissect(flow(*said))
    assert [(row.argument, row.text, names(row)) for row in rows[2:]] == [
        (b"1", None, ["gap"]),
        (b"2", b"two", ["gap"]),
        (None, b"bye", []),
    ]
