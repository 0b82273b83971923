"""IMAP: replies by tag, literals both ways, IDLE, logins."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.dissect.dissector import dissect


def names(row: Any) -> list[str]:
    return [flaw.name for flaw in row.flaws]


def test_a_session(rows_of: Any) -> None:
    rows = rows_of(
        "S: * OK [CAPABILITY IMAP4rev1] ready",
        "C: a1 login bob pw",
        "S: a1 OK in",
        'C: a2 SELECT "My \\"box\\""',
        "S: * 3 EXISTS",
        "S: * FLAGS (\\Seen)",
        "S: a2 OK [READ-WRITE] done",
        "C: a3 UID fetch 1 FLAGS",
        "S: * 1 FETCH (UID 5 FLAGS ())",
        "S: a3 OK done",
        "C: a4 FLY",
        "S: a4 BAD what",
        "C: a5 LOGOUT",
        "S: * BYE see you",
        "S: a5 OK bye",
        port=143,
    )
    assert [(row.tag, row.verb, row.argument, row.status, row.untagged, row.state) for row in rows] == [
        (None, None, None, b"OK", 1, "not authenticated"),
        (b"a1", "LOGIN", b"bob pw", b"OK", 0, "not authenticated"),
        (b"a2", "SELECT", b'"My \\"box\\""', b"OK", 2, "authenticated"),
        (b"a3", "UID FETCH", b"1 FLAGS", b"OK", 1, "selected"),
        (b"a4", "FLY", None, b"BAD", 0, "selected"),
        (b"a5", "LOGOUT", None, b"OK", 1, "selected"),
    ]
    assert [row.mailbox for row in rows] == [None, None, None, b'My "box"', b'My "box"', b'My "box"']
    assert rows[2].response_code == b"READ-WRITE"
    assert [names(row) for row in rows if row.flaws] == [["unknown-command"]]


def test_replies_belong_by_tag_whatever_their_order(rows_of: Any) -> None:
    rows = rows_of(
        "S: * PREAUTH hi",
        "C: a NOOP",
        "C: b STATUS x (MESSAGES)",
        "S: * STATUS x (MESSAGES 1)",
        "S: b OK two",
        "S: * 4 EXISTS",
        "S: a OK one",
        "C: c NOOP",
        "S: x OK nobody asked",
        "S: c OK three",
        port=143,
    )
    assert [(row.tag, row.text, row.untagged) for row in rows[1:4]] == [
        (b"a", b"one", 1),
        (b"b", b"two", 1),
        (b"c", b"three", 0),
    ]
    assert (rows[4].verb, names(rows[4])) == (None, ["unsolicited-reply"])


def test_a_synchronising_literal_follows_the_plus(flow: Any) -> None:
    said = [
        ("S", b"* PREAUTH a\r\n"),
        ("C", b"a APPEND INBOX (\\Seen) {10}\r\n"),
        ("S", b"+ go\r\n"),
        ("C", b"x: y\r\n\r\nz\n"),
        ("C", b"\r\n"),
        ("S", b"a OK [APPENDUID 1 2] b\r\n"),
    ]
    talk = flow(*said, port=143)
    _, rows = dissect(talk)
    row = rows[1]
    assert (row.verb, row.argument, row.status) == ("APPEND", b"INBOX (\\Seen) {10}", b"OK")
    assert talk.client.data[row.body : row.body + 10] == b"x: y\r\n\r\nz\n"
    assert row.end == len(talk.client.data)
    assert row.reply_start == len(b"* PREAUTH a\r\n")


def test_a_literal_that_is_refused_is_not_sent(rows_of: Any) -> None:
    rows = rows_of(
        "S: * PREAUTH a", "C: a APPEND x {9}", "S: a NO [TOOBIG] b", "C: b NOOP", "S: b OK c", port=143
    )
    assert [(row.verb, row.status) for row in rows[1:]] == [("APPEND", b"NO"), ("NOOP", b"OK")]
    assert rows[1].body == -1


def test_literals_without_waiting_and_secrets_in_them(flow: Any) -> None:
    talk = flow(
        ("S", b"* OK a\r\n"),
        ("C", b"a LOGIN {3+}\r\nbob {4+}\r\np\r\nw\r\nb NOOP\r\n"),
        ("S", b"a OK b\r\nb OK c\r\n"),
        port=143,
    )
    _, rows = dissect(talk)
    assert [(row.verb, row.text) for row in rows[1:]] == [("LOGIN", b"b"), ("NOOP", b"c")]
    assert [talk.client.data[a:b] for a, b in rows[1].secrets] == [b"p\r\nw"]


@pytest.mark.parametrize("line", [b'a LOGIN bob "p w"', b'a LOGIN "bob" "p w"', b"a login {3+}\r\nbob p w"])
def test_secrets_of_login(flow: Any, line: bytes) -> None:
    talk = flow(("S", b"* OK a\r\n"), ("C", line + b"\r\n"), ("S", b"a OK b\r\n"), port=143)
    _, rows = dissect(talk)
    hidden = b" ".join(talk.client.data[a:b] for a, b in rows[1].secrets)
    assert hidden == b"p w"


def test_a_login_cut_off_in_its_literal(flow: Any) -> None:
    talk = flow(
        ("S", b"* OK a\r\n"), ("C", b"a LOGIN bob {9}\r\n"), ("S", b"+ go\r\n"), ("C", b"pass"), port=143
    )
    _, rows = dissect(talk)
    assert [talk.client.data[a:b] for a, b in rows[1].secrets] == [b"pass"]
    assert names(rows[1]) == ["truncated", "unanswered"]


def test_literals_in_a_reply(flow: Any) -> None:
    said = [("S", b"* PREAUTH a\r\n"), ("C", b"a FETCH 1 BODY[]\r\nb NOOP\r\n")]
    said += [("S", b"* 1 FETCH (BODY[] {9}\r\na OK b\r\n. UID 7)\r\na OK text {5}\r\nb OK c\r\n")]
    _, rows = dissect(flow(*said, port=143))
    assert [(row.verb, row.text, row.untagged) for row in rows[1:]] == [
        ("FETCH", b"text {5}", 1),
        ("NOOP", b"c", 0),
    ]


def test_a_login_by_mechanism(flow: Any) -> None:
    said = [
        ("S", b"* OK a\r\n"),
        ("C", b"a AUTHENTICATE PLAIN\r\n"),
        ("S", b"+ \r\n"),
        ("C", b"AGJvYgBwdw==\r\n"),
        ("S", b"* CAPABILITY IMAP4rev1\r\na OK b\r\n"),
    ]
    talk = flow(*said, port=143)
    _, rows = dissect(talk)
    assert [(row.tag, row.verb, row.status, row.untagged) for row in rows[1:]] == [
        (b"a", "AUTHENTICATE", b"+", 0),
        (b"a", "(response)", b"OK", 1),
    ]
    assert [talk.client.data[a:b] for row in rows for a, b in row.secrets] == [b"AGJvYgBwdw=="]


def test_idle_and_done_are_one_row(rows_of: Any) -> None:
    rows = rows_of(
        "S: * PREAUTH a",
        "C: a IDLE",
        "S: + idling",
        "S: * 4 EXISTS",
        "C: DONE",
        "S: a OK b",
        "C: b NOOP",
        "S: b OK c",
        port=143,
    )
    assert [(row.verb, row.status, row.untagged) for row in rows[1:]] == [
        ("IDLE", b"OK", 1),
        ("NOOP", b"OK", 0),
    ]
    assert rows[1].end - rows[1].start == len(b"a IDLE\r\nDONE\r\n")
    cut = rows_of("S: * PREAUTH a", "C: a IDLE", "S: + idling", "S: * 4 EXISTS", port=143)
    assert [(row.status, row.text, row.untagged) for row in cut[1:]] == [(b"+", b"idling", 1)]


def test_goodbye_without_being_asked(rows_of: Any) -> None:
    rows = rows_of("S: * OK a", "C: a NOOP", "S: a OK b", "S: * BYE too long", port=143)
    assert (rows[2].verb, rows[2].status, rows[2].text, rows[2].flaws) == (None, b"BYE", b"too long", ())


def test_goodbye_belongs_to_logout(rows_of: Any) -> None:
    rows = rows_of("S: * OK a", "C: a LOGOUT", "S: * BYE b", "S: a OK c", "C: b NOOP", port=143)
    assert [(row.verb, row.status) for row in rows[1:]] == [("LOGOUT", b"OK"), ("NOOP", None)]


def test_a_command_without_a_tag(rows_of: Any) -> None:
    rows = rows_of(
        "S: * OK a", "C: NOOP", "S: NOOP BAD b", "C: *", "S: * BAD c", "C: a NOOP", "S: a OK d", port=143
    )
    assert [(row.verb, row.status) for row in rows[1:]] == [("", b"BAD"), ("", b"BAD"), ("NOOP", b"OK")]
    assert "bad-tag" in names(rows[2])


def test_what_is_not_packed_behind_compress(rows_of: Any) -> None:
    rows = rows_of(
        "S: * PREAUTH a", "C: a COMPRESS DEFLATE", "S: a OK b", "C: \xff\xff", "S: \x02\x03", port=143
    )
    assert [names(row) for row in rows[1:]] == [["compressed", "compressed"]]
