"""`labkit notebooks refresh`: the outputs of a notebook made anew, and the difference before it is kept.

What is written holds nothing that differs from run to run or from machine to machine: no times of
execution, no versions, no state of widgets, no marks of an editor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from labkit.capture.files import whole_file
from labkit.course.validation.compare import comparable, difference
from labkit.course.validation.kernel import run
from labkit.course.validation.notebook import KERNEL, Notebook, code_cells, read
from labkit.course.validation.surroundings import USUAL
from labkit.errors import LabError

_FLEETING = {"widgets", "signature", "toc-autonumbering", "vscode"}
_OF_EDITORS = {"execution", "ExecuteTime", "collapsed", "jupyter", "scrolled", "pycharm", "vscode"}
_LINES = 20
"""Of the difference in one output, that are shown."""


@dataclass(frozen=True)
class Refreshed:
    """A notebook that was run: its file as it was, and as it would be."""

    path: Path
    before: str
    after: str
    changes: tuple[str, ...]  # in words, cell by cell

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def keep(self) -> None:
        """Write the file, whole or not at all."""
        with whole_file(self.path) as part:
            part.write_text(self.after, encoding="utf-8", newline="\n")


def refresh(path: Path, *, timeout: float = 120) -> Refreshed:
    """Run a notebook in a clean kernel; raises LabError for a cell that fails, and writes nothing."""
    was = read(path)
    done = run(path, was, USUAL, timeout=timeout)
    if done.stopped is not None:
        raise LabError(f"{path}: cell {done.stopped} failed ({done.why}); nothing is written")
    for (_, old), (_, new) in zip(code_cells(was), code_cells(done.notebook), strict=True):
        new.metadata = old.metadata  # without the marks made for the run
    after = written(done.notebook)
    return Refreshed(path, path.read_text(encoding="utf-8"), after, tuple(_changes(was, done.notebook)))


def written(notebook: Notebook) -> str:
    """The text of a notebook's file."""
    import nbformat

    return str(nbformat.writes(plain(notebook))) + "\n"  # type: ignore[no-untyped-call]


def plain(notebook: Notebook) -> Notebook:
    """The same without what an editor or a run leaves behind."""
    import nbformat

    kept = {name: value for name, value in notebook.metadata.items() if name not in _FLEETING}
    kernel = {"kernelspec": kept.get("kernelspec", KERNEL)}
    language = {"language_info": {"name": kept.get("language_info", {}).get("name", "python")}}
    notebook.metadata = nbformat.from_dict({**kept, **kernel, **language})  # type: ignore[no-untyped-call]
    for cell in notebook.cells:
        marks = {name: value for name, value in cell.metadata.items() if name not in _OF_EDITORS}
        cell.metadata = nbformat.from_dict(marks)  # type: ignore[no-untyped-call]
    return notebook


def _changes(was: Notebook, now: Notebook) -> Iterator[str]:
    for (number, old), (_, new) in zip(code_cells(was), code_cells(now), strict=True):
        before, after = comparable(old.outputs), comparable(new.outputs)
        found = difference(before, after)
        if found is None:
            continue
        if found.was is None or found.now is None or found.kind in ("text/html", "image/svg+xml"):
            yield f"cell {number}: {found.told('so far', 'now')}"
            continue
        lines = [
            line.rstrip("\n")
            for line in unified_diff(found.was.splitlines(), found.now.splitlines(), n=1, lineterm="")
            if not line.startswith(("---", "+++", "@@"))
        ]
        shown = [f"    {line}" for line in lines[:_LINES]]
        more = [f"    … and {len(lines) - _LINES} lines more"] if len(lines) > _LINES else []
        yield "\n".join([f"cell {number}: {found.kind}", *shown, *more])
