"""What happened on the wire, as a check reads it: the tables of a capture as plain rows."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from labkit.errors import LabError
from labkit.views.ends import ROLES, ends_of
from labkit.views.rows import Row, rows_of, select

DEVICES = ROLES
SENDERS_HOST, SENDERS_SERVER, RECIPIENTS_SERVER, RECIPIENTS_HOST = DEVICES


def looks_like_a_capture(source: Any) -> bool:
    """Whether this is a world, a capture or a dict of tables."""
    if isinstance(source, dict):
        return "exchanges" in source and "connections" in source
    if hasattr(source, "columns"):  # a DataFrame; each of ours has a column called capture
        return False
    capture = getattr(source, "capture", source)
    return callable(getattr(capture, "rows", None)) or hasattr(capture, "exchanges")


class Evidence:
    """The tables of a world or capture; each is read when first asked for."""

    def __init__(self, source: Any) -> None:
        if not looks_like_a_capture(source):
            raise LabError("This check reads what happened on the wire: give it the world, or its capture")
        # A world makes a new capture each time it is asked: one for the whole check.
        self._capture = source if isinstance(source, dict) else getattr(source, "capture", source)
        self._tables: dict[str, list[Row]] = {}

    def rows(self, table: str) -> list[Row]:
        if table not in self._tables:
            self._tables[table] = rows_of(self._capture, table)
        return self._tables[table]

    @property
    def exchanges(self) -> list[Row]:
        return self.rows("exchanges")

    @cached_property
    def with_secrets(self) -> Evidence:
        """The same with passwords and digests shown."""
        show = getattr(self._capture, "with_secrets", None)
        return Evidence(show()) if show is not None else self

    @cached_property
    def ends(self) -> dict[int, Row]:
        """The connections by number, questions to the DNS among them."""
        return ends_of(self.rows("connections"), self.rows("lookups"))

    @property
    def connections(self) -> list[Row]:
        return list(self.ends.values())

    @property
    def messages(self) -> list[Row]:
        return self.rows("messages")

    def exchange(self, connection: int, number: int) -> Row | None:
        found = select(self.exchanges, connection=connection, exchange=number)
        return found[0] if found else None

    def speaking(self, *protocols: str) -> list[Row]:
        """The connections that spoke one of these protocols."""
        return [row for row in self.connections if row["protocol"] in protocols]

    def role(self, connection: int, side: str) -> str:
        """The role, else the name, of a connection's client or server."""
        row = self.ends.get(connection, {})
        return str(row.get(f"{side}_role") or row.get(f"{side}_name") or side)

    def accepted(self) -> list[Row]:
        """The messages whose receiver said that it has them."""
        return [row for row in self.messages if row["outcome"] == "ok"]


def reply_words(row: Row) -> str:
    """A reply as a reason quotes it: `550 5.1.1 no such user`."""
    first = (row.get("text") or "").split("\n")[0]
    return " ".join(filter(None, [row.get("status"), first]))
