"""labkit: an e-mail laboratory in a notebook.

    from labkit import World

A room imports only rooms above it in this list:

    errors      what labkit raises on purpose
    standards   capabilities, RFC sections, commands, reply codes: pure data
    message     what is carried: addresses, header fields, MIME
    grammar     octets <-> values, one frame at a time
    states      which verb may come when, as tables
    store       where mail rests
    net         how octets travel: the two networks, the clock, DNS, TLS, faults, the tap
    capture     what was seen: tapes, pcap
    dissect     what it meant: records -> exchanges
    tables      Capture: the DataFrames
    datasets    the captured sessions that come with labkit
    servers     SMTP (on aiosmtpd), POP3, IMAP
    clients     the same three as dialogues, the standard library's clients, a console
    world       the four devices, the relay, the journey, real ports
    views       tables -> text, SVG, HTML; widgets
    course      exercises, hints, progress, glossary

`cli` (the command line) and `pytest_plugin` (fixtures for your own mail code) open every room.
A protocol is found by its name in every room: `labkit/*/pop3.py` is the whole of POP3.
What a notebook needs stands here too, and is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit import datasets as datasets
    from labkit.course import glossary as glossary
    from labkit.errors import LabError as LabError
    from labkit.errors import ProtocolError as ProtocolError
    from labkit.errors import Stalled as Stalled
    from labkit.tables import Capture as Capture
    from labkit.tables import read_capture as read_capture
    from labkit.tables import read_captures as read_captures
    from labkit.views.bytes import annotate as annotate
    from labkit.views.journey import journey as journey
    from labkit.views.ladder import ladder as ladder
    from labkit.views.panels import Console as Console
    from labkit.views.panels import Explorer as Explorer
    from labkit.views.panels import Faults as Faults
    from labkit.views.panels import Player as Player
    from labkit.views.report import report as report
    from labkit.world.journey import travel as travel
    from labkit.world.world import World as World

__version__ = "0.1.0"

_HOME = {
    "Capture": "labkit.tables",
    "Console": "labkit.views.panels",
    "Explorer": "labkit.views.panels",
    "Faults": "labkit.views.panels",
    "LabError": "labkit.errors",
    "Player": "labkit.views.panels",
    "ProtocolError": "labkit.errors",
    "Stalled": "labkit.errors",
    "World": "labkit.world.world",
    "annotate": "labkit.views.bytes",
    "glossary": "labkit.course",
    "journey": "labkit.views.journey",
    "ladder": "labkit.views.ladder",
    "read_capture": "labkit.tables",
    "read_captures": "labkit.tables",
    "report": "labkit.views.report",
    "travel": "labkit.world.journey",
}
__all__ = [
    *("Capture", "LabError", "ProtocolError", "Stalled", "World"),
    *("Console", "Explorer", "Faults", "Player"),
    *("annotate", "datasets", "glossary", "journey", "ladder", "read_capture", "read_captures", "report"),
    "travel",
]


def __getattr__(name: str) -> Any:
    if name == "datasets":
        return import_module("labkit.datasets")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
