"""Captures of real software: the same streams as tshark finds, however the file is damaged."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from labkit.capture.pcap import read
from labkit.capture.tape import Flow
from labkit.capture.write import write
from labkit.errors import LabError

FOLDER = Path(__file__).parents[3] / "shared" / "captures"
FILES = sorted(path for path in FOLDER.rglob("*") if {".pcap", ".pcapng"} & set(path.suffixes))

pytestmark = pytest.mark.skipif(not FILES, reason="no captures beside the repository")
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def octets(flow: Flow) -> list[int]:
    """Of each side, on the wire; and what is missing of it."""
    counts = []
    for stream in (flow.client, flow.server):
        parts = [stream, *([stream.tls] if stream.tls else [])]
        counts += [sum(map(len, parts)), sum(gap.length for part in parts for gap in part.gaps)]
    return counts


@each_file
def test_a_capture_is_read_without_a_note(path: Path) -> None:
    tape = read(path)
    assert tape.notes == []
    assert sum(sum(octets(flow)) for flow in tape) > 100


@each_file
def test_what_is_written_reads_back(path: Path) -> None:
    tape, file = read(path), io.BytesIO()
    write(tape, file)
    file.seek(0)
    again = read(file)
    for one, other in zip(tape, again, strict=True):
        assert octets(one) == octets(other)
        assert one.connection == other.connection
        for a, b in ((one.client, other.client), (one.server, other.server)):
            assert a.data == b.data
            assert a.gaps == b.gaps
            places = range(len(a)) if len(a) else []
            assert [a.time_at(place) for place in places[::7]] == [b.time_at(place) for place in places[::7]]


@pytest.mark.programs
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@each_file
def test_tshark_finds_as_many_octets_in_each_stream(path: Path) -> None:
    fields = ["tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "tcp.seq_raw", "tcp.len"]
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "separator=,", "-Y", "tcp.len > 0"]
    for field in fields:
        command += ["-e", field]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    expected: dict[tuple[int, str, int], set[int]] = defaultdict(set)
    for line in lines:
        stream, four, six, port, seq, length = line.split(",")
        # Octets that came twice count once.
        expected[int(stream), four or six, int(port)] |= {int(seq) + i for i in range(int(length))}
    found = {}
    for flow in read(path):
        c = flow.connection
        if c.transport == "tcp":
            client, _, server, _ = octets(flow)
            found[flow.stream, c.client, c.client_port] = client
            found[flow.stream, c.server, c.server_port] = server
    assert {key: size for key, size in found.items() if size} == {k: len(v) for k, v in expected.items()}


@each_file
def test_a_damaged_capture_gives_what_is_readable(path: Path) -> None:
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    chance = random.Random(path.name)
    for turn in range(30):
        damaged = bytearray(raw[: chance.randrange(len(raw))] if turn % 2 else raw)
        for _ in range(chance.randrange(40) if damaged else 0):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            tape = read(io.BytesIO(damaged))
        except LabError:
            continue
        for flow in tape:
            assert len(flow.client.data) == len(flow.client)
            assert len(flow.server.data) == len(flow.server)
        write(tape, io.BytesIO())
