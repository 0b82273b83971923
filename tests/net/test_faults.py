from __future__ import annotations

import pytest

from labkit.clients.dialogue import Disconnected
from labkit.net.driver import converse, session_protocol
from labkit.net.faults import CUT, PASS, REFUSE, Event, Hold, Rewrite, Throttle, judge
from labkit.net.session import StartTLS


@pytest.fixture
def run(network, line_server, talk, authority):
    """Talk to a line server over the network, with this rule in force."""
    client, server = network.host("client"), network.host("server")

    def context():
        return authority.server_context(["server"])

    network.run(network.listen(server, 110, lambda: session_protocol(line_server(), context)))
    network.answer(server, 53, lambda question: b"answer to " + question)

    def run(rule, *commands):
        network.faults.append(rule)
        session = talk(*commands)
        return network.run(
            converse(network, client, server.address, 110, session, trust=authority.client_context)
        )

    run.network, run.client, run.server = network, client, server
    return run


def on(data, verdict):
    """A rule about octets that begin like this."""
    return lambda event: verdict if event.sender and event.data.startswith(data) else PASS


def fates(network, data):
    return [(r.sender, r.arrived is not None) for r in network.tap.records if r.data.startswith(data)]


def test_the_first_rule_that_does_not_pass_decides():
    event = Event(None, "client", b"x", 0)
    assert judge([lambda e: PASS, lambda e: CUT, lambda e: REFUSE], event) == CUT
    assert judge([], event) == PASS


TLS = (b"STLS", StartTLS("server"))


@pytest.mark.parametrize("before", [(), TLS], ids=["plain", "tls"])
def test_cut(run, before):
    with pytest.raises(Disconnected, match="the reply to two"):
        run(on(b"+OK two", CUT), *before, b"one", b"two")
    assert fates(run.network, b"+OK two") == [("server", False)]
    assert run.network.tap.connections[0].ended == "cut"
    assert run.network.tap.connections[0].closed_by is None


def test_refuse_while_connected_is_a_reset(run):
    with pytest.raises(Disconnected):
        run(on(b"one", REFUSE), b"one")
    assert run.network.tap.connections[0].ended == "reset"


@pytest.mark.parametrize("before", [(), TLS], ids=["plain", "tls"])
def test_rewrite(run, before):
    assert run(on(b"one", Rewrite(b"two\r\n")), *before, b"one")[-1] == b"+OK two"


def test_what_is_rewritten_to_nothing_is_lost(run):
    replies = run(on(b"+OK two", Rewrite(b"")), b"one\r\ntwo\r\nthree", b"four")
    assert replies == [b"+OK hello", b"+OK one", b"+OK three"]
    assert fates(run.network, b"+OK two") == [("server", False)]


@pytest.mark.parametrize("before", [(), TLS], ids=["plain", "tls"])
@pytest.mark.parametrize("verdict", [Hold(0.05), Throttle(8 * 9 / 0.05)])
def test_hold_and_throttle(run, before, verdict):
    start = run.network.now()
    assert run(on(b"+OK one", verdict), *before, b"one", b"two")[-1] == b"+OK two"
    assert (run.network.now() - start).total_seconds() >= 0.05


def test_connecting_can_be_refused(run):
    with pytest.raises(ConnectionRefusedError):
        run(lambda event: REFUSE if event.sender is None else PASS)


def test_connecting_can_be_left_unanswered(run):
    with pytest.raises(TimeoutError):
        run(lambda event: CUT if event.sender is None else PASS)
    assert run.network.tap.connections[0].ended == "timeout"


def test_connecting_can_be_delayed(run):
    start = run.network.now()
    run(lambda event: Hold(0.05) if event.sender is None else PASS)
    assert (run.network.now() - start).total_seconds() >= 0.05


def test_rules_never_see_ciphertext(run):
    seen = []
    run(lambda event: seen.append(event.data) or PASS, *TLS, b"one", b"QUIT")
    assert seen == [
        b"",
        b"+OK hello\r\n",
        b"STLS\r\n",
        b"+OK begin\r\n",
        b"one\r\n",
        b"+OK one\r\n",
        b"QUIT\r\n",
        b"+OK bye\r\n",
    ]


def ask(run, timeout=0.05):
    return run.network.run(run.network.ask(run.client, run.server.address, 53, b"question", timeout=timeout))


@pytest.mark.parametrize("lost", [b"question", b"answer"])
def test_a_datagram_can_be_lost(run, lost):
    run.network.faults.append(on(lost, CUT))
    with pytest.raises(TimeoutError, match="no answer"):
        ask(run)
    assert run.network.tap.connections[0].ended == "timeout"
    assert fates(run.network, lost)[-1][1] is False


def test_a_datagram_can_be_rewritten(run):
    run.network.faults.append(on(b"answer", Rewrite(b"forged")))
    assert ask(run, timeout=5) == b"forged"


def test_a_datagram_can_come_too_late(run):
    run.network.faults.append(on(b"answer", Hold(0.2)))
    with pytest.raises(TimeoutError):
        ask(run, timeout=0.1)
