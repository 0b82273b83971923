"""TLS is opened with a key log: every version and suite, and whatever is missing or damaged."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from support.sealed import Spoken, contexts, flow_of, keys_of, records, sealed, without

from labkit.capture.keys import KeyLog
from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import Flow
from labkit.capture.tls.decrypt import Unsealing
from labkit.capture.tls.records import TRIES
from labkit.capture.tls.schedule import Opener13
from labkit.net.tap import Side

VERSIONS = [
    ("TLSv1_3", ""),
    ("TLSv1_2", "ECDHE-RSA-AES128-GCM-SHA256"),
    ("TLSv1_2", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("TLSv1_2", "ECDHE-RSA-CHACHA20-POLY1305"),
    ("TLSv1_2", "AES256-GCM-SHA384"),
]
GREETING, LINES = b"* OK ready\r\n", [b"a%d NOOP\r\n" % number for number in range(40)]


def opened(flow: Flow, log: Path | KeyLog) -> Flow:
    Unsealing(flow, log if isinstance(log, KeyLog) else KeyLog.read(log)).advance(whole=True)
    return flow


def troubles(flow: Flow) -> list[tuple[Side, str, int, str]]:
    sides: tuple[Side, ...] = ("client", "server")
    return [(side, *each) for side in sides if (tls := flow.side(side).tls) for each in tls.troubles]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def spoken(log: Path, version: str = "TLSv1_3", ciphers: str = "") -> Spoken:
    """A greeting, and forty commands with a reply of the same length."""
    found = Spoken(*contexts(log, version, ciphers))
    found.say("server", GREETING)
    for line in LINES:
        found.say("client", line)
        found.say("server", line)
    return found


@pytest.mark.parametrize(("version", "ciphers"), VERSIONS)
def test_what_was_said_inside(log: Path, version: str, ciphers: str) -> None:
    found = spoken(log, version, ciphers)
    found.say("server", bytes(range(256)) * 300)  # several records
    flow = opened(found.flow(), log)
    assert (flow.client.data, flow.server.data) == (found.said["client"], found.said["server"])
    assert (troubles(flow), flow.client.gaps, flow.server.gaps) == ([], [], [])
    # Each octet has the time of the packet that made its record whole.
    place = next(order for order, (side, _) in reversed(list(enumerate(found.wire, 2))) if side == "server")
    assert flow.server.order_at(len(flow.server) - 1) == place
    assert flow.server.time_at(len(flow.server) - 1) == 1000 * place
    assert list(flow.server.starts) == sorted(set(flow.server.starts))


@pytest.mark.parametrize(("version", "ciphers"), VERSIONS)
def test_behind_starttls(log: Path, version: str, ciphers: str) -> None:
    found = spoken(log, version, ciphers)
    flow = flow_of(found.wire, plain=(b"a STARTTLS\r\n", b"* OK\r\na OK\r\n"))
    opened(flow, log)
    assert flow.client.data == b"a STARTTLS\r\n" + found.said["client"]
    assert flow.server.data == b"* OK\r\na OK\r\n" + found.said["server"]
    assert (flow.client.tls_at, flow.server.tls_at) == (12, 12)


@pytest.mark.parametrize(("version", "ciphers"), VERSIONS)
def test_as_it_grows(log: Path, version: str, ciphers: str) -> None:
    """Whatever pieces it comes in, the same is read, and as early as can be."""
    found = spoken(log, version, ciphers)
    whole = opened(found.flow(), log)
    draw = random.Random(version + ciphers)
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


def test_new_keys_padding_and_an_alert(log: Path) -> None:
    """KeyUpdate, records filled up with zeros, empty records, a fatal alert (RFC 8446 4.6.3, 5.4, 6.2)."""
    found = Spoken(*contexts(log))
    keys = keys_of(found, KeyLog.read(log))
    wire = list(found.wire)

    def seal(epoch: int, number: int, kind: int, content: bytes, padding: int = 0) -> None:
        opener = keys.opener("client", epoch)
        assert isinstance(opener, Opener13)
        wire.append(("client", sealed(opener, kind, content, number, padding)))

    seal(1, 0, 23, b"one", 100)
    seal(1, 1, 23, b"", 9)
    seal(1, 2, 22, b"\x18\x00\x00\x01\x00")
    seal(2, 0, 23, b"two")
    seal(2, 1, 22, b"\x18\x00\x00\x01\x01")
    seal(3, 0, 23, b"three")
    seal(3, 1, 21, b"\x02\x30")
    flow = opened(flow_of(wire), log)
    assert flow.client.data == b"onetwothree"
    place = sum(len(octets) for side, octets in wire[:-1] if side == "client")
    assert troubles(flow) == [("client", "tls-alert", place, "unknown_ca")]


def test_a_key_update_that_was_not_captured(log: Path) -> None:
    found = Spoken(*contexts(log))
    opener = keys_of(found, KeyLog.read(log)).opener("client", 2)
    assert isinstance(opener, Opener13)
    flow = flow_of([*found.wire, ("client", sealed(opener, 23, b"two", 0))])
    assert opened(flow, log).client.data == b"two"


@pytest.mark.parametrize(("version", "ciphers"), VERSIONS)
def test_records_that_were_not_captured(log: Path, version: str, ciphers: str) -> None:
    """What is there is read, and the gap is as long as what is missing, wherever it is."""
    found = spoken(log, version, ciphers)
    whole = found.flow().server.tls
    assert whole is not None
    draw = random.Random(version + ciphers)
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
            assert gap.length == len(said) - len(flow.server)


@pytest.mark.parametrize(("version", "ciphers"), VERSIONS)
def test_a_handshake_that_was_captured_in_part(log: Path, version: str, ciphers: str) -> None:
    """Behind the hellos anything may be missing."""
    found = spoken(log, version, ciphers)
    sides: tuple[Side, ...] = ("client", "server")
    for side in sides:
        whole = found.flow().side(side).tls
        assert whole is not None
        cut = records(whole.data)
        hello, last = cut[0][1], cut[-len(LINES)][0]
        for start, end in ((hello, last), (hello + 3, last - 40), (hello, hello + 9)):
            flow = opened(without(found.flow(), side, start, end), log)
            assert flow.side(side).data.endswith(b"".join(LINES[-39:]))


@pytest.mark.parametrize(("version", "ciphers"), VERSIONS)
def test_octets_that_were_changed(log: Path, version: str, ciphers: str) -> None:
    found = spoken(log, version, ciphers)
    whole = found.flow().client.tls
    assert whole is not None
    begin, end = records(whole.data)[-10]
    damaged = bytearray(whole.data)
    damaged[end - 1] ^= 1
    flow = flow_of([("client", bytes(damaged)), *[each for each in found.wire if each[0] == "server"]])
    opened(flow, log)
    assert flow.client.data == b"".join(LINES).replace(LINES[-10], b"")
    assert [tuple(gap) for gap in flow.client.gaps] == [(sum(map(len, LINES[:-10])), len(LINES[-10]))]
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


@pytest.mark.parametrize("ciphers", ["ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384", "AES128-SHA256"])
def test_suites_that_are_not_read(log: Path, ciphers: str) -> None:
    flow = opened(spoken(log, "TLSv1_2", ciphers).flow(), log)
    assert troubles(flow) == [("client", "cipher-unsupported", 0, f"TLSv1.2 {ciphers}")]


def test_an_archive_or_a_live_tape_knows_it_all_the_same(log: Path) -> None:
    found = spoken(log)
    flow = found.flow()
    flow.client.append(b"known", 99_000, 99)
    flow.server.append(b"this too", 99_000, 99)
    opened(flow, log)
    assert (flow.client.data, flow.server.data) == (b"known", b"this too")


@pytest.mark.parametrize(("version", "ciphers"), VERSIONS)
def test_any_damage(log: Path, version: str, ciphers: str) -> None:
    """Octets changed, dropped and doubled, seeded: nothing raises, and nothing is invented."""
    found = spoken(log, version, ciphers)
    keys, draw = KeyLog.read(log), random.Random(ciphers)
    for _ in range(60):
        flow = found.flow()
        sides: tuple[Side, ...] = ("client", "server")
        for side in sides:
            whole = flow.side(side).tls
            assert whole is not None
            octets = bytearray(whole.data)
            for _ in range(draw.randrange(4)):
                place = draw.randrange(len(octets))
                match draw.randrange(4):
                    case 0:
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
        for side in sides:
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
