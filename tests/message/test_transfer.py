"""Transfer encodings: what was meant, from what came, however damaged; and each defect where it is."""

import binascii
from base64 import b64encode, encodebytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.message.transfer import decode, examine, uuencoded_name


@pytest.mark.parametrize(
    ("encoding", "body", "octets", "defects"),
    [
        ("7bit", b"abc\r\n", b"abc\r\n", []),
        ("7bit", b"ab\xffc\0", b"ab\xffc\0", [("eight-bit", 2), ("nul", 4)]),
        ("8bit", b"\xff\0", b"\xff\0", [("nul", 1)]),
        ("binary", b"\xff\0\n", b"\xff\0\n", []),
        ("base64", b"aGVs\r\nbG8=\r\n", b"hello", []),
        ("base64", b"aG!Vs bG8=", b"hello", [("base64-foreign", 2)]),
        ("base64", b"aGVsbG8", b"hello", [("base64-cut", 7)]),
        ("base64", b"aGVsbG8=aGVs", b"hello", [("base64-goes-on", 8)]),
        ("base64", b"a", b"", [("base64-cut", 1)]),
        ("quoted-printable", b"caf=C3=A9 =\r\n!", b"caf\xc3\xa9 !", []),
        ("quoted-printable", b"a \t\r\nb=20\r\n", b"a\r\nb \r\n", [("quoted-space-at-end", 1)]),
        (
            "quoted-printable",
            b"a=3 =c3\xe9",
            b"a=3 \xc3\xe9",
            [("quoted-bad-escape", 1), ("quoted-foreign", 7)],
        ),
        (
            "x-uuencode",
            b"begin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\n",
            b"Cat",
            [("uuencode", 0)],
        ),
        ("uue", b"before\r\nbegin 644 a\r\n#0V%T\r\n", b"Cat", [("uuencode", 0), ("uuencode-damaged", 28)]),
        ("uuencode", b"#0V%T\r\n", b"Cat", [("uuencode", 0), ("uuencode-damaged", 0)]),
        (
            "uuencode",
            b"begin 644 a\n#0V%T extra\n#~~~~\n`\nend\n",
            b"Cat",
            [("uuencode", 0), ("uuencode-damaged", 24)],
        ),
        ("x-new", b"=41", b"=41", []),
    ],
)
def test_decode_and_examine(
    encoding: str, body: bytes, octets: bytes, defects: list[tuple[str, int]]
) -> None:
    assert decode(encoding, body) == octets
    assert list(examine(encoding, body, 0, len(body))) == defects
    within = b"===" + body + b"\xff\0"
    found = [(name, offset - 3) for name, offset in examine(encoding, within, 3, 3 + len(body))]
    assert found == defects


def test_the_name_of_a_file_in_uuencode() -> None:
    assert uuencoded_name(b"see\nbegin 644 my cat.gif\n") == "my cat.gif"
    assert uuencoded_name(b"begin now") is None


@given(st.binary(max_size=400))
def test_what_was_encoded_comes_back(octets: bytes) -> None:
    lines = [octets[start : start + 45] for start in range(0, len(octets), 45)]
    uuencoded = b"begin 644 a\n" + b"".join(map(binascii.b2a_uu, lines)) + b"`\nend\n"
    for encoding, body in (
        ("base64", encodebytes(octets)),
        ("base64", b64encode(octets)),
        ("quoted-printable", binascii.b2a_qp(octets, istext=False).replace(b"\n", b"\r\n")),
        ("uuencode", uuencoded),
    ):
        assert decode(encoding, body) == octets
        assert [name for name, _ in examine(encoding, body, 0, len(body)) if name != "uuencode"] == []


@given(st.sampled_from(["base64", "quoted-printable", "uuencode", "7bit"]), st.binary())
def test_any_octets(encoding: str, body: bytes) -> None:
    decode(encoding, body)
    assert all(0 <= offset <= len(body) for _, offset in examine(encoding, body, 0, len(body)))
