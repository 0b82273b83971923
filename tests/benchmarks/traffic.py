"""A capture of any size, as a busy server's would be: for benchmarks of what reads captures.

    python tests/benchmarks/traffic.py FILE [SESSIONS]

SMTP, POP3 and IMAP sessions, some hundred at a time, each with its handshake, acknowledgements and
closing; of a thousand segments two arrive behind the next one and two arrive twice.  The default of
13,000 sessions is 1.2 million packets in 480 MB.  The same arguments give the same octets.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from random import Random

BEGINNING = 1_767_603_600_000_000  # 2026-01-05 09:00 UTC, in µs
SESSIONS = 13_000
APART = 2_000  # µs from the beginning of a session to that of the next
ROUND_TRIP = 8_000  # µs
SEGMENT = 1160  # octets of data in a full segment
ODD = 0.002  # of the segments with data: that many change places with the next, as many come twice
SYN, FIN, ACK, PUSH = 2, 1, 16, 8
HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)  # of the file

Said = list[tuple[bool, bytes]]
"""What was said in a session: by the client (True) or the server, and the octets."""
WORDS = (b"All work and no play makes Jack a dull boy. " * 2)[:76] + b"\r\n"


def message(number: int, size: int) -> bytes:
    """An RFC 5322 message of about `size` octets."""
    head = (
        f"From: Ann <ann{number % 97}@example.com>\r\nTo: Bob <bob@example.org>\r\n"
        f"Subject: report {number}\r\nDate: Mon, 05 Jan 2026 09:00:00 +0000\r\n"
        f"Message-ID: <{number}@example.com>\r\n\r\n"
    ).encode()
    return head + WORDS * (size // len(WORDS))


def smtp(number: int) -> Said:
    said: Said = [
        (False, b"220 mx.example.org ESMTP Postfix\r\n"),
        (True, b"EHLO client.example.com\r\n"),
        (False, b"250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 8BITMIME\r\n"),
    ]
    for turn in range(2):
        said += [
            (True, b"MAIL FROM:<ann%d@example.com> SIZE=15700\r\n" % (number % 97)),
            (False, b"250 2.1.0 Ok\r\n"),
            (True, b"RCPT TO:<bob@example.org>\r\nRCPT TO:<carol@example.org>\r\nDATA\r\n"),
            (False, b"250 2.1.5 Ok\r\n550 5.1.1 <carol@example.org>: no such user\r\n"),
            (False, b"354 End data with <CR><LF>.<CR><LF>\r\n"),
            (True, message(2 * number + turn, 15_500) + b".\r\n"),
            (False, b"250 2.0.0 Ok: queued as %X\r\n" % (0x4F1000 + number)),
        ]
    return [*said, (True, b"QUIT\r\n"), (False, b"221 2.0.0 Bye\r\n")]


def pop3(number: int) -> Said:
    said: Said = [(False, b"+OK POP3 ready\r\n")]
    mails = 2 + number % 3
    listing = b"".join(b"%d 10600\r\n" % (each + 1) for each in range(mails))
    for verb, reply in (
        (b"CAPA", b"+OK\r\nUIDL\r\nTOP\r\nPIPELINING\r\n."),
        (b"USER bob%d" % (number % 89), b"+OK"),
        (b"PASS secret", b"+OK logged in"),
        (b"STAT", b"+OK %d %d" % (mails, mails * 10_600)),
        (b"LIST", b"+OK\r\n" + listing + b"."),
        (b"UIDL", b"+OK\r\n" + listing + b"."),
        *(
            (b"RETR %d" % (each + 1), b"+OK\r\n" + message(number + each, 10_500) + b".")
            for each in range(mails)
        ),
        *((b"DELE %d" % (each + 1), b"+OK marked") for each in range(mails)),
        (b"QUIT", b"+OK bye"),
    ):
        said += [(True, verb + b"\r\n"), (False, reply + b"\r\n")]
    return said


def imap(number: int) -> Said:
    said: Said = [(False, b"* OK [CAPABILITY IMAP4rev1 IDLE] ready\r\n")]
    fetch = (
        b'* %d FETCH (UID %d FLAGS (\\Seen) INTERNALDATE "05-Jan-2026 09:00:00 +0000" RFC822.SIZE 14600)\r\n'
    )
    whole = [message(number + each, 14_500) for each in range(2)]
    for turn, (verb, reply) in enumerate(
        (
            (b"CAPABILITY", b"* CAPABILITY IMAP4rev1 IDLE\r\n"),
            (b"LOGIN bob%d secret" % (number % 89), b""),
            (b'LIST "" "*"', b'* LIST (\\HasNoChildren) "/" INBOX\r\n* LIST () "/" Sent\r\n'),
            (b"SELECT INBOX", b"* 9 EXISTS\r\n* 0 RECENT\r\n* OK [UIDVALIDITY 1] ok\r\n"),
            (
                b"UID FETCH 1:9 (FLAGS INTERNALDATE RFC822.SIZE)",
                b"".join(fetch % (n, n) for n in range(1, 10)),
            ),
            *(
                (
                    b"UID FETCH %d BODY.PEEK[]" % (each + 1),
                    b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n"
                    % (each + 1, each + 1, len(whole[each]), whole[each]),
                )
                for each in range(2)
            ),
            (b"UID STORE 1 +FLAGS (\\Seen)", b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n"),
            (b"NOOP", b""),
            (b"UID SEARCH UNSEEN", b"* SEARCH 3 4 5\r\n"),
            (b"EXPUNGE", b""),
            (b"CLOSE", b""),
            (b"LOGOUT", b"* BYE see you\r\n"),
        )
    ):
        said += [(True, b"a%d %s\r\n" % (turn, verb)), (False, reply + b"a%d OK done\r\n" % turn)]
    return said


KINDS = ((25, smtp), (110, pop3), (143, imap))
Packet = tuple[int, bytes]


def session(number: int, random: Random) -> Iterator[Packet]:
    """The packets of one session, each with its time; not always in order."""
    port, kind = KINDS[number % len(KINDS)]
    client = b"\xc6\x33" + struct.pack(">H", number % 60_000)
    server = b"\xc0\x00\x02\x19"
    ports = 1024 + number // 60_000 * 3 + number % 3, port
    sequence = [random.getrandbits(32), random.getrandbits(32)]  # of the server, of the client
    time = BEGINNING + number * APART

    def packet(at: int, mine: bool, flags: int, data: bytes = b"") -> Packet:
        source, target = (client, server) if mine else (server, client)
        pair = ports if mine else ports[::-1]
        octets = (
            b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0"
            + struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(data), at & 0xFFFF, 0x4000, 64, 6, 0)
            + source
            + target
            + struct.pack(">HHIIBBHHH", *pair, sequence[mine], sequence[not mine], 0x50, flags, 64_000, 0, 0)
            + data
        )
        sequence[mine] = sequence[mine] + len(data) + bool(flags & (SYN | FIN)) & 0xFFFF_FFFF
        return at, struct.pack("<IIII", *divmod(at, 1_000_000), len(octets), len(octets)) + octets

    yield packet(time, True, SYN)
    yield packet(time + ROUND_TRIP // 2, False, SYN | ACK)
    yield packet(time + ROUND_TRIP, True, ACK)
    time += ROUND_TRIP
    for mine, data in kind(number):
        time += ROUND_TRIP // 2
        for turn, begin in enumerate(range(0, len(data), SEGMENT)):
            time += 20
            late = 15 + random.randrange(10) if random.random() < ODD else 0
            when, octets = packet(time + late * 2, mine, ACK | PUSH, data[begin : begin + SEGMENT])
            yield when, octets
            if random.random() < ODD:
                yield when + ROUND_TRIP, octets
            if turn % 2:
                yield packet(time + 5, not mine, ACK)
        yield packet(time + 10, not mine, ACK)
    for mine in (True, False):
        yield packet(time + 100, mine, FIN | ACK)
        time += ROUND_TRIP
    yield packet(time, True, ACK)


def write(path: Path, sessions: int = SESSIONS) -> None:
    """Write that many sessions as a classic pcap."""
    random, order = Random(sessions), count()
    waiting: list[tuple[int, int, bytes]] = []
    with path.open("wb", 1 << 20) as file:
        file.write(HEADER)
        for number in range(sessions):
            for at, octets in session(number, random):
                heappush(waiting, (at, next(order), octets))
            while waiting and waiting[0][0] < BEGINNING + (number + 1) * APART:
                file.write(heappop(waiting)[2])
        while waiting:
            file.write(heappop(waiting)[2])


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(int, sys.argv[2:]))
