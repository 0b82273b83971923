"""Flows out of a conversation written down as `C: …` and `S: …` lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labkit.capture.stream import Gap
from labkit.capture.tape import Flow, Stream
from labkit.dissect.dissector import Dissection
from labkit.dissect.row import Row
from labkit.net.tap import Connection


def a_flow(*said: tuple[str, bytes], port: int = 25, transport: Any = "tcp", closed: bool = True) -> Flow:
    """One connection; `said` is ("C", octets), ("S", octets), or with a gap of 100 octets "C?", "S?"."""
    connection = Connection(0, transport, "192.0.2.1", 49152, "192.0.2.2", port, 0)
    flow = Flow(0, 0, connection, Stream(), Stream())
    for order, (who, octets) in enumerate(said, 1):
        stream = flow.client if who[0] == "C" else flow.server
        if who.endswith("?"):
            stream.gaps.append(Gap(len(stream), 100))
        if who.endswith("!"):
            stream.begin_tls().append(octets, order * 1000, order)
        else:
            stream.append(octets, order * 1000, order)
    if closed:
        connection.closed = len(said) * 1000
    return flow


@pytest.fixture
def flow() -> Callable[..., Flow]:
    return a_flow


@pytest.fixture
def rows_of() -> Callable[..., list[Row]]:
    """The rows of a conversation given as text lines, `C: EHLO a`, `S: 250 ok`."""

    def dissected(*lines: str, port: int = 25) -> list[Row]:
        said = [(line[0], line[3:].encode("latin-1") + b"\r\n") for line in lines]
        return list(Dissection(a_flow(*said, port=port), whole=True).advance())

    return dissected


@pytest.fixture
def bytewise() -> Callable[[Flow], list[Row]]:
    """Dissects a flow as it would have grown, octet by octet."""

    def dissected(whole: Flow) -> list[Row]:
        connection = Connection(0, "tcp", "192.0.2.1", 49152, "192.0.2.2", whole.connection.server_port, 0)
        growing = Flow(0, 0, connection, Stream(), Stream())
        dissection = Dissection(growing)
        rows = []
        for side in ("client", "server"):
            old, new = whole.side(side), growing.side(side)  # type: ignore[arg-type]
            for offset in range(len(old)):
                if old.tls_at == offset:
                    _seal(old, new)
                if offset in [gap.offset for gap in old.gaps]:
                    new.gaps += [gap for gap in old.gaps if gap.offset == offset]
                new.append(old.data[offset : offset + 1], old.time_at(offset), old.order_at(offset))
                rows += dissection.advance()
            if old.tls is not None and new.tls is None:
                _seal(old, new)
            rows += dissection.advance()
        connection.closed = whole.connection.closed
        return rows + list(dissection.advance())

    return dissected


def _seal(old: Stream, new: Stream) -> None:
    """TLS begins, and its records are there before what is inside."""
    assert old.tls is not None
    records = new.begin_tls()
    if old.tls.data:
        records.append(old.tls.data, old.tls.time_at(0), old.tls.order_at(0))
