"""Other people's mechanisms against ours: curl, GNU SASL in mpop and msmtp, fetchmail, Perl's Net::POP3."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.programs import needs, run, settings
from support.serving import LETTER, Served

pytestmark = pytest.mark.programs

DIGESTS = ["CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]
TOKENS = ["OAUTHBEARER", "XOAUTH2"]
ALL = ["PLAIN", "LOGIN", *DIGESTS, *TOKENS]


def logins(lab: Served) -> list[tuple[str, str, str]]:
    """Mechanism, user and outcome of each; the capture holds no secret where it is not asked for."""
    lab.stop()
    capture = lab.capture()
    assert "secret" not in "".join(str(row.argument) for row in capture.rows())
    assert set(capture.rows()["flaw"]) == {None}
    return [(row.mechanism, row.user, row.outcome) for row in capture.rows("logins")]


def has_scram() -> bool:
    curl = shutil.which("curl")
    told = subprocess.run([curl, "--version"], capture_output=True, text=True, check=True) if curl else None
    return told is not None and "gsasl" in told.stdout


@needs("curl")
@pytest.mark.parametrize("mechanism", ALL[:-1])  # with a token it takes OAUTHBEARER wherever that is offered
@pytest.mark.parametrize("service", ["pop3", "imap", "submission"])
def test_curl(lab: Served, service: str, mechanism: str) -> None:
    if mechanism.startswith("SCRAM") and not has_scram():
        pytest.skip("this curl was built without GNU SASL, and knows no SCRAM")

    def curl(secret: str) -> int:
        scheme, path = {"pop3": ("pop3", "1"), "imap": ("imap", "INBOX;UID=1")}.get(service, ("smtp", "me"))
        who = ["-u", f"bob@example.org:{secret}"]
        if mechanism in TOKENS:
            who = ["-u", "bob@example.org:", "--oauth2-bearer", secret]
        mail = [
            "--mail-from",
            "bob@example.org",
            "--mail-rcpt",
            "bob@example.org",
            "--crlf",
            "-T",
            "letter.eml",
        ]
        options = [*who, "--login-options", f"AUTH={mechanism}", *(mail if scheme == "smtp" else [])]
        url = f"{scheme}://{lab.at(service)}/{path}"
        return run(lab.folder, "curl", "-q", "-sS", "--max-time", "30", *options, url).returncode

    assert curl("wrong") != 0
    assert curl("secret") == 0
    assert logins(lab) == [
        (mechanism, "bob@example.org", "permanent"),
        (mechanism, "bob@example.org", "ok"),
    ]


@needs("curl")
def test_curl_apop(lab: Served) -> None:
    url = f"pop3://{lab.at('pop3')}/1"
    options = ["-u", "bob@example.org:secret", "--login-options", "AUTH=+APOP"]
    ran = run(lab.folder, "curl", "-q", "-sS", "--max-time", "30", *options, url)
    assert (ran.returncode, ran.stdout) == (0, LETTER.decode())
    assert logins(lab) == [("APOP", "bob@example.org", "ok")]


@needs("mpop")
@pytest.mark.parametrize("mechanism", [*ALL, "APOP"])
def test_mpop(lab: Served, tmp_path: Path, mechanism: str) -> None:
    rc = settings(
        tmp_path,
        "mpoprc",
        f"account default\nhost {lab.host}\nport {lab.port('pop3')}\nuser bob@example.org\n"
        f"auth {mechanism.lower()}\npassword secret\nkeep on\ndelivery mbox {tmp_path / 'fetched'}\n"
        f"uidls_file {tmp_path / 'uidls'}\nreceived_header off\ntls off\n",
    )
    ran = run(tmp_path, "mpop", "-C", rc)
    assert ran.returncode == 0, ran.stderr
    assert logins(lab) == [(mechanism, "bob@example.org", "ok")]


@needs("msmtp")
@pytest.mark.parametrize("mechanism", ALL)
def test_msmtp(lab: Served, tmp_path: Path, mechanism: str) -> None:
    rc = settings(
        tmp_path,
        "msmtprc",
        f"account default\nhost {lab.host}\nport {lab.port('submission')}\nfrom bob@example.org\n"
        f"user bob@example.org\nauth {mechanism.lower()}\npassword secret\ntls off\n",
    )
    ran = run(tmp_path, "msmtp", "-C", rc, "bob@example.org", text=LETTER.decode())
    assert ran.returncode == 0, ran.stderr
    assert logins(lab) == [(mechanism, "bob@example.org", "ok")]


@needs("fetchmail")
@pytest.mark.parametrize(
    ("protocol", "how", "mechanism"),
    [
        ("APOP", "auth password", "APOP"),
        ("POP3", "auth cram-md5", "CRAM-MD5"),
        ("IMAP", "auth cram-md5", "CRAM-MD5"),
    ],
)
def test_fetchmail(lab: Served, tmp_path: Path, protocol: str, how: str, mechanism: str) -> None:
    port = lab.port("imap" if protocol == "IMAP" else "pop3")
    rc = settings(
        tmp_path,
        "fetchmailrc",
        f"poll {lab.host} protocol {protocol} port {port} {how}\n"
        f'  user "bob@example.org" password "secret" no keep fetchall no rewrite sslproto ""\n'
        f'  mda "cat > {tmp_path / "fetched"}" stripcr\n',
    )
    pid = str(tmp_path / "pid")
    ran = run(tmp_path, "fetchmail", "-f", rc, "--nodetach", "--invisible", "--pidfile", pid)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "fetched").read_bytes() == LETTER
    assert logins(lab) == [(mechanism, "bob@example.org", "ok")]


@needs("perl")
@pytest.mark.parametrize("call", ["login", "apop"])
def test_net_pop3(lab: Served, tmp_path: Path, call: str) -> None:
    program = tmp_path / "fetch.pl"
    program.write_text(
        "use Net::POP3;\n"
        f'my $pop = Net::POP3->new("{lab.host}", Port => {lab.port("pop3")}) or die "nobody answers";\n'
        f'defined $pop->{call}("bob@example.org", "secret") or die "refused";\n'.replace("@", "\\@")
        + "print @{$pop->get(1)};\n"
        "$pop->quit;\n"
    )
    ran = run(tmp_path, "perl", str(program))
    assert (ran.returncode, ran.stdout) == (0, LETTER.decode()), ran.stderr
    assert logins(lab) == [("APOP" if call == "apop" else "USER", "bob@example.org", "ok")]
