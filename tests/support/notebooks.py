"""Notebooks made for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat import v4


def prose(source: str) -> Any:
    return v4.new_markdown_cell(source)


def code(source: str, *outputs: Any, count: int | None = 1, tags: tuple[str, ...] = ()) -> Any:
    """A cell that was run; its outputs as `value`, `said` and `raised` make them."""
    cell = v4.new_code_cell(source, outputs=list(outputs), execution_count=count)
    if tags:
        cell.metadata["tags"] = list(tags)
    return cell


def value(text: str, **more: str) -> Any:
    """What the last expression of a cell gives."""
    kinds = {kind.replace("_", "/"): data for kind, data in more.items()}
    return v4.new_output("execute_result", data={"text/plain": text, **kinds}, execution_count=1)


def shown(**data: str) -> Any:
    """What a cell displays: `text_html="<b>"`."""
    return v4.new_output("display_data", data={kind.replace("_", "/"): text for kind, text in data.items()})


def said(text: str, stream: str = "stdout") -> Any:
    return v4.new_output("stream", name=stream, text=text)


def raised(name: str, text: str) -> Any:
    return v4.new_output("error", ename=name, evalue=text, traceback=[])


def notebook(*cells: Any, kernel: str = "python3") -> Any:
    """A notebook, its cells counted from 1 unless they say otherwise (count=None or more than 1)."""
    number = 0
    for place, cell in enumerate(cells):
        cell.id = f"cell-{place}"
        if cell.cell_type == "code":
            number += 1
            if cell.execution_count == 1:
                cell.execution_count = number
    named = {"name": kernel, "display_name": kernel, "language": "python"}
    return v4.new_notebook(cells=list(cells), metadata={"kernelspec": named})


def write(folder: Path, name: str, *cells: Any, **options: Any) -> Path:
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook(*cells, **options), path)
    return path
