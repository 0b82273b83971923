"""What somebody who listens on the line learns from POP3 sessions, login by login.

`overheard` takes worlds in each of which somebody fetched mail, and reads only what crossed the
wire: octets in clear, and ciphertext, of which nothing is read.  It then does what a
listener would do: looks for the password and for the letters, says the same words to the server
again, and tries passwords that many people have (RFC 1939 7, RFC 2195, RFC 5802, RFC 2595).

It reads sessions of the lab's own clients; it is no tool for anybody else's.
"""

from __future__ import annotations

import base64
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.errors import LabError
from labkit.grammar import pop3, sasl
from labkit.grammar.framing import CRLF
from labkit.net.tap import Record, Side
from labkit.states.pop3 import IN_TRANSACTION
from labkit.views.words import digits

if TYPE_CHECKING:
    import pandas as pd

    from labkit.world.world import World

_WORDS = """
123456 password qwerty 111111 abc123 letmein monkey dragon baseball football
master shadow michael jordan superman batman trustno1 welcome sunshine princess
flower ginger pepper cookie banana cheese summer winter orange purple
charlie thomas daniel andrew jessica michelle hannah oliver tigger buster
"""
COMMON = tuple(_WORDS.split())
"""Passwords that many people have; whoever guesses begins with them."""

READ, HIDDEN = "read", "hidden"

Test = tuple[Callable[[str], bool], int]
"""Whether a password fits what was heard, and how many hashes it takes to know."""


@dataclass(frozen=True)
class Line:
    sender: Side
    text: str


class Heard:
    """What a listener has of one connection: its lines in clear, and what base64 in them says."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.lines = list(_lines(record for record in records if record.layer == "plain"))

    def said(self, words: str) -> bool:
        """Whether these words can be read, as they are or out of base64."""
        return any(words in text for line in self.lines for text in _readings(line.text))

    @property
    def login(self) -> list[Line]:
        """What was said until the client asked for its mail."""
        for place, line in enumerate(self.lines):
            if line.sender == "client" and _verb(line) in {*IN_TRANSACTION, "QUIT"} - {"CAPA"}:
                return self.lines[:place]
        return self.lines

    def test(self, user: str) -> Test | None:
        """How to try passwords on what was heard; None: there is nothing to try them on."""
        for place, line in enumerate(self.login):
            verb, _, argument = line.text.partition(" ")
            if verb == "APOP":
                timestamp = pop3.find_timestamp(self.lines[0].text) or ""
                return _test_of_apop(timestamp, argument.split()[-1])
            if verb == "AUTH":
                return _test_of(argument.split()[0], user, self.login[place + 1 :])
        return None


def overheard(worlds: Mapping[str, World]) -> pd.DataFrame:
    """A row for each world, named by its way to log in: what its first POP3 session tells a listener."""
    import pandas as pd

    from labkit.tables.frame import mail_frame

    return mail_frame(pd.DataFrame([{"login": name} | _learnt(world) for name, world in worlds.items()]))


def _learnt(world: World) -> dict[str, str]:
    tap = world.network.tap
    number = next((each.number for each in tap.connections if each.service == "pop3"), None)
    if number is None:
        raise LabError("nobody fetched mail with POP3 in this world")
    connection = tap.connections[number]
    bob = next((user for user in world.users.values() if user.name == connection.client_name), None)
    if bob is None:
        raise LabError(f"{connection.client_name} is no user's host")
    heard = Heard(record for record in tap.records if record.connection == number)
    password = heard.said(bob.password)
    return {
        "name": READ if heard.said(bob.address) else HIDDEN,
        "password": READ if password else HIDDEN,
        "letters": READ if heard.said("Subject: ") else HIDDEN,
        "the same words again": _again(world, bob.server.name, heard),
        "guessing": "no need to" if password else _guessed(heard, bob.address),
    }


def _again(world: World, server: str, heard: Heard) -> str:
    """Says the client's part of the login again, from another host, and asks for the mail."""
    console = world.user("mallory@example.com").console(server, 110)
    console.connect()
    console.type("\n".join(line.text for line in heard.login if line.sender == "client"))
    entered = "+OK" in console.type("STAT")
    console.close()
    return "open the mailbox" if entered else "open nothing"


def _guessed(heard: Heard, user: str) -> str:
    test = heard.test(user)
    if test is None:
        return "nothing to try on"
    fits, price = test
    found = any(fits(word) for word in COMMON)
    hashes = "1 hash" if price == 1 else f"{digits(price)} hashes"
    return f"{'found' if found else 'not found'}, {hashes} a guess"


def _test_of_apop(timestamp: str, digest: str) -> Test:
    return lambda word: pop3.apop_digest(timestamp, word) == digest, 1


def _test_of(mechanism: str, user: str, lines: list[Line]) -> Test | None:
    """Play the client with a password and the challenges that were heard: would it have said the same?"""
    spoken = [line.text.encode() for line in lines]
    challenges = [sasl.read_challenge(text[2:]) for text in spoken if text.startswith(b"+ ")]
    responses = [base64.b64decode(line.text) for line in lines if line.sender == "client"]
    asked = [challenge for challenge in challenges if challenge]  # an empty one only says: go on
    if not responses or not asked or mechanism not in ("CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"):
        return None

    def fits(word: str) -> bool:
        nonce = responses[0].rpartition(b"r=")[2].decode()
        client = sasl.client(mechanism, user, word, lambda length: nonce)
        said = [next(client)]
        said.append(sasl.answer(client, asked[0]))
        return responses[: 1 + (said[0] is not None)] == [each for each in said if each is not None]

    _, _, count = asked[0].partition(b",i=")
    return fits, 2 * int(count) if count else 2  # an HMAC is two hashes


def _lines(records: Iterable[Record]) -> Iterator[Line]:
    """Whole lines in the order in which they were written."""
    for record in records:
        for line in record.data.removesuffix(CRLF).split(CRLF):
            yield Line(record.sender, line.decode("utf-8", "replace"))


def _readings(text: str) -> Iterator[str]:
    """A line as it stands, and what its words say out of base64."""
    yield text
    for word in text.split():
        with suppress(NotBase64, UnicodeDecodeError, ValueError):
            yield base64.b64decode(word, validate=True).decode()


def _verb(line: Line) -> str:
    return line.text.split(" ", 1)[0].upper()
