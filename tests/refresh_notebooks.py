"""Runs every notebook from top to bottom in a new kernel, and keeps the outputs if they changed.

    python tests/refresh_notebooks.py [NOTEBOOK...]

What is written holds nothing that differs from run to run or from machine to machine: no times of
execution, no versions, no state of widgets.  A notebook that fails is left as it was.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def plain(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same without what an editor or a run leaves behind; tags of cells stay."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "tags"})
    return notebook


def executed(path: Path) -> str:
    """The notebook as it is after a run, as text."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.record_timing = False
    client.execute()
    return str(nbformat.writes(plain(notebook))) + "\n"


def refresh(path: Path) -> bool:
    """Run one notebook; whether its file changed."""
    fresh = executed(path)
    if fresh == path.read_text(encoding="utf-8"):
        return False
    path.write_text(fresh, encoding="utf-8", newline="\n")
    return True


def main(names: list[str]) -> int:
    os.environ.pop("JPY_SESSION_NAME", None)  # nobody is there to click
    os.environ["LABKIT_WIDGETS"] = "0"
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LABKIT_PROGRESS"] = str(Path(folder, "progress.json"))
        for path in [Path(name).resolve() for name in names] or sorted(NOTEBOOKS.glob("*.ipynb")):
            try:
                print(f"{path.name}: {'changed' if refresh(path) else 'as it was'}")
            except CellExecutionError as error:
                failed += 1
                print(
                    f"{path.name}: a cell failed ({error.ename}: {error.evalue}), nothing written",
                    file=sys.stderr,
                )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
