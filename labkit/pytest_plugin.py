"""Fixtures for people who test their own mail code; pytest finds them by itself.

    def test_my_program_sends_a_letter(mail_server):
        mail_server.world.user("bob@example.com")
        my_program.send(*mail_server.where("smtp"), to="bob@example.com")
        assert b"Dear Bob" in mail_server.read("bob@example.com")[0]

`world` is in memory and in virtual time, so a week of retries takes no time; `mail_server` listens on
real ports of 127.0.0.1, for code that opens sockets itself.  Nothing of labkit is imported
before a test asks for one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from labkit.world.devices import MailServer
    from labkit.world.world import World


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A simulated `labkit.World`, whose ids come from the name of the test."""
    from labkit.world.world import World

    with World(request.node.name) as world:
        yield world


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """The mail server of example.com, on free ports: smtp, submission, pop3, imap and their TLS forms.

    `mail_server.where("imap")` says where; `mail_server.world` makes users (their password is
    "secret-" and the local part) and more domains, and has the capture.
    """
    from labkit.world.world import World

    with World(network="loopback") as world:
        yield world.domain("example.com")
