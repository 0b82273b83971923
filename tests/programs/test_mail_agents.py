"""msmtp, mpop and fetchmail: sending and fetching as a mail agent does it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.programs import needs, run, settings
from support.serving import LETTER, Served

pytestmark = pytest.mark.programs

NOT_AVAILABLE, REFUSED, NO_PERMISSION = 69, 65, 77  # sysexits.h, which msmtp and mpop follow
TLS = {"plain": "tls off", "starttls": "tls on\ntls_starttls on", "implicit": "tls on\ntls_starttls off"}
CAPTURED_TLS = {"plain": "none", "starttls": "STARTTLS", "implicit": "implicit"}


@needs("msmtp")
@pytest.mark.parametrize("tls", TLS)
def test_msmtp(lab: Served, tmp_path: Path, tls: str) -> None:
    service = "smtps" if tls == "implicit" else "submission"
    rc = settings(
        tmp_path,
        "msmtprc",
        f"account default\nhost {lab.host}\nport {lab.port(service)}\nfrom alice@example.com\n"
        f"auth {'login' if tls == 'implicit' else 'plain'}\nuser bob@example.org\npassword secret\n"
        f"tls_trust_file {lab.ca}\n{TLS[tls]}\n",
    )
    assert run(tmp_path, "msmtp", "-C", rc, "bob@example.org", text=LETTER.decode()).returncode == 0
    refused = run(tmp_path, "msmtp", "-C", rc, "nobody@example.org", text=LETTER.decode())
    assert refused.returncode == REFUSED
    assert "550 5.1.1 <nobody@example.org>: no such user here" in refused.stderr
    lab.stop()
    (message,) = lab.capture().messages_carried()
    assert message.data.endswith(LETTER.replace(b"\n", b"\r\n")), "below the Date that msmtp adds"
    assert lab.capture().rows("connections")["tls"] == [CAPTURED_TLS[tls]] * 2


@needs("mpop")
@pytest.mark.parametrize("tls", TLS)
def test_mpop(lab: Served, tmp_path: Path, tls: str) -> None:
    service = "pop3s" if tls == "implicit" else "pop3"

    def mpop(password: str) -> int:
        rc = settings(
            tmp_path,
            "mpoprc",
            f"account default\nhost {lab.host}\nport {lab.port(service)}\nuser bob@example.org\n"
            f"auth {'user' if tls == 'plain' else 'plain'}\npassword {password}\nkeep off\n"
            f"delivery mbox {tmp_path / 'fetched'}\nuidls_file {tmp_path / 'uidls'}\n"
            f"received_header off\ntls_trust_file {lab.ca}\n{TLS[tls]}\n",
        )
        return run(tmp_path, "mpop", "-C", rc).returncode

    assert mpop("wrong") == NO_PERMISSION
    assert mpop("secret") == 0
    assert mpop("secret") == 0, "the maildrop is empty now"
    envelope, _, message = (tmp_path / "fetched").read_bytes().partition(b"\n")
    assert envelope.startswith(b"From ")
    assert message.rstrip(b"\n") == LETTER.rstrip(b"\n")
    lab.stop()
    rows = lab.capture().rows()
    assert [verb for verb in rows["verb"] if verb in ("RETR", "DELE")] == ["RETR", "DELE"]
    assert set(rows["flaw"]) == {None}
    assert lab.capture().rows("connections")["tls"] == [CAPTURED_TLS[tls]] * 3


@needs("fetchmail")
@pytest.mark.parametrize("protocol", ["POP3", "IMAP"])
@pytest.mark.parametrize("tls", TLS)
def test_fetchmail(lab: Served, tmp_path: Path, tls: str, protocol: str) -> None:
    service = protocol.lower() + ("s" if tls == "implicit" else "")
    secure = {
        "plain": 'sslproto ""',
        "starttls": f'sslproto TLS1.2+ sslcertck sslcertfile "{lab.ca}" sslcommonname localhost',
        "implicit": f'ssl sslcertck sslcertfile "{lab.ca}" sslcommonname localhost',
    }
    rc = settings(
        tmp_path,
        "fetchmailrc",
        f"poll {lab.host} protocol {protocol} port {lab.port(service)} auth password\n"
        f'  user "bob@example.org" password "secret" no keep fetchall no rewrite {secure[tls]}\n'
        f'  mda "cat > {tmp_path / "fetched"}" stripcr\n',
    )
    ran = run(
        tmp_path, "fetchmail", "-f", rc, "--nodetach", "--invisible", "--pidfile", str(tmp_path / "pid")
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "fetched").read_bytes() == LETTER
    lab.stop()
    rows = lab.capture().rows()
    assert ("DELE" if protocol == "POP3" else "EXPUNGE") in rows["verb"]
    assert set(rows["flaw"]) == {None}
    (connection,) = lab.capture().rows("connections")
    assert (connection.tls, connection.user) == (CAPTURED_TLS[tls], "bob@example.org")
    (message,) = lab.capture().messages_carried()  # of IMAP the header and the text, each by itself
    assert (message.data, message.complete) == (LETTER.replace(b"\n", b"\r\n"), True)
