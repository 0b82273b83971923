"""Real sockets: only what differs from the simulated network; the rest is tested on both."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
import struct
import threading

import pytest
from aiosmtpd.smtp import SMTP

from labkit.errors import LabError
from labkit.net.driver import SessionProtocol, converse
from labkit.net.faults import PASS, Hold
from labkit.net.tap import Record

LONGEST = 30  # seconds


@pytest.fixture
def server(loopback):
    return loopback.host("mx.example.org")


def listen(network, server, line_server, **options):
    factory = lambda: SessionProtocol(line_server())  # noqa: E731
    return network.run(network.listen(server, 110, factory, service="lines", **options))


def test_a_program_from_outside_is_recorded_at_the_servers_end(loopback, server, line_server):
    listener = listen(loopback, server, line_server)
    with socket.create_connection((listener.address, listener.port)) as sock, sock.makefile("rb") as file:
        assert file.readline() == b"+OK hello\r\n"
        sock.sendall(b"QUIT\r\n")
        assert file.read() == b"+OK bye\r\n"
    loopback.run(asyncio.sleep(0))
    (connection,) = loopback.tap.connections
    assert (connection.client, connection.client_name) == ("127.0.0.1", None)
    assert (connection.server, connection.server_port) == ("192.0.2.1", 110)
    assert (connection.ended, connection.closed_by) == ("quit", "server")
    assert [(r.sender, r.data, r.sent == r.arrived) for r in loopback.tap.records] == [
        ("server", b"+OK hello\r\n", True),
        ("client", b"QUIT\r\n", True),
        ("server", b"+OK bye\r\n", True),
    ]


def test_between_the_labs_own_hosts_octets_are_recorded_once(loopback, server, line_server, talk):
    listen(loopback, server, line_server)
    client = loopback.host("alice-pc")
    loopback.run(converse(loopback, client, server.address, 110, talk(b"one", b"QUIT")))
    assert len(loopback.tap.connections) == 1
    assert loopback.tap.connections[0].client == client.address
    assert len(loopback.tap.records) == 5


def test_a_reply_held_back_until_the_client_has_gone_harms_nobody(loopback, server, line_server):
    heard, over, reported = threading.Event(), threading.Event(), []

    def watch(seen):
        if isinstance(seen, Record) and seen.data.endswith(b"one\r\n"):
            (heard if seen.sender == "client" else over).set()

    loopback.tap.watch(watch)
    loopback.loop.set_exception_handler(lambda loop, context: reported.append(context))
    loopback.faults.append(lambda event: Hold(0.05) if event.data == b"+OK one\r\n" else PASS)
    listener = listen(loopback, server, line_server)
    with socket.create_connection((listener.address, listener.port)) as sock:
        sock.sendall(b"one\r\n")
        assert heard.wait(LONGEST)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
    assert over.wait(LONGEST)
    loopback.run(asyncio.sleep(0))
    assert loopback.tap.connections[0].ended == "reset"
    assert reported == []


def test_inside_tls_of_a_program_from_outside(loopback, server, authority):
    class Accept:
        async def handle_DATA(self, server, session, envelope):
            return "250 OK"

    def smtp():
        context = authority.server_context(["mx.example.org"])
        return SMTP(Accept(), hostname="mx", tls_context=context, loop=loopback.loop)

    listener = loopback.run(loopback.listen(server, 25, smtp))
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    with smtplib.SMTP(listener.address, listener.port, "alice-pc") as client:
        client.starttls(context=trust)
        client.sendmail("a@a.example", ["b@b.example"], b"Subject: s\r\n\r\nx\r\n")
    inside = [r for r in loopback.tap.records if r.layer == "inside"]
    assert inside[0][3:5] == ("client", b"ehlo alice-pc\r\n")
    assert inside[-1][3:5] == ("server", b"221 Bye\r\n")
    assert loopback.tap.connections[0].tls == "STARTTLS"
    assert loopback.tap.connections[0].sni is None  # the client asked for an address


def test_a_busy_port_is_named(loopback, server, line_server):
    port = listen(loopback, server, line_server).port
    other = loopback.host("other")
    loopback.ports[other.address, 110] = port
    with pytest.raises(LabError, match=f"port {port} on 127.0.0.1 is in use"):
        listen(loopback, other, line_server)


def test_a_port_can_be_given_and_is_free_again_after_close(loopback, server, line_server):
    first = listen(loopback, server, line_server)
    first.close()
    loopback.run(asyncio.sleep(0))
    loopback.ports[server.address, 110] = first.port
    assert listen(loopback, server, line_server).port == first.port


def test_nobody_has_that_address(loopback):
    with pytest.raises(OSError, match="no host has the address"):
        loopback.run(loopback.connect(loopback.host("a"), "203.0.113.9", 25, asyncio.Protocol))


def test_a_host_that_is_not_online(loopback, server, line_server):
    listen(loopback, server, line_server)
    server.online = False
    with pytest.raises(TimeoutError):
        loopback.run(loopback.connect(loopback.host("a"), server.address, 110, asyncio.Protocol))


def test_real_dns_for_programs_outside(loopback, server):
    listener = loopback.answer(server, 53, lambda question: question[::-1], service="dns")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(b"abc", (listener.address, listener.port))
        assert sock.recv(100) == b"cba"
    loopback.run(asyncio.sleep(0))
    (connection,) = loopback.tap.connections
    assert (connection.transport, connection.client_name) == ("udp", None)
    assert [r.data for r in loopback.tap.records] == [b"abc", b"cba"]


def test_a_blocking_call_from_inside_is_refused(loopback):
    async def inner():
        loopback.run(asyncio.sleep(0))

    with pytest.raises(LabError, match="await"):
        loopback.run(inner())


def test_run_async_serves_another_loop(loopback):
    async def cell():
        return await loopback.run_async(asyncio.sleep(0, "slept"))

    assert asyncio.run(cell()) == "slept"


def test_an_activity_can_be_spawned_from_any_thread(loopback):
    async def work():
        return threading.current_thread().name

    task = loopback.spawn(work())
    assert loopback.run(asyncio.wait_for(task, 5)) == "labkit-net"


def test_a_closed_network_says_so(loopback):
    loopback.close()
    with pytest.raises(LabError, match="closed"):
        loopback.run(asyncio.sleep(0))


def test_a_timeout_cancels_the_work(loopback):
    cancelled = []

    async def stuck():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(TimeoutError):
        loopback.run(stuck(), timeout=0.01)
    loopback.run(asyncio.sleep(0))
    assert cancelled == [True]
