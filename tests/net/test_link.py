from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import LabError
from labkit.net.link import HANDSHAKE, Line, Link, charged_octets
from labkit.world.world import World


def test_latency_and_bandwidth():
    line = Line(Link.of(latency=0.05, bandwidth=8_000))
    assert line.carry(0, 1000) == 1_050_000_000
    assert line.carry(0, 1000) == 2_050_000_000
    assert line.waiting(0) == 2000
    assert line.time_until(500) == 1_500_000_000


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**5), st.integers(0, 10**9))))
def test_nothing_overtakes(chunks):
    line, now, last = Line(Link.of(0.01, 1e6)), 0, 0
    for pause, octets, hold in chunks:
        now += pause
        arrival = line.carry(now, octets, hold)
        assert arrival >= max(last, now + 10_000_000)
        last = arrival


def test_tls_costs_its_plaintext_and_a_handshake_a_constant():
    record = b"\x17\x03\x03" + (100 + 17).to_bytes(2) + bytes(117)
    assert charged_octets(record) == 100
    assert charged_octets(record * 3) == 300
    assert charged_octets(b"\x16\x03\x01" + bytes(500)) == HANDSHAKE


@pytest.mark.parametrize(
    ("latency", "bandwidth", "words"),
    [
        (-1, None, "0 or more, not -1"),
        (float("nan"), None, "not nan"),
        ("fast", None, "not 'fast'"),
        (0.1, 0, "more than 0"),
        (0.1, "64k", "not '64k'"),
    ],
)
def test_what_no_line_can_be(latency, bandwidth, words):
    with pytest.raises(LabError, match=words):
        Link.of(latency, bandwidth)


def test_a_link_is_between_two_hosts():
    world = World(seed=0)
    alice = world.user("alice@example.com")
    for ends in ((alice, alice.server), (alice.host,), ("alice", "bob")):
        with pytest.raises(LabError, match="between two hosts"):
            world.network.link(*ends, latency=1)
