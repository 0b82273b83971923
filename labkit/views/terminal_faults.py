"""The catalogue of faults on the terminal."""

from __future__ import annotations

import json
import sys

from rich.markup import escape

from labkit.views.catalogue import PLACES
from labkit.views.terminal import console
from labkit.views.terminal_lists import list_entries
from labkit.world.faults import CATALOGUE, Fault


def list_faults(format: str) -> None:
    """Every fault, as a table for people or a line of JSON each."""
    if format == "jsonl":
        for each in CATALOGUE.values():
            sys.stdout.write(json.dumps(row(each), ensure_ascii=False) + "\n")
        return
    terminal = console()
    for place, words in PLACES.items():
        entries = (_entry(each) for each in CATALOGUE.values() if each.place == place)
        list_entries(terminal, ("fault", "what happens"), entries, words.capitalize())
        terminal.print()


def _entry(fault: Fault) -> tuple[str, str, str]:
    only = "" if len(fault.protocols) == 3 else f" ({', '.join(fault.protocols).upper()})"
    usage = fault.usage.replace(":", ":\n  ", 1).replace(",", ",\n  ")
    return escape(usage), escape(fault.sentence + only), fault.rfc.removeprefix("RFC ")


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
