"""`labkit notebooks check`: every rule, for every notebook, several at a time.

A notebook is looked at, and then run twice in surroundings that differ.  Where both runs agree and
what is committed does not, the output has changed; where they disagree, it never was one to commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from labkit.course.validation.compare import Difference, Replacements, comparable, difference
from labkit.course.validation.findings import RULES, Finding, Result
from labkit.course.validation.jobs import each
from labkit.course.validation.kernel import Run, run
from labkit.course.validation.notebook import RAISES, Notebook, code_cells, marks, read, tags
from labkit.course.validation.rules import Checks, Found, look
from labkit.course.validation.surroundings import FIRST, SECOND
from labkit.errors import LabError

_ORDER = {rule: place for place, rule in enumerate(RULES)}


@dataclass(frozen=True)
class Options:
    """`ignored`: cells a notebook may keep from being compared; `timeout`: seconds that a cell may take;
    `checks`: how the checks of exercises are to stand; `replacements`: made in outputs before they are
    compared."""

    ignored: int = 0
    timeout: float = 120
    checks: Checks = "any"
    replacements: Replacements = ()


def check_all(
    paths: Sequence[Path], options: Options, jobs: int = 1, done: Callable[[Result], object] = lambda _: None
) -> list[Result]:
    """Every notebook, `jobs` at a time, in the order given; `done` is told of each as it is finished."""
    return each(partial(check, options=options), paths, jobs, done)


def check(path: Path, options: Options) -> Result:
    """One notebook."""
    began = time.monotonic()
    result = Result(path)
    try:
        notebook = read(path)
    except LabError as error:
        result.findings.append(Finding(path, None, "reads", f"{error}."))
        return result
    found = list(
        look(notebook, ignored=options.ignored, checks=options.checks, replacements=options.replacements)
    )
    try:
        found += _run_twice(path, notebook, options)
    except LabError as error:
        found.append((None, "runs", f"{error}."))
    # what breaks a rule in one cell is told once, by whoever saw it first
    found = list({(number, rule): (number, rule, words) for number, rule, words in reversed(found)}.values())
    found.sort(key=lambda one: (one[0] or 0, _ORDER[one[1]]))
    result.findings += [
        Finding(path, number, rule, f"{sentence.rstrip('.')}.") for number, rule, sentence in found
    ]
    result.seconds = time.monotonic() - began
    return result


def _run_twice(path: Path, notebook: Notebook, options: Options) -> Found:
    first = run(path, notebook, FIRST, timeout=options.timeout)
    yield from _stopped(first)
    second = run(path, notebook, SECOND, timeout=options.timeout)
    if first.stopped is None and second.stopped is not None:
        yield second.stopped, "steady", f"it stops with {SECOND.words}, and not otherwise: {second.why}"
    for number, cell in code_cells(notebook):
        ran = first.has_run(number) and second.has_run(number)
        if ran and not marks(cell) & {"ignore", "skip"}:
            yield from _compared(number, cell, first, second, options.replacements)
            yield from _not_raised(number, cell, first)


def _stopped(done: Run) -> Found:
    if done.stopped is not None and done.raised:
        sentence = f"it raised {done.why}; tag the cell {RAISES} if that is meant"
        yield done.stopped, "exception", sentence
    elif done.stopped is not None:
        yield done.stopped, "runs", done.why


def _compared(number: int, cell: Any, first: Run, second: Run, replacements: Replacements) -> Found:
    committed, one, other = (
        comparable(one.outputs, replacements)
        for one in (cell, first.notebook.cells[number - 1], second.notebook.cells[number - 1])
    )
    unsteady = difference(one, other)
    changed = difference(committed, one)
    if unsteady is not None:
        yield number, unsteady.rule(), unsteady.told("in one run", "in another")
    elif changed is not None and not committed:
        yield number, "missing", f"nothing is committed; the run puts out {_first_words(changed)}"
    elif changed is not None:
        yield number, "output", changed.told("as committed", "in the run")


def _first_words(changed: Difference) -> str:
    return f"{changed.kind} “{' '.join((changed.now or '').split())[:60]}”"


def _not_raised(number: int, cell: Any, done: Run) -> Iterator[tuple[int, str, str]]:
    outputs = done.notebook.cells[number - 1].outputs
    announced = RAISES in tags(cell) or "raises" in marks(cell)
    if announced and not any(output.output_type == "error" for output in outputs):
        yield number, "exception", f"it is tagged {RAISES}, and raised nothing"
