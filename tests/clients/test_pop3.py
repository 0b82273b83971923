"""POP3 dialogues, against lists of replies and against the server, without a network."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from labkit.clients.dialogue import Dialogue, DialogueSession, Disconnected, play
from labkit.clients.pop3 import (
    GREETING,
    Command,
    Refused,
    Remaining,
    ReplyReader,
    Retrieved,
    apop,
    authenticate,
    capabilities,
    command,
    delete_messages,
    enter,
    fetch_new,
    greeting,
    leave,
    list_messages,
    login,
    retrieve,
    retrieve_all,
    start_tls,
    top,
    unique_ids,
)
from labkit.errors import LabError, ProtocolError
from labkit.grammar.pop3 import Reply, apop_digest
from labkit.net.session import Close, Send, StartTLS
from labkit.servers.pop3 import Pop3Session
from labkit.servers.site import Site
from labkit.store.accounts import Account, Store

OK = Reply("+OK")
ERR = Reply("-ERR", "no")


def wire(asked: list[object]) -> list[object]:
    """What a dialogue sent, as octets, and what else it asked for."""
    return [
        each.data
        if isinstance(each, Command)
        else b"".join(c.data for c in each)
        if isinstance(each, tuple)
        else each
        for each in asked
    ]


# Readers


@pytest.mark.parametrize(
    ("octets", "has_block", "reply"),
    [
        (b"+OK 2 320\r\n", False, Reply("+OK", "2 320")),
        (b"-ERR [AUTH] no\r\n", True, Reply("-ERR", "no", "AUTH")),
        (b"+OK\r\n.\r\n", True, Reply("+OK", data=b"")),
        (b"+OK\r\n..a\r\nb\r\n.\r\n", True, Reply("+OK", data=b".a\r\nb\r\n")),
    ],
)
def test_a_reply_is_read_however_it_arrives(octets: bytes, has_block: bool, reply: Reply) -> None:
    whole = ReplyReader(has_block)
    assert whole.feed(octets + b"+OK tail") == reply
    assert whole.rest == b"+OK tail"
    dripping = ReplyReader(has_block)
    for byte in octets[:-1]:
        assert dripping.feed(bytes([byte])) is None
    assert dripping.feed(octets[-1:]) == reply
    assert dripping.rest == b""


def test_a_server_that_speaks_something_else() -> None:
    with pytest.raises(ProtocolError, match=r"expected '\+OK' or '-ERR'"):
        ReplyReader(False).feed(b"220 smtp.example ESMTP\r\n")
    with pytest.raises(ProtocolError, match="a line of more than"):
        ReplyReader(False).feed(b"+OK " + b"x" * 70_000)


def test_no_repr_shows_a_password() -> None:
    assert "secret" not in repr(command("PASS", "secret"))


def test_what_a_command_waits_for() -> None:
    assert command("STAT").expects == "the reply to STAT"
    assert GREETING.expects == "the greeting"


# Parts, against lists of replies


def test_login() -> None:
    asked, reply = play(login("mrose", "two words"), [OK, Reply("+OK", "welcome")])
    assert wire(asked) == [b"USER mrose\r\n", b"PASS two words\r\n"]
    assert reply.text == "welcome"


def test_a_refusal_is_raised_with_its_reply() -> None:
    with pytest.raises(Refused, match=r"the server refused PASS: \[IN-USE\] locked") as refused:
        play(login("mrose", "secret"), [OK, Reply("-ERR", "locked", "IN-USE")])
    assert refused.value.reply.code == "IN-USE"


def test_apop_prepares_name_and_password() -> None:
    """As the server does (RFC 6856 2.2): they may have been typed in another form."""
    offer = Reply("+OK", "ready <1896.697170952@dbc.mtview.ca.us>")
    asked, _ = play(apop("ju\u0308rgen", "pa\u0308ss", offer), [OK])
    digest = apop_digest("<1896.697170952@dbc.mtview.ca.us>", "p\u00e4ss")
    assert wire(asked) == [f"APOP j\u00fcrgen {digest}\r\n".encode()]


def test_authenticate_keeps_the_initial_response_until_asked() -> None:
    asked, _ = play(authenticate("PLAIN", "mrose", "pw"), [Reply("+"), OK])
    assert wire(asked) == [b"AUTH PLAIN\r\n", b"AG1yb3NlAHB3\r\n"]
    asked, _ = play(
        authenticate("LOGIN", "mrose", "pw"), [Reply("+", "VXNlcm5hbWU6"), Reply("+", "UGFzc3dvcmQ6"), OK]
    )
    assert wire(asked) == [b"AUTH LOGIN\r\n", b"bXJvc2U=\r\n", b"cHc=\r\n"]


def test_authenticate_cancels_when_a_server_asks_too_much() -> None:
    asked: list[object] = []

    def watched() -> Dialogue[Reply]:
        dialogue = authenticate("PLAIN", "mrose", "pw")
        answer = None
        while True:
            asked.append(dialogue.send(answer))
            answer = yield asked[-1]

    with pytest.raises(Refused):
        play(watched(), [Reply("+"), Reply("+"), ERR])
    assert wire(asked)[-1] == b"*\r\n"


def test_an_unknown_mechanism_is_a_lab_error() -> None:
    with pytest.raises(LabError, match="KERBEROS_V4"):
        play(authenticate("KERBEROS_V4", "mrose", "pw"), [])


def test_start_tls_asks_for_tls_only_when_granted() -> None:
    asked, _ = play(start_tls("pop.example"), [OK])
    assert wire(asked) == [b"STLS\r\n", StartTLS("pop.example")]
    with pytest.raises(Refused):
        play(start_tls("pop.example"), [ERR])


def test_capabilities() -> None:
    reply = Reply("+OK", data=b"TOP\r\nSASL PLAIN LOGIN\r\nuidl\r\n")
    assert play(capabilities(), [reply])[1] == {"TOP": "", "SASL": "PLAIN LOGIN", "UIDL": ""}
    assert play(capabilities(), [ERR])[1] == {}


def test_listings() -> None:
    assert play(list_messages(), [Reply("+OK", data=b"1 120\r\n3 200 more\r\n")])[1] == {1: 120, 3: 200}
    assert play(unique_ids(), [Reply("+OK", data=b"1 abc\r\n3 def\r\n")])[1] == {1: "abc", 3: "def"}
    with pytest.raises(ProtocolError):
        play(list_messages(), [Reply("+OK", data=b"one 120\r\n")])


def test_one_message() -> None:
    asked, data = play(retrieve(2), [Reply("+OK", data=b"mail")])
    assert (wire(asked), data) == ([b"RETR 2\r\n"], b"mail")
    asked, data = play(top(2, 0), [Reply("+OK", data=b"head")])
    assert (wire(asked), data) == ([b"TOP 2 0\r\n"], b"head")
    asked, _ = play(delete_messages([1, 3]), [OK, OK])
    assert wire(asked) == [b"DELE 1\r\n", b"DELE 3\r\n"]


# Whole sessions, against the server


@pytest.fixture
def mrose() -> Account:
    store = Store(now=lambda: datetime(2026, 1, 5, 9, tzinfo=UTC))
    account = store.add_user("mrose@example.org", "secret")
    for data in (b"Subject: one\r\n\r\n.dot\r\n", b"Subject: two\r\n\r\n", b"Subject: three\r\n\r\n"):
        account.inbox.append(data)
    return account


class Talk:
    """A dialogue and a session of the server, joined; `sent` is what the client wrote, write by write."""

    def __init__(self, account: Account, dialogue: Dialogue[object]) -> None:
        store = account.store
        site = Site("dewey", store, store.now, token=str, tls=lambda: ssl.create_default_context())
        self.server = Pop3Session(site)
        self.client = DialogueSession(dialogue)
        self.sent: list[bytes | str] = []
        self.secure = False
        self.relay(self.client, self.client.connected("dewey", False))
        self.relay(self.server, self.server.connected("client", False))

    def relay(self, who: object, actions: Iterable[object]) -> None:
        by_client = who is self.client
        for action in list(actions):
            match action:
                case Send(data):
                    if by_client:
                        self.sent.append(data)
                    other = self.server if by_client else self.client
                    self.relay(other, other.receive(data))
                case StartTLS(server_name) if by_client:
                    self.sent.append(f"(TLS with {server_name})")
                    self.relay(self.server, self.server.encrypted())
                    self.relay(self.client, self.client.encrypted())
                case Close() if by_client:
                    self.server.lost()

    def result(self) -> object:
        assert self.client.done, f"the client waits for {self.client.waiting_for}"
        if self.client.failure:
            raise self.client.failure
        return self.client.result


def test_retrieve_all(mrose: Account) -> None:
    talk = Talk(mrose, retrieve_all("mrose", "secret"))
    assert talk.result() == [Retrieved(n, message.data) for n, message in enumerate(mrose.inbox, 1)]
    assert [sent.decode().rstrip() for sent in talk.sent] == [
        *("USER mrose", "PASS secret", "LIST", "RETR 1", "RETR 2", "RETR 3", "QUIT")
    ]
    assert len(mrose.inbox) == 3


def test_retrieve_and_delete(mrose: Account) -> None:
    messages = Talk(mrose, retrieve_all("mrose", "secret", delete=True)).result()
    assert len(messages) == 3
    assert len(mrose.inbox) == 0
    assert Talk(mrose, retrieve_all("mrose", "secret", delete=True)).result() == []


def test_leave_on_server_and_fetch_only_what_is_new(mrose: Account) -> None:
    first = Talk(mrose, retrieve_all("mrose", "secret", uidl=True)).result()
    known = {message.unique_id for message in first}
    assert len(known) == 3
    mrose.inbox.append(b"Subject: four\r\n\r\n")
    new = Talk(mrose, retrieve_all("mrose", "secret", known=known, delete=True)).result()
    assert [(m.number, m.data) for m in new] == [(4, b"Subject: four\r\n\r\n")]
    assert len(mrose.inbox) == 3


def test_pipelined(mrose: Account) -> None:
    talk = Talk(mrose, retrieve_all("mrose", "secret", delete=True, pipelined=True))
    assert [message.data[:12] for message in talk.result()] == [
        b"Subject: one",
        b"Subject: two",
        b"Subject: thr",
    ]
    assert talk.sent[-3:] == [
        b"RETR 1\r\nRETR 2\r\nRETR 3\r\n",
        b"DELE 1\r\nDELE 2\r\nDELE 3\r\n",
        b"QUIT\r\n",
    ]
    assert Talk(mrose, retrieve_all("mrose", "secret", delete=True, pipelined=True)).result() == []


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_in_tls_and_with_auth(mrose: Account, mechanism: str) -> None:
    talk = Talk(mrose, retrieve_all("mrose", "secret", starttls="dewey", mechanism=mechanism))
    assert len(talk.result()) == 3
    assert talk.sent[:3] == [b"STLS\r\n", "(TLS with dewey)", f"AUTH {mechanism}\r\n".encode()]


def test_a_wrong_password(mrose: Account) -> None:
    with pytest.raises(Refused, match=r"\[AUTH\]"):
        Talk(mrose, retrieve_all("mrose", "wrong")).result()
    assert mrose.lock()


def test_a_message_that_cannot_be_fetched_leaves_everything(mrose: Account) -> None:
    def greedy() -> Dialogue[None]:
        yield from greeting()
        yield from login("mrose", "secret")
        yield from delete_messages([1])
        yield from retrieve(1)
        yield from leave()

    with pytest.raises(Refused, match="the server refused RETR: message 1 already deleted"):
        Talk(mrose, greedy()).result()
    assert len(mrose.inbox) == 3


# New mail, from servers of all kinds

BEGINNING = [Reply("+OK", "hi"), ERR, OK, OK]  # no CAPA; USER, PASS


class Desk:
    """Where `fetch_new` puts what it has fetched."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.known = dict.fromkeys(known, b"")
        self.kept: list[bytes] = []

    def keep(self, messages: list[Retrieved]) -> None:
        assert messages
        self.known |= {message.unique_id or "": message.data for message in messages}
        self.kept += [message.data for message in messages]

    def fetch(self, *replies: Reply, delete: bool = True) -> tuple[list[bytes], Remaining]:
        asked, remaining = play(
            fetch_new("bob", "pw", known=self.known.keys(), keep=self.keep, finished=lambda name: delete),
            [*BEGINNING, *replies],
        )
        return [each for each in wire(asked[4:]) if isinstance(each, bytes)], remaining


def listed(*lines: bytes) -> Reply:
    return Reply("+OK", data=b"".join(line + b"\r\n" for line in lines))


def test_what_cannot_be_deleted_keeps_nothing_else_from_it() -> None:
    """Somebody has deleted it by IMAP, say: the others go all the same, as QUIT is said."""
    sent, remaining = Desk(["a", "b"]).fetch(listed(b"1 a", b"2 b"), Reply("-ERR", "gone"), OK, OK)
    assert sent == [b"UIDL\r\n", b"DELE 1\r\n", b"DELE 2\r\n", b"QUIT\r\n"]
    assert remaining.unique_ids == ["a"]
    assert [(name, str(why)) for name, why in remaining.refused.items()] == [
        ("a", "the server refused DELE: gone")
    ]


def test_a_server_without_uidl_gives_everything_and_the_content_tells_what_is_new() -> None:
    desk, one, two = Desk(), Reply("+OK", data=b"one\r\n"), Reply("+OK", data=b"two\r\n")
    sent, remaining = desk.fetch(ERR, listed(b"1 5", b"2 5"), one, two, OK, delete=False)
    assert sent == [b"UIDL\r\n", b"LIST\r\n", b"RETR 1\r\n", b"RETR 2\r\n", b"QUIT\r\n"]
    assert desk.kept == [b"one\r\n", b"two\r\n"]
    assert remaining.unique_ids == list(desk.known)
    three = Reply("+OK", data=b"three\r\n")
    sent, remaining = desk.fetch(ERR, listed(b"1 5", b"2 5", b"3 7"), two, ERR, three, OK, OK, OK)
    assert desk.kept == [b"one\r\n", b"two\r\n", b"three\r\n"]
    assert sent[-3:] == [b"DELE 1\r\n", b"DELE 3\r\n", b"QUIT\r\n"]
    assert (remaining.unique_ids, list(remaining.refused)) == (["2"], ["2"])


def test_a_server_that_has_unique_ids_but_not_now() -> None:
    with pytest.raises(Refused, match="UIDL"):
        Desk().fetch(Reply("-ERR", "later", "SYS/TEMP"))


def test_messages_with_one_unique_id_are_all_fetched() -> None:
    desk = Desk()
    desk.fetch(listed(b"1 a", b"2 a"), Reply("+OK", data=b"one"), Reply("+OK", data=b"two"), OK, OK, OK)
    assert desk.kept == [b"one", b"two"]


def test_utf8_may_be_offered_and_refused() -> None:
    """RFC 6856 2.1: then the client goes on without it."""
    asked, _ = play(
        enter("bob", "pw", utf8=True), [Reply("+OK", "hi"), listed(b"UTF8"), Reply("-ERR", "no"), OK, OK]
    )
    assert wire(asked)[1:] == [b"CAPA\r\n", b"UTF8\r\n", b"USER bob\r\n", b"PASS pw\r\n"]


@pytest.mark.parametrize(
    ("asked", "reply", "words"),
    [
        (
            greeting(),
            Reply("-ERR", "busy", "SYS/TEMP"),
            r"the server refused the connection: \[SYS/TEMP\] busy",
        ),
        (retrieve(1), Reply("-ERR"), "the server refused RETR: it does not say why"),
    ],
)
def test_a_refusal_in_words(asked: Dialogue[object], reply: Reply, words: str) -> None:
    with pytest.raises(Refused, match=words):
        play(asked, [reply])


def test_a_server_that_closes_is_named() -> None:
    client = DialogueSession(retrieve(1))
    assert list(client.connected("dewey", False)) == [Send(b"RETR 1\r\n")]
    assert client.waiting_for == "the reply to RETR"
    assert list(client.eof()) == [Close()]
    assert isinstance(client.failure, Disconnected)
    assert "the reply to RETR" in str(client.failure)
