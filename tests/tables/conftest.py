"""A small lab's tape, written by hand: one message submitted, looked up, relayed, fetched twice."""

from __future__ import annotations

import pytest

from labkit.capture.tape import Tape
from labkit.net.tap import Connection, Layer, Record, Side, Tap
from labkit.tables import Capture

START = 1_767_603_600_000_000  # 2026-01-05T09:00:00Z
MESSAGE = (
    b"From: Alice <alice@example.com>\r\nTo: bob@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Date: Mon, 05 Jan 2026 09:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n.dot\r\n"
)
TRACE = (
    b"Received: from host.example.com ([192.0.2.1]) by mx.example.com with ESMTPSA id q1;\r\n"
    b"\tMon, 05 Jan 2026 09:00:01 +0000\r\n"
)
MORE = (
    b"Received: from mx.example.com ([192.0.2.2]) by mx.example.org with ESMTP id q2;\r\n"
    b"\tMon, 05 Jan 2026 09:00:03 +0000\r\n"
)
HOSTS = {
    "192.0.2.1": ("host.example.com", "sender's host"),
    "192.0.2.2": ("mx.example.com", "sender's server"),
    "198.51.100.2": ("mx.example.org", "recipient's server"),
    "198.51.100.3": ("host.example.org", "recipient's host"),
    "203.0.113.53": ("ns.example", None),
}


class Lab:
    """A tap with a clock: each thing said takes 50 ms to arrive."""

    def __init__(self) -> None:
        self.tap = Tap()
        self.now = START

    def open(self, client: str, server: str, port: int, service: str, transport: str = "tcp") -> None:
        number = len(self.tap.connections)
        opened = Connection(number, transport, client, 49152 + number, server, port, self.now)  # type: ignore[arg-type]
        opened.client_name, opened.client_role = HOSTS[client]
        opened.server_name, opened.server_role = HOSTS[server]
        opened.service = service
        self.tap.connections.append(opened)

    def say(self, sender: Side, data: bytes, layer: Layer = "plain") -> None:
        record = Record(len(self.tap.connections) - 1, self.now, self.now + 50_000, sender, data, layer)
        self.now += 50_000
        self.tap.records.append(record)

    def close(self, by: Side = "client") -> None:
        self.tap.connections[-1].closed = self.now
        self.tap.connections[-1].ended, self.tap.connections[-1].closed_by = "quit", by
        self.now += 1_000_000


def talk(lab: Lab, *said: tuple[str, bytes], layer: Layer = "plain") -> None:
    for who, data in said:
        lab.say("client" if who == "C" else "server", data, layer)


@pytest.fixture(scope="session")
def tap() -> Tap:
    lab = Lab()
    stuffed = MESSAGE.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    lab.open("192.0.2.1", "192.0.2.2", 587, "submission")
    talk(lab, ("S", b"220 mx.example.com ESMTP labkit\r\n"), ("C", b"EHLO host.example.com\r\n"))
    talk(lab, ("S", b"250-mx.example.com\r\n250 STARTTLS\r\n"), ("C", b"STARTTLS\r\n"), ("S", b"220 go\r\n"))
    talk(lab, ("C", b"\x16\x03\x01\x00\x01\x01"), ("S", b"\x16\x03\x03\x00\x01\x02"), layer="tls")
    talk(
        lab,
        ("C", b"EHLO host.example.com\r\n"),
        ("S", b"250-mx.example.com\r\n250 AUTH PLAIN\r\n"),
        ("C", b"AUTH PLAIN AGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==\r\n"),
        ("S", b"235 2.7.0 welcome\r\n"),
        ("C", b"MAIL FROM:<alice@example.com>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<nobody@>\r\nDATA\r\n"),
        ("S", b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n553 5.1.3 no\r\n354 go on\r\n"),
        ("C", stuffed),
        ("S", b"250 2.0.0 Ok: queued as q1\r\n"),
        ("C", b"QUIT\r\n"),
        ("S", b"221 2.0.0 bye\r\n"),
        layer="inside",
    )
    lab.close()
    lab.open("192.0.2.2", "203.0.113.53", 53, "dns", "udp")
    question = bytes.fromhex("000701000001000000000000076578616d706c65036f726700000f0001")
    answer = question[:2] + bytes.fromhex("8580000100010000 0000".replace(" ", "")) + question[12:]
    talk(lab, ("C", question), ("S", answer + bytes.fromhex("c00c000f00010000003c0007000a026d78c00c")))
    lab.close()
    lab.open("192.0.2.2", "198.51.100.2", 25, "smtp")
    talk(
        lab,
        ("S", b"220 mx.example.org ESMTP\r\n"),
        ("C", b"EHLO mx.example.com\r\n"),
        ("S", b"250-mx.example.org\r\n250 CHUNKING\r\n"),
        ("C", b"MAIL FROM:<alice@example.com>\r\n"),
        ("S", b"250 ok\r\n"),
        ("C", b"RCPT TO:<bob@example.org>\r\n"),
        ("S", b"250 ok\r\n"),
        ("C", b"BDAT 100\r\n" + (TRACE + MESSAGE)[:100]),
        ("S", b"250 ok\r\n"),
        ("C", b"BDAT %d LAST\r\n" % (len(TRACE + MESSAGE) - 100) + (TRACE + MESSAGE)[100:]),
        ("S", b"250 2.0.0 Ok: queued as q2\r\n"),
    )
    lab.close("server")
    lab.open("198.51.100.3", "198.51.100.2", 110, "pop3")
    rested = b"Return-Path: <alice@example.com>\r\n" + MORE + TRACE + MESSAGE
    block = rested.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    talk(
        lab,
        ("S", b"+OK POP3\r\n"),
        ("C", b"USER bob\r\n"),
        ("S", b"+OK\r\n"),
        ("C", b"PASS hidden\r\n"),
        ("S", b"+OK 1 message\r\n"),
        ("C", b"RETR 1\r\n"),
        ("S", b"+OK\r\n" + block),
        ("C", b"QUIT\r\n"),
        ("S", b"+OK\r\n"),
    )
    lab.close()
    lab.open("198.51.100.3", "198.51.100.2", 143, "imap")
    talk(
        lab,
        ("S", b"* OK IMAP4rev1\r\n"),
        ("C", b'a LOGIN bob "hid den"\r\n'),
        ("S", b"a OK in\r\n"),
        ("C", b"b SELECT INBOX\r\n"),
        ("S", b"* 1 EXISTS\r\nb OK [READ-WRITE] done\r\n"),
        ("C", b"c UID FETCH 7 (FLAGS BODY.PEEK[])\r\n"),
        ("S", b"* 1 FETCH (UID 7 FLAGS () BODY[] {%d}\r\n" % len(rested) + rested + b")\r\nc OK done\r\n"),
        ("C", b"d APPEND Sent (\\Seen) {%d+}\r\n" % len(MESSAGE) + MESSAGE + b"\r\n"),
        ("S", b"d OK [APPENDUID 1 3] done\r\n"),
        ("C", b"e FLY\r\n"),
        ("S", b"e BAD no such command\r\n"),
    )
    lab.close()
    return lab.tap


@pytest.fixture
def capture(tap: Tap) -> Capture:
    return Capture(Tape.from_tap(tap))


@pytest.fixture
def empty() -> Capture:
    return Capture(Tape("nothing"))


@pytest.fixture
def octets() -> dict[str, bytes]:
    return {"message": MESSAGE, "relayed": TRACE + MESSAGE, "rested": MORE + TRACE + MESSAGE}
