from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.views.bytes import annotate
from labkit.views.pieces import Cutter, Piece
from labkit.views.style import chosen


def line(sender: str, raw: bytes, *, exchange: int = 0, offset: int = 0) -> dict[str, Any]:
    return {
        "capture": "t",
        "connection": 0,
        "exchange": exchange,
        "sender": sender,
        "offset": offset,
        "raw": raw,
    }


def row(protocol: str, verb: str | None, status: str, tag: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "connection": 0,
        "exchange": 0,
        "protocol": protocol,
        "verb": verb,
        "status": status,
        "tag": tag,
    } | more


CASES = [
    ("client", b"mail FROM:<a@b>\r\n", row("smtp", "MAIL", "250"), "verb=mail|= |argument=FROM:<a@b>|ending"),
    ("client", b"RCPT  TO:<a>\n", row("smtp", "RCPT", "250"), "verb=RCPT|=  |argument=TO:<a>|ending"),
    ("client", b"AGFsaWNl\r\n", row("smtp", "(response)", "235"), "argument=AGFsaWNl|ending"),
    ("client", b"a: 1\r\n..x\r\n.\r\n", row("smtp", ".", "250"),
     "data=a: 1|ending|dot=.|data=.x|ending|verb=.|ending"),
    ("client", b"garbage\r\n", row("smtp", "DATA", "500"), "=garbage|ending"),
    ("client", b"BDAT 4 LAST\r\na\r\nb", row("smtp", "BDAT", "250"),
     "verb=BDAT|= |argument=4 LAST|ending|data=a|ending|data=b"),
    ("server", b"250-SIZE 10\r\n250 OK\r\n", row("smtp", "EHLO", "250"),
     "code=250|=-|text=SIZE 10|ending|code=250|= |text=OK|ending"),
    ("server", b"250 2.1.0 Ok\r\n", row("smtp", "MAIL", "250", enhanced="2.1.0"),
     "code=250|= |detail=2.1.0|= |text=Ok|ending"),
    ("server", b"oops\r\n", row("smtp", "EHLO", "250"), "text=oops|ending"),
    ("server", b"+OK 2 messages\r\n", row("pop3", "STAT", "+OK"), "code=+OK|= |text=2 messages|ending"),
    ("server", b"-ERR [IN-USE] later\r\n", row("pop3", "PASS", "-ERR", response_code="IN-USE"),
     "code=-ERR|= |detail=[IN-USE]|= |text=later|ending"),
    ("server", b"+OK\r\n+OK no reply\r\n..\r\n.\r\n", row("pop3", "RETR", "+OK"),
     "code=+OK|ending|data=+OK no reply|ending|dot=.|data=.|ending|dot=.|ending"),
    ("client", b"a1 uid fetch 1 FLAGS\r\n", row("imap", "UID FETCH", "OK", "a1"),
     "tag=a1|= |verb=uid fetch|= |argument=1 FLAGS|ending"),
    ("client", b"a1 LOGIN {3}\r\nbob {6+}\r\nse\r\net\r\n", row("imap", "LOGIN", "OK", "a1"),
     "tag=a1|= |verb=LOGIN|= |literal={3}|ending|data=bob|argument= |literal={6+}|ending"
     "|data=se|ending|data=et|ending"),
    ("client", b"a1 IDLE\r\nDONE\r\n", row("imap", "IDLE", "OK", "a1"),
     "tag=a1|= |verb=IDLE|ending|verb=DONE|ending"),
    ("server", b"* OK ready\r\n", row("imap", None, "OK"), "tag=*|= |code=OK|= |text=ready|ending"),
    ("server", b"* 1 EXISTS\r\na1 OK [READ-WRITE] done\r\n",
     row("imap", "SELECT", "OK", "a1", response_code="READ-WRITE"),
     "tag=*|= |text=1 EXISTS|ending|tag=a1|= |code=OK|= |detail=[READ-WRITE]|= |text=done|ending"),
    ("server", b"* 1 FETCH (BODY[] {6}\r\n* 2 EX)\r\n", row("imap", "FETCH", "OK", "a1"),
     "tag=*|= |text=1 FETCH (BODY[] |literal={6}|ending|data=* 2 EX|text=)|ending"),
    ("server", b"* OK costs {5}\r\n* 1 RECENT\r\n", row("imap", "NOOP", "OK", "a1"),
     "tag=*|= |text=OK costs {5}|ending|tag=*|= |text=1 RECENT|ending"),
]  # fmt: skip


def split(frame: bytes) -> list[bytes]:
    return frame.splitlines(keepends=True)


@pytest.mark.parametrize(("sender", "frame", "exchange", "expected"), CASES)
def test_a_frame_in_pieces(sender: str, frame: bytes, exchange: dict[str, Any], expected: str) -> None:
    cutter = Cutter(exchange, sender)
    cut = [piece for raw in split(frame) for piece in cutter.cut(raw)]
    assert b"".join(piece.data for piece in cut) == frame
    assert "|".join(p.kind if p.kind == "ending" else f"{p.kind}={p.data.decode()}" for p in cut) == expected


@given(
    st.binary(max_size=60),
    st.sampled_from(["smtp", "pop3", "imap"]),
    st.sampled_from([None, "DATA", ".", "RETR", "FETCH", "(response)"]),
    st.sampled_from(["client", "server"]),
)
def test_whatever_the_octets_none_is_lost(frame: bytes, protocol: str, verb: str | None, sender: str) -> None:
    cutter = Cutter(row(protocol, verb, "250", "a1"), sender)
    lines = [line + b"\n" for line in frame.split(b"\n")]
    assert b"".join(piece.data for line in lines for piece in cutter.cut(line)) == frame + b"\n"


def test_a_line_without_its_row_is_cut_from_its_ending_only() -> None:
    assert Cutter(None, "client").cut(b"QUIT\r\n") == (Piece("", b"QUIT"), Piece("ending", b"\r\n"))


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


FLAWED = {
    "lines": [
        line("client", b"NOOP\r\n", exchange=1, offset=0),
        line("client", b"\xff\x00 X\n", exchange=2, offset=6),
        line("server", b"250 ok\r\n", exchange=2, offset=0),
    ],
    "exchanges": [row("smtp", "NOOP", "250") | {"exchange": n} for n in (1, 2)],
    "flaws": [
        {"connection": 0, "exchange": 2, "sender": "client", "offset": 10, "flaw": "bare-lf", "detail": None,
         "meaning": "a line ends with LF alone", "rfc": "RFC 5321 2.3.8"},
        {"connection": 0, "exchange": 2, "sender": "server", "offset": 8, "flaw": "truncated",
         "detail": "here", "meaning": "it ends", "rfc": None},
    ],
}  # fmt: skip


def test_a_caret_stands_below_the_octet_with_its_rule() -> None:
    lines = str(annotate(FLAWED)).splitlines()
    at = next(i for i, words in enumerate(lines) if "bare-lf" in words)
    flawed = next(words for words in lines if r"\xff\x00 X\n" in words)
    assert lines[at].index("^") == flawed.index("X") + 1
    assert lines[at].endswith("^ bare-lf: a line ends with LF alone (RFC 5321 2.3.8)")
    assert any(words.endswith("^ truncated: it ends: here") for words in lines)
    html = annotate(FLAWED)._repr_html_()
    assert 'class="lk-caret" colspan="1">          <b>▲ bare-lf</b>' in html  # behind \xff\x00 X
    assert "2.3.8" in annotate(FLAWED, hex=True)._repr_html_()
    assert "^ at 10, bare-lf" in str(annotate(FLAWED, hex=True))


def test_a_flawed_line_of_data_is_never_folded() -> None:
    lines = [line("client", b"line\r\n", exchange=1, offset=6 * i) for i in range(40)]
    flaw = FLAWED["flaws"][0] | {"exchange": 1, "offset": 6 * 20 + 4}
    source = {"lines": lines, "exchanges": [row("smtp", ".", "250") | {"exchange": 1}], "flaws": [flaw]}
    text = str(annotate(source))
    assert "^ bare-lf" in text
    assert text.count("… ") == 2


def test_frames_stand_in_brackets() -> None:
    lines = [
        line("client", b"EHLO a\r\n", exchange=1),
        line("server", b"250-x\r\n", exchange=1),
        line("server", b"250-y\r\n", exchange=1, offset=7),
        line("server", b"250 z\r\n", exchange=1, offset=14),
    ]
    picture = annotate(lines)
    assert [words[18:21] for words in str(picture).splitlines()[1:5]] == ["C ─", "S ┌", "  │", "  └"]
    assert [f"lk-f-{place}" in picture._repr_html_() for place in ("only", "first", "middle", "last")] == [
        True
    ] * 4


def test_octets_as_numbers_beside_the_text() -> None:
    picture = annotate([line("client", b"NOOP a very long word\xff\r\n")], hex=True)
    assert "4e 4f 4f 50 20 61 20 76 65 72 79 20 6c 6f 6e 67   NOOP a very long" in str(picture)
    assert "20 77 6f 72 64 ff 0d 0a" in str(picture)
    assert " word···" in str(picture)
    assert "4e 4f 4f 50" in picture._repr_html_()


def test_rows_carry_the_class_of_their_exchange() -> None:
    lines = [line("client", b"A\r\n", exchange=1), line("client", b"B\r\n", exchange=2, offset=3)]
    html = annotate(lines, selected=(0, 2))._repr_html_()
    assert '<tr class="lk-x-0-1 lk-first" data-connection="0" data-exchange="1">' in html
    assert '<tr class="lk-x-0-2 lk-first lk-chosen" data-connection="0" data-exchange="2">' in html
    assert [words[0] for words in str(annotate(lines, selected=(0, 2))).splitlines()[1:3]] == [" ", "▸"]
    assert ".lk-x-0-2" in chosen(0, 2)


def test_a_reply_apart_from_its_command_names_its_exchange() -> None:
    said = [("client", 1), ("client", 2), ("server", 1), ("server", 2), ("server", 2)]
    lines = [
        line(sender, b"A\r\n", exchange=number, offset=3 * at) for at, (sender, number) in enumerate(said)
    ]
    shown = [words[:8].strip() for words in str(annotate(lines)).splitlines()[1:-1]]
    assert shown == ["1", "2", "1", "2", ""]
    cells = re.findall(r'<tr [^>]*><td class="lk-off">(\d*)</td>', annotate(lines)._repr_html_())
    assert cells == shown
