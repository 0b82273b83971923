"""What a server did not want of a login is a secret all the same, and so is what it repeats of it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.sealed import Spoken, contexts

from labkit.capture.tape import Flow, Tape
from labkit.dissect.dissector import dissect
from labkit.tables import Capture

PASSWORD = b"correct horse battery"
LINE = base64.b64encode(PASSWORD)
MIXED = base64.b64encode(b"\0alice@example.com\0" + PASSWORD)

SPOKEN = {
    "smtp": (25, b"220 a SMTP\r\n", b"EHLO b\r\n", b"250 a\r\n"),
    "pop3": (110, b"+OK a\r\n", b"CAPA\r\n", b"+OK\r\n.\r\n"),
    "imap": (143, b"* OK a\r\n", b"a NOOP\r\n", b"a OK\r\n"),
}
LOGINS = [  # what a client sends at once, the server's refusals, how many lines are part of the login
    ("smtp", [b"AUTH LOGIN", LINE, LINE], [b"504 no", b"500 what?", b"500 what?"]),
    ("smtp", [b"AUTH PLAIN", MIXED], [b"503 not now", b'502 what is "%s"?' % MIXED]),
    ("smtp", [b"auth login", b"YWxpY2U=", PASSWORD], [b"334 VXNlcm5hbWU6", b"535 no", b"500 %s?" % PASSWORD]),
    ("smtp", [b"AUTH CRAM-MD5", LINE], [b"421 busy", b""]),
    ("pop3", [b"AUTH LOGIN", LINE, LINE], [b"-ERR no", b"-ERR what?", b"-ERR what?"]),
    ("pop3", [b"AUTH PLAIN", MIXED], [b"-ERR", b"-ERR unknown command " + MIXED.upper()]),
    ("pop3", [b"APOP alice " + LINE, PASSWORD], [b"-ERR", b"-ERR " + PASSWORD]),
    ("imap", [b"a AUTHENTICATE PLAIN", MIXED], [b"a NO not here", b"* BAD " + MIXED]),
    ("imap", [b"a LOGIN alice {21}", PASSWORD], [b"a NO not here", b"* BAD what is " + PASSWORD + b"?"]),
    ("imap", [b'LOGIN alice "' + PASSWORD + b'"'], [b"LOGIN BAD"]),
]


def flow_of(flow: Callable[..., Flow], login: tuple[str, list[bytes], list[bytes]], *, at_once: bool) -> Flow:
    protocol, lines, replies = login
    port, greeting, first, answer = SPOKEN[protocol]
    last = {"smtp": b"QUIT", "pop3": b"QUIT", "imap": b"z LOGOUT"}[protocol]
    bye = {"smtp": b"221 bye", "pop3": b"+OK bye", "imap": b"* BYE\r\nz OK bye"}[protocol]
    said: list[tuple[str, bytes]] = [("S", greeting), ("C", first), ("S", answer)]
    pairs = list(zip([*lines, last], [*replies, bye], strict=True))
    if at_once:
        said += [("C", b"".join(line + b"\r\n" for line, _ in pairs))]
        said += [("S", b"".join(reply + b"\r\n" for _, reply in pairs if reply))]
    else:
        said += [
            (who, each + b"\r\n") for pair in pairs for who, each in zip("CS", pair, strict=True) if each
        ]
    return flow(*said, port=port)


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
@pytest.mark.parametrize("login", LOGINS, ids=lambda login: f"{login[0]} {login[1][0].decode()}")
def test_a_login_that_was_not_wanted(flow: Any, login: Any, at_once: bool) -> None:
    tape = Tape("x", framed=True)
    tape.flows = [flow_of(flow, login, at_once=at_once)]
    capture = Capture(tape)
    shown = str([capture.rows(table).columns for table in ("exchanges", "lines", "flaws", "logins")])
    masked = capture.without_secrets()
    shown += str([bytes(side.data) for each in masked.tape for side in (each.client, each.server)])
    secrets = [word for word in (LINE, MIXED, PASSWORD) if any(word in line for line in login[1])]
    for secret in secrets:
        assert secret.decode().lower() not in shown.lower()
    told = str(capture.with_secrets().rows().columns)
    assert all(secret.decode() in told for secret in secrets)
    assert [row.verb for row in capture.rows()][-1] == ("LOGOUT" if login[0] == "imap" else "QUIT")
    assert len(masked.tape.flows[0].server) == len(tape.flows[0].server)


def test_a_command_behind_a_login_is_one(rows_of: Any) -> None:
    """Only lines that are no command are taken for secrets, and only until there is one."""
    rows = rows_of(
        *("S: 220 a", "C: EHLO b", "S: 250 a", "C: AUTH LOGIN", "S: 504 no", "C: NOOP", "S: 250", "C: ABC"),
        "S: 500 what?",
    )
    assert [row.verb for row in rows[3:]] == ["NOOP", "ABC"]
    assert rows[-1].secrets == ()
    assert [flaw.name for flaw in rows[-1].flaws] == ["unknown-command"]


def test_one_side_of_a_login_with_a_plain_password(flow: Any) -> None:
    """Without the server's side nobody knows what it wanted."""
    said = flow(("C", b"EHLO b\r\nAUTH LOGIN\r\n" + LINE + b"\r\n" + PASSWORD + b"\r\nMAIL FROM:<a@b>\r\n"))
    _, rows = dissect(said)
    assert [row.verb for row in rows] == ["EHLO", "AUTH", "(response)", "(response)", "MAIL"]
    assert [said.client.data[start:end] for row in rows for start, end in row.secrets] == [LINE, PASSWORD]


@pytest.mark.parametrize("line", [b"AUTH PLAIN " + MIXED, b"a LOGIN alice " + PASSWORD, b"PASS " + PASSWORD])
def test_a_login_put_between_starttls_and_tls(flow: Any, tmp_path: Path, line: bytes) -> None:
    spoken = Spoken(*contexts(tmp_path / "keys"))
    client, server = (b"".join(o for side, o in spoken.wire if side == who) for who in ("client", "server"))
    said = flow(
        *(("S", b"220 a\r\n"), ("C", b"EHLO b\r\n"), ("S", b"250 a\r\n")),
        *(
            ("C", b"STARTTLS\r\nNOOP\r\n" + line + b"\r\n"),
            ("S", b"220 go\r\n"),
            ("C!", client),
            ("S!", server),
        ),
    )
    tape = Tape("x", framed=True)
    tape.flows = [said]
    capture = Capture(tape)
    (flaw,) = capture.rows("flaws")
    assert flaw.flaw == "behind-starttls"
    assert flaw.detail.startswith("NOOP\r\n")
    (handshake,) = (row for row in capture.rows() if row.verb == "TLS")
    assert handshake.argument == "mx.example.org"
    shown = str([capture.rows(table).columns for table in ("exchanges", "lines", "flaws")]).encode()
    shown += bytes(capture.without_secrets().tape.flows[0].client.data)
    for secret in (MIXED, PASSWORD):
        assert secret not in shown
