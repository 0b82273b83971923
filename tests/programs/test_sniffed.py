"""What tcpdump and dumpcap see of a session is what the lab saw: the same exchanges.

The servers listen on the well-known ports of a loopback address of this process's own: a capture from
elsewhere has nothing but the port to tell submission from relaying by.  These columns
are left out, all others are equal:

capture, connection      what a capture is called, and its numbers: the lab counts its DNS too
time, sent_at, first_reply_at, replied_at, latency_s
                         the kernel and the lab look at their clocks at different moments
pipelined                whether a reply had left before the next command came in, likewise
frame, reply_frame       a live capture has no packets
"""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.programs import needs, run
from support.serving import LETTER, Served, serving
from support.sniffing import SNIFFERS, address_of_our_own, captured, only_root, sniffing

from labkit import standards
from labkit.tables import Capture, read_capture

pytestmark = [pytest.mark.programs, only_root]

LEFT_OUT = {
    *("capture", "connection", "time", "sent_at", "first_reply_at", "replied_at", "latency_s"),
    *("pipelined", "frame", "reply_frame"),
}
PORTS = {{"submissions": "smtps"}.get(p.service, p.service): p.number for p in standards.PORTS}
BOB = ("bob@example.org", "secret")


@pytest.fixture(params=[pytest.param(name, marks=needs(name)) for name in SNIFFERS])
def sniffed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sniffed]:
    host = address_of_our_own(PORTS.values())
    with (
        sniffing(tmp_path, SNIFFERS[request.param], host) as sniffer,
        serving(tmp_path, "--capture", "session.jsonl", "--host", host, ports=PORTS) as lab,
    ):
        yield Sniffed(lab, sniffer)


class Sniffed:
    """A lab and who listens to it."""

    def __init__(self, lab: Served, sniffer: subprocess.Popen[bytes]) -> None:
        self.lab = lab
        self.sniffer = sniffer

    def captures(self) -> tuple[Capture, Capture]:
        """The lab's own capture and the sniffer's, when all is over."""
        self.lab.stop()
        file = captured(self.lab.folder, self.sniffer, self.lab.host)
        return self.lab.capture(), read_capture(file)


def told(capture: Capture, *, secrets: bool = True) -> list[list[dict[str, Any]]]:
    """The exchanges of each mail connection, in order, without what differs."""
    table = (capture.with_secrets() if secrets else capture).rows()
    found: dict[int, list[dict[str, Any]]] = {}
    for record in table.records():
        if record["protocol"] != "dns":
            kept = {name: value for name, value in record.items() if name not in LEFT_OUT}
            found.setdefault(record["connection"], []).append(kept)
    return [sorted(rows, key=lambda row: row["exchange"]) for _, rows in sorted(found.items())]


def speak(lab: Served, service: str, *pieces: bytes) -> None:
    """Send octets as they are, each piece at once, and read until the server closes."""
    with socket.create_connection((lab.host, lab.port(service)), timeout=30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.sendall(piece)
        while client.recv(1 << 16):
            pass


def test_sessions_in_plain_text(sniffed: Sniffed) -> None:
    lab = sniffed.lab
    letter = LETTER.replace(b"\n", b"\r\n")
    with smtplib.SMTP(lab.host, lab.port("smtp"), timeout=30) as smtp:
        smtp.sendmail("alice@example.com", ["bob@example.org", "nobody@example.org"], LETTER)
        smtp.sendmail(
            "alice@example.com", "bob@example.org", b"Subject: long\n\n" + b"x" * 70 + b"\n" * 400_000
        )
        smtp.docmd("NONSENSE")
    for mechanism in ("PLAIN", "LOGIN"):
        with smtplib.SMTP(lab.host, lab.port("submission"), timeout=30) as smtp:
            smtp.ehlo()
            smtp.user, smtp.password = BOB
            smtp.auth(mechanism, getattr(smtp, f"auth_{mechanism.lower()}"), initial_response_ok=False)
            smtp.sendmail(BOB[0], "bob@example.org", "Subject: Gr\u00fc\u00dfe\n\n\u00e9\n".encode())
    speak(
        lab,
        "smtp",
        b"EHLO client.example\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n",
        letter + b".\r\nRSET\r\nVRFY bob\r\nQU",
        b"IT\r\n",
    )
    with closing(poplib.POP3(lab.host, lab.port("pop3"), timeout=30)) as pop:
        pop.user(BOB[0])
        pop.pass_(BOB[1])
        assert pop.stat()[0] == 6
        pop.list()
        pop.uidl()
        pop.retr(2)
        pop.top(1, 1)
        pop.dele(2)
        pop.quit()
    speak(lab, "pop3", b"CAPA\r\nUSER bob@example.org\r\nPASS wrong\r\n\x00\xff\r\nQUIT\r\n")
    with imaplib.IMAP4(lab.host, lab.port("imap"), timeout=30) as imap:
        imap.login(*BOB)
        imap.select()
        imap.append("INBOX", "", "", letter)
        imap.fetch("1:*", "(FLAGS BODY.PEEK[HEADER])")
        imap.uid("FETCH", "1", "(BODY[])")
        imap.search(None, "ALL")
        imap.store("1", "+FLAGS", "\\Deleted")
        imap.expunge()
    speak(
        lab,
        "imap",
        b'a1 LOGIN bob@example.org "secret"\r\na2 SELECT INBOX\r\na3 FETCH 9 BODY\r\n',
        b"a4 APPEND INBOX {5+}\r\nhello\r\na5 LOGOUT\r\n",
    )
    live, read = map(told, sniffed.captures())
    assert len(live) == 8
    assert sum(map(len, live)) > 70
    assert read == live


def test_programs_that_connect_and_leave(sniffed: Sniffed) -> None:
    """Clients that say nothing, stop in the middle, or reset the connection."""
    lab = sniffed.lab
    for service in ("smtp", "pop3", "imap"):
        where = lab.host, lab.port(service)
        for said in (b"", b"NOOP", b"a1 NOOP\r\n", b"EHLO x\r\nMAIL FROM:<a@b>\r\n"):
            with socket.create_connection(where, timeout=30) as client:
                client.recv(1 << 16)
                client.sendall(said)
                client.shutdown(socket.SHUT_WR)
                while client.recv(1 << 16):
                    pass
    live, read = map(told, sniffed.captures())
    assert len(live) == 12
    assert read == live


def test_what_was_said_before_tls(sniffed: Sniffed) -> None:
    """An eavesdropper sees the handshake and nothing behind it."""
    lab = sniffed.lab
    trust = ssl.create_default_context(cafile=lab.ca)
    with smtplib.SMTP(lab.host, lab.port("submission"), timeout=30) as smtp:
        smtp.starttls(context=trust)
        smtp.login(*BOB)
    with closing(poplib.POP3(lab.host, lab.port("pop3"), timeout=30)) as pop:
        pop.stls(trust)
        pop.quit()
    with imaplib.IMAP4(lab.host, lab.port("imap"), timeout=30) as imap:
        imap.starttls(trust)
    imaplib.IMAP4_SSL(lab.host, lab.port("imaps"), timeout=30, ssl_context=trust).logout()
    live, read = map(told, sniffed.captures())
    seen = [[row for row in rows if row["verb"] == "TLS" or not row["encrypted"]] for rows in live]
    assert [rows[-1]["verb"] for rows in seen] == ["TLS"] * 4
    assert all(len(rows) > len(part) for rows, part in zip(live, seen, strict=True))
    assert read == seen


@needs("swaks", "curl")
def test_swaks_and_curl(sniffed: Sniffed, tmp_path: Path) -> None:
    lab = sniffed.lab
    swaks = ("swaks", "--server", lab.host, "--helo", "client.example", "--from", "alice@example.com")
    assert run(tmp_path, *swaks, "--to", "bob@example.org", "--pipeline").returncode == 0
    bob = ("curl", "-q", "-sS", "--max-time", "30", "-u", "bob@example.org:secret")
    for url in ("pop3://{}/1", "imap://{}/INBOX;UID=1", "imap://{}/INBOX?ALL"):
        assert run(tmp_path, *bob, url.format(lab.host)).returncode == 0
    live, read = map(told, sniffed.captures())
    assert len(live) == 4
    assert read == live
