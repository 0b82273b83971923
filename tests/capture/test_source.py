"""Where octets come from: paths, pipes, file objects; gzip, zstd, and what pretends to be either."""

from __future__ import annotations

import gzip
import io
import os
import threading
import zlib
from pathlib import Path

import pyarrow as pa
import pytest
from support.packets import ipv4, pcap, tcp

from labkit.capture import source
from labkit.capture.pcap import read
from labkit.capture.windows import Reading
from labkit.errors import LabError

RAW = pcap([ipv4(tcp(40000, 25, 1 + 50 * n, b"x" * 50)) for n in range(400)])


def zstd(raw: bytes) -> bytes:
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as file:
        file.write(raw)
    return bytes(packed.getvalue())


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("window", [None, 3_000])
def test_from_a_path_a_file_object_and_a_pipe(pack: object, window: int | None, tmp_path: Path) -> None:
    packed = pack(RAW)  # type: ignore[operator]
    path = tmp_path / "capture"
    path.write_bytes(packed)
    reading, writing = os.pipe()

    def feed() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(packed)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(reading, "rb") as pipe, path.open("rb") as file:
        for given in (path, file, io.BytesIO(packed), pipe):
            done = Reading(given, window=window)
            (flow,) = [flow for flows in done for flow in flows]
            assert (flow.client.data, done.packets, done.notes) == (b"x" * 20_000, 400, [])
            assert done.position == len(packed)
            assert done.total in (len(packed), None)
    feeder.join()


def test_a_zstd_file_that_is_cut_gives_what_it_can() -> None:
    noise = pcap([ipv4(tcp(40000, 25, 1 + 50 * n, os.urandom(50))) for n in range(9_000)])
    tape = read(io.BytesIO(zstd(noise)[:-20_000]), name="x")
    assert 0 < tape.packets < 9_000
    assert "x is damaged: its compression breaks off after" in tape.notes[0]


def bomb(size: int) -> bytes:
    """A pcap in gzip that unpacks to that many octets of empty packets."""
    member = zlib.compressobj(9, wbits=31)
    packed = member.compress(pcap([]))
    for _ in range(size >> 20):
        packed += member.compress(bytes(1 << 20))
    return packed + member.flush()


@pytest.mark.parametrize("window", [None, 1 << 20])
def test_a_decompression_bomb_breaks_off(window: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BOMB", 1 << 21)
    packed = bomb(64 << 20)
    reading = Reading(io.BytesIO(packed), name="x", window=window)
    for _ in reading:
        pass
    assert reading.packets * 16 < source.CHUNK * source.RATIO + (4 << 20)
    assert reading.notes[0].startswith("x breaks off: ")


def test_what_is_packed_well_is_no_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BOMB", 1 << 10)
    assert read(io.BytesIO(gzip.compress(RAW))).notes == []


def test_what_no_capture_is_read_from_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(RAW)
    with path.open(encoding="latin-1") as text:
        for none in (RAW, 3, None, text):
            with pytest.raises(LabError, match="a capture is read from a path, or from a file of octets"):
                read(none)  # type: ignore[arg-type]
