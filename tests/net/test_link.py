from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labkit.net.link import HANDSHAKE, Line, Link, charged_octets


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
