"""What a capture holds, on a few lines: how it prints itself."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from labkit.tables import show
from labkit.tables.schema import TABLES

if TYPE_CHECKING:
    from labkit.tables.capture import Capture

SHOWN = ("connection", "protocol", "step", "client", "server", "exchanges", "tls", "ended", "flaws")
LONG = ("lines", "parts", "headers", "hops")  # tables whose sizes say little
_ALWAYS = ("exchanges", "connections", "messages")


def facts(capture: Capture) -> list[str]:
    """Sentences about the whole."""
    sizes = {name: len(capture.rows(name)) for name in TABLES if name not in LONG}
    protocols = Counter(protocol for protocol in capture.rows("connections")["protocol"] if protocol)
    spoken = ", ".join(f"{number} {name}" for name, number in sorted(protocols.items())) or "no mail"
    counted = [
        f"{size} {name if size != 1 else name.removesuffix('s')}"
        for name, size in sizes.items()
        if size or name in _ALWAYS
    ]
    return [f"{spoken}; {', '.join(counted)}", *capture.tape.notes]


def grid(capture: Capture) -> show.Grid:
    """The connections, hosts by their names where they are known."""
    table = capture.rows("connections")
    kinds = {column.name: column.kind for column in table.schema}
    columns = []
    for name in SHOWN:
        values = table[name]
        if name in ("client", "server"):
            values = [known or value for known, value in zip(table[f"{name}_name"], values, strict=True)]
        columns.append((name, kinds[name], values))
    return show.grid(columns)


def text_of(capture: Capture) -> str:
    head = f"Capture {capture.name!r}: " + "\n  ".join(facts(capture))
    return f"{head}\n{show.plain(grid(capture))}"


def html_of(capture: Capture) -> str:
    said = "<br>".join(escape(fact) for fact in facts(capture))
    return f"<p><b>Capture {escape(capture.name)}</b><br>{said}</p>\n{show.html(grid(capture))}"
