"""swaks, the postmaster's SMTP client, against `labkit serve`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.programs import needs, run
from support.serving import Served

pytestmark = [pytest.mark.programs, needs("swaks")]

# What swaks exits with, by the command that failed; see its manual page.
MAIL_REFUSED, RECIPIENT_REFUSED, DATA_REFUSED, LOGIN_FAILED, TLS_FAILED = 23, 24, 26, 28, 29
LOGIN = ("-au", "bob@example.org", "-ap", "secret")


def swaks(lab: Served, service: str, *options: str, to: str = "bob@example.org") -> tuple[int, list[str]]:
    """Its exit code, and the replies that it did not like."""
    command = ["swaks", "--server", lab.host, "--port", str(lab.port(service)), "--timeout", "30"]
    command += ["--helo", "client.example", "--from", "alice@example.com", "--to", to, *options]
    ran = run(lab.folder, *command)
    return ran.returncode, re.findall(r"^<[-~]?\*\* +(.*)$", ran.stdout, re.MULTILINE)


def arrived(lab: Served) -> int:
    """How many messages the lab has taken over."""
    return lab.capture().rows("messages")["outcome"].count("ok")


def test_plain(lab: Served) -> None:
    assert swaks(lab, "smtp") == (0, [])
    lab.stop()
    rows = lab.capture().rows()
    assert rows["verb"] == [None, "EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT"]
    assert rows["code"] == [220, 250, 250, 250, 354, 250, 221]
    assert set(rows["step"]) == {"relay"}
    assert set(rows["flaw"]) == {None}
    assert lab.capture().rows("connections")["server_port"] == [25], "as if on the well-known port"


def test_tls(lab: Served) -> None:
    verified = ("--tls-verify", "--tls-ca-path", lab.ca)
    assert swaks(lab, "smtp", "--tls", *verified) == (0, [])
    assert swaks(lab, "submission", "--tls", *verified, *LOGIN) == (0, [])
    assert swaks(lab, "smtps", "--tls-on-connect", *verified, *LOGIN) == (0, [])
    assert swaks(lab, "smtp", "--tls", "--tls-verify")[0] == TLS_FAILED, "it trusts nobody we know"
    lab.stop()
    assert arrived(lab) == 3
    connections = lab.capture().rows("connections")
    assert connections["tls"][:3] == ["STARTTLS", "STARTTLS", "implicit"]
    assert connections["step"][:3] == ["relay", "submit", "submit"]
    assert connections["user"][:3] == [None, "bob@example.org", "bob@example.org"]


def test_logins(lab: Served) -> None:
    for mechanism in ("PLAIN", "LOGIN"):
        assert swaks(lab, "submission", "--auth", mechanism, *LOGIN) == (0, [])
        wrong = (LOGIN_FAILED, ["535 5.7.8 Wrong name or password"])
        assert swaks(lab, "submission", "--auth", mechanism, *LOGIN[:-1], "wrong") == wrong
    lab.stop()
    logins = lab.capture().rows("logins")
    assert logins["mechanism"] == ["PLAIN", "PLAIN", "LOGIN", "LOGIN"]
    assert logins["outcome"] == ["ok", "permanent", "ok", "permanent"]
    assert arrived(lab) == 2


@pytest.mark.parametrize(
    ("service", "to", "code", "reply"),
    [
        (
            "smtp",
            "nobody@example.org",
            RECIPIENT_REFUSED,
            "550 5.1.1 <nobody@example.org>: no such user here",
        ),
        ("smtp", "x@elsewhere.example", RECIPIENT_REFUSED, "550 5.7.1 <x@elsewhere.example>: no relaying"),
        ("submission", "bob@example.org", MAIL_REFUSED, "530 5.7.0 Authentication required"),
    ],
)
def test_refusals(lab: Served, service: str, to: str, code: int, reply: str) -> None:
    found, replies = swaks(lab, service, to=to)
    assert (found, len(replies)) == (code, 1)
    assert replies[0].startswith(reply)
    lab.stop()
    assert arrived(lab) == 0


def test_a_message_that_is_too_large(lab: Served, tmp_path: Path) -> None:
    (tmp_path / "large").write_text(("x" * 900 + "\n") * 40_000)
    assert swaks(lab, "smtp", "--body", "@large") == (DATA_REFUSED, ["552 5.3.4 The message is too large"])
    assert swaks(lab, "smtp") == (0, [])
    lab.stop()
    assert arrived(lab) == 1
