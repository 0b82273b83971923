from __future__ import annotations

from typing import Any

import pytest

from labkit.course import answers
from labkit.course.model import Choice, Exercise, exercise, quiz
from labkit.errors import LabError

WORDS: dict[str, Any] = {
    "title": "t", "question": "q", "hints": ("a", "b", "c"), "solution": "s", "second_way": "w",
    "explanation": "e",
}  # fmt: skip


def test_a_function_becomes_an_exercise() -> None:
    @exercise("77.1", expects="a number", **WORDS)
    def half_of_ten(answer: Any) -> str | None:
        return None if answers.number(answer) == 5 else "Not half."

    assert isinstance(half_of_ten, Exercise)
    assert (half_of_ten.notebook, half_of_ten.call) == ("77", 'course.check("77.1", answer)')
    assert (half_of_ten.judge(5).ok, half_of_ten.judge(5).reason) == (True, "e")
    assert half_of_ten.judge(4).reason == "Not half."
    assert half_of_ten.judge("five").reason == "The answer is a text, not a number. It expects a number."
    assert half_of_ten.judge().reason == 'Give the check what it reads: `course.check("77.1", answer)`.'


@pytest.mark.parametrize("unwritten", [..., None, "", " … ", {}, [...], {"compose": ..., "submit": [None]}])
def test_what_stands_in_the_cell_before_anybody_wrote_is_no_answer_yet(unwritten: Any) -> None:
    @exercise("77.1", expects="anything", **WORDS)
    def anything(answer: Any) -> str | None:
        return None

    assert anything.judge(unwritten).reason == "There is no answer yet. It expects anything."
    assert anything.judge({"compose": ..., "submit": 0}).ok


@pytest.mark.parametrize(
    "change",
    [{"hints": ("a", "b")}, {"hints": ("a", "b", "")}, {"solution": ""}, {"second_way": ""},
     {"explanation": ""}, {"expects": ""}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_an_exercise_that_is_not_whole_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(LabError, match=r"77\.1"):
        exercise("77.1", **{"expects": "x"} | WORDS | change)(lambda answer: None)


def test_a_quiz_has_one_right_choice_and_explains_all() -> None:
    rest = {name: WORDS[name] for name in ("title", "question", "hints", "solution", "second_way")}
    right, wrong = Choice("a", "yes", "because", right=True), Choice("b", "no", "since")
    made = quiz("77.2", choices=[right, wrong], **rest)
    assert (made.judge("A").reason, made.judge("b").reason) == ("because", "since")
    for choices in ([wrong], [right, right], [right, Choice("b", "no", "")]):
        with pytest.raises(LabError):
            quiz("77.2", choices=choices, **rest)


class TestAnswers:
    @pytest.mark.parametrize(
        "given", [["POP3", "imap"], {"pop3", "IMAP"}, "POP3 or IMAP", "pop3, imap", "pop3/imap"]
    )
    def test_words(self, given: Any) -> None:
        assert answers.words(given) == {"pop3", "imap"}

    @pytest.mark.parametrize("given", [(2, 5), [2, 5], "2, 5", "(2, 5)", [2.0, "5"]])
    def test_numbers(self, given: Any) -> None:
        assert answers.numbers(given) == [2, 5]

    def test_number(self) -> None:
        assert [answers.number(given) for given in (22, 22.5, "22.5", "22,5")] == [22, 22.5, 22.5, 22.5]

    @pytest.mark.parametrize(
        ("read", "given", "words"),
        [
            (answers.word, 3, "a number, not a word in quotes"),
            (answers.words, {"a": 1}, "a dict, not a list of words"),
            (answers.mapping, ["a"], "a list, not a dict"),
            (answers.number, True, "True or False"),
            (answers.number, [1], "a list, not a number"),
            (answers.numbers, [1.5], "not whole"),
            (answers.numbers, {"a": 1}, "a dict, not a number"),
        ],
    )
    def test_what_cannot_be_read_is_named(self, read: Any, given: Any, words: str) -> None:
        with pytest.raises(answers.Unreadable, match=words):
            read(given)
