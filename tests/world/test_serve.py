"""`labkit serve`: when it is ready, what it prints, how it ends, what it leaves on the disk."""

from __future__ import annotations

import base64
import imaplib
import mailbox
import os
import poplib
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import pytest
from support.serving import LABKIT, LETTER, SERVICES, serving, wait_until_ready

from labkit.capture.files import whole_file
from labkit.dissect.exchange import Exchange
from labkit.errors import LabError
from labkit.tables import read_capture
from labkit.world.serve import Options, Serving, serve, told_to_stop, who_lives_here

ANY = dict.fromkeys(SERVICES, 0)
PASSWORD = "correct horse"
BOB = {"bob@example.org": PASSWORD}


@pytest.fixture
def served() -> Iterator[Serving]:
    with serve(Options(users=BOB, ports=ANY)) as served:
        yield served


def port(served: Serving, service: str) -> int:
    number: int = served.endpoints[service]["port"]
    return number


def test_a_damaged_file_of_mail_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    (tmp_path / "whole.eml").write_bytes(LETTER)
    (tmp_path / "crash.mbox").write_bytes(b"From a Mon Jan  5 09:00:00 2026\nA: b\n\n" + b"\0" * 512)
    files = [("bob@example.org", tmp_path / name) for name in ("crash.mbox", "whole.eml")]
    with serve(Options(users=BOB, ports=ANY, mail=files)) as served:
        assert len(served.server.read("bob@example.org")) == 1
        (sentence,) = served.left_out
    assert sentence.endswith("crash.mbox is damaged: a NUL at octet 38")


# Who lives here


def test_without_users_two_get_random_passwords() -> None:
    users, domains = who_lives_here(Options(domains=["Example.NET"]))
    assert list(users) == ["alice@example.net", "bob@example.net"]
    assert domains == ["example.net"]
    assert len({*users.values(), *who_lives_here(Options())[0].values()}) == 4
    assert all(len(password) >= 12 for password in users.values())


def test_the_domains_of_the_users_are_served_too() -> None:
    options = Options(domains=["example.com"], users={"a@example.org": "x", "b@EXAMPLE.com": "y"})
    assert who_lives_here(options)[1] == ["example.com", "example.org"]


def test_mail_lies_in_mailboxes_already(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(LETTER)
    box, folder = mailbox.mbox(tmp_path / "b.mbox"), mailbox.Maildir(tmp_path / "c")
    for letter in (LETTER, LETTER):
        box.add(letter)
        folder.add(letter)
    box.close()
    mail = [("bob@example.org", tmp_path / name) for name in ("a.eml", "b.mbox", "c")]
    with serve(Options(users=BOB, mail=mail, ports=ANY)) as served:
        found = served.server.read("bob@example.org")
    assert found == [LETTER.replace(b"\n", b"\r\n")] * 5


# Where it listens


def test_each_service_listens_where_it_says(served: Serving) -> None:
    assert set(served.endpoints) == set(SERVICES)
    trust = ssl.create_default_context(cafile=str(served.ca_file))
    for service, where in served.endpoints.items():
        with socket.create_connection((where["host"], where["port"]), timeout=30) as plain:
            if service.endswith("s") and service != "submissions":
                with trust.wrap_socket(plain, server_hostname="localhost") as secured:
                    assert secured.recv(3) in (b"220", b"+OK", b"* O")
            else:
                assert plain.recv(3) in (b"220", b"+OK", b"* O")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_the_certificate_holds_for_the_address_it_listens_on() -> None:
    with serve(Options(ports=ANY, host="127.9.8.7")) as served:
        trust = ssl.create_default_context(cafile=str(served.ca_file))
        for name in ("127.9.8.7", "127.0.0.1", "localhost", "mail.example.org", "example.org"):
            with (
                socket.create_connection(("127.9.8.7", port(served, "imaps")), timeout=30) as plain,
                trust.wrap_socket(plain, server_hostname=name) as secured,
            ):
                assert secured.recv(4) == b"* OK"


def test_a_port_in_use_is_said_and_what_to_do(served: Serving) -> None:
    taken = port(served, "pop3")
    with (
        pytest.raises(LabError, match=f"port {taken} on 127.0.0.1 is in use; give another with --imap"),
        serve(Options(ports={**ANY, "imap": taken})),
    ):
        pass
    with serve(Options(ports=ANY)):
        pass  # nothing of the attempt before is left


def test_the_ready_file_is_there_while_all_listen(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    ready.write_text("of a lab that was killed")
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = Options(ports={**ANY, "imaps": other.getsockname()[1]}, ready=ready)
        with pytest.raises(LabError, match="in use"), serve(taken):
            pass
    assert not ready.exists()
    with serve(Options(ports=ANY, ready=ready)):
        assert ready.exists()
    assert not ready.exists()
    assert os.listdir(tmp_path) == []


def test_a_warning_where_other_machines_can_reach_it(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0") as served:
        served.stop()
    assert "Warning: other machines can reach 0.0.0.0, its mail and passwords." in served.printed()
    (tmp_path / "local").mkdir()
    with serving(tmp_path / "local", "--host", "localhost") as served:
        assert served.host == "127.0.0.1"
        served.stop()
    assert "Warning" not in served.printed()


# What it tells


def test_exchanges_are_told_as_they_happen_and_the_last_when_it_ends(served: Serving) -> None:
    told: SimpleQueue[Exchange | None] = SimpleQueue()
    rows = served.exchanges(told)
    with closing(poplib.POP3("127.0.0.1", port(served, "pop3"), timeout=30)) as client:
        assert next(rows).status == "+OK"
        client.user("bob@example.org")
        assert next(rows).verb == "USER"
        client.pass_(PASSWORD)
        row = next(rows)
        assert (row.verb, row.argument) == ("PASS", "•••")
        client.sock.sendall(b"RETR")
        told.put(None)
        assert [(row.verb, row.outcome) for row in rows] == [("RETR", "unanswered")]


def test_signals_tell_it_to_stop_and_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with told_to_stop() as told:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
            assert told.get(timeout=30) is None
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_steers_a_terminal_is_spelled_out(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        with socket.create_connection((served.host, served.port("smtp")), timeout=30) as client:
            client.recv(1000)
            client.sendall(b"EHLO \x1b]0;owned\x07\r\n")
            client.recv(1000)
        served.stop()
    assert "\x1b" not in served.printed()
    assert "\\x1b]0;owned\\x07" in served.printed()


# How it ends


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (signal.SIGINT, "session.pcap"),
        (signal.SIGTERM, "session.jsonl"),
        (signal.SIGHUP, "session.parquet"),
    ],
)
def test_a_signal_ends_it_cleanly_with_the_capture_on_disk(tmp_path: Path, number: int, name: str) -> None:
    with serving(tmp_path, "--capture", name) as served:
        client = poplib.POP3(served.host, served.port("pop3"), timeout=30)
        client.user("bob@example.org")
        client.pass_("secret")
        assert client.retr(1)[1] == LETTER.splitlines()
        printed = served.stop(number)  # with the connection still open
        client.close()
    rows = served.capture(name).rows()
    assert rows["verb"] == [None, "USER", "PASS", "RETR"]
    assert rows["outcome"] == ["ok"] * 4
    assert served.capture(name).messages_carried()[0].data == LETTER.replace(b"\n", b"\r\n")
    assert not (tmp_path / "ready.json").exists()
    assert not Path(served.ca).exists()
    lines, octets = printed.splitlines(), len(LETTER.replace(b"\n", b"\r\n"))
    assert "user bob@example.org  password secret" in lines
    assert f"CA file {served.ca}" in lines
    assert lines[-1] == f"The capture is in {name}."
    told = [line.split("pop3 0", 1)[1].strip() for line in lines if "pop3 0" in line]
    assert told[0].startswith("+OK POP3 server ready")
    assert told[1:] == [
        "USER bob@example.org → +OK send PASS",
        f"PASS ••• → +OK bob's maildrop has 1 message ({octets} octets)",
        f"RETR 1 → +OK {octets} octets",
    ]


def test_a_reader_who_goes_away_ends_it_and_the_capture_is_kept(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    command = [*LABKIT, "serve", "--ready", "ready.json", "--capture", "session.jsonl"]
    for service in SERVICES:
        command += [f"--{service}", "0"]
    with (
        os.fdopen(reading) as reader,
        (tmp_path / "stderr").open("w") as stderr,
        subprocess.Popen(command, cwd=tmp_path, stdout=writing, stderr=stderr, text=True) as process,
    ):
        os.close(writing)
        try:
            where = wait_until_ready(process, tmp_path)["smtp"]
            while "Ctrl-C" not in reader.readline():
                pass
            reader.close()
            with socket.create_connection((where["host"], where["port"]), timeout=30) as client:
                while client.recv(1000):
                    pass  # until it ends
            assert process.wait(60) == 1
        finally:
            process.kill()
    assert (tmp_path / "stderr").read_text() == ""
    assert read_capture(tmp_path / "session.jsonl").rows()["status"] == ["220"]


def test_a_capture_that_cannot_be_kept_is_known_before_it_begins(tmp_path: Path) -> None:
    with (
        pytest.raises(LabError, match="cannot write "),
        serve(Options(ports=ANY, capture=tmp_path / "absent" / "x.pcap")),
    ):
        pytest.fail("it served")  # pragma: no cover
    with whole_file(tmp_path / "x.pcap") as part:
        part.touch()
    with serve(Options(ports=ANY, capture=tmp_path / "x.pcap")):
        pass
    assert read_capture(tmp_path / "x.pcap").rows()["verb"] == []


# What a capture holds


def speak_every_login(served: Serving) -> None:
    """Every way to send a password in the clear, right and wrong ones."""
    host = "127.0.0.1"
    for mechanism in ("PLAIN", "LOGIN"):
        with smtplib.SMTP(host, port(served, "submission"), timeout=30) as client:
            client.ehlo()
            client.user, client.password = "bob@example.org", PASSWORD
            client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))
    with closing(poplib.POP3(host, port(served, "pop3"), timeout=30)) as pop:
        pop.user("bob@example.org")
        pop.pass_(PASSWORD)
    plain = base64.b64encode(f"\0bob@example.org\0{PASSWORD}".encode())
    size = len(PASSWORD)
    for script in (
        b'a1 LOGIN bob@example.org "%b"\r\n' % PASSWORD.encode(),
        b"a1 LOGIN bob@example.org {%d+}\r\n%b\r\n" % (size, PASSWORD.encode()),
        b"a1 AUTHENTICATE PLAIN %b\r\n" % plain,
        b"a1 AUTHENTICATE PLAIN\r\n%b\r\n" % plain,
        b'a1 LOGIN eve@example.org "%b"\r\n' % PASSWORD.encode(),
    ):
        with socket.create_connection((host, port(served, "imap")), timeout=30) as imap:
            imap.sendall(script + b"a2 LOGOUT\r\n")
            while imap.recv(4096):
                pass
    for script in (b"AUTH PLAIN %b\r\nQUIT\r\n" % plain, b"AUTH PLAIN\r\n%b\r\nQUIT\r\n" % plain):
        with socket.create_connection((host, port(served, "pop3")), timeout=30) as sock:
            sock.sendall(script)
            while sock.recv(4096):
                pass


def traces_of_the_password(octets: bytes) -> list[bytes]:
    """The forms in which it is found, also where base64 cuts it otherwise."""
    forms = [PASSWORD.encode()]
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + PASSWORD.encode())
        forms.append(encoded[4 if before else 0 : -4])
    return [form for form in forms if form in octets]


@pytest.mark.parametrize("name", ["session.pcap", "session.jsonl", "session.parquet"])
def test_without_secrets_no_password_is_in_the_capture(tmp_path: Path, name: str) -> None:
    with serve(Options(users=BOB, ports=ANY, capture=tmp_path / name, secrets=False)) as served:
        speak_every_login(served)
    assert traces_of_the_password((tmp_path / name).read_bytes()) == []
    logins = read_capture(tmp_path / name).rows("logins")
    assert logins["outcome"].count("ok") == 9
    assert set(logins["mechanism"]) == {"PLAIN", "LOGIN", "USER"}


def test_with_secrets_they_are(tmp_path: Path) -> None:
    with serve(Options(users=BOB, ports=ANY, capture=tmp_path / "session.pcap")) as served:
        speak_every_login(served)
    assert len(traces_of_the_password((tmp_path / "session.pcap").read_bytes())) >= 3


def test_without_secrets_what_was_said_inside_tls_is_masked_too(tmp_path: Path) -> None:
    with serve(Options(users=BOB, ports=ANY, capture=tmp_path / "x.jsonl", secrets=False)) as served:
        trust = ssl.create_default_context(cafile=str(served.ca_file))
        client = poplib.POP3_SSL("127.0.0.1", port(served, "pop3s"), timeout=30, context=trust)
        client.user("bob@example.org")
        client.pass_(PASSWORD)
        client.quit()
    assert traces_of_the_password((tmp_path / "x.jsonl").read_bytes()) == []
    rows = read_capture(tmp_path / "x.jsonl").rows()
    assert rows["verb"] == ["TLS", None, "USER", "PASS", "QUIT"]


def test_a_pcapng_holds_the_keys_of_tls(tmp_path: Path) -> None:
    file = tmp_path / "session.pcapng"
    with serve(Options(users=BOB, ports=ANY, capture=file)) as served:
        where = served.endpoints["imaps"]
        trust = ssl.create_default_context(cafile=str(served.ca_file))
        with imaplib.IMAP4_SSL(where["host"], where["port"], ssl_context=trust, timeout=30) as imap:
            imap.login(*next(iter(BOB.items())))
    rows = read_capture(file).rows()
    assert [row.verb for row in rows if row.encrypted] == [None, "CAPABILITY", "LOGIN", "LOGOUT"]
    with serve(Options(users=BOB, ports=ANY, capture=file, secrets=False)) as served:
        where = served.endpoints["imaps"]
        trust = ssl.create_default_context(cafile=str(served.ca_file))
        imaplib.IMAP4_SSL(where["host"], where["port"], ssl_context=trust, timeout=30).logout()
    assert not any(row.encrypted for row in read_capture(file).rows()), "keys are secrets"
