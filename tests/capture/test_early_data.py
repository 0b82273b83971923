"""Early data of TLS 1.3 (RFC 8446 4.2.10): said if the server took it, never said if it did not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.sealed import SIDES, Wire, Written, flow_of, records, without

from labkit.capture.keys import KeyLog
from labkit.capture.tape import Flow
from labkit.capture.tls.decrypt import Unsealing
from labkit.capture.tls.handshake import EARLY_DATA, RETRY, TLS_1_2
from labkit.dissect.dissector import dissect

EARLY, LATER, ANSWER = (
    (b"a NOOP\r\n", b"b NOOP\r\n"),
    b"c NOOP\r\n",
    b"* OK ready\r\na OK\r\nb OK\r\nc OK\r\n",
)
NO_SECRET = "the key log has none of the early data"


def opened(flow: Flow, keys: KeyLog) -> Flow:
    Unsealing(flow, keys).advance(whole=True)
    return flow


def told(flow: Flow) -> tuple[bytes, bytes, list[tuple[str, str]], list[int]]:
    """What both sides said, what stood in the way, and before which octets of the client some are missing."""
    troubles = [(each.flaw, each.detail) for side in SIDES for each in flow.side(side).tls.troubles]  # type: ignore[union-attr]
    assert not flow.server.gaps
    return flow.client.data, flow.server.data, troubles, [gap.offset for gap in flow.client.gaps]


def written(*, taken: bool = True, number: int = 0x1302, early: tuple[bytes, ...] = EARLY) -> Written:
    found = Written(number=number)
    found.shake(*early, taken=taken)
    return talked(found)


def talked(found: Written) -> Written:
    found.say("server", ANSWER)
    found.say("client", LATER)
    return found


def retried() -> Written:
    """The server asks for another hello before it says anything of early data."""
    found = Written()
    found.plain("client", 22, found.hello("client", EARLY_DATA))
    retry = found.hello("server", random=RETRY)
    found.begin()
    for each in EARLY:
        found.seal("client", -1, 23, each)
    found.plain("server", 22, retry)
    found.plain("client", 22, found.hello_again())
    hello = found.hello("server")
    found.begin()
    found.answer(hello)
    found.finish()
    return talked(found)


def keys_without(found: Written, *labels: str) -> KeyLog:
    lines = found.keys.text().decode().splitlines(True)
    return KeyLog("".join(line for line in lines if not line.startswith(labels)).encode())


def test_the_trace_of_rfc_8448() -> None:
    text = Path(__file__).with_name("rfc8448-4.txt").read_text()
    wire: Wire = []
    for line in text.splitlines():
        who, _, octets = line.partition(": ")
        if who in ("C", "S"):
            wire.append(("client" if who == "C" else "server", bytes.fromhex(octets)))
    said = bytes(range(50))
    assert told(opened(flow_of(wire), KeyLog(text.encode()))) == (b"ABCDEF" + said, said, [], [])


@pytest.mark.parametrize("number", [0x1301, 0x1302, 0x1303, 0x1304, 0x1305])
def test_taken(number: int) -> None:
    found = written(number=number)
    flow = opened(flow_of(found.wire), found.keys)
    assert told(flow) == (b"".join(EARLY) + LATER, ANSWER, [], [])
    places = [order for order, (side, _) in enumerate(found.wire, 2) if side == "client"]
    # Each command has the place of its packet: early ones before the server's hello.
    assert [flow.client.order_at(at) for at in (0, 8, 16)] == [places[1], places[2], places[-1]]
    protocol, rows = dissect(flow)
    assert protocol == "imap"
    assert [row.verb for row in rows] == ["TLS", None, "NOOP", "NOOP", "NOOP"]
    assert not any(row.flaws for row in rows)


@pytest.mark.parametrize("labels", [(), ("CLIENT_EARLY",)])
def test_refused(labels: tuple[str, ...]) -> None:
    """It comes again behind the handshake; with what it was sealed does not matter."""
    for found in (written(taken=False), retried(), written(taken=False, early=EARLY * 2000)):
        flow = opened(flow_of(found.wire), keys_without(found, *labels))
        assert told(flow) == (LATER, ANSWER, [], [])


def test_refused_by_an_older_server() -> None:
    """The client has to give up (RFC 8446 D.3); what it said is not told."""
    found = Written()
    found.plain("client", 22, found.hello("client", EARLY_DATA))
    hello = bytearray(found.hello("server"))
    del hello[-6:]  # the version of its extensions
    hello[1:4], hello[-2:] = (len(hello) - 4).to_bytes(3, "big"), bytes(2)
    hello[39:41] = b"\xc0\x2f"
    found.begin()
    found.seal("client", -1, 23, EARLY[0])
    found.plain("server", 22, bytes(hello))
    found.plain("client", 21, b"\x02\x46")
    assert told(opened(flow_of(found.wire), found.keys)) == (b"", b"", [], [])
    assert found.keys.of(found.wire[0][1][11:43])["CLIENT_RANDOM"]
    assert hello[4:6] == TLS_1_2.to_bytes(2, "big")


def test_the_key_log_has_none_of_it() -> None:
    """A gap stands where it was."""
    found = written()
    flow = opened(flow_of(found.wire), keys_without(found, "CLIENT_EARLY"))
    assert told(flow) == (LATER, ANSWER, [("no-keys", NO_SECRET)], [0])
    only = flow_of(found.wire[: 2 + len(EARLY) + 3])
    assert told(opened(only, keys_without(found, "CLIENT_EARLY")))[2:] == ([("no-keys", NO_SECRET)], [0])


def test_the_answer_cannot_be_read() -> None:
    """Whether it was said is not known: a gap, and all that is known."""
    found = written()
    unread = [("not-opened", "2 records")]
    flow = opened(flow_of(found.wire), keys_without(found, "SERVER_HANDSHAKE"))
    assert told(flow) == (LATER, ANSWER, unread, [0])
    whole = flow_of(found.wire).server.tls
    assert whole is not None
    cut = records(whole.data)
    flow = without(flow_of(found.wire), "server", cut[2][0], cut[3][1])
    assert told(opened(flow, found.keys)) == (LATER, ANSWER, [], [0])
    flow = without(flow_of(found.wire), "server", cut[2][0], cut[-1][1])
    assert told(opened(flow, found.keys)) == (LATER, b"", [], [0])


@pytest.mark.parametrize(
    ("first", "behind", "said", "gaps"),
    [
        (1, 2, EARLY[1] + LATER, [0]),  # early data
        (2, 3, EARLY[0] + LATER, [8]),
        (2, 4, EARLY[0] + LATER, [8]),  # and EndOfEarlyData
        (3, 4, EARLY[0] + EARLY[1] + LATER, []),  # that alone
        (2, 5, EARLY[0] + LATER, [8]),  # and Finished
        (1, 5, LATER, [0]),  # all
    ],
)
def test_records_that_were_not_captured(first: int, behind: int, said: bytes, gaps: list[int]) -> None:
    found = written()
    whole = flow_of(found.wire).client.tls
    assert whole is not None
    cut = records(whole.data)
    flow = without(flow_of(found.wire), "client", cut[first][0], cut[behind - 1][1])
    assert told(opened(flow, found.keys)) == (said, ANSWER, [], gaps)


def test_as_it_grows() -> None:
    """Whatever pieces it comes in, the same is read."""
    draw = random.Random(0)
    for found in (written(), written(taken=False), retried()):
        for labels in (("none",), ("CLIENT_EARLY",), ("SERVER_HANDSHAKE",)):
            keys = keys_without(found, *labels)
            whole = told(opened(flow_of(found.wire), keys))
            growing = flow_of([])
            unsealing = Unsealing(growing, keys)
            for order, (side, octets) in enumerate(found.wire, 2):
                while octets:
                    size = draw.choice([1, 3, 50, len(octets)])
                    growing.side(side).begin_tls().append(octets[:size], order * 1000, order)
                    octets = octets[size:]
                    unsealing.advance()
            assert growing.client.data.endswith(LATER), "as early as can be"
            unsealing.advance(whole=True)
            assert told(growing) == whole


def test_any_damage() -> None:
    """Octets changed, dropped and doubled, seeded: nothing raises, and nothing is invented."""
    draw = random.Random(0)
    for found in (written(), written(taken=False), retried()):
        for _ in range(200):
            wire: Wire = []
            for side, octets in found.wire:
                changed, place = bytearray(octets), draw.randrange(len(octets))
                match draw.randrange(20):
                    case 0:
                        changed[place] = draw.randrange(256)
                    case 1:
                        del changed[place:]
                    case 2:
                        changed[place:place] = changed[:place]
                wire.append((side, bytes(changed)))
            flow = opened(flow_of(wire), found.keys)
            for line in flow.client.data.splitlines(True):
                assert line in (*EARLY, LATER)
