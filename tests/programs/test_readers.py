"""What else people read mail with: mbsync, s-nail by IMAP, Perl's Net::POP3 in TLS; and what they choose."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from support.programs import needs, run, settings
from support.serving import LETTER, Served

pytestmark = pytest.mark.programs

SECURE = {"plain": "none", "starttls": "STARTTLS", "implicit": "implicit"}
secured = pytest.mark.parametrize("secure", SECURE)


def seen(lab: Served, secure: str, *mechanisms: str) -> None:
    """It has logged in by these mechanisms, protected like that, and nothing either side said was wrong."""
    lab.stop()
    capture = lab.capture()
    assert tuple(row.mechanism for row in capture.rows("logins")) == mechanisms
    assert set(capture.rows("connections")["tls"]) == {SECURE[secure]}
    assert set(capture.rows()["flaw"]) == {None}


@needs("getmail", "tee")
def test_getmail_leaves_mail_on_the_server_and_knows_it_again(lab: Served, tmp_path: Path) -> None:
    rc = settings(
        tmp_path,
        "getmailrc",
        f"[retriever]\ntype = SimplePOP3Retriever\nserver = {lab.host}\nport = {lab.port('pop3')}\n"
        "username = bob@example.org\npassword = secret\n"
        f"[destination]\ntype = MDA_external\npath = /usr/bin/tee\narguments = ('{tmp_path / 'fetched'}',)\n"
        "allow_root_commands = true\n"
        "[options]\nread_all = false\ndelete_after = 1\nreceived = false\ndelivered_to = false\n",
    )
    fetched = tmp_path / "fetched"
    for is_new in (True, False):  # the second time it knows the message by its UID
        ran = run(tmp_path, "getmail", "--getmaildir", str(tmp_path), "--rcfile", rc, "--quiet")
        assert (ran.returncode, ran.stderr, fetched.exists()) == (0, "", is_new)
        fetched.unlink(missing_ok=True)
    seen(lab, "plain", "USER", "USER")
    verbs = lab.capture().rows()["verb"]
    assert ("UIDL" in verbs, verbs.count("RETR"), verbs.count("DELE")) == (True, 1, 0)


@needs("neomutt", "script")
@secured
def test_neomutt_takes_the_strongest_login_that_both_know(lab: Served, tmp_path: Path, secure: str) -> None:
    scheme, service = ("pops", "pop3s") if secure == "implicit" else ("pop", "pop3")
    yes = {True: "yes", False: "no"}
    rc = settings(
        tmp_path,
        "muttrc",
        f'set pop_pass="secret" certificate_file="{lab.ca}" header_cache="" record="" sleep_time=0\n'
        f"set ssl_starttls={yes[secure == 'starttls']} ssl_force_tls={yes[secure != 'plain']}\n"
        "set pop_checkinterval=600 confirmappend=no confirmcreate=no delete=yes quit=yes wait_key=no\n"
        f'push "<tag-pattern>.<enter><tag-prefix><save-message>{tmp_path / "fetched"}<enter><quit>"\n',
    )
    url = f"{scheme}://bob%40example.org@localhost:{lab.port(service)}/"
    terminal = shlex.join(["env", "TERM=xterm", "neomutt", "-n", "-F", rc, "-f", url])
    ran = run(tmp_path, "script", "--quiet", "--return", "--command", terminal, "/dev/null")
    assert ran.returncode == 0, ran.stdout
    assert LETTER.decode().partition("\n\n")[2] in (tmp_path / "fetched").read_text()
    seen(lab, secure, "SCRAM-SHA-256")
    assert lab.capture().rows()["verb"].count("DELE") == 1


@needs("s-nail")
@pytest.mark.parametrize(
    ("secure", "option", "mechanism"),
    [
        ("plain", "imap-auth=login", "LOGIN"),
        ("plain", "imap-auth=cram-md5", "CRAM-MD5"),
        ("starttls", "imap-use-starttls", "LOGIN"),
        ("implicit", "imap-auth=login", "LOGIN"),
    ],
)
def test_s_nail_by_imap(lab: Served, tmp_path: Path, secure: str, option: str, mechanism: str) -> None:
    scheme = "imaps" if secure == "implicit" else "imap"
    trust = ["tls-ca-no-defaults", f"tls-ca-file={lab.ca}", "tls-verify=strict", "v15-compat=y"]
    options = [part for name in (*trust, option) for part in ("-S", name)]
    url = f"{scheme}://bob%40example.org:secret@localhost:{lab.port(scheme)}"
    ran = run(tmp_path, "s-nail", "-n", "-#", *options, "-f", url, text="type 1\ndelete 1\nquit\n")
    assert ran.returncode == 0, ran.stderr
    assert LETTER.decode().partition("\n\n")[2] in ran.stdout
    seen(lab, secure, mechanism)
    assert "CLOSE" in lab.capture().rows()["verb"], "which deletes what is marked"


@needs("mbsync")
@pytest.mark.parametrize(
    ("secure", "mechanism"),
    [("plain", "LOGIN"), ("plain", "CRAM-MD5"), ("starttls", "LOGIN"), ("implicit", "LOGIN")],
)
def test_mbsync(lab: Served, tmp_path: Path, secure: str, mechanism: str) -> None:
    kind = {"plain": "None", "starttls": "STARTTLS", "implicit": "IMAPS"}[secure]
    mail = tmp_path / "mail"
    mail.mkdir()
    rc = settings(
        tmp_path,
        "mbsyncrc",
        f"IMAPAccount lab\nHost localhost\nPort {lab.port('imaps' if secure == 'implicit' else 'imap')}\n"
        f"User bob@example.org\nPass secret\nSSLType {kind}\nSystemCertificates no\n"
        f"CertificateFile {lab.ca}\nAuthMechs {mechanism}\n\nIMAPStore there\nAccount lab\n\n"
        f"MaildirStore here\nPath {mail}/\nInbox {mail}/INBOX\nSubFolders Verbatim\n\n"
        "Channel both\nFar :there:\nNear :here:\nCreate Near\nExpunge Both\nSyncState *\n",
    )
    assert run(tmp_path, "mbsync", "-c", rc, "-a").returncode == 0
    (message,) = (mail / "INBOX").glob("*/*:*")
    head, _, body = message.read_bytes().partition(b"\n\n")
    assert (b"Subject: A letter" in head, body) == (True, LETTER.partition(b"\n\n")[2])
    message.rename(f"{message}T")  # to be thrown away
    ran = run(tmp_path, "mbsync", "-c", rc, "-a")
    assert (ran.returncode, list((mail / "INBOX").glob("cur/*"))) == (0, []), ran.stderr
    seen(lab, secure, mechanism, mechanism)
    assert lab.capture().rows("messages")["direction"] == ["retrieved"]


@needs("perl")
@secured
def test_net_pop3(lab: Served, tmp_path: Path, secure: str) -> None:
    service = "pop3s" if secure == "implicit" else "pop3"
    ssl = f'SSL_ca_file => "{lab.ca}", SSL_verifycn_name => "localhost"'
    program = tmp_path / "fetch.pl"
    program.write_text(
        "use strict; use Net::POP3;\n"
        'die "no IO::Socket::SSL" unless Net::POP3->can_ssl;\n'
        f'my $pop = Net::POP3->new("localhost", Port => {lab.port(service)}, '
        f'{"SSL => 1, " if secure == "implicit" else ""}{ssl}) or die "nobody answers: $@";\n'
        + (f'$pop->starttls({ssl}) or die "no TLS: $@";\n' if secure == "starttls" else "")
        + '$pop->login("bob\\@example.org", "secret") == 1 or die "refused";\n'
        "my ($count, $octets) = $pop->popstat; my %sizes = %{$pop->list}; my %uids = %{$pop->uidl};\n"
        'print "$count $octets $sizes{1} ", exists $uids{1}, "\\n", @{$pop->top(1, 1)}, @{$pop->get(1)};\n'
        "$pop->delete(1) or die; $pop->reset; $pop->delete(1) or die; $pop->quit;\n"
    )
    ran = run(tmp_path, "perl", str(program))
    if "no IO::Socket::SSL" in ran.stderr:
        pytest.skip("Perl's IO::Socket::SSL not installed (make programs)")
    size, letter = len(LETTER.replace(b"\n", b"\r\n")), LETTER.decode()
    top = "".join(letter.splitlines(keepends=True)[:5])
    assert (ran.returncode, ran.stdout) == (0, f"1 {size} {size} 1\n{top}{letter}"), ran.stderr
    seen(lab, secure, "USER")
    assert lab.capture().rows()["verb"].count("DELE") == 2
