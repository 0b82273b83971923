"""tshark reads the captures that labkit writes, finds nothing wrong, and the same commands and replies."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
from contextlib import closing
from pathlib import Path

import pytest
from support.programs import fields, needs, run
from support.serving import LETTER, SERVICES

from labkit.cli import main
from labkit.tables import Capture, Table, read_capture
from labkit.world.serve import Options, Serving, serve

pytestmark = [pytest.mark.programs, needs("tshark")]

BOB = ("bob@example.org", "secret")


def said(capture: Capture, protocol: str) -> Table:
    """The plain exchanges of a protocol; a TLS handshake is none of the protocol's."""
    return (
        capture.with_secrets()
        .rows()
        .where(protocol=protocol, encrypted=False)
        .where(lambda row: row.verb != "TLS")
    )


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("toured") / "tour.pcap"
    assert main(["tour", "--format", "pcap", "-o", str(file)]) == 0
    return file


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sessions with Python's own clients on real TCP: refusals, logins, large messages, TLS."""
    file = tmp_path_factory.mktemp("served") / "served.pcap"
    options = Options(users=dict([BOB]), ports=dict.fromkeys(SERVICES, 0), capture=file)
    with serve(options) as serving:
        speak(serving)
    return file


def speak(lab: Serving) -> None:
    def at(service: str) -> tuple[str, int]:
        where = lab.endpoints[service]
        return where["host"], where["port"]

    trust = ssl.create_default_context(cafile=str(lab.ca_file))
    with smtplib.SMTP(*at("smtp"), timeout=30) as smtp:
        smtp.sendmail("alice@example.com", ["bob@example.org", "nobody@example.org"], LETTER)
        smtp.sendmail("alice@example.com", "bob@example.org", b"Subject: long\n\n" + b"QUIT\n" * 50_000)
    for mechanism in ("PLAIN", "LOGIN"):
        with smtplib.SMTP(*at("submission"), timeout=30) as smtp:
            smtp.ehlo()
            smtp.user, smtp.password = BOB
            smtp.auth(mechanism, getattr(smtp, f"auth_{mechanism.lower()}"))
            smtp.sendmail(BOB[0], BOB[0], LETTER)
    with smtplib.SMTP(*at("submission"), timeout=30) as smtp:
        smtp.starttls(context=trust)
        smtp.login(*BOB)
    with closing(poplib.POP3(*at("pop3"), timeout=30)) as pop:
        pop.user(BOB[0])
        pop.pass_(BOB[1])
        pop.uidl()
        pop.retr(2)
        pop.dele(1)
        pop.quit()
    with imaplib.IMAP4_SSL(*at("imaps"), timeout=30, ssl_context=trust) as imap:
        imap.login(*BOB)
    with imaplib.IMAP4(*at("imap"), timeout=30) as imap:
        imap.login(*BOB)
        imap.select()
        imap.append("INBOX", "", "", LETTER.replace(b"\n", b"\r\n"))
        imap.uid("FETCH", "1:*", "(FLAGS BODY[])")
        imap.search(None, "ALL")


@pytest.fixture(params=["toured", "served"])
def file(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def test_nothing_is_wrong_with_the_packets(file: Path) -> None:
    checks = [option for kind in ("ip", "tcp", "udp") for option in ("-o", f"{kind}.check_checksum:TRUE")]
    wrong = "_ws.malformed or tcp.analysis.flags or ip.checksum.status == 0 or tcp.checksum.status == 0"
    ran = run(file.parent, "tshark", "-r", file.name, *checks, "-Y", f"{wrong} or udp.checksum.status == 0")
    assert (ran.returncode, ran.stdout) == (0, "")
    (protocols,) = fields(file, "frame.protocols")
    assert len(protocols) > 70


def test_smtp(file: Path) -> None:
    commands, arguments, codes = fields(file, "smtp.req.command", "smtp.req.parameter", "smtp.response.code")
    rows = said(read_capture(file), "smtp")
    # Lines of a login and a message's end have fields of their own there.
    lines = [
        " ".join(filter(None, (row.verb, row.argument)))
        for row in rows
        if row.verb not in (None, ".", "(response)")
    ]
    # It splits a line where all commands of RFC 821 end, STARTTLS as well.
    assert [command.upper() for command in commands] == [line[:4] for line in lines]
    assert arguments == [line[5:] for line in lines if line[5:]]
    assert codes == [row.status for row in rows]


def test_pop3(file: Path) -> None:
    commands, arguments, indicators, descriptions = fields(
        file,
        *("pop.request.command", "pop.request.parameter"),
        *("pop.response.indicator", "pop.response.description"),
    )
    rows = said(read_capture(file), "pop3")
    assert commands == [verb for verb in rows["verb"] if verb]
    assert arguments == [argument for argument in rows["argument"] if argument]
    assert indicators == rows["status"]
    assert descriptions == [text for text in rows["text"] if text]


def test_imap(file: Path) -> None:
    requests, statuses = fields(file, "imap.request", "imap.response.status")
    rows = [row for row in said(read_capture(file), "imap") if row.tag]
    lines = [" ".join(filter(None, (row.tag, row.verb, row.argument))) for row in rows]
    # What follows a literal is a line of its own there.
    assert [line for line in requests if line.split()[0] in {row.tag for row in rows}] == lines
    # It takes the first word behind the + of a continuation for a status.
    assert [status for status in statuses if status != "ready"] == [row.status for row in rows]


def test_dns(toured: Path) -> None:
    (names,) = fields(toured, "dns.qry.name")
    rows = said(read_capture(toured), "dns")
    assert names == [name for row in rows for name in (row.argument, row.argument)], "asked, and repeated"


def test_tls(served: Path) -> None:
    (handshakes,) = fields(served, "tls.handshake.type")
    hello = "1"
    assert handshakes.count(hello) == 2
    assert [row.verb for row in read_capture(served).rows() if row.encrypted or row.verb == "TLS"] == [
        "TLS"
    ] * 2
