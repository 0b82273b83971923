"""The lab's own certificate authority, and contexts that trust it.

Nothing is made before somebody asks for TLS: an RSA key costs a tenth of a second.  The keys are
RSA because their signatures have one size, and TLS messages of one size take one time on a
simulated link.  Certificates hold in lab time (2026) and in real time, for the host's names and for
localhost, so that programs outside can use them too.  One key serves all servers of a lab.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

VALID = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
LOCAL = ("localhost", "127.0.0.1", "::1")

_asked_for: WeakKeyDictionary[ssl.SSLObject, str] = WeakKeyDictionary()


class LabSSLContext(ssl.SSLContext):
    """A context whose `wrap_socket` also wraps the lab's blocking sockets."""

    def wrap_socket(self, sock: Any, *args: Any, **options: Any) -> Any:
        start = getattr(sock, "start_lab_tls", None)
        if start is None:
            return super().wrap_socket(sock, *args, **options)
        return start(self, options.get("server_hostname"))


class Authority:
    """A certificate authority for one lab.

    `keylog` names a file to which the servers' contexts made from then on write their
    secrets, in the form Wireshark reads.
    """

    def __init__(self, name: str = "labkit") -> None:
        self.name = name
        self.keylog: str | None = None
        self._contexts: dict[tuple[tuple[str, ...], str | None], ssl.SSLContext] = {}

    @property
    def pem(self) -> bytes:
        """The authority's own certificate: what a client has to trust."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return self._certificate.public_bytes(Encoding.PEM)

    def client_context(self) -> ssl.SSLContext:
        """A client's context that trusts this authority and nobody else."""
        context = LabSSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem.decode())
        return context

    def server_context(self, names: Iterable[str]) -> ssl.SSLContext:
        """A server's context with a certificate for these host names (or addresses) and localhost."""
        key = tuple(names), self.keylog
        if key not in self._contexts:
            self._contexts[key] = self._make_context(key[0])
        return self._contexts[key]

    def _make_context(self, names: tuple[str, ...]) -> ssl.SSLContext:
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.num_tickets = 0
        context.sni_callback = _note_server_name
        if self.keylog is not None:
            context.keylog_filename = self.keylog
        key = self._server_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        chain = self._issue(names).public_bytes(Encoding.PEM) + self.pem
        with tempfile.TemporaryDirectory() as folder:  # the ssl module reads keys from files only
            file = Path(folder, "server.pem")
            file.touch(mode=0o600)
            file.write_bytes(key + chain)
            context.load_cert_chain(file)
        return context

    @cached_property
    def _key(self) -> RSAPrivateKey:
        return _make_key()

    @cached_property
    def _server_key(self) -> RSAPrivateKey:
        return _make_key()

    @cached_property
    def _certificate(self) -> x509.Certificate:
        from cryptography import x509

        subject = _name(f"{self.name} certificate authority")
        public = self._key.public_key()
        return self._sign(
            _builder(subject, subject, public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    def _issue(self, names: tuple[str, ...]) -> x509.Certificate:
        from cryptography import x509

        public = self._server_key.public_key()
        alternatives = [_general_name(name) for name in dict.fromkeys((*names, *LOCAL))]
        return self._sign(
            _builder(_name(names[0] if names else LOCAL[0]), self._certificate.subject, public)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True, key_encipherment=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        from cryptography.hazmat.primitives.hashes import SHA256

        return builder.sign(self._key, SHA256())


def server_name(tls: ssl.SSLObject) -> str | None:
    """The name the client asked for (SNI), at either end of the connection."""
    return tls.server_hostname or _asked_for.get(tls)


def _note_server_name(tls: Any, name: str | None, context: ssl.SSLContext) -> None:
    if name is not None:
        _asked_for[tls] = name


def _make_key() -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _builder(subject: x509.Name, issuer: x509.Name, public: Any) -> x509.CertificateBuilder:
    from cryptography import x509

    first, last = VALID
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number() | 1 << 158)  # of one length, as the keys are
        .not_valid_before(first)
        .not_valid_after(last)
    )


def _name(text: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text[:64])])


def _general_name(text: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _usage(**granted: bool) -> x509.KeyUsage:
    from cryptography import x509

    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: granted.get(name, False) for name in names})
