"""Which messages a SEARCH means (RFC 3501 6.4.4).

Strings are looked for without regard to case, in what people see: encoded words and bodies are
decoded, and a charset that is named or not changes nothing of that.  Dates are compared without
time and zone, those of the Date field as they stand there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import cached_property
from typing import TypeAlias

from labkit.grammar.imap_data import SequenceSet
from labkit.grammar.imap_search import And, Key, Not, Or, Search, SearchKey
from labkit.message.dates import written_day
from labkit.message.fields import decode_words
from labkit.message.mime import Part, parse
from labkit.servers.imap.answers import Refused
from labkit.store.changes import View
from labkit.store.mailbox import RECENT, SEEN, StoredMessage

CHARSETS = ("UTF-8", "US-ASCII")


class Candidate:
    """A message that is looked at, decoded as far as somebody asks."""

    def __init__(self, number: int, message: StoredMessage, flags: frozenset[str]) -> None:
        self.number = number
        self.message = message
        self.flags = {flag.lower() for flag in flags}

    @cached_property
    def root(self) -> Part:
        return parse(self.message.data)

    def field(self, name: str) -> Iterator[str]:
        """The values of the fields of that name, decoded and in lower case."""
        for field in self.root.fields:
            if field.name.lower() == name:
                yield decode_words(field.value).lower()

    @cached_property
    def header(self) -> str:
        return _header(self.root)

    @cached_property
    def body(self) -> str:
        """All text in the parts, and the headers of messages inside."""
        found = []
        for part in self.root.walk():
            if part is not self.root and part.fields:
                found.append(_header(part))
            if part.content_type.startswith("text/") and not part.children:
                found.append(part.text().lower())
        return "\n".join(found)

    @cached_property
    def sent(self) -> date | None:
        """The day that the Date field names, in its own zone."""
        return written_day((self.root.get("Date") or b"").decode("ascii", "replace"))


def _header(part: Part) -> str:
    return "\n".join(f"{field.name}: {decode_words(field.value)}" for field in part.fields).lower()


Test: TypeAlias = Callable[[Candidate], bool]


def criterion(asked: Search, view: View) -> Callable[[int, StoredMessage], bool]:
    """The test that a SEARCH puts each message to; raises Refused for a charset nobody knows."""
    if asked.charset is not None and asked.charset.upper() not in CHARSETS:
        raise Refused(f"the charsets here are {', '.join(CHARSETS)}", f"BADCHARSET ({' '.join(CHARSETS)})")
    test = _test(asked.keys, view)
    return lambda number, message: test(Candidate(number, message, view.flags(message)))


def _test(key: SearchKey, view: View) -> Test:
    match key:
        case And(keys):
            tests = [_test(each, view) for each in keys]
            return lambda found: all(test(found) for test in tests)
        case Or(first, second):
            one, other = _test(first, view), _test(second, view)
            return lambda found: one(found) or other(found)
        case Not(inner):
            test = _test(inner, view)
            return lambda found: not test(found)
        case Key():
            return _key_test(key, view)


def _key_test(key: Key, view: View) -> Test:
    match key.name, key.argument:
        case "ALL", None:
            return lambda found: True
        case "NEW", None:
            return lambda found: RECENT.lower() in found.flags and SEEN.lower() not in found.flags
        case "OLD", None:
            return lambda found: RECENT.lower() not in found.flags
        case name, None:
            flag = "\\" + name.removeprefix("UN").lower()
            wanted = not name.startswith("UN")
            return lambda found: (flag in found.flags) is wanted
        case ("KEYWORD" | "UNKEYWORD") as name, str() as keyword:
            return lambda found: (keyword.lower() in found.flags) is (name == "KEYWORD")
        case "SEQUENCE", SequenceSet() as asked:
            numbers = set(asked.among(range(1, len(view) + 1)))
            return lambda found: found.number in numbers
        case "UID", SequenceSet() as asked:
            uids = set(asked.among(view.uids))
            return lambda found: found.message.uid in uids
        case "LARGER", int() as octets:
            return lambda found: found.message.size > octets
        case "SMALLER", int() as octets:
            return lambda found: found.message.size < octets
        case name, date() as day:
            return _date_test(name, day)
        case "HEADER", (field, string):
            field_name, wanted_text = _text(field).lower(), _text(string)
            return lambda found: any(wanted_text in value for value in found.field(field_name))
        case "BODY", bytes() as string:
            text = _text(string)
            return lambda found: text in found.body
        case "TEXT", bytes() as string:
            text = _text(string)
            return lambda found: text in found.header or text in found.body
        case name, bytes() as string:
            text, field_of = _text(string), name.lower()
            return lambda found: any(text in value for value in found.field(field_of))
    raise AssertionError(f"the grammar gives no such key: {key}")


def _date_test(name: str, day: date) -> Test:
    def compare(found: date | None) -> bool:
        if found is None:
            return False
        if name.endswith("BEFORE"):
            return found < day
        return found == day if name.endswith("ON") else found >= day

    if name.startswith("SENT"):
        return lambda found: compare(found.sent)
    return lambda found: compare(found.message.internal_date.date())


def _text(string: bytes) -> str:
    try:
        return string.decode().lower()
    except UnicodeDecodeError:
        raise Refused("expected strings in UTF-8", status="BAD") from None
