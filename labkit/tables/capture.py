"""A capture: every table of it, from a live tap or a file, and how it is written.

    >>> capture = read_capture("session.pcap")
    >>> capture.exchanges           # a pandas DataFrame
    >>> capture.rows("messages")    # the same as plain columns, without pandas
    >>> capture.to_parquet("exchanges.parquet")

The octets are dissected when the first table is asked for, each table is made once, and a capture of a
world that goes on looks again when there is more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import index
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal, TextIO

from labkit.capture.files import whole_file
from labkit.capture.keys import KeyLog, key_log
from labkit.capture.tape import Tape
from labkit.errors import LabError
from labkit.net.tap import Connection
from labkit.tables import exchanges
from labkit.tables.dissected import Talk, dissected
from labkit.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from labkit.tables.carried import Carried

Where = str | PathLike[str]


class Capture:
    """All tables of one tape.  Secrets are hidden: see `with_secrets`."""

    def __init__(self, tape: Tape, *, name: str | None = None, secrets: bool = False) -> None:
        self.tape = tape
        self.name = tape.name if name is None else name
        self.secrets = secrets
        self._talks: list[Talk] | None = None
        self._carried: list[Carried] | None = None
        self._tables: dict[str, Table] = {}
        self._frames: dict[str, pd.DataFrame] = {}
        self._chosen: frozenset[int] | None = None  # flows; None: all
        self._window: Window | None = None
        self._size = 0  # of the tape when the tables were made

    # Tables

    def rows(self, table: str = "exchanges") -> Table:
        """A table by its name, as plain columns; raises LabError if there is none of that name."""
        self._look_again()
        if table not in self._tables:
            self._tables[table] = self._make(table)
        return self._tables[table]

    def table(self, table: str = "exchanges") -> pd.DataFrame:
        """A table by its name, as a DataFrame (a new one each time: it is yours to change)."""
        found = self.rows(table)
        if table not in self._frames:
            self._frames[table] = found.frame()
        return self._frames[table].copy()

    @property
    def exchanges(self) -> pd.DataFrame:
        """One row per command and its reply."""
        return self.table("exchanges")

    @property
    def connections(self) -> pd.DataFrame:
        """One row per TCP connection."""
        return self.table("connections")

    @property
    def messages(self) -> pd.DataFrame:
        """One row per message that crossed a connection."""
        return self.table("messages")

    @property
    def recipients(self) -> pd.DataFrame:
        """One row per RCPT."""
        return self.table("recipients")

    @property
    def logins(self) -> pd.DataFrame:
        """One row per attempt to log in."""
        return self.table("logins")

    @property
    def lookups(self) -> pd.DataFrame:
        """One row per DNS question."""
        return self.table("lookups")

    @property
    def lines(self) -> pd.DataFrame:
        """One row per line on the wire."""
        return self.table("lines")

    @property
    def parts(self) -> pd.DataFrame:
        """One row per MIME part."""
        return self.table("parts")

    @property
    def headers(self) -> pd.DataFrame:
        """One row per field of a message's header."""
        return self.table("headers")

    @property
    def hops(self) -> pd.DataFrame:
        """One row per Received field."""
        return self.table("hops")

    @property
    def flaws(self) -> pd.DataFrame:
        """One row per thing that is wrong."""
        return self.table("flaws")

    def message_bytes(self, connection: int, exchange: int, message: int = 0) -> bytes:
        """The octets of a message, by its keys in the table `messages`; raises LabError if there is none."""
        for each in self.messages_carried():
            if (each.talk.number, each.row.number, each.number) == (connection, exchange, message):
                return each.data
        raise LabError(f"no message {message} in exchange {exchange} of connection {connection}")

    def messages_carried(self) -> list[Carried]:
        """The messages with their octets and their trees of MIME parts."""
        from labkit.tables.carried import carried

        self._look_again()
        if self._carried is None:
            self._carried = [each for talk in self.talks() for each in carried(talk)]
        return self._carried

    def talks(self) -> list[Talk]:
        """Every flow with the rows the dissector found, as octets and offsets."""
        self._look_again()
        if self._talks is None:
            talks = [t for t in dissected(self.tape) if self._chosen is None or t.number in self._chosen]
            self._talks = talks if self._window is None else self._window.of(talks)
        return self._talks

    # Parts of it

    @contextmanager
    def __call__(self) -> Iterator[Capture]:
        """What happens while in this block, and nothing of before or after.

        with world.capture() as seen:
            alice.submit(letter)
        seen.exchanges
        """
        part = self._part()
        part._window = Window(_lengths(self.talks()))
        try:
            yield part
        finally:
            part._window.behind = _lengths(self.talks())
            part._talks = None

    def where(self, *connections: int, keep: Callable[[Connection], bool] | None = None) -> Capture:
        """The same capture with these connections only, by number or by what `keep` says of each.

        Numbers stand one behind the other, `where(0, 3)`; raises LabError for what is none.
        """
        try:
            numbers = set(map(index, connections))
        except TypeError:
            raise LabError(
                f"connections are named by their numbers, as in where(0, 3), not by {connections!r}"
            ) from None
        chosen = {flow.number for flow in self.tape if keep is not None and keep(flow.connection)}
        part = self._part()
        part._chosen = frozenset(chosen | numbers)
        if self._chosen is not None:
            part._chosen &= self._chosen
        return part

    def with_secrets(self) -> Capture:
        """The same capture with passwords and other secrets shown."""
        shown = Capture(self.tape, name=self.name, secrets=True)
        shown._chosen, shown._window = self._chosen, self._window
        shown._talks, shown._carried = self.talks(), self._carried
        shown._size = self._size
        return shown

    def without_secrets(self) -> Capture:
        """A capture of the same length in which the octets of secrets are "*", to be given away."""
        from labkit.tables.masking import masked_tape

        return Capture(masked_tape(self._whole("a capture"), self.talks()), name=self.name)

    # Files

    def save(self, path: Where) -> None:
        """The whole capture, for `read_capture`: .pcap or .pcapng (either also .gz), .jsonl or .parquet."""
        from labkit.capture import archive, write

        if str(fspath(path)).removesuffix(".gz").endswith((".pcap", ".cap", ".pcapng")):
            write.write(self._whole("a pcap"), path)
        else:
            archive.write(self._whole("an archive"), path)

    def to_pcap(self, path: Where, *, keys: KeyLog | Where | None = None) -> None:
        """The packets that carried it; of TLS what an eavesdropper saw.

        A .pcapng file also has the secrets of its TLS sessions, those of the key log `keys` or those
        that this capture was read with, and opens like that, in Wireshark too.
        """
        from labkit.capture import write

        write.write(self._whole("a pcap"), path, keys=key_log(keys))

    def to_jsonl(self, path: Where, table: str = "exchanges") -> None:
        """One table as JSON Lines."""
        with _text_file(path) as file:
            self.rows(table).to_jsonl(file)

    def to_csv(self, path: Where, table: str = "exchanges") -> None:
        """One table as CSV."""
        with _text_file(path) as file:
            self.rows(table).to_csv(file)

    def to_parquet(
        self, path: Where, table: str = "exchanges", *, partition: Literal["day"] | None = None
    ) -> None:
        """One table as Parquet; with `partition` as a folder with a folder for each day (UTC) in it."""
        if partition is not None:
            from labkit.tables.writing import write_days

            write_days([self.rows(table).arrow()], table, path)
            return
        with whole_file(path) as part:
            self.rows(table).to_parquet(part)

    def to_html(self, path: Where | None = None) -> str | None:
        """One page of its own: figures, journey, and every connection with every octet explained.

        Returned, or written to `path`.
        """
        import labkit  # how a capture looks is for the views to say, which the package opens on demand

        page = labkit.report(self, title=self.name or "A capture", whole=True).page()
        if path is None:
            return page
        with _text_file(path) as file:
            file.write(page)
        return None

    # How it looks

    def story(self) -> Any:
        """Time, from -> to, command, reply and meaning of every exchange: a small table for people."""
        from labkit.tables.story import Story

        return Story.of(self)

    def __repr__(self) -> str:
        from labkit.tables.summary import text_of

        return text_of(self)

    def _repr_html_(self) -> str:
        from labkit.tables.summary import html_of

        return html_of(self)

    def _make(self, table: str) -> Table:
        if table == "exchanges":  # which opens no message
            return exchanges.exchanges(self.talks(), self.name, self.secrets)
        from labkit.tables import mail, wire

        name = self.name
        made: dict[str, Callable[[], Table]] = {
            "connections": lambda: wire.connections(self.talks(), name),
            "messages": lambda: mail.messages(self.messages_carried(), name),
            "recipients": lambda: mail.recipients(self.talks(), self.messages_carried(), name),
            "logins": lambda: mail.logins(self.talks(), name),
            "lookups": lambda: wire.lookups(self.talks(), name),
            "lines": lambda: wire.lines(self.talks(), name, self.secrets),
            "parts": lambda: mail.parts(self.messages_carried(), name),
            "headers": lambda: mail.headers(self.messages_carried(), name),
            "hops": lambda: mail.hops(self.messages_carried(), name),
            "flaws": lambda: exchanges.flaws(self.talks(), name),
        }
        return made[table]() if table in made else Table(table)

    def _look_again(self) -> None:
        """Forget the tables if the tape has grown."""
        if self.tape.growing:
            self.tape.follow()
            size = sum(
                len(flow.client) + len(flow.server) + len(flow.datagrams) + 1 + flow.closed
                for flow in self.tape
            )
            if size != self._size:
                self._size, self._talks, self._carried = size, None, None
                self._tables, self._frames = {}, {}

    def _part(self) -> Capture:
        """The same, to be narrowed."""
        part = Capture(self.tape, name=self.name, secrets=self.secrets)
        part._window = self._window
        return part

    def _whole(self, what: str) -> Tape:
        if self._chosen is not None or self._window is not None:
            raise LabError(f"{what} of some connections only cannot be written; write the whole capture")
        self._look_again()
        return self.tape


@dataclass
class Window:
    """A part of every flow: its exchanges from `first` on to before `behind` (None: it goes on)."""

    first: dict[int, int]
    behind: dict[int, int] | None = None

    def of(self, talks: list[Talk]) -> list[Talk]:
        found = []
        for talk in talks:
            if self.behind is not None and talk.number not in self.behind:
                continue  # opened afterwards
            begin = self.first.get(talk.number, 0)
            end = len(talk.rows) if self.behind is None else self.behind[talk.number]
            if begin < end or talk.number not in self.first:  # in vain, but meanwhile
                found.append(replace(talk, rows=talk.rows[begin:end], moments=talk.moments[begin:end]))
        return found


def _lengths(talks: list[Talk]) -> dict[int, int]:
    return {talk.number: len(talk.rows) for talk in talks}


@contextmanager
def _text_file(path: Where) -> Iterator[TextIO]:
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        yield file
