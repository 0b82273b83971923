"""Which messages a client deletes from a mailbox, from what it said.

POP3 marks by the number that RETR named, and the marks take effect when QUIT is answered (RFC 1939 5, 6).
IMAP marks by the flag \\Deleted, and EXPUNGE or CLOSE takes away what is marked (RFC 3501 6.4); marks
by UID are followed, those by message number are not, since a capture need not show which message has it.
"""

from __future__ import annotations

from labkit.errors import ProtocolError
from labkit.grammar.imap import parse_arguments
from labkit.grammar.imap_elements import ImapCursor
from labkit.views.rows import Row

_EXPUNGES = ("EXPUNGE", "UID EXPUNGE", "CLOSE")


class Deletions:
    """What was fetched on one connection, and what of it is marked to be deleted."""

    def __init__(self) -> None:
        self._numbered: dict[str, str] = {}  # POP3's number, or IMAP's UID -> trace
        self._marked: dict[str, str] = {}

    def fetched(self, exchange: Row, message: Row) -> None:
        """This exchange carried this message to the client."""
        number = message.get("uid") if exchange["protocol"] == "imap" else exchange.get("argument")
        if number is not None:
            self._numbered[str(number)] = message["trace_id"]

    def gone(self, exchange: Row) -> list[str]:
        """The traces of what this exchange takes out of the mailbox; the same twice if two copies go."""
        verb, argument = exchange.get("verb"), exchange.get("argument") or ""
        if exchange["outcome"] != "ok":
            return []
        if exchange["protocol"] == "pop3":
            if verb == "DELE":
                self._mark([argument])
            elif verb == "RSET":
                self._marked.clear()
            return self._all() if verb == "QUIT" else []
        if verb == "UID STORE":
            self._store(argument)
        return self._all() if verb in _EXPUNGES else []

    def _store(self, argument: str) -> None:
        """A change of flags, if it is about \\Deleted."""
        try:
            uids, change = parse_arguments(ImapCursor(f" {argument}\r\n".encode()), "UID STORE")
        except (ProtocolError, ValueError):
            return
        numbers = [str(uid) for uid in uids.among(sorted(map(int, self._numbered)))]
        names_it = "\\Deleted" in change.flags
        if names_it and change.how != "-":
            self._mark(numbers)
        elif names_it or not change.how:  # taken away, or not among the flags that are left
            for number in numbers:
                self._marked.pop(number, None)

    def _mark(self, numbers: list[str]) -> None:
        self._marked |= {number: self._numbered[number] for number in numbers if number in self._numbered}

    def _all(self) -> list[str]:
        gone = list(self._marked.values())
        for number in self._marked:
            del self._numbered[number]
        self._marked = {}
        return gone
