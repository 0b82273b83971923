"""TLS sessions made in memory by Python's ssl, and what a capture of them would hold.

Also records sealed by hand, for what Python's ssl cannot be told to do (KeyUpdate, padding).
"""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

from labkit.capture.keys import KeyLog
from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import Flow
from labkit.capture.tls.schedule import HEADER, Opener13, Schedule13
from labkit.capture.tls.suites import TAG, Suite
from labkit.net.tap import Connection, Side
from labkit.net.tls import Authority

Wire = list[tuple[Side, bytes]]
NAME = "mx.example.org"
PEER: dict[Side, Side] = {"client": "server", "server": "client"}


@cache
def authority() -> Authority:
    return Authority()


def contexts(log: Path, version: str = "TLSv1_3", ciphers: str = "") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's and a server's, of one version; the server logs its keys."""
    maker = Authority()
    maker.__dict__.update({n: getattr(authority(), n) for n in ("_key", "_server_key", "_certificate")})
    maker.keylog = str(log)
    found = maker.client_context(), maker.server_context([NAME])
    for context in found:
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
        if ciphers:
            context.set_ciphers(ciphers)
    return found


class Spoken:
    """One TLS session, from its handshake on; `wire` is what an eavesdropper saw, in order."""

    def __init__(self, client: ssl.SSLContext, server: ssl.SSLContext, session: ssl.SSLSession | None = None):
        self.wire: list[tuple[Side, bytes]] = []
        self.said: dict[Side, bytes] = {"client": b"", "server": b""}
        one, other = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._out: dict[Side, tuple[ssl.MemoryBIO, ssl.MemoryBIO]] = {
            "client": (ssl.MemoryBIO(), other),
            "server": (ssl.MemoryBIO(), one),
        }
        self.ends: dict[Side, ssl.SSLObject] = {
            "client": client.wrap_bio(one, self._out["client"][0], server_hostname=NAME, session=session),
            "server": server.wrap_bio(other, self._out["server"][0], server_side=True),
        }
        for side in ("client", "server") * 4:
            try:
                self.ends[side].do_handshake()
            except ssl.SSLWantReadError:
                pass
            finally:
                self._carry(side)

    def say(self, side: Side, octets: bytes) -> None:
        self.ends[side].write(octets)
        self._carry(side)
        self.said[side] += octets
        self.ends[PEER[side]].read(1 << 20)

    def _carry(self, side: Side) -> None:
        out, into = self._out[side]
        if octets := out.read():
            self.wire.append((side, octets))
            into.write(octets)

    @property
    def session(self) -> ssl.SSLSession | None:
        return self.ends["client"].session

    def flow(self) -> Flow:
        return flow_of(self.wire)


def flow_of(
    wire: list[tuple[Side, bytes]], *, port: int = 993, plain: tuple[bytes, bytes] = (b"", b"")
) -> Flow:
    """The flow of an eavesdropper; before TLS the two sides said `plain`."""
    flow = Flow(0, 0, Connection(0, "tcp", "192.0.2.1", 49152, "192.0.2.2", port, 0), Stream(), Stream())
    for stream, octets in zip((flow.client, flow.server), plain, strict=True):
        stream.append(octets, 1, 1)
    for order, (side, octets) in enumerate(wire, 2):
        flow.side(side).begin_tls().append(octets, order * 1000, order)
    flow.connection.closed = len(wire) * 1000 + 2000
    return flow


def without(flow: Flow, side: Side, start: int, end: int) -> Flow:
    """The same, but some octets of a side's records were not captured."""
    old = flow.side(side).tls
    assert old is not None
    new = Stream()
    ends = [*old.starts[1:], len(old)]
    for first, last, time, order in zip(old.starts, ends, old.times, old.orders, strict=True):
        new.append(old.data[first : max(first, min(last, start))], time, order)
        new.append(old.data[max(first, min(last, end)) : last] if last > end else b"", time, order)
    new.gaps = [Gap(start, end - start)]
    flow.side(side).tls = new
    return flow


def records(octets: bytes) -> list[tuple[int, int]]:
    """Where each record begins and ends."""
    found, at = [], 0
    while at < len(octets):
        end = at + HEADER + int.from_bytes(octets[at + 3 : at + 5], "big")
        found.append((at, end))
        at = end
    return found


def sealed(opener: Opener13, kind: int, content: bytes, number: int, padding: int = 0) -> bytes:
    """A record of TLS 1.3 as its sender would have sealed it, by the keys of who opens it."""
    inner = content + bytes([kind]) + bytes(padding)
    header = b"\x17\x03\x03" + (len(inner) + TAG).to_bytes(2, "big")
    nonce = int.from_bytes(opener._iv, "big") ^ number
    return header + opener._cipher.encrypt(nonce.to_bytes(12, "big"), inner, header)


def keys_of(spoken: Spoken, log: KeyLog) -> Schedule13:
    """The keys of a session of TLS 1.3 with AES-256-GCM."""
    _, hello = spoken.wire[0]
    return Schedule13(Suite("AESGCM", 32, "sha384"), log.of(hello[11:43]))
