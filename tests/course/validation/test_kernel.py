"""One run of a notebook: where it runs, and how it may end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support.notebooks import code, value, write

from labkit.course.validation.check import Options, check
from labkit.course.validation.kernel import run
from labkit.course.validation.notebook import read
from labkit.course.validation.surroundings import FIRST, SECOND, USUAL

LOOK = """
import os, pathlib, sys
known = os.environ
(pathlib.Path("mark.txt").exists(), sys.executable, known["LABKIT_PROGRESS"], known.get("JPY_SESSION_NAME"))
"""


def test_it_runs_beside_its_file_with_this_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "somebody")
    monkeypatch.setenv("LABKIT_PROGRESS", "mine.json")
    (tmp_path / "mark.txt").touch()
    path = write(tmp_path, "look", code(LOOK), code("1 / 0  # NBVAL\n# NBVAL_SKIP"), code("2"))
    done = run(path, read(path), USUAL, timeout=60)
    assert done.stopped is None
    there, python, progress, session = eval(done.notebook.cells[0].outputs[0].data["text/plain"])
    assert there
    assert python == sys.executable
    assert progress != "mine.json"
    assert not Path(progress).parent.exists()  # nothing is left of it
    assert session is None
    assert done.notebook.cells[1].outputs == []
    assert done.notebook.cells[2].outputs[0].data["text/plain"] == "2"
    assert read(path).cells[0].outputs == []  # the run was a copy's


def test_a_cell_without_end_is_ended(tmp_path: Path) -> None:
    path = write(tmp_path, "endless", code("1", value("1")), code("while True: pass"), code("3"))
    done = run(path, read(path), USUAL, timeout=1)
    assert (done.stopped, done.why, done.raised) == (2, "it took longer than 1 seconds", False)
    assert done.has_run(1)
    assert not done.has_run(2)


def test_a_kernel_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path, "foreign", code("1", value("1")), kernel="klingon")
    (finding,) = check(path, Options()).findings
    assert (finding.rule, finding.cell) == ("runs", None)
    assert "the kernel 'klingon', which is not here" in finding.sentence


@pytest.mark.skipif(sys.platform == "win32", reason="the kernel that fails is a shell's")
def test_why_a_kernel_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "jupyter" / "kernels" / "sad"
    folder.mkdir(parents=True)
    command = ["/bin/sh", "-c", "echo the cupboard is bare >&2; exit 3"]
    spec = {"argv": command, "display_name": "sad", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    path = write(tmp_path, "foreign", code("1", value("1")), kernel="sad")
    finding = check(path, Options()).findings[0]
    assert "no kernel for it can be started" in finding.sentence
    assert "(the cupboard is bare)" in finding.sentence


def test_what_is_no_notebook(tmp_path: Path) -> None:
    path = tmp_path / "no.ipynb"
    path.write_text("[]", encoding="utf-8")
    (finding,) = check(path, Options()).findings
    assert str(finding).startswith(f"{path}: [reads] {path} is no notebook")


def test_the_surroundings_differ_in_what_must_not_matter() -> None:
    for name in ("PYTHONHASHSEED", "TZ", "LC_ALL", "COLUMNS"):
        assert FIRST.variables[name] != SECOND.variables[name]
