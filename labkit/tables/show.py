"""How tables print: text, HTML for notebooks, rich for terminals.

The same for plain columns and for DataFrames, whatever the version of pandas: short times,
long texts cut, as many columns as fit with the telling ones first, and below the table
what was left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from labkit.tables.table import Table

WIDTH = 110  # characters of a table as text
CELL, NARROW = 44, 16  # characters of a cell, at most, and of one that was narrowed, at least
FIRST = 5  # of the telling columns: for these a long text makes room
ROWS, HEAD, TAIL = 40, 20, 10  # a longer table shows its head and its tail

# What to leave out last.
TELLING = (
    *("time", "connection", "verb", "argument", "status", "text", "sender", "direction", "address", "user"),
    *("name", "type", "answer", "outcome", "subject", "header_from", "header_to", "octets", "client_name"),
    *("server_name", "path", "content_type", "hop", "by", "from_name", "with", "delay_s", "flaw", "meaning"),
    *(
        "detail",
        "protocol",
        "step",
        "mechanism",
        "client",
        "server",
        "server_port",
        "latency_s",
        "state",
        "tag",
    ),
    *("exchange", "tls", "ended", "exchanges", "round_trips", "octets_sent", "octets_received", "filename"),
    *(
        "encoding",
        "trace_id",
        "encrypted",
        "queue_id",
        "code",
        "enhanced",
        "rfc",
        "uid",
        "mailbox",
        "charset",
    ),
)
_RANK = {name: rank for rank, name in enumerate(TELLING)}
_LAST = len(TELLING)
_NEVER_ALONE = {"capture": 2 * _LAST}
RIGHT = ("number", "seconds")


class Cells(NamedTuple):
    """A column as it is shown."""

    name: str
    kind: str
    texts: list[str]

    @property
    def width(self) -> int:
        return max([len(self.name), *map(len, self.texts)])

    def narrowed(self, width: int) -> Cells:
        return self._replace(texts=[cut(text, width) for text in self.texts])


class Grid(NamedTuple):
    """A table as it is shown; `rows` and `columns` are those of the whole."""

    columns: list[Cells]
    rows: int
    of: int
    omitted: int | None  # index of the first row left out

    def note(self) -> str:
        rows = f"{self.rows} row{'s' * (self.rows != 1)}"
        if len(self.columns) == self.of:
            return rows
        return f"{rows}; {len(self.columns)} of {self.of} columns shown"

    def fit(self, width: int, gap: int) -> Grid:
        """The same with the columns that fit, the telling ones first.

        In a narrow terminal a long text leaves room for a short column behind it: how a command
        was answered says more than the end of its argument.
        """
        order = sorted(
            self.columns, key=lambda cells: _RANK.get(cells.name, _NEVER_ALONE.get(cells.name, _LAST))
        )
        chosen: dict[str, Cells] = {}
        left = width
        for rank, cells in enumerate(order):
            if not any(cells.texts) and len(self.columns) > 8 and self.rows:
                continue
            kept = self._kept(order[rank + 1 : FIRST], gap) if width < WIDTH - gap else 0
            room = min(cells.width, max(left - gap - kept, NARROW)) if cells.kind == "text" else cells.width
            if room + gap <= left or not chosen:
                chosen[cells.name] = cells if room == cells.width else cells.narrowed(room)
                left -= room + gap
        shown = [chosen[cells.name] for cells in self.columns if cells.name in chosen]
        return self._replace(columns=shown)

    def _kept(self, following: Sequence[Cells], gap: int) -> int:
        """What the columns need that are short, of those that follow."""
        short = [cells for cells in following if any(cells.texts) and cells.width <= NARROW]
        return sum(cells.width + gap for cells in short) if len(self.columns) > 8 else 0


def grid(columns: Sequence[tuple[str, str, Sequence[Any]]]) -> Grid:
    """From (name, kind, values); times are µs since the epoch."""
    rows = len(columns[0][2]) if columns else 0
    omitted = HEAD if rows > ROWS else None
    shown = []
    for name, kind, values in columns:
        if omitted is not None:
            values = [*values[:HEAD], *values[-TAIL:]]
        shown.append(Cells(name, kind, [cut(text) for text in texts(kind, values)]))
    return Grid(shown, rows, len(columns), omitted)


def texts(kind: str, values: Sequence[Any]) -> list[str]:
    """The values of a column, each as short as the column permits; "" for what is absent."""
    if kind == "time":
        return times(values)
    if kind == "seconds":
        return seconds(values)
    if kind == "flag":
        return ["" if value is None else "yes" if value else "no" for value in values]
    if kind == "octets":
        return ["" if value is None else repr(bytes(value))[2:-1] for value in values]
    return ["" if value is None else str(value).replace("\n", " / ") for value in values]


def times(values: Sequence[int | None]) -> list[str]:
    """09:00:00.050, with the date where the days differ, and no more digits than are needed."""
    from labkit.tables.table import moment

    known = [moment(value).replace(tzinfo=None) for value in values if value is not None]
    one_day = len({time.date() for time in known}) <= 1
    fine = one_day and any(time.microsecond % 1000 for time in known)
    shown = iter([time.isoformat(" ", "microseconds" if fine else "milliseconds") for time in known])
    return ["" if value is None else next(shown)[11 if one_day else 0 :] for value in values]


def seconds(values: Sequence[float | None]) -> list[str]:
    known = [value for value in values if value is not None and isfinite(value)]
    digits = 3 if all(abs(value * 1000 - round(value * 1000)) < 1e-6 for value in known) else 6
    return ["" if value is None else f"{value:.{digits}f}" for value in values]


def cut(text: str, width: int = CELL) -> str:
    """The text, of at most `width` characters, all of them printable."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= width else text[: width - 1] + "…"


def grid_of(table: Table) -> Grid:
    return grid([(column.name, column.kind, table[column.name]) for column in table.schema])


def text_of(table: Table) -> str:
    return plain(grid_of(table))


def html_of(table: Table) -> str:
    return html(grid_of(table))


def plain(whole: Grid, width: int = WIDTH) -> str:
    """As text of at most `width` characters."""
    shown = whole.fit(width, 2)
    lines = []
    for row in range(-1, max((len(cells.texts) for cells in shown.columns), default=0)):
        if row == shown.omitted:
            lines.append("…")
        line = []
        for cells in shown.columns:
            text = cells.texts[row] if row >= 0 else cells.name
            line.append(text.rjust(cells.width) if cells.kind in RIGHT else text.ljust(cells.width))
        lines.append("  ".join(line).rstrip())
    return "\n".join([*lines, f"[{shown.note()}]"])


def html(whole: Grid, width: int = WIDTH * 3 // 2) -> str:
    """As an HTML table."""
    shown = whole.fit(width, 2)
    heads = "".join(f"<th{_side(cells)}>{escape(cells.name)}</th>" for cells in shown.columns)
    body = []
    for row in range(max((len(cells.texts) for cells in shown.columns), default=0)):
        if row == shown.omitted:
            body.append(f'<tr><td colspan="{len(shown.columns)}">…</td></tr>')
        values = "".join(f"<td{_side(cells)}>{escape(cells.texts[row])}</td>" for cells in shown.columns)
        body.append(f"<tr>{values}</tr>")
    return "\n".join(
        [
            '<table class="dataframe labkit">',
            f"<thead><tr>{heads}</tr></thead>",
            "<tbody>",
            *body,
            "</tbody></table>",
            f"<p><small>{escape(shown.note())}</small></p>",
        ]
    )


def _side(cells: Cells) -> str:
    return "" if cells.kind in RIGHT else ' style="text-align: left"'


class RichGrid:
    """A grid for rich, which says how wide the terminal is."""

    def __init__(self, whole: Grid, title: str | None = None) -> None:
        self._whole = whole
        self._title = title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.table import Table as RichTable
        from rich.text import Text

        shown = self._whole.fit(options.max_width - 2, 3)
        table = RichTable(
            title=self._title, caption=shown.note(), caption_justify="left", title_justify="left"
        )
        for cells in shown.columns:
            table.add_column(cells.name, justify="right" if cells.kind in RIGHT else "left", overflow="fold")
        for row in range(max((len(cells.texts) for cells in shown.columns), default=0)):
            if row == shown.omitted:
                table.add_row(*["…"] * len(shown.columns))
            table.add_row(*(Text(cells.texts[row]) for cells in shown.columns))
        yield table


def rich_table(table: Table) -> Any:
    """For `rich.print`."""
    return RichGrid(grid_of(table), table.name)
