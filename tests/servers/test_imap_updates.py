"""Several clients that believe what they are told always speak of the same messages as the server.

Each keeps a list of its own by EXISTS and EXPUNGE alone, as RFC 3501 7.3.1 and 7.4.1 want it, and every
FETCH response is held against it.
"""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from support.imap import Talk, account, make_site

from labkit.servers.site import Site

RESPONSE = re.compile(r"\* (\d+) (EXISTS|EXPUNGE|FETCH)(?: \(UID (\d+))?")


class Believer:
    """A client whose messages are UIDs, or None where it has not been told which."""

    def __init__(self, site: Site) -> None:
        self.talk = Talk(site).login()
        self.messages: list[int | None] = []
        self.hear(self.talk("s SELECT INBOX"), "SELECT")

    def ask(self, command: str) -> None:
        self.hear(self.talk(f"a {command}"), command.split(" ")[0])

    def hear(self, said: str, verb: str) -> None:
        for line in said.split("\r\n"):
            found = RESPONSE.match(line)
            if found is None:
                continue
            number, kind, uid = int(found[1]), found[2], found[3]
            if kind == "EXISTS":
                assert number >= len(self.messages), "messages go by EXPUNGE alone"
                self.messages += [None] * (number - len(self.messages))
            elif kind == "EXPUNGE":
                assert verb not in ("FETCH", "STORE", "SEARCH")
                del self.messages[number - 1]
            elif uid is not None:
                assert self.messages[number - 1] in (None, int(uid))
                self.messages[number - 1] = int(uid)
            else:
                assert number <= len(self.messages)


COMMANDS = st.sampled_from(
    [
        *("NOOP", "EXPUNGE", "CHECK", "SEARCH ALL", "FETCH 1:* (UID FLAGS)", "FETCH * (UID BODY[])"),
        *("STORE 1 +FLAGS (\\Deleted)", "STORE * +FLAGS.SILENT (\\Deleted)", "STORE 1:2 FLAGS ()"),
        *("UID STORE 2:4 +FLAGS (\\Deleted)", "UID FETCH 1:* FLAGS", "UID SEARCH DELETED"),
        *("COPY 1 INBOX", "MOVE 1 INBOX", "UID EXPUNGE 1:3", "APPEND INBOX {1+}\r\nx", "IDLE\r\nDONE"),
    ]
)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 2), COMMANDS), max_size=25))
def test_every_client_knows_what_it_speaks_of(steps: list[tuple[int, str]]) -> None:
    site = make_site()
    inbox = account(site).inbox
    for _ in range(3):
        inbox.append(b"x")
    clients = [Believer(site) for _ in range(3)]
    for who, command in steps:
        clients[who].ask(command)
    for client in clients:
        client.ask("NOOP")
        client.ask("UID FETCH 1:* UID")
        assert client.messages == inbox.uids
