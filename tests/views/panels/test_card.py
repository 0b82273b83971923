"""The exercise card's widget, without a browser: what a click calls, and what stands without clicks."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.errors import LabError
from labkit.views.panels import Card, interactive, literal
from labkit.views.picture import Picture

pytest.importorskip("ipywidgets")


def picture(words: str) -> Picture:
    return Picture(words, words)


@pytest.fixture
def asked() -> list[Any]:
    return []


def make(asked: list[Any], **more: Any) -> Card:
    def check(answer: Any) -> Picture:
        asked.append(answer)
        return picture(f"judged {answer!r}")

    words: dict[str, Any] = {
        "title": "Exercise 77.1",
        "question": "Who?",
        "check": check,
        "hint": lambda which: picture(f"hint {which}"),
        "solution": lambda: picture("the solution"),
        "progress": lambda: f"{len(asked)} of 1",
    }
    return Card(picture("the still card"), **words | more)


def find(widget: Any, kind: str) -> list[Any]:
    found = [widget] if type(widget).__name__ == kind else []
    return found + [deeper for child in getattr(widget, "children", ()) for deeper in find(child, kind)]


def click(card: Card, words: str) -> None:
    next(button for button in find(card.widget(), "Button") if button.description.startswith(words)).click()


def said(card: Card) -> str:
    return " ".join(area.value for area in find(card.widget(), "HTML"))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"JPY_SESSION_NAME": "00.ipynb"}, True),
        ({"JPY_SESSION_NAME": "00.ipynb", "LABKIT_WIDGETS": "0"}, False),
        ({"LABKIT_WIDGETS": "1"}, True),
    ],
)
def test_where_widgets_appear(
    environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JPY_SESSION_NAME", "LABKIT_WIDGETS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert interactive() is expected


def test_without_anybody_to_click_it_is_the_still_card(
    asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_WIDGETS", "0")
    bundle = make(asked)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == "the still card"


def test_the_widget_carries_the_still_card_as_well(asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_WIDGETS", "1")
    bundle = make(asked)._repr_mimebundle_()
    assert bundle["text/plain"] == "the still card"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_typed_answer_is_judged(asked: list[Any]) -> None:
    card = make(asked, expects="numbers")
    find(card.widget(), "Text")[0].value = "[0, 2]"
    assert "0 of 1" in said(card)
    click(card, "Check")
    assert asked == [[0, 2]]
    assert "judged [0, 2]" in said(card)
    assert "1 of 1" in said(card)


def test_a_choice_is_judged_by_its_key(asked: list[Any]) -> None:
    card = make(asked, choices=[("a", "this"), ("b", "that")])
    click(card, "Check")
    assert "<b>b) </b>that" in said(card)
    find(card.widget(), "RadioButtons")[0].value = "b"
    click(card, "Check")
    assert asked == [None, "b"]


def test_hints_one_by_one_then_the_solution(asked: list[Any]) -> None:
    card = make(asked)
    for which in (1, 2, 3, 3):
        click(card, "Hint")
        assert f"hint {which}" in said(card)
    click(card, "Show the solution")
    assert "the solution" in said(card)


def test_what_goes_wrong_is_said_in_the_widget(asked: list[Any]) -> None:
    def fail(error: Exception) -> Any:
        def check(answer: Any) -> Picture:
            raise error

        return check

    for error, words in (
        (LabError("no <b>world</b> yet"), "no &lt;b&gt;world&lt;/b&gt; yet"),
        (KeyError("x"), "KeyError"),
    ):
        card = make(asked, check=fail(error))
        click(card, "Check")
        assert words in said(card)


def test_a_check_that_lacks_its_world_says_how_to_run_it(asked: list[Any]) -> None:
    card = make(asked, needs='`course.check("77.1", world)`')
    assert [button.description for button in find(card.widget(), "Button")] == [
        "Hint 1 of 3",
        "Show the solution",
    ]
    assert not find(card.widget(), "Text")  # nothing to fill in that no button reads
    assert "course.check(&quot;77.1&quot;, world)" in said(card)


@pytest.mark.parametrize(
    ("typed", "value"),
    [("[1, 2]", [1, 2]), (" 22.5 ", 22.5), ('{"a": "b"}', {"a": "b"}), ("POP3 or IMAP", "POP3 or IMAP"),
     ("[1,", "[1,"),
     ("", ""), ("__import__('os')", "__import__('os')"), ("\x00", "\x00")],
)  # fmt: skip
def test_what_is_typed_is_data_and_never_run(typed: str, value: Any) -> None:
    assert literal(typed) == value
