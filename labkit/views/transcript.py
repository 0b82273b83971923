"""What was said on a connection, as `C:` and `S:` lines, and whether it is what somebody expected.

An expected exchange is written as it would be read on the wire:

    C: MAIL FROM:<alice@example.com> …
    S: 250 …
    …
    C: QUIT

`…` (or three dots) stands for any text of its line, and on a line of its own for any number of
lines.  Otherwise the lines follow each other, on one connection; what comes before and after them may
be anything.  A command is the same in capitals or not (RFC 5321 2.4).  Secrets are stars unless the
capture shows them; empty lines, and those that begin with #, are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from labkit.errors import LabError
from labkit.views.ends import ends_of
from labkit.views.rows import tables_of

ANYTHING = "…"
AROUND = 3
"""Lines seen before and after that a difference shows."""


@dataclass(frozen=True)
class Expected:
    """The lines of an expected exchange; `ANYTHING` alone stands for any number of them."""

    lines: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Expected:
        """From the form above; raises LabError for a line that nobody says."""
        found = []
        for line in map(str.strip, text.replace("...", ANYTHING).splitlines()):
            if line and not line.startswith("#"):
                if line != ANYTHING and not re.match(r"[CS]:( |$)", line):
                    raise LabError(f"an expected line begins with 'C: ' or 'S: ', or is …; this is {line!r}")
                found.append(line)
        if not any(line != ANYTHING for line in found):
            raise LabError("an expected exchange has at least one line that begins with 'C: ' or 'S: '")
        return cls(tuple(found))

    def is_in(self, seen: Sequence[str]) -> bool:
        whole = "".join(r"(?:.*\n)*?" if line == ANYTHING else f"{_pattern(line)}\n" for line in self.lines)
        return re.search(f"(?m:^){whole}", "".join(f"{line}\n" for line in seen)) is not None

    def beside(self, seen: Sequence[str]) -> tuple[int, list[str]]:
        """How many lines agree, and both beside each other: `-` expected, `+` seen."""
        known = [re.compile(_pattern(line)) for line in self.lines if line != ANYTHING]
        named = [line for line in self.lines if line != ANYTHING]
        same = [next((n for n, k in zip(named, known, strict=True) if k.fullmatch(s)), s) for s in seen]
        blocks = SequenceMatcher(None, self.lines, same, autojunk=False).get_opcodes()
        first = next((place for place, block in enumerate(blocks) if block[0] != "insert"), 0)
        last = max((place for place, block in enumerate(blocks) if block[0] != "insert"), default=0)
        shown: list[str] = []
        for place, (kind, a, b, c, d) in enumerate(blocks):
            if place < first:
                shown += _cut(seen[c:d], tail=True)
            elif place > last:
                shown += _cut(seen[c:d], tail=False)
            elif kind == "equal":
                shown += [f"    {line}" for line in seen[c:d]]
            else:
                shown += [f"  - {line}" for line in self.lines[a:b] if line != ANYTHING]
                shown += [f"  + {line}" for line in seen[c:d]]
        return sum(b - a for kind, a, b, _, _ in blocks if kind == "equal"), shown


def transcript(source: Any) -> dict[int, list[str]]:
    """What was said on each connection of a world or capture, line by line: "C: QUIT"."""
    (lines,) = tables_of(source, "lines")
    found: dict[int, list[str]] = {}
    for row in lines:
        said = f"{row['sender'][0].upper()}: {row['text']}".rstrip()
        found.setdefault(row["connection"], []).append(said)
    return found


def unlike(source: Any, expected: str) -> str | None:
    """None if the expected exchange took place on one of the connections; else the difference, for people.

    Raises LabError if what is expected cannot be read.
    """
    wanted, said = Expected.read(expected), transcript(source)
    if any(wanted.is_in(lines) for lines in said.values()):
        return None
    if not said:
        return "This exchange was not on the wire; nobody said anything at all."
    nearest = max(said, key=lambda number: wanted.beside(said[number])[0])
    connections, lookups = tables_of(source, "connections", "lookups")
    end = ends_of(connections, lookups).get(nearest, {})
    where = f"connection {nearest}, {end.get('client_name') or 'a client'} to {end.get('server_name')}"
    others = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
    return "\n".join(
        [
            f"This exchange was not on the wire.  What came nearest, on {where}{others};",
            "lines with - were expected, lines with + were said instead:",
            "",
            *wanted.beside(said[nearest])[1],
        ]
    )


def _pattern(line: str) -> str:
    # a line that ends in … is also one on which nothing more was said: "S: 250 …" is "S: 250" too
    pattern = ".*".join(re.escape(part) for part in line.split(ANYTHING))
    pattern = re.sub(r"\\ \.\*$", "(?: .*)?", pattern)
    return re.sub(r"^C:(\\ [\w.]+){1,2}", lambda words: f"(?i:{words[0]})", pattern)


def _cut(lines: Sequence[str], *, tail: bool) -> list[str]:
    """The last or first few lines of what came before or after."""
    kept = lines[-AROUND:] if tail else lines[:AROUND]
    more = [f"    {ANYTHING}"] if len(kept) < len(lines) else []
    shown = [f"    {line}" for line in kept]
    return more + shown if tail else shown + more
