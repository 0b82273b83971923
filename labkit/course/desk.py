"""The functions that a notebook cell calls; each returns something to look at and none raises.

What a cell shows depends on the cell alone: on the exercise, the answer, and what happened
on the wire.  The progress file is written when a check passes, and read only by
`progress()` and by the widget of a running JupyterLab, never for an output that is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec

from labkit.course import catalogue, places, questions, sections, terms
from labkit.course.cards import (
    exercise_card,
    glossary_card,
    hint_card,
    note_card,
    progress_card,
    recall_card,
    solution_card,
    terms_card,
    verdict_card,
)
from labkit.course.model import Exercise
from labkit.course.record import Progress
from labkit.errors import LabError
from labkit.views.picture import Picture

P = ParamSpec("P")
_hints_given: dict[str, int] = {}


def _in_words(function: Callable[P, Any]) -> Callable[P, Any]:
    """An error that labkit raises on purpose becomes a card: no traceback in a learner's notebook."""

    @wraps(function)
    def calm(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return function(*args, **kwargs)
        except LabError as error:
            words = str(error)
            return note_card("This cannot be done", words[:1].upper() + words[1:] + ".")

    return calm


@_in_words
def exercise(number: str, world: Any = None) -> Any:
    """Show an exercise ("00.1"); with `world`, the card in JupyterLab can check what happened in it."""
    found = catalogue.get(number)
    sections.pass_by(number)
    from labkit.views.panels import interactive

    if interactive():
        return _panel(found, world)
    return exercise_card(found)


@_in_words
def check(number: str, *given: Any) -> Picture:
    """Judge an answer: `course.check("00.1", answer, world)`, whichever of both the exercise reads."""
    found = catalogue.get(number)
    verdict = found.judge(*given)
    if verdict.ok:
        Progress().record(number)
    elif "capture" in found.takes and sections.is_left(number):
        verdict = replace(verdict, reason=f"{verdict.reason}\n\n{sections.ELSEWHERE}")
    return verdict_card(verdict)


@_in_words
def hint(number: str, which: int | None = None) -> Picture:
    """The next hint of three, or the one asked for."""
    found = catalogue.get(number)
    if which is None:
        which = min(_hints_given.get(number, 0) + 1, 3)
    if which not in (1, 2, 3):
        raise LabError(f"there is no hint {which}; there are hints 1, 2 and 3")
    _hints_given[number] = max(which, _hints_given.get(number, 0))
    return hint_card(found, which)


@_in_words
def solution(number: str) -> Picture:
    """A right answer, how it is found, and a second way."""
    return solution_card(catalogue.get(number))


@_in_words
def progress(notebook: str | None = None) -> Picture:
    """What is solved, in one notebook ("00") or in all; reads the progress file."""
    record = Progress()
    solved = record.solved()
    title, exercises = ("All notebooks", catalogue.every())
    if notebook is not None:
        title, exercises = (f"Notebook {notebook}", catalogue.of(notebook))
    return progress_card(title, solved, exercises, record.troubles)


@_in_words
def reset(number: str | None = None) -> Picture:
    """Forget that an exercise ("00.1"), a notebook ("00") or everything was solved."""
    record = Progress()
    if number is None:
        _hints_given.clear()
        record.reset()
        what = "All exercises are"
    else:
        whole = str(number) in catalogue.notebooks()
        chosen = catalogue.of(number) if whole else [catalogue.get(number)]
        for found in chosen:
            _hints_given.pop(found.number, None)
        record.reset(found.number for found in chosen)
        what = f"The exercises of notebook {number} are" if whole else f"Exercise {number} is"
    return note_card(
        "Reset", " ".join([f"{what} unsolved again; your cells are as they were.", *record.troubles])
    )


@_in_words
def recall(notebook: str) -> Picture:
    """Two questions about a notebook read earlier, the answers folded."""
    if notebook not in questions.RECALL:
        there = ", ".join(questions.RECALL)
        raise LabError(f"there are no recall questions for notebook {notebook!r}; there are some for {there}")
    return recall_card(notebook, questions.RECALL[notebook])


@_in_words
def glossary(*words: str) -> Picture:
    """What these terms mean, where an RFC says so and where the course does; without any, all in a table."""
    found = [terms.look_up(word) for word in words]
    sections.pass_by("glossary")
    if not found:
        return glossary_card("Glossary", [(each, places.place(each.term)) for each in terms.TERMS])
    return terms_card([(each, places.place(each.term)) for each in found])


def _panel(found: Exercise, world: Any) -> Any:
    """The same card with an entry, buttons and progress, for a running JupyterLab."""
    from labkit.views.panels import Card

    def judged(answer: Any) -> Picture:
        given = {"answer": answer, "capture": world}
        picture: Picture = check(found.number, *(given[name] for name in found.takes))
        return picture

    def standing() -> str:
        return str(progress(found.notebook)).splitlines()[0]

    return Card(
        exercise_card(found),
        title=f"Exercise {found.number}: {found.title}",
        question=found.question,
        choices=[(choice.key, choice.text) for choice in found.choices],
        expects=found.expects if "answer" in found.takes and not found.choices else "",
        needs=f"`{found.call}`" if "capture" in found.takes and world is None else "",
        check=judged,
        hint=lambda which: hint(found.number, which),
        solution=lambda: solution(found.number),
        progress=standing,
    )
