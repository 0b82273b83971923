"""Key logs of real programs: curl and OpenSSL write them, tshark reads them, and all see the same."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest
from support.programs import LONGEST_RUN, environment, needs, run
from support.sealed import Wire, contexts, flow_of
from support.serving import LETTER, serving

from labkit.capture.keys import KeyLog
from labkit.capture.tape import Tape
from labkit.capture.tls.decrypt import unseal
from labkit.capture.write import write
from labkit.tables import Capture, read_capture

pytestmark = [pytest.mark.programs]

LIVE_ONLY = {"frame", "reply_frame", "client_name", "client_role", "server_name", "server_role"}
# The lab looks at its clock when it has opened a record, and knows which service a port has.
LIVE_ONLY |= {"time", "sent_at", "first_reply_at", "replied_at", "latency_s", "pipelined", "step"}
STARTTLS = {"STAR": "STARTTLS"}  # tshark cuts it


@needs("curl")
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl(tmp_path: Path, version: str) -> None:
    """Implicit TLS and STARTTLS, all protocols: the key log of the client gives what the lab saw inside."""
    keys = tmp_path / "keys.log"
    with serving(tmp_path, "--capture", "session.jsonl") as lab:
        curl = (
            *("env", f"SSLKEYLOGFILE={keys}", "curl", "-q", "-sS", "--max-time", "30", "--cacert", lab.ca),
        )
        curl += ("--tlsv1.2", "--tls-max", version, "-u", "bob@example.org:secret", "--ssl-reqd")
        send = ("--mail-from", "bob@example.org", "--mail-rcpt", "bob@example.org", "-T", "letter.eml")
        for url, options in (
            (f"smtp://{lab.at('submission')}", send),
            (f"smtps://{lab.at('smtps')}", send),
            (f"pop3://{lab.at('pop3')}/1", ()),
            (f"pop3s://{lab.at('pop3s')}/1", ()),
            (f"imap://{lab.at('imap')}/INBOX;UID=1", ()),
            (f"imaps://{lab.at('imaps')}/INBOX;UID=1", ()),
        ):
            ran = run(tmp_path, *curl, *options, url)
            assert ran.returncode == 0, ran.stderr
        lab.stop()
        live = lab.capture()
    live.to_pcap(tmp_path / "session.pcap")
    read = read_capture(tmp_path / "session.pcap", name=live.name, keys=keys)
    for table in ("exchanges", "messages", "recipients", "logins", "lines", "parts", "headers", "hops"):
        here, there = (each.with_secrets().rows(table) for each in (live, read))
        for name, values in here.columns.items():
            if name not in LIVE_ONLY:
                assert there[name] == values, (table, name)
    assert {row.tls_version for row in read.rows("connections")} == {f"TLSv{version}"}
    assert read.rows("flaws")["flaw"] == live.rows("flaws")["flaw"]
    assert sum(row.octets > len(LETTER) for row in read.rows("messages")) == 6
    agrees_with_tshark(tmp_path / "session.pcap", keys, read)


def agrees_with_tshark(file: Path, keys: Path, read: Capture) -> None:
    """Commands and replies inside TLS, with the same key log."""
    if run(file.parent, "tshark", "--version").returncode:
        pytest.skip("tshark not installed (make programs)")
    fields = ("smtp.req.command", "smtp.response.code", "pop.request.command", "pop.response.indicator")
    fields += ("imap.request.command", "imap.response.status")
    command = ["tshark", "-r", file.name, "-o", f"tls.keylog_file:{keys}", "-T", "fields"]
    command += ["-E", "aggregator=,", "-E", "separator=/t"]
    for row in read.rows("connections"):
        layer = "tls" if row.tls == "implicit" else "tcp"
        command += ["-d", f"{layer}.port=={row.server_port},{row.protocol.replace('pop3', 'pop')}"]
    for name in fields:
        command += ["-e", name]
    ran = run(file.parent, *command)
    assert ran.returncode == 0, ran.stderr
    columns = zip(*(line.split("\t") for line in ran.stdout.split("\n")[:-1]), strict=True)
    theirs = dict(
        zip(
            fields,
            ([word for cell in column for word in cell.split(",") if word] for column in columns),
            strict=True,
        )
    )
    for protocol, verb, status in (
        ("smtp", *fields[:2]),
        ("pop3", *fields[2:4]),
        ("imap", *fields[4:]),
    ):
        rows = [row for row in read.rows() if row.protocol == protocol and row.verb != "TLS"]
        ours = [row.verb.removeprefix("UID ") for row in rows if row.verb not in (None, ".", "(response)")]
        words = [STARTTLS.get(word, word.upper()) for word in theirs[verb]]
        # It takes the lines of a login for commands, and sees none behind a message in TLS.
        if protocol == "smtp":
            ours = [word for word in ours if word != "QUIT"]
        assert [word for word in words if word in ours] == ours, protocol
        assert len(theirs[status]) >= sum(row.encrypted and row.verb is not None for row in rows), protocol


class Recorder:
    """A server of one TLS connection that repeats each line, and notes the octets on the wire."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.wire: Wire = []
        self.said = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(LONGEST_RUN)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        connection.settimeout(LONGEST_RUN)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(incoming, outgoing, server_side=True)
        shaken = False
        with closing(self._listener), closing(connection):
            while octets := connection.recv(1 << 16):
                self.wire.append(("client", octets))
                incoming.write(octets)
                try:
                    if not shaken:
                        tls.do_handshake()
                        shaken = True
                    while line := tls.read(1 << 16):
                        self.said += line
                        tls.write(line)
                except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                    pass
                if sent := outgoing.read():
                    self.wire.append(("server", sent))
                    connection.sendall(sent)


@needs("openssl")
@pytest.mark.parametrize(
    "suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
)
def test_every_suite_and_new_keys(tmp_path: Path, suite: str) -> None:
    """`openssl s_client`: K asks for new keys of both sides, k changes its own."""
    _, server = contexts(tmp_path / "unused")
    recorder = Recorder(server)
    command = ("openssl", "s_client", "-connect", f"127.0.0.1:{recorder.port}", "-ciphersuites", suite)
    with subprocess.Popen(
        [*command, "-keylogfile", "keys.log", "-tls1_3"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        for said in (b"a NOOP", b"K", b"b NOOP", b"k", b"c NOOP"):
            answer = said if b" " in said else b"KEYUPDATE"
            client.stdin.write(said + b"\n")
            client.stdin.flush()
            while (line := client.stdout.readline()) and line.strip() != answer:
                pass
        client.stdin.write(b"Q\n")
        client.stdin.flush()
        client.wait(LONGEST_RUN)
    recorder.join()
    assert recorder.said == b"a NOOP\nb NOOP\nc NOOP\n"
    flow = flow_of(recorder.wire)
    tape = Tape("x", framed=True)
    tape.flows = [flow]
    unseal(tape, KeyLog.read(tmp_path / "keys.log"))
    assert (flow.client.data, flow.server.data) == (recorder.said, recorder.said)
    assert not [*flow.client.gaps, *flow.server.gaps, *flow.client.tls.troubles, *flow.server.tls.troubles]  # type: ignore[union-attr]
    write(tape, tmp_path / "x.pcap")
    (row,) = (row for row in read_capture(tmp_path / "x.pcap").rows() if row.verb == "TLS")
    assert row.text == f"TLSv1.3 {suite}"
