"""What happens in a lab: each function plays one scenario on a new simulated world and returns it.

`python -m support.scenarios FOLDER` plays them all and writes what an eavesdropper at the two ends
would have read, and every table: a file for each, the same octets in every process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from io import StringIO
from pathlib import Path

from labkit.clients.dialogue import Disconnected
from labkit.message.compose import Attachment
from labkit.net.faults import PASS, Event, Rewrite, Verdict
from labkit.tables.schema import TABLES
from labkit.world.devices import UserHost
from labkit.world.faults import cut_before_final_reply, slow_reply
from labkit.world.journey import travel
from labkit.world.week import week
from labkit.world.world import World

HOUR = 3600.0
Scenario = Callable[[], World]


def people(world: World) -> tuple[UserHost, UserHost]:
    return world.user("alice@example.com"), world.user("bob@example.org")


def journey() -> World:
    """One message through four devices."""
    world = World(seed=1)
    travel(world)
    return world


def files_and_html() -> World:
    """Boundaries, encoded words, dots, long lines; fetched twice by IMAP."""
    world = World(seed=2)
    alice, bob = people(world)
    files = [Attachment("Größe.txt", b"42\r\n" * 50, "text/plain"), Attachment("x.bin", bytes(range(256)))]
    for text in ("Grüße\n.\n..\n", "x" * 3000):
        alice.submit(alice.compose(to=bob, subject="Grüße", text=text, html="<p>Grüße", attachments=files))
    world.settle()
    bob.retrieve("imap")
    bob.retrieve("imap", delete=True)
    return world


def by_hand() -> World:
    """Lines typed on consoles, with mistakes; two sessions on one mailbox."""
    world = World(seed=3)
    alice, bob = people(world)
    with alice.console(bob.server, 25) as smtp:
        for line in ("HELP", "MAIL FROM:<a@b.example>", "EHLO alice-pc.example.com", "NONSENSE", "VRFY bob"):
            smtp.ask(line)
        for line in (
            "MAIL FROM:<alice@example.com>",
            "RCPT TO:<bob@example.org>",
            "DATA",
            "Subject: x\n\nx\n.",
        ):
            smtp.ask(line)
    one, two = bob.console(bob.server, 143), bob.console(bob.server, 143)
    for console in (one, two):
        console.connect()
        console.ask(f"a LOGIN {bob.address} {bob.password}")
        console.ask("b SELECT INBOX")
    one.ask(r"c STORE 1 +FLAGS (\Seen \Deleted)")
    one.ask("d EXPUNGE")
    two.ask("c NOOP")
    two.close()
    return world


def the_standard_library() -> World:
    """smtplib, poplib and imaplib."""
    world = World(seed=4)
    alice, bob = people(world)
    with alice.smtplib() as smtp:
        smtp.login(alice.address, alice.password)
        smtp.sendmail(alice.address, [bob.address], "Subject: by smtplib\n\nhi")
    world.settle()
    pop = bob.poplib()
    pop.user(bob.address)
    pop.pass_(bob.password)
    pop.retr(1)
    pop.quit()
    imap = bob.imaplib()
    imap.login(bob.address, bob.password)
    imap.append("INBOX", r"(\Draft)", '"05-Jan-2026 09:00:00 +0000"', b"Subject: appended\r\n\r\nx\r\n")
    imap.select()
    imap.fetch("1:*", "(FLAGS BODY[])")
    imap.logout()
    return world


def what_goes_wrong() -> World:
    """Wrong passwords, unknown recipients, faults of every kind, a host that comes and goes."""
    world = World(seed=5)
    alice, bob = people(world)
    carol = world.always_on("carol@carol.example")
    world.names.add("null.example", "MX", "0 .")
    world.names.fail("fails.example")

    def greylist(event: Event) -> Verdict:
        accepted = event.sender == "server" and event.data.startswith(b"250 2.1.5")
        relayed = event.connection.service == "smtp"
        return Rewrite(b"451 4.7.1 come back later\r\n") if accepted and relayed else PASS

    readers = [bob, "nobody@example.org", "x@null.example", "x@fails.example", "carol@carol.example"]
    letter = alice.compose(to=readers, text="x")
    with world.fault(greylist), carol.offline():
        alice.submit(letter)
        world.wait(HOUR)
    with world.fault(cut_before_final_reply()), world.fault(slow_reply(1.5)):
        alice.submit(letter, [bob])
        world.wait(HOUR)
    with world.fault(cut_before_final_reply(service="submission")), suppress(Disconnected):
        alice.submit(letter, [bob])
    with world.fault("blackhole@mail.example.org"):
        alice.submit(letter, [bob])
        world.wait(HOUR)
    world.settle()
    console = bob.console(bob.server, 110)
    console.connect()
    console.ask("USER bob@example.org")
    console.ask("PASS wrong")
    bob.retrieve("pop3", delete=True)
    alice.retrieve("imap")
    return world


def many_mail_hosts() -> World:
    """MX hosts of equal preference, drawn by lot; one of them is off now and then."""
    world = World(seed=6)
    alice, bob = people(world)
    hosts = [bob.server] + [
        world.domain("example.org", server=f"mx{number}.example.net", preference=10 + number // 4)
        for number in range(2, 6)
    ]
    for turn in range(10):
        with hosts[turn % len(hosts)].offline():
            alice.submit(alice.compose(to=bob, subject=f"letter {turn}", text="x" * turn))
            world.wait(60)
    world.settle()
    bob.retrieve("pop3")
    return world


def in_tls() -> World:
    """STARTTLS and implicit TLS, on links of little bandwidth."""
    world = World(seed=7)
    world.network.link(latency=0.1, bandwidth=64_000)
    alice, bob = people(world)
    alice.submit(alice.compose(to=bob, text="x" * 5000), tls="STARTTLS")
    alice.submit(alice.compose(to=bob, text="y"), tls="implicit")
    world.settle()
    bob.retrieve("pop3", tls="STARTTLS")
    bob.retrieve("pop3", tls="implicit")
    bob.retrieve("imap", tls="STARTTLS")
    bob.retrieve("imap", tls="implicit")
    with alice.smtplib() as smtp:
        smtp.starttls(context=world.trust())
        smtp.login(alice.address, alice.password)
    return world


def a_week_by_smtp() -> World:
    return week("smtp", seed=8)


def a_week_by_imap() -> World:
    return week("imap", seed=9)


def a_week_in_tls() -> World:
    """A letter each day in either direction, in TLS; the recipients look once a day."""
    world = World(seed=10)
    pair = people(world)
    for day in range(7):
        writer, reader = pair[day % 2], pair[1 - day % 2]
        writer.submit(
            writer.compose(to=[reader, writer], subject=f"day {day}", text="x" * day), tls="STARTTLS"
        )
        world.wait(24 * HOUR)
        reader.retrieve("imap" if day % 3 else "pop3", delete=day % 2 == 0, tls="implicit")
    return world


IN_CLEAR: tuple[Scenario, ...] = (
    *(journey, files_and_html, by_hand, the_standard_library, what_goes_wrong, many_mail_hosts),
    *(a_week_by_smtp, a_week_by_imap),
)
SCENARIOS: tuple[Scenario, ...] = (*IN_CLEAR, in_tls, a_week_in_tls)


def seen(scenario: Scenario) -> str:
    """Everything that can be known of it afterwards, as text: records but ciphertext, and all tables."""
    with closing(scenario()) as world:
        return "\n".join(_seen(world))


def _seen(world: World) -> Iterator[str]:
    for record in world.network.tap.records:
        if record.layer != "tls":
            yield repr(tuple(record))
    for name in TABLES:
        file = StringIO()
        world.capture.rows(name).to_jsonl(file)
        yield f"{name}\n{file.getvalue()}"


if __name__ == "__main__":
    for each in SCENARIOS:
        Path(sys.argv[1], each.__name__).write_text(seen(each), encoding="utf-8", newline="")
