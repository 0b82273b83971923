"""How fast mail is stored, against Dovecot in the same run: APPEND by IMAP, in memory and durable.

`python tests/benchmarks/bench_store.py` prints a line for each figure: name, ratio, target.  In
memory: our default store, and Dovecot's Maildir in a file system in memory.  Durable: the store in a
folder, and a Maildir with mail_fsync = always, on the same disk.  `--serve [FOLDER]` is labkit's process.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for support

from measure import best, show, timed
from support.dovecot import dovecot, why_not

from labkit.store.accounts import Store
from labkit.store.sqlite import open_store
from labkit.world.world import World

LETTER = (b"Subject: speed\r\n\r\n" + b"The quick brown fox jumps over the lazy dog.\r\n" * 100)[
    :4094
] + b"\r\n"
MESSAGES = 200
ROUNDS = 7
TARGETS = {"in memory": ">= 4.0", "durable": ">= 1.0"}


@contextmanager
def labkit(folder: Path | None) -> Iterator[int]:
    """Our server's IMAP port."""
    command = [sys.executable, __file__, "--serve", *([str(folder)] if folder else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield int(process.stdout.readline())
        process.stdin.close()


def serve(folder: str | None) -> None:
    """labkit's process: until its stdin ends."""
    store = (lambda host, now: open_store(Path(folder), now)) if folder else (lambda host, now: Store(now))
    with World(network="loopback", domains=["example.org"], store=store) as world:
        print(world.user("bob@example.org", password="secret").server.listeners["imap"].port, flush=True)
        sys.stdin.read()


class Client:
    """A connection, logged in."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = self.sock.makefile("rb")
        self.answers.readline()
        self.ask(b"LOGIN bob secret")

    def ask(self, command: bytes) -> None:
        self.sock.sendall(b"a " + command + b"\r\n")
        while not (line := self.answers.readline()).startswith(b"a "):
            assert line, "the connection is gone"
        assert line.startswith(b"a OK"), line

    def fill(self) -> None:
        for _ in range(MESSAGES):
            self.ask(b"APPEND INBOX {%d+}\r\n" % len(LETTER) + LETTER)

    def close(self) -> None:
        self.answers.close()
        self.sock.close()


def compare(what: str, place: Path, *, durable: bool) -> None:
    mail, store = place / "mail", place / "store" if durable else None
    (mail / "bob").mkdir(parents=True)
    place.chmod(0o755)
    fsync = "always" if durable else "optimized"
    with dovecot(mail, {"bob": "secret"}, fsync=fsync) as (_, peer), labkit(store) as port:
        clients = [Client(peer), Client(port)]
        theirs, ours = best(ROUNDS, *(lambda c=client: timed(c.fill) for client in clients))
        for client in clients:
            client.close()
    show([(f"labkit / Dovecot, APPEND of 4 KiB {what}", theirs / ours, TARGETS[what])])
    show([(f"APPEND of 4 KiB per second, {what}", MESSAGES / ours, "-")])


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(*sys.argv[2:] or [None])
    elif reason := why_not():
        print(f"not compared with Dovecot: {reason}")
    else:
        memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
        with tempfile.TemporaryDirectory(dir=memory) as name:
            compare("in memory", Path(name), durable=False)
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
            compare("durable", Path(name), durable=True)
