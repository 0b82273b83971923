"""getmail, s-nail and NeoMutt: reading by POP3, in clear and in TLS, by password and by digest."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.programs import needs, run, settings
from support.serving import LETTER, Served

pytestmark = pytest.mark.programs

BODY = LETTER.partition(b"\n\n")[2].decode()


def login(lab: Served) -> tuple[str, str]:
    """How the only login was made: mechanism and TLS."""
    lab.stop()
    capture = lab.capture()
    assert set(capture.rows()["flaw"]) == {None}
    ((mechanism, user, outcome),) = [(row.mechanism, row.user, row.outcome) for row in capture.rows("logins")]
    assert (user, outcome) == ("bob@example.org", "ok")
    (connection,) = capture.rows("connections")
    return mechanism, connection.tls


@needs("getmail")
@pytest.mark.parametrize(
    ("kind", "service", "option", "expected"),
    [
        ("SimplePOP3Retriever", "pop3", "use_apop = False", ("USER", "none")),
        ("SimplePOP3Retriever", "pop3", "use_apop = True", ("APOP", "none")),
        ("SimplePOP3SSLRetriever", "pop3s", "ca_certs = {ca}", ("USER", "implicit")),
    ],
)
def test_getmail(
    lab: Served, tmp_path: Path, kind: str, service: str, option: str, expected: tuple[str, str]
) -> None:
    rc = settings(
        tmp_path,
        "getmailrc",
        f"[retriever]\ntype = {kind}\nserver = localhost\nport = {lab.port(service)}\n"
        f"username = bob@example.org\npassword = secret\n{option.format(ca=lab.ca)}\n"
        "[destination]\ntype = MDA_external\npath = /usr/bin/tee\nallow_root_commands = true\n"
        f'arguments = ("{tmp_path / "fetched"}",)\n'
        "[options]\ndelete = true\ndelivered_to = false\nreceived = false\n",
    )
    ran = run(tmp_path, "getmail", "--getmaildir", str(tmp_path), "--rcfile", rc)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "fetched").read_bytes().endswith(LETTER), "below the Return-Path that getmail adds"
    assert login(lab) == expected
    assert "DELE" in lab.capture().rows()["verb"]


@needs("s-nail")
@pytest.mark.parametrize(
    ("scheme", "options", "expected"),
    [
        ("pop3", ["-Spop3-no-apop"], ("USER", "none")),
        ("pop3", [], ("APOP", "none")),
        ("pop3", ["-Spop3-use-starttls"], ("APOP", "STARTTLS")),
        ("pop3s", ["-Spop3-no-apop"], ("USER", "implicit")),
    ],
)
def test_s_nail(
    lab: Served, tmp_path: Path, scheme: str, options: list[str], expected: tuple[str, str]
) -> None:
    trust = ["-Stls-verify=strict", "-Stls-ca-no-defaults", f"-Stls-ca-file={lab.ca}"]
    url = f"{scheme}://bob%40example.org:secret@localhost:{lab.port(scheme)}"
    command = ["s-nail", "-:/", "-R", "-Sv15-compat", *trust, *options, "-f", url]
    ran = run(tmp_path, *command, text="headers\nshow 1\nxit\n")
    assert ran.returncode == 0, ran.stderr
    assert BODY in ran.stdout
    assert login(lab) == expected


@needs("neomutt", "script")  # it wants a terminal
@pytest.mark.parametrize(
    ("scheme", "mechanism", "starttls", "expected"),
    [
        ("pop", "user", "no", ("USER", "none")),
        ("pop", "apop", "no", ("APOP", "none")),
        ("pop", "user", "yes", ("USER", "STARTTLS")),
        ("pops", "apop", "no", ("APOP", "implicit")),
    ],
)
def test_neomutt(
    lab: Served, tmp_path: Path, scheme: str, mechanism: str, starttls: str, expected: tuple[str, str]
) -> None:
    rc = settings(
        tmp_path,
        "muttrc",
        f'set pop_user="bob@example.org" pop_pass=secret pop_authenticators={mechanism} pop_delete=no\n'
        f'set ssl_starttls={starttls} ssl_force_tls={starttls} ssl_ca_certificates_file="{lab.ca}"\n'
        f'set folder="{tmp_path}" spoolfile="{tmp_path / "none"}" mbox_type=mbox header_cache=""\n'
        "set copy=yes quit=yes confirmcreate=no wait_key=no sleep_time=0\n"
        f'push "<copy-message>{tmp_path / "fetched"}<enter><quit>"\n',
    )
    url = f"{scheme}://localhost:{lab.port('pop3s' if scheme == 'pops' else 'pop3')}/"
    ran = run(tmp_path, "script", "-qefc", f"TERM=xterm neomutt -n -F {rc} -f {url}", "/dev/null")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert BODY in (tmp_path / "fetched").read_text()
    assert login(lab) == expected
