"""What is written reads back as it was, and Wireshark finds nothing to remark on it."""

from __future__ import annotations

import gzip
import io
import shutil
import ssl
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.capture.pcap import read
from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import Flow, Tape
from labkit.capture.write import checksum, packets, write
from labkit.errors import LabError
from labkit.net.tap import Connection, Record, Side, Tap

EPOCH = 1_767_603_600_000_000
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"
QUESTION = bytes.fromhex("123401000001000000000000076578616d706c65036f726700000f0001")
ANSWER = b"\x12\x34\x81\x83" + QUESTION[4:]


@cache
def client_hello() -> bytes:
    """What a client of TLS says first."""
    out = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="mx.example.org")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def a_tap() -> Tap:
    """A DNS question, a session with a long message, one with TLS, one over IPv6 that breaks off."""
    tap = Tap()

    def connect(transport: str, port: int, opened: int, *, six: bool = False) -> int:
        number = len(tap.connections)
        client, server = ("2001:db8::1", "2001:db8::2") if six else ("198.51.100.7", "192.0.2.1")
        tap.connections.append(
            Connection(number, transport, client, 49152 + number, server, port, EPOCH + opened)  # type: ignore[arg-type]
        )
        return number

    def say(
        connection: int, sender: Side, data: bytes, sent: int, arrived: int | None, layer: str = "plain"
    ) -> None:
        late = None if arrived is None else EPOCH + arrived
        tap.records.append(Record(connection, EPOCH + sent, late, sender, data, layer))  # type: ignore[arg-type]

    def close(connection: int, ended: str, by: Side, at: int) -> None:
        c = tap.connections[connection]
        c.closed, c.ended, c.closed_by = EPOCH + at, ended, by  # type: ignore[assignment]

    dns = connect("udp", 53, 0)
    say(dns, "client", QUESTION, 0, 10)
    say(dns, "server", ANSWER, 10, 20)
    mail = connect("tcp", 25, 30)
    say(mail, "server", b"220 mx.example.org\r\n", 50, 60)
    say(mail, "client", b"EHLO a.example\r\n", 60, 70)
    say(mail, "server", b"250-mx.example.org\r\n250 PIPELINING\r\n", 60, 60)  # no time passes
    say(mail, "client", b"DATA\r\n", 60, 70)
    say(mail, "server", b"354 go on\r\n", 60, 60)
    say(mail, "client", b"A line of a long message.\r\n" * 40_000 + b".\r\n", 80, 90)
    say(mail, "server", b"250 thanks\r\n", 100, 110)
    say(mail, "server", b"421 too late to be seen\r\n", 100, None)
    close(mail, "quit", "server", 130)
    tls = connect("tcp", 587, 40)
    say(tls, "client", b"STARTTLS\r\n", 50, 60)
    say(tls, "server", b"220 go\r\n", 60, 70)
    say(tls, "client", client_hello(), 70, 80, "tls")
    say(tls, "server", ALERT, 80, 90, "tls")
    say(tls, "client", b"\x17\x03\x03\x00\x04seal", 90, 95, "tls")
    say(tls, "client", b"EHLO a\r\n", 90, 95, "inside")
    close(tls, "reset", "client", 99)
    six = connect("tcp", 143, 50, six=True)
    say(six, "server", b"* OK hello\r\n" + b"." * 3000, 60, 70)
    close(six, "cut", "client", 80)
    return tap


def assert_equal(one: Tape, other: Tape) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert facts(a) == facts(b)


def facts(flow: Flow) -> object:
    c = flow.connection
    ended = None if c.ended == "cut" else c.ended
    closing = (None, None, None) if ended is None else (ended, c.closed_by, c.closed)
    return (
        (flow.number, flow.stream, c.transport, c.client, c.client_port, c.server, c.server_port, c.opened),
        closing,
        [(d.sender, d.time, d.data) for d in flow.datagrams],
        [on_the_wire(stream) for stream in (flow.client, flow.server)],
    )


def on_the_wire(stream: Stream) -> object:
    plain = len(stream) if stream.tls_at is None else stream.tls_at
    parts = [(stream.data[:plain], times(stream, plain), stream.gaps)]
    if stream.tls is not None:
        parts.append((stream.tls.data, times(stream.tls, len(stream.tls)), stream.tls.gaps))
    return stream.begun, stream.tls_at, parts


def times(stream: Stream, size: int) -> list[int]:
    return stream.times_at(range(size)).tolist() if size else []


def written(capture: Tape | Tap) -> bytes:
    file = io.BytesIO()
    write(capture, file)
    return file.getvalue()


def test_a_live_tap_reads_back_equal() -> None:
    tap = a_tap()
    found = read(io.BytesIO(written(tap)))
    assert found.notes == []
    assert_equal(found, Tape.from_tap(tap))


def test_what_happened_at_one_time_keeps_its_order() -> None:
    _, mail, _, _ = read(io.BytesIO(written(a_tap()))).flows
    places = [(mail.client, 0), (mail.server, 20), (mail.client, 16), (mail.server, 57), (mail.client, 22)]
    frames = [stream.frame_at(offset) for stream, offset in places]
    assert frames == sorted(frames, key=int)


def test_equal_tapes_give_equal_octets() -> None:
    assert written(a_tap()) == written(a_tap()) == written(Tape.from_tap(a_tap()))


def test_a_tape_of_many_gaps_keeps_them() -> None:
    tape = Tape("x", framed=True)
    c = Connection(0, "tcp", "192.0.2.1", 40000, "192.0.2.2", 25, EPOCH)
    flow = Flow(0, 0, c, Stream(), Stream())
    for i, piece in enumerate([b"one", b"two", b"three"]):
        flow.client.append(piece, EPOCH + i, i)
    flow.client.gaps = [Gap(0, 7), Gap(6, 100_000), Gap(11, 9)]
    flow.server.gaps = [Gap(0, 50)]
    flow.server.begun = False
    tape.flows = [flow]
    found = read(io.BytesIO(written(tape)))
    assert found.flows[0].client.gaps == [Gap(0, 7), Gap(6, 100_000), Gap(11, 9)]
    assert found.flows[0].server.gaps == [Gap(0, 50)]
    assert found.flows[0].client.data == b"onetwothree"
    assert (found.flows[0].client.begun, found.flows[0].server.begun) == (True, False)


records = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["client", "server"]),
        st.integers(0, 3),
        st.binary(min_size=1, max_size=5) | st.just(b"x" * 4000),
    ),
    max_size=20,
)


@given(records, st.lists(st.sampled_from([None, "quit", "reset", "timeout"]), min_size=3, max_size=3))
def test_any_tap_reads_back_equal(said: list[tuple[int, Side, int, bytes]], ends: list[str | None]) -> None:
    tap = Tap()
    for number in range(3):  # the same ports each time
        tap.connections.append(
            Connection(number, "tcp", "192.0.2.1", 40000, "192.0.2.2", 25, EPOCH + number * 1000)
        )
    clocks = [EPOCH + number * 1000 for number in range(3)]
    for number, sender, pause, data in said:
        clocks[number] += pause
        tap.records.append(Record(number, clocks[number], clocks[number], sender, data, "plain"))
    for connection, ended, clock in zip(tap.connections, ends, clocks, strict=True):
        if ended is not None:
            connection.closed, connection.closed_by, connection.ended = clock + 1, "server", ended  # type: ignore[assignment]
    found = read(io.BytesIO(written(tap)))
    for connection in tap.connections:
        if connection.ended == "timeout":
            connection.ended = "quit"  # on the wire they are the same
    assert_equal(found, Tape.from_tap(tap))


def test_a_path_that_ends_in_gz_is_compressed(tmp_path: Path) -> None:
    path = tmp_path / "session.pcap.gz"
    write(a_tap(), path)
    assert gzip.decompress(path.read_bytes()) == written(a_tap())
    assert_equal(read(path), Tape.from_tap(a_tap()))
    before = path.read_bytes()
    write(a_tap(), str(path))
    assert path.read_bytes() == before, "compression writes no time of its own"


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "session.pcap"
    path.write_bytes(b"what was there")
    tap = a_tap()
    tap.connections[-1].client = "nobody"
    with pytest.raises(LabError, match="a capture file needs IP addresses, and 'nobody' is none"):
        write(tap, path)
    assert path.read_bytes() == b"what was there"
    assert [p.name for p in tmp_path.iterdir()] == ["session.pcap"]
    tap.connections[-1].client = "192.0.2.9"
    with pytest.raises(LabError, match=r"192\.0\.2\.9 cannot have talked with 2001:db8::2"):
        write(tap, path)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"cannot write .*nowhere/x\.pcap: No such file"):
        write(Tap(), tmp_path / "nowhere" / "x.pcap")


@pytest.mark.parametrize(
    ("data", "expected"),
    [  # RFC 1071 3 sums the first to DDF2
        (bytes.fromhex("0001f203f4f5f6f7"), 0xFFFF - 0xDDF2),
        (b"\0\0", 0),
        (b"\xff\xff", 0),
        (b"\x12", 0xFFFF - 0x1200),
    ],
)
def test_the_checksum(data: bytes, expected: int) -> None:
    assert checksum(data) == expected


@pytest.mark.programs
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_wireshark_finds_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "session.pcap"
    write(a_tap(), path)

    def tshark(*arguments: str) -> list[str]:
        command = ["tshark", "-r", str(path), *arguments]
        for layer in ("ip", "tcp", "udp"):
            command += ["-o", f"{layer}.check_checksum:TRUE"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    sound = "tcp.checksum.status == 1 or udp.checksum.status == 1"
    assert len(tshark("-Y", sound)) == len(tshark()) > 1000
    assert tshark("-Y", "_ws.malformed or tcp.analysis.flags or ip.checksum.status == 0") == []
    warnings = "_ws.expert.severity >= 6291456 and not tcp.flags.reset == 1"  # warnings and errors
    assert tshark("-Y", warnings) == []
    streams = set(tshark("-T", "fields", "-e", "tcp.stream", "-Y", "tcp"))
    assert streams == {"0", "1", "2"}
    commands = tshark("-Y", "smtp.req.command", "-T", "fields", "-e", "smtp.req.command")
    assert {"EHLO", "DATA"} <= set(commands)


@pytest.mark.parametrize(
    ("ended", "by", "flags"), [("reset", "server", [0x02, 0x14]), ("timeout", None, [0x02])]
)
def test_a_connection_that_was_never_open(ended: str, by: Side | None, flags: list[int]) -> None:
    """Refused: a SYN and a reset.  Never answered: a SYN, and no more."""
    tap = Tap()
    tap.connections.append(Connection(0, "tcp", "198.51.100.7", 49152, "192.0.2.1", 25, EPOCH))
    tap.close(tap.connections[0], EPOCH + 40_000, ended, by)  # type: ignore[arg-type]
    found = [packet[14 + 20 + 13] for _, packet in packets(Tape.from_tap(tap))]
    assert found == flags
    (flow,) = read(io.BytesIO(written(tap)))
    assert flow.connection.ended == ("reset" if ended == "reset" else None)
    assert (flow.client.begun, flow.server.begun) == (True, False)
