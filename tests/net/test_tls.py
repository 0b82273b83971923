from __future__ import annotations

import ssl
from datetime import UTC, datetime

from cryptography import x509

from labkit.net.driver import SessionProtocol, converse
from labkit.net.network import START
from labkit.net.tls import Authority


def handshake(client, server, name):
    """The two contexts talk over memory; returns the two ends."""
    ways = ssl.MemoryBIO(), ssl.MemoryBIO()
    a = client.wrap_bio(*ways, server_hostname=name)
    b = server.wrap_bio(*reversed(ways), server_side=True)
    waiting = [a, b]
    for end in waiting * 4:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return a, b


def test_nothing_is_made_before_it_is_asked_for():
    assert not vars(Authority()).keys() & {"_key", "_server_key", "_certificate"}


def test_a_certificate_holds_for_its_names_and_for_localhost(authority):
    client, server = authority.client_context(), authority.server_context(["mx.example.org", "example.org"])
    for name in ("mx.example.org", "example.org", "localhost", "127.0.0.1", "::1"):
        a, _ = handshake(client, server, name)
        assert a.version() == "TLSv1.3"


def test_it_holds_in_lab_time_and_in_real_time(authority):
    a, _ = handshake(authority.client_context(), authority.server_context(["a"]), "a")
    certificate = x509.load_der_x509_certificate(a.getpeercert(binary_form=True))
    for moment in (START, datetime.now(UTC)):
        assert certificate.not_valid_before_utc < moment < certificate.not_valid_after_utc


def test_a_strict_client_is_content(authority):
    client = ssl.create_default_context(cadata=authority.pem.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    a, _ = handshake(client, authority.server_context(["a.example"]), "a.example")
    assert a.cipher()


def test_a_context_is_made_once_for_each_set_of_names(authority):
    assert authority.server_context(["a"]) is authority.server_context(["a"])
    assert authority.server_context(["a"]) is not authority.server_context(["b"])


def test_the_key_log(simulated, line_server, talk, tmp_path):
    authority = Authority()
    authority.keylog = str(tmp_path / "keys")
    a, b = simulated.host("a"), simulated.host("b")
    make = lambda: SessionProtocol(line_server())  # noqa: E731
    simulated.run(simulated.listen(b, 995, make, tls=lambda: authority.server_context(["b"])))
    tls = authority.client_context(), "b"
    simulated.run(converse(simulated, a, b.address, 995, talk(b"QUIT"), tls=tls))
    assert "CLIENT_TRAFFIC_SECRET_0" in (tmp_path / "keys").read_text()
