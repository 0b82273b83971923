"""The quick way to read what is usual gives what the careful way gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.dissect.conversation import Conversation

SMTP = (
    "C: EHLO a / S: 250-a / S: 250 b / C: MAIL FROM:<a@b> / S: 250 2.1.0 ok / S: 250 2.1.0 / "
    "C: RCPT TO:<b@c> / S: 550 5.1.1 no / S: 250 5.1.1 odd / C: DATA / S: 354 go / C: x\r\n. / C: é / "
    "S: 250 / S: 421 away / C: AUTH PLAIN / S: 334  / C: AAA= / S: 235 ok / C: NOOP  / C:  NOOP / "
    "S: 2500 / C: BDAT 3 LAST / S: é / C: QUIT / S: 221 bye / C: STARTTLS / S: 220 go / C: noop\tx / "
    "S: 250 \t / C: LHLO x / C: "
)
POP3 = (
    "S: +OK / S: +OK ready <1@a> / S: -ERR [IN-USE] no / S: +OK [X] / S: -ERR [é] x / C: USER a / "
    "C: PASS b / C: LIST / S: +OK\r\n1 2\r\n. / C: RETR 1 / S: +OK\r\nx\r\n. / S: +OK\r\nx / C: STAT / "
    "S: +OK 1 2 / C: CAPA / C: AUTH / C: AUTH PLAIN / S: +  / C: AAA= / C: QUIT / S: +OKAY / "
    "C: UIDL 1 / C: é / S:  / C: XTND a / C: APOP a b / C: STLS / S: -ERR"
)
IMAP = (
    "S: * OK hi / S: * PREAUTH hi / C: a NOOP / S: a OK done / S: a NO [TRYCREATE] x / S: a BAD / "
    "S: b OK x / S: * 1 EXISTS / S: * BYE x / S: * BAD x / S: * OK [UIDNEXT 3] x / C: b LOGIN x y / "
    "C: LOGIN LOGIN x y / C: a UID FETCH 1 (FLAGS) / C: b UID / C: b SELECT INBOX / "
    "C: a APPEND x {3} / S: + go / C: abc / C: b IDLE / C: DONE / S: * 1 FETCH (BODY[] {3}\r\nabc) / "
    'S: * LIST () {x} / C: a AUTHENTICATE PLAIN / C: AAA= / C: é / S: * é / S: a OK ["]"] x / '
    "C: a  / C: a LOGOUT / S: c / C: a NOOP {3 / C: + NOOP / S: +  / C: b UID x y"
)


@pytest.mark.parametrize(
    ("port", "lines"), [(25, SMTP), (110, POP3), (143, IMAP)], ids=["smtp", "pop3", "imap"]
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(data=st.data())
def test_the_usual_case_is_only_quicker(
    rows_of: Any, data: st.DataObject, port: int, lines: tuple[str, ...]
) -> None:
    said = data.draw(st.lists(st.sampled_from(lines.split(" / ")), min_size=1, max_size=25))
    quick = rows_of(*said, port=port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conversation, "is_plain", lambda *_: False)
        assert rows_of(*said, port=port) == quick


def test_the_quick_way_is_taken(rows_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.dissect.smtp.Smtp._row", None)
    rows = rows_of("S: 220 SMTP", "C: NOOP x", "S: 250 2.0.0 ok", port=25)
    assert (rows[1].verb, rows[1].argument, rows[1].enhanced, rows[1].text) == ("NOOP", b"x", b"2.0.0", b"ok")
