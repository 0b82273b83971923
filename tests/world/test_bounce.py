"""What a sender is told, for people and for programs."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from labkit.message.linting import lint
from labkit.message.mime import parse
from labkit.message.reports import read_status
from labkit.world.world import World

DAY = 86400


def notice(world: World, *to: str) -> bytes:
    alice = world.user("alice@example.com")
    alice.submit(alice.compose(to=list(to), subject="Grüße", text="hello"))
    world.settle()
    (found,) = alice.server.read(alice.address)
    return found


def test_it_is_a_report_for_programs_too(world: World) -> None:
    world.user("bob@example.org")
    found = notice(world, "nobody@example.org")
    root = parse(found)
    assert root.content_type == "multipart/report"
    assert root.params["report-type"] == "delivery-status"
    assert not [each for each in lint(found) if each.severity == "error"]
    text, status, header = root.children
    assert b"<nobody@example.org>:\r\n    550 5.1.1 " in text.decoded()
    assert read_status(status.decoded()) == [
        {"Reporting-MTA": "dns; mail.example.com"},
        {
            "Final-Recipient": "rfc822; nobody@example.org",
            "Action": "failed",
            "Status": "5.1.1",
            "Remote-MTA": "dns; mail.example.org",
            "Diagnostic-Code": "smtp; 550 5.1.1 <nobody@example.org>: no such user here",
        },
    ]
    assert header.content_type == "text/rfc822-headers"
    assert b"From: alice@example.com" in header.decoded()


def test_the_standard_library_reads_it(world: World) -> None:
    world.user("bob@example.org")
    found = message_from_bytes(notice(world, "nobody@example.org"), policy=policy.default)
    assert found.get_content_type() == "multipart/report"
    (_, status, _) = found.iter_parts()
    assert [group["Status"] for group in status.get_payload()] == [None, "5.1.1"]


@pytest.mark.parametrize(
    ("domain", "status"),
    [("nowhere.example", "5.1.2"), ("nomail.example", "5.1.10"), ("hostless.example", "5.4.4")],
)
def test_what_no_reply_has_told(world: World, domain: str, status: str) -> None:
    world.names.add("nomail.example", "MX", "0 .")
    world.names.add("hostless.example", "MX", "10 gone.example.")
    told = read_status(parse(notice(world, f"bob@{domain}")).children[1].decoded())[1]
    assert told["Status"] == status
    assert "Remote-MTA" not in told


def test_what_was_tried_for_days(world: World) -> None:
    bob = world.user("bob@example.org")
    with bob.server.offline():
        found = notice(world, "bob@example.org")
    told = read_status(parse(found).children[1].decoded())[1]
    assert (told["Status"], told["Action"]) == ("5.4.7", "failed")
    assert world.now().timestamp() > 4 * DAY
