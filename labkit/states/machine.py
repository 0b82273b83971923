"""A protocol's states as a table, and the two questions asked of it.

An entry reads: in this state, this verb answered with this status leads there.
Whoever sees the bytes can follow it; diagrams and conformance walks are made from it.
A verb that a state does not list is out of order there.  An entry whose target is the
state itself says that the verb is legal and changes nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

S = TypeVar("S", bound=Enum)
Status = Hashable
"""The class of a reply in the protocol's own word: 2, 3, 4, 5 (SMTP), "+OK", "-ERR"
(POP3), "OK", "NO", "BAD" (IMAP)."""


@dataclass(frozen=True)
class Machine(Generic[S]):
    """`table[state][verb, status]` is the next state; `start` the state after the greeting."""

    protocol: str
    start: S
    table: Mapping[S, Mapping[tuple[str, Status], S]]

    def step(self, state: S, verb: str, status: Status) -> S | None:
        """Where the table leads; None if it knows no such step."""
        return self.table.get(state, {}).get((verb, status))

    def legal(self, state: S) -> list[str]:
        """The verbs that may come in this state, in the table's order."""
        return list(dict.fromkeys(verb for verb, _ in self.table.get(state, {})))

    def edges(self) -> Iterator[tuple[S, str, Status, S]]:
        """Every entry as (state, verb, status, next state), in the table's order."""
        for state, row in self.table.items():
            for (verb, status), after in row.items():
                yield state, verb, status, after
