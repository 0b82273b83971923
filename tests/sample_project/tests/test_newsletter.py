"""How the newsletter's makers test it with labkit: there is nothing to import for it, and no conftest."""

from __future__ import annotations

import imaplib
import poplib
import socket
import subprocess
import sys

import newsletter
import pytest

NEWS = newsletter.letter("Spring", "It is spring.\n.\nReally.\n")


def test_every_reader_gets_it(mail_server, capture, assert_exchange):
    readers = ["anna@example.com", "ben@example.com"]
    for reader in readers:
        mail_server.world.user(reader)
    refused = newsletter.send_by(*mail_server.where("smtp"), NEWS, readers, mail_server.world.trust())
    assert refused == {}
    assert [b"It is spring." in mail_server.read(reader)[0] for reader in readers] == [True, True]
    assert_exchange(
        capture,
        """
        C: STARTTLS
        S: 220 …
        C: EHLO news.example.net
        …
        C: MAIL FROM:<news@example.net> …
        S: 250 2.1.0 Ok
        C: RCPT TO:<anna@example.com>
        S: 250 …
        C: RCPT TO:<ben@example.com>
        S: 250 …
        """,
    )


def test_whoever_has_left_is_named(mail_server, capture):
    mail_server.world.user("anna@example.com")
    readers = ["anna@example.com", "gone@example.com"]
    with capture() as sent:
        refused = newsletter.send_by(*mail_server.where("smtp"), NEWS, readers, mail_server.world.trust())
    assert refused["gone@example.com"][0] == 550
    assert list(sent.recipients.code) == [250, 550]


def test_the_dot_arrives(world, assert_exchange):
    anna, ben = world.user("anna@example.com"), world.user("ben@example.org")
    with anna.smtplib() as server:
        server.login(anna.address, anna.password)
        newsletter.send(server, NEWS, [ben.address])
    world.settle()
    assert b"It is spring.\r\n.\r\nReally." in ben.retrieve("imap")[0]
    assert_exchange(world.capture, "C: ..\n…\nS: 250 2.0.0 Ok: queued as …")


def test_a_week_without_the_reader_takes_no_time(world):
    anna, ben = world.user("anna@example.com"), world.user("ben@example.org")
    with ben.server.offline():
        anna.submit(anna.compose(to=ben, subject="Spring", text="It is spring."))
        world.wait(3 * 24 * 3600)
    world.settle()
    with world.capture() as fetched:
        assert len(ben.retrieve("pop3")) == 1
    assert set(fetched.exchanges.protocol) == {"pop3"}


def test_ids_come_from_the_name_of_the_test(world):
    assert world.token(10) == "hjdpxsi4ny"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_tls_for_every_protocol(mail_server, name):
    ben, trust = mail_server.world.user("ben@example.com"), mail_server.world.trust()
    imap = imaplib.IMAP4_SSL(name, mail_server.where("imaps")[1], ssl_context=trust)
    imap.login("ben", ben.password)
    imap.logout()
    pop3 = poplib.POP3_SSL(name, mail_server.where("pop3s")[1], context=trust)
    pop3.user("ben")
    pop3.pass_(ben.password)
    pop3.quit()
    assert set(mail_server.world.capture.connections.tls) == {"implicit"}


def test_a_simulated_world_has_no_real_sockets(world):
    with pytest.raises(Exception, match=r"called connect on a real socket .*use the fixture `mail_server`"):
        socket.create_connection(("127.0.0.1", 9))
    mine, other = socket.socketpair()
    mine.close(), other.close()


@pytest.mark.real_sockets
def test_unless_the_test_says_that_it_needs_them(world):
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        pass


def test_a_socket_is_a_socket_again():
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        pass


FAILING = """
def test_it_fails(world, assert_exchange):
    anna, ben = world.user("anna@example.com"), world.user("ben@example.com")
    anna.submit(anna.compose(to=ben, subject="x", text="x"))
    assert_exchange(world.capture, '''
        C: RCPT TO:<ben@example.com>
        S: 550 …
        C: QUIT
    ''')
"""


def test_a_failure_shows_the_difference_and_the_ladder(tmp_path):
    (tmp_path / "test_failing.py").write_text(FAILING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path).stdout
    assert "  - S: 550 …\n  + S: 250 2.1.5 Ok\n" in said
    assert "What was on the wire" in said
    assert "│───────────────── RCPT TO:<ben@example.com> ────────────────>│" in said
