"""What a protocol module yields: one command and its reply, as octets and offsets.

Nothing is decoded and nothing has a time yet: that is joined on by offset when a table is made
(see tables/exchanges.py), so that the pass over the octets stays short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple, overload

from labkit.dissect.flaws import Found

Span = tuple[int, int]
FLAWS = 16  # of one reply that are named; garbage may have one in every line


class Reply(NamedTuple):
    """A reply in the server's stream; `status` is None where the octets are no reply or there are none."""

    start: int
    end: int
    status: bytes | None
    text: bytes | None = None
    lines: int = 0
    enhanced: bytes | None = None
    response_code: bytes | None = None
    untagged: int | None = None
    flaws: tuple[Found, ...] = ()


@dataclass(slots=True)
class Row:
    """One command and its reply.

    `start` and `end` are offsets in the client's stream (-1: no command), `reply_start` and
    `reply_end` in the server's (-1: no reply); of the row of a TLS handshake, in the two
    streams of TLS records.  `argument` is whole: `secrets` are the spans of the client's
    stream that a table hides, `echoes` those of the server's that repeat one.  `body` is where a
    chunk or block of data begins in a command that carries one.
    """

    number: int
    state: str
    verb: str | None
    argument: bytes | None
    start: int
    end: int
    status: bytes | None = None
    text: bytes | None = None
    reply_start: int = -1
    reply_end: int = -1
    reply_lines: int = 0
    enhanced: bytes | None = None
    response_code: bytes | None = None
    untagged: int | None = None
    tag: bytes | None = None
    mailbox: bytes | None = None
    secrets: tuple[Span, ...] = ()
    echoes: tuple[Span, ...] = ()
    body: int = -1
    encrypted: bool = False
    flaws: tuple[Found, ...] = ()


Rows = Iterator[Row | None]
"""Rows as they become whole; None: not before more octets come."""

_DEFAULTS = {field.name: field.default for field in fields(Row)}
_ALL = attrgetter(*_DEFAULTS)


class Sheet(Sequence[Row]):
    """The rows of a flow, also by columns.

    Made of rows, or of columns with names and values of fields of Row; those left out have their
    default in every row.  The other form is made when somebody looks: a large capture has more rows
    than anybody reads.
    """

    def __init__(self, rows: list[Row] | None, columns: Mapping[str, Sequence[Any]] | None = None) -> None:
        self._rows = rows
        self._columns = None if columns is None else dict(columns)
        self._length = len(rows) if rows is not None else len(columns["number"]) if columns else 0

    def append(self, row: Row) -> None:
        """One more, of a flow that goes on."""
        self.rows.append(row)
        self._columns = None
        self._length += 1

    def column(self, name: str) -> Sequence[Any]:
        """A field of all rows."""
        if self._columns is None:
            self._columns = dict(zip(_DEFAULTS, zip(*map(_ALL, self.rows), strict=True), strict=False))
        found = self._columns.get(name)
        if found is None:
            assert not self._length or _DEFAULTS[name] is not MISSING
            found = self._columns[name] = (_DEFAULTS[name],) * self._length
        return found

    def told(self, names: Sequence[str]) -> tuple[Any, ...]:
        """What these fields say in all rows, to be compared with that of another flow."""
        columns = self._columns
        if columns is None:
            return tuple(map(self.column, names))
        fields = [columns.get(name) for name in names]
        return self._length, *[None if field is None else tuple(field) for field in fields]

    @property
    def rows(self) -> list[Row]:
        if self._rows is None:
            self._rows = list(map(Row, *map(self.column, _DEFAULTS)))
        return self._rows

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sheet: ...
    def __getitem__(self, index: int | slice) -> Row | Sheet:
        if isinstance(index, slice):
            return Sheet(self.rows[index])
        if self._rows is not None:
            return self._rows[index]
        assert self._columns is not None
        return Row(**{name: values[index] for name, values in self._columns.items()})

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)
