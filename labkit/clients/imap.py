"""IMAP clients as dialogues: each reads from top to bottom (RFC 3501).

See `labkit.clients.dialogue`.  The methods of a `Client` are one command each, the tags A1,
A2, A3 ... its own; the functions are whole sessions made of them::

    def my_client() -> Dialogue[list[int]]:
        client = Client()
        yield from client.greeting()
        yield from client.login("mrc", "secret")
        yield from client.select("INBOX")
        numbers = yield from client.search("UNSEEN")
        yield from client.logout()
        return numbers

A NO or BAD raises `Refused`, which a dialogue may catch.  Literals are synchronising: each is
sent once the server has said "+".  So a command with a literal cannot be pipelined.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Literal

from labkit.clients.dialogue import Dialogue, Token, fresh
from labkit.clients.imap_replies import GREETING, Command, Refused, Reply, ask
from labkit.grammar import imap, sasl
from labkit.grammar.imap_data import FlagChange, SequenceSet
from labkit.grammar.imap_frames import split_at_literals
from labkit.grammar.imap_responses import Data, Status, Value
from labkit.net.session import StartTLS

__all__ = [
    *("GREETING", "Client", "Command", "Fetched", "Refused", "Reply", "Retrieved", "Selected"),
    *("append", "ask", "fetch_all", "retrieve_all"),
]


@dataclass(frozen=True, slots=True)
class Selected:
    """A mailbox as SELECT shows it; `unseen` is the number of the first message not yet seen."""

    messages: int
    recent: int
    uidvalidity: int | None
    uidnext: int | None
    unseen: int | None
    read_only: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """One FETCH response: what came of a message, by the names of the items in upper case."""

    number: int
    items: dict[str, Value]


class Client:
    """The commands of one connection, in the order of RFC 3501; each is a dialogue."""

    def __init__(self) -> None:
        self._tags = (f"A{number}" for number in count(1))

    def command(self, verb: str, *arguments: object) -> Command:
        """A command by its row in `labkit.grammar.imap.SYNTAX`."""
        tag = next(self._tags)
        pieces = split_at_literals(imap.write_command(imap.Command(tag, verb, arguments)))
        return Command(tag, verb, tuple(pieces))

    def words(self, verb: str, *words: str) -> Command:
        """A command as it would be typed: `words("FETCH", "1:3", "(FLAGS UID)")`."""
        tag = next(self._tags)
        line = " ".join([tag, verb, *words])
        return Command(tag, verb, (f"{line}\r\n".encode(),))

    def greeting(self) -> Dialogue[Reply]:
        return (yield from ask(GREETING))

    def capabilities(self) -> Dialogue[list[str]]:
        reply = yield from ask(self.command("CAPABILITY"))
        return [_text(name).upper() for data in reply.data("CAPABILITY") for name in data.values]

    def noop(self) -> Dialogue[Reply]:
        return (yield from ask(self.command("NOOP")))

    def logout(self) -> Dialogue[Reply]:
        return (yield from ask(self.command("LOGOUT")))

    def start_tls(self, server_name: str) -> Dialogue[None]:
        """STARTTLS, and everything behind it in TLS; the name is that of the server's certificate."""
        yield from ask(self.command("STARTTLS"))
        yield StartTLS(server_name)

    def login(self, user: str, password: str) -> Dialogue[Reply]:
        """LOGIN: the password crosses the wire as it is."""
        return (yield from ask(self.command("LOGIN", user, password)))

    def authenticate(
        self, mechanism: str, user: str, password: str, *, token: Token = fresh
    ) -> Dialogue[Reply]:
        """AUTHENTICATE; raises LabError for a mechanism that labkit does not know.

        For OAUTHBEARER and XOAUTH2 the password is the access token; a client's nonce comes from `token`.
        """
        responses = sasl.client(mechanism, user, password, token)
        response = next(responses)
        tag = next(self._tags)
        line = f"{tag} AUTHENTICATE {mechanism}".encode()
        while True:
            command = Command(tag, "AUTHENTICATE", (line + b"\r\n",), "continued")
            reply = yield from ask(command)
            if reply.status != "+":
                sasl.granted(responses)
                return reply
            if response is None:
                response = sasl.answer(responses, sasl.read_challenge(reply.text.encode()))
            line = sasl.CANCEL if response is None else sasl.write(response)
            response = None

    def select(self, mailbox: str = "INBOX", *, read_only: bool = False) -> Dialogue[Selected]:
        """SELECT, or EXAMINE to read only."""
        reply = yield from ask(self.command("EXAMINE" if read_only else "SELECT", mailbox))
        codes = dict(reply.codes())

        def number(name: str) -> int | None:
            return int(codes[name]) if codes.get(name, "").isdecimal() else None

        counted = {data.name: data.number or 0 for data in reply.untagged if isinstance(data, Data)}
        return Selected(
            *(counted.get("EXISTS", 0), counted.get("RECENT", 0)),
            *(number("UIDVALIDITY"), number("UIDNEXT"), number("UNSEEN")),
            read_only="READ-ONLY" in codes,
        )

    def create(self, mailbox: str) -> Dialogue[Reply]:
        return (yield from ask(self.command("CREATE", mailbox)))

    def append(
        self, mailbox: str, message: bytes, flags: Iterable[str] = (), date: datetime | None = None
    ) -> Dialogue[Reply]:
        """APPEND; the reply's code is APPENDUID if the server has UIDPLUS."""
        return (yield from ask(self.command("APPEND", mailbox, tuple(flags), date, message)))

    def search(self, *keys: str, uid: bool = False) -> Dialogue[list[int]]:
        """SEARCH by keys as they are typed: `search("UNSEEN", "FROM", "smith")`."""
        reply = yield from ask(self.words("UID SEARCH" if uid else "SEARCH", *keys))
        found = [number for data in reply.data("SEARCH") for number in data.values]
        return [number for number in found if isinstance(number, int)]

    def fetch(self, numbers: str, items: str, *, uid: bool = False) -> Dialogue[list[Fetched]]:
        """FETCH of items as they are typed: `fetch("1:*", "(FLAGS BODY.PEEK[])", uid=True)`."""
        reply = yield from ask(self.words("UID FETCH" if uid else "FETCH", numbers, items))
        return [_fetched(data) for data in reply.data("FETCH")]

    def store(self, uids: Iterable[int], how: Literal["", "+", "-"], *flags: str) -> Dialogue[Reply]:
        """UID STORE, silently: "+" sets the flags, "-" clears them, "" sets these and no others."""
        numbers = SequenceSet.of(sorted(uids))
        return (yield from ask(self.command("UID STORE", numbers, FlagChange(how, flags, silent=True))))

    def copy(self, uids: Iterable[int], mailbox: str) -> Dialogue[Reply]:
        return (yield from ask(self.command("UID COPY", SequenceSet.of(sorted(uids)), mailbox)))

    def expunge(self) -> Dialogue[Reply]:
        return (yield from ask(self.command("EXPUNGE")))

    def idle(self) -> Dialogue[list[Data | Status]]:
        """IDLE until there is news, then DONE; returns the news (RFC 2177)."""
        tag = next(self._tags)
        yield from ask(Command(tag, "IDLE", (f"{tag} IDLE\r\n".encode(),), "continued"))
        first = yield from ask(Command(tag, "news of the mailbox", (b"",), "anything"))
        reply = yield from ask(Command(tag, "DONE", (b"DONE\r\n",)))
        return [*first.untagged, *reply.untagged]


def _text(value: Value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _fetched(data: Data) -> Fetched:
    items = data.values[0] if data.values and isinstance(data.values[0], tuple) else ()
    return Fetched(
        data.number or 0,
        {_text(name).upper(): value for name, value in zip(items[::2], items[1::2], strict=False)},
    )


# Whole sessions.


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A message that was fetched, with its flags."""

    uid: int
    data: bytes
    flags: tuple[str, ...] = ()


def fetch_all(client: Client, *, peek: bool = False) -> Dialogue[list[Retrieved]]:
    """Every message of the selected mailbox; without `peek` the server marks them as seen."""
    items = f"(UID FLAGS {'BODY.PEEK[]' if peek else 'BODY[]'})"
    messages = []
    for fetched in (yield from client.fetch("1:*", items, uid=True)):
        uid, body, flags = (fetched.items.get(name) for name in ("UID", "BODY[]", "FLAGS"))
        if isinstance(uid, int) and isinstance(body, bytes):  # others are news of somebody else's doing
            names = flags if isinstance(flags, tuple) else ()
            messages.append(Retrieved(uid, body, tuple(map(_text, names))))
    return messages


def retrieve_all(
    user: str,
    password: str,
    mailbox: str = "INBOX",
    *,
    peek: bool = False,
    delete: bool = False,
    mechanism: str | None = None,
    starttls: str | None = None,
    token: Token = fresh,
) -> Dialogue[list[Retrieved]]:
    """A whole session, from the greeting to LOGOUT: fetch every message of a mailbox.

    `starttls` is the server's name, as its certificate gives it; `mechanism` logs in with AUTHENTICATE
    instead of LOGIN; `delete` then expunges what was fetched.
    """
    client = Client()
    yield from _log_in(client, user, password, mechanism, starttls, token)
    yield from client.select(mailbox, read_only=peek and not delete)
    messages = yield from fetch_all(client, peek=peek)
    if delete and messages:
        yield from client.store((message.uid for message in messages), "+", "\\Deleted")
        yield from client.expunge()
    yield from client.logout()
    return messages


def append(
    user: str,
    password: str,
    mailbox: str,
    message: bytes,
    *,
    flags: Iterable[str] = ("\\Seen",),
    mechanism: str | None = None,
    starttls: str | None = None,
    token: Token = fresh,
) -> Dialogue[Reply]:
    """A whole session: put a message into a mailbox, which is created if it is not there."""
    client = Client()
    yield from _log_in(client, user, password, mechanism, starttls, token)
    flags = tuple(flags)
    try:
        reply = yield from client.append(mailbox, message, flags)
    except Refused as refused:
        if refused.reply.code != "TRYCREATE":
            raise
        yield from client.create(mailbox)
        reply = yield from client.append(mailbox, message, flags)
    yield from client.logout()
    return reply


def _log_in(
    client: Client, user: str, password: str, mechanism: str | None, starttls: str | None, token: Token
) -> Dialogue[None]:
    yield from client.greeting()
    if starttls is not None:
        yield from client.start_tls(starttls)
    if mechanism is None:
        yield from client.login(user, password)
    else:
        yield from client.authenticate(mechanism, user, password, token=token)
