"""IMAP's commands, as one table (RFC 3501 6 and 9).  Start here to read IMAP's grammar.

`SYNTAX` has a row per command: the elements behind its verb, a space before each.  A
command is parsed from a whole frame and written as one.  Strict: what breaks the grammar
raises ProtocolError, and the server answers BAD.

The other files: `imap_frames.py` cuts a stream into frames, `imap_elements.py` has atoms,
strings, lists and names, `imap_data.py` sets, fetch items and flags, `imap_search.py` search
keys, `imap_responses.py` what the server says, `imap_structure.py` ENVELOPE and BODYSTRUCTURE.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from labkit.grammar import imap_data as data
from labkit.grammar import imap_elements as el
from labkit.grammar import imap_search
from labkit.grammar.imap_elements import ImapCursor


@dataclass(frozen=True, slots=True)
class Element:
    """How one argument is read and written.  `first`: the octets it begins with, if it may be left out."""

    name: str
    read: Callable[[ImapCursor], Any]
    write: Callable[[Any], bytes]
    first: bytes = b""


LONGEST_TAG = 100
"""Octets of a tag that is repeated to who sent nonsense behind it."""
_INITIAL = re.compile(rb"[A-Za-z0-9+/]+={0,2}|=")

Parameters: TypeAlias = tuple[tuple[bytes, bytes | None], ...]


def _id_parameters(at: ImapCursor) -> Parameters | None:
    """id-params-list = "(" *(string SP nstring) ")" / nil, at most 30 of them (RFC 2971 3.3)."""

    def pair() -> tuple[bytes, bytes | None]:
        name = at.string("the name of a field")
        at.space()
        return name, at.nstring()

    return None if at.skip(b"NIL", ignore_case=True) else at.listed(pair, empty=True)


def _write_id_parameters(parameters: Parameters | None) -> bytes:
    if parameters is None:
        return b"NIL"
    pairs = (el.write_string(name) + b" " + el.write_nstring(value) for name, value in parameters)
    return b"(" + b" ".join(pairs) + b")"


def _encoded(word: str) -> bytes:
    return word.encode()


TEXT = Element("astring", lambda at: at.text("an atom or a string"), el.write_text)
SECRET = Element("password", lambda at: at.text("a password"), el.write_text)
MAILBOX = Element("mailbox", lambda at: at.mailbox(), el.write_mailbox)
PATTERN = Element("list-mailbox", lambda at: at.list_mailbox(), el.write_list_mailbox)
MECHANISM = Element("auth-type", lambda at: at.word("a mechanism's name"), _encoded)
INITIAL = Element(
    "initial-response",
    lambda at: at.take(_INITIAL, "base64"),
    lambda response: response,
    b"=+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
)
STATUS_ITEMS = Element("status-att-list", data.status_items, data.write_status_items)
FLAGS = Element("flag-list", lambda at: at.flags(), el.write_flags, b"(")
DATE_TIME = Element("date-time", lambda at: at.date_time(), el.write_date_time, b'"')
MESSAGE = Element("literal", lambda at: at.literal("a literal with the message"), el.write_literal)
SET = Element("sequence-set", data.sequence_set, data.write_sequence_set)
ITEMS = Element("fetch-items", data.fetch_items, data.write_fetch_items)
CHANGE = Element("store-att-flags", data.flag_change, data.write_flag_change)
SEARCH = Element("search", imap_search.search, imap_search.write_search)
ID = Element("id-params-list", _id_parameters, _write_id_parameters)

SYNTAX: dict[str, tuple[Element, ...]] = {
    # in any state (RFC 3501 6.1; RFC 2971)
    **dict.fromkeys(("CAPABILITY", "NOOP", "LOGOUT"), ()),
    "ID": (ID,),
    # not authenticated (6.2; the initial response: RFC 4959)
    "STARTTLS": (),
    "AUTHENTICATE": (MECHANISM, INITIAL),
    "LOGIN": (TEXT, SECRET),
    # authenticated (6.3; RFC 2342, RFC 2177)
    **dict.fromkeys(("SELECT", "EXAMINE", "CREATE", "DELETE", "SUBSCRIBE", "UNSUBSCRIBE"), (MAILBOX,)),
    "RENAME": (MAILBOX, MAILBOX),
    **dict.fromkeys(("LIST", "LSUB"), (MAILBOX, PATTERN)),
    "STATUS": (MAILBOX, STATUS_ITEMS),
    "APPEND": (MAILBOX, FLAGS, DATE_TIME, MESSAGE),
    **dict.fromkeys(("NAMESPACE", "IDLE"), ()),
    # selected (6.4; RFC 3691, RFC 6851); UID EXPUNGE: RFC 4315
    **dict.fromkeys(("CHECK", "CLOSE", "UNSELECT", "EXPUNGE"), ()),
    **dict.fromkeys(("SEARCH", "UID SEARCH"), (SEARCH,)),
    **dict.fromkeys(("FETCH", "UID FETCH"), (SET, ITEMS)),
    **dict.fromkeys(("STORE", "UID STORE"), (SET, CHANGE)),
    **dict.fromkeys(("COPY", "MOVE", "UID COPY", "UID MOVE"), (SET, MAILBOX)),
    "UID EXPUNGE": (SET,),
}


@dataclass(frozen=True, slots=True)
class Command:
    """A command: `arguments` has one value per element of its row in SYNTAX, None for one left out."""

    tag: str
    verb: str
    arguments: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        shown = tuple(
            "•••" if element in (SECRET, INITIAL) and value is not None else value
            for element, value in zip(SYNTAX.get(self.verb, ()), self.arguments, strict=False)
        )
        return f"Command({self.tag!r}, {self.verb!r}, {shown!r})"


def parse_head(at: ImapCursor) -> tuple[str, str]:
    """The tag and the verb of a command."""
    tag = at.take(el.TAG, "a tag").decode("ascii")
    at.space()
    start = at.offset
    verb = at.word("a command")
    if verb == "UID" and at.skip(b" "):
        verb = f"UID {at.word('a command')}"
    if verb not in SYNTAX:
        at.fail("expected a command that is known", start)
    return tag, verb


def parse_command(frame: bytes) -> Command:
    """One command, from its tag to its CRLF; raises ProtocolError."""
    at = ImapCursor(frame)
    tag, verb = parse_head(at)
    return Command(tag, verb, parse_arguments(at, verb))


def parse_arguments(at: ImapCursor, verb: str) -> tuple[Any, ...]:
    """What stands behind the verb, up to and with the CRLF."""
    values: list[Any] = []
    for element in SYNTAX[verb]:
        if element.first and not _comes(at, element.first):
            values.append(None)
            continue
        at.space()
        values.append(element.read(at))
        at.rule = el.RULE
    at.expect(b"\r\n", "the end of the line")
    at.end()
    return tuple(values)


def _comes(at: ImapCursor, first: bytes) -> bool:
    coming = at.peek(2)
    return len(coming) == 2 and coming[:1] == b" " and coming[1:] in first


def write_command(command: Command) -> bytes:
    """A command as one frame; `imap_frames.split_at_literals` has the pieces to send."""
    words = [command.tag.encode(), command.verb.encode()]
    for element, value in zip(SYNTAX[command.verb], command.arguments, strict=True):
        if value is not None or not element.first:
            words.append(element.write(value))
    return b" ".join(words) + b"\r\n"


def find_tag(start: bytes) -> str | None:
    """The tag of a command that may be nonsense behind it, to answer it with; None if it has none."""
    found = el.TAG.match(start)
    return found.group().decode("ascii") if found and found.end() <= LONGEST_TAG else None
