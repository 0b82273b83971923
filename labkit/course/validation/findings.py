"""What can be found in a notebook: the rules by their names, and a finding."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

RULES = {
    "reads": "the file is a notebook",
    "counts": "its cells were run once, from top to bottom",
    "runs": "it runs to its end in a clean kernel",
    "exception": "exceptions are raised by cells tagged raises-exception, and only by them",
    "missing": "every output is committed",
    "output": "every output is the one that is committed",
    "steady": "two runs put out the same, whatever the hash seed, time zone, locale and width",
    "random": "no output has an id drawn by lot, or an address in memory",
    "clock": "no output has the time or the day of its run",
    "path": "no output has a path of the machine it was run on",
    "secret": "no cell and no output has a key, a token or a password",
    "alt": "every image has a text for those who do not see it",
    "ignored": "no more cells than allowed keep their outputs from being compared",
    "check": "the checks of exercises stand as was asked for",
}
"""In the order in which they are told."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as a rule has it; `cell` counts all cells from 1, None: the whole notebook."""

    notebook: Path
    cell: int | None
    rule: str
    sentence: str

    def __str__(self) -> str:
        where = "" if self.cell is None else f" cell {self.cell}:"
        return f"{self.notebook}:{where} [{self.rule}] {self.sentence}"


@dataclass
class Result:
    """What was found in one notebook, and how long that took, in seconds."""

    notebook: Path
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.findings
