"""The catalogue of faults on the terminal."""

from __future__ import annotations

import json
import sys

from rich.markup import escape
from rich.table import Table as Grid

from labkit.views.catalogue import PLACES
from labkit.views.terminal import console
from labkit.views.terminal_talk import GAP
from labkit.world.faults import CATALOGUE, Fault


def list_faults(format: str) -> None:
    """Every fault, as a table for people or a line of JSON each."""
    if format == "jsonl":
        for each in CATALOGUE.values():
            sys.stdout.write(json.dumps(row(each), ensure_ascii=False) + "\n")
        return
    terminal = console()
    for place, words in PLACES.items():
        grid = Grid(
            box=None,
            padding=(0, GAP, 0, 0),
            title=words.capitalize(),
            title_justify="left",
            title_style="bold",
        )
        grid.add_column("fault", no_wrap=True)
        grid.add_column("what happens", ratio=1)
        grid.add_column("RFC", no_wrap=True)
        for each in CATALOGUE.values():
            if each.place == place:
                only = "" if len(each.protocols) == 3 else f" ({', '.join(each.protocols).upper()})"
                usage = each.usage.replace(":", ":\n  ", 1).replace(",", ",\n  ")
                grid.add_row(escape(usage), escape(each.sentence + only), each.rfc.removeprefix("RFC "))
        terminal.print(grid)
        terminal.print()


def row(fault: Fault) -> dict[str, object]:
    """An entry as plain data."""
    return {
        "fault": fault.name,
        "place": fault.place,
        "what_happens": fault.sentence,
        "rfc": fault.rfc,
        "protocols": list(fault.protocols),
        "usage": fault.usage,
        "parameters": {each.name: each.default for each in fault.parameters if each.name != "seed"},
    }
