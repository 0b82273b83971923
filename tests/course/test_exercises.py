"""The rule for every exercise: the untouched notebook fails, two different right answers pass,
three typical mistakes get a reason each of their own, and nothing a learner does raises."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from answers import CASES
from journeys import journey, nothing, week

from labkit import datasets
from labkit.course import catalogue
from labkit.course.model import Exercise
from labkit.views.markup import paragraphs

EXERCISES = catalogue.every()


def test_there_are_exercises_and_each_has_its_cases() -> None:
    assert [exercise.number for exercise in EXERCISES] == sorted(CASES)
    for notebook in catalogue.notebooks():
        assert 3 <= len(catalogue.of(notebook)) <= 6


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.number)
class TestEveryExercise:
    def test_the_untouched_notebook_is_not_yet_right(self, exercise: Exercise) -> None:
        verdict = exercise.judge(*CASES[exercise.number].untouched)
        assert not verdict.ok
        assert len(verdict.reason.split()) >= 5

    def test_different_right_answers_pass(self, exercise: Exercise) -> None:
        answers = CASES[exercise.number].right
        assert len({repr(answer) for answer in answers}) >= 2
        for answer in answers:
            verdict = exercise.judge(*answer)
            assert verdict.ok, (answer[:1], verdict.reason)

    def test_code_is_set_apart_from_prose(self, exercise: Exercise) -> None:
        """What is code alone would lose its indentation, and be told as one paragraph."""
        told = (exercise.question, exercise.solution, exercise.second_way, exercise.explanation)
        for part in [part for words in told for part in paragraphs(words) if not part.startswith("    ")]:
            with pytest.raises(SyntaxError):
                ast.parse(part)

    def test_each_typical_mistake_has_a_reason_of_its_own(self, exercise: Exercise) -> None:
        cases = CASES[exercise.number]
        assert len(cases.mistakes) >= 3
        reasons = {exercise.judge(*cases.untouched).reason}
        for answer, words in cases.mistakes:
            verdict = exercise.judge(*answer)
            assert not verdict.ok, answer[:1]
            assert words in verdict.reason
            assert "could not read" not in verdict.reason
            reasons.add(verdict.reason)
        assert len(reasons) == len(cases.mistakes) + 1

    def test_the_same_answer_gets_the_same_words(self, exercise: Exercise) -> None:
        for answer, _ in CASES[exercise.number].mistakes:
            assert exercise.judge(*answer) == exercise.judge(*answer)

    @pytest.mark.parametrize(
        "nonsense",
        [..., None, "", "…", 7, -1.5, float("nan"), float("inf"), True, "x", b"x", [], [[1], {}], {}, {1: 2},
         {"access": ["a", 3]}, {"client": None, "server": 3}, object(), lambda: None, OSError("x"),
         range(3)],
        ids=lambda nonsense: type(nonsense).__name__,
    )  # fmt: skip
    def test_nonsense_gets_words(self, exercise: Exercise, nonsense: Any) -> None:
        for world in (journey(), nothing(), nonsense):
            given = [{"answer": nonsense, "capture": world}[name] for name in exercise.takes]
            verdict = exercise.judge(*given)
            assert not verdict.ok
            assert verdict.reason.strip()
            assert "object at 0x" not in verdict.reason

    def test_a_wrong_number_of_arguments_gets_words(self, exercise: Exercise) -> None:
        for given in ((), (1, 2, 3)):
            assert exercise.call in exercise.judge(*given).reason

    def test_hints_rise_and_differ(self, exercise: Exercise) -> None:
        assert len(set(exercise.hints)) == 3
        assert exercise.solution != exercise.second_way


def test_a_world_in_the_answers_place_is_pointed_out() -> None:
    world = journey()
    assert "The answer comes first" in catalogue.get("00.1").judge(world, [0]).reason


class Hostile:
    """A learner's object that raises whatever is done with it."""

    def __iter__(self) -> Any:
        raise RuntimeError("no")

    __str__ = __repr__ = __float__ = __eq__ = __hash__ = __iter__  # type: ignore[assignment]


@pytest.mark.parametrize(("number", "world"), [("00.1", journey("own")), ("01.4", week())])
def test_an_object_that_raises_gets_words(number: str, world: Any) -> None:
    assert "RuntimeError" in catalogue.get(number).judge(Hostile(), world).reason


def test_a_table_in_the_answers_place_is_called_one() -> None:
    """What is left when `len` or `iloc[0]` was forgotten."""
    recipients = datasets.load("office-day").recipients
    for number, answer in (("22.1", recipients), ("22.5", recipients.address), ("22.5", ["a", "b"])):
        reason = catalogue.get(number).judge(answer).reason
        assert reason.startswith(("The answer is an object of type", "The answer is a list, not a word")), (
            reason
        )
