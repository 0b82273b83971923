"""IMAP dialogues, against lists of replies and against the server, without a network."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
from support.imap import account, make_site

from labkit.clients.dialogue import Dialogue, DialogueSession, Disconnected, play
from labkit.clients.imap import (
    GREETING,
    Client,
    Command,
    Refused,
    Reply,
    Retrieved,
    Selected,
    append,
    retrieve_all,
)
from labkit.errors import LabError, ProtocolError
from labkit.grammar.imap_responses import Atom, Data, Status
from labkit.net.session import Action, Close, Send, StartTLS
from labkit.servers.imap import ImapSession
from labkit.servers.site import Site

OK = Reply("OK")
NO = Reply("NO", "not now", "TRYCREATE")


def sent(asked: list[Any]) -> list[bytes]:
    return [b"".join(each.pieces) if isinstance(each, Command) else each for each in asked]


def converse(dialogue: Dialogue[Any], server: ImapSession, chunk: int = 10_000) -> tuple[Any, bytes, bytes]:
    """Run a dialogue against the server; returns its result and what either side said."""
    client = DialogueSession(dialogue)
    said = {"client": b"", "server": b""}
    queue: list[tuple[str, Action]] = []

    def put(who: str, actions: Any) -> None:
        queue.extend((who, action) for action in actions)

    put("server", server.connected("192.0.2.1", False))
    put("client", client.connected("192.0.2.2", False))
    while queue:
        who, action = queue.pop(0)
        if isinstance(action, Send):
            said[who] += action.data
            other = server if who == "client" else client
            for start in range(0, len(action.data), chunk):
                actions = list(other.receive(action.data[start : start + chunk]))
                put("server" if who == "client" else "client", actions)
        elif action == StartTLS():
            put("server", server.encrypted())
        elif isinstance(action, StartTLS):
            put("client", client.encrypted())
        elif isinstance(action, Close) and who == "server" and not client.done:
            put("client", client.eof())
    if client.failure is not None:
        raise client.failure
    assert client.done
    return client.result, said["client"], said["server"]


@pytest.fixture
def site() -> Site:
    site = make_site(tls=ssl.create_default_context)
    account(site).inbox.append(b"Subject: one\r\n\r\n{3}\r\n", ["\\Answered"])
    account(site).inbox.append(b"Subject: two\r\n\r\n")
    return site


ONE = Retrieved(1, b"Subject: one\r\n\r\n{3}\r\n", ("\\Answered", "\\Recent"))
TWO = Retrieved(2, b"Subject: two\r\n\r\n", ("\\Recent",))
SEEN_ONE = Retrieved(1, ONE.data, ("\\Answered", "\\Recent", "\\Seen"))
SEEN_TWO = Retrieved(2, TWO.data, ("\\Recent", "\\Seen"))


# Replies


def read(command: Command, *chunks: bytes) -> tuple[Any, bytes, bytes]:
    """The reply, the rest, and what the reader sent meanwhile."""
    reader = command.reader()
    told = b""
    for chunk in chunks:
        reply = reader.feed(chunk)
        if reply is not None:
            return reply, reader.rest, told
        told += b"".join(action.data for action in reader.actions())
    return None, b"", told


NOOP = Command("A1", "NOOP", (b"A1 NOOP\r\n",))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_reply_is_the_tagged_status_with_what_came_before_it(size: int) -> None:
    octets = b"* 3 EXISTS\r\n* 1 FETCH (BODY[] {9}\r\nA1 OK no\r)\r\nA1 OK [X 1] done\r\n"
    reply, rest, _ = read(NOOP, *(octets[i : i + size] for i in range(0, len(octets), size)))
    fetched = Data("FETCH", ((Atom("BODY[]"), b"A1 OK no\r"),), 1)
    assert reply == Reply("OK", "done", "X 1", (Data("EXISTS", number=3), fetched))
    assert rest == b""


def test_what_is_behind_a_reply_is_left() -> None:
    reply, rest, _ = read(NOOP, b"A1 BAD no\r\n* 4 EX")
    assert (reply, rest) == (Reply("BAD", "no"), b"* 4 EX")


def test_a_literal_is_sent_when_the_plus_has_come() -> None:
    command = Client().command("LOGIN", "a\r\n", "b\r\n")
    assert command.data == b"A1 LOGIN {3}\r\n"
    assert (
        read(command, b"* 1 EXISTS\r\n", b"+ \r\n", b"+ go\r\n", b"A1 OK\r\n")[2] == b"a\r\n {3}\r\nb\r\n\r\n"
    )
    assert read(command, b"A1 NO\r\n")[2] == b""


@pytest.mark.parametrize("octets", [b"220 smtp.example ESMTP\r\n", b"* \r\n", b"A1 HELLO\r\n"])
def test_what_is_no_reply_raises(octets: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(NOOP, octets)


def test_no_repr_shows_a_password() -> None:
    assert "secret" not in repr(Client().command("LOGIN", "fred", "secret"))


def test_what_a_command_waits_for() -> None:
    assert GREETING.expects == "the greeting"
    assert NOOP.expects == "the reply to NOOP"


# Commands, against lists of replies


def test_tags_count_up() -> None:
    client = Client()

    def both() -> Dialogue[None]:
        yield from client.noop()
        yield from client.login("fred", "a b")

    asked, _ = play(both(), [OK, OK])
    assert sent(asked) == [b"A1 NOOP\r\n", b'A2 LOGIN fred "a b"\r\n']


def test_select() -> None:
    untagged = (
        Data("FLAGS", ((),)),
        Data("EXISTS", number=172),
        Data("RECENT", number=1),
        Status(None, "OK", "", "UNSEEN 12"),
        Status(None, "OK", "", "UIDVALIDITY 3857529045"),
        Status(None, "OK", "", "UIDNEXT 4392"),
    )
    _, selected = play(Client().select("x"), [Reply("OK", "", "READ-WRITE", untagged)])
    assert selected == Selected(172, 1, 3857529045, 4392, 12, read_only=False)
    asked, selected = play(Client().select(read_only=True), [Reply("OK", "", "READ-ONLY")])
    assert sent(asked) == [b"A1 EXAMINE INBOX\r\n"]
    assert selected == Selected(0, 0, None, None, None, read_only=True)


def test_search_fetch_store_copy() -> None:
    client = Client()
    asked, found = play(
        client.search("UNSEEN", "FROM", "x", uid=True), [Reply("OK", "", None, (Data("SEARCH", (2, 5)),))]
    )
    assert (sent(asked), found) == ([b"A1 UID SEARCH UNSEEN FROM x\r\n"], [2, 5])
    asked, _ = play(client.store([5, 3, 4], "+", "\\Seen"), [OK])
    assert sent(asked) == [b"A2 UID STORE 3:5 +FLAGS.SILENT (\\Seen)\r\n"]
    asked, _ = play(client.copy([1], "Entwürfe"), [OK])
    assert sent(asked) == [b"A3 UID COPY 1 Entw&APw-rfe\r\n"]


def test_a_refusal_is_raised_with_its_reply() -> None:
    with pytest.raises(Refused, match=r"the server refused SELECT: NO \[TRYCREATE\] not now") as refused:
        play(Client().select("x"), [NO])
    assert refused.value.reply is NO
    with pytest.raises(Refused, match="the greeting"):
        play(Client().greeting(), [Reply("BYE", "too busy")])


def test_authenticate() -> None:
    asked, _ = play(Client().authenticate("PLAIN", "fred", "pw"), [Reply("+"), OK])
    assert sent(asked) == [b"A1 AUTHENTICATE PLAIN\r\n", b"AGZyZWQAcHc=\r\n"]
    replies = [Reply("+", "VXNlcm5hbWU6"), Reply("+", "UGFzc3dvcmQ6"), Reply("+", ""), Reply("OK")]
    asked, _ = play(Client().authenticate("LOGIN", "fred", "pw"), replies)
    assert sent(asked) == [b"A1 AUTHENTICATE LOGIN\r\n", b"ZnJlZA==\r\n", b"cHc=\r\n", b"*\r\n"]
    with pytest.raises(LabError, match="KERBEROS_V4"):
        play(Client().authenticate("KERBEROS_V4", "fred", "pw"), [])


# Whole sessions, against the server


@pytest.mark.parametrize("chunk", [1, 13, 10_000])
def test_retrieve_all(site: Site, chunk: int) -> None:
    dialogue = retrieve_all("fred", "fast car")
    messages, client, _ = converse(dialogue, ImapSession(site), chunk)
    assert messages == [SEEN_ONE, SEEN_TWO]
    assert client.split(b"\r\n") == [
        b'A1 LOGIN fred "fast car"',
        b"A2 SELECT INBOX",
        b"A3 UID FETCH 1:* (UID FLAGS BODY[])",
        b"A4 LOGOUT",
        b"",
    ]
    assert all("\\Seen" in message.flags for message in account(site).inbox)


def test_peeking_changes_nothing(site: Site) -> None:
    messages, client, _ = converse(retrieve_all("fred", "fast car", peek=True), ImapSession(site))
    assert messages == [ONE, TWO]
    assert b"EXAMINE INBOX" in client
    assert all("\\Seen" not in message.flags for message in account(site).inbox)


def test_retrieve_and_delete_with_a_mechanism_in_tls(site: Site) -> None:
    dialogue = retrieve_all("fred", "fast car", delete=True, mechanism="LOGIN", starttls="imap.example.org")
    messages, client, _ = converse(dialogue, ImapSession(site))
    assert messages == [SEEN_ONE, SEEN_TWO]
    assert client.startswith(b"A1 STARTTLS\r\nA2 AUTHENTICATE LOGIN\r\n")
    assert len(account(site).inbox) == 0


def test_an_empty_mailbox(site: Site) -> None:
    account(site).create("empty")
    assert converse(retrieve_all("fred", "fast car", "empty", delete=True), ImapSession(site))[0] == []


def test_append_creates_what_is_not_there(site: Site) -> None:
    reply, client, _ = converse(append("fred", "fast car", "Sent/2026", b"A: b\r\n\r\n"), ImapSession(site))
    assert reply.code is not None
    assert reply.code.startswith("APPENDUID ")
    (message,) = account(site).mailbox("Sent/2026")
    assert (message.data, message.flags) == (b"A: b\r\n\r\n", {"\\Seen"})
    assert client.count(b"APPEND Sent/2026 (\\Seen) {8}\r\n") == 2


def test_a_wrong_password_ends_the_session(site: Site) -> None:
    with pytest.raises(Refused, match="AUTHENTICATIONFAILED"):
        converse(retrieve_all("fred", "slow car"), ImapSession(site))


def test_a_server_that_hangs_up(site: Site) -> None:
    class Tired(ImapSession):
        def receive(self, data: bytes) -> Any:
            return self.timed_out()

    with pytest.raises(Disconnected, match="the client was waiting for the reply to LOGIN"):
        converse(retrieve_all("fred", "fast car"), Tired(site))


def test_idle(site: Site) -> None:
    client = Client()
    server = ImapSession(site)

    def dialogue() -> Dialogue[list[Data | Status]]:
        yield from client.greeting()
        yield from client.login("fred", "fast car")
        yield from client.select()
        return (yield from client.idle())

    session = DialogueSession(dialogue())
    for action in [*server.connected("192.0.2.1", False), *session.connected("192.0.2.2", False)]:
        exchange(session, server, [action])
    assert session.waiting_for == "news of the mailbox"
    account(site).inbox.append(b"x")
    exchange(session, server, server.wake())
    assert session.result == [Data("EXISTS", number=3), Data("RECENT", number=3)]


def exchange(client: DialogueSession[Any], server: ImapSession, actions: Any) -> None:
    """What the server says goes to the client, and its answers back, until both are silent."""
    from_server = list(actions)
    while from_server:
        answers = [
            answer
            for action in from_server
            if isinstance(action, Send)
            for answer in client.receive(action.data)
        ]
        from_server = [
            action for answer in answers if isinstance(answer, Send) for action in server.receive(answer.data)
        ]
