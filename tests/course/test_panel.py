"""The exercise card in a running JupyterLab, from a click to the progress file."""

from __future__ import annotations

from typing import Any

import pytest
from journeys import journey

from labkit import course

pytest.importorskip("ipywidgets")


@pytest.fixture(autouse=True)
def somebody_to_click(own_progress: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_WIDGETS", "1")


def parts(widget: Any) -> list[Any]:
    return [widget, *(part for child in getattr(widget, "children", ()) for part in parts(child))]


def click(card: Any, words: str) -> str:
    found = parts(card.widget())
    next(x for x in found if type(x).__name__ == "Button" and x.description.startswith(words)).click()
    return " ".join(x.value for x in found if type(x).__name__ == "HTML")


def test_from_wrong_to_right_and_counted() -> None:
    card = course.exercise("00.1", journey("My own words"))
    entry = next(x for x in parts(card.widget()) if type(x).__name__ == "Text")
    assert "There is no answer yet" in click(card, "Check")
    entry.value = "[0, 1, 2, 3]"
    assert "look-up in the DNS" in click(card, "Check")
    entry.value = "[0, 2, 3]"
    said = click(card, "Check")
    assert "00.1 solved" in said
    assert "Notebook 00: 1 of 5 solved" in said


def test_hints_are_those_of_the_exercise() -> None:
    card = course.exercise("00.5")
    assert "What did the sender&#x27;s server know" in click(card, "Hint")
    assert "The answer is c" in click(card, "Show the solution")


def test_code_in_a_choice_is_set_as_code() -> None:
    assert "<code>EXPUNGE</code> and <code>STORE 3" in click(course.exercise("14.4"), "Hint")


def test_a_card_without_its_world_says_what_to_run() -> None:
    card = course.exercise("00.3")
    assert "course.check(&quot;00.3&quot;, world)" in click(card, "Hint")


def test_the_still_card_is_the_same_with_and_without_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = course.exercise("00.1")._repr_mimebundle_()
    monkeypatch.setenv("LABKIT_WIDGETS", "0")
    still = course.exercise("00.1")
    assert (bundle["text/plain"], bundle["text/html"]) == (str(still), still._repr_html_())


def test_the_still_card_has_what_was_said_last() -> None:
    card = course.exercise("00.5")
    click(card, "Hint")
    assert "00.5, hint 1 of 3" in str(card)
    click(card, "Show the solution")
    assert "00.5, hint 1 of 3" not in str(card)
    assert "The answer is c" in str(card)
