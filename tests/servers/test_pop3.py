"""The POP3 server: sessions without a network, octets in and actions out."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.grammar import sasl
from labkit.grammar.pop3 import COMMAND_LIMIT, apop_digest
from labkit.net.session import Close, Delay, Send, StartTLS
from labkit.servers.pop3 import ERROR_LIMIT, REGISTRY, Pop3Session
from labkit.servers.site import Site
from labkit.store.accounts import Account, Store
from labkit.store.mailbox import Mailbox, StoreError
from labkit.store.sqlite import open_store

ONE = b"From: a@example.com\r\nSubject: one\r\n\r\nfirst\r\n.second\r\nthird\r\n"
MECHANISMS = " ".join(sasl.MECHANISMS)
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
    assert wire.greeting == "+OK POP3 server ready <00000000.1767603600@dewey>"


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


class Damaged:
    """The octets of a message on a bad part of the disk."""

    def __len__(self) -> int:
        return 20

    def __bytes__(self) -> bytes:
        raise StoreError("CORRUPTION", "the message is damaged on the disk")


def test_a_damaged_message_is_refused_and_the_others_are_not(wire: Wire, mrose: Account) -> None:
    mrose.inbox.get(1).body = Damaged()
    wire.login()
    assert wire("RETR 1") == wire("TOP 1 0") == "-ERR [SYS/PERM] the message is damaged on the disk"
    assert wire("RETR 2").startswith("+OK ")
    assert wire("DELE 1").startswith("+OK ")


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
    wire = Wire(Pop3Session(with_tls(site), login_delay=60))
    before = {name.split()[0] for name in capabilities(wire)}
    after = {name.split()[0] for name in capabilities(wire.login())}
    assert before | after == set(REGISTRY.advertised())
    assert before ^ after == {"STLS", "IMPLEMENTATION"}


def test_capabilities_in_each_state(site: Site) -> None:
    wire = Wire(Pop3Session(site))
    before = capabilities(wire)
    assert "STLS" not in before  # there is no TLS on this site
    assert {"USER", "TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"} <= set(before)
    assert {
        "EXPIRE NEVER",
        f"SASL {MECHANISMS}",
        "UTF8 USER",
        "LANG",
    } <= set(before)
    assert not any(name.startswith("LOGIN-DELAY") for name in before)
    assert capabilities(wire.login()) == [*before, "IMPLEMENTATION labkit"]
    wire("QUIT")
    wire = Wire(Pop3Session(with_tls(site)))
    assert "STLS" in capabilities(wire)
    assert "STLS" not in capabilities(wire.login())  # it is announced where it is valid (RFC 2595 8)


WITH_COMMANDS = {
    "USER": ["USER mrose", "PASS sec ret"],
    "APOP": ["APOP mrose 0"],
    "TOP": ["TOP 1 0"],
    "UIDL": ["UIDL", "UIDL 1"],
    "STLS": ["STLS"],
    "SASL": ["AUTH PLAIN"],
    "UTF8": ["UTF8"],
    "LANG": ["LANG", "LANG de"],
    "CAPA": ["CAPA"],
}
INFORMING = ["PIPELINING", "EXPIRE", "LOGIN-DELAY", "IMPLEMENTATION", "RESP-CODES", "AUTH-RESP-CODE"]
IANA = {  # https://www.iana.org/assignments/pop3-extension-mechanism: the capabilities
    *("TOP", "USER", "SASL", "RESP-CODES", "LOGIN-DELAY", "PIPELINING", "EXPIRE", "UIDL"),
    *("IMPLEMENTATION", "AUTH-RESP-CODE", "STLS", "LANG", "UTF8"),
}


def test_all_of_ianas_registry_is_advertised_and_can_be_hidden(site: Site) -> None:
    wire = Wire(Pop3Session(with_tls(site), login_delay=60))
    told = [*capabilities(wire), *capabilities(wire.login())]
    assert {name.split()[0] for name in told} == IANA
    assert {*WITH_COMMANDS, *INFORMING} >= IANA
    wire("QUIT")
    hidden = Wire(Pop3Session(with_tls(site), hidden=IANA - {"USER"}))
    assert capabilities(hidden) == capabilities(hidden.login()) == ["USER"]


@pytest.mark.parametrize(("hidden", "commands"), WITH_COMMANDS.items())
def test_a_hidden_capability_does_not_work_either(site: Site, hidden: str, commands: list[str]) -> None:
    wire = Wire(Pop3Session(with_tls(site), hidden={hidden}))
    for command in commands:
        assert wire(command) == f"-ERR there is no command {command.split()[0]} here"
    if hidden != "CAPA":
        assert hidden not in [name.split()[0] for name in capabilities(wire)]


@pytest.mark.parametrize("hidden", INFORMING)
def test_what_only_informs_can_be_hidden(site: Site, hidden: str) -> None:
    wire = Wire(Pop3Session(site, hidden={hidden}, login_delay=60)).login()
    assert hidden not in [name.split()[0] for name in capabilities(wire)]


@pytest.mark.parametrize("name", sasl.MECHANISMS)
def test_each_mechanism_can_be_hidden(site: Site, name: str) -> None:
    wire = Wire(Pop3Session(site, hidden={f"SASL {name}"}))
    others = [other for other in sasl.MECHANISMS if other != name]
    assert f"SASL {' '.join(others)}" in capabilities(wire)
    assert wire(f"AUTH {name}") == f"-ERR the mechanisms here are {' '.join(others)}"


def test_single_mechanisms_can_be_hidden(site: Site) -> None:
    wire = Wire(Pop3Session(site, hidden={"SASL PLAIN", "SASL LOGIN"}))
    assert "SASL CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 OAUTHBEARER XOAUTH2" in capabilities(wire)
    assert wire("AUTH PLAIN").startswith("-ERR the mechanisms here are CRAM-MD5")
    none = Wire(Pop3Session(site, hidden=[f"SASL {name}" for name in sasl.MECHANISMS]))
    assert not any(name.startswith("SASL") for name in capabilities(none))


def test_response_codes_come_only_with_their_capability(site: Site) -> None:
    def refusals(hidden: set[str]) -> list[str]:
        wire, other = (Wire(Pop3Session(site, hidden=hidden)) for _ in range(2))
        wire("USER mrose")
        wrong = wire("PASS wrong")
        wire.login()
        other("USER mrose")
        locked = other("PASS sec ret")
        wire("QUIT")
        return [wrong, locked]

    assert refusals(set()) == ["-ERR [AUTH] wrong name or password", "-ERR [IN-USE] maildrop already locked"]
    assert refusals({"AUTH-RESP-CODE"})[0] == "-ERR wrong name or password"
    assert refusals({"RESP-CODES"})[1] == "-ERR maildrop already locked"


# APOP


def test_apop(wire: Wire) -> None:
    timestamp = wire.greeting.split()[-1]
    assert wire(f"APOP mrose {apop_digest(timestamp, 'wrong')}") == "-ERR [AUTH] wrong name or password"
    assert wire(f"APOP nobody {apop_digest(timestamp, '')}") == "-ERR [AUTH] wrong name or password"
    wire.session.site.store.add_user("odd@dewey", "\u05d0 that SASLprep forbids")
    assert wire(f"APOP odd {apop_digest(timestamp, '')}") == "-ERR [AUTH] wrong name or password"
    assert wire("APOP mrose").startswith("-ERR expected a name, a space and a digest")
    digest = apop_digest(timestamp, "sec ret")
    for other in (digest.upper(), digest[1:], "sec ret", digest + "0"):
        assert wire(f"APOP mrose {other}").startswith(
            "-ERR expected a digest of 32 hexadecimal digits in lower"
        )
    assert wire(f"APOP mrose {digest}").startswith("+OK mrose's maildrop has 2 messages")


def test_the_timestamp_is_another_each_time_and_hidden_with_apop(site: Site) -> None:
    assert len({Wire(Pop3Session(site)).greeting for _ in range(3)}) == 3
    assert Wire(Pop3Session(site, hidden={"APOP"})).greeting == "+OK POP3 server ready"


# LOGIN-DELAY and EXPIRE


def at(site: Site, now: datetime) -> Site:
    return replace(site, now=lambda: now)


def test_login_delay(site: Site) -> None:
    start = site.now()
    wire = Wire(Pop3Session(site, login_delay=60))
    assert "LOGIN-DELAY 60" in capabilities(wire)
    wire.login()("QUIT")
    soon = Wire(Pop3Session(at(site, start + timedelta(seconds=59)), login_delay=60))
    soon("USER mrose")
    assert soon("PASS sec ret") == "-ERR [LOGIN-DELAY] only one login in 60 seconds"
    soon("USER mrose")
    assert soon("PASS wrong") == "-ERR [AUTH] wrong name or password"  # strangers learn nothing
    Wire(Pop3Session(at(site, start + timedelta(seconds=60)), login_delay=60)).login()


def test_login_delay_outlives_a_restart_and_a_full_disk(tmp_path: Path) -> None:
    def login(after: int, *, full: bool = False) -> str:
        store = open_store(tmp_path, lambda: datetime(2026, 1, 5, 9, 0, after, tzinfo=UTC))
        try:
            store.keep_user("mrose@example.org", "sec ret")
            if full:
                store.ledger.journal._database.execute("PRAGMA query_only = ON")
            wire = Wire(Pop3Session(Site("dewey", store, store.now, token=str), login_delay=30))
            wire("USER mrose")
            return wire("PASS sec ret")[:18]
        finally:
            store.close()

    assert login(0) == "+OK mrose's maildr"
    assert login(29) == "-ERR [LOGIN-DELAY]"
    assert login(30, full=True) == "+OK mrose's maildr"
    assert login(31) == "+OK mrose's maildr"  # of the last login nothing could be kept


def test_who_found_the_maildrop_locked_need_not_wait(site: Site, mrose: Account) -> None:
    """The delay counts from a login that was granted (RFC 2449 6.5)."""
    assert mrose.lock()
    wire = Wire(Pop3Session(site, login_delay=30))
    wire("USER mrose")
    assert wire("PASS sec ret") == "-ERR [IN-USE] maildrop already locked"
    mrose.unlock()
    wire.login()
    wire("QUIT")
    second = Wire(Pop3Session(site, login_delay=30))
    second("USER mrose")
    assert second("PASS sec ret") == "-ERR [LOGIN-DELAY] only one login in 30 seconds"


def test_messages_expire(site: Site, mrose: Account) -> None:
    later = at(site, site.now() + timedelta(days=30))
    mrose.inbox.append(TWO, internal_date=later.now() - timedelta(days=29))
    wire = Wire(Pop3Session(later, expire=30))
    assert "EXPIRE 30" in capabilities(wire)
    assert wire.login()("LIST") == f"+OK 1 message ({len(TWO)} octets)\r\n1 {len(TWO)}\r\n."
    assert len(mrose.inbox) == 1


def test_what_another_session_reads_does_not_expire(site: Site, mrose: Account) -> None:
    """Its lock keeps every message until it comes to its update state (RFC 1939 4)."""
    reader = Wire(Pop3Session(site)).login()
    later = replace(site, now=lambda: site.now() + timedelta(days=30))
    second = Wire(Pop3Session(later, expire=30))
    second("USER mrose")
    assert second("PASS sec ret") == "-ERR [IN-USE] maildrop already locked"
    assert len(mrose.inbox) == 2
    reader("QUIT")
    second("USER mrose")
    assert second("PASS sec ret").startswith("+OK")
    assert (second("STAT"), len(mrose.inbox)) == ("+OK 0 0", 0)


def test_expire_0_keeps_only_what_was_not_retrieved(site: Site, mrose: Account) -> None:
    wire = Wire(Pop3Session(site, expire=0))
    assert "EXPIRE 0" in capabilities(wire)
    wire.login()("RETR 1")
    wire("TOP 2 0")
    wire("LIST 2")
    assert wire("STAT") == f"+OK 2 {len(ONE + TWO)}"  # until QUIT it is there
    wire("QUIT")
    assert [message.data for message in mrose.inbox] == [TWO]


def test_expire_0_deletes_nothing_when_the_connection_is_lost(site: Site, mrose: Account) -> None:
    wire = Wire(Pop3Session(site, expire=0)).login()
    wire("RETR 1")
    wire.session.lost()
    assert len(mrose.inbox) == 2


# UTF8 and LANG


def test_a_header_in_utf8_is_for_those_who_ask_for_it(site: Site, mrose: Account) -> None:
    mrose.inbox.append("Subject: grüße\r\n\r\ntext\r\n".encode())
    mrose.inbox.append("Subject: plain\r\n\r\n8bit: ü\r\n".encode())
    wire = Wire(Pop3Session(site)).login()
    for command in ("RETR 3", "TOP 3 0", "LIST 3"):
        assert wire(command).startswith("-ERR [UTF8] the message has UTF-8 in its header")
    assert wire("LIST").endswith("\r\n.")
    assert wire("UIDL 3").startswith("+OK")
    assert wire("RETR 4").startswith("+OK")
    assert wire("UTF8") == "-ERR UTF8 is no command for the transaction state"
    wire("QUIT")
    wire = Wire(Pop3Session(site))
    assert wire("UTF8") == "+OK UTF-8 is welcome"
    assert wire.login()("RETR 3") == "+OK 26 octets\r\nSubject: grüße\r\n\r\ntext\r\n."


def test_stls_comes_before_utf8(site: Site) -> None:
    wire = Wire(Pop3Session(with_tls(site)))
    wire("UTF8")
    assert wire("STLS") == "-ERR STLS comes before UTF8"


def test_names_and_passwords_in_utf8_are_prepared(site: Site) -> None:
    site.store.add_user("jürgen@example.org", "Stra\u00dfe \u2168")
    wire = Wire(Pop3Session(site))
    wire("USER ju\u0308rgen")
    assert wire("PASS Stra\u00dfe IX").startswith("+OK j\\xfcrgen's maildrop")  # ASCII until UTF8
    wire("QUIT")
    wire = Wire(Pop3Session(site))
    wire("UTF8")
    wire("USER jürgen")
    assert wire("PASS Stra\u00dfe IX").startswith("+OK jürgen's maildrop")
    assert Wire(Pop3Session(site))("USER a\u0007b").startswith("-ERR a character that cannot be")


def test_languages(wire: Wire) -> None:
    assert wire("LANG MUL") == "-ERR invalid language MUL"
    assert wire("LANG").split("\r\n") == [
        *("+OK Language listing follows:", "en English", "de Deutsch", "es Español", ".")
    ]
    assert wire("LANG es") == "+OK es Idioma cambiado"
    assert wire("LANG UGA") == "-ERR el idioma UGA no es conocido"
    wire("USER mrose")
    assert wire("PASS wrong") == "-ERR [AUTH] nombre o contraseña incorrectos"
    wire.login()
    assert wire("lang DE") == "+OK de Sprache gewechselt"
    assert wire("DELE 1") == "+OK Nachricht 1 gelöscht"
    assert wire("STAT") == f"+OK 1 {len(TWO)}"
    assert wire("LIST 2") == f"+OK 2 {len(TWO)}"
    assert wire("LANG *") == "+OK en language changed"
    assert wire("DELE 1") == "-ERR message 1 already deleted"


@pytest.mark.parametrize("language", ["de", "es"])
def test_what_the_server_often_says_is_translated(site: Site, language: str) -> None:
    """Everything in a usual session, in every language."""
    session = [
        *("CAPA", "LANG", "USER mrose", "PASS wrong", "USER mrose", "PASS sec ret", "LIST", "RETR 1"),
        *("DELE 1", "DELE 1", "RETR 7", "RSET", "XTND", "QUIT"),
    ]

    def texts(choose: str) -> list[str]:
        wire = Wire(Pop3Session(site))
        wire(choose)
        return [wire(command).partition("\r\n")[0] for command in session]

    english, other = texts("NOOP"), texts(f"LANG {language}")
    assert [text for text, said in zip(english, other, strict=True) if text == said] == []


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
        (
            ["AUTH KERBEROS_V4"],
            f"-ERR the mechanisms here are {MECHANISMS}",
        ),
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


def test_a_denied_login_is_told_after_a_while(site: Site) -> None:
    session = Pop3Session(replace(site, login_penalty=2.5))
    list(session.connected("192.0.2.1", False))
    first, second = list(session.receive(b"USER mrose\r\nPASS wrong\r\n"))[1:]
    assert first == Delay(2.5)
    assert second == Send(b"-ERR [AUTH] wrong name or password\r\n")


@pytest.mark.parametrize("mechanism", ["USER", "APOP", *sasl.MECHANISMS])
def test_nobody_can_tell_an_unknown_user_from_a_wrong_password(site: Site, mechanism: str) -> None:
    """Neither by what is said nor by how long it takes."""

    def attempt(user: str) -> list[object]:
        session = Pop3Session(replace(site, token=lambda n: "0" * n))
        (greeting,) = session.connected("192.0.2.1", False)
        actions: list[object] = []

        def say(line: bytes) -> bytes:
            actions.extend(session.receive(line + b"\r\n"))
            return actions[-1].data

        if mechanism == "USER":
            say(f"USER {user}".encode())
            say(b"PASS wrong")
        elif mechanism == "APOP":
            say(f"APOP {user} {apop_digest(greeting.data.decode().split()[-1], 'wrong')}".encode())
        else:
            client = sasl.client(mechanism, user, "wrong", lambda n: "1" * n)
            response, reply = next(client), say(b"AUTH " + mechanism.encode())
            while reply.startswith(b"+ "):
                if response is None:
                    response = sasl.answer(client, sasl.read_challenge(reply[2:-2]))
                reply, response = say(sasl.write(response)), None
        return actions

    known, unknown = attempt("mrose"), attempt("nobody")
    assert known[-2] == unknown[-2] == Delay(site.login_penalty)
    assert known[-1] == unknown[-1]
    if not mechanism.startswith("SCRAM"):  # whose challenges name a salt, and each user has another
        assert known == unknown


def test_too_many_errors_end_the_session_and_delete_nothing(wire: Wire, mrose: Account) -> None:
    wire.login()
    wire("DELE 1")
    for _ in range(ERROR_LIMIT - 1):
        assert wire("XTND").startswith("-ERR")
        assert not wire.closed
    assert wire("XTND") == "-ERR there is no command XTND here"
    assert wire.closed
    assert wire("QUIT") == ""
    wire.session.lost()
    assert len(mrose.inbox) == 2
    assert mrose.lock()


@pytest.mark.parametrize(("code", "told"), [("UNAVAILABLE", "SYS/TEMP"), ("CORRUPTION", "SYS/PERM")])
def test_a_maildrop_that_cannot_be_opened(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    def broken(self: Account) -> bool:
        raise StoreError(code, "the disk is gone")

    monkeypatch.setattr(Account, "lock", broken)
    wire("USER mrose")
    assert wire("PASS sec ret") == f"-ERR [{told}] the maildrop cannot be opened: the disk is gone"
    assert wire("STAT").startswith("-ERR")


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


@settings(max_examples=300)
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
