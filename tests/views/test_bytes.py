from __future__ import annotations

from typing import Any

import pytest

from labkit.views.bytes import annotate, pieces


def line(sender: str, raw: bytes, *, exchange: int = 0, offset: int = 0) -> dict[str, Any]:
    return {
        "capture": "t",
        "connection": 0,
        "exchange": exchange,
        "sender": sender,
        "offset": offset,
        "raw": raw,
    }


def row(protocol: str, verb: str | None, status: str, tag: str | None = None) -> dict[str, Any]:
    return {"connection": 0, "exchange": 0, "protocol": protocol, "verb": verb, "status": status, "tag": tag}


CASES = [
    ("client", b"mail FROM:<a@b>\r\n", row("smtp", "MAIL", "250"), True,
     "verb=mail|= |argument=FROM:<a@b>|ending"),
    ("client", b"RCPT  TO:<a>\n", row("smtp", "RCPT", "250"), True, "verb=RCPT|=  |argument=TO:<a>|ending"),
    ("client", b"AGFsaWNl\r\n", row("smtp", "(response)", "235"), True, "argument=AGFsaWNl|ending"),
    ("client", b"Subject: x\r\n", row("smtp", ".", "250"), True, "data=Subject: x|ending"),
    ("client", b".\r\n", row("smtp", ".", "250"), False, "verb=.|ending"),
    ("client", b"garbage\r\n", row("smtp", "DATA", "500"), True, "=garbage|ending"),
    ("server", b"250-SIZE 10\r\n", row("smtp", "EHLO", "250"), True, "code=250|=-|text=SIZE 10|ending"),
    ("server", b"oops\r\n", row("smtp", "EHLO", "250"), False, "text=oops|ending"),
    ("server", b"+OK 2 messages\r\n", row("pop3", "STAT", "+OK"), True, "code=+OK|= |text=2 messages|ending"),
    ("server", b"+OK no reply\r\n", row("pop3", "RETR", "+OK"), False, "data=+OK no reply|ending"),
    ("client", b"a1 uid fetch 1 FLAGS\r\n", row("imap", "UID FETCH", "OK", "a1"), True,
     "tag=a1|= |verb=uid fetch|= |argument=1 FLAGS|ending"),
    ("server", b"* OK ready\r\n", row("imap", None, "OK"), True, "tag=*|= |code=OK|= |text=ready|ending"),
    ("server", b"* 1 EXISTS\r\n", row("imap", "SELECT", "OK", "a1"), True, "tag=*|= |text=1 EXISTS|ending"),
    ("server", b"a1 OK done\r\n", row("imap", "SELECT", "OK", "a1"), False,
     "tag=a1|= |code=OK|= |text=done|ending"),
    ("server", b"Subject: x\r\n", row("imap", "FETCH", "OK", "a1"), False, "data=Subject: x|ending"),
]  # fmt: skip


@pytest.mark.parametrize(("sender", "raw", "exchange", "first", "expected"), CASES)
def test_pieces(sender: str, raw: bytes, exchange: dict[str, Any], first: bool, expected: str) -> None:
    cut = pieces(line(sender, raw), exchange, first=first)
    assert b"".join(piece.data for piece in cut) == raw
    assert "|".join(p.kind if p.kind == "ending" else f"{p.kind}={p.data.decode()}" for p in cut) == expected


def test_line_ends_are_visible_and_odd_ones_stand_out() -> None:
    picture = annotate([line("client", b"one\r\n"), line("client", b"two\n"), line("client", b"cut off")])
    assert "one\\r\\n" in str(picture)
    assert "two\\n" in str(picture)
    html = picture._repr_html_()
    assert '<span class="lk-b-ending">CRLF</span>' in html
    assert '<span class="lk-b-ending lk-odd">LF</span>' in html


def test_long_data_is_folded_and_counted() -> None:
    lines = [line("client", b"x" * 9 + b"\r\n", exchange=1, offset=11 * i) for i in range(30)]
    lines.append(line("client", b".\r\n", exchange=1, offset=330))
    picture = annotate({"lines": lines, "exchanges": [row("smtp", ".", "250") | {"exchange": 1}]})
    assert "… 22 lines of data, 242 octets" in str(picture)
    assert str(picture).count("xxxxxxxxx") == 8
    assert "not shown" in str(annotate(lines, limit=3))


def test_only_the_named_exchanges() -> None:
    lines = [line("client", b"A\r\n", exchange=1), line("client", b"B\r\n", exchange=2)]
    assert "A\\r" not in str(annotate(lines, exchange=2))
    assert "A\\r" in str(annotate(lines, exchange=(1, 2)))


def test_octets_that_are_no_text() -> None:
    picture = annotate([line("client", b"\xff\x00\x1b[31m \xe2\x80\xae\r\n")])
    assert r"\xff\x00\x1b[31m \u202e\r\n" in str(picture)
    assert "\x1b" not in picture._repr_html_()


def test_nothing_on_the_wire() -> None:
    assert "0 lines" in annotate([]).alt
