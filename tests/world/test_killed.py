"""`labkit serve --store`, killed at any moment: what was acknowledged is there, and nothing by half.

Three clients, each with accounts of its own, know what must be in them: after each acknowledged
command exactly that, and while one is unanswered, that or all that it asked for.  What a killed
process has written is safe with the system; that it is synced too is for
tests/store/test_sqlite.py to say.  `make soak` kills more often.
"""

from __future__ import annotations

import imaplib
import os
import poplib
import re
import signal
import smtplib
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random

import pytest
from support.serving import wait_until_ready

from labkit.store.accounts import Account, Store
from labkit.store.sqlite import open_store

KILLS = int(os.environ.get("LABKIT_KILLS", "20"))
SEED = int(os.environ.get("LABKIT_SEED", "0"))
SERVE = """
import signal
from pathlib import Path
from labkit.world.serve import Options, serve

users = {f"{name}@example.org": "secret" for name in ("ida", "paul", "sam", "sue")}
ports = dict.fromkeys(("smtp", "submission", "pop3", "imap"), 0)
with serve(Options(users=users, store=Path("store"), ports=ports, ready=Path("ready.json"))):
    signal.pause()
"""
GONE = (OSError, EOFError, imaplib.IMAP4.abort, smtplib.SMTPException, poplib.error_proto)

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")


class Client:
    """Somebody at work until the server is gone; `acknowledged` counts what it has promised."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.acknowledged = 0
        self.numbers = count(1)

    def run(self, ports: dict[str, int]) -> None:
        with suppress(*GONE):
            self.work(ports)

    def work(self, ports: dict[str, int]) -> None:
        raise NotImplementedError

    def check(self, store: Store) -> None:
        raise NotImplementedError

    def letter(self) -> tuple[int, bytes]:
        """A message with a number of its own, of any size."""
        number = next(self.numbers)
        filling = b"x" * self.random.choice([1, 1000, 50_000]) + b"\r\n"
        return number, b"Subject: letter %d\r\n\r\n" % number + filling


def inbox(store: Store, name: str) -> Account:
    found = store.account(f"{name}@example.org")
    return found.inbox if found else []


def numbers(messages) -> list[int]:
    """The numbers of the letters among these messages, notices about them left out."""
    found = [
        re.search(rb"(?m)^Subject: letter (\d+)", each.data.partition(b"\r\n\r\n")[0]) for each in messages
    ]
    return [int(each[1]) for each in found if each]


Mailboxes = dict[str, dict[int, tuple[bytes, frozenset[str]]]]


class Ida(Client):
    """IMAP.  Her mailboxes are dicts of UID -> (message, flags)."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.known: Mailboxes = {"INBOX": {}, "Archive": {}}
        self.wanted = self.known  # once the command that is under way is done
        self.uidnext = Counter(INBOX=1, Archive=1)
        self.ever: dict[tuple[str, int, int], bytes] = {}

    def work(self, ports: dict[str, int]) -> None:
        with imaplib.IMAP4("127.0.0.1", ports["imap"]) as client:
            client.login("ida", "secret")
            client.create("Archive")
            client.select()
            while True:
                self.wanted = {name: dict(box) for name, box in self.known.items()}
                status, said = self.step(client)
                assert status == "OK", said
                self.known = self.wanted
                self.acknowledged += 1

    def step(self, client: imaplib.IMAP4) -> tuple[str, list[bytes]]:
        box = self.wanted["INBOX"]
        some = sorted(self.random.sample(sorted(box), min(len(box), self.random.randint(1, 8))))
        what = self.random.choice(["APPEND", "APPEND", "STORE", "COPY", "MOVE", "EXPUNGE"])
        uids = ",".join(map(str, some))
        if what == "APPEND" or not some:
            _, data = self.letter()
            self.put("INBOX", data, frozenset({"\\Flagged"}))
            return client.append("INBOX", "(\\Flagged)", None, data)
        if what == "STORE":
            for uid in some:
                box[uid] = (box[uid][0], frozenset({"\\Deleted", "$Work"}))
            return client.uid("STORE", uids, "FLAGS.SILENT", "(\\Deleted $Work)")
        if what == "EXPUNGE":
            for uid in some:
                if "\\Deleted" in box[uid][1]:
                    del box[uid]
            return client.uid("EXPUNGE", uids)
        for uid in some:
            self.put("Archive", *box[uid])
            if what == "MOVE":
                del box[uid]
        return client.uid(what, uids, "Archive")

    def put(self, name: str, data: bytes, flags: frozenset[str]) -> None:
        self.wanted[name][self.uidnext[name]] = (data, flags)
        self.uidnext[name] += 1

    def check(self, store: Store) -> None:
        account = store.account("ida@example.org")
        boxes = [entry.mailbox for entry in account.entries()] if account else []
        found = {box.name: {each.uid: (each.data, each.flags) for each in box} for box in boxes}
        found = {"INBOX": {}, "Archive": {}} | found
        assert found in (self.known, self.wanted)
        self.known = self.wanted = found
        for box in boxes:
            self.uidnext[box.name] = box.uidnext
            for each in box:
                assert each.uid < box.uidnext
                assert self.ever.setdefault((box.name, box.uidvalidity, each.uid), each.data) == each.data


class Paul(Client):
    """SMTP and POP3: he sends himself letters, reads some and deletes some.  He knows their numbers."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.known: list[int] = []
        self.wanted = self.known

    def work(self, ports: dict[str, int]) -> None:
        while True:
            with smtplib.SMTP("127.0.0.1", ports["smtp"], "test") as smtp:
                for _ in range(self.random.randint(1, 5)):
                    number, data = self.letter()
                    self.wanted = [*self.known, number]
                    smtp.sendmail("paul@example.com", ["paul@example.org"], data)
                    self.promised()
            pop3 = poplib.POP3("127.0.0.1", ports["pop3"])
            try:
                pop3.user("paul")
                pop3.pass_("secret")
                marked = self.random.sample(range(len(self.known)), self.random.randint(0, len(self.known)))
                for index in marked:
                    pop3.dele(index + 1)
                self.wanted = [n for index, n in enumerate(self.known) if index not in marked]
                pop3.quit()
                self.promised()
            finally:
                pop3.close()

    def promised(self) -> None:
        self.known = self.wanted
        self.acknowledged += 1

    def check(self, store: Store) -> None:
        found = numbers(inbox(store, "paul"))
        assert found in (self.known, self.wanted)
        self.known = self.wanted = found


class Sam(Client):
    """Submission: each letter is for himself, for Sue, and for somebody who cannot be reached."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.known: set[int] = set()
        self.last = 0

    def work(self, ports: dict[str, int]) -> None:
        with smtplib.SMTP("127.0.0.1", ports["submission"], "test") as smtp:
            smtp.login("sam", "secret")
            while True:
                self.last, data = self.letter()
                to = ["sam@example.org", "sue@example.org", "nobody@elsewhere.example"]
                smtp.sendmail("sam@example.org", to, data)
                self.known.add(self.last)
                self.acknowledged += 1

    def check(self, store: Store) -> None:
        his, hers = numbers(inbox(store, "sam")), numbers(inbox(store, "sue"))
        assert his == hers == sorted(set(his))
        assert set(his) in (self.known, self.known | {self.last})
        self.known = set(his)
        queued = set(numbers(store.spool))
        notices = [each.data for each in inbox(store, "sam") if b"Auto-Submitted" in each.data]
        returned = {int(n) for each in notices for n in re.findall(rb"Subject: letter (\d+)", each)}
        assert queued | returned == self.known


def kill_one(folder: Path, clients: list[Client], random: Random) -> None:
    """Start the servers, let the clients work, and kill them; now and then before they are ready."""
    (folder / "ready.json").unlink(missing_ok=True)
    threads: list[threading.Thread] = []
    with (
        (folder / "stderr").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-c", SERVE],
            cwd=folder,
            env=os.environ | {"TMPDIR": str(folder)},  # what it leaves there goes with the folder
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            if random.random() < 0.2:
                moment = random.uniform(0.1, 0.5)
            else:
                told = wait_until_ready(process, folder)
                ports = {name: told[name]["port"] for name in ("smtp", "submission", "pop3", "imap")}
                threads += [threading.Thread(target=client.run, args=(ports,)) for client in clients]
                for thread in threads:
                    thread.start()
                moment = random.uniform(0, 0.4)
            with suppress(subprocess.TimeoutExpired):
                process.wait(moment)
        finally:
            process.kill()
    for thread in threads:
        thread.join()
    assert (folder / "stderr").read_text() == ""


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning"
)  # the standard library's clients, when they are cut off
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the same
def test_killed_at_any_moment(tmp_path: Path) -> None:
    random = Random(f"kills {SEED}")
    clients = [kind(Random(f"{kind.__name__} {SEED}")) for kind in (Ida, Paul, Sam)]
    for _ in range(KILLS):
        kill_one(tmp_path, clients, random)
        store = open_store(tmp_path / "store", lambda: datetime.now(UTC))
        try:
            for client in clients:
                client.check(store)
        finally:
            store.close()
    promised = [client.acknowledged for client in clients]
    print(f"{KILLS} kills; acknowledged: {promised}")
    # How much is done between two kills depends on the machine; that enough was at stake does not.
    assert all(promised)
    assert sum(promised) > 2 * KILLS
