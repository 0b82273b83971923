"""Each mechanism against its RFC's example, octet by octet, and each client against each server."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labkit.errors import LabError, ProtocolError
from labkit.grammar import sasl
from labkit.grammar.sasl import MECHANISMS, Cancelled, Challenge, Denied, NotAllowed, User, advance, server
from labkit.grammar.saslprep import saslprep
from labkit.grammar.scram import Unproven

SERVER_NONCE = {"SCRAM-SHA-1": "3rfcNHYJY1ZVvWVs7j", "SCRAM-SHA-256": "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"}
CLIENT_NONCE = {"SCRAM-SHA-1": "fyko+d2lbbFgONRv9qkxdawL", "SCRAM-SHA-256": "rOprNGfwEbeRWgbNEkqO"}
SALT = {"SCRAM-SHA-1": "QSXCR+Q6sek8bf92", "SCRAM-SHA-256": "W22ZaJ0SNY7soEsUEjb6gQ=="}


class Keys:
    """A host whose users, nonces and salts are those of the RFCs."""

    def __init__(self, mechanism: str = "SCRAM-SHA-1", **users: str) -> None:
        self.mechanism = mechanism
        self.users = users

    def password(self, user: str) -> str | None:
        return self.users.get(user)

    def salt(self, user: str) -> bytes:
        return base64.b64decode(SALT.get(self.mechanism, SALT["SCRAM-SHA-1"]))

    def accepts(self, user: str, token: str) -> bool:
        return self.users.get(user) == token

    def timestamp(self) -> str:
        return "<1896.697170952@postoffice.reston.mci.net>"

    def token(self, length: int) -> str:
        return SERVER_NONCE.get(self.mechanism, "x" * length)


TIM = User("tim")
TANSTAAF = "tanstaaftanstaaf"

# mechanism, users, the responses (None: no initial one), what the server answers to each
TALKS: list[tuple[str, dict[str, str], list[bytes | None], list[Challenge | User]]] = [
    ("PLAIN", {"tim": TANSTAAF}, [b"\0tim\0tanstaaftanstaaf"], [TIM]),  # RFC 4616 4
    ("PLAIN", {"tim": TANSTAAF}, [None, b"\0tim\0tanstaaftanstaaf"], [Challenge(b""), TIM]),
    ("PLAIN", {"tim": TANSTAAF}, [b"tim\0tim\0tanstaaftanstaaf"], [TIM]),
    ("PLAIN", {"jürgen": "pässword"}, ["\0jürgen\0pässword".encode()], [User("jürgen")]),
    # typed in another form, and prepared (RFC 4616 2)
    *(
        ("PLAIN", {"jürgen": "pässword"}, [f"{who}\0ju\u0308rgen\0pa\u0308ssword".encode()], [User("jürgen")])
        for who in ("", "ju\u0308rgen", "jürgen")
    ),
    (
        *("LOGIN", {"tim": TANSTAAF}, [None, b"tim", b"tanstaaftanstaaf"]),
        [Challenge(b"Username:"), Challenge(b"Password:"), TIM],
    ),
    ("LOGIN", {"tim": TANSTAAF}, [b"tim", b"tanstaaftanstaaf"], [Challenge(b"Password:"), TIM]),
    (  # RFC 2195 2
        *("CRAM-MD5", {"tim": TANSTAAF}, [None, b"tim b913a602c7eda7a495b4e6e7334d3890"]),
        [Challenge(b"<1896.697170952@postoffice.reston.mci.net>"), TIM],
    ),
    (  # RFC 5802 5
        "SCRAM-SHA-1",
        {"user": "pencil"},
        [
            b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            b"",
        ],
        [
            Challenge(b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"),
            Challenge(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="),
            User("user"),
        ],
    ),
    (  # RFC 7677 3
        "SCRAM-SHA-256",
        {"user": "pencil"},
        [
            b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            b"",
        ],
        [
            Challenge(
                b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
            ),
            Challenge(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
            User("user"),
        ],
    ),
    (  # RFC 7628 4.1
        "OAUTHBEARER",
        {"user@example.com": "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="},
        [
            b"n,a=user@example.com,\1host=server.example.com\1port=143\1"
            b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"
        ],
        [User("user@example.com")],
    ),
    (  # Google's example
        "XOAUTH2",
        {"someuser@example.com": "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"},
        [b"user=someuser@example.com\1auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\1\1"],
        [User("someuser@example.com")],
    ),
]


def talk(mechanism: str, keys: Keys, responses: list[bytes | None]) -> list[Challenge | User]:
    exchange = server(mechanism, keys, responses[0])
    return [advance(exchange), *(advance(exchange, response) for response in responses[1:])]


@pytest.mark.parametrize(("mechanism", "users", "responses", "answers"), TALKS)
def test_server(
    mechanism: str,
    users: dict[str, str],
    responses: list[bytes | None],
    answers: list[Challenge | User],
) -> None:
    assert talk(mechanism, Keys(mechanism, **users), responses) == answers


@pytest.mark.parametrize(
    ("mechanism", "user", "secret", "challenges", "responses"),
    [
        ("PLAIN", "tim", TANSTAAF, [], [b"\0tim\0tanstaaftanstaaf"]),
        ("LOGIN", "tim", TANSTAAF, [b"Username:", b"Password:"], [None, b"tim", b"tanstaaftanstaaf"]),
        (
            *("CRAM-MD5", "tim", TANSTAAF, [b"<1896.697170952@postoffice.reston.mci.net>"]),
            [None, b"tim b913a602c7eda7a495b4e6e7334d3890"],
        ),
        *(
            (mechanism, "user", "pencil", [answer.data for answer in answers[:2]], responses)
            for mechanism, _, responses, answers in TALKS
            if mechanism.startswith("SCRAM")
        ),
        ("OAUTHBEARER", "a,b=c", "tok", [b"{}"], [b"n,a=a=2Cb=3Dc,\1auth=Bearer tok\1\1", b"\1"]),
        ("XOAUTH2", "a@b", "tok", [b"{}"], [b"user=a@b\1auth=Bearer tok\1\1", b""]),
    ],
)
def test_client(
    mechanism: str, user: str, secret: str, challenges: list[bytes], responses: list[bytes | None]
) -> None:
    client = sasl.client(mechanism, user, secret, lambda _: CLIENT_NONCE[mechanism])
    said = [next(client), *(sasl.answer(client, challenge) for challenge in challenges)]
    assert said == responses
    sasl.granted(client)


# What is refused

N = b"n,,n=user,r=abc"
BEARER = b"n,a=user,\1auth=Bearer "

BAD = [
    ("PLAIN", [b""]),
    ("PLAIN", [b"tim"]),
    ("PLAIN", [b"\0tim"]),
    ("PLAIN", [b"\0tim\0"]),
    ("PLAIN", [b"\0\0hunter2"]),
    ("PLAIN", [b"\0tim\0hunter2\0"]),
    ("PLAIN", [b"\0tim\0hunter2\xff"]),
    ("LOGIN", [b"hunter2\xff"]),
    ("CRAM-MD5", [b"hunter2"]),
    ("CRAM-MD5", [None, b"hunter2"]),
    ("CRAM-MD5", [None, b"\xff hunter2"]),
    ("SCRAM-SHA-1", [b"hunter2"]),
    ("SCRAM-SHA-1", [b"p=tls-unique,,n=user,r=hunter2"]),
    ("SCRAM-SHA-1", [b"n,,m=new,n=user,r=hunter2"]),
    ("SCRAM-SHA-1", [b"n,,n=us=er,r=hunter2"]),
    ("SCRAM-SHA-1", [b"n,,n=\xff,r=hunter2"]),
    ("SCRAM-SHA-1", [b"n,,n=\x07,r=hunter2"]),
    ("SCRAM-SHA-1", [N, b"hunter2"]),
    ("SCRAM-SHA-1", [N, b"c=biws,r=hunter2,p=AAAA"]),
    ("SCRAM-SHA-1", [N, b"c=eSws,r=abc3rfcNHYJY1ZVvWVs7j,p=AAAA"]),  # said "n,,", now it is "y,,"
    ("SCRAM-SHA-1", [N, b"c=hunter2,r=abc3rfcNHYJY1ZVvWVs7j,p=AAAA"]),
    ("SCRAM-SHA-1", [N, b"c=biws,r=abc3rfcNHYJY1ZVvWVs7j,p=hunter2"]),
    ("OAUTHBEARER", [b"hunter2"]),
    ("OAUTHBEARER", [b"n,a=user,\1auth=Basic hunter2\1\1"]),
    ("OAUTHBEARER", [BEARER + b"hunter2\1"]),
    ("OAUTHBEARER", [BEARER + b"hun ter2\1\1"]),
    ("XOAUTH2", [b"user=user\1auth=Bearer \1\1"]),
    ("XOAUTH2", [b"auth=Bearer hunter2\1\1"]),
]


@pytest.mark.parametrize(("mechanism", "responses"), BAD)
def test_server_refuses_and_keeps_the_secret(mechanism: str, responses: list[bytes | None]) -> None:
    exchange = server(mechanism, Keys(user="hunter2"), responses[0])
    answers: list[object] = []
    with pytest.raises(ProtocolError) as raised:  # noqa: PT012
        answers.append(advance(exchange))
        answers += [advance(exchange, response) for response in responses[1:]]
    assert "hunter2" not in str(raised.value) + repr(raised.value)
    assert len(answers) == len(responses) - 1


SHA1 = next(responses for mechanism, _, responses, _ in TALKS if mechanism == "SCRAM-SHA-1")


@pytest.mark.parametrize(
    ("mechanism", "responses"),
    [
        ("PLAIN", [b"\0user\0wrong"]),
        ("PLAIN", [b"boss\0user\0wrong"]),  # who cannot log in is not told what else is wrong
        ("LOGIN", [None, b"user", b"wrong"]),
        ("CRAM-MD5", [None, b"user b913a602c7eda7a495b4e6e7334d3890"]),
        ("SCRAM-SHA-1", SHA1[:2]),
        ("OAUTHBEARER", [b"n,a=user,\1auth=Bearer wrong\1\1", b"\1"]),
        ("XOAUTH2", [b"user=user\1auth=Bearer wrong\1\1", b""]),
    ],
)
@pytest.mark.parametrize("password", ["right", "\u05d0 that SASLprep forbids"])
def test_a_wrong_secret_and_a_user_who_is_not_there_look_the_same(
    mechanism: str, responses: list[bytes | None], password: str
) -> None:
    def tell(keys: Keys) -> tuple[list[Challenge | User], str]:
        answers: list[Challenge | User] = []
        with pytest.raises(Denied) as denied:  # noqa: PT012
            exchange = server(mechanism, keys, responses[0])
            answers.append(advance(exchange))
            answers.extend(advance(exchange, response) for response in responses[1:])
        assert not isinstance(denied.value, NotAllowed)
        return answers, str(denied.value)

    assert tell(Keys(user=password)) == tell(Keys())


def test_a_scram_server_takes_as_long_for_a_name_that_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """It hashes in every attempt: what is remembered of a user is told by the clock."""
    hashed: list[bytes] = []
    pbkdf2 = hashlib.pbkdf2_hmac
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", lambda *given: hashed.append(given[1]) or pbkdf2(*given))
    for keys in (Keys(user="right"), Keys(user="right"), Keys(), Keys()):
        with pytest.raises(Denied):
            talk("SCRAM-SHA-1", keys, SHA1[:2])
    assert hashed == [b"right", b"right", b"", b""]


def test_a_bad_token_is_explained_before_it_is_refused() -> None:
    exchange = server("OAUTHBEARER", Keys(user="right"), b"n,a=user,\1auth=Bearer wrong\1\1")
    assert advance(exchange) == Challenge(b'{"status": "invalid_token", "scope": "mail"}')  # RFC 7628 4.3
    with pytest.raises(Denied, match="token"):
        advance(exchange, b"\1")


def scram_final(first: bytes, password: str) -> list[bytes | None]:
    """What a client with that password says; `first` may differ in what stands before the name."""
    client = sasl.client("SCRAM-SHA-1", "user", password, lambda _: "abc")
    next(client)
    challenge = advance(server("SCRAM-SHA-1", Keys(user=password), first))
    assert isinstance(challenge, Challenge)
    return [first, sasl.answer(client, challenge.data)]


@pytest.mark.parametrize(
    ("mechanism", "responses"),
    [("PLAIN", [b"boss\0user\0right"])],
)
def test_nobody_acts_for_others(mechanism: str, responses: list[bytes | None]) -> None:
    with pytest.raises(NotAllowed, match="user may not act for others"):
        talk(mechanism, Keys(user="right"), responses)


def test_scram_proofs_are_bound_to_all_that_was_said() -> None:
    keys = Keys(user="right")
    first, final = scram_final(N, "right")
    assert isinstance(talk("SCRAM-SHA-1", keys, [first, final, b""])[-1], User)
    assert final is not None
    with pytest.raises(ProtocolError, match="channel binding"):
        talk("SCRAM-SHA-1", keys, [b"y,,n=user,r=abc", final])
    with pytest.raises(Denied):
        talk("SCRAM-SHA-1", keys, [b"n,,n=user,r=abc,x=y", final])


def test_scram_takes_a_client_that_could_bind_a_channel() -> None:
    # "y,,": the client could, and believes that the server cannot; which is so
    first = b"y,,n=user,r=abc"
    exchange = server("SCRAM-SHA-1", Keys(user="right"), first)
    challenge = advance(exchange)
    assert isinstance(challenge, Challenge)
    with pytest.raises(Denied):  # its grammar is right, this proof is not
        advance(exchange, b"c=eSws,r=abc3rfcNHYJY1ZVvWVs7j,p=AAAA")


# A server that lies

FIRST = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"


@pytest.mark.parametrize(
    ("challenge", "match"),
    [
        (b"r=other,s=QSXCR+Q6sek8bf92,i=4096", "nonce"),
        (b"r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096", "nonce"),
        (FIRST.replace(b"4096", b"999999999"), "iterations"),
        (FIRST.replace(b"4096", b"0"), "server-first-message"),
        (b"e=other-error", "server-first-message"),
    ],
)
def test_a_scram_client_refuses(challenge: bytes, match: str) -> None:
    client = sasl.client("SCRAM-SHA-1", "user", "pencil", lambda _: CLIENT_NONCE["SCRAM-SHA-1"])
    next(client)
    with pytest.raises(ProtocolError, match=match):
        sasl.answer(client, challenge)


@pytest.mark.parametrize(
    "goes_on",
    [
        sasl.granted,
        lambda client: sasl.answer(client, b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        lambda client: sasl.answer(client, b"e=invalid-proof"),
    ],
    ids=["yes without a signature", "a wrong signature", "an error"],
)
def test_a_server_that_does_not_know_the_password_is_found_out(
    goes_on: Callable[[sasl.Client], object],
) -> None:
    client = sasl.client("SCRAM-SHA-1", "user", "pencil", lambda _: CLIENT_NONCE["SCRAM-SHA-1"])
    next(client)
    sasl.answer(client, FIRST)
    with pytest.raises(Unproven):
        goes_on(client)


def test_a_server_that_grants_a_scram_login_at_once_is_found_out() -> None:
    client = sasl.client("SCRAM-SHA-256", "user", "pencil", lambda _: "abc")
    next(client)
    with pytest.raises(Unproven):
        sasl.granted(client)


# Lines, and the choice


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
    assert sasl.choose(["GSSAPI", "XOAUTH2"]) is None  # a password is no token
    assert sasl.choose(MECHANISMS) == "SCRAM-SHA-256"


@pytest.mark.parametrize(("mechanism", "user"), [("GSSAPI", "tim"), ("PLAIN", "t\0im"), ("LOGIN", "")])
def test_client_refuses(mechanism: str, user: str) -> None:
    with pytest.raises(LabError):
        sasl.client(mechanism, user, "password", str)


PRINTABLE = st.characters(codec="utf-8", exclude_characters="\0\1", exclude_categories=["Cs", "Cc"])
NAMES = st.text(PRINTABLE, min_size=1)
TOKENS = st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("at_once", [True, False])
@given(NAMES, NAMES, TOKENS)
@example("a,b=c", "p,w=d", "t")
def test_client_against_server(mechanism: str, at_once: bool, user: str, password: str, token: str) -> None:
    """Also when the client keeps its initial response for the first challenge."""
    secret = token if "OAUTH" in mechanism or "BEARER" in mechanism else password
    if mechanism.startswith(("SCRAM", "PLAIN")):
        try:
            user = saslprep(user)
            saslprep(password)
        except ProtocolError:
            return
        if not user:
            return
    client = sasl.client(mechanism, user, secret, lambda n: "c" * n)
    kept = next(client)
    argument = sasl.write_initial(kept) if kept is not None and at_once else None
    exchange = server(
        mechanism,
        Keys(mechanism, **{user: secret}),
        None if argument is None else sasl.read_initial(argument),
    )
    answer = advance(exchange)
    if kept is not None and not at_once:
        assert answer == Challenge(b"")
        answer = advance(exchange, kept)
    while isinstance(answer, Challenge):
        response = sasl.answer(client, sasl.read_challenge(sasl.write(answer.data)))
        assert response is not None
        answer = advance(exchange, sasl.read_response(sasl.write(response)))
    sasl.granted(client)
    assert answer == User(user)


@given(st.binary())
def test_lines_round_trip(octets: bytes) -> None:
    assert sasl.read_response(sasl.write(octets)) == octets
    assert sasl.read_initial(sasl.write_initial(octets)) == octets


@given(st.binary(), st.sampled_from(MECHANISMS))
@example(b"n,,n=,r=a", "SCRAM-SHA-1")
@example(b"user=\1auth=Bearer a\1\1", "XOAUTH2")
def test_any_octets_are_read_or_refused(octets: bytes, mechanism: str) -> None:
    with contextlib.suppress(ProtocolError):
        sasl.read_response(octets)
    with contextlib.suppress(ProtocolError, Denied):
        advance(server(mechanism, Keys(tim="secret"), octets))
