"""A whole world on real ports, for programs that know nothing of it.

smtplib, poplib and imaplib as they are, and aiosmtplib.  POP3 and IMAP clients have more of their
own in test_against_stdlib_pop3.py and test_against_imap_clients.py, and the three that speak on both
networks theirs in clients/test_stdlib.py.
"""

from __future__ import annotations

import asyncio
import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Iterator
from email.message import EmailMessage

import aiosmtplib
import pytest

from labkit.world.devices import UserHost
from labkit.world.mail_server import MailServer
from labkit.world.world import World


@pytest.fixture
def world() -> Iterator[World]:
    with World(network="loopback") as world:
        yield world


@pytest.fixture
def alice(world: World) -> UserHost:
    return world.user("alice@example.com")


@pytest.fixture
def bob(world: World) -> UserHost:
    return world.user("bob@example.org")


def letter(alice: UserHost, bob: UserHost) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = alice.address, bob.address, "Grüße"
    message.set_content("Hello Bob,\n.\n..two dots\n")
    message.add_attachment(bytes(range(256)) * 100, maintype="application", subtype="octet-stream")
    return message


def at(server: MailServer, service: str) -> tuple[str, int]:
    return "localhost", server.where(service)[1]


@pytest.fixture(params=["none", "STARTTLS", "implicit"])
def tls(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_from_smtplib_to_poplib_and_imaplib(world: World, alice: UserHost, bob: UserHost, tls: str) -> None:
    context = world.trust()
    send(alice, letter(alice, bob), tls, context)
    world.settle()
    assert [seen.service for seen in world.network.tap.connections].count("smtp") == 1
    (stored,) = bob.server.read(bob.address)
    assert fetch_pop3(bob, tls, context) == stored
    assert fetch_imap(bob, tls, context) == stored
    assert (b"ESMTPSA" in stored) == (tls != "none")
    assert b"\r\n.\r\n..two dots\r\n" in stored
    used = {seen.service: seen.tls for seen in world.network.tap.connections}
    assert {used[service] for service in used if service not in ("dns", "smtp")} == {tls}


def send(alice: UserHost, message: EmailMessage, tls: str, context: ssl.SSLContext) -> None:
    if tls == "implicit":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(*at(alice.server, "submissions"), context=context)
    else:
        smtp = smtplib.SMTP(*at(alice.server, "submission"))
    with smtp:
        if tls == "STARTTLS":
            smtp.starttls(context=context)
        smtp.login(alice.address, alice.password)
        assert smtp.send_message(message) == {}


def fetch_pop3(bob: UserHost, tls: str, context: ssl.SSLContext) -> bytes:
    if tls == "implicit":
        pop3: poplib.POP3 = poplib.POP3_SSL(*at(bob.server, "pop3s"), context=context)
    else:
        pop3 = poplib.POP3(*at(bob.server, "pop3"))
    if tls == "STARTTLS":
        pop3.stls(context)
    pop3.user(bob.address)
    pop3.pass_(bob.password)
    lines = pop3.retr(1)[1]
    pop3.quit()
    return b"\r\n".join([*lines, b""])


def fetch_imap(bob: UserHost, tls: str, context: ssl.SSLContext) -> bytes:
    if tls == "implicit":
        imap: imaplib.IMAP4 = imaplib.IMAP4_SSL(*at(bob.server, "imaps"), ssl_context=context)
    else:
        imap = imaplib.IMAP4(*at(bob.server, "imap"))
    if tls == "STARTTLS":
        imap.starttls(context)
    imap.login(bob.address, bob.password)
    imap.select(readonly=True)
    data = imap.fetch("1", "(BODY[])")[1][0]
    imap.logout()
    assert isinstance(data, tuple)
    return bytes(data[1])


def test_aiosmtplib(world: World, alice: UserHost, bob: UserHost, tls: str) -> None:
    host, port = at(alice.server, "submissions" if tls == "implicit" else "submission")

    async def main() -> None:
        refused, reply = await aiosmtplib.send(
            letter(alice, bob),
            hostname=host,
            port=port,
            username=alice.address,
            password=alice.password,
            use_tls=tls == "implicit",
            start_tls=tls == "STARTTLS",
            tls_context=world.trust(),
        )
        assert refused == {}
        assert reply.startswith("2.0.0 Ok: queued as")
        await world.settled()

    asyncio.run(main())
    (message,) = bob.server.read(bob.address)
    assert b"..two dots" in message


def test_aiosmtplib_hears_of_refusals(world: World, alice: UserHost) -> None:
    host, port = at(alice.server, "smtp")

    async def main() -> None:
        client = aiosmtplib.SMTP(hostname=host, port=port, start_tls=False)
        async with client:
            with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
                await client.sendmail("a@b.example", ["nobody@example.com"], b"x")
            refused, _ = await client.sendmail("a@b.example", ["alice@example.com", "x@example.com"], b"x")
            assert refused["x@example.com"].code == 550

    asyncio.run(main())
    assert len(alice.server.read(alice.address)) == 1


def test_aiosmtplib_in_virtual_time() -> None:
    """Unmodified, since it asks the running loop for its connection."""
    with World() as world:
        world.user("bob@example.org")

        async def main() -> None:
            await aiosmtplib.send(
                b"Subject: x\r\n\r\nhi\r\n",
                sender="a@b.example",
                recipients=["bob@example.org"],
                hostname="mail.example.org",
                port=25,
                start_tls=True,
                tls_context=world.trust(),
            )

        world.run(main())
        assert len(world.domain("example.org").read("bob@example.org")) == 1
        assert world.network.tap.connections[0].tls == "STARTTLS"
