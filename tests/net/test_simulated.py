"""The network in memory: the laws of TCP that the protocols rely on."""

from __future__ import annotations

import asyncio
import socket

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP

from labkit.errors import LabError
from labkit.net.pipe import WINDOW
from labkit.net.simulated import CONNECT_TIMEOUT, SimulatedNetwork


class Probe(asyncio.Protocol):
    """Notes all it is told, with the time."""

    def __init__(self):
        self.events = []
        self.data = b""
        self.keep_open = False

    def note(self, *event):
        self.events.append((round(self.loop.time(), 6), *event))

    def connection_made(self, transport):
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.note("made")

    def data_received(self, data):
        self.data += data
        self.note("data", len(data))

    def eof_received(self):
        self.note("eof")
        return self.keep_open

    def connection_lost(self, exc):
        self.note("lost", type(exc).__name__)

    def pause_writing(self):
        self.note("pause")

    def resume_writing(self):
        self.note("resume")

    @property
    def names(self):
        return [event[1] for event in self.events]


@pytest.fixture
def ends(simulated):
    """Two probes that are connected over a link of 50 ms and 1 Mbit/s."""
    return connect(simulated, latency=0.05, bandwidth=1e6)


def connect(network, **link):
    a, b = network.host("a"), network.host("b")
    network.link(a, b, **link)
    servers = []

    def serve():
        servers.append(Probe())
        return servers[-1]

    network.run(network.listen(b, 25, serve))
    _, client = network.run(network.connect(a, b.address, 25, Probe))
    network.wait(0.2)
    return client, servers[0]


def test_hosts_have_documentation_addresses_in_order(simulated):
    assert [simulated.host(name).address for name in "abc"] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert simulated.host("A") is simulated.host("a")
    many = [simulated.host(f"h{i}") for i in range(700)]
    assert many[253 - 3].address == "192.0.2.254"
    assert many[254 - 3].address == "198.51.100.1"


def test_one_address_belongs_to_one_host(simulated):
    simulated.host("a", address="203.0.113.9")
    with pytest.raises(LabError, match="belongs to a"):
        simulated.host("b", address="203.0.113.9")
    with pytest.raises(LabError, match="already"):
        simulated.host("a", address="203.0.113.8")


def test_it_takes_a_round_trip_to_connect(ends):
    client, server = ends
    assert client.events == [(0.1, "made")]
    assert server.events == [(0.15, "made")]


def test_octets_take_latency_and_bandwidth(ends, simulated):
    client, server = ends
    client.transport.write(b"x" * 12_500)  # a tenth of a second
    client.transport.write(b"y" * 12_500)
    simulated.wait(1)
    start = 0.1 + 0.2  # connected, and then waited
    assert server.events[1:] == [
        (pytest.approx(start + 0.15), "data", 12_500),
        (pytest.approx(start + 0.25), "data", 12_500),
    ]
    assert server.data == b"x" * 12_500 + b"y" * 12_500


def test_records_know_when_octets_left_and_arrived(ends, simulated):
    client, _ = ends
    client.transport.write(b"x" * 12_500)
    (record,) = simulated.tap.records
    assert record.arrived - record.sent == 150_000
    assert (record.sender, record.layer, record.connection) == ("client", "plain", 0)


def test_a_writer_faster_than_the_link_is_paused_and_resumed(ends, simulated):
    client, server = ends
    client.transport.write(b"x" * 100_000)
    assert client.names[-1] == "pause"
    assert client.transport.get_write_buffer_size() == 100_000
    simulated.wait(10)
    assert client.names[-1] == "resume"
    # The low-water mark is 16 KiB: the rest had left the writer by then.
    assert client.events[-1][0] == pytest.approx(0.3 + (100_000 - 16_384) * 8e-6, abs=1e-3)
    assert len(server.data) == 100_000


def test_a_reader_that_pauses_holds_the_writer(simulated):
    client, server = connect(simulated, latency=0.05)
    server.transport.pause_reading()
    for _ in range(20):
        client.transport.write(b"x" * 32_768)
    simulated.wait(1)
    assert server.data == b""
    assert client.names == ["made", "pause"]
    assert client.transport.get_write_buffer_size() == 20 * 32_768 - WINDOW
    held = [record for record in simulated.tap.records if record.arrived is None]
    assert len(held) == 12
    server.transport.resume_reading()
    simulated.wait(1)
    assert len(server.data) == 20 * 32_768
    assert client.names == ["made", "pause", "resume"]
    assert all(record.arrived for record in simulated.tap.records)


def test_close_lets_go_what_was_written_first(ends, simulated):
    client, server = ends
    client.transport.write(b"last words")
    client.transport.close()
    simulated.wait(1)
    assert server.names == ["made", "data", "eof", "lost"]
    assert server.events[-1][2] == "NoneType"
    assert client.names == ["made", "lost"]
    (connection,) = simulated.tap.connections
    assert (connection.ended, connection.closed_by) == ("quit", "client")


def test_close_while_the_window_is_full_still_delivers_everything(simulated):
    client, server = connect(simulated, latency=0.05)
    server.transport.pause_reading()
    for _ in range(20):
        client.transport.write(b"x" * 32_768)
    client.transport.close()
    simulated.wait(1)
    assert client.names == ["made", "pause"]
    server.transport.resume_reading()
    simulated.wait(1)
    assert len(server.data) == 20 * 32_768
    assert client.names[-1] == "lost"
    assert server.names[-2:] == ["eof", "lost"]


def test_closing_on_unread_octets_resets(simulated):
    client, server = connect(simulated, latency=0.05)
    server.transport.pause_reading()
    for _ in range(20):
        client.transport.write(b"x" * 32_768)
    client.transport.close()
    simulated.wait(1)
    server.transport.close()
    simulated.wait(1)
    assert client.events[-1][1:] == ("lost", "ConnectionResetError")
    assert server.names[-1] == "lost"


def test_a_half_closed_connection_still_carries_the_other_way(ends, simulated):
    client, server = ends
    server.keep_open = True
    client.transport.write_eof()
    simulated.wait(1)
    server.transport.write(b"still here")
    server.transport.close()
    simulated.wait(1)
    assert client.data == b"still here"
    assert client.names[-2:] == ["eof", "lost"]


def test_abort_resets_the_other_end(ends, simulated):
    client, server = ends
    client.transport.abort()
    simulated.wait(1)
    assert server.events[-1][1:] == ("lost", "ConnectionResetError")
    assert client.events[-1][1:] == ("lost", "NoneType")
    assert simulated.tap.connections[0].ended == "reset"


def test_octets_to_an_end_that_is_closed_are_answered_with_a_reset(ends, simulated):
    client, server = ends
    server.keep_open = True
    client.transport.close()
    simulated.wait(1)
    server.transport.write(b"anybody there?")
    simulated.wait(1)
    assert server.events[-1][1:] == ("lost", "ConnectionResetError")


def test_a_protocol_that_fails_loses_its_connection_and_is_reported(ends, simulated):
    client, server = ends
    reports = []
    simulated.loop.set_exception_handler(lambda loop, context: reports.append(context["exception"]))
    server.data = None
    client.transport.write(b"x")
    simulated.wait(1)
    assert [type(error) for error in reports] == [TypeError]
    assert client.events[-1][1:] == ("lost", "ConnectionResetError")


def test_nobody_listens(simulated):
    b = simulated.host("b")
    with pytest.raises(ConnectionRefusedError, match=r"b \(192.0.2.1\) port 25"):
        simulated.run(simulated.connect(simulated.host("a"), b.address, 25, Probe))
    assert simulated.tap.connections[0].ended == "reset"


@pytest.mark.parametrize("address", ["203.0.113.77", "192.0.2.1"])
def test_nobody_answers(simulated, address):
    simulated.host("b").online = False
    with pytest.raises(TimeoutError):
        simulated.run(simulated.connect(simulated.host("a"), address, 25, Probe))
    assert simulated.loop.time() == CONNECT_TIMEOUT
    assert simulated.tap.connections[0].ended == "timeout"


def test_a_port_is_taken_once(simulated):
    b = simulated.host("b")
    listener = simulated.run(simulated.listen(b, 25, Probe))
    with pytest.raises(LabError, match="port 25 on b is in use"):
        simulated.run(simulated.listen(b, 25, Probe))
    listener.close()
    simulated.run(simulated.listen(b, 25, Probe))


def test_clients_count_their_ports(simulated):
    b = simulated.host("b")
    simulated.run(simulated.listen(b, 25, Probe))
    for _ in range(3):
        simulated.run(simulated.connect(simulated.host("a"), b.address, 25, Probe))
    assert [c.client_port for c in simulated.tap.connections] == [49152, 49153, 49154]


def test_within_a_host_no_time_passes(simulated):
    a = simulated.host("a")
    simulated.run(simulated.listen(a, 25, Probe))
    simulated.run(simulated.connect(a, a.address, 25, Probe))
    assert simulated.loop.time() == 0


def test_the_clock_starts_on_a_monday_and_waits_when_told(simulated):
    assert simulated.now().isoformat() == "2026-01-05T09:00:00+00:00"
    simulated.wait(3600)
    assert simulated.now().isoformat() == "2026-01-05T10:00:00+00:00"


def test_a_background_activity_goes_on_while_somebody_waits(simulated):
    seen = []

    async def tick():
        for i in range(3):
            await asyncio.sleep(10)
            seen.append(i)

    simulated.spawn(tick())
    simulated.wait(25)
    assert seen == [0, 1]


def test_a_background_activity_that_fails_is_reported(simulated):
    reports = []
    simulated.loop.set_exception_handler(lambda loop, context: reports.append(context["exception"]))

    async def fail():
        raise ValueError("no")

    simulated.spawn(fail())
    simulated.wait(1)
    assert [str(error) for error in reports] == ["no"]


def test_run_async_serves_another_loop(simulated):
    async def cell():
        return await simulated.run_async(asyncio.sleep(3, "slept"))

    assert asyncio.run(cell()) == "slept"
    assert simulated.loop.time() == 3


def test_names_of_hosts_are_found(simulated):
    b = simulated.host("b")
    (info,) = simulated.run(simulated.loop.getaddrinfo("b", 25))
    assert info[4] == (b.address, 25)
    assert simulated.run(simulated.loop.getnameinfo((b.address, 25))) == ("b", "25")
    with pytest.raises(socket.gaierror):
        simulated.run(simulated.loop.getaddrinfo("nobody", 25))


class Keep:
    def __init__(self):
        self.messages = []

    async def handle_DATA(self, server, session, envelope):
        self.messages.append(envelope.content)
        return "250 OK"


def aiosmtp(authority, starttls):
    """aiosmtplib to aiosmtpd, both as they come."""
    with SimulatedNetwork() as network:
        network.link(latency=0.05, bandwidth=1e6)
        keep, server = Keep(), network.host("mx.example.org")
        tls = authority.server_context(["mx.example.org"])

        def factory():
            return SMTP(keep, hostname="mx.example.org", tls_context=tls, loop=network.loop)

        async def send():
            client = aiosmtplib.SMTP(
                hostname="mx.example.org",
                port=25,
                local_hostname="alice-pc",
                start_tls=starttls,
                tls_context=authority.client_context(),
            )
            async with client:
                await client.sendmail(
                    "a@a.example", ["b@b.example"], b"Subject: s\r\n\r\n" + b"x\r\n" * 20_000
                )

        network.run(network.listen(server, 25, factory, service="smtp"))
        network.run(send())
        network.wait(1)
        return keep.messages, network.tap


@pytest.mark.parametrize("starttls", [False, True])
def test_aiosmtplib_and_aiosmtpd_run_unmodified_and_alike(authority, starttls):
    messages, tap = aiosmtp(authority, starttls)
    assert len(messages[0]) == 60_014
    layer = "inside" if starttls else "plain"
    commands = b"".join(r.data for r in tap.records if (r.sender, r.layer) == ("client", layer))
    assert b"MAIL FROM:<a@a.example>" in commands
    assert commands.endswith(b"\r\n.\r\nQUIT\r\n")
    assert tap.connections[0].tls == ("STARTTLS" if starttls else "none")

    def readable(tap):
        return [record for record in tap.records if record.layer != "tls"]

    assert readable(tap) == readable(aiosmtp(authority, starttls)[1])


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_asyncio_streams_run_unmodified(simulated, authority, tls):
    async def echo(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def talk():
        context = authority.server_context(["b"]) if tls else None
        await asyncio.start_server(echo, "b", 7, ssl=context)
        trust = authority.client_context() if tls else None
        reader, writer = await asyncio.open_connection("b", 7, ssl=trust)
        writer.write(b"hello\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    assert simulated.run(talk()) == b"hello\r\n"
    layer = "inside" if tls else "plain"
    assert [r.data for r in simulated.tap.records if r.layer == layer] == [b"hello\r\n"] * 2
    assert simulated.tap.connections[0].client_name == "localhost"
