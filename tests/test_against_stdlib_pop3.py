"""The standard library's poplib against our server: in the simulated network, and unmodified on real TCP."""

from __future__ import annotations

import poplib
import re
from collections.abc import Iterator

import pytest

from labkit.clients.dialogue import Dialogue, DialogueSession
from labkit.clients.pop3 import Refused, retrieve_all
from labkit.grammar import sasl
from labkit.net import sockets
from labkit.net.driver import SessionProtocol, converse
from labkit.net.loopback import LoopbackNetwork
from labkit.net.network import Network
from labkit.net.simulated import SimulatedNetwork
from labkit.net.tls import Authority
from labkit.servers.pop3 import Pop3Session
from labkit.servers.site import Site
from labkit.store.accounts import Account, Store

NAME = "pop.example.org"
LINES = b"".join(b"line %d of a letter that is no short one\r\n" % n for n in range(2_000))
MAIL = [
    b"Subject: one\r\n\r\n.a dot\r\n..\r\n",
    b"Subject: two\r\n\r\nhello\r\n",
    b"Subject: three\r\n\r\n" + LINES + b"its last line has no end",
]


LOGINS = [{"mechanism": name} for name in ("APOP", *sasl.MECHANISMS)]


class House:
    """A POP3 server with three messages for mrose, and how poplib and our own client reach it."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.server, self.client = network.host(NAME), network.host("client.example")
        self.store = Store(network.now)
        self.authority = Authority()
        self.site = Site(
            NAME, self.store, network.now, str, tls=lambda: self.authority.server_context([NAME])
        )
        for port, tls in ((110, None), (995, self.site.tls)):
            network.run(network.listen(self.server, port, self.protocol, service="pop3", tls=tls))
        self.mrose = self.add("mrose")

    def protocol(self) -> object:
        return SessionProtocol(Pop3Session(self.site), self.site.tls)

    def add(self, name: str) -> Account:
        account = self.store.add_user(f"{name}@example.org", "secret")
        for data in MAIL:
            account.inbox.append(data)
        return account

    def poplib(self, *, implicit_tls: bool = False) -> poplib.POP3:
        port = 995 if implicit_tls else 110
        if isinstance(self.network, LoopbackNetwork):
            real = self.network.ports[self.server.address, port]
            if implicit_tls:
                return poplib.POP3_SSL("localhost", real, timeout=20, context=self.authority.client_context())
            return poplib.POP3("localhost", real, timeout=20)
        house = self

        class Simulated(poplib.POP3):
            def _create_socket(self, timeout: float) -> object:
                return sockets.create(house.network, house.client, house.server.address, port, timeout)

        class SimulatedTLS(poplib.POP3_SSL):
            def _create_socket(self, timeout: float) -> object:
                sock = sockets.create(house.network, house.client, house.server.address, port, timeout)
                return self.context.wrap_socket(sock, server_hostname=self.host)

        if implicit_tls:
            return SimulatedTLS(NAME, port, timeout=20, context=self.authority.client_context())
        return Simulated(NAME, port, timeout=20)

    def converse(self, dialogue: Dialogue[object]) -> object:
        session = DialogueSession(dialogue)
        trust = self.authority.client_context
        return self.network.run(
            converse(self.network, self.client, self.server.address, 110, session, trust=trust), timeout=20
        )


@pytest.fixture(params=[SimulatedNetwork, LoopbackNetwork], ids=["simulated", "loopback"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    network = request.param()
    yield House(network)
    network.close()


def test_a_session(house: House) -> None:
    pop = house.poplib()
    assert re.fullmatch(rb"\+OK POP3 server ready <\S+@pop.example.org>", pop.getwelcome())
    pop.user("mrose")
    pop.pass_("secret")
    assert pop.stat() == (3, sum(map(len, MAIL)))
    assert pop.list()[1] == [b"%d %d" % (n, len(data)) for n, data in enumerate(MAIL, 1)]
    assert pop.list(2) == b"+OK 2 %d" % len(MAIL[1])
    assert len({line.split()[1] for line in pop.uidl()[1]}) == 3
    assert pop.retr(1)[1] == [b"Subject: one", b"", b".a dot", b".."]
    assert b"\r\n".join(pop.retr(3)[1]) + b"\r\n" == MAIL[2] + b"\r\n"
    assert pop.top(2, 0)[1] == [b"Subject: two", b""]
    assert set(pop.capa()) >= {"TOP", "UIDL", "SASL", "PIPELINING", "RESP-CODES"}
    pop.dele(1)
    with pytest.raises(poplib.error_proto, match="already deleted"):
        pop.retr(1)
    pop.rset()
    pop.dele(2)
    pop.noop()
    assert pop.quit() == b"+OK pop.example.org POP3 server signing off (2 messages left)"
    assert [message.data for message in house.mrose.inbox] == [MAIL[0], MAIL[2]]


def test_apop(house: House) -> None:
    pop = house.poplib()
    with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\]"):
        pop.apop("mrose", "wrong")
    pop.apop("mrose", "secret")
    assert pop.stat()[0] == 3
    pop.quit()


def test_utf8(house: House) -> None:
    house.mrose.inbox.append("Subject: grüße\r\n\r\n".encode())
    pop = house.poplib()
    pop.user("mrose")
    pop.pass_("secret")
    with pytest.raises(poplib.error_proto, match=r"-ERR \[UTF8\]"):
        pop.retr(4)
    pop.quit()
    pop = house.poplib()
    pop.utf8()
    pop.user("mrose")
    pop.pass_("secret")
    assert pop.retr(4)[1][0] == "Subject: grüße".encode()
    pop.quit()


def test_a_message_does_not_speak_for_the_server(house: House) -> None:
    """poplib takes a bare LF for the end of a line; SMTP, and APPEND, take messages that have one."""
    said = b"+OK\r\nSubject: forged\r\n\r\n"
    house.mrose.inbox.append(b"Subject: four\r\n\r\nhello\n.\r\n" + said)
    pop = house.poplib()
    pop.user("mrose")
    pop.pass_("secret")
    assert pop.retr(4)[1] == [b"Subject: four", b"", b"hello", b".", *said.split(b"\r\n")[:-1]]
    assert pop.retr(2)[1] == [b"Subject: two", b"", b"hello"]
    pop.quit()


def test_a_wrong_password_and_the_lock(house: House) -> None:
    first, second = house.poplib(), house.poplib()
    first.user("mrose")
    with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\]"):
        first.pass_("wrong")
    first.user("mrose")
    first.pass_("secret")
    second.user("mrose")
    with pytest.raises(poplib.error_proto, match=r"-ERR \[IN-USE\]"):
        second.pass_("secret")
    first.quit()
    second.user("mrose")
    second.pass_("secret")
    second.quit()


def test_a_connection_that_is_closed_without_quit(house: House) -> None:
    pop = house.poplib()
    pop.user("mrose")
    pop.pass_("secret")
    pop.dele(1)
    pop.close()
    again = house.poplib()
    for _ in range(1000):  # until the server has noticed that the client is gone
        again.user("mrose")
        try:
            again.pass_("secret")
        except poplib.error_proto as refused:
            in_use = refused
        else:
            break
    else:
        raise in_use
    assert again.stat()[0] == 3
    again.quit()


@pytest.mark.parametrize("implicit", [False, True], ids=["STLS", "implicit"])
def test_tls(house: House, implicit: bool) -> None:
    pop = house.poplib(implicit_tls=implicit)
    if not implicit:
        assert pop.stls(house.authority.client_context()).startswith(b"+OK")
    assert "STLS" not in pop.capa()
    pop.user("mrose")
    pop.pass_("secret")
    assert pop.retr(2)[1] == [b"Subject: two", b"", b"hello"]
    pop.quit()


@pytest.mark.parametrize(
    "options", [{}, {"pipelined": True}, {"starttls": NAME, "mechanism": "PLAIN"}, *LOGINS]
)
def test_our_own_client_sees_the_same(house: House, options: dict) -> None:
    messages = house.converse(retrieve_all("mrose", "secret", delete=True, uidl=True, **options))
    # What crosses the wire ends with CRLF, whatever was stored (RFC 1939 3).
    assert [message.data for message in messages] == [*MAIL[:2], MAIL[2] + b"\r\n"]
    assert len(house.mrose.inbox) == 0
    with pytest.raises(Refused):
        house.converse(retrieve_all("mrose", "wrong"))
