"""Every variant of pcap and pcapng gives the same packets, a damaged file what comes before the damage."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.packets import (
    EPOCH,
    RAW,
    SYN,
    block,
    enhanced,
    ethernet,
    interface,
    ipv4,
    option,
    pcap,
    section,
    tcp,
)

from labkit.capture.pcap import read
from labkit.capture.tape import Tape
from labkit.errors import LabError

PACKETS = [
    ipv4(tcp(40000, 25, 99, flags=SYN)),
    ipv4(tcp(40000, 25, 100, b"EHLO a\r\n")),
    ipv4(tcp(40000, 25, 108, b"QUIT\r\n")),
]


def tape(raw: bytes) -> Tape:
    return read(io.BytesIO(raw), name="x")


def assert_whole(found: Tape) -> None:
    (flow,) = found.flows
    assert flow.client.data == b"EHLO a\r\nQUIT\r\n"
    assert flow.client.times_at([0, 8]).tolist() == [EPOCH + 1000, EPOCH + 2000]
    assert [flow.client.frame_at(0), flow.client.frame_at(13), flow.first_frame] == [2, 3, 1]
    assert flow.connection.opened == EPOCH
    assert found.notes == []
    assert found.packets == 3


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nano", [False, True])
def test_byte_orders_and_clocks(order: str, nano: bool) -> None:
    assert_whole(tape(pcap(PACKETS, order=order, nano=nano)))


def test_gzip_is_known_by_its_content_also_in_members() -> None:
    raw = pcap(PACKETS)
    assert_whole(tape(gzip.compress(raw)))
    assert_whole(tape(gzip.compress(raw[:50]) + gzip.compress(raw[50:])))


def test_a_path(tmp_path: Path) -> None:
    path = tmp_path / "session.pcap"
    path.write_bytes(pcap(PACKETS))
    assert_whole(read(path))
    assert read(str(path)).name == str(path)


def test_a_large_file_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "large.pcap"
    filler = ipv4(b"x" * 60_000, protocol=99)
    path.write_bytes(pcap([*PACKETS, *[filler] * 20]))
    assert read(path).flows[0].client.data == b"EHLO a\r\nQUIT\r\n"


def test_the_frame_check_sequence_flag_is_no_part_of_the_link_type() -> None:
    raw = bytearray(pcap([ethernet(packet) + b"\1\2\3\4" for packet in PACKETS], link=1))
    raw[20:24] = struct.pack("<I", 0x5000_0001)
    assert_whole(tape(bytes(raw)))


@pytest.mark.parametrize("order", "<>")
def test_pcapng(order: str) -> None:
    raw = section(order) + interface(order=order)
    raw += b"".join(enhanced(EPOCH + 1000 * i, p, order=order) for i, p in enumerate(PACKETS))
    assert_whole(tape(raw))


def test_pcapng_interfaces_have_their_own_links_and_clocks() -> None:
    nano, binary = option(9, b"\x09"), option(9, bytes([0x80 | 20])) + option(14, struct.pack("<q", 1000))
    raw = section() + interface(RAW, nano) + interface(1, binary) + interface(RAW)
    raw += enhanced(EPOCH * 1000 + 999, PACKETS[0], 0)
    seconds, micros = divmod(EPOCH + 1000, 1_000_000)
    raw += enhanced((seconds - 1000 << 20) + -(-(micros << 20) // 1_000_000), ethernet(PACKETS[1]), 1)
    raw += enhanced(EPOCH + 2000, PACKETS[2], 2)
    assert_whole(tape(raw))


def test_pcapng_steps_over_what_it_does_not_know() -> None:
    unknown = block(0x0BAD, b"whatever it is")
    raw = section() + unknown + interface() + block(4, bytes(8)) + block(10, b"secrets!")
    for i, packet in enumerate(PACKETS):
        raw += enhanced(EPOCH + 1000 * i, packet) + unknown
    assert_whole(tape(raw))


def test_pcapng_old_and_simple_packets() -> None:
    raw = section() + interface(snapshot=48)
    high, low = divmod(EPOCH, 2**32)
    size = len(PACKETS[0])
    raw += block(2, struct.pack("<HHIIII", 0, 0xFFFF, high, low, size, size) + PACKETS[0])
    raw += block(3, struct.pack("<I", len(PACKETS[1])) + PACKETS[1])
    raw += block(3, struct.pack("<I", 999) + ipv4(tcp(40000, 25, 108, b"QUIT\r\n" + bytes(100)))[:48])
    found = tape(raw)
    assert found.flows[0].client.data == b"EHLO a\r\nQUIT\r\n\0\0"
    assert found.flows[0].client.time_at(0) == EPOCH
    assert found.packets == 3


def test_pcapng_sections_follow_one_another() -> None:
    raw = section("<") + interface() + enhanced(EPOCH, PACKETS[0]) + enhanced(EPOCH + 1000, PACKETS[1])
    raw += section(">") + interface(order=">") + enhanced(EPOCH + 2000, PACKETS[2], order=">")
    assert_whole(tape(raw))


def test_a_file_cut_in_a_packet_says_where() -> None:
    raw = pcap(PACKETS)
    found = tape(raw[:-3])
    assert found.flows[0].client.data == b"EHLO a\r\n"
    (note,) = found.notes
    assert (
        note == "x stops at byte 144, after frame 2: the next packet is cut short, 43 of 46 octets are there"
    )
    (note,) = tape(raw[:150]).notes
    assert note == "x stops at byte 144, after frame 2: 6 octets are left, too few for a packet"


def test_an_impossible_length_ends_the_reading() -> None:
    raw = bytearray(pcap(PACKETS))
    raw[144 + 8 : 144 + 12] = b"\xff\xff\xff\x7f"
    (note,) = tape(bytes(raw)).notes
    assert "after frame 2: the next packet claims 2147483647 octets" in note


def test_a_pcapng_cut_short_says_where() -> None:
    raw = section() + interface() + enhanced(EPOCH, PACKETS[0]) + enhanced(EPOCH, PACKETS[1])
    (note,) = tape(raw[:-4]).notes
    assert note == "x stops at byte 120, after frame 1: a block is cut short, 76 of 80 octets are there"
    (note,) = tape(raw + b"\0" * 12).notes
    assert note == "x stops at byte 200, after frame 2: a block cannot have 0 octets"
    (note,) = tape(raw + b"\0\0").notes
    assert note == "x stops at byte 200, after frame 2: 2 octets are left, too few for a block"


def test_a_damaged_gzip_gives_what_comes_before() -> None:
    packed = gzip.compress(pcap(PACKETS * 500))
    found = tape(packed[:-30])
    assert found.flows[0].client.data.startswith(b"EHLO a\r\n")
    assert found.notes[0] == "x is cut short: its compressed data has no end"
    broken = bytearray(packed)
    broken[-6] ^= 0xFF
    found = tape(bytes(broken))
    assert found.packets == 1500
    assert found.notes == [
        f"x is damaged: its compression breaks off after {24 + 500 * (3 * 16 + 40 + 48 + 46)} octets"
    ]


@pytest.mark.parametrize(
    ("raw", "beginning"),
    [
        (b"", "is empty"),
        (b"From: me\r\nTo: you", r"begins with 'From: me\r\nTo: yo'"),
        (b"hello, world, hello", "begins with 'hello, world, he'"),
        (b"\xff\0\x0d", "begins with the octets ff 00 0d"),
        (b"\x0a\x0d\x0d\x0a no pcapng", r"begins with '\n\r\r\n no"),
        (gzip.compress(b"hello", mtime=0), "begins with 'hello'"),
    ],
)
def test_what_is_no_capture_is_refused(raw: bytes, beginning: str) -> None:
    with pytest.raises(LabError, match=r"^x is not a pcap, pcapng or labkit capture: it ") as error:
        tape(raw)
    assert beginning in str(error.value)


def test_a_header_and_nothing_else() -> None:
    assert tape(pcap([])).flows == []
    assert tape(section()).flows == []
    with pytest.raises(LabError, match="its header has 20 octets and should have 24"):
        tape(pcap([])[:20])


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(LabError, match=r"cannot read /nowhere/at/all\.pcap: No such file"):
        read("/nowhere/at/all.pcap")


@given(st.binary(max_size=400), st.integers(0, 2), st.data())
def test_no_octets_raise_anything_else(noise: bytes, kind: int, data: st.DataObject) -> None:
    good = [
        pcap(PACKETS),
        section() + interface() + b"".join(enhanced(EPOCH, packet) for packet in PACKETS),
        gzip.compress(pcap(PACKETS)),
    ][kind]
    place = data.draw(st.integers(0, len(good)))
    mixed = good[:place] + noise + good[place + data.draw(st.integers(0, 20)) :]
    try:
        found = tape(mixed)
    except LabError:
        return
    for flow in found:
        assert len(flow.client.data) == len(flow.client)
        assert len(flow.server.data) == len(flow.server)


def test_pcapng_names_hosts() -> None:
    def record(kind: int, value: bytes) -> bytes:
        return struct.pack("<HH", kind, len(value)) + value + bytes(-len(value) % 4)

    four, six = bytes([192, 0, 2, 1]), bytes.fromhex("20010db8" + "00" * 11 + "01")
    names = record(1, four + b"client.example\0other\0") + record(9, b"?") + record(2, six + b"six.example\0")
    packet = ipv4(tcp(40000, 25, 1, b"EHLO x"), "192.0.2.1", "192.0.2.2")
    raw = section() + interface() + block(4, names + bytes(4)) + enhanced(0, packet)
    (flow,) = tape(raw)
    assert (flow.connection.client_name, flow.connection.server_name) == ("client.example", None)
    for cut in range(len(names)):
        tape(section() + interface() + block(4, names[:cut]) + enhanced(0, packet))
