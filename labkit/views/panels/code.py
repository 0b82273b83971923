"""What was typed by hand, as the Python that types it, and as the octets that go out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from labkit.grammar.framing import dot_stuff

if TYPE_CHECKING:
    from labkit.views.panels.byhand import Typed
    from labkit.world.devices import Device

CRLF = "\r\n"
LINE_ENDS = re.compile(r"\r\n|\r|\n")


def canonical(text: str) -> bytes:
    """A typed text in UTF-8, its lines divided by CRLF."""
    return "\r\n".join(LINE_ENDS.split(text)).encode("utf-8", "replace")


def asks_for_tls(line: str) -> bool:
    """STARTTLS or STLS, with a tag or without."""
    return line.upper().split()[-1:] in (["STARTTLS"], ["STLS"])


def code_of(client: Device, done: Sequence[Typed]) -> str:
    """A cell that does the same in a world called `world`."""
    lines: list[str] = []
    for kind, steps in groupby(done, key=lambda step: step.kind):
        for run in _runs(list(steps)) if kind == "line" else ([step] for step in steps):
            lines += _of(client, run)
    return "\n".join(lines) or "# nothing was typed"


def _runs(steps: list[Typed]) -> list[list[Typed]]:
    """Lines that can be typed in one go: a command that leads into TLS ends a run."""
    runs: list[list[Typed]] = [[]]
    for step in steps:
        runs[-1].append(step)
        if asks_for_tls(step.text):
            runs.append([])
    return [run for run in runs if run]


def _of(client: Device, run: list[Typed]) -> list[str]:
    step = run[0]
    if step.kind == "connect":
        return [
            f"console = {_host(client)}.console({step.text!r}, {int(step.more)})",
            "print(console.connect())",
        ]
    if step.kind == "line":
        lines = [each.text for each in run]
        typed = [f"print(console.type({_literal(lines)}))"]
        return [*typed, "console.start_tls(world.trust())"] if asks_for_tls(lines[-1]) else typed
    if step.kind == "data":
        stuffed = dot_stuff(canonical(step.text)).decode().removesuffix("\r\n")
        return [f"print(console.type({_literal(stuffed.split(CRLF))}))"]
    if step.kind == "literal":
        octets = canonical(step.more)
        line = f"{step.text} {{{len(octets)}}}"
        return [
            f"print(console.ask({line!r}))",
            f"console.send_octets({octets + CRLF.encode()!r})",
            "print(console.reply())",
        ]
    return ["console.close()"]


def _host(client: Device) -> str:
    address = getattr(client, "address", None)
    return f"world.user({address!r})" if address else f"world.servers[{client.name!r}]"


def _literal(lines: list[str]) -> str:
    """Lines as one string: as they stand between triple quotes, or escaped where they could not."""
    plain = all(line.isprintable() and "\\" not in line and '"""' not in line for line in lines)
    if len(lines) == 1:
        return repr(lines[0])
    if plain and not lines[-1].endswith('"'):
        return '"""\\\n' + "\n".join(lines) + '"""'
    return repr("\n".join(lines))
