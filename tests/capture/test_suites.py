"""What a cipher suite means is told by its name."""

from __future__ import annotations

import ssl

import pytest

from labkit.capture.tls.suites import CIPHERS, Suite, name_of, suite


@pytest.mark.parametrize(
    ("number", "means"),
    [
        (0x1301, Suite("AESGCM", 16, "sha256")),
        (0x1302, Suite("AESGCM", 32, "sha384")),
        (0x1303, Suite("ChaCha20Poly1305", 32, "sha256")),
        (0x1304, Suite("AESCCM", 16, "sha256")),
        (0x1305, Suite("AESCCM", 16, "sha256", 8)),
        (0xC02C, Suite("AESGCM", 32, "sha384")),
        (0xC09F, Suite("AESCCM", 32, "sha256")),
        (0xC0AE, Suite("AESCCM", 16, "sha256", 8)),
        (0x003A, Suite("CBC", 32, "sha256", mac="sha1")),
        (0xC027, Suite("CBC", 16, "sha256", mac="sha256")),
        (0xC024, Suite("CBC", 32, "sha384", mac="sha384")),
        (0x0005, None),  # RC4
        (0xC012, None),  # 3DES
        (0x0088, None),  # Camellia
        (0xFFFF, None),
    ],
)
def test_what_a_suite_means(number: int, means: Suite | None) -> None:
    assert suite(number) == means


def test_the_names_are_those_of_openssl() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    theirs = {cipher["id"] & 0xFFFF: cipher["name"] for cipher in context.get_ciphers()}  # type: ignore[typeddict-item]
    known = theirs.keys() & CIPHERS.keys()
    assert {number: name_of(number) for number in known} == {number: theirs[number] for number in known}
    assert len(known) > 40
