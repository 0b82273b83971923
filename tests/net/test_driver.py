from __future__ import annotations

import asyncio
import ssl

import pytest

from labkit.clients.dialogue import Disconnected
from labkit.errors import LabError, Stalled
from labkit.net.driver import SessionProtocol, converse
from labkit.net.session import StartTLS


@pytest.fixture
def place(network, line_server, authority):
    """A line server on mx.example.org, a client on alice-pc; and the sessions the server made."""
    return Place(network, line_server, authority)


class Place:
    def __init__(self, network, line_server, authority):
        self.network = network
        self.authority = authority
        self.sessions = []
        self.client = network.host("alice-pc")
        self.server = network.host("mx.example.org")
        self.listener = network.run(network.listen(self.server, 110, self.make, service="lines"))
        network.run(network.listen(self.server, 995, self.make, service="liness", tls=self.context))
        self.line_server = line_server

    def context(self):
        return self.authority.server_context(["mx.example.org"])

    def make(self):
        self.sessions.append(self.line_server())
        return SessionProtocol(self.sessions[-1], self.context)

    def converse(self, session, port=110, limit=10_000, **options):
        talk = converse(self.network, self.client, self.server.address, port, session, **options)
        return self.network.run(talk, timeout=limit)

    def texts(self, *layers):
        return [(r.sender, r.data) for r in self.network.tap.records if r.layer in layers]


def test_a_dialogue_runs_to_its_end(place, talk):
    assert place.converse(talk(b"one", b"QUIT")) == [b"+OK hello", b"+OK one", b"+OK bye"]
    assert place.texts("plain") == [
        ("server", b"+OK hello\r\n"),
        ("client", b"one\r\n"),
        ("server", b"+OK one\r\n"),
        ("client", b"QUIT\r\n"),
        ("server", b"+OK bye\r\n"),
    ]
    (connection,) = place.network.tap.connections
    assert (connection.service, connection.ended, connection.tls) == ("lines", "quit", "none")
    assert (connection.client_name, connection.server_name) == ("alice-pc", "mx.example.org")
    assert (connection.server, connection.server_port) == ("192.0.2.2", 110)


def test_starttls(place, talk):
    replies = place.converse(
        talk(b"STLS", StartTLS("mx.example.org"), b"secret", b"QUIT"), trust=place.authority.client_context
    )
    assert replies[2:] == [b"+OK secret", b"+OK bye"]
    assert place.texts("plain")[-1] == ("server", b"+OK begin\r\n")
    assert place.texts("inside") == [
        ("client", b"secret\r\n"),
        ("server", b"+OK secret\r\n"),
        ("client", b"QUIT\r\n"),
        ("server", b"+OK bye\r\n"),
    ]
    assert not any(b"secret" in data for _, data in place.texts("tls"))
    (connection,) = place.network.tap.connections
    assert (connection.tls, connection.tls_version, connection.sni) == (
        "STARTTLS",
        "TLSv1.3",
        "mx.example.org",
    )
    assert connection.cipher
    assert "encrypted" in place.sessions[0].log


def test_implicit_tls(place, talk):
    tls = place.authority.client_context(), "mx.example.org"
    assert place.converse(talk(b"one", b"QUIT"), port=995, tls=tls)[1] == b"+OK one"
    assert place.texts("plain") == []
    assert place.texts("inside")[0] == ("server", b"+OK hello\r\n")
    assert place.network.tap.connections[0].tls == "implicit"
    assert place.sessions[0].log[0].endswith("True")


def test_a_certificate_for_another_name_is_refused(place, talk):
    context = place.authority.client_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        place.converse(talk(), port=995, tls=(context, "other.example.org"))
    with pytest.raises(ssl.SSLCertVerificationError):
        place.converse(talk(b"STLS", StartTLS("other.example.org"), b"one"), trust=lambda: context)


def test_a_server_that_leaves_during_the_handshake(place, talk, authority):
    class Leave(asyncio.Protocol):
        def connection_made(self, transport):
            transport.write(b"+OK hello\r\n+OK begin\r\n")
            self.transport = transport

        def data_received(self, data):
            if b"\x16\x03" in data:  # the client's first words in TLS
                self.transport.close()

    network = place.network
    network.run(network.listen(place.server, 111, Leave))
    with pytest.raises(OSError, match="closed during the TLS handshake"):
        place.converse(talk(b"STLS", StartTLS("mx.example.org")), port=111, trust=authority.client_context)


def test_without_a_context_tls_is_refused_in_words(place, talk):
    with pytest.raises((LabError, Disconnected)):
        place.converse(talk(b"STLS", StartTLS("mx.example.org")))


def test_octets_behind_starttls_are_dropped(place, talk):
    replies = place.converse(
        talk(b"STLS\r\ninjected", StartTLS("mx.example.org"), b"one", b"QUIT"),
        trust=place.authority.client_context,
    )
    assert replies == [b"+OK hello", b"+OK begin", b"+OK one", b"+OK bye"]


def test_a_session_that_fails_resets_its_connection(place, talk):
    reports = []
    place.network.loop.set_exception_handler(lambda loop, context: reports.append(str(context["exception"])))
    with pytest.raises(Disconnected, match="waiting for the reply to FAIL"):
        place.converse(talk(b"FAIL"))
    assert reports == ["a bug in the session"]
    assert place.network.tap.connections[0].ended == "reset"


def test_a_large_reply_comes_whole(place, talk):
    assert len(place.converse(talk(b"BIG 3000000", b"QUIT"))[1]) == 3_000_000


def test_a_wake_asked_for_comes(place, talk):
    assert place.converse(talk(b"WAKE", b"QUIT"))[1] == b"* awake"


# What takes time is looked at in virtual time only.


@pytest.fixture
def calm(simulated, line_server, authority):
    return Place(simulated, line_server, authority)


def test_a_delay_takes_its_time_and_what_comes_meanwhile_waits(calm, talk):
    replies = calm.converse(talk(b"SLOW 5\r\nquick", b"next", b"next", b"QUIT"))
    assert replies[1:4] == [b"* awake", b"+OK slow", b"+OK quick"]
    sent = [r.sent for r in calm.network.tap.records if r.data == b"+OK slow\r\n"]
    asked = [r.arrived for r in calm.network.tap.records if r.data == b"SLOW 5\r\nquick\r\n"]
    assert sent[0] - asked[0] == 5_000_000


def test_stalled_names_who_waits_for_whom(calm, talk):
    with pytest.raises(Stalled) as stalled:
        calm.converse(talk(b"MUTE"), limit=None)
    text = str(stalled.value)
    assert "alice-pc waits for the reply to MUTE from mx.example.org" in text
    assert "mx.example.org waits for a line from alice-pc" in text


def test_silence_is_ended_by_the_servers_idle_timeout(calm, talk):
    def client():
        return SessionProtocol(talk(b"MUTE"), side="client")

    calm.network.run(calm.network.connect(calm.client, calm.server.address, 110, client))
    calm.network.wait(700)
    assert calm.sessions[0].log == ["connected 192.0.2.1 False", "timed out", "lost"]
    (connection,) = calm.network.tap.connections
    assert (connection.ended, connection.closed_by) == ("timeout", "server")
    last = max(r.arrived for r in calm.network.tap.records if r.sender == "client")
    assert connection.closed - last == 600_000_000


def test_a_client_that_sends_and_never_reads_is_cut_off(calm):
    """What it does not take is held up to a limit, and no longer than the idle timeout."""

    class Deaf(asyncio.Protocol):
        def connection_made(self, transport):
            transport.pause_reading()
            transport.write(b"BIG 100000\r\n" * 100)

    calm.network.run(calm.network.connect(calm.client, calm.server.address, 110, Deaf))
    calm.network.wait(700)
    assert calm.sessions[0].log == ["connected 192.0.2.1 False", "lost"]
    (connection,) = calm.network.tap.connections
    assert (connection.ended, connection.closed_by) == ("timeout", "server")
    assert len(calm.network.tap.records) < 10  # of a hundred answers


def test_a_client_that_closes_ends_the_session(calm, talk):
    calm.converse(talk(b"one"))
    calm.network.wait(1)
    assert calm.sessions[0].log == ["connected 192.0.2.1 False", "eof", "lost"]
    assert calm.network.tap.connections[0].closed_by == "client"


def test_equal_runs_give_equal_records_also_inside_tls(line_server, authority, talk):
    from labkit.net.simulated import SimulatedNetwork

    def run():
        with SimulatedNetwork() as network:
            network.link(latency=0.05, bandwidth=1_000_000)
            place = Place(network, line_server, authority)
            commands = b"STLS", StartTLS("mx.example.org"), b"one", b"BIG 100000", b"QUIT"
            place.converse(talk(*commands), trust=authority.client_context)
            return [record for record in network.tap.records if record.layer != "tls"], network.now()

    assert run() == run()
