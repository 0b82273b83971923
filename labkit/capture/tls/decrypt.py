"""What was said inside TLS, out of a capture and a key log.

A flow of a file ends, for its reader, where TLS begins; `unseal` opens the records behind that
and puts what was in them behind what was plain, each octet with the time of the packet in
which its record was complete: as in a capture of a lab, which knows both.

Full handshakes and resumed ones, HelloRetryRequest, KeyUpdate, renegotiation, padding and alerts are
followed.  Early data (0-RTT) is read if the server took it; what it refused counts as never said, for the
client says it again.  Records that are missing or do not open leave a gap.  What stands in the way of
reading a session is noted as trouble of its stream of records: see `Stream.troubles`.
"""

from __future__ import annotations

from enum import Enum

from labkit.capture.keys import KeyLog
from labkit.capture.stream import Gap, Stream, Trouble
from labkit.capture.tape import SIDES, Flow, Tape
from labkit.capture.tls.handshake import (
    CLIENT_HELLO,
    ENCRYPTED_EXTENSIONS,
    END_OF_EARLY_DATA,
    FINISHED,
    KEY_UPDATE,
    RETRY,
    SERVER_HELLO,
    TLS_1_2,
    TLS_1_3,
    VERSIONS,
    Hello,
    messages,
    read_hello,
    takes_early_data,
)
from labkit.capture.tls.records import (
    ALERT,
    APPLICATION,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    LARGEST,
    Record,
    Records,
    Sealed,
)
from labkit.capture.tls.schedule import Epoch, Schedule, schedule
from labkit.capture.tls.suites import name_of, suite
from labkit.net.tap import Side

# Behind these messages their sender goes on with other keys, as behind KeyUpdate in any epoch.
ENDS = ((END_OF_EARLY_DATA, Epoch.EARLY), (FINISHED, Epoch.HANDSHAKE))
NO_ALARM = (0, 90)  # close_notify, user_canceled (RFC 8446 6)
ALERTS = {
    10: "unexpected_message",
    20: "bad_record_mac",
    40: "handshake_failure",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    109: "missing_extension",
    112: "unrecognized_name",
    116: "certificate_required",
    120: "no_application_protocol",
}


class Early(Enum):
    """What becomes of a client's early data (RFC 8446 4.2.10)."""

    NONE = "the client announced none"
    OPEN = "the server has not answered yet"
    TAKEN = "the server reads it"
    REFUSED = "the server passes over it"
    UNKNOWN = "what the server answered cannot be read"


def unseal(tape: Tape, keys: KeyLog) -> None:
    """Open the TLS of all flows of a tape out of a file."""
    for flow in tape.flows:
        Unsealing(flow, keys).advance(whole=True)


class Unsealing:
    """The TLS of one flow, opened as far as its records go: `advance` when there are more."""

    def __init__(self, flow: Flow, keys: KeyLog) -> None:
        self._flow, self._keys = flow, keys
        self._sides: dict[Side, _Side] = {}
        self._client: Hello | None = None
        self._version: int | None = None  # once agreed on
        self._schedule: Schedule | None = None
        self._asked = False  # the client's last hello is not answered yet
        self._early = Early.NONE
        self._over = False

    def advance(self, *, whole: bool = False) -> None:
        """Open what has come.  `whole`: no more will."""
        for sender in SIDES:
            stream = self._flow.side(sender)
            known = sender in self._sides or stream.tls_at != len(stream)  # what is inside
            if stream.tls is not None and not known:
                self._sides[sender] = _Side(sender, stream, stream.tls)
        went_on = True
        while went_on and not self._over:  # each side may wait for the other
            went_on = False
            for side in self._sides.values():
                while not self._over and (record := side.records.peek(whole)) is not None:
                    if not self._take(side, record):
                        break
                    went_on = True
            if whole and not went_on and self._early is Early.OPEN:
                self._early, went_on = Early.UNKNOWN, True
        for side in self._sides.values():
            side.give(whole)
        waits = any(side.records.peek(whole) for side in self._sides.values())
        if whole and waits and not self._over:
            self._stop("no-keys", "its hellos are not all in the capture")

    def _take(self, side: _Side, record: Record) -> bool:
        """Read one record; False: not before the other side has said more."""
        if side.too_soon:
            self._read(side, b"", lost=False)
            if side.too_soon:
                return False
        octets = side.octets(record)
        kind = octets[0]
        sealed = kind == APPLICATION or (side.sealed and self._version != TLS_1_3)
        if kind == CHANGE_CIPHER_SPEC and self._version != TLS_1_3:
            if self._schedule is None or self._asked:
                return False
            if not sealed:
                side.sealed = True
                side.keys.begin(self._schedule, self._schedule.first)
        if sealed:
            if side.keys.schedule is not None or self._begin(side, record):
                self._open(side, record, octets)
                return True
            refused = self._schedule is None and self._early is Early.REFUSED
            if refused:  # the client greets once more, and only then are there keys
                side.records.leave(record)
            return refused
        lost = bool(side.records.lost)
        side.records.take(record)
        if kind == HANDSHAKE:
            self._read(side, octets[5:], lost)
        return True

    def _begin(self, side: _Side, record: Record) -> bool:
        """The keys of a side's first sealed record; False: which they are is not known yet."""
        if self._schedule is None:
            return False
        epoch: int = self._schedule.first
        server = self._sides.get("server")
        if self._early is Early.OPEN and server and server.keys.epoch != Epoch.HANDSHAKE:
            self._early = Early.UNKNOWN
        if side.keys.sender == "client":
            match self._early:
                case Early.OPEN:
                    return False
                case Early.TAKEN if self._schedule.opener("client", Epoch.EARLY):
                    epoch = Epoch.EARLY
                case Early.TAKEN:
                    side.passing = True
                    side.trouble("no-keys", record.start, "the key log has none of the early data")
                case Early.REFUSED | Early.UNKNOWN:
                    side.passing = True
        side.keys.begin(self._schedule, epoch)
        return True

    def _open(self, side: _Side, record: Record, octets: bytes) -> None:
        side.sealed = True
        found = side.keys.open(octets, side.records.lost)
        if found is None:
            if side.keys.exhausted:
                side.records.give_up()
            elif side.records.searching:
                side.records.reject()
            elif side.passing:
                side.pass_over(record, said=self._early is not Early.REFUSED)
            else:
                side.failed(record)
            return
        opened, missing = found
        lost = bool(side.records.lost)
        side.records.take(record)
        if side.passing:
            side.passing, missing = False, missing + side.passed
        if missing:
            side.gaps.append((side.size, missing))
        if opened.kind == APPLICATION:
            side.add(opened.content, record.end - 1)
        elif opened.kind == HANDSHAKE:
            self._read(side, opened.content, lost)
        elif opened.kind == CHANGE_CIPHER_SPEC and self._schedule is not None:
            side.keys.begin(self._schedule, self._schedule.first)  # renegotiated
        elif opened.kind == ALERT and len(opened.content) == 2 and opened.content[1] not in NO_ALARM:
            name = ALERTS.get(opened.content[1], f"alert {opened.content[1]}")
            side.trouble("tls-alert", record.start, name)

    def _read(self, side: _Side, octets: bytes, lost: bool) -> None:
        """Handshake messages, which may lie in several records."""
        if lost:
            side.unread.clear()
        side.unread += octets
        side.too_soon, done = False, 0
        for kind, message in messages(side.unread):
            if kind == SERVER_HELLO and side.sealed and not self._asked:
                side.too_soon = True  # renegotiated, by a hello that the client sealed
                break
            done += len(message)
            ends = kind == KEY_UPDATE or (kind, side.keys.epoch) in ENDS
            if kind in (CLIENT_HELLO, SERVER_HELLO) and (hello := read_hello(message)) is not None:
                self._agree(kind, hello)
            elif kind == ENCRYPTED_EXTENSIONS and self._early is Early.OPEN:
                self._early = Early.TAKEN if takes_early_data(message) else Early.REFUSED
            elif ends and self._version == TLS_1_3:
                side.keys.next_epoch()
        del side.unread[:done]
        if len(side.unread) > 16 * LARGEST:
            side.unread.clear()

    def _agree(self, kind: int, hello: Hello) -> None:
        """Take note of a hello; the server's settles which keys are used."""
        if kind == CLIENT_HELLO:
            self._client, self._asked = hello, True
            if hello.early_data and self._schedule is None:
                self._early = Early.OPEN
            return
        self._version, self._asked = hello.version, False
        if self._early is Early.OPEN and (hello.random == RETRY or hello.version != TLS_1_3):
            self._early = Early.REFUSED
        if hello.random == RETRY:
            return
        chosen, name = suite(hello.suite or 0), name_of(hello.suite or 0)
        if chosen is None or hello.version not in (TLS_1_2, TLS_1_3) or hello.compressed:
            version = VERSIONS.get(hello.version, f"0x{hello.version:04X}")
            packed = ", compressed" if hello.compressed else ""
            return self._stop("cipher-unsupported", f"{version} {name}{packed}")
        secrets = self._keys.of(self._client.random) if self._client is not None else {}
        random = self._client.random if self._client is not None else b""
        self._schedule = schedule(chosen, secrets, random, hello)
        if self._schedule is None:
            known = "only others of it" if secrets else "none"
            self._stop(
                "no-keys", f"the key log has {known}" if self._client else "no ClientHello was captured"
            )

    def _stop(self, name: str, detail: str) -> None:
        """The session cannot be read."""
        self._over = True
        side = self._sides.get("client") or self._sides["server"]
        side.trouble(name, 0, detail)


class _Side:
    """One side: its records, its keys, and what it said."""

    def __init__(self, sender: Side, stream: Stream, tls: Stream) -> None:
        self.records = Records(tls)
        self.keys = Sealed(sender)
        self.sealed = False  # what it sends now
        self.passing = False  # records of early data, which are not read
        self.passed = 0  # octets in those, if the server may have read them
        self.too_soon = False  # its next message answers one of the other side that is not read yet
        self.unread = bytearray()  # the beginning of a handshake message
        self.size = len(stream)  # of the stream, with what will be put there
        self.gaps: list[tuple[int, int]] = []
        self._stream, self._tls = stream, tls
        self._pieces: list[bytes] = []
        self._places: list[int] = []
        self._failed: list[int] = []

    def octets(self, record: Record) -> bytes:
        return self._tls.data[record.start : record.end]

    def add(self, content: bytes, place: int) -> None:
        """What was in a record; `place` is that of its last octet."""
        if content:
            self._pieces.append(content)
            self._places.append(place)
            self.size += len(content)

    def failed(self, record: Record) -> None:
        """A record did not open."""
        self._failed.append(record.start)
        self.records.skip(record)

    def pass_over(self, record: Record, said: bool) -> None:
        """A record is early data; `said`: the server may have read it."""
        self.records.leave(record)
        self.passed += (record.end - record.start) * said

    def trouble(self, name: str, at: int, detail: str) -> None:
        self._tls.troubles.append(Trouble(name, at, detail))

    def give(self, whole: bool) -> None:
        """Put what was read where its readers look."""
        lost = self.records.lost + (self.passed if self.passing else 0)
        if whole and self.sealed and lost:
            self.gaps.append((self.size, lost))
        if whole and self._failed:
            records = f"{len(self._failed)} record{'s' * (len(self._failed) > 1)}"
            self.trouble("not-opened", self._failed[0], records)
        self._stream.reveal(self._pieces, self._places)
        self._stream.gaps += [Gap(*gap) for gap in self.gaps]
        self._pieces, self._places, self.gaps = [], [], []
