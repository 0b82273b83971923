from __future__ import annotations

import pytest

from labkit.clients.dialogue import Disconnected
from labkit.net.driver import SessionProtocol, converse
from labkit.net.faults import (
    CUT,
    PASS,
    REFUSE,
    Cut,
    End,
    Event,
    Gather,
    Hold,
    Rewrite,
    Split,
    Throttle,
    judge,
)
from labkit.net.loopback import LoopbackNetwork
from labkit.net.session import StartTLS


@pytest.fixture
def run(network, line_server, talk, authority):
    """Talk to a line server over the network, with this rule in force."""
    client, server = network.host("client"), network.host("server")

    def context():
        return authority.server_context(["server"])

    network.run(network.listen(server, 110, lambda: SessionProtocol(line_server(), context)))
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


def judged(*verdicts, data=b"one two"):
    return judge([lambda event, v=v: v for v in verdicts], Event(None, "client", data, 0))


def test_rules_add_up():
    fate = judged(
        Hold(1), PASS, Hold(0.5), Throttle(100), Throttle(50), Split(3), Split(1), Gather(1), Gather(2)
    )
    assert (fate.hold, fate.bits_per_second, fate.split, fate.gather) == (1.5, 50, Split(3), 2)
    assert (fate.data, fate.ending) == (b"one two", None)
    assert list(fate.pieces()) == [(b"one", 1.5), (b" tw", 1.5), (b"o", 1.5)]
    assert judge([], Event(None, "client", b"x", 0)) == judged(data=b"x")


def test_each_rule_is_shown_what_the_ones_before_it_leave():
    def second(event):
        assert event.data == b"uno"
        return Rewrite(event.data.upper())

    assert judge([lambda e: Rewrite(b"uno"), second], Event(None, "client", b"one", 0)).data == b"UNO"


def test_nobody_is_asked_about_nothing():
    def never(event):
        raise AssertionError

    event = Event(None, "client", b"x", 0)
    assert judge([lambda e: CUT, never], event).ending == "cut"
    assert judge([lambda e: Rewrite(b""), never], event).data == b""


def test_the_first_end_is_the_end():
    assert judged(End(b"one"), Cut(b"o"), REFUSE).ending == "end"
    assert judged(Cut(b"one"), Hold(1)).hold == 1


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


@pytest.mark.parametrize("before", [(), TLS], ids=["plain", "tls"])
def test_the_tap_notes_what_was_written_and_what_arrived(run, before):
    run(on(b"one", Rewrite(b"two\r\n")), *before, b"one")
    noted = [(r.data, r.sent is not None, r.arrived is not None) for r in run.network.tap.records]
    assert [each for each in noted if each[0][:3] in (b"one", b"two")] == [
        (b"one\r\n", True, False),
        (b"two\r\n", False, True),
    ]


@pytest.mark.parametrize("before", [(), TLS], ids=["plain", "tls"])
def test_cut_after_some_octets(run, before):
    with pytest.raises(Disconnected, match="the reply to two"):
        run(on(b"+OK two", Cut(b"+OK t")), *before, b"one", b"two")
    assert fates(run.network, b"+OK two") == [("server", False)]
    assert fates(run.network, b"+OK t")[-1] == ("server", True)
    assert run.network.tap.connections[0].ended == "cut"


def test_the_end_of_the_servers_stream(run):
    with pytest.raises(Disconnected, match="the server closed the connection"):
        run(on(b"+OK two", End(b"+OK two\r\n")), b"one", b"two", b"three")
    assert fates(run.network, b"+OK two") == [("server", True)]
    assert ("server", True) not in fates(run.network, b"+OK three")
    assert (run.network.tap.connections[0].ended, run.network.tap.connections[0].closed_by) == (
        "quit",
        "server",
    )


def test_the_end_of_the_clients_stream_leaves_the_other_open(run):
    """The server still answers what came before the end."""
    with pytest.raises(Disconnected):
        run(on(b"two", End(b"two\r\n")), b"one", b"two", b"three")
    assert fates(run.network, b"+OK two") == [("server", True)]
    assert ("server", True) not in fates(run.network, b"+OK three")


@pytest.mark.parametrize("before", [(), TLS], ids=["plain", "tls"])
def test_split(run, before):
    assert run(on(b"+OK two", Split(1, 0.002)), *before, b"one", b"two", b"three")[-1] == b"+OK three"
    layer = "inside" if before else "plain"
    said = [r for r in run.network.tap.records if r.sender == "server" and r.layer == layer]
    if isinstance(run.network, LoopbackNetwork):  # the kernel may put some together again
        assert b"+OK one\r\n+OK two\r\n+OK three\r\n" in b"".join(r.data for r in said)
        return
    first = next(i for i, r in enumerate(said) if r.data == b"+")
    pieces = said[first : first + 9]
    assert [r.data for r in pieces] == [bytes([octet]) for octet in b"+OK two\r\n"]
    assert pieces[-1].arrived - pieces[0].arrived == 8 * 2000


@pytest.mark.parametrize("before", [(), TLS], ids=["plain", "tls"])
def test_gather(run, before):
    """Three replies in three writes arrive as one."""
    gather = on(b"+OK", Gather(0.03))
    assert run(gather, *before, b"one\r\ntwo\r\nthree", b"four")[-2:] == [b"+OK one", b"+OK two"]
    together = b"+OK one\r\n+OK two\r\n+OK three\r\n"
    assert fates(run.network, together) == [("server", True)]


def test_what_waits_for_more_leaves_before_the_connection_does(run):
    replies = run(on(b"+OK bye", Gather(60)), b"one", b"QUIT")
    assert replies[-1] == b"+OK bye"


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


def test_the_tap_notes_both_datagrams(run):
    run.network.faults.append(on(b"answer", Rewrite(b"forged")))
    ask(run, timeout=5)
    noted = [(r.data, r.sent is not None, r.arrived is not None) for r in run.network.tap.records]
    assert noted[1:] == [(b"answer to question", True, False), (b"forged", False, True)]


def test_a_datagram_can_come_too_late(run):
    run.network.faults.append(on(b"answer", Hold(0.2)))
    with pytest.raises(TimeoutError):
        ask(run, timeout=0.1)
