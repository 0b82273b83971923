"""What SEARCH asks for: keys, and the ways to join them (RFC 3501 6.4.4).

Keys nest; a client that nests them deeper than people ever do is refused, since each
level costs the server a level of its stack.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from labkit.grammar.imap_data import SequenceSet, sequence_set, write_sequence_set
from labkit.grammar.imap_elements import ImapCursor, write_astring, write_date

DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Key:
    """A key by its name; SEQUENCE is a set of numbers, which has no name on the wire."""

    name: str
    argument: bytes | str | int | date | SequenceSet | tuple[bytes, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Not:
    key: SearchKey


@dataclass(frozen=True, slots=True)
class Or:
    first: SearchKey
    second: SearchKey


@dataclass(frozen=True, slots=True)
class And:
    """All of them: keys in parentheses, or those of a whole SEARCH."""

    keys: tuple[SearchKey, ...]


SearchKey: TypeAlias = Key | Not | Or | And


@dataclass(frozen=True, slots=True)
class Search:
    """A whole SEARCH; `charset` is None if none was named."""

    keys: And
    charset: str | None = None


# keys that are a word alone
FLAG_KEYS = ("ANSWERED", "DELETED", "DRAFT", "FLAGGED", "SEEN", "RECENT")
WORDS = ("ALL", "NEW", "OLD", *FLAG_KEYS, "UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED", "UNSEEN")
STRINGS = ("BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO")
DATES = ("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE")
SIZES = ("LARGER", "SMALLER")
KEYWORDS = ("KEYWORD", "UNKEYWORD")


def _header(at: ImapCursor) -> tuple[bytes, bytes]:
    name = at.astring("the name of a header field")
    at.space()
    return name, at.astring("a string to look for")


_READ: dict[str, Callable[[ImapCursor], Any]] = {
    **dict.fromkeys(STRINGS, lambda at: at.astring("a string to look for")),
    **dict.fromkeys(DATES, lambda at: at.date()),
    **dict.fromkeys(SIZES, lambda at: at.number("a number of octets")),
    **dict.fromkeys(KEYWORDS, lambda at: at.atom("a keyword")),
    "HEADER": _header,
    "UID": sequence_set,
}


def search(at: ImapCursor) -> Search:
    """["CHARSET" SP astring SP] search-key *(SP search-key)."""
    at.rule = "RFC 3501 6.4.4"
    charset = None
    if at.skip(b"CHARSET ", ignore_case=True):
        charset = at.text("the name of a character set")
        at.space()
    return Search(And(_keys(at, 0)), charset)


def _keys(at: ImapCursor, depth: int) -> tuple[SearchKey, ...]:
    keys = [_key(at, depth)]
    while at.skip(b" "):
        keys.append(_key(at, depth))
    return tuple(keys)


def _key(at: ImapCursor, depth: int) -> SearchKey:
    if depth > DEEPEST:
        at.fail(f"expected search keys nested at most {DEEPEST} deep")
    if at.skip(b"("):
        keys = _keys(at, depth + 1)
        at.expect(b")")
        return And(keys)
    if at.peek().isdigit() or at.peek() == b"*":
        return Key("SEQUENCE", sequence_set(at))
    start = at.offset
    name = at.word("a search key")
    if name in WORDS:
        return Key(name)
    if name not in _READ and name not in ("NOT", "OR"):
        at.fail("expected a search key", start)
    at.space()
    if name == "NOT":
        return Not(_key(at, depth + 1))
    if name == "OR":
        first = _key(at, depth + 1)
        at.space()
        return Or(first, _key(at, depth + 1))
    return Key(name, _READ[name](at))


def write_search(asked: Search) -> bytes:
    charset = b"CHARSET " + write_astring(asked.charset.encode()) + b" " if asked.charset is not None else b""
    return charset + _write_keys(asked.keys)


def _write_keys(keys: And) -> bytes:
    return b" ".join(map(_write, keys.keys))


def _write(key: SearchKey) -> bytes:
    if isinstance(key, And):
        return b"(" + _write_keys(key) + b")"
    if isinstance(key, Not):
        return b"NOT " + _write(key.key)
    if isinstance(key, Or):
        return b"OR " + _write(key.first) + b" " + _write(key.second)
    name = key.name.encode()
    match key.argument:
        case None:
            return name
        case SequenceSet() as numbers:
            return (b"" if key.name == "SEQUENCE" else name + b" ") + write_sequence_set(numbers)
        case (field, string):
            return name + b" " + write_astring(field) + b" " + write_astring(string)
        case bytes() as string:
            return name + b" " + write_astring(string)
        case date() as day:
            return name + b" " + write_date(day)
        case other:
            return name + b" " + str(other).encode()
