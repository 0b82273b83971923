"""The POP3 server: sessions without a network, octets in and actions out."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.grammar import sasl
from labkit.grammar.pop3 import COMMAND_LIMIT
from labkit.net.session import Close, Send, StartTLS
from labkit.servers.pop3 import REGISTRY, Pop3Session, top
from labkit.servers.site import Site
from labkit.store.accounts import Account, Store
from labkit.store.mailbox import Mailbox, StoreError

ONE = b"From: a@example.com\r\nSubject: one\r\n\r\nfirst\r\n.second\r\nthird\r\n"
TWO = b"Subject: two\r\n\r\nhello\r\n"


@pytest.fixture
def site() -> Site:
    store = Store(now=lambda: datetime(2026, 1, 5, 9, tzinfo=UTC))
    mrose = store.add_user("mrose@example.org", "sec ret")
    for data in (ONE, TWO):
        mrose.inbox.append(data)
    numbers = count()
    return Site("dewey", store, store.now, token=lambda n: f"{next(numbers):0{n}}")


@pytest.fixture
def mrose(site: Site) -> Account:
    return site.store.authenticate("mrose", "sec ret")


class Wire:
    """A client's end of a session: `wire("STAT")` gives the reply, as text without its last CRLF."""

    def __init__(self, session: Pop3Session, *, encrypted: bool = False) -> None:
        self.session = session
        self.closed = False
        self.tls: list[StartTLS] = []
        self.greeting = self.take(session.connected("192.0.2.1", encrypted))

    def take(self, actions) -> str:
        said = b""
        for action in actions:
            assert not self.closed, f"{action} after Close"
            match action:
                case Send(data):
                    assert data.endswith(b"\r\n")
                    said += data
                case StartTLS():
                    self.tls.append(action)
                case Close():
                    self.closed = True
        return said.decode().removesuffix("\r\n")

    def __call__(self, line: str | bytes) -> str:
        line = line.encode() if isinstance(line, str) else line
        return self.take(self.session.receive(line + b"\r\n"))

    def login(self) -> Wire:
        self("USER mrose")
        assert self("PASS sec ret").startswith("+OK")
        return self


@pytest.fixture
def wire(site: Site) -> Wire:
    return Wire(Pop3Session(site))


# The commands of RFC 1939, one by one


def test_the_greeting(wire: Wire) -> None:
    assert wire.greeting == "+OK POP3 server ready"


def test_login_by_name_or_address(site: Site) -> None:
    for user in ("mrose", "mrose@example.org", "MRose@Example.ORG"):
        wire = Wire(Pop3Session(site))
        assert wire(f"user {user}") == "+OK send PASS"
        assert wire("pass sec ret") == f"+OK mrose's maildrop has 2 messages ({len(ONE + TWO)} octets)"
        wire("QUIT")


def test_a_wrong_name_and_a_wrong_password_look_the_same(wire: Wire) -> None:
    answers = [(wire(f"USER {user}"), wire("PASS wrong")) for user in ("mrose", "nobody")]
    assert answers == [("+OK send PASS", "-ERR [AUTH] wrong name or password")] * 2


def test_pass_comes_directly_behind_user(wire: Wire) -> None:
    assert wire("PASS sec ret") == "-ERR PASS comes directly behind USER"
    wire("USER mrose")
    wire("CAPA")
    assert wire("PASS sec ret") == "-ERR PASS comes directly behind USER"
    wire("USER mrose")
    wire("PASS wrong")
    assert wire("PASS sec ret") == "-ERR PASS comes directly behind USER"


def test_stat_list_and_uidl(wire: Wire, mrose: Account) -> None:
    wire.login()
    validity = mrose.inbox.uidvalidity
    assert wire("STAT") == f"+OK 2 {len(ONE + TWO)}"
    assert wire("LIST 2") == f"+OK 2 {len(TWO)}"
    assert wire("LIST").split("\r\n") == [
        f"+OK 2 messages ({len(ONE + TWO)} octets)",
        f"1 {len(ONE)}",
        f"2 {len(TWO)}",
        ".",
    ]
    assert wire("UIDL 1") == f"+OK 1 {validity}.1"
    assert wire("UIDL").split("\r\n") == ["+OK", f"1 {validity}.1", f"2 {validity}.2", "."]


def test_retr_and_top(wire: Wire) -> None:
    wire.login()
    assert wire("RETR 2") == f"+OK {len(TWO)} octets\r\nSubject: two\r\n\r\nhello\r\n."
    assert wire("RETR 1").endswith("\r\n\r\nfirst\r\n..second\r\nthird\r\n.")
    assert wire("TOP 1 0") == "+OK\r\nFrom: a@example.com\r\nSubject: one\r\n\r\n."
    assert wire("TOP 1 2").endswith("\r\n\r\nfirst\r\n..second\r\n.")
    assert wire("TOP 1 9999999999").endswith("third\r\n.")


@pytest.mark.parametrize(
    ("message", "lines", "expected"),
    [
        (b"A: b\r\n\r\none\r\ntwo\r\n", 0, b"A: b\r\n\r\n"),
        (b"A: b\r\n\r\none\r\ntwo\r\n", 1, b"A: b\r\n\r\none\r\n"),
        (b"A: b\r\n\r\none\r\ntwo\r\n", 2, b"A: b\r\n\r\none\r\ntwo\r\n"),
        (b"A: b\r\n\r\none\r\ntwo\r\n", 3, b"A: b\r\n\r\none\r\ntwo\r\n"),
        (b"A: b\r\n\r\none\r\ntwo", 2, b"A: b\r\n\r\none\r\ntwo"),
        (b"A: b\r\n\r\n\r\n\r\ntwo", 1, b"A: b\r\n\r\n\r\n"),
        (b"\r\nno header\r\nx", 1, b"\r\nno header\r\n"),
        (b"\r\n", 1, b"\r\n"),
        (b"A: b\r\n", 0, b"A: b\r\n"),
        (b"A: b", 3, b"A: b"),
        (b"", 3, b""),
    ],
)
def test_top_of_a_message(message: bytes, lines: int, expected: bytes) -> None:
    assert top(message, lines) == expected


def test_dele_hides_a_message_and_rset_brings_it_back(wire: Wire, mrose: Account) -> None:
    wire.login()
    assert wire("DELE 1") == "+OK message 1 deleted"
    assert wire("DELE 1") == "-ERR message 1 already deleted"
    assert wire("RETR 1") == "-ERR message 1 already deleted"
    assert wire("STAT") == f"+OK 1 {len(TWO)}"
    assert wire("LIST") == f"+OK 1 message ({len(TWO)} octets)\r\n2 {len(TWO)}\r\n."
    assert wire("RSET") == f"+OK maildrop has 2 messages ({len(ONE + TWO)} octets)"
    assert wire("RETR 1").startswith("+OK")
    assert len(mrose.inbox) == 2


def test_numbers_that_name_no_message(wire: Wire) -> None:
    wire.login()
    for number in ("0", "3", "9999999999"):
        for verb in ("RETR", "DELE", "LIST", "UIDL"):
            assert wire(f"{verb} {number}") == "-ERR no such message, only 2 messages in maildrop"
        assert wire(f"TOP {number} 1").startswith("-ERR no such message")


def test_quit_deletes_what_is_marked(wire: Wire, mrose: Account) -> None:
    wire.login()
    wire("DELE 1")
    assert [message.uid for message in mrose.inbox] == [1, 2]
    assert wire("QUIT") == "+OK dewey POP3 server signing off (1 message left)"
    assert wire.closed
    assert [message.uid for message in mrose.inbox] == [2]


def test_quit_says_when_the_maildrop_is_empty(wire: Wire, mrose: Account) -> None:
    wire.login()
    wire("DELE 1")
    wire("DELE 2")
    assert wire("QUIT") == "+OK dewey POP3 server signing off (maildrop empty)"
    assert len(mrose.inbox) == 0


def test_quit_before_the_login(wire: Wire) -> None:
    assert wire("quit now") == "+OK dewey POP3 server signing off"
    assert wire.closed


def test_an_empty_maildrop(site: Site) -> None:
    site.store.add_user("new@example.org", "pw")
    wire = Wire(Pop3Session(site))
    wire("USER new")
    assert wire("PASS pw") == "+OK new's maildrop has 0 messages (0 octets)"
    assert wire("LIST") == "+OK 0 messages (0 octets)\r\n."
    assert wire("UIDL") == "+OK\r\n."


def test_a_store_that_cannot_delete_is_reported(
    wire: Wire, mrose: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Mailbox, uids: object) -> None:
        raise StoreError("LIMIT", "no space left")

    wire.login()
    wire("DELE 1")
    monkeypatch.setattr(Mailbox, "expunge", full)
    assert wire("QUIT") == "-ERR [SYS/TEMP] some deleted messages not removed: no space left"
    assert wire.closed
    assert mrose.lock()


# The lock, and the ends that are no QUIT


def test_the_maildrop_has_one_owner(site: Site, wire: Wire) -> None:
    wire.login()
    other = Wire(Pop3Session(site))
    other("USER mrose")
    assert other("PASS sec ret") == "-ERR [IN-USE] maildrop already locked"
    wire("QUIT")
    other.login()


@pytest.mark.parametrize(
    "vanish",
    [
        lambda wire: wire.session.lost(),
        lambda wire: wire.take(wire.session.eof()),
        lambda wire: wire.take(wire.session.timed_out()),
    ],
    ids=["lost", "eof", "timed out"],
)
def test_without_quit_nothing_is_deleted_and_the_lock_is_gone(
    wire: Wire, mrose: Account, vanish: Callable[[Wire], object]
) -> None:
    wire.login()
    wire("DELE 1")
    assert not vanish(wire)  # and not a word is said
    assert len(mrose.inbox) == 2
    assert wire("QUIT") == ""
    assert len(mrose.inbox) == 2
    wire.session.lost()
    assert mrose.lock()


def test_half_a_quit_is_no_quit(wire: Wire, mrose: Account) -> None:
    wire.login()
    wire("DELE 1")
    assert wire.take(wire.session.receive(b"QUIT\r")) == ""
    wire.session.lost()
    assert len(mrose.inbox) == 2


def test_numbers_stay_while_mail_comes_and_imap_expunges(wire: Wire, mrose: Account) -> None:
    wire.login()
    mrose.deliver(b"Subject: three\r\n\r\n")
    mrose.inbox.expunge([1])
    assert wire("STAT") == f"+OK 2 {len(ONE + TWO)}"
    assert wire("RETR 1").startswith("+OK")
    assert wire("QUIT") == "+OK dewey POP3 server signing off (2 messages left)"
    assert [message.uid for message in mrose.inbox] == [2, 3]


# CAPA, STLS, AUTH, PIPELINING


def capabilities(wire: Wire) -> list[str]:
    first, *names, last = wire("CAPA").split("\r\n")
    assert (first, last) == ("+OK Capability list follows", ".")
    return names


def with_tls(site: Site) -> Site:
    return Site(site.hostname, site.store, site.now, site.token, tls=lambda: ssl.create_default_context())


def test_what_is_advertised_is_implemented_and_the_other_way_round(site: Site) -> None:
    assert REGISTRY.missing == []
    assert capabilities(Wire(Pop3Session(with_tls(site)))) == [
        "SASL PLAIN LOGIN" if name == "SASL" else name for name in REGISTRY.advertised()
    ]


def test_capabilities_in_each_state(site: Site) -> None:
    wire = Wire(Pop3Session(site))
    before = capabilities(wire)
    assert "STLS" not in before  # there is no TLS on this site
    assert {"USER", "TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"} <= set(before)
    assert capabilities(wire.login()) == before


def test_a_hidden_capability_does_not_work_either(site: Site) -> None:
    wire = Wire(Pop3Session(site, hidden={"TOP", "SASL"}))
    assert not {"TOP", "SASL PLAIN LOGIN"} & set(capabilities(wire))
    assert wire("AUTH PLAIN") == "-ERR there is no command AUTH here"
    assert wire.login()("TOP 1 0") == "-ERR there is no command TOP here"
    assert wire("UIDL 1").startswith("+OK")


def test_stls(site: Site) -> None:
    wire = Wire(Pop3Session(with_tls(site)))
    assert "STLS" in capabilities(wire)
    wire("USER mrose")
    assert wire("STLS now").startswith("-ERR")
    assert wire.take(wire.session.receive(b"STLS\r\nUSER mallory\r\n")) == "+OK Begin TLS negotiation"
    assert wire.tls == [StartTLS()]
    assert wire.take(wire.session.encrypted()) == ""
    assert "STLS" not in capabilities(wire)
    assert wire("PASS sec ret") == "-ERR PASS comes directly behind USER"  # no name crosses into TLS
    assert wire("STLS") == "-ERR there is no command STLS here"
    wire.login()
    assert wire("STAT").startswith("+OK 2 ")


def test_no_stls_without_a_certificate_or_inside_tls_or_after_the_login(site: Site) -> None:
    assert Wire(Pop3Session(site))("STLS") == "-ERR there is no command STLS here"
    assert Wire(Pop3Session(with_tls(site)), encrypted=True)("STLS") == "-ERR there is no command STLS here"
    wire = Wire(Pop3Session(with_tls(site))).login()
    assert wire("STLS") == "-ERR STLS is no command for the transaction state"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_auth_plain_at_once_or_in_two_steps(site: Site) -> None:
    secret = b64("\0mrose\0sec ret")
    wire = Wire(Pop3Session(site))
    assert wire(f"AUTH PLAIN {secret}").startswith("+OK mrose's maildrop")
    wire("QUIT")
    wire = Wire(Pop3Session(site))
    assert wire("auth plain") == "+ "
    assert wire.session.waiting_for == "the next response of AUTH"
    assert wire(secret).startswith("+OK mrose's maildrop")


def test_auth_login(wire: Wire) -> None:
    assert wire("AUTH LOGIN") == "+ " + b64("Username:")
    assert wire(b64("mrose")) == "+ " + b64("Password:")
    assert wire(b64("sec ret")).startswith("+OK")


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["AUTH PLAIN", "*"], "-ERR the client cancelled the exchange"),
        (["AUTH PLAIN", "no base64!"], "-ERR expected base64"),
        (["AUTH PLAIN no-base64!"], "-ERR expected base64"),
        (["AUTH PLAIN ="], "-ERR expected an identity"),
        (["AUTH PLAIN", b64("\0mrose\0wrong")], "-ERR [AUTH] wrong name or password"),
        (["AUTH PLAIN", b64("boss\0mrose\0sec ret")], "-ERR [AUTH] mrose may not act for others"),
        (["AUTH LOGIN", b64("mrose"), "*"], "-ERR the client cancelled the exchange"),
        (["AUTH KERBEROS_V4"], "-ERR the mechanisms here are PLAIN LOGIN"),
        (["AUTH PLAIN", "x" * sasl.LINE_LIMIT], "-ERR a line of more than"),
    ],
)
def test_an_exchange_that_fails_is_over(wire: Wire, lines: list[str], answer: str) -> None:
    answers = [wire(line) for line in lines]
    assert answers[-1].startswith(answer)
    assert wire("STAT") == "-ERR STAT is no command for the authorization state"
    wire.login()


def test_a_response_may_be_longer_than_a_command(wire: Wire) -> None:
    wire("AUTH PLAIN")
    assert wire(b64(f"\0{'u' * 500}\0pw")) == "-ERR [AUTH] wrong name or password"


def test_pipelined_commands_are_answered_in_order_one_reply_a_write(site: Site) -> None:
    session = Pop3Session(site)
    list(session.connected("192.0.2.1", False))
    actions = list(session.receive(b"USER mrose\r\nPASS sec ret\r\nRETR 2\r\nFOO\r\nQUIT\r\nDELE 1\r\n"))
    replies = [action.data for action in actions[:-1]]
    assert [reply[:4] for reply in replies] == [b"+OK ", b"+OK ", b"+OK ", b"-ERR", b"+OK "]
    assert replies[2] == b"+OK %d octets\r\n" % len(TWO) + TWO + b".\r\n"
    assert actions[-1] == Close()


def test_byte_by_byte_gives_the_same_octets(site: Site) -> None:
    script = b"USER mrose\r\nPASS sec ret\r\nLIST\r\nRETR 1\r\nDELE 9\r\nTOP 1 1\r\nRSET\r\nCAPA\r\nQUIT\r\n"
    whole = Wire(Pop3Session(site))
    at_once = whole.take(whole.session.receive(script))
    dripping = Wire(Pop3Session(site))
    dripped = [dripping.take(dripping.session.receive(bytes([byte]))) for byte in script]
    assert "\r\n".join(filter(None, dripped)) == at_once
    assert whole.closed
    assert dripping.closed


# Hostile clients


@pytest.mark.parametrize(
    "line", ["", " ", "X", "HELO there", "GET / HTTP/1.0", "RETR", "\0\0\0\0", "LIST  1"]
)
def test_nonsense_is_answered_and_the_session_goes_on(wire: Wire, line: str) -> None:
    wire.login()
    assert wire(line).startswith("-ERR ")
    assert wire("NOOP") == "+OK"


def test_an_over_long_line_is_refused_once_and_not_kept(wire: Wire) -> None:
    wire.login()
    chunk = b"x" * 10_000
    said = "".join(wire.take(wire.session.receive(chunk)) for _ in range(100))
    assert said == f"-ERR a line of more than {COMMAND_LIMIT} octets"
    assert len(wire.session._buffer) <= len(chunk)
    assert wire("DELE 1") == ""  # the end of that line
    assert wire("NOOP") == "+OK"
    assert wire("STAT").startswith("+OK 2 ")


def test_the_longest_line(wire: Wire) -> None:
    assert wire("USER " + "x" * (COMMAND_LIMIT - 7)) == "+OK send PASS"
    assert wire("USER " + "x" * (COMMAND_LIMIT - 6)).startswith("-ERR a line of more than")
    assert wire("PASS sec ret") == "-ERR PASS comes directly behind USER"


def test_a_bare_line_feed_does_not_end_a_command(wire: Wire) -> None:
    wire.login()
    assert wire("RETR 1\nDELE 1").startswith("-ERR")
    assert wire("STAT").startswith("+OK 2 ")


LINES = """USER mrose/PASS sec ret/PASS x/AUTH PLAIN/AUTH LOGIN/*/CAPA/STLS/STAT/LIST/LIST 1/UIDL/RETR 1
/RETR 7/TOP 1 1/TOP 1/DELE 1/RSET/NOOP/QUIT/""".replace("\n", "").split("/")
CHUNKS = st.one_of(
    st.sampled_from([*LINES, b64("\0mrose\0sec ret")]).map(lambda line: line.encode() + b"\r\n"),
    st.binary(max_size=40),
    st.binary(max_size=10).map(lambda octets: octets * 100),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(CHUNKS, max_size=12))
def test_whatever_comes_is_answered_in_whole_lines(chunks: list[bytes]) -> None:
    store = Store(now=lambda: datetime(2026, 1, 5, 9, tzinfo=UTC))
    account = store.add_user("mrose@example.org", "sec ret")
    account.inbox.append(ONE)
    wire = Wire(
        Pop3Session(Site("dewey", store, store.now, token=str, tls=lambda: ssl.create_default_context()))
    )
    for chunk in chunks:
        before = len(wire.tls)
        wire.take(wire.session.receive(chunk))
        if len(wire.tls) > before:
            wire.take(wire.session.encrypted())
    if not wire.closed:
        assert len(account.inbox) == 1
    wire.session.lost()
    assert account.lock()
