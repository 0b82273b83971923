"""Every mechanism over every protocol: our clients and the standard library's, and what the capture tells."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from labkit import World
from labkit.clients import imap, pop3, smtp
from labkit.clients.dialogue import Dialogue
from labkit.grammar import sasl
from labkit.world.devices import UserHost

PASSWORD, TOKEN = "hunter2 and more", "ya29.lab-token"
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"
SERVICES = {"pop3": "pop3", "smtp": "submission", "imap": "imap"}


@pytest.fixture
def world() -> Iterator[World]:
    with World(domains=["example.org"]) as world:
        yield world


@pytest.fixture
def bob(world: World) -> UserHost:
    bob = world.user("bob@example.org", password=PASSWORD)
    account = bob.server.store.account(bob.address)
    assert account is not None
    account.token = TOKEN
    return bob


def session(bob: UserHost, protocol: str, mechanism: str, secret: str) -> Dialogue[object]:
    """A whole session of one of our clients."""
    token = bob.world.token
    if protocol == "pop3":
        return pop3.retrieve_all(bob.address, secret, mechanism=mechanism, token=token)
    if protocol == "imap":
        return imap.retrieve_all(bob.address, secret, mechanism=mechanism, token=token)
    return smtp.submit(
        *(bob.name, bob.address, [bob.address], MESSAGE),
        user=bob.address,
        password=secret,
        mechanism=mechanism,
        token=token,
    )


def secret_of(mechanism: str) -> str:
    return TOKEN if mechanism in ("OAUTHBEARER", "XOAUTH2") else PASSWORD


@pytest.mark.parametrize("mechanism", sasl.MECHANISMS)
@pytest.mark.parametrize("protocol", SERVICES)
def test_a_login_its_row_and_what_is_hidden(
    world: World, bob: UserHost, protocol: str, mechanism: str
) -> None:
    dialogue = session(bob, protocol, mechanism, secret_of(mechanism))
    world.run(world.converse(bob, bob.server, SERVICES[protocol], dialogue))
    (login,) = world.capture.rows("logins")
    assert (login.mechanism, login.user, login.outcome) == (mechanism, bob.address, "ok")
    shown = "".join(f"{row.argument} {row.text}" for row in world.capture.rows("exchanges"))
    whole = "".join(str(row.argument) for row in world.capture.with_secrets().rows("exchanges"))
    assert "•••" in shown
    for word in whole.split():
        secret = _decoded(word)
        if bob.address.encode() in secret or b"p=" in secret or secret in (PASSWORD.encode(), TOKEN.encode()):
            assert word not in shown
    for secret in (PASSWORD, TOKEN):
        assert secret not in shown
    assert all(
        _decoded(line.raw.rstrip()).find(secret_of(mechanism).encode()) < 0
        for line in world.capture.rows("lines")
    )


def _decoded(word: str | bytes) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except ValueError:
        return b""


@pytest.mark.parametrize("mechanism", sasl.MECHANISMS)
@pytest.mark.parametrize("protocol", SERVICES)
def test_a_wrong_secret_takes_a_while(world: World, bob: UserHost, protocol: str, mechanism: str) -> None:
    before = world.now()
    with pytest.raises((pop3.Refused, smtp.Refused, imap.Refused)):
        world.run(
            world.converse(bob, bob.server, SERVICES[protocol], session(bob, protocol, mechanism, "wrong"))
        )
    assert (world.now() - before).total_seconds() > bob.server.site.login_penalty
    (login,) = world.capture.rows("logins")
    assert (login.mechanism, login.outcome) == (mechanism, "permanent")
    # and the same goes for a user who is not there
    nobody = UserHost(world, bob.host, "nobody@example.org", "", bob.server)
    with pytest.raises((pop3.Refused, smtp.Refused, imap.Refused)):
        world.run(
            world.converse(bob, bob.server, SERVICES[protocol], session(nobody, protocol, mechanism, "wrong"))
        )
    texts = {row.text for row in world.capture.rows("exchanges") if row.outcome == "permanent"}
    assert len(texts) == 1


@pytest.mark.parametrize("protocol", SERVICES)
def test_two_runs_say_the_same(protocol: str) -> None:
    def said() -> list[object]:
        with World(domains=["example.org"]) as world:
            bob = world.user("bob@example.org")
            dialogue = session(bob, protocol, "SCRAM-SHA-256", bob.password)
            world.run(world.converse(bob, bob.server, SERVICES[protocol], dialogue))
            return [line.raw for line in world.capture.with_secrets().rows("lines")]

    assert said() == said()


def test_a_name_with_commas_is_told_by_the_table(world: World) -> None:
    odd = world.user('"a,b=c"@example.org', password="secret")
    for mechanism in ("SCRAM-SHA-1", "OAUTHBEARER"):
        world.run(world.converse(odd, odd.server, "pop3", session(odd, "pop3", mechanism, odd.password)))
    assert {login.user for login in world.capture.rows("logins")} == {odd.address}


def test_apop(world: World, bob: UserHost) -> None:
    world.run(world.converse(bob, bob.server, "pop3", session(bob, "pop3", "APOP", PASSWORD)))
    (login,) = world.capture.rows("logins")
    assert (login.mechanism, login.user, login.outcome) == ("APOP", bob.address, "ok")
    (row,) = (row for row in world.capture.rows("exchanges") if row.verb == "APOP")
    assert row.argument == f"{bob.address} •••"


# The standard library's clients


def test_poplib_apop(bob: UserHost) -> None:
    client = bob.poplib()
    assert client.apop(bob.address, PASSWORD).startswith(b"+OK")
    client.quit()


def test_imaplib_cram_md5(bob: UserHost) -> None:
    client = bob.imaplib()
    assert client.login_cram_md5(bob.address, PASSWORD) == ("OK", [b"AUTHENTICATE completed"])
    client.logout()


def test_imaplib_with_an_object_of_ones_own(bob: UserHost) -> None:
    exchange = sasl.client("SCRAM-SHA-256", bob.address, PASSWORD, lambda n: "c" * n)

    def respond(challenge: bytes) -> bytes:
        return (sasl.answer(exchange, challenge) if challenge else next(exchange)) or b""

    client = bob.imaplib()
    assert client.authenticate("SCRAM-SHA-256", respond)[0] == "OK"
    sasl.granted(exchange)
    client.logout()


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "PLAIN", "LOGIN"])
def test_smtplib(world: World, bob: UserHost, mechanism: str) -> None:
    client = bob.smtplib()
    client.ehlo()
    client.user, client.password = bob.address, PASSWORD
    authenticate = getattr(client, "auth_" + mechanism.lower().replace("-", "_"))
    assert client.auth(mechanism, authenticate) == (235, b"2.7.0 Authentication successful")
    client.quit()
    assert [login.mechanism for login in world.capture.rows("logins")] == [mechanism]
