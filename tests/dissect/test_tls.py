"""The hellos: what they say, and whatever octets stand in their place."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.sealed import Spoken, Written, contexts, flow_of

from labkit.dissect.dissector import Dissection
from labkit.dissect.tls import Hello, certificate, read_hello


def hellos() -> tuple[bytes, bytes]:
    """A client's hello of Python's ssl, and a server's answer built by hand (TLS 1.3)."""
    context = ssl.create_default_context()
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="mx.example.org")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    extensions = b"\x00\x2b\x00\x02\x03\x04"
    body = (
        b"\x03\x03" + bytes(32) + b"\x00" + b"\x13\x02\x00" + len(extensions).to_bytes(2, "big") + extensions
    )
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return out.read(), b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message


CLIENT, SERVER = hellos()


def test_what_hellos_say() -> None:
    asked, answered = read_hello(CLIENT, False), read_hello(SERVER + b"\x17sealed", False)
    assert asked is not None
    assert (asked.server_name, asked.end) == ("mx.example.org", len(CLIENT))
    assert answered == Hello(len(SERVER), "TLSv1.3", "TLS_AES_256_GCM_SHA384")


@pytest.mark.parametrize("whole", [CLIENT, SERVER])
def test_a_hello_that_is_not_all_here(whole: bytes) -> None:
    for size in range(len(whole)):
        assert read_hello(whole[:size], False) is None
        assert read_hello(whole[:size], True) == Hello(size)


def test_a_hello_in_two_records() -> None:
    message = SERVER[5:]
    split = b"".join(b"\x16\x03\x03" + len(p).to_bytes(2, "big") + p for p in (message[:7], message[7:]))
    found = read_hello(split, False)
    assert found is not None
    assert (found.cipher, found.end) == ("TLS_AES_256_GCM_SHA384", len(split))


def test_an_alert() -> None:
    assert read_hello(b"\x15\x03\x03\x00\x02\x02\x28", False) == Hello(7, alert=True)


@given(st.binary(max_size=200), st.booleans())
@example(b"\x15\x00\x00H\x01", False)  # an alert that says it is larger than any record
def test_any_octets(data: bytes, ended: bool) -> None:
    found = read_hello(data, ended)
    assert found is None or 0 <= found.end <= len(data)


@given(st.integers(5, len(SERVER) - 1), st.integers(0, 255))
def test_any_octet_changed(place: int, octet: int) -> None:
    changed = SERVER[:place] + bytes([octet]) + SERVER[place + 1 :]
    found = read_hello(changed, True)
    assert found is not None
    assert found.end <= len(changed)


def test_whom_a_certificate_names(tmp_path: Path) -> None:
    """TLS 1.2 shows it to everybody, TLS 1.3 does not."""
    for version, name in (("TLSv1_2", "CN=mx.example.org"), ("TLSv1_3", None)):
        spoken = Spoken(*contexts(tmp_path / "keys", version))
        flow = flow_of(spoken.wire)
        (row,) = Dissection(flow, whole=True).advance()
        assert row.text is not None
        words = row.text.decode().split()
        assert words[0] == version.replace("_", ".")
        assert words[2:] == ([name] if name else [])
        assert (row.verb, row.argument, row.status) == ("TLS", b"mx.example.org", b"ServerHello")


@pytest.mark.parametrize(
    ("number", "name"), [(0x1304, "TLS_AES_128_CCM_SHA256"), (0x1305, "TLS_AES_128_CCM_8_SHA256")]
)
def test_the_row_of_a_handshake_names_its_suite(number: int, name: str) -> None:
    spoken = Written(number=number)
    spoken.shake(b"early")
    (row,) = Dissection(flow_of(spoken.wire), whole=True).advance()
    assert (row.verb, row.text, row.flaws) == ("TLS", f"TLSv1.3 {name}".encode(), ())


def test_a_certificate_that_is_not_all_here(tmp_path: Path) -> None:
    spoken = Spoken(*contexts(tmp_path / "keys", "TLSv1_2"))
    server = b"".join(octets for side, octets in spoken.wire if side == "server")
    whole = next(size for size in range(len(server)) if certificate(server[:size], False))
    for size in range(0, whole, 7):
        assert certificate(server[:size], False) is None
        assert certificate(server[:size], True) == ""
    assert certificate(server[:whole], False) == "CN=mx.example.org"
    for place in range(90, whole, 5):
        damaged = server[:place] + bytes([server[place] ^ 0x55]) + server[place + 1 : whole]
        certificate(damaged, True)  # says something or nothing, and raises nothing
