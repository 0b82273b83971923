"""The console: whatever is typed goes out, and each reply ends where its protocol says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from support.office import Office

from labkit.clients.console import Console
from labkit.errors import LabError, Stalled
from labkit.net.loopback import LoopbackNetwork
from labkit.net.simulated import SimulatedNetwork


@pytest.fixture(params=[SimulatedNetwork, LoopbackNetwork], ids=["simulated", "loopback"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    with Office(network=request.param()) as office:
        for service in ("smtp", "submissions", "pop3", "imap"):
            office.serve(service)
        yield office


def console(office: Office, port: int) -> Console:
    return Console(office.network, office.client(), office.host.address, port)


def test_smtp_typed_by_hand(office: Office) -> None:
    with console(office, 25) as smtp:
        assert smtp.ask("HELO me") == "250 mx.example.org"
        assert smtp.ask("EHLO me").splitlines()[0] == "250-mx.example.org greets me"
        smtp.send("MAIL FROM:<>\nRCPT TO:<bob@example.org>\nDATA")
        assert [smtp.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        smtp.send("Subject: hello")
        smtp.send("")
        assert smtp.ask("Hello.\n.").startswith("250 2.0.0 Ok: queued")
        assert repr(smtp.ask("QUIT")) == "221 2.0.0 Goodbye"
        assert smtp.transcript.splitlines()[:3] == [
            "S: 220 mx.example.org ESMTP labkit",
            "C: HELO me",
            "S: 250 mx.example.org",
        ]
    assert office.accepted[0].data.endswith(b"Subject: hello\r\n\r\nHello.\r\n")


def test_pop3_typed_by_hand(office: Office) -> None:
    office.store.deliver("bob@example.org", b"Subject: x\r\n\r\n.dot\r\n")
    with console(office, 110) as pop3:
        assert "USER" in pop3.ask("CAPA").splitlines()
        pop3.send("USER bob@example.org\r\nPASS secret\r\nLIST\r\nLIST 1\r\nTOP 9 0")
        assert [len(pop3.reply().splitlines()) for _ in range(5)] == [1, 1, 3, 1, 1]
        assert pop3.ask("RETR 1").endswith("\n..dot\n.")
        assert pop3.ask("QUIT").startswith("+OK")


def test_imap_typed_by_hand(office: Office) -> None:
    office.store.deliver("bob@example.org", b"Subject: x\r\n\r\n* not a line of the server's\r\n")
    with console(office, 143) as imap:
        assert imap.ask("a LOGIN {15}").startswith("+")
        assert imap.ask("bob@example.org secret").startswith("a OK")
        assert imap.ask("b SELECT INBOX").splitlines()[-1].startswith("b OK")
        fetched = imap.ask("c FETCH 1 (BODY[TEXT])").splitlines()
        assert fetched[1:3] == ["* not a line of the server's", ")"]
        assert fetched[-1].startswith("c OK")


def test_lines_inside_a_literal_have_no_reply(office: Office) -> None:
    with console(office, 143) as imap:
        assert imap.type("a LOGIN {15}") == "C: a LOGIN {15}\nS: + ready for 15 octets"
        assert imap.type("bob@example.org {6+}\nsecret").endswith("S: a OK LOGIN completed")
        letter = "Subject: x\n\nGrüße\n.\n"
        said = imap.type(f"b APPEND INBOX {{{len(letter.encode()) + 4}}}\n{letter}\nc NOOP")
        assert re.sub(r"UID \d+ ", "UID 7 ", said).splitlines()[1:] == [
            *("S: + ready for 26 octets", "C: Subject: x", "C: ", "C: Grüße", "C: .", "C: "),
            *("S: b OK [APPENDUID 7 1] APPEND completed", "C: c NOOP", "S: c OK NOOP completed"),
        ]
        said = imap.type("d APPEND INBOX {30}\nSubject: x")
        assert said.endswith(" still reads the command, and waits for 18 octets of the literal]")
        assert imap.type("123456789\n12345").endswith("waits for the rest of the command]")
        assert " OK " in imap.type("")
        assert "e NO [TOOBIG]" in imap.type("e APPEND INBOX {99999999999}\nf NOOP").splitlines()[1]
    (first, _) = office.store.account("bob@example.org").inbox
    assert first.data == letter.encode().replace(b"\n", b"\r\n")


def test_tls_both_ways(office: Office) -> None:
    trust = office.authority.client_context()
    with console(office, 25) as smtp:
        assert smtp.ask("STARTTLS").startswith("220")
        smtp.start_tls(trust)
        assert smtp.ask("NOOP").startswith("250")
    with Console(office.network, office.client(), "mx.example.org", 465, tls=trust) as smtp:
        assert smtp.ask("NOOP").startswith("250")


def test_octets_as_they_are(office: Office) -> None:
    with console(office, 25) as smtp:
        smtp.send_octets(b"NO")
        smtp.send_octets(b"OP\r\n")
        assert smtp.line().startswith("250")


def test_a_server_that_has_gone(office: Office) -> None:
    smtp = console(office, 25)
    with pytest.raises(LabError, match="call connect"):
        smtp.send("NOOP")
    smtp.connect()
    with pytest.raises(LabError, match="already"):
        smtp.connect()
    smtp.ask("QUIT")
    with pytest.raises(LabError, match="has closed the connection"):
        smtp.reply()
    smtp.close()


def test_what_the_server_waits_for_is_said() -> None:
    with Office() as office:
        office.serve("smtp")
        with console(office, 25) as smtp:
            smtp.send("EHLO me\nMAIL FROM:<>\nRCPT TO:<bob@example.org>\nDATA")
            for _ in range(4):
                smtp.reply()
            with pytest.raises(Stalled, match="waits for a line with only a dot"):
                smtp.ask("QUIT")
            assert smtp.ask(".").startswith("250")


def test_loopback_waits_only_so_long() -> None:
    with Office(network=LoopbackNetwork()) as office:
        office.serve("smtp")
        smtp = Console(office.network, office.client(), office.host.address, 25, timeout=0.05)
        with smtp, pytest.raises(LabError, match=r"has not answered in 0\.05 seconds"):
            smtp.reply()


def test_typing_waits_for_each_reply_and_never_in_vain(office: Office) -> None:
    smtp = console(office, 25)
    assert smtp.type("NOOP") == "[this console is not connected: call connect() first]"
    smtp.connect()
    assert smtp.type("HELO me\nMAIL FROM:<>").splitlines() == [
        "C: HELO me",
        "S: 250 mx.example.org",
        "C: MAIL FROM:<>",
        "S: 250 2.1.0 Ok",
    ]
    said = smtp.type("RCPT TO:<bob@example.org>\nDATA\nSubject: hello\n\nQUIT").splitlines()
    assert said[-2:] == [
        "C: QUIT",
        f"[{smtp._server} still reads the letter, and waits for a line with only a dot]",
    ]
    assert smtp.type(".\nQUIT").splitlines()[1].startswith("S: 250 2.0.0 Ok: queued")
    assert smtp.type("NOOP").splitlines()[-1].startswith(f"[{smtp._server}")
    smtp.close()
    assert office.accepted[0].data.endswith(b"Subject: hello\r\n\r\nQUIT\r\n")
