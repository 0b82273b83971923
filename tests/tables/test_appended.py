"""Messages of APPEND: which UIDs the server gave them, and what is no message."""

from __future__ import annotations

import pytest

from labkit.capture.tape import Tape
from labkit.net.tap import Connection, Record, Tap
from labkit.tables import Capture

ONE, TWO, THREE = b"Subject: 1\r\n\r\n", b"Subject: 2\r\n\r\n", b"Subject: 3\r\n\r\n"


def uids(append: bytes, code: bytes) -> list[tuple[bytes, int | None]]:
    """What was appended by a command, and the UIDs."""
    tap = Tap()
    tap.connections.append(Connection(0, "tcp", "192.0.2.1", 49152, "192.0.2.2", 143, 0, closed=99))
    for time, octets in enumerate(
        (b"* PREAUTH hi\r\n", b"a APPEND " + append, b"a OK [" + code + b"] done\r\n")
    ):
        tap.records.append(Record(0, time, time, "client" if time == 1 else "server", octets, "plain"))
    return [(each.data, each.uid) for each in Capture(Tape.from_tap(tap)).messages_carried()]


def literal(data: bytes) -> bytes:
    return b" {%d+}\r\n" % len(data) + data


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (b"APPENDUID 1 7:9", [7, 8, 9]),
        (b"appenduid 1 7,20:21", [7, 20, 21]),
        (b"APPENDUID 1 9:7", [7, 8, 9]),
        (b"APPENDUID 1 7:8", [None] * 3),  # not as many
        (b"APPENDUID 1 1:4294967295", [None] * 3),
        (b"APPENDUID 1 *", [None] * 3),
        (b"APPENDUID 1", [None] * 3),
        (b"ALERT", [None] * 3),
    ],
)
def test_several_at_once(code: bytes, found: list[int | None]) -> None:
    """In the order they were sent (RFC 4315 3)."""
    append = b"Sent" + literal(ONE) + b" (\\Seen)" + literal(TWO) + literal(THREE) + b"\r\n"
    assert uids(append, code) == list(zip((ONE, TWO, THREE), found, strict=True))


def test_what_is_put_together_by_the_server_is_not_there() -> None:
    """CATENATE (RFC 4469) makes it of parts that did not cross the connection; a mailbox may be called so."""
    parts = b' CATENATE (URL "/INBOX/;UID=1" TEXT' + literal(ONE) + b")\r\n"
    assert uids(b"Sent" + parts, b"APPENDUID 1 7") == []
    assert uids(b"catenate" + literal(ONE) + b"\r\n", b"APPENDUID 1 7") == [(ONE, 7)]
