"""What a notebook cell calls: never a traceback, and never an output that depends on progress."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from answers import CASES

from labkit import course
from labkit.course import catalogue, terms
from labkit.course.questions import RECALL

SHOWN: dict[str, Callable[[str], Any]] = {
    "exercise": course.exercise,
    "check": lambda number: course.check(number, *CASES[number].untouched),
    "hint": lambda number: course.hint(number, 1),
    "solution": course.solution,
}


def both(shown: Any) -> tuple[str, str]:
    return str(shown), shown._repr_html_()


@pytest.mark.parametrize("name", SHOWN)
def test_outputs_are_the_same_whatever_is_solved(name: str, own_progress: Path) -> None:
    before = [both(SHOWN[name](exercise.number)) for exercise in catalogue.every()]
    for exercise in catalogue.every():
        course.check(exercise.number, *CASES[exercise.number].right[0])
    assert own_progress.exists()
    assert [both(SHOWN[name](exercise.number)) for exercise in catalogue.every()] == before


def test_a_card_says_all_that_is_needed() -> None:
    text, html = both(course.exercise("00.1"))
    for words in ("Exercise 00.1", "Your words on the wire", 'course.check("00.1", answer, world)'):
        assert words in text
    assert html.count("<details>") == 4  # three hints and the solution
    assert "store and forward" not in text
    assert "groupby" not in text  # no hint and no solution in the text


def test_code_in_a_choice_is_set_as_code() -> None:
    text, html = both(course.exercise("14.4"))
    assert "b) `STORE 2 +FLAGS (\\Deleted)`, `EXPUNGE` and" in text
    assert "<code>EXPUNGE</code> and" in html
    assert "`" not in html.partition("<details>")[0]


def test_a_verdict_gives_the_reason_and_what_was_learnt() -> None:
    wrong, right = course.check("00.5", "a"), course.check("00.5", "c")
    assert str(wrong).startswith("✗ 00.5 not yet\nIt was handed the letter twice")
    assert 'course.hint("00.5")' in str(wrong)
    assert str(right).startswith("✓ 00.5 solved\nThe sender may forget a letter only")
    assert "lk-no" in wrong._repr_html_()
    assert "lk-yes" in right._repr_html_()


def test_hints_come_one_by_one_and_stay_at_the_last() -> None:
    heads = [str(course.hint("00.1")).splitlines()[0] for _ in range(4)]
    assert heads == [f"00.1, hint {n} of 3" for n in (1, 2, 3, 3)]
    course.reset("00.1")
    assert "hint 1" in str(course.hint("00.1"))
    assert "hint 3" in str(course.hint("00.1", 3))


def test_progress_counts_and_one_exercise_can_be_reset() -> None:
    every = len(catalogue.every())
    course.check("00.5", "c")
    course.check("01.5", "b")
    assert str(course.progress("00")).startswith("Notebook 00: 1 of 5 solved")
    assert "✓ 00.5 Why two copies?" in str(course.progress("00"))
    assert str(course.progress()).startswith(f"All notebooks: 2 of {every} solved")
    assert "Exercise 00.5 is unsolved again" in str(course.reset("00.5"))
    assert str(course.progress()).startswith(f"All notebooks: 1 of {every} solved")
    course.check("00.5", "c")
    assert "notebook 01 are" in str(course.reset("01"))
    assert str(course.progress()).startswith(f"All notebooks: 1 of {every} solved")
    course.reset()
    assert str(course.progress()).startswith(f"All notebooks: 0 of {every} solved")


def test_a_damaged_progress_file_is_reported_where_progress_is_asked_for(own_progress: Path) -> None:
    own_progress.write_text("{", encoding="utf-8")
    assert "set aside as progress.json.unreadable" in str(course.progress())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: course.exercise("00.9"), "no exercise '00.9'"),
        (lambda: course.check("9"), "no exercise '9'"),
        (lambda: course.hint("00.1", 4), "no hint 4"),
        (lambda: course.progress("77"), "no notebook '77'"),
        (lambda: course.recall("77"), "there are some"),
        (lambda: course.glossary("envlope"), "did you mean envelope?"),
        (lambda: course.glossary("zzz"), "glossary() lists all entries"),
        (lambda: course.exercise(7), "no exercise 7"),  # type: ignore[arg-type]
        (lambda: course.reset(12), "stands in quotes: '12'"),  # type: ignore[arg-type]
        (lambda: course.hint(12.1), "stands in quotes: '12.1'"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_exist_is_said_in_words(call: Callable[[], Any], words: str) -> None:
    assert words in str(call())
    assert str(call()).startswith("This cannot be done")


def test_recall_folds_its_answers() -> None:
    text, html = both(course.recall("00"))
    assert text.count("Answer") == 2
    assert html.count("<details>") == 2
    assert set(RECALL) == set(catalogue.notebooks())


class TestGlossary:
    def test_an_entry_has_its_meaning_and_source(self) -> None:
        assert "(RFC 5321 2.3.1; notebook 00," in " ".join(str(course.glossary("envelope")).split())

    @pytest.mark.parametrize(
        "spelling", ["Envelope", " envelope ", "envelopes", "dot stuffing", "mx", "Replies"]
    )
    def test_it_is_found_however_it_is_written(self, spelling: str) -> None:
        assert terms.look_up(spelling)

    def test_the_vocabulary_of_the_house_is_there(self) -> None:
        for word in ("connection", "record", "frame", "command", "reply", "exchange", "flaw", "reverse-path",
                     "forward-path", "envelope", "tag", "literal", "maildrop"):  # fmt: skip
            assert terms.look_up(word).term == word

    def test_entries_are_sorted_and_whole_sentences(self) -> None:
        names = [entry.term.lower() for entry in terms.TERMS]
        assert names == sorted(set(names))
        for entry in terms.TERMS:
            assert entry.meaning.endswith(".")
            assert not entry.source or entry.source.startswith("RFC ")

    def test_several_terms_at_once(self) -> None:
        said = str(course.glossary("envelope", "header"))
        assert said.startswith("envelope: ")
        assert "\nheader: " in said

    def test_without_a_term_all_are_listed(self) -> None:
        assert len(str(course.glossary()).splitlines()) > len(terms.TERMS)


def test_importing_the_course_stays_light() -> None:
    code = "import sys; from labkit import course; course.exercise('00.1'); course.check('00.5', 'c')"
    code += "; print(*sys.modules)"
    environment = {"PATH": os.environ["PATH"], "LABKIT_PROGRESS": os.environ["LABKIT_PROGRESS"]}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert not {"pandas", "ipywidgets", "IPython", "asyncio"} & set(run.stdout.split())
