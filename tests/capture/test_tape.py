"""Following a live tap: what stands at which vantage, when, and at what cost."""

from __future__ import annotations

import numpy as np
import pytest

from labkit.capture.tape import Gap, Stream, Tape
from labkit.net.tap import Connection, Record, Side, Tap


def a_tap(*transports: str) -> Tap:
    tap = Tap()
    for number, transport in enumerate(transports or ["tcp"]):
        tap.connections.append(
            Connection(number, transport, "192.0.2.1", 49152 + number, "192.0.2.2", 25, 1_000)  # type: ignore[arg-type]
        )
    return tap


def note(
    tap: Tap,
    sender: Side,
    data: bytes,
    sent: int | None,
    arrived: int | None,
    layer: str = "plain",
    connection: int = 0,
) -> None:
    tap.records.append(Record(connection, sent, arrived, sender, data, layer))  # type: ignore[arg-type]


def test_each_side_has_its_time_at_the_vantage() -> None:
    tap = a_tap()
    note(tap, "server", b"220 hi\r\n", 1_000, 1_050)
    note(tap, "client", b"QUIT\r\n", 1_060, 1_110)
    at_client, at_server = Tape.from_tap(tap).flows[0], Tape.from_tap(tap, vantage="server").flows[0]
    assert at_client.server.data == b"220 hi\r\n"
    assert (at_client.server.time_at(0), at_client.client.time_at(0)) == (1_050, 1_060)
    assert (at_server.server.time_at(0), at_server.client.time_at(0)) == (1_000, 1_110)


def test_what_never_arrived_is_left_out_and_what_is_late_comes_later() -> None:
    tap = a_tap()
    note(tap, "client", b"NOOP\r\n", 1_000, None)
    note(tap, "server", b"250 a\r\n", 2_000, None)
    note(tap, "server", b"250 b\r\n", 2_001, None)
    tape = Tape.from_tap(tap)
    flow = tape.flows[0]
    assert (flow.client.data, flow.server.data) == (b"NOOP\r\n", b"")
    tap.amend(1, 2_050)
    assert tape.follow() == [flow]
    assert flow.server.data == b"250 a\r\n"
    tap.close(tap.connections[0], 3_000, "reset", "client")
    assert tape.follow() == [flow]
    assert flow.server.data == b"250 a\r\n"
    assert (flow.client.ended, flow.server.ended, flow.closed) == (True, True, True)
    assert tape.follow() == []


def test_what_a_fault_forged_stands_only_where_it_arrives() -> None:
    tap = a_tap()
    note(tap, "server", b"220 true\r\n", 1_000, None)
    note(tap, "server", b"220 forged\r\n", None, 1_050)
    note(tap, "client", b"QUIT\r\n", 1_060, None)
    note(tap, "client", b"RSET\r\n", None, 1_110)
    tap.close(tap.connections[0], 2_000, "reset", "client")
    for vantage, server, client in (
        ("client", b"220 forged\r\n", b"QUIT\r\n"),
        ("server", b"220 true\r\n", b"RSET\r\n"),
    ):
        (flow,) = Tape.from_tap(tap, vantage=vantage)  # type: ignore[arg-type]
        assert (flow.server.data, flow.client.data) == (server, client)
        assert (flow.server.ended, flow.client.ended) == (True, True)


def test_what_is_on_its_way_waits_until_it_is_there() -> None:
    tap = a_tap()
    note(tap, "server", b"one", 1_000, 1_500)
    note(tap, "server", b"two", 1_100, 1_600)
    tape = Tape.from_tap(tap, now=1_499)
    (flow,) = tape.flows
    assert flow.server.data == b""
    assert tape.follow(1_500) == [flow]
    assert flow.server.data == b"one"
    tap.amend(1, None)  # the line was cut
    assert tape.follow(9_000) == []
    assert flow.server.data == b"one"


def test_a_side_that_closed_may_have_octets_on_their_way() -> None:
    tap = a_tap()
    note(tap, "server", b"a large message", 1_000, 1_500)
    note(tap, "server", b"221 bye", 1_000, None)  # the window is full
    tap.close(tap.connections[0], 1_001, "quit", "server")
    tape = Tape.from_tap(tap, now=1_200)
    (flow,) = tape.flows
    assert (flow.client.ended, flow.server.ended) == (True, False)
    assert tape.follow(1_600) == [flow]
    assert not flow.server.ended
    tap.amend(1, 1_700)
    assert tape.follow(1_800) == [flow]
    assert flow.server.data == b"a large message221 bye"
    assert flow.server.ended


def test_octets_that_were_lost_do_not_hold_up_those_behind_them() -> None:
    tap = a_tap()
    note(tap, "server", b"swallowed", 1_000, None)
    note(tap, "server", b"heard", 1_100, 1_200)
    assert Tape.from_tap(tap).flows[0].server.data == b"heard"


def test_tls_stands_beside_the_octets_inside_it() -> None:
    tap = a_tap()
    note(tap, "client", b"STARTTLS\r\n", 1, 2)
    note(tap, "client", b"\x16\x03\x01hello", 3, 4, "tls")
    note(tap, "client", b"\x17\x03\x03sealed", 5, 6, "tls")
    note(tap, "client", b"EHLO a\r\n", 5, 6, "inside")
    client = Tape.from_tap(tap).flows[0].client
    assert client.data == b"STARTTLS\r\nEHLO a\r\n"
    assert client.tls_at == len(b"STARTTLS\r\n")
    assert client.tls is not None
    assert client.tls.data == b"\x16\x03\x01hello\x17\x03\x03sealed"
    assert client.tls.times_at([0, 7, 8, 99]).tolist() == [3, 3, 5, 5]
    assert client.time_at(client.tls_at) == 5


def test_following_brings_only_what_is_new() -> None:
    tap = a_tap("tcp", "tcp")
    tape = Tape.from_tap(tap)
    assert tape.growing
    assert tape.follow() == []
    for turn in range(5):
        note(tap, "client", b"x%d" % turn, turn, turn)
        assert tape.follow() == [tape.flows[0]]
        assert tape.flows[0].client.since(2 * turn) == b"x%d" % turn
        if turn == 2:
            assert tape.flows[0].client.data == b"x0x1x2"
    assert tape.flows[0].client.data == b"x0x1x2x3x4"
    assert tape.flows[0].client.since(3) == b"1x2x3x4"
    assert tape.flows[0].client.since(99) == b""
    assert tape.flows[0].client.frame_at(0) is None
    tap.connections.append(tap.connections[0])
    note(tap, "server", b"y", 9, 9, connection=2)
    assert tape.follow() == [tape.flows[2]]


def test_datagrams_keep_their_borders_and_each_kind_its_numbers() -> None:
    tap = a_tap("udp", "tcp", "udp")
    note(tap, "client", b"lost?", 1, 3, connection=2)
    note(tap, "server", b"lost", 3, None, connection=2)
    note(tap, "server", b"found", 5, 7, connection=2)
    flows = Tape.from_tap(tap).flows
    assert [flow.stream for flow in flows] == [0, 0, 1]
    assert [(d.sender, d.time, d.data, d.frame) for d in flows[2].datagrams] == [
        ("client", 1, b"lost?", None),
        ("server", 7, b"found", None),
    ]


def test_looking_up_many_flows_at_once_equals_one_by_one() -> None:
    tap = a_tap("tcp", "tcp", "tcp")
    for turn in range(12):
        note(tap, "client", b"ab" * (turn + 1), 10 * turn, 10 * turn, connection=(turn % 2) * 2)
    tape = Tape.from_tap(tap)
    flows, offsets = np.repeat([0, 2], 60), np.tile(np.arange(60), 2)
    streams = [(tape.flows[flow].client, offset) for flow, offset in zip(flows, offsets, strict=True)]
    times, orders = tape.seen_at(flows, "client", offsets)
    assert times.tolist() == [stream.time_at(offset) for stream, offset in streams]
    assert orders.tolist() == [stream.order_at(offset) for stream, offset in streams]
    assert tape.times_at([1, 0, 2], "client", [0, -5, 10**9]).tolist() == [-1, 0, 110]
    note(tap, "client", b"more", 999, 999, connection=1)
    tape.follow()
    assert tape.times_at([1], "client", [0]).tolist() == [999]


def test_a_stream_without_octets_has_no_times() -> None:
    empty = Stream()
    with pytest.raises(IndexError):
        empty.time_at(0)
    with pytest.raises(IndexError):
        empty.times_at([0])
    assert empty.data == b""
    assert Gap(0, 3).length == 3
