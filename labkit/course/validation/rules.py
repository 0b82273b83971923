"""The rules that can be judged without running anything: what is committed, and how it is marked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Literal

from labkit.course.validation import pictures
from labkit.course.validation.compare import Replacements, replaced
from labkit.course.validation.notebook import (
    RAISES,
    Notebook,
    code_cells,
    marks,
    shortened,
    tags,
    texts,
    verdicts,
)

Checks = Literal["any", "solved", "unsolved"]
Found = Iterator[tuple[int | None, str, str]]
"""Number of a cell, name of a rule, sentence."""

_PATH = re.compile(
    r"(?<![\w./:-])(?:/(?:home|Users|root|tmp|private|var/folders|mnt|workspace|builds)/[^\s\"'<>&]+"
    r"|[A-Za-z]:(?:\\\\|\\)(?:Users|Temp|Windows)(?:\\\\|\\)[^\s\"'<>&]+)"
    r"|(?:[\w./~-]{0,99}/)?(?:site|dist)-packages/[\w./-]*"
)
_SECRETS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "a key of Amazon's": r"\bA(?:KIA|SIA)[0-9A-Z]{16}\b",
    "a key of Google's": r"\bAIza[\w-]{35}\b",
    "a token of GitHub's": r"\b(?:gh[pousr]_\w{36,}|github_pat_\w{22,})",
    "a token of GitLab's": r"\bglpat-[\w-]{20,}",
    "a token of Slack's": r"\bxox[abprs]-[\w-]{10,}",
    "a token of a package index": r"\b(?:pypi-AgE|npm_)\w{30,}",
    "a key of a service": r"\bsk-[\w-]{20,}",
    "a password in a URL": r"\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@<>]+:[^\s/@<>•*]{3,}@(?!example\.)[\w-]+\.\w",
}
_SECRET_NAMES = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|CREDENTIAL", re.IGNORECASE)
_MEMORY = re.compile(r"\bat 0x[0-9a-f]{6,}\b|\b0x[0-9a-f]{9,16}\b")
_TELLING = (
    (_PATH, "path", "is a path of one machine"),
    (_MEMORY, "random", "is an address in memory, another in each run"),
)
_ASKS_THE_CLOCK = re.compile(r"\b(?:now|utcnow|today|gmtime|localtime|ctime|strftime|time\.time)\b")


def look(notebook: Notebook, *, ignored: int, checks: Checks, replacements: Replacements = ()) -> Found:
    """Everything that can be found in a notebook as it is committed.

    What replacements take out of an output is not held against it, unless it is a secret.
    """
    yield from _counts(notebook)
    yield from _ignored(notebook, ignored)
    today = datetime.now(UTC)
    days = [today.strftime(form) for form in ("%Y-%m-%d", "%d %b %Y", "%d %B %Y", "%B %d, %Y", "%d.%m.%Y")]
    own = [(re.compile(re.escape(v)), f"the value of {n}") for n, v in os.environ.items()
           if _SECRET_NAMES.search(n) and len(v) >= 8]  # fmt: skip
    secrets = [(re.compile(pattern), what) for what, pattern in _SECRETS.items()] + own
    for number, cell in enumerate(notebook.cells, 1):
        outputs = cell.get("outputs", [])
        said = [text for _, text in texts(outputs)]
        for what in _secrets(secrets, [cell.source, *said]):
            yield number, "secret", f"{what} stands there; take it out, and make it invalid"
        if cell.cell_type == "markdown":
            yield from ((number, "alt", f"{what} has no text") for what in pictures.in_prose(cell.source))
        if cell.cell_type != "code":
            continue
        yield from _outputs(number, cell, [replaced(text, replacements) for text in said], days)
        for output in outputs:
            yield from ((number, "alt", f"{what} has no text") for what in pictures.in_output(output))
        yield from _verdicts(number, cell, checks)


def _counts(notebook: Notebook) -> Found:
    """Only the first is told: all behind it are wrong too."""
    expected = 1
    for number, cell in code_cells(notebook):
        if "skip" in marks(cell) and cell.execution_count is None:
            continue
        if cell.execution_count is None:
            yield number, "counts", "the cell was not run; run all cells from the top in a new kernel"
            return
        if cell.execution_count != expected:
            said = f"the cell was run as number {cell.execution_count} and stands as number {expected}"
            yield number, "counts", f"{said}; run all cells from the top in a new kernel"
            return
        expected += 1


def _ignored(notebook: Notebook, budget: int) -> Found:
    hiding = [number for number, cell in code_cells(notebook) if marks(cell) & {"ignore", "skip"}]
    for number in hiding[budget:]:
        allowed = "none is allowed to" if not budget else f"only {budget} may"
        yield number, "ignored", f"the cell keeps its output from being compared, and {allowed}"


def _outputs(number: int, cell: Any, said: list[str], days: list[str]) -> Found:
    raised = [output for output in cell.outputs if output.output_type == "error"]
    if "raises" in marks(cell):
        yield number, "exception", f"say that it raises with the tag {RAISES}, which every tool knows"
    elif raised and RAISES not in tags(cell):
        words = shortened(f"{raised[0].ename}: {raised[0].evalue}")
        yield number, "exception", f"{words} is committed; tag the cell {RAISES} if that is meant"
    for pattern, rule, words in _TELLING:
        found = next((match for match in map(pattern.search, said) if match), None)
        if found:
            yield number, rule, f"“{shortened(found[0])}” {words}"
    if _ASKS_THE_CLOCK.search(cell.source):
        day = next((day for day in days for text in said if day in text), None)
        if day:
            yield number, "clock", f"“{day}” is the day of the run, and tomorrow it will be another"


def _secrets(patterns: list[tuple[re.Pattern[str], str]], said: list[str]) -> list[str]:
    return [what for pattern, what in patterns if any(map(pattern.search, said))]


def _verdicts(number: int, cell: Any, checks: Checks) -> Found:
    wrong: dict[Checks, Callable[[bool], bool]] = {"solved": lambda ok: not ok, "unsolved": lambda ok: ok}
    if checks in wrong:
        for exercise, ok, reason in verdicts(cell):
            if wrong[checks](ok):
                told = "is solved in advance" if ok else f"is not solved: {shortened(reason, 100)}"
                yield number, "check", f"exercise {exercise} {told}"
