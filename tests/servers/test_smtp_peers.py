"""aiosmtplib, which shares no code with us, as the SMTP server's client on the simulated network."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage

import aiosmtplib
import pytest
from support.office import Office


@pytest.fixture
def office() -> Iterator[Office]:
    with Office() as office:
        office.network.host("localhost")  # what asyncio's own clients run on
        office.serve("smtp")
        office.serve("submission")
        yield office


def message() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "bob@example.org", "carol@example.net", "Grüße"
    message.set_content(".one dot\n..two\n")
    return message


@pytest.mark.parametrize("tls", [False, True])
def test_aiosmtplib_submits(office: Office, tls: bool) -> None:
    sending = aiosmtplib.send(
        message(),
        hostname="mx.example.org",
        port=587,
        username="bob@example.org",
        password="secret",
        start_tls=tls,
        tls_context=office.authority.client_context() if tls else None,
        local_hostname="client.example",
    )
    refused, reply = office.network.run(sending)
    # it logged in with CRAM-MD5, whose challenge took the second number
    assert (refused, reply) == ({}, "2.0.0 Ok: queued as 0000000003")
    (envelope,) = office.accepted
    assert envelope.data.endswith(b"\r\n\r\n.one dot\r\n..two\r\n")
    assert (b"with ESMTPSA id" in envelope.data) == tls


def test_aiosmtplib_is_refused(office: Office) -> None:
    sending = aiosmtplib.send(
        message(), hostname="mx.example.org", port=25, start_tls=False, local_hostname="client.example"
    )
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as caught:
        office.network.run(sending)
    assert caught.value.recipients[0].code == 550
    assert "no relaying" in caught.value.recipients[0].message
