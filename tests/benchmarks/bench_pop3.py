"""How fast POP3 is, against Dovecot in the same run, and how much a large maildrop costs.

`python tests/benchmarks/bench_pop3.py` prints a line for each figure: name, ratio or number, target.  The
servers run in processes of their own on 127.0.0.1, Dovecot tuned and with its Maildir in memory, labkit
with its tap on; the client is a blocking socket that knows just enough.  Of a third server, an
`asyncio.Protocol` that says what it always says, the figures show what the loop alone takes, the one that
labkit has chosen.  `--serve` is labkit's process, `--bare` that of the third.
"""

from __future__ import annotations

import asyncio
import mailbox
import socket
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for support

from measure import best, show, timed
from support.dovecot import dovecot, why_not

from labkit.grammar.framing import dot_stuff
from labkit.net.session import Send
from labkit.net.tcp import new_loop
from labkit.servers.pop3 import Pop3Session
from labkit.servers.site import Site
from labkit.store.accounts import Account, Store
from labkit.world.world import World

MESSAGES = {"bob": 4000, "carol": 10}
"""Bob's are each retrieved once, in one session; Carol logs in again and again."""
LINE = b"The quick brown fox jumps over the lazy dog, again and again.\n"
LETTER = (b"From: alice@example.com\nSubject: speed\n\n" + LINE * 100)[: 4096 - 60]
BLOCK = dot_stuff(LETTER.replace(b"\n", b"\r\n"))
SESSIONS = 200
ROUNDS = 9
LARGE = 100_000


class Client:
    """A connection, logged in or not."""

    def __init__(self, port: int) -> None:
        self.sock = socket.socket()
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read(b"\r\n")

    def read(self, ending: bytes) -> bytes:
        got = self.sock.recv(65536)
        while not got.endswith(ending):
            more = self.sock.recv(65536)
            assert more, got
            got += more
        assert got.startswith(b"+OK"), got
        return got

    def ask(self, command: bytes, ending: bytes = b"\r\n") -> bytes:
        self.sock.sendall(command)
        return self.read(ending)

    def login(self, user: bytes) -> None:
        self.ask(b"USER %b\r\n" % user)
        self.ask(b"PASS secret\r\n")

    def quit(self) -> None:
        self.ask(b"QUIT\r\n")
        self.sock.close()


def retrievals(port: int) -> float:
    """Seconds for many RETRs on one connection."""
    client = Client(port)
    client.login(b"bob")
    commands = [b"RETR %d\r\n" % number for number in range(1, MESSAGES["bob"] + 1)]

    def retrieve() -> None:
        for command in commands:
            client.ask(command, b"\r\n.\r\n")

    seconds = timed(retrieve)
    client.quit()
    return seconds


def sessions(port: int) -> float:
    """Seconds for many sessions: USER, PASS, STAT, QUIT."""

    def all_of_them() -> None:
        for _ in range(SESSIONS):
            client = Client(port)
            client.login(b"carol")
            client.ask(b"STAT\r\n")
            client.quit()

    return timed(all_of_them)


@contextmanager
def running(option: str) -> Iterator[int]:
    """The port of a server in a process of its own."""
    command = [sys.executable, __file__, option]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield int(process.stdout.readline())
        process.stdin.close()


def serve() -> None:
    """labkit's process: until its stdin ends."""
    with World(network="loopback", domains=["example.org"]) as world:
        letter = LETTER.replace(b"\n", b"\r\n")
        for name, number in MESSAGES.items():
            server = world.user(f"{name}@example.org", password="secret").server
            server.mailbox(f"{name}@example.org").extend((letter, (), None) for _ in range(number))
        print(server.listeners["pop3"].port, flush=True)
        sys.stdin.read()


class Bare(asyncio.Protocol):
    """Answers in the time that nobody can go below."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.write(b"+OK\r\n")

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"+OK\r\n" + BLOCK if data.startswith(b"RETR") else b"+OK\r\n")
        if data.startswith(b"QUIT"):
            self.transport.close()


async def serve_bare() -> None:
    """The third server's process: until its stdin ends."""
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def against_dovecot() -> None:
    if reason := why_not():
        print(f"not compared with Dovecot: {reason}")
        return
    memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as name:
        for user, number in MESSAGES.items():
            folder = mailbox.Maildir(Path(name) / user)
            for _ in range(number):
                folder.add(LETTER)
        users = dict.fromkeys(MESSAGES, "secret")
        with (
            dovecot(Path(name), users) as (peer, _),
            dovecot(Path(name), users, sessions=1) as (untuned, _),
            running("--serve") as ours,
            running("--bare") as bare,
        ):
            for what, work, target in (
                ("RETR of 4 KiB on one connection", retrievals, ">= 1.0"),
                ("sessions: USER PASS STAT QUIT", sessions, ">= 3.0"),
            ):
                measure: Callable[[int], float] = work
                theirs, own, least = best(
                    ROUNDS, *(lambda m=measure, p=port: m(p) for port in (peer, ours, bare))
                )
                show([(f"labkit / Dovecot, {what}", theirs / own, target)])
                show([("a bare protocol on the same loop / Dovecot", theirs / least, "-")])
            theirs, own = best(3, lambda: sessions(untuned), lambda: sessions(ours))
            show([("labkit / Dovecot as shipped (a process each), sessions", theirs / own, "-")])


def large_maildrop() -> None:
    """A maildrop of 100,000: what a message costs beside its octets, and how long listings take."""
    store = Store(lambda: datetime(2026, 1, 5, 9, tzinfo=UTC))
    bob = store.add_user("bob@example.org", "secret")
    octets = [b"Subject: %d\r\n\r\n" % n for n in range(LARGE)]
    tracemalloc.start()
    bob.inbox.extend((data, (), None) for data in octets)
    session = opened(store, bob)
    taken = tracemalloc.get_traced_memory()[0] / LARGE
    tracemalloc.stop()
    show([("octets of memory per message, beside its own", taken, "<= 1024")])
    for command in (b"LIST\r\n", b"UIDL\r\n", b"STAT\r\n"):
        (seconds,) = best(ROUNDS, lambda c=command: timed(lambda: said(session, c)))
        show([(f"{command.decode().strip()} of 100,000 messages, seconds", seconds, "<= 0.1")])


def opened(store: Store, account: Account) -> Pop3Session:
    session = Pop3Session(Site("pop", store, store.now, lambda n: "0" * n))
    said(session, b"USER bob\r\nPASS secret\r\n")
    return session


def said(session: Pop3Session, data: bytes) -> int:
    return sum(len(action.data) for action in session.receive(data) if isinstance(action, Send))


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
    elif "--bare" in sys.argv:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(serve_bare())
    else:
        large_maildrop()
        against_dovecot()
