"""The tree of parts is byte-exact, whatever the octets, and linear in time."""

import email
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.message.fields import find
from labkit.message.mime import DEFECTS, DEPTH, Part, parse, parse_parameters

ELSEWHERE = Path(__file__).parents[3] / "shared" / "messages" / "mime4j"
MESSAGES = sorted(ELSEWHERE.glob("*.msg"))


def check(data: bytes) -> Part:
    """What holds for every tree: ranges lie inside each other in order, paths are unique, defects named."""
    root = parse(data)
    assert (root.offset, root.end) == (0, len(data))
    paths = set()
    for part in root.walk():
        assert part.offset <= part.header_end <= part.end
        behind = part.offset
        for field in part.fields:
            assert field.offset == behind
            behind = field.end
        for name in {field.name.lower() for field in part.fields}:
            assert part.get(name) == find(part.fields, name)
        assert behind <= part.header_end
        assert data[behind : part.header_end] in (b"", b"\n", b"\r\n")
        behind = part.header_end
        for child in part.children:
            assert behind <= child.offset
            behind = child.end
        assert behind <= part.end
        for defect in part.flaws():
            assert defect.name in DEFECTS
            assert part.offset <= defect.offset <= part.end
        assert isinstance(part.decoded(), bytes)
        assert isinstance(part.text(), str)
        assert part.path not in paths
        paths.add(part.path)
    behind = 0
    for segment in root.segments():  # they are the message again, to the octet
        assert segment.start == behind < segment.end
        assert segment.path in paths
        behind = segment.end
    assert behind == len(data)
    return root


def names(part: Part) -> list[str]:
    return [defect.name for defect in part.defects]


def shape(root: Part) -> list[tuple[str, str, bytes]]:
    """The leaves' bodies and the others' types, by path."""
    return [(part.path, part.content_type, b"" if part.children else part.body) for part in root.walk()]


NESTED = (
    b'Content-Type: multipart/mixed; boundary="a"\r\n\r\n'
    b"preamble\r\n"
    b"--a\r\n\r\nfirst\r\n"
    b"--a \t\r\nContent-Type: multipart/digest; boundary=aa\r\n\r\n"
    b"--aa\r\n\r\nSubject: one\r\n\r\nhello\r\n"
    b"--aa\r\nContent-Type: text/html\r\n\r\n<p>\r\n"
    b"--aa--\r\nepilogue of the inner\r\n"
    b"--a--\r\nepilogue\r\n--a\r\nno part\r\n"
)


def test_nested() -> None:
    root = check(NESTED)
    assert shape(root) == [
        ("TEXT", "multipart/mixed", b""),
        ("1", "text/plain", b"first"),
        ("2", "multipart/digest", b""),
        ("2.1", "message/rfc822", b""),
        ("2.1.1", "text/plain", b"hello"),
        ("2.2", "text/html", b"<p>"),
    ]
    assert root.children[1].children[0].body == b"Subject: one\r\n\r\nhello"
    assert root.children[1].body.endswith(b"--aa--\r\nepilogue of the inner")
    assert [part.defects for part in root.walk()] == [[]] * 6


def test_nested_with_bare_line_feeds() -> None:
    root = check(NESTED.replace(b"\r\n", b"\n"))
    assert [path for path, _, _ in shape(root)] == ["TEXT", "1", "2", "2.1", "2.1.1", "2.2"]
    assert root.children[0].body == b"first"


def test_a_message_inside_a_message() -> None:
    data = (
        b"Content-Type: message/rfc822\r\n\r\n"
        b"Content-Type: message/rfc822\r\n\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"
    )
    assert [path for path, _, _ in shape(check(data))] == ["1", "1.1", "1.1.TEXT", "1.1.1"]


MULTI = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"

# octets, (path, type, body of leaves), defects by path
CASES = [
    (b"", [("1", "text/plain", b"")], {}),
    (b"\r\n", [("1", "text/plain", b"")], {}),
    (b"A: b\r\n", [("1", "text/plain", b"")], {}),
    (b"just text", [("1", "text/plain", b"just text")], {"1": "missing-empty-line"}),
    (b"A: b\r\ntext\r\n", [("1", "text/plain", b"text\r\n")], {"1": "missing-empty-line"}),
    (b"Content-Type: TEXT/html; x\r\n\r\ny", [("1", "text/html", b"y")], {}),
    (b"Content-Type: text\r\n\r\ny", [("1", "text/plain", b"y")], {"1": "bad-content-type"}),
    (
        b"Content-Transfer-Encoding: rot13\r\n\r\ny",
        [("1", "text/plain", b"y")],
        {"1": "unknown-encoding"},
    ),
    (
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\ny",
        [("1", "message/rfc822", b"y")],
        {"1": "encoded-composite"},
    ),
    (b"Content-Type: multipart/x\r\n\r\ny", [("1", "multipart/x", b"y")], {"1": "missing-boundary"}),
    (MULTI + b"--b--\r\n", [("TEXT", "multipart/mixed", MULTI[:0] + b"--b--\r\n")], {"TEXT": "no-parts"}),
    (
        MULTI + b"--b\r\n\r\n--b--",
        [("TEXT", "multipart/mixed", b""), ("1", "text/plain", b"")],
        {},
    ),
    (
        MULTI + b"--b\r\nA: b\r\n--b--",
        [("TEXT", "multipart/mixed", b""), ("1", "text/plain", b"")],
        {"1": "missing-empty-line"},
    ),
    (
        MULTI + b"--b\r\n\r\nx\r\n--bb\r\n --b\r\nx--b\r\n--b --\r\n--b-",
        [
            ("TEXT", "multipart/mixed", b""),
            ("1", "text/plain", b"x\r\n--bb\r\n --b\r\nx--b\r\n--b --\r\n--b-"),
        ],
        {"TEXT": "missing-close-boundary"},
    ),
    (
        MULTI + b"--b\r\n" + MULTI + b"--b\r\n\r\nx\r\n--b--",
        [("TEXT", "multipart/mixed", b""), ("1", "multipart/mixed", b""), ("2", "text/plain", b"x")],
        {"1": "boundary-in-use"},
    ),
    (
        MULTI + b"--b\r\nContent-Type: multipart/x; boundary=c\r\n\r\n--c\r\nA: b\r\n--b--",
        [("TEXT", "multipart/mixed", b""), ("1", "multipart/x", b""), ("1.1", "text/plain", b"")],
        {"1.1": "missing-empty-line", "1": "missing-close-boundary"},
    ),
    (
        b'Content-Type: multipart/x; boundary="b:c"\r\n\r\n--b:c\r\nA: b\r\n--b:c\r\n\r\nx\r\n--b:c--',
        [("TEXT", "multipart/x", b""), ("1", "text/plain", b""), ("2", "text/plain", b"x")],
        {"1": "missing-empty-line"},
    ),
]


@pytest.mark.parametrize(("data", "tree", "defects"), CASES)
def test_tree(data: bytes, tree: list[tuple[str, str, bytes]], defects: dict[str, str]) -> None:
    root = check(data)
    assert shape(root) == tree
    assert {part.path: " ".join(names(part)) for part in root.walk() if part.defects} == defects


@pytest.mark.parametrize(
    ("value", "main", "params"),
    [
        (b"text/plain; charset=us-ascii (Plain text)", "text/plain", {"charset": "us-ascii"}),
        (b'TEXT/Plain;CharSet="UTF-8";charset=x', "text/plain", {"charset": "UTF-8"}),
        (b'a/b; n="c;d\\"e\\\\" ; m = f g.txt', "a/b", {"n": 'c;d"e\\', "m": "f g.txt"}),
        (b"a/b; name=f(1).txt; x", "a/b", {"name": "f(1).txt"}),
        (b"", "", {}),
        (b";a=b", "", {"a": "b"}),
        (b'a/b; c="unclosed; d=e', "a/b", {"c": '"unclosed', "d": "e"}),
        # RFC 2231 3 and 4
        (
            b'm/e; access-type=URL; URL*0="ftp://"; URL*1="cs.utk.edu/x"',
            "m/e",
            {"access-type": "URL", "url": "ftp://cs.utk.edu/x"},
        ),
        (
            b"a/x; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
            "a/x",
            {"title": "This is ***fun***"},
        ),
        (
            b"a/x; title*0*=iso-8859-1'en'caf%E9%20; title*1*=%2A; title*2=\"isn't it!\"; title=plain",
            "a/x",
            {"title": "café *isn't it!"},
        ),
        (b"a/x; title=plain; title*=utf-8''b%C3%B6", "a/x", {"title": "bö"}),
        (b"a/x; title*=no-such''b%C3%B6; t*1=y; u*=z", "a/x", {"title": "bö", "u": ""}),
    ],
)
def test_parameters(value: bytes, main: str, params: dict[str, str]) -> None:
    assert parse_parameters(value) == (main, params)


@pytest.mark.parametrize(
    ("header", "filename", "disposition"),
    [
        (b'Content-Disposition: ATTACHMENT; filename="a.txt"', "a.txt", "attachment"),
        (b"Content-Type: image/png; name=b.png\r\nContent-Disposition: inline", "b.png", "inline"),
        (b'Content-Type: a/b; name="=?utf-8?q?=C3=A4.txt?="', "ä.txt", None),
        (b"Content-Disposition: attachment;\r\n filename*=utf-8''%C3%A4.txt", "ä.txt", "attachment"),
        (b"A: b", None, None),
    ],
)
def test_filename(header: bytes, filename: str | None, disposition: str | None) -> None:
    part = check(header + b"\r\n\r\n")
    assert (part.filename, part.disposition) == (filename, disposition)


@pytest.mark.parametrize(
    ("encoding", "body", "decoded"),
    [
        (b"base64", b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"BASE64 ", b"aGVsbG8", b"hello"),
        (b"base64", b"aGVsb", b"hel"),
        (b"base64", b"!", b""),
        (b"quoted-printable", b"caf=C3=A9=\r\n!=", b"caf\xc3\xa9!"),
        (b"8bit", b"=41", b"=41"),
        (b"x-new", b"=41", b"=41"),
    ],
)
def test_decoded(encoding: bytes, body: bytes, decoded: bytes) -> None:
    assert check(b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body).decoded() == decoded


def test_text() -> None:
    header = b"Content-Type: text/plain; charset=%s\r\n\r\ncaf\xe9"
    assert check(header % b"ISO-8859-1").text() == "café"
    assert check(header % b"UTF-8").text() == "caf\\xe9"
    assert check(header % b"no-such").text() == "caf\\xe9"
    assert check(header % b"Latin1").charset == "latin1"
    assert check(b"\r\n\xe9").text() == "\\xe9"
    assert check(b"\r\n\xe9").charset is None


LINES = [
    b"--a",
    b"--a--",
    b"--b",
    b"--b--",
    b"Content-Type: multipart/mixed; boundary=a",
    b"Content-Type: multipart/digest; boundary=b",
    b"Content-Type: message/rfc822",
    b"Content-Transfer-Encoding: base64",
    b"--a: b",
    b"A: b",
    b" x",
    b"",
    b"",
    b"text",
]


@given(
    st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r", b""]))).map(
        lambda lines: b"".join(line + end for line, end in lines)
    )
    | st.binary()
)
def test_any_octets_are_a_tree(data: bytes) -> None:
    check(data)


@pytest.mark.skipif(not MESSAGES, reason="the messages of Apache James Mime4j are not here")
@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_messages_from_elsewhere(path: Path) -> None:
    data = path.read_bytes()
    root = check(data)
    for cut in range(0, len(data), 1 + len(data) // 50):
        check(data[:cut])
    theirs = [part.get_content_type() for part in email.message_from_bytes(data).walk()]
    ours = [part.content_type for part in root.walk()]
    # the standard library takes an encoded message for one in clear; its octets are no part of ours
    assert ours == (theirs[:1] if "encoded-composite" in names(root) else theirs)


def nested(depth: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth)
    )


def test_depth_is_bounded() -> None:
    root = check(nested(10_000))
    parts = list(root.walk())
    assert len(parts) == DEPTH + 1
    assert "nested-too-deep" in names(parts[-1])
    assert repr(root) == f"<Part TEXT multipart/mixed, octets 0-{root.end}, 1 parts inside>"
    deep = check(b"Content-Type: message/rfc822\r\n\r\n" * 10_000)
    assert len(list(deep.walk())) == DEPTH + 1


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "data",
    [
        nested(10_000) + b"".join(b"--b%d--\r\n" % n for n in reversed(range(10_000))),
        MULTI + b"--b\r\n" * 100_000,
        MULTI + b"--b\r\n\r\n" * 100_000 + b"--b--\r\n" * 100_000,
        MULTI + b"--c\r\n" * 200_000,
        MULTI + b"\r\n--" + b"c" * 1_000_000,
        b'Content-Type: multipart/x; boundary="b:c"\r\n\r\n' + b"--b:c\r\n" * 100_000,
        b"Content-Type: multipart/x; boundary=" + b"c" * 1_000_000 + b"\r\n\r\n",
        b"Content-Type: a/b; " + b'c="\\' * 200_000,
        b"Content-Type: a/b" + b"; c*1=d" * 100_000,
        b"Content-Type: a/b" + b";" * 1_000_000,
        b"Content-Type: a/b; c" + b" " * 1_000_000,
        b"Content-Type: a/b; c=" + b"( " * 500_000,
        b"A" * 1_000_000,
        b"A: " + b"b" * 1_000_000,
        b"Content-Type:\n" * 50_000,
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r" * 500_000,
    ],
    ids=range(16),
)
def test_hostile_messages_cost_linear_time(data: bytes) -> None:
    for part in parse(data).walk():
        part.decoded()
