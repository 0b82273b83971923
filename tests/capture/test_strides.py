"""Packets are found from many places at once, and nothing that looks like one misleads."""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.capture import strides
from labkit.capture.strides import places

SECONDS = 1_767_603_600
LONGEST = 262_144


def records(order: str, payloads: list[bytes], *, apart: int = 1) -> bytes:
    """Packets of a classic pcap without its file header."""
    return b"".join(
        struct.pack(order + "IIII", SECONDS + number * apart, 0, len(octets), len(octets)) + octets
        for number, octets in enumerate(payloads)
    )


def decoys(order: str, count: int) -> bytes:
    """Octets that look like so many packets of 4 octets each."""
    return records(order, [b"abcd"] * count)


def one_by_one(raw: bytes, order: str) -> list[int]:
    found = [0]
    while found[-1] + 16 <= len(raw):
        size = struct.unpack_from(order + "I", raw, found[-1] + 8)[0]
        if size > LONGEST or found[-1] + 16 + size > len(raw):
            break
        found.append(found[-1] + 16 + size)
    return found


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("apart", [1, 30_000], ids=["a second apart", "hours apart"])
def test_many_packets(order: str, apart: int) -> None:
    random = Random(1)
    raw = records(order, [random.randbytes(random.randrange(1500)) for _ in range(2000)], apart=apart)
    for end in (len(raw), len(raw) - 1, len(raw) - 700):
        for octets in (raw[:end], bytearray(raw[:end])):
            assert places(octets, 0, order, LONGEST).tolist() == one_by_one(raw[:end], order)


@pytest.mark.parametrize("shift", range(0, 20, 3))
def test_packets_that_hold_packets(shift: int) -> None:
    """A capture sent by mail, and captured: every guess in it is wrong."""
    raw = records("<", [b"x" * 10, b"x" * shift + decoys("<", 10_000), *[b"y" * 900] * 300])
    assert places(raw, 0, "<", LONGEST).tolist() == one_by_one(raw, "<")


def test_a_length_that_cannot_be_true_ends_it() -> None:
    good = records("<", [b"x" * 900] * 200)
    bad = struct.pack("<IIII", SECONDS, 0, LONGEST + 1, LONGEST + 1)
    assert places(good + bad + good, 0, "<", LONGEST)[-1] == len(good)
    assert places(bad + good, 0, "<", LONGEST).tolist() == [0]


def test_walks_abreast_are_taken() -> None:
    raw = records("<", [b"x" * 900] * 2000)
    found, at = strides._abreast(raw, 0, "<", LONGEST)
    assert len(found) > 1900
    assert at == found[-1] + 916


@given(
    st.lists(st.binary(max_size=40) | st.integers(1, 9).map(lambda n: decoys("<", n)), max_size=60),
    st.integers(0, 30),
    st.integers(20, 200),
)
def test_whatever_they_hold(payloads: list[bytes], cut: int, apart: int) -> None:
    raw = records("<", payloads)
    raw = raw[: max(len(raw) - cut, 0)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strides, "APART", apart)
        assert places(raw, 0, "<", LONGEST).tolist() == one_by_one(raw, "<")
