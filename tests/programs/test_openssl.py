"""OpenSSL on both ends, tcpdump between them, the client's key log: labkit and tshark read the same.

`openssl s_server` and `s_client` send what they are told to, and do what Python's ssl cannot: early data,
renegotiation, every suite.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.programs import LONGEST_RUN, environment, needs, run
from support.sealed import SIDES
from support.sniffing import SNIFFERS, address_of_our_own, captured, only_root, sniffing

from labkit.capture import pcap
from labkit.capture.keys import KeyLog
from labkit.tables import read_capture

pytestmark = [pytest.mark.programs, only_root, needs("openssl", "tcpdump", "tshark")]

PORT = 993
GREETING, ASKED, ANSWERED = b"* OK ready\r\n", b"a1 NOOP\r\n", b"a1 OK\r\n"
EARLY = b"e1 NOOP\r\ne2 NOOP\r\n"


class Program:
    """One that is told what to do, and says what it does."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._said = b""

    def tell(self, octets: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(octets)
        self._process.stdin.flush()

    def until(self, octets: bytes) -> None:
        assert self._process.stdout is not None
        while octets not in self._said:
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            assert more, (octets, self._said)
            self._said += more
        self._said = self._said.partition(octets)[2]


class Openssl:
    """Its programs, one connection after the other, and who listens to them."""

    def __init__(self, folder: Path, sniffer: subprocess.Popen[bytes], host: str) -> None:
        self._folder, self._sniffer, self._host = folder, sniffer, host

    @contextmanager
    def server(self, *options: str) -> Iterator[Program]:
        certificates = ("-cert", "rsa.crt", "-key", "rsa.key", "-dcert", "ec.crt", "-dkey", "ec.key")
        with self._running("s_server", "-accept", f"{self._host}:{PORT}", *certificates, *options) as process:
            server = Program(process)
            server.until(b"ACCEPT")
            yield server
            process.kill()

    @contextmanager
    def client(self, *options: str) -> Iterator[Program]:
        options = ("-connect", f"{self._host}:{PORT}", "-keylogfile", "keys.log", *options)
        with self._running("s_client", *options) as process:
            yield Program(process)
            process.communicate(timeout=LONGEST_RUN)

    def _running(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["openssl", *command],
            cwd=self._folder,
            env=environment(self._folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def said(self) -> list[tuple[bytes, bytes]]:
        """What client and server said on each connection, if nothing stood in the way."""
        file = captured(self._folder, self._sniffer, self._host)
        found = []
        for flow in pcap.read(file, keys=KeyLog.read(self._folder / "keys.log")).flows:
            for side in SIDES:
                stream = flow.side(side)
                if stream.tls is not None:
                    assert (stream.tls.troubles, stream.gaps) == ([], [])
            if flow.client.tls is not None:  # not the sniffer's last packet
                found.append((flow.client.data, flow.server.data))
        return found

    def followed(self, number: int) -> tuple[bytes, bytes]:
        """What tshark says that client and server said."""
        options = ("-o", "tls.keylog_file:keys.log", "-q", "-z", f"follow,tls,raw,{number}")
        ran = run(self._folder, "tshark", "-r", "sniffed.pcap", *options)
        assert ran.returncode == 0, ran.stderr
        nodes, _, octets = ran.stdout.partition("Node 1:")
        said = ["", ""]
        for line in octets.splitlines()[1:-1]:
            said[line.startswith("\t")] += line
        if f"Node 0: {self._host}:{PORT}" in nodes:
            said.reverse()
        client, server = map(bytes.fromhex, said)
        return client, server

    def row(self) -> str | None:
        """What the row of the last handshake says."""
        read = read_capture(self._folder / "sniffed.pcap", keys=self._folder / "keys.log")
        return [row.text for row in read.rows() if row.verb == "TLS"][-1]


@pytest.fixture
def openssl(tmp_path: Path) -> Iterator[Openssl]:
    for name, kind in (("rsa", ("rsa:2048",)), ("ec", ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"))):
        files = ("-keyout", f"{name}.key", "-out", f"{name}.crt", "-nodes", "-subj", "/CN=mx.example.org")
        assert run(tmp_path, "openssl", "req", "-x509", "-newkey", *kind, *files).returncode == 0
    host = address_of_our_own([PORT])
    with sniffing(tmp_path, SNIFFERS["tcpdump"], host) as sniffer:
        yield Openssl(tmp_path, sniffer, host)


def talk(server: Program, client: Program) -> None:
    server.tell(GREETING)
    client.until(GREETING)
    client.tell(ASKED)
    server.until(ASKED)
    server.tell(ANSWERED)
    client.until(ANSWERED)


def talks(openssl: Openssl, at_server: tuple[str, ...], *at_client: tuple[str, ...]) -> None:
    """One connection for each set of the client's options."""
    with openssl.server(*at_server) as server:
        for options in at_client:
            with openssl.client(*options) as client:
                talk(server, client)


SUITES = [
    ("1.3", "TLS_AES_128_CCM_SHA256", ()),
    ("1.3", "TLS_AES_128_CCM_8_SHA256", ()),
    ("1.2", "AES128-CCM", ()),
    ("1.2", "DHE-RSA-AES256-CCM8", ()),
    ("1.2", "ECDHE-ECDSA-AES256-CCM", ()),
    ("1.2", "ECDHE-ECDSA-AES128-CCM8", ()),
    ("1.2", "ECDHE-RSA-AES256-SHA384", ()),
    ("1.2", "ECDHE-ECDSA-AES128-SHA256", ("-no_etm",)),
    ("1.2", "DHE-RSA-AES256-SHA", ()),
    ("1.2", "AES128-SHA", ("-no_etm",)),
    ("1.2", "ADH-AES256-GCM-SHA384", ()),
]


@pytest.mark.parametrize(("version", "suite", "options"), SUITES)
def test_suites(openssl: Openssl, version: str, suite: str, options: tuple[str, ...]) -> None:
    wished = ("-ciphersuites", suite) if version == "1.3" else ("-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0")
    talks(openssl, (*wished, *options), wished)
    assert openssl.said() == [(ASKED, GREETING + ANSWERED)] == [openssl.followed(0)]
    text = openssl.row()
    assert text is not None
    assert text.split()[:2] == [f"TLSv{version}", suite]


@pytest.mark.parametrize("wished", [(), ("-ciphersuites", "TLS_AES_128_CCM_8_SHA256")])
def test_early_data(openssl: Openssl, tmp_path: Path, wished: tuple[str, ...]) -> None:
    (tmp_path / "early").write_bytes(EARLY)
    with openssl.server("-early_data", *wished) as server:
        with openssl.client("-sess_out", "session", *wished) as client:
            talk(server, client)
        with openssl.client("-sess_in", "session", "-early_data", "early", *wished) as client:
            server.until(EARLY)
            talk(server, client)
    answered = GREETING + ANSWERED
    assert openssl.said() == [(ASKED, answered), (EARLY + ASKED, answered)]
    assert openssl.followed(1) == (EARLY + ASKED, answered)


@pytest.mark.parametrize(
    "options",
    [
        ("-early_data",),  # another server: it does not know the session
        ("-early_data", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"),
        ("-early_data", "-groups", "P-521"),  # HelloRetryRequest
        (),
    ],
)
def test_early_data_that_is_refused(openssl: Openssl, tmp_path: Path, options: tuple[str, ...]) -> None:
    """The client says it again, or something else.  Of it tshark shows what was refused as well."""
    (tmp_path / "early").write_bytes(EARLY * 500)
    wished = ("-groups", "X25519:P-521")
    talks(openssl, ("-early_data",), ("-sess_out", "session", *wished))
    talks(openssl, options, ("-sess_in", "session", "-early_data", "early", *wished))
    assert openssl.said() == [(ASKED, GREETING + ANSWERED)] * 2
    client, server = openssl.followed(1)
    assert client.startswith(EARLY)
    assert server == GREETING + ANSWERED


@pytest.mark.parametrize("suite", ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-SHA"])
def test_renegotiation(openssl: Openssl, suite: str) -> None:
    """`R` makes the client ask for it, `r` the server."""
    with (
        openssl.server("-tls1_2", "-client_renegotiation", "-cipher", suite) as server,
        openssl.client() as client,
    ):
        talk(server, client)
        client.tell(b"R\n")
        client.until(b"RENEGOTIATING")
        client.tell(ASKED)
        server.until(ASKED)
        server.tell(b"r\n")
        server.until(b"SSL_do_handshake -> 1")
        talk(server, client)
    answered = GREETING + ANSWERED
    assert openssl.said() == [(ASKED * 3, answered * 2)] == [openssl.followed(0)]


def test_tickets_and_authentication_behind_the_handshake(openssl: Openssl) -> None:
    """`c` makes the server ask for a certificate.  tshark reads nothing of the client behind that."""
    with (
        openssl.server("-tls1_3", "-verify", "1", "-num_tickets", "9") as server,
        openssl.client("-enable_pha", "-cert", "ec.crt", "-key", "ec.key") as client,
    ):
        talk(server, client)
        server.tell(b"c\n")
        server.until(b"SSL_do_handshake -> 1")
        talk(server, client)
    answered = GREETING + ANSWERED
    assert openssl.said() == [(ASKED * 2, answered * 2)]
    assert openssl.followed(0) == (ASKED, answered * 2)


@pytest.mark.parametrize("options", [(), ("-no_ticket",)])
def test_a_session_resumed(openssl: Openssl, options: tuple[str, ...]) -> None:
    wished = ("-cipher", "ECDHE-RSA-AES128-SHA256")
    talks(openssl, ("-tls1_2", *options), ("-sess_out", "session", *wished), ("-sess_in", "session", *wished))
    assert openssl.said() == [(ASKED, GREETING + ANSWERED)] * 2
    assert openssl.followed(1) == (ASKED, GREETING + ANSWERED)
    assert openssl.row() == "TLSv1.2 ECDHE-RSA-AES128-SHA256", "no certificate: it was resumed"
