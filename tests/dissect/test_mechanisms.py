"""Logins of every mechanism by every protocol: a row for each line, no secret shown, and who it was."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from labkit.capture.tape import Flow, Tape
from labkit.tables import Capture

SECRETS = (b"pa55word", b"c1d2e3digest", b"proof+", b"t0ken")
MECHANISMS: dict[str, list[bytes]] = {  # what the client says, line by line
    "PLAIN": [b"\0alice\0pa55word"],
    "LOGIN": [b"alice", b"pa55word"],
    "CRAM-MD5": [b"alice c1d2e3digest"],
    "SCRAM-SHA-1": [b"n,,n=alice,r=abc", b"c=biws,r=abcdef,p=proof+", b""],
    "SCRAM-SHA-256": [b"n,,n=alice,r=abc", b"c=biws,r=abcdef,p=proof+", b""],
    "OAUTHBEARER": [b"n,a=alice,\1host=mx\1auth=Bearer t0ken\1\1"],
    "XOAUTH2": [b"user=alice\1auth=Bearer t0ken\1\1"],
}
SERVER_FIRST = ("LOGIN", "CRAM-MD5")  # whose client has nothing to say before it is asked
PROTOCOLS = {  # port, greeting, AUTH, challenge, success, refusal
    "smtp": (587, b"220 a", b"AUTH", b"334 ", b"235 ok", b"535 no"),
    "pop3": (110, b"+OK a", b"AUTH", b"+ ", b"+OK in", b"-ERR no"),
    "imap": (143, b"* OK a", b"a AUTHENTICATE", b"+ ", b"a OK in", b"a NO no"),
}


def login(protocol: str, mechanism: str, *, at_once: bool, end: str) -> tuple[int, list[tuple[str, bytes]]]:
    """A session of nothing but a login; `at_once`: the first response stands behind the mechanism."""
    port, greeting, command, challenge, success, refusal = PROTOCOLS[protocol]
    lines = [b64encode(said) for said in MECHANISMS[mechanism]]
    first = command + b" " + mechanism.encode()
    if at_once and mechanism not in SERVER_FIRST:
        first += b" " + (lines.pop(0) or b"=")
    said = [("S", greeting)]
    if protocol == "smtp":
        said += [("C", b"EHLO b"), ("S", b"250 a")]
    said.append(("C", first))
    for line in lines:
        said += [("S", challenge + b64encode(b"go on")), ("C", line)]
    if end == "cancelled":
        said += [("S", challenge), ("C", b"*")]
    said.append(("S", success if end == "ok" else refusal))
    return port, [(who, octets + b"\r\n") for who, octets in said]


@pytest.mark.parametrize("end", ["ok", "refused", "cancelled"])
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "asked"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_login(flow: Callable[..., Flow], protocol: str, mechanism: str, at_once: bool, end: str) -> None:
    port, said = login(protocol, mechanism, at_once=at_once, end=end)
    tape = Tape("x", framed=True)
    tape.flows = [flow(*said, port=port)]
    capture = Capture(tape)
    asked = [octets for who, octets in said if who == "C" and octets != b"EHLO b\r\n"]
    rows = [row for row in capture.rows() if row.verb not in (None, "EHLO")]
    command = "AUTHENTICATE" if protocol == "imap" else "AUTH"
    assert [row.verb for row in rows] == [command] + ["(response)"] * (len(asked) - 1)
    assert [row.outcome for row in rows] == ["continue"] * (len(rows) - 1) + [
        "ok" if end == "ok" else "permanent"
    ]
    assert not capture.rows("flaws")["flaw"]
    (attempt,) = capture.rows("logins")
    assert (attempt.user, attempt.mechanism, attempt.outcome) == ("alice", mechanism, rows[-1].outcome)
    shown = str([capture.rows(table).columns for table in ("exchanges", "lines")]).encode()
    shown += bytes(capture.without_secrets().tape.flows[0].client.data)
    for line in MECHANISMS[mechanism]:
        assert not line or b64encode(line) not in shown
    told = capture.with_secrets().rows()["argument"]
    assert "".join(filter(None, told)).count(b64encode(MECHANISMS[mechanism][0]).decode()) == 1


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_side_of_a_login(flow: Any, protocol: str, mechanism: str) -> None:
    """Who hears the client only sees its lines, and hides them."""
    port, said = login(protocol, mechanism, at_once=False, end="ok")
    tape = Tape("x", framed=True)
    tape.flows = [flow(*[each for each in said if each[0] == "C"], port=port)]
    capture = Capture(tape)
    shown = str([capture.rows(table).columns for table in ("exchanges", "lines")]).encode()
    for line in filter(None, MECHANISMS[mechanism]):
        assert b64encode(line) not in shown
    assert {flaw.flaw for flaw in capture.rows("flaws")} == {"one-sided"}
