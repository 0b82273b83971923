"""curl, which speaks SMTP, POP3 and IMAP, against `labkit serve`."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.programs import needs, run
from support.serving import LETTER, Served

pytestmark = [pytest.mark.programs, needs("curl")]

RECIPIENT_REFUSED, NOT_TRUSTED, LOGIN_DENIED = 55, 60, 67  # what curl exits with
BOB = ("-u", "bob@example.org:secret")
SEND = ("--mail-from", "alice@example.com", "--crlf", "-T", "letter.eml", "--mail-rcpt")
SECURE = (("", ()), ("", ("--ssl-reqd",)), ("s", ()))
TLS = ["none", "STARTTLS", "implicit"]


def curl(lab: Served, service: str, path: str, *options: str) -> tuple[int, str]:
    """Its exit code and output; `service` is the URL's scheme as well."""
    scheme = "smtp" if service == "submission" else service
    url = f"{scheme}://{lab.at(service)}/{path}"
    ran = run(lab.folder, "curl", "-q", "-sS", "--max-time", "30", "--cacert", lab.ca, *options, url)
    return ran.returncode, ran.stdout


def test_it_sends(lab: Served) -> None:
    bob = (*SEND, "bob@example.org")
    assert curl(lab, "smtp", "client.example", *bob) == (0, "")
    assert curl(lab, "submission", "client.example", *bob, *BOB, "--ssl-reqd") == (0, "")
    assert curl(lab, "smtps", "client.example", *bob, *BOB) == (0, "")
    assert curl(lab, "smtp", "client.example", *SEND, "nobody@example.org")[0] == RECIPIENT_REFUSED
    assert curl(lab, "smtps", "x", *bob, "-u", "bob@example.org:wrong")[0] == LOGIN_DENIED
    lab.stop()
    messages = lab.capture().messages_carried()
    assert [each.data for each in messages] == [LETTER.replace(b"\n", b"\r\n")] * 3
    assert lab.capture().rows("connections")["tls"] == [*TLS, "none", "implicit"]


def test_it_reads_by_pop3(lab: Served) -> None:
    for secure, options in SECURE:
        service = f"pop3{secure}"
        code, listed = curl(lab, service, "", *BOB, *options)
        assert (code, listed.split()) == (0, ["1", str(len(LETTER.replace(b"\n", b"\r\n")))])
        assert curl(lab, service, "1", *BOB, *options) == (0, LETTER.decode())
    assert curl(lab, "pop3", "1", "-u", "bob@example.org:wrong")[0] == LOGIN_DENIED
    lab.stop()
    assert lab.capture().rows("connections")["tls"] == [tls for tls in TLS for _ in range(2)] + ["none"]
    assert set(lab.capture().rows()["flaw"]) == {None}


def test_it_reads_by_imap(lab: Served) -> None:
    for secure, options in SECURE:
        service = f"imap{secure}"
        assert curl(lab, service, "", *BOB, *options) == (0, '* LIST () "/" INBOX\n')
        assert curl(lab, service, "INBOX;UID=1", *BOB, *options) == (0, LETTER.decode())
        assert curl(lab, service, "INBOX;UID=1;SECTION=TEXT", *BOB, *options) == (
            0,
            LETTER.decode().partition("\n\n")[2],
        )
        assert curl(lab, service, "INBOX?SUBJECT%20letter", *BOB, *options) == (0, "* SEARCH 1\n")
    assert curl(lab, "imap", "INBOX", *BOB, "-X", "STORE 1 +FLAGS \\Flagged") == (
        0,
        "* 1 FETCH (FLAGS (\\Flagged \\Seen))\n",
    )
    assert curl(lab, "imap", "INBOX", *BOB, "-T", "letter.eml") == (0, "")
    assert curl(lab, "imap", "INBOX;UID=2", *BOB) == (0, LETTER.decode())
    lab.stop()
    rows = lab.capture().rows()
    assert set(rows["flaw"]) == {None}
    assert rows["verb"].count("APPEND") == 1


def test_pieces_that_it_fetched_are_a_message(lab: Served) -> None:
    url = f"imap://{lab.at('imap')}/INBOX;UID=1;PARTIAL="
    urls = [f"{url}{piece}" for piece in ("30.30", "0.40", "60.500")]
    ran = run(lab.folder, "curl", "-q", "-sS", "--max-time", "30", *BOB, *urls)
    assert ran.returncode == 0
    assert len(ran.stdout) > len(LETTER)
    lab.stop()
    (message,) = lab.capture().rows("messages")
    assert (message.uid, message.complete) == (1, True)
    assert lab.capture().messages_carried()[0].data == LETTER.replace(b"\n", b"\r\n")


def test_it_trusts_the_labs_authority_only_when_told_to(lab: Served, tmp_path: Path) -> None:
    ran = run(tmp_path, "curl", "-q", "-s", "--max-time", "30", *BOB, f"imaps://{lab.at('imaps')}/")
    assert ran.returncode == NOT_TRUSTED
    lab.stop()
    assert lab.capture().rows()["verb"] == ["TLS"]
