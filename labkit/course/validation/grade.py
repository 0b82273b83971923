"""`labkit notebooks grade`: who solved what, from the checks of a notebook that somebody worked on.

The notebook is run from top to bottom in a clean kernel, and counts for what its checks say then, whatever
stands in it.  It is a stranger's program: run it where it can do no harm.  Nor is this proof against
somebody who wants to cheat, since check and answer run side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from labkit.course import catalogue
from labkit.course.validation.jobs import each
from labkit.course.validation.kernel import run
from labkit.course.validation.notebook import RAISES, Notebook, code_cells, read, tags, verdicts
from labkit.course.validation.surroundings import USUAL
from labkit.errors import LabError


@dataclass
class Grade:
    """What one file has: exercises by number, the reasons why not, and the first error of a cell."""

    file: str
    who: str
    solved: list[str] = field(default_factory=list)
    unsolved: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    trouble: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "of": len(self.solved) + len(self.unsolved)}


def grade_all(paths: Sequence[Path], *, timeout: float = 120, jobs: int = 1) -> list[Grade | LabError]:
    """The notebooks of a class; a file that is no notebook gives an error in place of a grade."""
    whose = list(zip(paths, names(paths), strict=True))
    return each(partial(_grade_or_say_why, timeout=timeout), whose, jobs)


def _grade_or_say_why(one: tuple[Path, str], *, timeout: float) -> Grade | LabError:
    try:
        return grade(*one, timeout=timeout)
    except LabError as error:
        return error


def grade(path: Path, who: str, *, timeout: float = 120) -> Grade:
    """Run a notebook, and read what its checks say; an exercise is solved if one of them says so.

    Exercises of the notebooks it has checks of count as unsolved if it does not ask for them.  Raises
    LabError for a file that is no notebook.
    """
    notebook = read(path)
    for _, cell in code_cells(notebook):  # an error in one answer is no reason to leave out the others
        cell.metadata["tags"] = [*tags(cell), RAISES]
    done = run(path, notebook, USUAL, timeout=timeout)
    found = Grade(str(path), who)
    said: dict[str, str | None] = {}  # None: solved
    for _, cell in code_cells(done.notebook):
        for number, ok, reason in verdicts(cell):
            said[number] = None if ok or said.get(number, "") is None else reason
    for number in sorted(said.keys() | set(_asked(said))):
        if said.get(number, "") is None:
            found.solved.append(number)
        else:
            found.unsolved.append(number)
            found.reasons[number] = said.get(number) or "It was not checked."
    found.trouble = _trouble(done.notebook) if done.stopped is None else f"cell {done.stopped}: {done.why}"
    if not said and found.trouble is None:
        found.trouble = "no check of an exercise was run"
    return found


def _asked(said: dict[str, str | None]) -> Iterator[str]:
    """The exercises of the notebooks that these belong to."""
    known = catalogue.notebooks()
    for notebook in {number[:2] for number in said} & set(known):
        yield from (exercise.number for exercise in catalogue.of(notebook))


def _trouble(notebook: Notebook) -> str | None:
    """The first error that a cell ended with."""
    for number, cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error":
                return f"cell {number}: {output.ename}: {output.evalue}"
    return None


def names(paths: Sequence[Path]) -> list[str]:
    """Whose notebook each is, by the part of the path in which they differ: anna for anna/00.ipynb."""
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems) or any(path.resolve().parent.name == "" for path in paths):
        return stems
    folders = [path.resolve().parent.name for path in paths]
    if len(set(stems)) == 1:
        return folders
    return [f"{folder}/{stem}" for folder, stem in zip(folders, stems, strict=True)]
