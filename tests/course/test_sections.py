"""A check that may have been given the world of another section says so, and only then."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from labkit import course
from labkit.course import sections

Run = Callable[[str], str]
WORDS = "If you have run the whole notebook"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a cell in a notebook of which nothing was shown yet; the world of every section is an empty one."""
    monkeypatch.setattr(sections, "_shown", {})

    def cell(source: str) -> str:
        shell = SimpleNamespace(user_ns={"In": ["", source]})
        monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
        return str(eval(source.splitlines()[-1], {"course": course, "world": None}))

    return cell


def test_after_the_whole_notebook_a_check_tells_whose_world_it_got(run: Run) -> None:
    run("course.exercise('06.4')")
    assert WORDS not in run("course.check('06.4', world)")
    run("course.glossary('queue')")
    assert WORDS in run("course.check('06.4', world)")


def test_a_section_that_is_run_again_is_not_suspected(run: Run) -> None:
    for cell in ("course.exercise('06.2')", "course.exercise('06.4')", "course.exercise('06.2')"):
        run(cell)
    assert WORDS not in run("course.check('06.2', world)")
    assert WORDS in run("course.check('06.4', world)")


@pytest.mark.parametrize("made", ["world = World(seed=0)", "world, bob = train()"])
def test_a_cell_that_makes_its_world_is_not_suspected(made: str, run: Run) -> None:
    run("course.exercise('06.4')")
    run("course.glossary('queue')")
    assert WORDS not in run(f"{made}\ncourse.check('06.4', world)")


def test_an_answer_without_a_world_is_not_suspected(run: Run) -> None:
    run("course.exercise('06.3')")
    run("course.glossary('queue')")
    assert WORDS not in run("course.check('06.3', {})")


def test_outside_a_notebook_nothing_is_suspected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "_shown", {"06.4": None, "glossary": None})
    assert WORDS not in str(course.check("06.4", None))
