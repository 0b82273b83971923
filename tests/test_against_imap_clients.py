"""Other people's IMAP clients against our server: imaplib on both networks, the rest on real TCP."""

from __future__ import annotations

import asyncio
import imaplib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import aioimaplib
import imap_tools
import imapclient
import pytest

from labkit.clients import stdlib
from labkit.clients.dialogue import Dialogue, DialogueSession
from labkit.clients.imap import Refused, append, retrieve_all
from labkit.net.driver import SessionProtocol, converse
from labkit.net.loopback import LoopbackNetwork
from labkit.net.network import Network
from labkit.net.simulated import SimulatedNetwork
from labkit.net.tls import Authority
from labkit.servers.imap import ImapSession
from labkit.servers.site import Site
from labkit.store.accounts import Store

NAME = "imap.example.org"
MAIL = [
    b"From: a@example.org\r\nSubject: one\r\nDate: Thu, 1 Jan 2026 10:00:00 +0000\r\n\r\nfirst\r\n",
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xc3\xb6\r\n",
    b"Subject: long\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
    b"Content-Disposition: attachment; filename=a.bin\r\n\r\n" + b"x" * 500_000 + b"\r\n--b--\r\n",
]


class House:
    """An IMAP server with three messages for fred."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.server, self.client = network.host(NAME), network.host("client.example")
        self.store = Store(network.now)
        self.authority = Authority()
        self.trust = self.authority.client_context
        self.site = Site(
            NAME, self.store, network.now, str, tls=lambda: self.authority.server_context([NAME])
        )
        for port, tls in ((143, None), (993, self.site.tls)):
            network.run(network.listen(self.server, port, self.protocol, service="imap", tls=tls))
        self.fred = self.store.add_user("fred@example.org", "fast car")
        for data in MAIL:
            self.fred.inbox.append(data)

    def protocol(self) -> object:
        return SessionProtocol(ImapSession(self.site), self.site.tls)

    def port(self, nominal: int = 143) -> int:
        assert isinstance(self.network, LoopbackNetwork)
        return self.network.ports[self.server.address, nominal]

    def imaplib(self, *, implicit_tls: bool = False) -> imaplib.IMAP4:
        nominal = 993 if implicit_tls else 143
        if not isinstance(self.network, LoopbackNetwork):
            tls = self.trust() if implicit_tls else None
            return stdlib.IMAP4(self.network, self.client, NAME, nominal, tls=tls, timeout=20)
        port = self.port(nominal)
        if implicit_tls:
            return imaplib.IMAP4_SSL("localhost", port, ssl_context=self.trust(), timeout=20)
        return imaplib.IMAP4("localhost", port, timeout=20)

    def deliver(self, data: bytes) -> None:
        """Mail arrives, in the network's own time."""

        async def now() -> None:
            self.fred.deliver(data)

        self.network.run(now(), timeout=20)

    def converse(self, dialogue: Dialogue[Any]) -> Any:
        session = DialogueSession(dialogue)
        address = self.server.address
        talk = converse(self.network, self.client, address, 143, session, trust=self.trust)
        return self.network.run(talk, timeout=20)


@pytest.fixture(params=[SimulatedNetwork, LoopbackNetwork], ids=["simulated", "loopback"])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    network = request.param()
    yield House(network)
    network.close()


@pytest.fixture
def real_house() -> Iterator[House]:
    network = LoopbackNetwork()
    yield House(network)
    network.close()


# imaplib


def test_imaplib(house: House) -> None:
    imap = house.imaplib()
    assert {"IDLE", "UIDPLUS", "MOVE"} <= set(imap.capabilities)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        imap.login("fred", "slow car")
    assert imap.login("fred", "fast car") == ("OK", [b"LOGIN completed"])
    assert imap.select() == ("OK", [b"3"])
    assert imap.search(None, "UNSEEN") == ("OK", [b"1 2 3"])
    imap.literal = "grüße".encode()
    assert imap.search("UTF-8", "SUBJECT") == ("OK", [b"2"])
    status, data = imap.fetch("1:3", "(BODY[])")
    assert status == "OK"
    assert [part[1] for part in data if isinstance(part, tuple)] == MAIL
    assert imap.store("2", "+FLAGS", r"(\Deleted Junk)")[1] == [rb"2 (FLAGS (Junk \Deleted \Recent \Seen))"]
    assert imap.create("Entw&APw-rfe/neu")[0] == "OK"
    assert imap.append("Entw&APw-rfe", r"(\Draft)", datetime(2026, 1, 1, tzinfo=UTC), MAIL[0])[0] == "OK"
    assert imap.append("nowhere", None, None, MAIL[0])[0] == "NO"
    assert imap.copy("1", "Entw&APw-rfe")[0] == "OK"
    assert imap.status("Entw&APw-rfe", "(MESSAGES UNSEEN)")[1] == [b"Entw&APw-rfe (MESSAGES 2 UNSEEN 1)"]
    assert imap.list()[1] == [b'() "/" Entw&APw-rfe', b'() "/" Entw&APw-rfe/neu', b'() "/" INBOX']
    assert imap.expunge() == ("OK", [b"2"])
    assert imap.uid("FETCH", "1:*", "(RFC822.SIZE)")[1][0] == b"1 (UID 1 RFC822.SIZE %d)" % len(MAIL[0])
    house.deliver(b"Subject: new\r\n\r\n")
    assert imap.noop()[0] == "OK"
    assert imap.untagged_responses["EXISTS"][-1] == b"3"
    assert imap.close()[0] == "OK"
    assert imap.logout()[0] == "BYE"


@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "implicit"])
def test_imaplib_in_tls(house: House, implicit: bool) -> None:
    imap = house.imaplib(implicit_tls=implicit)
    if not implicit:
        imap.starttls(house.trust())
    assert "STARTTLS" not in imap.capabilities
    status, _ = imap.authenticate("PLAIN", lambda challenge: b"\0fred\0fast car")
    assert status == "OK"
    assert imap.select(readonly=True) == ("OK", [b"3"])
    assert len(imap.fetch("3", "(BODY.PEEK[])")[1][0][1]) == len(MAIL[2])
    imap.logout()


@pytest.mark.parametrize("options", [{}, {"starttls": NAME, "mechanism": "PLAIN"}, {"mechanism": "LOGIN"}])
def test_our_own_client(house: House, options: dict[str, Any]) -> None:
    house.converse(append("fred", "fast car", "INBOX", MAIL[1], **options))
    messages = house.converse(retrieve_all("fred", "fast car", delete=True, **options))
    assert [message.data for message in messages] == [*MAIL, MAIL[1]]
    assert len(house.fred.inbox) == 0
    with pytest.raises(Refused):
        house.converse(retrieve_all("fred", "slow car"))


# The others


def test_imapclient(real_house: House) -> None:
    with imapclient.IMAPClient("localhost", real_house.port(), ssl=False, timeout=20) as client:
        client.starttls(real_house.trust())
        client.login("fred", "fast car")
        assert client.namespace().personal == (("", "/"),)
        assert client.id_({"name": "test"}) == ((b"name", b"labkit"),)
        assert client.select_folder("INBOX")[b"EXISTS"] == 3
        assert client.search(["SUBJECT", "Grüße"], "UTF-8") == [2]
        found = client.fetch([1, 3], ["ENVELOPE", "BODYSTRUCTURE", "FLAGS", "INTERNALDATE"])
        envelope = found[1][b"ENVELOPE"]
        assert envelope.subject == b"one"
        assert envelope.from_[0].mailbox == b"a"
        assert found[3][b"BODYSTRUCTURE"].is_multipart
        client.create_folder("Entwürfe")
        assert client.folder_exists("Entwürfe")
        client.move([1], "Entwürfe")
        assert client.search() == [2, 3]
        assert client.folder_status("Entwürfe", ["MESSAGES"]) == {b"MESSAGES": 1}
        client.append("INBOX", MAIL[0], [rb"\Seen"], datetime(2026, 1, 1, 10, tzinfo=UTC))
        client.delete_messages([2])
        client.expunge([2])
        assert client.search() == [3, 4]
        client.idle()
        real_house.deliver(b"Subject: new\r\n\r\n")
        assert (3, b"EXISTS") in client.idle_check(timeout=20)
        client.idle_done()


def test_imap_tools(real_house: House) -> None:
    mailbox = imap_tools.MailBoxUnencrypted("localhost", real_house.port(), timeout=20)
    with mailbox.login("fred", "fast car") as box:
        assert [message.subject for message in box.fetch(mark_seen=False)] == ["one", "Grüße", "long"]
        (attachment,) = next(iter(box.fetch(imap_tools.AND(subject="long")))).attachments
        assert (attachment.filename, len(attachment.payload)) == ("a.bin", 500_000)
        assert box.uids(imap_tools.AND(seen=True)) == ["3"]
        assert box.uids(imap_tools.AND(sent_date=date(2026, 1, 1))) == ["1"]
        box.folder.create("Archiv/Übrig")
        box.move(["1"], "Archiv/Übrig")
        box.flag(["2"], [imap_tools.MailMessageFlags.FLAGGED], True)
        assert {folder.name for folder in box.folder.list()} == {"INBOX", "Archiv", "Archiv/Übrig"}
        assert box.folder.status("Archiv/Übrig")["MESSAGES"] == 1
        box.append(MAIL[0], "INBOX", flag_set=[imap_tools.MailMessageFlags.SEEN])
        box.delete(["2"])
        assert box.uids() == ["3", "4"]


def test_aioimaplib(real_house: House) -> None:
    async def talk() -> None:
        client = aioimaplib.IMAP4("localhost", real_house.port(), timeout=20)
        await client.wait_hello_from_server()
        assert (await client.login("fred", "fast car")).result == "OK"
        assert (await client.select()).result == "OK"
        fetched = await client.uid("fetch", "1:3", "(RFC822)")
        assert [bytes(line) for line in fetched.lines if isinstance(line, bytearray)] == MAIL
        assert (await client.append(MAIL[0], "INBOX")).result == "OK"
        idling = await client.idle_start(timeout=20)
        await asyncio.get_running_loop().run_in_executor(None, real_house.deliver, b"Subject: new\r\n\r\n")
        assert b"5 EXISTS" in await client.wait_server_push()
        client.idle_done()
        await idling
        assert (await client.search("ALL")).lines[0] == b"1 2 3 4 5"
        await client.logout()

    asyncio.run(talk())
