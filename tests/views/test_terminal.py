"""What a terminal shows of a serving lab, at the width that terminals have."""

from __future__ import annotations

from contextlib import suppress
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest

from labkit import World
from labkit.errors import LabError
from labkit.views.terminal import console
from labkit.views.terminal_talk import tell_said, tell_step, tell_where


def serving(host: str, **passwords: str) -> Any:
    services = ("smtp", "submission", "smtps", "pop3", "pop3s", "imap", "imaps")
    endpoints = {service: {"host": host, "port": 2500 + n} for n, service in enumerate(services)}
    return SimpleNamespace(endpoints=endpoints, passwords=passwords, ca_file="/tmp/ca.pem")


def told(host: str, **passwords: str) -> str:
    file = StringIO()
    tell_where(console(file), serving(host, **passwords))
    return file.getvalue()


def test_it_tells_where_the_servers_are_and_what_to_try_first() -> None:
    text = told("127.0.0.1", **{"bob@example.org": "it's"})
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows["pop3"] == ["127.0.0.1", "2503", "STLS"]
    assert rows["imap"][2:] == ["STARTTLS"]
    assert rows["imaps"][2:] == ["TLS", "from", "the", "start"]
    assert "try curl -u 'bob@example.org:it'\"'\"'s' pop3://127.0.0.1:2503/" in text
    assert "Warning" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(("host", "url"), [("0.0.0.0", "pop3://0.0.0.0:2503/"), ("::", "pop3://[::]:2503/")])
def test_it_warns_when_others_can_reach_it(host: str, url: str) -> None:
    text = told(host, bob="secret")
    assert url in text
    assert f"Warning: other machines can reach {host}" in text
    assert "try" not in told(host)


def test_the_work_of_a_fault_is_marked_in_the_story_of_a_journey() -> None:
    with World(seed=0) as world:
        alice = world.user("alice@example.com")
        with world.fault("bare-lf"), world.fault("cut-after:180"), suppress(LabError):
            alice.submit(alice.compose(to=alice, subject="Hello", text="Hello."))
        step = SimpleNamespace(number=2, name="submitted", device="sender's server", text="", connections=[0])
        file = StringIO()
        tell_step(console(file), step, world.capture)  # type: ignore[arg-type]
    lines = [line.strip() for line in file.getvalue().splitlines()]
    assert any("✎ EHLO" in line for line in lines)
    below = lines[lines.index("✎ client's line changed by a fault: “EHLO alice-pc.example.com\\n” arrived") :]
    assert below[-2:] == ["✂ a fault ended this connection", ""]


def test_colons_in_mail_make_no_emoji() -> None:
    told = StringIO()
    console(told).print("RCPT TO:<a@b> [bold]:mailbox:[/bold]")
    assert told.getvalue() == "RCPT TO:<a@b> :mailbox:\n"


def test_a_flaw_stands_behind_a_sign_not_in_a_colour_alone() -> None:
    with World(seed=0) as world:
        typed = world.user("alice@example.com").console("mail.example.com", 25)
        typed.connect()
        typed.send_octets(b"NOOP\n")
        typed.reply()
        (row,) = [row for row in world.capture.rows() if row.verb == "NOOP"]
        file = StringIO()
        tell_said(console(file), row, "smtp 0")
    assert file.getvalue().rstrip().endswith("Ok  ⚠ bare-lf")
