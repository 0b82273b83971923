"""Responses: one list to cut, to parse and to write; what is lenient; what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import ProtocolError
from labkit.grammar.imap_frames import ResponseFrames, frame_end
from labkit.grammar.imap_responses import (
    Atom,
    Continuation,
    Data,
    Response,
    Status,
    parse_response,
    write_response,
)

CASES: list[tuple[bytes, Response]] = [
    (b"* OK IMAP4rev1 Service Ready\r\n", Status(None, "OK", "IMAP4rev1 Service Ready")),
    (b"a002 OK [READ-WRITE] SELECT completed\r\n", Status("a002", "OK", "SELECT completed", "READ-WRITE")),
    (
        b"* OK [PERMANENTFLAGS (\\Deleted \\*)] Limited\r\n",
        Status(None, "OK", "Limited", "PERMANENTFLAGS (\\Deleted \\*)"),
    ),
    (b"* BYE see you {5}\r\n", Status(None, "BYE", "see you {5}")),
    (b"+ send literal {5}\r\n", Continuation("send literal {5}")),
    (b"+ \r\n", Continuation()),
    (b"* 18 EXISTS\r\n", Data("EXISTS", number=18)),
    (b"* SEARCH\r\n", Data("SEARCH")),
    (b"* SEARCH 2 84 882\r\n", Data("SEARCH", (2, 84, 882))),
    (
        b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n",
        Data("CAPABILITY", (Atom("IMAP4rev1"), Atom("AUTH=PLAIN"))),
    ),
    (b"* FLAGS (\\Seen Junk)\r\n", Data("FLAGS", ((Atom("\\Seen"), Atom("Junk")),))),
    (
        b'* LIST (\\Noselect) "/" {3}\r\na b\r\n'.replace(b"{3}\r\na b", b'"a b"'),
        Data("LIST", ((Atom("\\Noselect"),), b"/", b"a b")),
    ),
    (
        b"* STATUS blurdybloop (MESSAGES 231)\r\n",
        Data("STATUS", (Atom("blurdybloop"), (Atom("MESSAGES"), 231))),
    ),
    (
        b"* 12 FETCH (UID 7 BODY[HEADER.FIELDS (DATE FROM)]<0> {4}\r\n\r\n\r\n FLAGS ())\r\n",
        Data(
            "FETCH",
            (
                (
                    *(Atom("UID"), 7, Atom("BODY[HEADER.FIELDS (DATE FROM)]<0>"), b"\r\n\r\n"),
                    *(Atom("FLAGS"), ()),
                ),
            ),
            12,
        ),
    ),
    (
        b'* NAMESPACE (("" "/")) NIL (("#a/" "/")("#b/" "/"))\r\n',
        Data("NAMESPACE", (((b"", b"/"),), None, ((b"#a/", b"/"), (b"#b/", b"/")))),
    ),
]


@pytest.mark.parametrize(("frame", "response"), CASES, ids=lambda case: repr(case)[:50])
def test_parse_and_write(frame: bytes, response: Response) -> None:
    assert parse_response(frame) == response
    assert write_response(response) == frame


def cut(stream: list[bytes]) -> tuple[list[bytes], bytes]:
    frames = ResponseFrames()
    found = []
    for octets in stream:
        frames.feed(octets)
        while frame := frames.next():
            found.append(frame)
    return found, frames.rest()


@pytest.mark.parametrize("frame", [frame for frame, _ in CASES])
def test_cut_whole_byte_by_byte_and_with_a_tail(frame: bytes) -> None:
    assert cut([frame]) == ([frame], b"")
    assert cut([frame[i : i + 1] for i in range(len(frame))]) == ([frame], b"")
    assert cut([frame + b"* BYE {3}\r\n* 1 FE"]) == ([frame, b"* BYE {3}\r\n"], b"* 1 FE")
    assert frame_end(frame + b"+ \r\n") == len(frame)
    assert frame_end(b"+ \r\n" + frame, 4) == len(frame) + 4
    assert all(frame_end(frame[:size]) == -1 for size in range(len(frame)))


def test_a_response_that_is_cut_in_its_literal_comes_out_in_rest() -> None:
    assert cut([b"* 1 FETCH (BODY[] {4}\r\nab"]) == ([], b"* 1 FETCH (BODY[] {4}\r\nab")
    assert cut([b"* 1 FETCH (BODY[] {2}\r\nab X"]) == ([], b"* 1 FETCH (BODY[] {2}\r\nab X")


def test_a_response_beyond_the_limit_is_not_read() -> None:
    frames = ResponseFrames(limit=1000)
    frames.feed(b"* 1 FETCH (BODY[] {990}\r\n")
    with pytest.raises(ProtocolError, match="more than 1000 octets"):
        frames.next()


@pytest.mark.parametrize(
    ("frame", "response"),
    [
        (b"+\r\n", Continuation()),
        (b"a1 OK\r\n", Status("a1", "OK", "")),
        (b"a1 no [ALERT]\r\n", Status("a1", "NO", "", "ALERT")),
        (b"* SEARCH 1 \r\n", Data("SEARCH", (1,))),
        (b"* OK [x] \xff\r\n", Status(None, "OK", "\udcff", "x")),
        (b"* 1 FETCH (BODY ((1)(2) 3))\r\n", Data("FETCH", ((Atom("BODY"), ((1,), (2,), 3)),), 1)),
        (b"* 1 FETCH (BODY ((1) (2) 3))\r\n", Data("FETCH", ((Atom("BODY"), ((1,), (2,), 3)),), 1)),
    ],
)
def test_lenient(frame: bytes, response: Response) -> None:
    assert parse_response(frame) == response


@pytest.mark.parametrize(
    ("frame", "offset", "message"),
    [
        (b"\r\n", 0, "expected a tag, * or +"),
        (b"*\r\n", 1, "expected a space"),
        (b"* \r\n", 2, "expected the name of a response"),
        (b"a1 SEARCH 1\r\n", 3, "expected OK, NO or BAD"),
        (b"* FLAGS (a\r\n", 10, "expected a space or ')'"),
        (b"* FLAGS )\r\n", 8, "expected an atom, a number, a string or a list"),
        (b"* X " + b"(" * 3000 + b"\r\n", 104, "expected lists nested at most 100 deep"),
    ],
)
def test_refused_at_the_right_place(frame: bytes, offset: int, message: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        parse_response(frame)
    assert (raised.value.message, raised.value.offset) == (message, offset)


VALUES = st.recursive(
    st.none()
    | st.integers(0, 2**32)
    | st.binary(max_size=8).filter(lambda octets: b"\0" not in octets)
    | st.sampled_from([Atom("\\Seen"), Atom("BODY[HEADER.FIELDS (A)]<2>"), Atom("a]")]),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=8,
)
NAMES = st.sampled_from(["FETCH", "LIST", "X-A", "SEARCH"])


@given(st.builds(Data, NAMES, st.lists(VALUES, max_size=3).map(tuple), st.none() | st.integers(0, 9)))
def test_whatever_is_written_is_read_back_the_same(data: Data) -> None:
    frame = write_response(data)
    assert parse_response(frame) == data
    assert cut([frame]) == ([frame], b"")


@given(st.binary(max_size=60), st.sampled_from([b"", b"* ", b"* 1 ", b"+ ", b"a1 ", b"* X (", b"* OK ["]))
def test_any_octets_parse_or_raise(octets: bytes, start: bytes) -> None:
    try:
        response = parse_response(start + octets + b"\r\n")
    except ProtocolError:
        return
    assert parse_response(write_response(response)) == response


def test_a_line_end_in_a_text_cannot_forge_a_response() -> None:
    assert write_response(Status("a", "NO", "x\r\n* BYE")) == b"a NO x  * BYE\r\n"
