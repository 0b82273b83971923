"""TLS is opened with a key log: every version and suite, and whatever is missing or damaged."""

from __future__ import annotations

import random
import re
import ssl
from pathlib import Path
from typing import NamedTuple

import pytest
from support.sealed import (
    SIDES,
    Spoken,
    Written,
    contexts,
    flow_of,
    message,
    records,
    without,
)

from labkit.capture.keys import KeyLog
from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import Flow
from labkit.capture.tls.decrypt import Unsealing
from labkit.capture.tls.handshake import TLS_1_2
from labkit.capture.tls.openers import Opener13
from labkit.capture.tls.records import TRIES
from labkit.net.tap import Side


class Kind(NamedTuple):
    """Of session."""

    version: str = "TLSv1_3"
    ciphers: str = ""
    options: int = 0

    @property
    def block(self) -> int:
        """Octets up to which a record is filled."""
        return 16 if "-SHA" in self.ciphers and "GCM" not in self.ciphers else 1


NO_ENCRYPT_THEN_MAC, NO_EXTENDED_MASTER_SECRET = 1 << 19, 1 << 0  # options of OpenSSL that ssl does not name
KINDS = [
    Kind(),
    Kind("TLSv1_2", "ECDHE-RSA-AES128-GCM-SHA256"),
    Kind("TLSv1_2", "ECDHE-RSA-AES256-GCM-SHA384"),
    Kind("TLSv1_2", "ECDHE-RSA-CHACHA20-POLY1305"),
    Kind("TLSv1_2", "AES256-GCM-SHA384", NO_EXTENDED_MASTER_SECRET),
    Kind("TLSv1_2", "AES128-CCM"),
    Kind("TLSv1_2", "AES256-CCM8:@SECLEVEL=0"),
    Kind("TLSv1_2", "ECDHE-RSA-AES256-SHA384"),
    Kind("TLSv1_2", "ECDHE-RSA-AES128-SHA", NO_ENCRYPT_THEN_MAC),
    Kind("TLSv1_2", "AES256-SHA256", NO_ENCRYPT_THEN_MAC),
]
GREETING, LINES = b"* OK ready\r\n", [b"a%d NOOP\r\n" % number for number in range(40)]


def opened(flow: Flow, log: Path | KeyLog) -> Flow:
    Unsealing(flow, log if isinstance(log, KeyLog) else KeyLog.read(log)).advance(whole=True)
    return flow


def troubles(flow: Flow) -> list[tuple[Side, str, int, str]]:
    return [(side, *each) for side in SIDES if (tls := flow.side(side).tls) for each in tls.troubles]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def spoken(log: Path, kind: Kind = KINDS[0]) -> Spoken:
    """A greeting, and forty commands with a reply of the same length."""
    found = Spoken(*contexts(log, *kind))
    found.say("server", GREETING)
    for line in LINES:
        found.say("client", line)
        found.say("server", line)
    return found


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_was_said_inside(log: Path, kind: Kind) -> None:
    found = spoken(log, kind)
    found.say("server", bytes(range(256)) * 300)  # several records
    flow = opened(found.flow(), log)
    assert (flow.client.data, flow.server.data) == (found.said["client"], found.said["server"])
    assert (troubles(flow), flow.client.gaps, flow.server.gaps) == ([], [], [])
    # Each octet has the time of the packet that made its record whole.
    place = next(order for order, (side, _) in reversed(list(enumerate(found.wire, 2))) if side == "server")
    assert flow.server.order_at(len(flow.server) - 1) == place
    assert flow.server.time_at(len(flow.server) - 1) == 1000 * place
    assert list(flow.server.starts) == sorted(set(flow.server.starts))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_behind_starttls(log: Path, kind: Kind) -> None:
    found = spoken(log, kind)
    flow = flow_of(found.wire, plain=(b"a STARTTLS\r\n", b"* OK\r\na OK\r\n"))
    opened(flow, log)
    assert flow.client.data == b"a STARTTLS\r\n" + found.said["client"]
    assert flow.server.data == b"* OK\r\na OK\r\n" + found.said["server"]
    assert (flow.client.tls_at, flow.server.tls_at) == (12, 12)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_as_it_grows(log: Path, kind: Kind) -> None:
    """Whatever pieces it comes in, the same is read, and as early as can be."""
    found = spoken(log, kind)
    whole = opened(found.flow(), log)
    draw = random.Random(str(kind))
    growing = flow_of([])
    unsealing = Unsealing(growing, KeyLog.read(log))
    for order, (side, octets) in enumerate(found.wire, 2):
        while octets:
            size = draw.choice([1, 3, 50, len(octets)])
            growing.side(side).begin_tls().append(octets[:size], order * 1000, order)
            octets = octets[size:]
            unsealing.advance()
        if side == "client" and order > 40:
            assert growing.client.data == whole.client.data[: len(growing.client)] != b""
    unsealing.advance(whole=True)
    for one, other in ((whole.client, growing.client), (whole.server, growing.server)):
        assert one.data == other.data
        places = range(len(one))
        assert one.times_at(places).tolist() == other.times_at(places).tolist()


def test_a_session_resumed(log: Path) -> None:
    ends = contexts(log, "TLSv1_2", "ECDHE-RSA-AES128-GCM-SHA256")
    first = Spoken(*ends)
    again = Spoken(*ends, first.session)
    assert again.ends["client"].session_reused
    again.say("client", b"a NOOP\r\n")
    again.say("server", b"a OK\r\n")
    flow = opened(again.flow(), log)
    assert (flow.client.data, flow.server.data) == (b"a NOOP\r\n", b"a OK\r\n")


def test_hello_retry_request(log: Path) -> None:
    client, server = contexts(log)
    server.set_ecdh_curve("secp521r1")  # for which the client has not made a key
    found = Spoken(client, server)
    hellos = [octets[at + 5] for _, octets in found.wire for at, _ in records(octets) if octets[at] == 22]
    assert hellos == [1, 2, 1, 2], "two each"
    found.say("client", b"a NOOP\r\n")
    assert opened(found.flow(), log).client.data == b"a NOOP\r\n"


@pytest.mark.parametrize("number", [0x1301, 0x1302, 0x1303, 0x1304, 0x1305])
def test_new_keys_padding_and_an_alert(number: int) -> None:
    """KeyUpdate, records filled up with zeros, empty records, a fatal alert (RFC 8446 4.6.3, 5.4, 6.2)."""
    found = Written(number=number)
    found.shake()
    found.seal("client", 1, 23, b"one", 100)
    found.seal("client", 1, 23, b"", 9)
    found.seal("client", 1, 22, b"\x18\x00\x00\x01\x00")
    found.seal("client", 2, 23, b"two")
    found.seal("client", 2, 22, b"\x18\x00\x00\x01\x01")
    found.seal("client", 3, 23, b"three")
    found.seal("client", 3, 21, b"\x02\x30")
    flow = opened(flow_of(found.wire), found.keys)
    assert flow.client.data == b"onetwothree"
    place = sum(len(octets) for side, octets in found.wire[:-1] if side == "client")
    assert troubles(flow) == [("client", "tls-alert", place, "unknown_ca")]


@pytest.mark.parametrize("lost", [b"", b"lost"])
def test_a_key_update_that_was_not_captured(lost: bytes) -> None:
    """It leaves no gap, but what was said before it does, with the header: in how many records is unknown."""
    found = Written()
    found.shake()
    for said in filter(None, (b"one", lost)):
        found.say("client", said)
    found.seal("client", 1, 22, message(24, b"\0"))
    found.seal("client", 2, 23, b"two")
    cut = records(b"".join(octets for side, octets in found.wire if side == "client"))
    start, end = cut[-3 if lost else -2][0], cut[-1][0]
    flow = opened(without(flow_of(found.wire), "client", start, end), found.keys)
    assert flow.client.data == b"onetwo"
    assert [tuple(gap) for gap in flow.client.gaps] == ([(3, 22 + len(lost))] if lost else [])


@pytest.mark.parametrize("begins", SIDES)
def test_renegotiation(begins: Side) -> None:
    """A second handshake inside the first, and a third (RFC 5246 7.4.1.1): each begins other keys."""
    found = written_twice(begins)
    flow = opened(flow_of(found.wire), found.keys)
    assert (flow.client.data, flow.server.data) == (b"c0c1c2", b"s0s1s2")
    assert (troubles(flow), flow.client.gaps, flow.server.gaps) == ([], [], [])


def written_twice(begins: Side) -> Written:
    """TLS 1.2; the server may ask for the handshakes behind the first."""
    found, sealed = Written(TLS_1_2, 0xC02F), False
    for count in range(3):

        def send(side: Side, kind: int, content: bytes, sealed: bool = sealed) -> None:
            if sealed:
                found.seal(side, 1, kind, content)
            else:
                found.plain(side, kind, content)

        if sealed and begins == "server":
            send("server", 22, message(0))
        send("client", 22, found.hello("client"))
        send("server", 22, found.hello("server") + message(14))
        send("client", 22, message(16, bytes(33)))
        send("client", 20, b"\1")
        send("server", 20, b"\1")
        found.begin()
        for side in SIDES:
            found.new_keys(side)
            found.seal(side, 1, 22, message(20, bytes(12)))
            found.seal(side, 1, 23, b"%c%d" % (side[0].encode(), count))
        sealed = True
    return found


def test_a_renegotiation_that_was_captured_in_part() -> None:
    """A hello among what was sealed is missing: what can be read is, and the rest has a name."""
    found = written_twice("client")
    for side, at in (("client", 4), ("server", 3)):
        whole = flow_of(found.wire).side(side).tls
        assert whole is not None
        flow = opened(without(flow_of(found.wire), side, *records(whole.data)[at + 1]), found.keys)
        assert flow.client.data.startswith(b"c0")
        assert flow.server.data.startswith(b"s0")
        assert troubles(flow)


def test_tickets_and_authentication_behind_the_handshake(log: Path) -> None:
    """Behind the answer to a late CertificateRequest stands a Finished that ends no keys (RFC 8446 4.6)."""
    client, server = contexts(log)
    client.post_handshake_auth = server.post_handshake_auth = True
    server.verify_mode, server.num_tickets = ssl.CERT_OPTIONAL, 7
    found = Spoken(client, server)
    found.say("client", b"a NOOP\r\n")
    found.ends["server"].verify_client_post_handshake()
    for said in (b"b NOOP\r\n", b"c NOOP\r\n"):
        for side in reversed(SIDES):
            found.say(side, said)
    flow = opened(found.flow(), log)
    assert (flow.client.data, flow.server.data) == (found.said["client"], found.said["server"])
    assert troubles(flow) == []


@pytest.mark.parametrize(("at", "octet", "named"), [(5, 2, "TLSv1.1 {}"), (41, 1, "TLSv1.2 {}, compressed")])
def test_sessions_that_are_not_read(at: int, octet: int, named: str) -> None:
    """An older version; and records that are packed (RFC 3749), whose content is not what was said."""
    found = Written(TLS_1_2, 0xC02F)
    found.plain("client", 22, found.hello("client"))
    hello = bytearray(found.hello("server"))
    hello[at] = octet
    found.plain("server", 22, bytes(hello))
    named = named.format("ECDHE-RSA-AES128-GCM-SHA256")
    assert troubles(opened(flow_of(found.wire), found.keys)) == [("client", "cipher-unsupported", 0, named)]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_records_that_were_not_captured(log: Path, kind: Kind) -> None:
    """What is there is read, and the gap is as long as what is missing, wherever it is."""
    found = spoken(log, kind)
    whole = found.flow().server.tls
    assert whole is not None
    draw = random.Random(str(kind))
    first = records(whole.data)[-len(LINES)][0]
    for _ in range(25):
        start = draw.randrange(first, len(whole))
        end = min(start + draw.choice([1, 20, 60, 500]), len(whole))
        flow = opened(without(found.flow(), "server", start, end), log)
        assert flow.client.data == found.said["client"]
        (gap,) = flow.server.gaps
        said = found.said["server"]
        assert said[: gap.offset] == flow.server.data[: gap.offset]
        assert said.endswith(flow.server.data[gap.offset :])
        if gap.offset < len(flow.server):
            hidden = (kind.block - 1) * sum(start < cut[1] and cut[0] < end for cut in records(whole.data))
            assert 0 <= gap.length - (len(said) - len(flow.server)) <= hidden, "padding cannot be told"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_handshake_that_was_captured_in_part(log: Path, kind: Kind) -> None:
    """Behind the hellos anything may be missing."""
    found = spoken(log, kind)
    for side in SIDES:
        whole = found.flow().side(side).tls
        assert whole is not None
        cut = records(whole.data)
        hello, last = cut[0][1], cut[-len(LINES)][0]
        for start, end in ((hello, last), (hello + 3, last - 40), (hello, hello + 9)):
            flow = opened(without(found.flow(), side, start, end), log)
            assert flow.side(side).data.endswith(b"".join(LINES[-39:]))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_octets_that_were_changed(log: Path, kind: Kind) -> None:
    found = spoken(log, kind)
    whole = found.flow().client.tls
    assert whole is not None
    begin, end = records(whole.data)[-10]
    damaged = bytearray(whole.data)
    damaged[end - 1] ^= 1
    flow = flow_of([("client", bytes(damaged)), *[each for each in found.wire if each[0] == "server"]])
    unsealing = Unsealing(flow, KeyLog.read(log))
    unsealing.advance()
    unsealing.advance(whole=True)
    assert flow.client.data == b"".join(LINES).replace(LINES[-10], b"")
    (gap,) = flow.client.gaps
    assert gap.offset == sum(map(len, LINES[:-10]))
    assert 0 <= gap.length - len(LINES[-10]) < kind.block, "padding cannot be told"
    assert troubles(flow) == [("client", "not-opened", begin, "1 record")]


def test_no_keys(log: Path, tmp_path: Path) -> None:
    found, other = spoken(log), spoken(tmp_path / "others")
    assert other.said == found.said
    flow = opened(found.flow(), tmp_path / "others")
    assert troubles(flow) == [("client", "no-keys", 0, "the key log has none")]
    assert (flow.client.data, flow.server.data) == (b"", b"")
    some = KeyLog(b"".join(line for line in log.read_bytes().splitlines(True) if b"EXPORTER" in line))
    assert troubles(opened(found.flow(), some)) == [
        ("client", "no-keys", 0, "the key log has only others of it")
    ]
    lost = flow_of([each for each in found.wire if each[0] == "server"])
    assert troubles(opened(lost, log)) == [("server", "no-keys", 0, "no ClientHello was captured")]
    unanswered = flow_of([each for each in found.wire if each[0] == "client"])
    assert troubles(opened(unanswered, log))[0][:2] == ("client", "no-keys")


def test_keys_of_the_application_only(log: Path) -> None:
    found = spoken(log)
    some = KeyLog(b"".join(line for line in log.read_bytes().splitlines(True) if b"HANDSHAKE" not in line))
    flow = opened(found.flow(), some)
    assert (flow.client.data, flow.server.data) == (found.said["client"], found.said["server"])


def test_wrong_keys(log: Path) -> None:
    found = spoken(log)
    text = re.sub(rb"[0-9a-f]{96}\b", b"ab" * 48, log.read_bytes())
    flow = opened(found.flow(), KeyLog(text))
    assert flow.client.data == b""
    assert [name for _, name, *_ in troubles(flow)] == ["not-opened", "not-opened"]


def test_suites_that_are_not_read(log: Path) -> None:
    flow = opened(spoken(log, Kind("TLSv1_2", "ARIA128-GCM-SHA256")).flow(), log)
    assert troubles(flow) == [("client", "cipher-unsupported", 0, "TLSv1.2 0xC050")]


def test_an_archive_or_a_live_tape_knows_it_all_the_same(log: Path) -> None:
    found = spoken(log)
    flow = found.flow()
    flow.client.append(b"known", 99_000, 99)
    flow.server.append(b"this too", 99_000, 99)
    opened(flow, log)
    assert (flow.client.data, flow.server.data) == (b"known", b"this too")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_any_damage(log: Path, kind: Kind) -> None:
    """Octets changed, dropped and doubled, seeded: nothing raises, and nothing is invented."""
    found = spoken(log, kind)
    keys, draw = KeyLog.read(log), random.Random(str(kind))
    for _ in range(60):
        flow = found.flow()
        for side in SIDES:
            whole = flow.side(side).tls
            assert whole is not None
            octets = bytearray(whole.data)
            for _ in range(draw.randrange(4)):
                place = draw.randrange(len(octets) + 1)
                match draw.randrange(4):
                    case 0 if place < len(octets):
                        octets[place] = draw.randrange(256)
                    case 1:
                        del octets[place : place + draw.randrange(200)]
                    case 2:
                        octets[place:place] = octets[place : place + draw.randrange(200)]
                    case _:
                        del octets[place:]
            new = Stream()
            new.append(bytes(octets), 1000, 1)
            flow.side(side).tls = new
        opened(flow, keys)
        for side in SIDES:
            for line in flow.side(side).data.splitlines(True)[:-1]:
                assert line in (GREETING, *LINES)


@pytest.mark.parametrize(
    ("junk", "each"),
    [(b"\x17\x03\x03\x00\x20", 400_000), (b"\x17\x03\x03\x40\x00" + bytes(16384), 100), (b"\x17\x03\x03", 9)],
)
def test_hostile_records_are_tried_a_bounded_number_of_times(
    log: Path, monkeypatch: pytest.MonkeyPatch, junk: bytes, each: int
) -> None:
    """Octets that look like records, holes of 4 GiB: what is tried does not grow with them."""
    tried = []
    opens = Opener13.open
    monkeypatch.setattr(Opener13, "open", lambda *said: tried.append(1) or opens(*said))
    found = spoken(log)
    flow = found.flow()
    tls = flow.server.tls
    assert tls is not None
    for order in range(1000, 1000 + 30):
        tls.gaps.append(Gap(len(tls), 1 << 32))
        tls.append(junk * (each // 30 + 1), order * 1000, order)
    opened(flow, log)
    assert flow.server.data == found.said["server"]
    assert [gap.offset for gap in flow.server.gaps] == [len(flow.server)]
    assert len(tried) < 2 * TRIES + 200
