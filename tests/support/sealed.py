"""TLS sessions made in memory by Python's ssl, and what a capture of them would hold.

Also sessions written by hand, for what Python's ssl cannot be told to do (early data, KeyUpdate, padding,
renegotiation, suites of TLS 1.3 that it does not offer).
"""

from __future__ import annotations

import random
import ssl
from collections import Counter
from functools import cache
from pathlib import Path

from labkit.capture.keys import KeyLog
from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import Flow
from labkit.capture.tls.handshake import (
    CLIENT_HELLO,
    EARLY_DATA,
    ENCRYPTED_EXTENSIONS,
    END_OF_EARLY_DATA,
    FINISHED,
    SERVER_HELLO,
    SUPPORTED_VERSIONS,
    TLS_1_2,
    TLS_1_3,
    Hello,
)
from labkit.capture.tls.openers import HEADER, Opener12, Opener13, nonce_of
from labkit.capture.tls.records import APPLICATION, CHANGE_CIPHER_SPEC, HANDSHAKE
from labkit.capture.tls.schedule import Epoch, Schedule, Schedule12, Schedule13
from labkit.capture.tls.suites import suite
from labkit.net.tap import Connection, Side
from labkit.net.tls import Authority

Wire = list[tuple[Side, bytes]]
NAME = "mx.example.org"
SIDES: tuple[Side, ...] = "client", "server"
LABELS = (
    *("CLIENT_RANDOM", "CLIENT_EARLY_TRAFFIC_SECRET"),
    *("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"),
    *("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"),
)
PEER: dict[Side, Side] = {"client": "server", "server": "client"}


@cache
def authority() -> Authority:
    return Authority()


def contexts(
    log: Path, version: str = "TLSv1_3", ciphers: str = "", options: int = 0
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's and a server's, of one version; the server logs its keys."""
    maker = Authority()
    maker.__dict__.update({n: getattr(authority(), n) for n in ("_key", "_server_key", "_certificate")})
    maker.keylog = str(log)
    found = maker.client_context(), maker.server_context([NAME])
    for context in found:
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
        if ciphers:
            context.set_ciphers(ciphers)
        context.options |= options
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


def message(kind: int, body: bytes = b"") -> bytes:
    """A message of a handshake."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def extensions(*numbers: int) -> bytes:
    """With nothing in them, but for the version of TLS 1.3 that a server chose."""
    said = {SUPPORTED_VERSIONS: TLS_1_3.to_bytes(2, "big")}
    bodies = [(number, said.get(number, b"")) for number in numbers]
    found = b"".join(
        number.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body for number, body in bodies
    )
    return len(found).to_bytes(2, "big") + found


def record(kind: int, content: bytes) -> bytes:
    """A plain one."""
    return bytes([kind]) + b"\x03\x03" + len(content).to_bytes(2, "big") + content


class Written:
    """A session written by hand, record by record; `wire` is what an eavesdropper saw, `keys` its key log."""

    def __init__(self, version: int = TLS_1_3, number: int = 0x1302) -> None:
        self.wire: Wire = []
        self.keys = KeyLog()
        found = suite(number)
        assert found is not None
        self._version, self._number, self._suite = version, number, found
        self._draw = random.Random(number)
        self._randoms: dict[Side, bytes] = {}
        self._schedule: Schedule | None = None
        self._sent: Counter[tuple[Side, int]] = Counter()

    def hello(self, side: Side, *said: int, random: bytes = b"") -> bytes:
        """A hello with these extensions, and octets that are drawn if they are not given."""
        self._randoms[side] = random or self._draw.randbytes(32)
        begin = TLS_1_2.to_bytes(2, "big") + self._randoms[side] + b"\0"
        number = self._number.to_bytes(2, "big")
        if side == "server":
            said = (*said, SUPPORTED_VERSIONS) if self._version == TLS_1_3 else said
            return message(SERVER_HELLO, begin + number + b"\0" + extensions(*said))
        for label in LABELS if not random else ():
            self.keys.add(f"{label} {self._randoms[side].hex()} {self._draw.randbytes(48).hex()}".encode())
        return message(CLIENT_HELLO, begin + b"\0\x02" + number + b"\x01\0" + extensions(*said))

    def hello_again(self, *said: int) -> bytes:
        """What a client answers to a HelloRetryRequest: its hello, with other extensions."""
        return self.hello("client", *said, random=self._randoms["client"])

    def plain(self, side: Side, kind: int, content: bytes) -> None:
        self.wire.append((side, record(kind, content)))

    def begin(self) -> None:
        """From now on the keys are those of the last hellos."""
        client, server = self._randoms["client"], self._randoms["server"]
        secrets = self.keys.of(client)
        self._schedule = Schedule13(self._suite, secrets)
        if self._version == TLS_1_2:
            self._schedule = Schedule12(self._suite, secrets["CLIENT_RANDOM"], client, Hello(server, TLS_1_2))

    def seal(self, side: Side, epoch: int, kind: int, content: bytes, padding: int = 0) -> None:
        """A record as its sender seals it, by the keys of who opens it."""
        assert self._schedule is not None
        opener = self._schedule.opener(side, epoch)
        number = self._sent[side, epoch]
        self._sent[side, epoch] += 1
        if isinstance(opener, Opener13):
            inner = content + bytes([kind]) + bytes(padding)
            header = b"\x17\x03\x03" + (len(inner) + self._suite.tag).to_bytes(2, "big")
            sent = header + opener._cipher.encrypt(nonce_of(opener._iv, number), inner, header)
        else:
            assert isinstance(opener, Opener12)
            explicit, header = number.to_bytes(8, "big"), bytes([kind]) + b"\x03\x03"
            about = explicit + header + len(content).to_bytes(2, "big")
            sealed = opener._cipher.encrypt(opener._iv + explicit, content, about)
            sent = record(kind, explicit + sealed)
        self.wire.append((side, sent))

    def new_keys(self, side: Side) -> None:
        """What is sealed in TLS 1.2 from now on is numbered anew."""
        self._sent[side, Epoch.APPLICATION] = 0

    def shake(self, *early: bytes, taken: bool = True) -> None:
        """A handshake of TLS 1.3, in which the client says something early."""
        said = (EARLY_DATA,) * bool(early)
        self.plain("client", HANDSHAKE, self.hello("client", *said))
        server = self.hello("server")
        self.begin()
        for each in early:
            self.seal("client", Epoch.EARLY, APPLICATION, each)
        self.answer(server, *(said if taken else ()))
        if early and taken:
            self.seal("client", Epoch.EARLY, HANDSHAKE, message(END_OF_EARLY_DATA))
        self.finish()

    def answer(self, hello: bytes, *said: int) -> None:
        """A server's messages of a handshake of TLS 1.3; `said`: encrypted extensions."""
        self.plain("server", HANDSHAKE, hello)
        self.plain("server", CHANGE_CIPHER_SPEC, b"\x01")
        self.seal("server", Epoch.HANDSHAKE, HANDSHAKE, message(ENCRYPTED_EXTENSIONS, extensions(*said)))
        self.seal("server", Epoch.HANDSHAKE, HANDSHAKE, message(FINISHED, bytes(48)))

    def finish(self) -> None:
        """A client's last message of the handshake."""
        self.seal("client", Epoch.HANDSHAKE, HANDSHAKE, message(FINISHED, bytes(48)))

    def say(self, side: Side, octets: bytes, padding: int = 0) -> None:
        """Once hands are shaken."""
        self.seal(side, Epoch.APPLICATION, APPLICATION, octets, padding)
