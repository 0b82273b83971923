"""What validation knows of a notebook: its cells, the marks on them, and their outputs as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from labkit.errors import LabError

RAISES = "raises-exception"
_MARKS = {
    "ignore": {"NBVAL_IGNORE_OUTPUT", "PYTEST_VALIDATE_IGNORE_OUTPUT"},
    "skip": {"NBVAL_SKIP"},
    "raises": {"NBVAL_RAISES_EXCEPTION"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"
_VERDICT = re.compile(r"([✓✗]) (\d\d\.\d+) (?:solved|not yet)\n(.*)", re.DOTALL)
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
"""What a notebook of ours asks for."""
Notebook = Any
"""An nbformat NotebookNode; nbformat has no types to speak of."""


def needs(*modules: str) -> None:
    """Raises LabError, with the remedy, for what is not installed."""
    for module in modules:
        if find_spec(module) is None:
            raise LabError(f"{module} is not installed; run: pip install 'mail-labkit[ci]'")


def find_notebooks(paths: Iterable[Path]) -> list[Path]:
    """The notebooks that these files and folders are; raises LabError for one that is none or has none."""
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise LabError(f"there is no {path}")
        inside = sorted(p for p in path.rglob("*.ipynb") if not _is_hidden(p.relative_to(path)))
        if path.is_dir() and not inside:
            raise LabError(f"there is no notebook in {path}")
        found |= dict.fromkeys(inside if path.is_dir() else [path])
    return list(found)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def read(path: Path) -> Notebook:
    """The notebook in a file; raises LabError if there is none in it."""
    import nbformat

    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # nbformat raises of all kinds for what is no notebook
        raise LabError(f"{path} is no notebook: {str(error).splitlines()[0]}") from error
    return notebook


def code_cells(notebook: Notebook) -> Iterator[tuple[int, Any]]:
    """The cells with code in them, by their number among all cells, from 1."""
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code" and cell.source.strip():
            yield number, cell


def tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", []))


def marks(cell: Any) -> set[str]:
    """What nbval does otherwise with this cell, as a comment or a tag says: ignore, skip, raises."""
    said = {line.strip().lstrip("#").strip() for line in cell.source.splitlines() if line.strip()[:1] == "#"}
    said |= {tag.upper().replace("-", "_") for tag in tags(cell) if tag != RAISES}
    return {mark for mark, words in _MARKS.items() if said & words}


def texts(outputs: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Everything in the outputs that is text: (the name of a stream, a MIME type or "error", the text)."""
    for output in outputs:
        if output.output_type == "stream":
            yield output.name, _joined(output.text)
        elif output.output_type == "error":
            yield "error", f"{output.ename}: {output.evalue}"
        else:
            for kind, data in sorted(output.data.items()):  # in files they are sorted
                if kind != WIDGET and not is_bitmap(kind):
                    yield kind, _joined(data)


def is_bitmap(kind: str) -> bool:
    return kind.startswith("image/") and kind != "image/svg+xml"


def _joined(data: Any) -> str:
    if isinstance(data, str):
        return data
    return "".join(data) if isinstance(data, list) else repr(data)


def verdicts(cell: Any) -> Iterator[tuple[str, bool, str]]:
    """What the checks of exercises said in a cell: (number, solved?, reason)."""
    for kind, text in texts(cell.get("outputs", [])):
        found = _VERDICT.match(text) if kind == "text/plain" else None
        if found:
            reason = re.sub(r"\s*Stuck\? course\.hint\(.*", "", found[3], flags=re.DOTALL)
            yield found[2], found[1] == "✓", " ".join(reason.split())


def shortened(text: str, length: int = 60) -> str:
    """As much of a text as fits into a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
