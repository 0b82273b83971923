"""The recording proxy: transparent to octets, and its capture is that of the server behind it."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from support.serving import LETTER, SERVICES

from labkit.capture.tape import Tape
from labkit.errors import LabError
from labkit.tables import Capture, read_capture
from labkit.world.record import Recorder, Route, recording
from labkit.world.serve import Options, Serving, serve

BOB = "bob@example.org", "secret"
LONGEST = 30  # seconds
RESET = struct.pack("ii", 1, 0)
NOT_COMPARED = {"capture", "time", "sent_at", "first_reply_at", "replied_at", "latency_s"}
ENDS = {"stream", "client_port", "client_name", "client_role", "server", "server_port", "server_name"}
ENDS |= {"server_role", "start", "duration_s"}
ENDS |= {"closed_by"}  # both do; who is first is not the same everywhere


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Serving]:
    (tmp_path / "letter.eml").write_bytes(LETTER)
    mail = [(BOB[0], tmp_path / "letter.eml")]
    with serve(Options(users=dict([BOB]), mail=mail, ports=dict.fromkeys(SERVICES, 0))) as served:
        yield served


def port(served: Serving, service: str) -> int:
    number: int = served.endpoints[service]["port"]
    return number


@contextmanager
def through(served: Serving, service: str, **options: Any) -> Iterator[Recorder]:
    """A recorder before one service; what goes wrong fails the test."""
    route = Route("127.0.0.1", port(served, service), service=options.pop("named", service), **options)
    with recording(route, pytest.fail) as recorder:
        yield recorder


def of_server(served: Serving) -> Capture:
    return Capture(Tape.from_tap(served.world.network.tap, vantage="server"))


def rows(capture: Capture, table: str = "exchanges") -> list[dict[str, Any]]:
    """What must be the same wherever it was recorded."""
    left_out = NOT_COMPARED | (ENDS if table == "connections" else set())
    return [
        {name: value for name, value in record.items() if name not in left_out}
        for record in capture.with_secrets().rows(table).records()
    ]


def settle(recorder: Recorder, served: Serving) -> None:
    """Until both have seen the end of every connection."""
    recorder.close()
    served.world.close()


def test_smtp_pop3_and_imap_are_recorded_as_the_server_saw_them(served: Serving) -> None:
    with through(served, "smtp") as mx, through(served, "pop3") as pop, through(served, "imap") as imap:
        with smtplib.SMTP(mx.address, mx.port, timeout=LONGEST) as smtp:
            smtp.sendmail("alice@example.com", [BOB[0], "nobody@example.org"], LETTER)
            smtp.sendmail("alice@example.com", BOB[0], b"Subject: long\n\n" + b"x" * 70 + b"\n" * 300_000)
        with closing(poplib.POP3(pop.address, pop.port, timeout=LONGEST)) as client:
            client.user(BOB[0])
            client.pass_(BOB[1])
            assert client.stat()[0] == 3
            assert len(client.retr(3)[1]) > 300_000
            client.dele(1)
            client.quit()
        with imaplib.IMAP4(imap.address, imap.port, timeout=LONGEST) as reader:
            reader.login(*BOB)
            reader.select()
            reader.append("INBOX", "", "", LETTER.replace(b"\n", b"\r\n"))
            reader.fetch("1:*", "(FLAGS BODY.PEEK[HEADER])")
        recorders = (mx, pop, imap)
        for recorder in recorders:
            settle(recorder, served)
        for table in ("exchanges", "connections", "messages", "recipients", "logins"):
            seen = [rows(recorder.capture, table) for recorder in recorders]
            for number, each in enumerate(seen):  # each recorder counts its own connections
                for row in each:
                    row["connection"] += number
            assert list(chain(*seen)) == rows(of_server(served), table), table


@pytest.mark.parametrize("ending", [".pcap", ".pcapng", ".jsonl", ".parquet"])
def test_the_capture_is_one_of_ours(served: Serving, tmp_path: Path, ending: str) -> None:
    with through(served, "pop3", named=None) as recorder:
        with closing(poplib.POP3(recorder.address, recorder.port, timeout=LONGEST)) as client:
            client.quit()
        settle(recorder, served)
        file = tmp_path / f"session{ending}"
        recorder.capture.save(file)
    assert [row["verb"] for row in rows(read_capture(file))] == [None, "QUIT"]
    (connection,) = read_capture(file).rows("connections").records()
    assert connection["server_port"] == port(served, "pop3")
    assert (connection["ended"], connection["protocol"]) == ("quit", "pop3")


def test_many_clients_at_once(served: Serving) -> None:
    clients = 40
    ready = threading.Barrier(clients, timeout=LONGEST)

    def one() -> None:
        with smtplib.SMTP(recorder.address, recorder.port, "client.example", timeout=LONGEST) as smtp:
            ready.wait()
            smtp.sendmail("alice@example.com", BOB[0], LETTER)

    with through(served, "smtp") as recorder:
        threads = [threading.Thread(target=one) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONGEST)
        settle(recorder, served)
        assert len(recorder.capture.rows("messages")) == clients
        assert set(recorder.capture.rows("connections")["ended"]) == {"quit"}


def test_starttls_passes_as_it_is(served: Serving) -> None:
    trust = ssl.create_default_context(cafile=str(served.ca_file))
    with through(served, "submission") as recorder:
        with smtplib.SMTP(recorder.address, recorder.port, timeout=LONGEST) as smtp:
            smtp._host = "localhost"  # type: ignore[attr-defined]
            smtp.starttls(context=trust)
            smtp.login(*BOB)
            smtp.sendmail(BOB[0], BOB[0], LETTER)
        settle(recorder, served)
        seen, known = rows(recorder.capture), rows(of_server(served))
        assert seen == [row for row in known if row["verb"] == "TLS" or not row["encrypted"]]
        assert [row["verb"] for row in seen] == [None, "EHLO", "STARTTLS", "TLS"]
        (connection,) = rows(recorder.capture, "connections")
        assert (connection["tls"], connection["sni"]) == ("STARTTLS", "localhost")
        assert "Dear Bob" not in repr([record.data for record in recorder.tap.records])


def test_tls_from_the_start_passes_as_it_is(served: Serving) -> None:
    trust = ssl.create_default_context(cafile=str(served.ca_file))
    with through(served, "imaps") as recorder:
        with imaplib.IMAP4_SSL(recorder.address, recorder.port, timeout=LONGEST, ssl_context=trust) as imap:
            imap.login(*BOB)
        settle(recorder, served)
        assert [row["verb"] for row in rows(recorder.capture)] == ["TLS"]
        assert rows(recorder.capture, "connections")[0]["tls"] == "implicit"


@pytest.mark.parametrize("service", ["submission", "pop3", "imap"])
@pytest.mark.parametrize("told", [True, False], ids=["told what it is", "by its greeting"])
def test_starttls_is_stripped(served: Serving, service: str, told: bool) -> None:
    """A client that does not insist goes on in clear; one that does is told that there is no such command."""
    with through(served, service, strip=True, named=service if told else None) as recorder:
        where: Any = (recorder.address, recorder.port)
        if service == "submission":
            with smtplib.SMTP(*where, timeout=LONGEST) as smtp:
                smtp.ehlo()
                assert "starttls" not in smtp.esmtp_features
                assert "size" in smtp.esmtp_features
                assert smtp.docmd("STARTTLS")[0] == 502
                smtp.login(*BOB)
        elif service == "pop3":
            with closing(poplib.POP3(*where, timeout=LONGEST)) as pop:
                assert "STLS" not in pop.capa()
                with pytest.raises(poplib.error_proto, match="Unknown command"):
                    pop._shortcmd("STLS")  # type: ignore[attr-defined]
                pop.user(BOB[0])
                pop.pass_(BOB[1])
        else:
            with imaplib.IMAP4(*where, timeout=LONGEST) as imap:
                assert "STARTTLS" not in imap.capabilities
                imap.login(*BOB)
        settle(recorder, served)
        (login,) = recorder.capture.rows("logins").records()
        assert (login["user"], login["outcome"], login["encrypted"]) == (BOB[0], "ok", False)


def test_tls_on_either_side_or_both(served: Serving) -> None:
    """Who is one end of TLS can read what passes."""
    authority = served.world.authority

    def here() -> ssl.SSLContext:
        return authority.server_context(["localhost"])

    cases: list[tuple[str, dict[str, Any], Callable[..., imaplib.IMAP4]]] = [
        ("imaps", {"tls_to": authority.client_context}, imaplib.IMAP4),
        ("imap", {"tls_listen": here}, imaplib.IMAP4_SSL),
        ("imaps", {"tls_to": authority.client_context, "tls_listen": here}, imaplib.IMAP4_SSL),
    ]
    for service, options, client in cases:
        more = {"ssl_context": authority.client_context()} if client is imaplib.IMAP4_SSL else {}
        with through(served, service, named="imap", **options) as recorder:
            with client(recorder.address, recorder.port, timeout=LONGEST, **more) as imap:
                imap.login(*BOB)
                assert imap.select()[0] == "OK"
            recorder.close()
            seen = [row for row in rows(recorder.capture) if row["verb"] != "TLS"]
        assert [row["verb"] for row in seen][:4:3] == [None, "SELECT"]
        assert {row["encrypted"] for row in seen} == {client is imaplib.IMAP4_SSL}


# Octets, with a server that is a bare socket


@contextmanager
def bare() -> Iterator[tuple[socket.socket, Recorder]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LONGEST)
        with recording(Route("127.0.0.1", server.getsockname()[1]), pytest.fail) as recorder:
            yield server, recorder


@contextmanager
def joined() -> Iterator[tuple[socket.socket, socket.socket, Recorder]]:
    """A client, the server's end of its connection, and the recorder between them."""
    with (
        bare() as (server, recorder),
        socket.create_connection((recorder.address, recorder.port), LONGEST) as client,
        server.accept()[0] as end,
    ):
        end.settimeout(LONGEST)
        yield client, end, recorder


def everything(sock: socket.socket) -> bytes:
    data = bytearray()
    while piece := sock.recv(1 << 16):
        data += piece
    return bytes(data)


def test_every_octet_passes_both_ways() -> None:
    octets = bytes(range(256)) * 4000
    with joined() as (client, server, recorder):
        for sender, receiver in ((client, server), (server, client)):
            writer = threading.Thread(target=sender.sendall, args=(octets,))
            writer.start()
            received = bytearray()
            while len(received) < len(octets):
                received += receiver.recv(1 << 16)
            writer.join()
            assert received == octets
        recorder.close()
        said = {"client": b"", "server": b""}
        for record in recorder.tap.records:
            said[record.sender] += record.data
        assert said == {"client": octets, "server": octets}


@pytest.mark.parametrize(
    ("said", "begins"),
    [
        ([b"EHLO x\r\n", b"STARTTLS\r\n", b"\x16\x03\x01hello"], 18),
        ([b"a1 STARTTLS\r\n\x16\x03\x01hello"], 13),
        ([b"ST", b"LS \n", b"\x16", b"\x03"], 6),
        ([b"\x16\x03\x01hello"], 0),
        ([b"DATA\r\n", b"\x16\x03\r\nASKS FOR STARTTLS NOT\r\n\x16\x03"], None),
        ([b"NOOP\r\n" + b"\x16" * 1000], None),
    ],
)
def test_where_tls_begins(said: list[bytes], begins: int | None) -> None:
    whole = b"".join(said)
    with joined() as (client, server, recorder):
        received = b""
        for piece in said:
            client.sendall(piece)
            while not received.endswith(piece):
                received += server.recv(1 << 16)
        recorder.close()
        plain = b"".join(record.data for record in recorder.tap.records if record.layer == "plain")
        assert received == whole
        assert plain == (whole if begins is None else whole[:begins])


def test_the_end_of_one_direction_leaves_the_other_open() -> None:
    for closer in (0, 1):
        with joined() as (*ends, recorder):
            first, second = ends[closer], ends[1 - closer]
            first.sendall(b"the last word")
            first.shutdown(socket.SHUT_WR)
            assert everything(second) == b"the last word"
            second.sendall(b"not quite")
            second.close()
            assert everything(first) == b"not quite"
            recorder.close()
            (connection,) = recorder.tap.connections
            assert (connection.ended, connection.closed_by) == ("quit", ("client", "server")[closer])


def test_a_reset_passes() -> None:
    for breaker in (0, 1):
        with joined() as (*ends, recorder):
            first, second = ends[breaker], ends[1 - breaker]
            first.sendall(b"hello")
            assert second.recv(100) == b"hello"
            first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            first.close()
            with pytest.raises(ConnectionResetError):
                second.recv(100)
            recorder.close()
            (connection,) = recorder.tap.connections
            assert (connection.ended, connection.closed_by) == ("reset", ("client", "server")[breaker])


def test_who_reads_nothing_stops_who_writes() -> None:
    """Else the proxy would hold whatever a fast sender can write."""
    for writer in (0, 1):
        with joined() as (*ends, recorder):
            sender = ends[writer]
            sender.settimeout(0.3)
            with pytest.raises(TimeoutError):
                sender.sendall(bytes(64 << 20))
            held = sum(len(record.data) for record in list(recorder.tap.records))
            assert held < 16 << 20


# What goes wrong


def test_a_server_that_refuses_is_named_and_the_client_is_told() -> None:
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = server.getsockname()[1]
    with recording(Route("127.0.0.1", nobody), told.append) as recorder:
        with (
            pytest.raises(ConnectionResetError),  # which may come before the client sees that it is connected
            socket.create_connection((recorder.address, recorder.port), LONGEST) as client,
        ):
            client.recv(100)
        assert told == [f"connection 0: cannot reach 127.0.0.1 on port {nobody}: Connection refused"]
        (row,) = recorder.capture.rows("connections").records()
        assert (row["ended"], row["closed_by"]) == ("reset", "server")


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with (
            pytest.raises(LabError, match=f"port {taken} on 127.0.0.1 is in use"),
            recording(Route("127.0.0.1", 25, listen_port=taken)),
        ):
            pass


def test_a_server_without_an_address_is_named() -> None:
    with (
        pytest.raises(LabError, match=r"cannot find no\.such\.host\.invalid: "),
        recording(Route("no.such.host.invalid", 25)),
    ):
        pass


def test_what_goes_on_when_it_ends_is_cut() -> None:
    with joined() as (client, server, recorder):
        client.sendall(b"NOOP\r\n")
        assert server.recv(100) == b"NOOP\r\n"
        recorder.close()
        assert everything(client) == b""
        (connection,) = recorder.tap.connections
        assert connection.ended == "cut"
