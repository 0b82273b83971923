from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from labkit.errors import LabError, ProtocolError, Stalled
from labkit.net.loopback import LoopbackNetwork
from labkit.net.session import Action, Close, Send
from labkit.net.simulated import SimulatedNetwork
from labkit.world.world import World


def test_names_of_hosts(world):
    world.user("alice@example.com")
    world.user("bob@example.org")
    hosts = [
        ("ns.example.net", "192.0.2.1"),
        ("mail.example.com", "192.0.2.2"),
        ("mail.example.org", "192.0.2.3"),
        ("alice-pc.example.com", "192.0.2.4"),
        ("bob-pc.example.org", "192.0.2.5"),
    ]
    assert [(name, world.network.hosts.at(name).address) for name, _ in hosts] == hosts
    assert repr(world) == ("<World seed=0: mail.example.com, mail.example.org; 2026-01-05 09:00:00 UTC>")
    assert repr(world.user("alice@example.com")) == "<UserHost alice-pc.example.com [192.0.2.4]>"


def test_what_is_named_twice_is_one(world):
    assert world.user("bob@example.org") is world.user("Bob@Example.ORG")
    assert world.domain("example.org") is world.domain("EXAMPLE.org") is world.user("bob@example.org").server


def test_a_user_makes_the_domain(world):
    dora = world.user("dora@example.net", password="open sesame", host="desk.example.net")
    assert (dora.name, dora.server.name, dora.password) == (
        "desk.example.net",
        "mail.example.net",
        "open sesame",
    )
    assert dora.server.store.authenticate("dora@example.net", "open sesame")


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("first.last@example.org", "first-last-pc.example.org"),
        ("a+b@example.org", "a-b-pc.example.org"),
        ('"a b"@example.org', "a-b-pc.example.org"),
        ("''@example.org", "user-pc.example.org"),
    ],
)
def test_the_host_of_an_odd_local_part_has_a_name_that_can_be_said(world, address, host):
    user = world.user(address)
    assert user.name == host
    user.submit(user.compose(to=address, text="to myself"))
    assert len(user.retrieve()) == 1


def test_the_clock_starts_on_a_monday_and_moves_only_when_somebody_waits(world):
    assert world.now() == datetime(2026, 1, 5, 9, tzinfo=UTC)
    world.wait(3600)
    assert world.now() == datetime(2026, 1, 5, 10, tzinfo=UTC)


def test_the_seed_decides_every_id():
    def ids(seed: int | str) -> list[str]:
        with World(seed) as world:
            alice = world.user("alice@example.com")
            message = alice.compose(to="x@example.org", html="<p>", text="x")
            return [world.token(8), world.token(8), message.decode()]

    assert ids(1) == ids(1)
    assert ids("a name") == ids("a name")
    assert len({*ids(1), *ids(2), *ids("a name")}) == 9


def test_on_real_ports_ids_are_not_drawn_from_the_seed(make):
    assert make(network="loopback").token(20) != make(network="loopback").token(20)


def test_a_network_of_ones_own(make):
    network = SimulatedNetwork()
    network.link(latency=1.0)
    world = make(network=network)
    assert world.is_simulated
    assert world.token(8) == make().token(8)
    world.user("alice@example.com").console("mail.example.com", 25).connect()
    assert (
        world.now() - datetime(2026, 1, 5, 9, tzinfo=UTC)
    ).total_seconds() == 4  # the handshake and the greeting


def test_errors_are_sentences(world):
    with pytest.raises(LabError, match="there is no network 'telegraph': choose simulated or loopback"):
        World(network="telegraph")
    with pytest.raises(ProtocolError, match="expected '@'"):
        world.user("bob")
    with pytest.raises(LabError, match=r"mail\.example\.org has no user nobody@example\.org"):
        world.domain("example.org").read("nobody@example.org")


def test_a_host_that_keeps_its_own_mail_needs_its_own_domain(world):
    with pytest.raises(LabError, match=r"the mail of example\.org is kept by mail\.example\.org"):
        world.always_on("carol@example.org")
    carol = world.always_on("carol@carol.example")
    assert world.always_on("carol@carol.example") is carol
    assert world.user("carol@carol.example").server is carol


def test_roles(world):
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    carol = world.always_on("carol@carol.example")
    alice.submit(alice.compose(to=[bob, "carol@carol.example"], text="x"))
    world.settle()
    bob.retrieve()
    alice.console(bob.server, 25).connect()
    roles = {
        (seen.service, seen.client_name, seen.client_role, seen.server_role)
        for seen in world.network.tap.connections
    }
    assert roles == {
        ("submission", alice.name, "sender's host", "sender's server"),
        ("dns", "mail.example.com", "sender's server", None),
        ("smtp", "mail.example.com", "sender's server", "recipient's server"),
        ("smtp", "mail.example.com", "sender's server", "recipient's host"),
        ("pop3", bob.name, "recipient's host", "recipient's server"),
        ("smtp", alice.name, "sender's host", "recipient's server"),
    }
    assert carol.host.role == "recipient's host"


def test_a_service_of_ones_own_has_no_roles(world):
    host = world.network.host("time.example.net")
    world.run(world.network.listen(host, 37, asyncio.Protocol, service="time"))
    world.run(world.network.connect(world.user("alice@example.com").host, host.address, 37, asyncio.Protocol))
    (seen,) = world.network.tap.connections
    assert (seen.client_role, seen.server_role) == (None, None)


class Echo:
    """A learner's first server: it says everything twice."""

    idle_timeout = None
    waiting_for = "anything"

    def __init__(self, site):
        self.site = site

    def attach(self, wake_soon):
        pass

    def connected(self, peer: str, encrypted: bool) -> list[Action]:
        return [Send(b"+OK " + self.site.hostname.encode() + b"\r\n")]

    def receive(self, data: bytes) -> list[Action]:
        return [Send(b"+OK " + data)]

    def wake(self) -> list[Action]:
        return []

    encrypted = eof = wake

    def timed_out(self) -> list[Action]:
        return [Close()]

    def lost(self) -> None:
        pass


@pytest.mark.parametrize("network", ["simulated", "loopback"])
def test_a_server_of_ones_own(make, network):
    world = make(network=network, pop3=Echo)
    with world.user("bob@example.org").console("mail.example.org", 110) as console:
        assert console.ask("hello") == "+OK hello"
    assert console.transcript.splitlines()[0] == "S: +OK mail.example.org"


def test_what_the_servers_own_is_touched_in_their_thread(either):
    if either.is_simulated:
        assert either.call(threading.current_thread) is threading.main_thread()
    else:
        assert either.call(threading.current_thread) is not threading.main_thread()

    async def from_within() -> str:
        return either.call(lambda: "at once")

    assert either.run(from_within()) == "at once"


def test_a_closed_world_says_so(either):
    either.close()
    either.close()
    with pytest.raises(LabError, match="this network is closed"):
        either.domain("example.net")


def test_loopback_ports_are_free_again():
    with World(network="loopback") as world:
        network = world.network
        assert isinstance(network, LoopbackNetwork)
        taken = {**network.ports}
    with LoopbackNetwork() as again:
        again.ports.update(taken)
        for (address, port), _ in taken.items():
            if port != 53:
                again.run(again.listen(again.host(address, address=address), port, lambda: None))


def test_waiting_for_what_can_never_come(world):
    console = world.user("alice@example.com").console("mail.example.org", 25)
    console.connect()
    console.send_octets(b"EHLO")
    before = world.now()
    with pytest.raises(Stalled, match=r"mail\.example\.org waits for .* from alice-pc\.example\.com"):
        console.reply()
    assert (world.now() - before).total_seconds() < 1
    console.send("")
    assert console.reply().startswith("501")


def test_a_world_that_is_left_open_ends_in_silence():
    code = (
        "from labkit import World; w = World(); a = w.user('a@example.com');"
        "w.domain('example.org').host.online = False;"
        "a.submit(a.compose(to='b@example.org', text='it waits in the queue')); w.wait(3600);"
        "a.console('mail.example.com', 143).connect(); print(len(a.server.relay.queue))"
    )
    done = subprocess.run(
        [sys.executable, "-Walways", "-Xdev", "-c", code], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_hosts_of_a_domain_beyond_ascii_call_themselves_by_their_a_labels(either):
    """RFC 6531 3.7.1: a greeting comes before anybody has said that it understands more."""
    alice, anna = either.user("alice@example.com"), either.user("anna@bücher.example")
    assert (anna.server.name, anna.name) == ("mail.xn--bcher-kva.example", "anna-pc.xn--bcher-kva.example")
    alice.submit(alice.compose(to=anna, subject="Grüße", text="hello"))
    either.settle()
    (letter,) = anna.retrieve("pop3", utf8=True)
    assert b"\tby mail.xn--bcher-kva.example " in letter
    assert either.always_on("anna@fröhlich.example").name == "anna.xn--frhlich-b1a.example"


def test_what_no_world_can_do_is_said_in_words():
    with pytest.raises(LabError, match=r"domains are a list: \['example.com'\]"):
        World(domains="example.com")
    world = World(seed=0)
    for none in ("an hour", float("nan"), timedelta(hours=1)):
        with pytest.raises(LabError, match="a number of seconds"):
            world.wait(none)
