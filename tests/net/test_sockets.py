"""The standard library's clients, blocking, on both networks."""

from __future__ import annotations

import asyncio
import imaplib
import poplib
import smtplib
import socket
import ssl

import pytest
from aiosmtpd.smtp import SMTP

from labkit.errors import LabError, Stalled
from labkit.net import sockets
from labkit.net.driver import SessionProtocol
from labkit.net.session import Close, Send, StartTLS


class Keep:
    """An aiosmtpd handler that keeps what it gets."""

    def __init__(self):
        self.messages = []

    async def handle_DATA(self, server, session, envelope):
        self.messages.append((session.ssl is not None, envelope.content))
        return "250 OK"


class Replies:
    """Just enough of a server to answer poplib or imaplib."""

    idle_timeout = 600.0
    waiting_for = "a command"

    def __init__(self, greeting, answer):
        self.greeting, self.answer, self.data = greeting, answer, b""

    def attach(self, wake_soon):
        pass

    def connected(self, peer, encrypted):
        return [Send(self.greeting)]

    def receive(self, data):
        self.data += data
        while b"\r\n" in self.data:
            line, self.data = self.data.split(b"\r\n", 1)
            yield from self.answer(line)

    def encrypted(self):
        return ()

    def eof(self):
        return ()

    def lost(self):
        pass


def pop3(line):
    match line.split()[0].upper():
        case b"CAPA":
            yield Send(b"+OK\r\nSTLS\r\n.\r\n")
        case b"STLS":
            yield Send(b"+OK begin\r\n")
            yield StartTLS()
        case b"STAT":
            yield Send(b"+OK 1 9\r\n")
        case b"RETR":
            yield Send(b"+OK\r\nSubject: s\r\n\r\n" + b"x\r\n" * 10_000 + b".\r\n")
        case b"QUIT":
            yield Send(b"+OK bye\r\n")
            yield Close()
        case _:
            yield Send(b"+OK\r\n")


def imap(line):
    tag, verb = line.split()[:2]
    match verb.upper():
        case b"CAPABILITY":
            yield Send(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n")
        case b"SELECT":
            yield Send(b"* 1 EXISTS\r\n")
        case b"LOGOUT":
            yield Send(b"* BYE\r\n")
    yield Send(tag + b" OK done\r\n")
    if verb.upper() == b"STARTTLS":
        yield StartTLS()
    if verb.upper() == b"LOGOUT":
        yield Close()


class Clients:
    """smtplib, poplib and imaplib with the lab's socket."""

    def __init__(self, network, authority):
        self.network, self.handler = network, Keep()
        host, server = network.host("alice-pc"), network.host("mx.example.org")
        self.dial = dial = lambda port, timeout=None: sockets.create(
            network, host, server.address, port, timeout
        )

        def context():
            return authority.server_context(["mx.example.org"])

        def smtp():
            return SMTP(self.handler, hostname="mx.example.org", tls_context=context(), loop=network.loop)

        def session(greeting, answer):
            return lambda: SessionProtocol(Replies(greeting, answer), context)

        network.run(network.listen(server, 25, smtp, service="smtp"))
        network.run(network.listen(server, 465, smtp, service="smtps", tls=context))
        network.run(network.listen(server, 110, session(b"+OK hello\r\n", pop3), service="pop3"))
        network.run(network.listen(server, 143, session(b"* OK hello\r\n", imap), service="imap"))

        class LabSMTP(smtplib.SMTP):
            def _get_socket(self, host, port, timeout):
                return dial(port, timeout)

        class LabPOP3(poplib.POP3):
            def _create_socket(self, timeout):
                return dial(self.port, timeout)

        class LabIMAP4(imaplib.IMAP4):
            def _create_socket(self, timeout):
                return dial(self.port, timeout)

        self.smtp = lambda: LabSMTP("mx.example.org", 25, local_hostname="alice-pc")
        self.pop3 = lambda: LabPOP3("mx.example.org", 110)
        self.imap = lambda: LabIMAP4("mx.example.org", 143)


@pytest.fixture
def clients(network, authority):
    return Clients(network, authority)


@pytest.fixture
def simulated_clients(simulated, authority):
    return Clients(simulated, authority)


def inside(network, sender):
    return b"".join(r.data for r in network.tap.records if (r.layer, r.sender) == ("inside", sender))


def test_smtplib(clients, authority):
    with clients.smtp() as smtp:
        smtp.starttls(context=authority.client_context())
        smtp.sendmail("a@example.org", ["b@example.org"], b"Subject: s\r\n\r\n" + b"x\r\n" * 20_000)
    ((encrypted, content),) = clients.handler.messages
    assert encrypted
    assert len(content) == 14 + 60_000
    commands = inside(clients.network, "client")
    assert commands.lower().startswith(b"ehlo alice-pc\r\nmail from:<a@example.org>")
    assert b"221 Bye\r\n" in inside(clients.network, "server")
    (connection,) = clients.network.tap.connections
    assert (connection.client_name, connection.tls, connection.sni) == (
        "alice-pc",
        "STARTTLS",
        "mx.example.org",
    )


def test_poplib(clients, authority):
    pop = clients.pop3()
    pop.stls(authority.client_context())
    pop.user("u")
    pop.pass_("p")
    assert pop.stat() == (1, 9)
    assert len(pop.retr(1)[1]) == 10_002
    pop.quit()
    assert b"PASS p\r\n" in inside(clients.network, "client")


def test_imaplib(clients, authority):
    client = clients.imap()
    client.starttls(authority.client_context())
    client.login("u", "p")
    assert client.select() == ("OK", [b"1"])
    client.logout()
    assert b"LOGIN" in inside(clients.network, "client")


def test_implicit_tls(clients, authority):
    raw = clients.dial(465)
    sock = authority.client_context().wrap_socket(raw, server_hostname="mx.example.org")
    assert sock.recv(4) == b"220 "
    assert sock.version() == "TLSv1.3"
    assert sock.getpeercert()["subject"]
    sock.close()


def test_a_certificate_for_another_name_is_refused(clients, authority):
    raw = clients.dial(465)
    with pytest.raises(ssl.SSLCertVerificationError):
        authority.client_context().wrap_socket(raw, server_hostname="other.example.org")
    raw.close()


def test_nobody_listens(clients):
    with pytest.raises(ConnectionRefusedError):
        clients.dial(26)


def test_a_plain_context_cannot_wrap_a_simulated_socket(simulated_clients):
    with pytest.raises(LabError, match="client_context"):
        ssl.create_default_context().wrap_socket(
            simulated_clients.dial(465), server_hostname="mx.example.org"
        )


def test_waiting_for_a_server_that_waits_is_stalled(simulated_clients):
    sock = simulated_clients.dial(25)
    assert sock.recv(4096).startswith(b"220")
    with pytest.raises(Stalled, match="alice-pc waits for octets from mx"):
        sock.recv(4096)
    sock.sendall(b"NOOP\r\n")
    assert sock.recv(4096) == b"250 OK\r\n"


def test_a_timeout_is_virtual(simulated_clients):
    sock = simulated_clients.dial(25, 5.0)
    sock.recv(4096)
    before = simulated_clients.network.now()
    with pytest.raises(socket.timeout):
        sock.recv(4096)
    assert (simulated_clients.network.now() - before).total_seconds() == 5


def test_it_works_while_another_loop_runs_in_the_thread(simulated_clients):
    async def cell():
        with simulated_clients.smtp() as smtp:
            return smtp.noop()

    assert asyncio.run(cell()) == (250, b"OK")


def test_it_is_refused_inside_the_simulation(simulated_clients):
    async def inner():
        simulated_clients.dial(25)

    with pytest.raises(LabError, match="inside the simulated network"):
        simulated_clients.network.run(inner())


def test_a_closed_socket(simulated_clients):
    sock = simulated_clients.dial(25)
    assert sock.getpeername() == ("192.0.2.2", 25)
    assert sock.getsockname() == ("192.0.2.1", 49152)
    sock.close()
    with pytest.raises(OSError, match="closed"):
        sock.recv(1)
