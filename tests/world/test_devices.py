from __future__ import annotations

import asyncio
import smtplib

import pytest

from labkit.clients import imap_replies, pop3
from labkit.errors import LabError
from labkit.grammar.smtp import Refused
from labkit.message.compose import Attachment
from labkit.message.fields import parse_received, split_fields

HOUR = 3600.0


def received(message: bytes) -> list:
    return [parse_received(field.value) for field in split_fields(message) if field.name == "Received"]


@pytest.fixture
def alice(either):
    return either.user("alice@example.com")


@pytest.fixture
def bob(either):
    return either.user("bob@example.org")


@pytest.mark.parametrize("protocol", ["pop3", "imap"])
def test_from_host_to_host(either, alice, bob, protocol):
    sent = alice.compose(to=bob, subject="Hello", text="Dear Bob,\n.a dot")
    delivery = alice.submit(sent)
    assert delivery.reply.code == 250
    assert delivery.refused == {}
    either.settle()
    (message,) = bob.retrieve(protocol)
    assert message.endswith(sent)
    assert message.startswith(b"Return-Path: <alice@example.com>\r\n")
    (last, first) = received(message)
    assert (first.from_name, first.by, first.with_) == (alice.name, "mail.example.com", "ESMTPA")
    assert (last.from_name, last.by, last.with_) == ("mail.example.com", "mail.example.org", "ESMTP")
    assert last.for_address == "bob@example.org"
    assert first.time <= last.time
    assert bob.retrieve(protocol, delete=True) == [message]
    assert bob.retrieve(protocol) == []


@pytest.mark.parametrize(
    ("protocol", "mechanism"), [("pop3", "APOP"), ("pop3", "CRAM-MD5"), ("imap", "SCRAM-SHA-256")]
)
def test_retrieving_with_another_login(either, alice, bob, protocol, mechanism):
    alice.submit(alice.compose(to=bob, text="secret"))
    either.settle()
    assert len(bob.retrieve(protocol, mechanism=mechanism)) == 1
    assert either.capture.logins.mechanism.iloc[-1] == mechanism


def test_retrieving_pipelined_costs_fewer_round_trips(either, alice, bob):
    mailbox = bob.server.mailbox("bob@example.org")
    either.call(lambda: [mailbox.append(alice.compose(to=bob, text="x")) for _ in range(5)])
    assert bob.retrieve() == bob.retrieve(pipelined=True)
    one_by_one, pipelined = either.capture.connections.round_trips
    assert pipelined < one_by_one
    with pytest.raises(LabError, match="pipelined and utf8 are for POP3"):
        bob.retrieve("imap", pipelined=True)


def test_retrieving_a_message_with_utf8_in_its_header(either, bob):
    message = "Subject: grüße\r\n\r\nhallo\r\n".encode()
    either.call(lambda: bob.server.mailbox("bob@example.org").append(message))
    with pytest.raises(pop3.Refused, match=r"\[UTF8\]"):
        bob.retrieve()
    assert bob.retrieve(utf8=True) == [message]


@pytest.mark.parametrize("tls", ["STARTTLS", "implicit"])
@pytest.mark.parametrize("protocol", ["pop3", "imap"])
def test_in_tls(either, alice, bob, protocol, tls):
    alice.submit(alice.compose(to=bob, text="secret"), tls=tls)
    either.settle()
    before = len(either.network.tap.connections)
    (message,) = bob.retrieve(protocol, tls=tls)
    assert b"secret" in message
    assert received(message)[1].with_ == "ESMTPSA"
    connections = either.network.tap.connections
    assert [connections[0].tls, connections[0].tls_version] == [tls, "TLSv1.3"]
    assert [seen.tls for seen in connections[before:]] == [tls]
    in_clear = [
        record.data
        for record in either.network.tap.records
        if (record.connection, record.sender, record.layer) == (0, "client", "plain")
    ]
    hello = f"EHLO {alice.name}\r\n".encode()
    assert in_clear == ([hello, b"STARTTLS\r\n"] if tls == "STARTTLS" else [])


def test_the_words_of_what_went_wrong(either, alice, bob):
    message = alice.compose(to=bob, text="x")
    bob.password = alice.password = "wrong"
    with pytest.raises(Refused, match=r"AUTH was refused: 535 5\.7\.8 Wrong name or password"):
        alice.submit(message)
    with pytest.raises(pop3.Refused, match=r"the server refused PASS: \[AUTH\]"):
        bob.retrieve()
    with pytest.raises(imap_replies.Refused, match="the server refused LOGIN: NO"):
        bob.retrieve("imap")
    with pytest.raises(LabError, match="cannot be retrieved by 'uucp': choose pop3 or imap"):
        bob.retrieve("uucp")
    with pytest.raises(LabError, match="no TLS called 'starttls': choose none, STARTTLS, implicit"):
        bob.retrieve(tls="starttls")
    with pytest.raises(LabError, match="the message names no recipient"):
        alice.submit(b"Subject: to nobody\r\n\r\n")
    with pytest.raises(AttributeError, match="compose does not wait: call it as it is"):
        alice.aio.compose(to=bob)


def test_recipients_who_are_refused_at_once(either, alice, bob):
    message = alice.compose(to="x@example.com", text="x")
    with pytest.raises(Refused, match=r"RCPT TO:<x@example\.com> was refused: 550 5\.1\.1") as caught:
        alice.submit(message)
    assert caught.value.reply.code == 550
    delivery = alice.submit(message, [bob, "x@example.com"])
    assert {path: reply.code for path, reply in delivery.refused.items()} == {"x@example.com": 550}
    either.settle()
    assert len(bob.retrieve()) == 1


def test_one_recipient_needs_no_list(either, alice, bob):
    for to in (bob, "bob@example.org", ["bob@example.org"], (bob,)):
        alice.submit(alice.compose(to=to, text="x"), to)
    either.settle()
    assert len(bob.retrieve()) == 4


def test_bcc_stays_at_home(either, alice, bob):
    carol = either.user("carol@example.org")
    alice.submit(alice.compose(to=carol, bcc=["bob@example.org"], subject="to Carol", text="x"))
    either.settle()
    for user in (bob, carol):
        (message,) = user.retrieve()
        assert b"to Carol" in message
        assert b"Bcc" not in message


def test_the_same_words_give_the_same_message(make):
    def message() -> bytes:
        alice = make(7).user("alice@example.com")
        files = [Attachment("a.txt", b"a", "text/plain")]
        return alice.compose(to="b@example.org", text="x", html="<p>x", attachments=files)

    first = message()
    assert first == message()
    assert b"Date: Mon, 05 Jan 2026 09:00:00 +0000" in first
    assert b"@alice-pc.example.com>" in first
    assert first.count(b"boundary=") == 2


def test_a_mailbox_that_is_named_twice_gets_one_copy(either, alice, bob):
    console = alice.console(bob.server, 25)
    console.connect()
    console.type("EHLO me\nMAIL FROM:<>\nRCPT TO:<bob@example.org>\nRCPT TO:<BOB@Example.Org>\nDATA\n.\nQUIT")
    console.close()
    assert len(bob.server.read("bob@example.org")) == 1


def test_sender_and_recipient_on_one_server(either, alice):
    anna = either.user("anna@example.com")
    alice.submit(alice.compose(to=anna, text="next door"))
    assert either.domain("example.com").relay.queue == []
    (message,) = anna.retrieve()
    assert len(received(message)) == 1
    assert {seen.service for seen in either.network.tap.connections} == {"submission", "pop3"}


def test_the_recipient_whose_own_host_is_always_on(either, alice):
    host = either.always_on("carol@carol.example")
    assert host.name == "carol.carol.example"
    alice.submit(alice.compose(to="carol@carol.example", text="straight to you"))
    either.settle()
    (message,) = host.read("carol@carol.example")
    assert b"straight to you" in message
    assert {seen.service for seen in either.network.tap.connections} == {"submission", "dns", "smtp"}


def test_the_user_who_works_on_the_server(either, alice, bob):
    alice.submit(alice.compose(to=bob, text="x"))
    either.settle()
    before = len(either.network.tap.connections)
    (message,) = bob.server.read("bob@example.org")
    assert message == bob.server.mailbox("bob@example.org").get(1).data
    assert len(either.network.tap.connections) == before
    assert bob.retrieve() == [message]


def test_postmaster_has_a_mailbox_in_every_domain(either, alice):
    postmasters = ["postmaster@example.org", "Postmaster@mail.example.org"]
    alice.submit(alice.compose(to=postmasters, text="your server is slow"))
    either.settle()
    assert len(either.domain("example.org").read("postmaster@mail.example.org")) == 2


def test_a_host_that_is_offline_for_an_hour(world):
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    with bob.offline():
        alice.submit(alice.compose(to=bob, text="while you were away"))
        with pytest.raises(OSError, match="does not answer"):
            bob.retrieve()
        world.wait(HOUR)
        assert len(bob.server.mailbox(bob.address)) == 1
    assert len(bob.retrieve()) == 1


def test_offline_on_real_ports(make):
    world = make(network="loopback")
    bob = world.user("bob@example.org")
    with bob.offline(), pytest.raises(OSError, match="does not answer"):
        bob.retrieve()
    with bob.server.offline(), pytest.raises(OSError, match="does not answer"):
        bob.retrieve()
    assert bob.retrieve() == []


def test_awaited_in_a_loop_of_ones_own(either, alice, bob):
    async def main() -> list[bytes]:
        await alice.aio.submit(alice.compose(to=bob, text="one"))
        await asyncio.gather(
            alice.aio.submit(alice.compose(to=bob, text="two")),
            alice.aio.submit(alice.compose(to=bob, text="3")),
        )
        await either.settled()
        return await bob.aio.retrieve("imap")

    assert len(asyncio.run(main())) == 3


def test_called_while_another_loop_runs_in_this_thread(either, alice, bob):
    async def cell() -> list[bytes]:
        alice.submit(alice.compose(to=bob, text="from a notebook's cell"))
        either.settle()
        await asyncio.sleep(0)
        return bob.retrieve()

    assert len(asyncio.run(cell())) == 1


def test_the_standard_librarys_clients(either, alice, bob):
    trust = either.trust()
    with alice.smtplib() as smtp:
        smtp.starttls(context=trust)
        smtp.login(alice.address, alice.password)
        smtp.sendmail(alice.address, [bob.address], "Subject: by smtplib\n\nhi")
    with alice.smtplib(implicit_tls=True) as smtp:
        smtp.login(alice.address, alice.password)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            smtp.sendmail(alice.address, ["nobody@example.com"], "Subject: x\n\nhi")
    either.settle()
    for implicit in (False, True):
        pop = bob.poplib(implicit_tls=implicit)
        pop.user(bob.address)
        pop.pass_(bob.password)
        assert pop.stat()[0] == 1
        pop.quit()
        imap = bob.imaplib(implicit_tls=implicit)
        imap.login(bob.address, bob.password)
        assert imap.select() == ("OK", [b"1"])
        imap.logout()


def test_smtplib_connects_again_where_it_is_told(alice, bob):
    smtp = alice.smtplib()
    smtp.quit()
    assert smtp.connect(bob.server.name, 25)[1].startswith(b"mail.example.org ")
    smtp.sendmail(alice.address, [bob.address], "Subject: to the last server itself\n\nhi")
    smtp.quit()
    assert len(bob.server.read(bob.address)) == 1


@pytest.mark.parametrize(("port", "greeting"), [(25, "220"), (465, "220"), (995, r"\+OK"), (993, r"\* OK")])
def test_a_console(either, bob, port, greeting):
    for server in (bob.server, bob.server.name):
        console = bob.console(server, port)
        said = console.connect()
        assert said.startswith(greeting.replace("\\", ""))
        console.close()


def test_a_host_that_nobody_knows(world):
    console = world.user("alice@example.com").console("mail.nowhere.example", 25)
    with pytest.raises(OSError, match=r"mail\.nowhere\.example does not answer"):
        console.connect()


def test_a_message_is_octets(alice, bob):
    letter = alice.compose(to=bob, text="Hello.")
    with pytest.raises(LabError, match="a message is octets, as compose"):
        alice.submit(letter.decode())
    inbox = bob.server.mailbox("bob@example.org")
    for none in (letter.decode(), 3):
        with pytest.raises(LabError, match="kept as octets"):
            inbox.append(none)
    assert len(inbox) == 0
