"""Python's own smtplib, poplib and imaplib, from outside, against `labkit serve`."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.message import EmailMessage

import pytest
from support.serving import LETTER, Served

BOB = ("bob@example.org", "secret")
SECURE = ("none", "STARTTLS", "implicit")
STORED = LETTER.replace(b"\n", b"\r\n")

secured = pytest.mark.parametrize("secure", SECURE)


def trust(lab: Served) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=lab.ca)


@secured
def test_smtplib(lab: Served, secure: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = BOB[0], BOB[0], "Grüße"
    message.set_content(".one dot\n..two\n")
    client: smtplib.SMTP
    if secure == "implicit":
        client = smtplib.SMTP_SSL(lab.host, lab.port("smtps"), timeout=30, context=trust(lab))
    else:
        client = smtplib.SMTP(lab.host, lab.port("submission"), timeout=30)
    with client:
        if secure == "STARTTLS":
            client.starttls(context=trust(lab))
        with pytest.raises(smtplib.SMTPSenderRefused, match="Authentication required"):
            client.send_message(message)
        client.login(*BOB)
        refused = client.send_message(message, to_addrs=[BOB[0], "nobody@example.org"])
        assert refused == {"nobody@example.org": (550, b"5.1.1 <nobody@example.org>: no such user here")}
        with pytest.raises(smtplib.SMTPSenderRefused, match=r"5\.3\.4"):
            client.sendmail(BOB[0], [BOB[0]], "x" * 40_000_000)
    lab.stop()
    (carried,) = lab.capture().messages_carried()
    assert carried.data.splitlines() == message.as_bytes().splitlines()
    (connection,) = lab.capture().rows("connections")
    assert (connection.tls, connection.user, connection.step) == (secure, BOB[0], "submit")


@secured
def test_poplib(lab: Served, secure: str) -> None:
    client: poplib.POP3
    if secure == "implicit":
        client = poplib.POP3_SSL(lab.host, lab.port("pop3s"), timeout=30, context=trust(lab))
    else:
        client = poplib.POP3(lab.host, lab.port("pop3"), timeout=30)
    with closing(client):
        if secure == "STARTTLS":
            client.stls(trust(lab))
        client.user(BOB[0])
        with pytest.raises(poplib.error_proto, match="-ERR"):
            client.pass_("wrong")
        client.user(BOB[0])
        client.pass_(BOB[1])
        assert client.stat() == (1, len(STORED))
        assert client.retr(1)[1] == LETTER.splitlines()
        assert client.top(1, 1)[1] == LETTER.splitlines()[:5]
        client.dele(1)
        client.quit()
    lab.stop()
    assert [row.outcome for row in lab.capture().rows("logins")] == ["permanent", "ok"]
    (connection,) = lab.capture().rows("connections")
    assert (connection.tls, connection.ended) == (secure, "quit")


@contextmanager
def imap(lab: Served, secure: str) -> Iterator[imaplib.IMAP4]:
    if secure == "implicit":
        client: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            lab.host, lab.port("imaps"), timeout=30, ssl_context=trust(lab)
        )
    else:
        client = imaplib.IMAP4(lab.host, lab.port("imap"), timeout=30)
    with client:
        if secure == "STARTTLS":
            client.starttls(trust(lab))
        yield client


@secured
def test_imaplib(lab: Served, secure: str) -> None:
    with imap(lab, secure) as client:
        with pytest.raises(imaplib.IMAP4.error):
            client.login(BOB[0], "wrong")
        client.login(*BOB)
        assert client.select() == ("OK", [b"1"])
        assert client.append("INBOX", "(\\Seen)", "", STORED)[0] == "OK"
        assert client.search(None, "SUBJECT", "letter") == ("OK", [b"1 2"])
        _, ((described, data), _) = client.uid("FETCH", "2", "(FLAGS BODY.PEEK[])")
        assert data == STORED
        assert described.startswith(b"2 (UID 2 FLAGS (\\Recent \\Seen)")
        assert client.create("Saved")[0] == "OK"
        assert client.copy("1:2", "Saved")[0] == "OK"
        assert client.store("1", "+FLAGS", "\\Deleted")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])
        assert client.status("Saved", "(MESSAGES)") == ("OK", [b"Saved (MESSAGES 2)"])
    lab.stop()
    assert [row.outcome for row in lab.capture().rows("logins")] == ["permanent", "ok"]
    (connection,) = lab.capture().rows("connections")
    assert (connection.tls, connection.ended) == (secure, "quit")
