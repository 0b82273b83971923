"""The exercise card, clicked: answer, check, reason, hints one by one, solution, progress."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from labkit.views.markup import codes, el, prose
from labkit.views.panels.shell import Panel, button, drawn, frame, row, show, stack
from labkit.views.picture import Picture
from labkit.views.style import sheet


class Card(Panel):
    """An exercise: question, entry, check button, reason, three hints one by one, solution fold, progress.

    `face` is the card without widgets, shown where there is nobody to click.  `check` gets the
    learner's answer (the key of a choice, or the value of what was typed as a Python literal) or None
    when the exercise asks for none; `needs` says what the check lacks to be run from here.
    """

    def __init__(
        self,
        face: Picture,
        *,
        title: str,
        question: str,
        choices: Sequence[tuple[str, str]] = (),
        expects: str = "",
        needs: str = "",
        check: Callable[[Any], Picture],
        hint: Callable[[int], Picture],
        solution: Callable[[], Picture],
        progress: Callable[[], str],
    ) -> None:
        self.face = face
        self._title, self._question, self._choices = title, question, choices
        self._expects, self._needs = expects, needs
        self._check, self._hint, self._solution, self._progress = check, hint, solution, progress
        self._entry: Any = None
        self._hints = 0
        self._said: dict[str, Picture] = {}  # the last verdict, and the last hint or the solution

    def picture(self) -> Picture:
        said = [("", picture) for picture in self._said.values()]
        return stack([("", self.face), *said], self.face.alt) if said else self.face

    def _build(self) -> Any:
        import ipywidgets as w

        listed = [el("p", el("b", f"{key}) "), codes(words)) for key, words in self._choices]
        asked = [el("p", self._title, class_="lk-head"), prose(self._question), *listed]
        text = el("div", sheet("card"), *asked, class_="lk lk-card")
        self._result, self._more, self._standing = w.HTML(), w.HTML(), w.HTML()
        rows: list[Any] = [w.HTML(text)]
        wide = w.Layout(width="auto", max_width="74ch")
        if self._choices:
            keys = [key for key, _ in self._choices]
            self._entry = w.RadioButtons(
                options=keys, value=None, description="Answer", orientation="horizontal"
            )
        elif self._expects and not self._needs:
            self._entry = w.Text(placeholder=self._expects, description="Answer", layout=wide)
        rows += [self._entry] if self._entry is not None else []
        if self._needs:
            words = f"The check reads the wire. Answer in a cell, with {self._needs}."
            rows.append(w.HTML(el("div", prose(words), class_="lk")))
        buttons = [] if self._needs else [button("Check", self._on_check, "primary")]
        self._hint_button = button("Hint 1 of 3", self._on_hint)
        buttons += [self._hint_button, button("Show the solution", self._on_solution)]
        rows += [row(*buttons), self._result, self._more, self._standing]
        self._stand()
        return frame(rows)

    def answer(self) -> Any:
        """What stands in the entry: the chosen key, the value typed, or None."""
        typed = getattr(self._entry, "value", None)
        return literal(typed) if isinstance(typed, str) and not self._choices else typed

    def _on_check(self, _: Any) -> None:
        self._say("verdict", self._result, lambda: self._check(self.answer()))
        self._stand()

    def _on_hint(self, _: Any) -> None:
        self._hints = min(self._hints + 1, 3)
        self._say("more", self._more, lambda: self._hint(self._hints))
        self._hint_button.description = f"Hint {min(self._hints + 1, 3)} of 3"

    def _on_solution(self, _: Any) -> None:
        self._say("more", self._more, self._solution)

    def _say(self, what: str, area: Any, picture: Callable[[], Picture]) -> None:
        self._said[what] = said = drawn(picture)
        area.value = said._repr_html_()
        self._follow()

    def _stand(self) -> None:
        show(self._standing, lambda: self._quiet(self._progress()))

    def _quiet(self, words: str) -> Picture:
        return Picture(words, words, html=el("small", words))


def literal(typed: str) -> Any:
    """What was typed: a Python literal (`[0, 2]`, `{"access": "POP3"}`), else the text as it is."""
    try:
        return ast.literal_eval(typed.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return typed.strip()
