"""`labkit notebooks refresh` and `new`: what they write, and when."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from support.notebooks import code, prose, raised, said, value, write

from labkit.cli import main
from labkit.course.validation import rules
from labkit.course.validation.notebook import read
from labkit.errors import LabError


def test_it_shows_what_changes_and_asks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(
        tmp_path, "old", prose("# Old"), code("print('a')\nprint('c')", said("a\nb\n")), code("1", value("1"))
    )
    before = path.read_text(encoding="utf-8")
    assert main(["notebooks", "refresh", str(path)]) == 1  # nobody is at the terminal
    shown = capsys.readouterr().out
    assert f"{path}: changes in\n  cell 2: stdout\n     a\n    -b\n    +c\n" in shown
    assert shown.endswith(f"{path}: not written\n")
    assert path.read_text(encoding="utf-8") == before

    assert main(["notebooks", "refresh", str(path), "--yes"]) == 0
    assert capsys.readouterr().out.endswith(f"{path}: written\n")
    assert read(path).cells[1].outputs[0].text == "a\nc\n"
    assert read(path).cells[2].outputs == nbformat.read(path, as_version=4).cells[2].outputs

    assert main(["notebooks", "refresh", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: as it was\n"


@pytest.mark.parametrize("agreed", [True, False])
def test_at_a_terminal_it_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agreed: bool) -> None:
    path = write(tmp_path, "old", code("1 + 1", value("3")))
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda question: asked.append(question) or agreed)
    assert main(["notebooks", "refresh", str(path)]) == (0 if agreed else 1)
    assert asked == [f"Write {path}?"]
    assert read(path).cells[0].outputs[0].data["text/plain"] == ("2" if agreed else "3")


def test_what_an_editor_leaves_behind_is_taken_out(tmp_path: Path) -> None:
    cell = code("1", value("1"), tags=("keep",))
    cell.metadata |= {"scrolled": True, "execution": {"iopub": "2026"}, "slideshow": {"slide_type": "slide"}}
    path = write(tmp_path, "edited", cell)
    notebook = read(path)
    notebook.metadata |= {
        "widgets": {"state": {}},
        "title": "Mine",
        "language_info": {"name": "python", "version": "3"},
    }
    nbformat.write(notebook, path)
    assert main(["notebooks", "refresh", str(path), "--yes"]) == 0
    found = read(path)
    assert set(found.metadata) == {"kernelspec", "language_info", "title"}
    assert found.metadata.language_info == {"name": "python"}
    assert dict(found.cells[0].metadata) == {"tags": ["keep"], "slideshow": {"slide_type": "slide"}}


def test_a_cell_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meant = code("1 / 0", raised("x", "y"), tags=("raises-exception",))
    good, bad = write(tmp_path, "b-good", meant), write(tmp_path, "a-bad", code("1 / 0"))
    before = bad.read_text(encoding="utf-8")
    assert main(["notebooks", "refresh", str(tmp_path), "--yes"]) == 1
    told = capsys.readouterr()
    assert told.err == (
        f"labkit: {bad}: cell 1 failed (ZeroDivisionError: division by zero); nothing is written.\n"
    )
    assert bad.read_text(encoding="utf-8") == before
    assert read(good).cells[0].outputs[0].ename == "ZeroDivisionError"


def test_a_new_notebook_runs_and_keeps_the_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notebooks", "new", str(tmp_path / "30-my-own")]) == 0
    path = tmp_path / "30-my-own.ipynb"
    assert capsys.readouterr().out.startswith(f"{path} is there.")
    assert main(["notebooks", "refresh", str(path), "--yes"]) == 0
    assert list(rules.look(read(path), ignored=0, checks="any")) == []
    text = "\n".join(cell.source for cell in read(path).cells)
    assert text.startswith("# My own\n\n*30 minutes. You need ")
    for words in ("**The mystery.**", "**Predict", "**Explain", "Break it", "weird experiment", "**30.1**",
                  "## Recap", "**Since 2005.**", "**The next question.**"):  # fmt: skip
        assert words in text
    assert main(["notebooks", "new", str(path)]) == 1
    assert "there is a" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["refresh", "nowhere.ipynb"], "there is no nowhere.ipynb"),
        (["check", "."], "there is no notebook in ."),
        (["check", "no.ipynb"], "no.ipynb is no notebook"),
        (["new", "no/such/folder"], "cannot write"),
        (["check", ".", "--checks", "some"], "'--checks': 'some' is not one of 'any', 'solved', 'unsolved';"),
        (["check", ".", "--ignored", "-1"], "less than nothing"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "no.ipynb" in arguments:
        Path("no.ipynb").write_text("{}", encoding="utf-8")
    assert main(["notebooks", *arguments]) in (1, 2)
    told = capsys.readouterr()
    assert words in told.out + told.err


def test_without_nbclient_the_remedy_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("labkit.course.validation.notebook.find_spec", lambda name: None)
    assert main(["notebooks", "check", "."]) == 1
    assert "pip install 'mail-labkit[ci]'" in capsys.readouterr().err


def test_a_notebook_is_read_or_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(b"\xff\xfe")
    with pytest.raises(LabError, match="is no notebook"):
        read(tmp_path / "a.ipynb")
