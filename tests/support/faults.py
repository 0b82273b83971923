"""Cases for the faults of the catalogue: what each does to a conversation, as the tables tell it.

A conversation is written in a line: how it ended, then verb=status for each exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labkit.capture.tape import Tape
from labkit.clients import imap
from labkit.errors import LabError
from labkit.tables import Capture
from labkit.views.rows import rows_of
from labkit.world.world import World

LETTER = b"From: alice@example.com\r\nTo: bob@example.org\r\nSubject: Lunch\r\n\r\nOn Friday?\r\n"
MAIL = "mail.example.org"
SMTP = "quit: 220 EHLO=250 MAIL=250 RCPT=250 DATA=354 .=250 QUIT=221"
POP3 = "quit: +OK USER=+OK PASS=+OK LIST=+OK RETR=+OK DELE=+OK QUIT=+OK"
IMAP = "quit: OK LOGIN=OK SELECT=OK UID FETCH=OK UID STORE=OK EXPUNGE=OK LOGOUT=OK"
APPEND = "quit: OK LOGIN=OK APPEND=OK LOGOUT=OK"
TLS = {
    "smtp": SMTP.replace("EHLO=250", "EHLO=250 STARTTLS=220 TLS=ServerHello EHLO=250 AUTH=235"),
    "pop3": POP3.replace("+OK USER", "+OK STLS=+OK TLS=ServerHello USER", 1),
    "imap": IMAP.replace("OK LOGIN", "OK STARTTLS=OK TLS=ServerHello LOGIN", 1),
}


class Scene:
    """Alice, Bob, and what they do in one world."""

    def __init__(self, world: World, *, patient: bool = True) -> None:
        self.world = world
        self.alice, self.bob = world.user("alice@example.com"), world.user("bob@example.org")
        self.alice.server.relay.retry_after = (600.0,) if patient else (0.01,)
        self.error = ""

    def act(self, action: str) -> None:
        """Do what an action says; what goes wrong is kept."""
        self.error = ""
        began = self.world.now()
        try:
            getattr(self, action)()
        except (LabError, OSError) as error:
            self.error = f"{type(error).__name__}: {error}"
        self.seconds = (self.world.now() - began).total_seconds()

    def smtp(self) -> None:
        self.alice.submit(LETTER, [self.bob])
        self.world.settle()

    def submit_tls(self) -> None:
        self.alice.submit(LETTER, [self.bob], tls="STARTTLS")
        self.world.settle()

    def pop3(self) -> None:
        self._fetch("pop3")

    def pop3_tls(self) -> None:
        self._fetch("pop3", "STARTTLS")

    def imap(self) -> None:
        self._fetch("imap")

    def imap_tls(self) -> None:
        self._fetch("imap", "STARTTLS")

    def append(self) -> None:
        put = imap.append(self.bob.address, self.bob.password, "INBOX", LETTER)
        self.world.run(self.world.converse(self.bob, self.bob.server, "imap", put))

    def _fetch(self, protocol: Any, tls: Any = "none") -> None:
        inbox = self.bob.server.mailbox(self.bob.address)
        if not len(inbox):
            self.world.call(lambda: inbox.append(LETTER))
        self.bob.retrieve(protocol, delete=True, tls=tls)

    @property
    def copies(self) -> int:
        return len(self.bob.server.read(self.bob.address))


def story(capture: Any, server: str = MAIL) -> list[str]:
    """A line for each conversation with a server."""
    told = []
    for row in rows_of(capture, "connections"):
        if row["server_name"] != server:
            continue
        said = [each for each in rows_of(capture, "exchanges") if each["connection"] == row["connection"]]
        words = [f"{each['verb']}={each['status']}" if each["verb"] else str(each["status"]) for each in said]
        told.append(" ".join([f"{row['ended']}:", *words]))
    return told


def at_the_server(world: World) -> Capture:
    """What the servers saw, where that is not what the clients said."""
    return Capture(Tape.from_tap(world.network.tap, vantage="server"))


Check = Callable[[Scene], bool]


@dataclass(frozen=True)
class Case:
    """What becomes of an action while a fault is switched on."""

    fault: str
    action: str
    told: tuple[str, ...]
    error: str = ""
    copies: int | None = None  # in Bob's mailbox afterwards
    check: Check = lambda scene: True
    loopback: bool = True  # false: real time would have to pass, or nobody would ever give up

    @property
    def name(self) -> str:
        return self.fault.partition(":")[0].partition("@")[0]

    @property
    def protocol(self) -> str:
        return {"append": "imap", "submit_tls": "smtp"}.get(self.action, self.action.removesuffix("_tls"))

    @property
    def server(self) -> str:
        return "mail.example.com" if self.action == "submit_tls" else MAIL


def slower(by: float) -> Check:
    """It took more than so many seconds; without any fault it is less than one."""
    return lambda scene: not scene.world.is_simulated or scene.seconds > by


def arrives_as(word: bytes) -> Check:
    return lambda scene: all(
        word in message and b"Lunch" not in message for message in scene.bob.server.read("bob@example.org")
    )


def pieces(largest: int) -> Check:
    def check(scene: Scene) -> bool:
        told = [row for row in scene.world.network.tap.connections if row.server_name == MAIL]
        numbers = {each.number for each in told}
        records = [r for r in scene.world.network.tap.records if r.connection in numbers]
        return max(len(r.data) for r in records if r.arrived is not None) <= largest

    return lambda scene: not scene.world.is_simulated or check(scene)


def arrived_together(*words: bytes) -> Check:
    return lambda scene: any(
        all(word in r.data for word in words)
        for r in scene.world.network.tap.records
        if r.arrived is not None
    )


def flaw(name: str, *, seen_by: str = "server") -> Check:
    def check(scene: Scene) -> bool:
        source = at_the_server(scene.world) if seen_by == "server" else scene.world.capture
        return name in {row["flaw"] for row in rows_of(source, "flaws")}

    return check


def in_clear(scene: Scene) -> bool:
    return all(row["tls"] == "none" for row in rows_of(scene.world.capture, "connections"))


def not_offered(word: str) -> Check:
    """No reply of the server's has the word; its own replies did."""

    def check(scene: Scene) -> bool:
        def said(capture: Any) -> bool:
            theirs = {
                row["connection"] for row in rows_of(capture, "connections") if row["server_name"] == MAIL
            }
            lines = [row for row in rows_of(capture, "lines") if row["connection"] in theirs]
            return any(row["sender"] == "server" and word in row["text"].split() for row in lines)

        return not said(scene.world.capture) and said(at_the_server(scene.world))

    return check


CUT_AT_GREETING = ("cut: 220 EHLO=250",) * 2
NOT_SERVED = "quit: 220 EHLO=250 MAIL=250 RCPT=450 DATA=554 RSET=250 QUIT=221"

CASES = (
    Case("latency:0.05", "smtp", (SMTP,), copies=1, check=slower(1.1)),
    Case("latency:0.05", "pop3", (POP3,), check=slower(0.8)),
    Case("latency:0.05", "imap", (IMAP,), check=slower(0.8)),
    Case("jitter:0.05", "smtp", (SMTP,), copies=1, check=slower(0.5)),
    Case("jitter:0.05", "pop3", (POP3,), check=slower(0.5)),
    Case("jitter:0.05", "imap", (IMAP,), check=slower(0.5)),
    Case("bandwidth:9600", "smtp", (SMTP,), copies=1, check=slower(1)),
    Case("bandwidth:9600", "pop3", (POP3,), check=slower(0.5)),
    Case("bandwidth:9600", "imap", (IMAP,), check=slower(0.8)),
    Case("refuse", "smtp", ("reset:", "reset:"), copies=0),
    Case("refuse", "pop3", ("reset:",), "ConnectionRefusedError", copies=1),
    Case("refuse", "imap", ("reset:",), "ConnectionRefusedError", copies=1),
    Case("blackhole", "smtp", ("timeout:", "timeout:"), copies=0, check=slower(120)),
    Case("blackhole", "pop3", ("timeout:",), "does not answer", copies=1, check=slower(59)),
    Case("blackhole", "imap", ("timeout:",), "does not answer", copies=1, check=slower(59)),
    Case("cut-after:60", "smtp", CUT_AT_GREETING, copies=0),
    Case("cut-after:90", "pop3", ("cut: +OK USER=+OK PASS=+OK",), "waiting for the reply to PASS", copies=1),
    Case("cut-after:60,client", "smtp", ("cut: 220 EHLO=250 MAIL=None RCPT=None DATA=None",) * 2, copies=0),
    Case(
        "cut-after:30,sender=client",
        "imap",
        ("cut: OK LOGIN=None",),
        "waiting for the reply to LOGIN",
        copies=1,
    ),
    Case(
        "cut-before-final-reply",
        "smtp",
        (SMTP.replace(".=250 QUIT=221", ".=None").replace("quit", "cut"), SMTP),
        copies=2,
    ),
    Case(
        "cut-before-final-reply",
        "pop3",
        (POP3.replace("QUIT=+OK", "QUIT=None").replace("quit", "cut"),),
        "waiting for the reply to QUIT",
        copies=0,
    ),
    Case(
        "cut-before-final-reply",
        "append",
        ("cut: OK LOGIN=OK APPEND=None",),
        "waiting for the reply to APPEND",
        copies=1,
    ),
    Case(
        "cut-in-data",
        "smtp",
        (SMTP.replace(".=250 QUIT=221", ".=None").replace("quit", "cut"), SMTP),
        copies=1,
    ),
    Case(
        "cut-in-data",
        "pop3",
        ("cut: +OK USER=+OK PASS=+OK LIST=+OK RETR=+OK",),
        "waiting for the reply to RETR",
        copies=1,
        check=flaw("no-final-dot", seen_by="client"),
    ),
    Case(
        "cut-in-data",
        "imap",
        ("cut: OK LOGIN=OK SELECT=OK UID FETCH=None",),
        "waiting for the reply to UID FETCH",
        copies=1,
    ),
    Case(
        "cut-in-data",
        "append",
        ("cut: OK LOGIN=OK APPEND=None",),
        "waiting for the reply to APPEND",
        copies=0,
    ),
    Case(
        "half-close",
        "smtp",
        ("quit: 220 EHLO=250 MAIL=250 RCPT=250 DATA=354 .=None",) * 2,
        copies=0,
        loopback=False,
    ),
    Case(
        "half-close",
        "pop3",
        ("quit: +OK USER=+OK PASS=+OK LIST=+OK RETR=+OK DELE=None",),
        "waiting for the reply to DELE",
        copies=1,
    ),
    Case(
        "half-close",
        "imap",
        ("quit: OK LOGIN=OK SELECT=OK UID FETCH=OK UID STORE=None",),
        "waiting for the reply to UID STORE",
        copies=1,
    ),
    Case("split", "smtp", (SMTP,), copies=1, check=pieces(1)),
    Case("split:2,0.001", "pop3", (POP3,), copies=0, check=pieces(2)),
    Case("split", "imap", (IMAP,), copies=0, check=pieces(1)),
    Case("coalesce:0.02", "smtp", (SMTP,), copies=1, check=arrived_together(b"250 ", b"354 ")),
    Case("coalesce:0.02", "pop3", (POP3,), copies=0, check=slower(0.5)),
    Case("coalesce:0.02", "imap", (IMAP,), copies=0, check=slower(0.5)),
    Case(
        "strip-starttls@mail.example.com",
        "submit_tls",
        ("quit: 220 EHLO=250 STARTTLS=502 QUIT=221",),
        "STARTTLS was refused",
        check=in_clear,
    ),
    Case("strip-starttls", "smtp", (SMTP,), copies=1, check=not_offered("250-STARTTLS")),
    Case("strip-starttls", "pop3_tls", ("quit: +OK STLS=-ERR",), "refused STLS", check=in_clear),
    Case(
        "strip-starttls",
        "imap_tls",
        ("quit: OK STARTTLS=BAD",),
        "refused STARTTLS",
        check=not_offered("STARTTLS"),
    ),
    Case(
        "inject-before-tls@mail.example.com",
        "submit_tls",
        (TLS["smtp"],),
        copies=1,
        check=flaw("behind-starttls"),
    ),
    Case("inject-before-tls", "pop3_tls", (TLS["pop3"],), copies=0, check=flaw("behind-starttls")),
    Case("inject-before-tls", "imap_tls", (TLS["imap"],), copies=0, check=flaw("behind-starttls")),
    Case("inject-before-tls:* OK forged,server", "imap_tls", (TLS["imap"],), copies=0),
    Case("rewrite-line:Lunch,Dinner", "smtp", (SMTP,), copies=1, check=arrives_as(b"Dinner")),
    Case("rewrite-line:Lunch,Dinner", "pop3", (POP3,), copies=0),
    Case(
        "rewrite-line:Lunch,Brunch time",
        "imap",
        ("quit: OK LOGIN=OK SELECT=OK UID FETCH=OK",),
        "ProtocolError",
        copies=1,
        check=flaw("bad-reply", seen_by="client"),
    ),
    Case("rewrite-line:Lunch,Snack", "imap", (IMAP,), copies=0),
    Case(
        "bare-lf",
        "smtp",
        (
            "timeout: 220 EHLO=250 MAIL=250 RCPT=250 DATA=354 .=421",
            "timeout: 220 EHLO=250 MAIL=250 RCPT=250 DATA=354 .=None",
        ),
        copies=0,
        check=flaw("bare-lf"),
        loopback=False,
    ),
    Case(
        "bare-lf",
        "pop3",
        ("reset: +OK USER=None",),
        "Stalled",
        copies=1,
        check=flaw("bare-lf"),
        loopback=False,
    ),
    Case(
        "bare-lf",
        "imap",
        ("reset: OK LOGIN=None",),
        "Stalled",
        copies=1,
        check=flaw("bare-lf"),
        loopback=False,
    ),
    Case(
        "bare-lf:server",
        "pop3",
        ("reset: +OK",),
        "Stalled",
        copies=1,
        check=flaw("bare-lf", seen_by="client"),
        loopback=False,
    ),
    Case("transaction-421", "smtp", ("quit: 220 EHLO=250 MAIL=250 RCPT=421 DATA=None", SMTP), copies=1),
    Case("temporary-failure", "smtp", (NOT_SERVED, SMTP), copies=1),
    Case(
        "temporary-failure:1,MAIL",
        "smtp",
        ("quit: 220 EHLO=250 MAIL=450 RCPT=503 DATA=503 QUIT=221", SMTP),
        copies=1,
    ),
    Case("temporary-failure", "pop3", ("quit: +OK USER=+OK PASS=-ERR",), "[SYS/TEMP]", copies=1),
    Case("temporary-failure", "imap", ("quit: OK LOGIN=NO",), "[UNAVAILABLE]", copies=1),
    Case("slow-reply:0.1", "smtp", (SMTP,), copies=1, check=slower(0.5)),
    Case("slow-reply:0.1", "pop3", (POP3,), copies=0, check=slower(0.7)),
    Case("slow-reply:0.1,UID FETCH", "imap", (IMAP,), copies=0, check=slower(0.1)),
    Case(
        "wrong-reply",
        "smtp",
        ("quit: 220 EHLO=250 MAIL=250 RCPT=354 DATA=None QUIT=None", SMTP),
        copies=1,
        check=flaw("bad-reply", seen_by="client"),
        loopback=False,
    ),
    Case(
        "wrong-reply",
        "pop3",
        ("quit: +OK USER=+OK PASS=+OK LIST=None",),
        "expected '+OK' or '-ERR'",
        copies=1,
        check=flaw("bad-reply", seen_by="client"),
    ),
    Case("wrong-reply", "imap", ("reset: OK LOGIN=OK SELECT=None OK",), "Stalled", copies=1, loopback=False),
    Case("mailbox-locked", "smtp", (NOT_SERVED, NOT_SERVED), copies=0),
    Case("mailbox-locked", "pop3", ("quit: +OK USER=+OK PASS=-ERR",), "[IN-USE]", copies=1),
    Case("mailbox-locked", "imap", ("quit: OK LOGIN=OK SELECT=NO",), "[INUSE]", copies=1),
    Case("disk-full:1", "smtp", (SMTP.replace(".=250", ".=452"), SMTP), copies=1),
    Case("disk-full", "pop3", (POP3.replace("QUIT=+OK", "QUIT=-ERR"),), "not removed", copies=1),
    Case("disk-full", "append", ("quit: OK LOGIN=OK APPEND=NO",), "[OVERQUOTA]", copies=0),
    Case("bye", "smtp", ("quit: 220 EHLO=421 QUIT=None", SMTP), copies=1),
    Case("bye", "pop3", ("quit: +OK USER=+OK PASS=None",), "the server closed the connection", copies=1),
    Case("bye", "imap", ("quit: OK LOGIN=OK SELECT=BYE",), "the server closed the connection", copies=1),
)

ENDS_WELL = {"smtp": SMTP, "pop3": POP3, "imap": IMAP, "append": APPEND} | {
    action: TLS[protocol]
    for action, protocol in (("submit_tls", "smtp"), ("pop3_tls", "pop3"), ("imap_tls", "imap"))
}


def spelt(case: Case) -> str:
    return case.fault if "@" in case.fault else f"{case.fault}@{MAIL}"


def play(case: Case, scene: Scene) -> None:
    with scene.world.fault(spelt(case)):
        scene.act(case.action)
