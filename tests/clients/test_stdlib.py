"""smtplib, poplib and imaplib on both networks, in clear and in TLS."""

from __future__ import annotations

import poplib
import smtplib
from collections.abc import Iterator

import pytest
from support.office import Office

from labkit.clients.stdlib import IMAP4, POP3, SMTP
from labkit.errors import Stalled
from labkit.net.loopback import LoopbackNetwork
from labkit.net.simulated import SimulatedNetwork

MESSAGE = "Subject: hello\n\n.a dot\n"


@pytest.fixture(params=[SimulatedNetwork, LoopbackNetwork], ids=["simulated", "loopback"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    with Office(network=request.param()) as office:
        for service in ("smtp", "submission", "submissions", "pop3", "imap"):
            office.serve(service)
        yield office


@pytest.mark.parametrize("tls", [False, True])
def test_a_message_goes_round(office: Office, tls: bool) -> None:
    where = office.network, office.client(), office.host.address
    context = office.authority.client_context()
    with SMTP(*where, 587) as smtp:
        if tls:
            smtp.starttls(context=context)
        smtp.login("bob@example.org", "secret")
        smtp.sendmail("bob@example.org", ["bob@example.org"], MESSAGE)

    pop3 = POP3(*where)
    if tls:
        pop3.stls(context)
    pop3.user("bob@example.org")
    pop3.pass_("secret")
    assert pop3.retr(1)[1][-1] == b".a dot"
    pop3.quit()

    imap = IMAP4(*where)
    if tls:
        imap.starttls(context)
    imap.login("bob@example.org", "secret")
    assert imap.select()[1] == [b"1"]
    assert b"from client1.example" in imap.fetch("1", "(BODY[HEADER])")[1][0][1]
    imap.logout()
    assert all(record.layer == "plain" for record in office.network.tap.records) != tls


def test_implicit_tls(office: Office) -> None:
    where = office.network, office.client(), "mx.example.org"  # a name will do, too
    with SMTP(*where, 465, tls=office.authority.client_context()) as smtp:
        assert smtp.ehlo()[0] == 250
        assert not smtp.has_extn("starttls")


def test_refusals_are_the_librarys_own(office: Office) -> None:
    where = office.network, office.client(), office.host.address
    with SMTP(*where) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        smtp.sendmail("a@b.example", ["nobody@example.org"], MESSAGE)
    assert caught.value.recipients["nobody@example.org"][0] == 550
    pop3 = POP3(*where)
    with pytest.raises(poplib.error_proto):
        pop3.user("bob@example.org") and pop3.pass_("wrong")
    pop3.close()


def test_tags_are_not_drawn_at_random(office: Office) -> None:
    imap = IMAP4(office.network, office.client(), office.host.address)
    imap.noop()
    imap.logout()
    sent = [record.data for record in office.network.tap.records if record.sender == "client"]
    assert sent == [b"A0 CAPABILITY\r\n", b"A1 NOOP\r\n", b"A2 LOGOUT\r\n"]


def test_an_answer_that_can_never_come_is_said_so() -> None:
    with Office() as office:
        office.serve("smtp")
        smtp = SMTP(office.network, office.client(), office.host.address)
        with pytest.raises(Stalled, match="waits for a command"):
            smtp.getreply()
        smtp.close()
