"""The catalogue of flaws on the terminal."""

from __future__ import annotations

import json
import sys

from rich.markup import escape

from labkit.dissect.dissector import dissect
from labkit.dissect.examples import EXAMPLES
from labkit.dissect.flaws import CATALOGUE, Flaw
from labkit.views.terminal import console
from labkit.views.terminal_lists import list_entries

SHOWN = 40  # octets of an example; most have fewer where they matter


def list_flaws(format: str) -> None:
    """Every flaw, as a table for people or a line of JSON each."""
    if format == "jsonl":
        for each in CATALOGUE.values():
            sys.stdout.write(json.dumps(row(each), ensure_ascii=False) + "\n")
        return
    entries = (
        (
            each.name,
            f"{escape(each.meaning)}\n[dim]{escape(excerpt(each.name))}[/dim]",
            escape((each.rfc or "").removeprefix("RFC ")),
        )
        for each in CATALOGUE.values()
    )
    list_entries(console(), ("flaw", "what is wrong, and octets that have it"), entries)


def row(flaw: Flaw) -> dict[str, object]:
    """An entry as plain data; an octet of the example is one character (U+0000 to U+00FF)."""
    example = EXAMPLES[flaw.name]
    return {
        "flaw": flaw.name,
        "meaning": flaw.meaning,
        "rfc": flaw.rfc,
        "port": example.port,
        "example": [[who, octets.decode("latin-1")] for who, octets in example.said],
        "keys": example.keys.decode() if example.keys is not None else None,
    }


def excerpt(name: str) -> str:
    """The line of an example in which its flaw is, as bytes are written in Python."""
    flow = EXAMPLES[name].flow()
    _, rows = dissect(flow)
    found, of = next((flaw, row) for row in rows for flaw in row.flaws if flaw.name == name)
    stream = flow.side(found.sender)
    records = of.verb == "TLS" and name != "behind-starttls"
    data = stream.tls.data if records and stream.tls is not None else stream.data
    if flow.datagrams:
        data = flow.datagrams[0].data
    at = min(found.offset, len(data) - 1)
    start = at if records else data.rfind(b"\n", 0, at) + 1
    end = data.find(b"\n", at + (data[at : at + 2] == b"\n.")) + 1 or len(data)  # a bare dot is the next line
    return repr(data[start : min(end, start + SHOWN)])[1:] + "…" * (end - start > SHOWN)
