"""`labkit notebooks grade`: who solved what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.notebooks import code, said, value, write

from labkit.cli import main
from labkit.course.validation.grade import names

QUIZ = 'from labkit import course\ncourse.check("00.5", "{}")'


def test_a_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, answer in (("anna", "c"), ("ben", "a")):
        (tmp_path / name).mkdir()
        write(
            tmp_path / name,
            "homework",
            code("1 / 0"),
            code(QUIZ.format(answer)),
            code('course.check("00.4", 7)'),
        )
    files = [str(tmp_path / name / "homework.ipynb") for name in ("anna", "ben")]

    assert main(["notebooks", "grade", *files]) == 0
    told = capsys.readouterr().out
    anna, ben = told.split("ben: ")
    assert anna.startswith("anna: 1 of 5 solved\n  ✓ 00.5\n  · 00.1 It was not checked.\n")
    assert "  · 00.4 Give the check what it reads" in anna
    assert "  cell 1: ZeroDivisionError: division by zero\n" in anna
    assert ben.startswith("0 of 5 solved\n")

    assert main(["notebooks", "grade", "--json", *files]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["who"], first["solved"], first["of"]) == ("anna", ["00.5"], 5)
    assert (second["who"], second["solved"]) == ("ben", [])
    assert "00.5" in second["reasons"]
    assert first["trouble"] == "cell 1: ZeroDivisionError: division by zero"


def test_what_stands_in_the_file_does_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "boast", code(QUIZ.format("a"), value("✓ 00.5 solved\nBecause.")))
    assert main(["notebooks", "grade", str(path)]) == 0
    assert capsys.readouterr().out.startswith("boast: 0 of 5 solved")


def test_solved_once_is_solved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "twice", code(QUIZ.format("c")), code('course.check("00.5", "a")'))
    assert main(["notebooks", "grade", str(path)]) == 0
    assert "✓ 00.5" in capsys.readouterr().out


def test_a_notebook_without_exercises(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "plain", code("print(1)", said("1\n")))
    assert main(["notebooks", "grade", str(path)]) == 0
    assert capsys.readouterr().out == "plain: 0 of 0 solved\n  no check of an exercise was run\n"


def test_a_file_that_is_no_notebook_is_said_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "anna", code(QUIZ.format("c")))
    (tmp_path / "ben.ipynb").write_text("", encoding="utf-8")
    assert main(["notebooks", "grade", str(tmp_path), "--jobs", "1"]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("anna: 1 of 5 solved")
    assert told.err.startswith(f"labkit: {tmp_path / 'ben.ipynb'} is no notebook")


def test_whose_notebook_it_is() -> None:
    assert names([Path("anna.ipynb"), Path("ben.ipynb")]) == ["anna", "ben"]
    assert names([Path("anna/00.ipynb"), Path("ben/00.ipynb")]) == ["anna", "ben"]
    assert names([Path("anna/00.ipynb"), Path("anna/01.ipynb"), Path("ben/00.ipynb")]) == [
        "anna/00",
        "anna/01",
        "ben/00",
    ]
