"""PLAIN and LOGIN, server against table, client against server."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import LabError, ProtocolError
from labkit.grammar import sasl
from labkit.grammar.sasl import MECHANISMS, Cancelled, Challenge, Credentials

TIM = Credentials("tim", "tanstaaftanstaaf")

# mechanism, the responses (None: no initial one), what the server answers to each
TALKS: list[tuple[str, list[bytes | None], list[Challenge | Credentials]]] = [
    ("PLAIN", [b"\0tim\0tanstaaftanstaaf"], [TIM]),
    ("PLAIN", [None, b"\0tim\0tanstaaftanstaaf"], [Challenge(b""), TIM]),
    ("PLAIN", [b"tim\0tim\0tanstaaftanstaaf"], [TIM]),
    ("PLAIN", [b"Ursel\0Kurt\0xipj3plmq"], [Credentials("Kurt", "xipj3plmq", "Ursel")]),
    ("PLAIN", ["\0jürgen\0pässword".encode()], [Credentials("jürgen", "pässword")]),
    (
        "LOGIN",
        [None, b"tim", b"tanstaaftanstaaf"],
        [Challenge(b"Username:"), Challenge(b"Password:"), TIM],
    ),
    ("LOGIN", [b"tim", b"tanstaaftanstaaf"], [Challenge(b"Password:"), TIM]),
]


@pytest.mark.parametrize(("mechanism", "responses", "answers"), TALKS)
def test_server(
    mechanism: str, responses: list[bytes | None], answers: list[Challenge | Credentials]
) -> None:
    exchange = MECHANISMS[mechanism]()
    assert [exchange.step(response) for response in responses] == answers


BAD = [
    ("PLAIN", b""),
    ("PLAIN", b"tim"),
    ("PLAIN", b"\0tim"),
    ("PLAIN", b"\0tim\0"),
    ("PLAIN", b"\0\0hunter2"),
    ("PLAIN", b"\0tim\0hunter2\0"),
    ("PLAIN", b"\0tim\0hunter2\xff"),
    ("LOGIN", b"hunter2\xff"),
]


@pytest.mark.parametrize(("mechanism", "response"), BAD)
def test_server_refuses_and_keeps_the_secret(mechanism: str, response: bytes) -> None:
    with pytest.raises(ProtocolError) as raised:
        MECHANISMS[mechanism]().step(response)
    assert "hunter2" not in str(raised.value) + repr(raised.value)


def test_passwords_are_not_shown() -> None:
    assert "tanstaaf" not in repr(TIM)


@pytest.mark.parametrize(
    "line", [b"A", b"QQ", b"QQ=", b"Q===", b"QQ==QQ==", b"QQ= =", b"Q\r\n==", b"=", b"\xff"]
)
def test_what_is_not_base64(line: bytes) -> None:
    with pytest.raises(ProtocolError) as raised:
        sasl.read_response(line)
    assert not isinstance(raised.value, Cancelled)


def test_lines() -> None:
    # RFC 4616 4 and RFC 4954 4.1
    assert sasl.read_initial(b"AHRpbQB0YW5zdGFhZnRhbnN0YWFm") == b"\0tim\0tanstaaftanstaaf"
    assert sasl.read_initial(b"=") == b""
    assert sasl.write_initial(b"") == b"="
    assert sasl.write(b"") == b""
    assert sasl.read_challenge(b"VXNlcm5hbWU6") == b"Username:"
    with pytest.raises(Cancelled, match="cancelled"):
        sasl.read_response(sasl.CANCEL)


def test_choice() -> None:
    assert sasl.choose(["login", "GSSAPI", "Plain"]) == "PLAIN"
    assert sasl.choose(["LOGIN"]) == "LOGIN"
    assert sasl.choose(["GSSAPI"]) is None
    assert set(MECHANISMS) == {"PLAIN", "LOGIN"}


@pytest.mark.parametrize(("mechanism", "user"), [("GSSAPI", "tim"), ("PLAIN", "t\0im"), ("LOGIN", "")])
def test_client_refuses(mechanism: str, user: str) -> None:
    with pytest.raises(LabError):
        sasl.client(mechanism, user, "password")


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("at_once", [True, False])
@given(NAMES, NAMES)
def test_client_against_server(mechanism: str, at_once: bool, user: str, password: str) -> None:
    """Also when the client keeps its initial response for the first challenge."""
    exchange, client = MECHANISMS[mechanism](), sasl.client(mechanism, user, password)
    kept = next(client)
    argument = sasl.write_initial(kept) if kept is not None and at_once else None
    answer = exchange.step(None if argument is None else sasl.read_initial(argument))
    if kept is not None and not at_once:
        assert answer == Challenge(b"")
        answer = exchange.step(kept)
    while isinstance(answer, Challenge):
        response = client.send(sasl.read_challenge(sasl.write(answer.data)))
        assert response is not None
        answer = exchange.step(sasl.read_response(sasl.write(response)))
    assert answer == Credentials(user, password)


@given(st.binary())
def test_lines_round_trip(octets: bytes) -> None:
    assert sasl.read_response(sasl.write(octets)) == octets
    assert sasl.read_initial(sasl.write_initial(octets)) == octets


@given(st.binary(), st.sampled_from(sorted(MECHANISMS)))
def test_any_octets_are_read_or_refused(octets: bytes, mechanism: str) -> None:
    for step in (sasl.read_response, sasl.read_initial, MECHANISMS[mechanism]().step):
        with contextlib.suppress(ProtocolError):
            step(octets)
