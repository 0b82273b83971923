"""All of the widgets: thin shells around views, which do nothing a function cannot do as well.

A widget appears only where a Jupyter server runs the kernel (or LABKIT_WIDGETS=1 says so);
under nbval, nbconvert or a plain shell the same object is its HTML and text, so committed
outputs hold no model ids.  A widget never raises into the notebook: what goes wrong is
said in the widget, in words.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Sequence
from typing import Any

from labkit.errors import LabError
from labkit.views.markup import el, prose
from labkit.views.picture import Picture
from labkit.views.style import sheet


def interactive() -> bool:
    """Whether somebody can click: LABKIT_WIDGETS says so (1 or 0), else a Jupyter server started us."""
    asked = os.environ.get("LABKIT_WIDGETS")
    if asked is not None:
        return asked not in ("", "0")
    return "JPY_SESSION_NAME" in os.environ


class Card:
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
        self._box: Any = None
        self._entry: Any = None
        self._hints = 0

    def __str__(self) -> str:
        return str(self.face)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        still = {"text/plain": str(self.face), "text/html": self.face._repr_html_()}
        if not interactive():
            return still
        try:
            view: dict[str, Any] = self.widget()._repr_mimebundle_()
        except ImportError:  # the extra `lab` is not installed
            return still
        return view | still

    def widget(self) -> Any:
        """The widget, made when it is first asked for."""
        if self._box is None:
            self._box = self._build()
        return self._box

    def _build(self) -> Any:
        import ipywidgets as w

        listed = [el("p", el("b", f"{key}) "), words) for key, words in self._choices]
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
        elif self._expects:
            self._entry = w.Text(placeholder=self._expects, description="Answer", layout=wide)
        rows += [self._entry] if self._entry is not None else []
        if self._needs:
            rows.append(
                w.HTML(
                    el("div", prose(f"This check reads a capture; run {self._needs} in a cell."), class_="lk")
                )
            )
        buttons = [] if self._needs else [_button("Check", self._on_check, "primary")]
        self._hint_button = _button("Hint 1 of 3", self._on_hint)
        buttons += [self._hint_button, _button("Show the solution", self._on_solution)]
        rows += [w.HBox(buttons), self._result, self._more, self._standing]
        self._stand()
        return w.VBox(rows)

    def answer(self) -> Any:
        """What stands in the entry: the chosen key, the value typed, or None."""
        typed = getattr(self._entry, "value", None)
        return literal(typed) if isinstance(typed, str) and not self._choices else typed

    def _on_check(self, _: Any) -> None:
        self._say(self._result, lambda: self._check(self.answer()))
        self._stand()

    def _on_hint(self, _: Any) -> None:
        self._hints = min(self._hints + 1, 3)
        self._say(self._more, lambda: self._hint(self._hints))
        self._hint_button.description = f"Hint {min(self._hints + 1, 3)} of 3"

    def _on_solution(self, _: Any) -> None:
        self._say(self._more, self._solution)

    def _stand(self) -> None:
        self._say(self._standing, lambda: self._quiet(self._progress()))

    def _quiet(self, words: str) -> Picture:
        return Picture(words, words, html=el("small", words))

    def _say(self, area: Any, picture: Callable[[], Picture]) -> None:
        try:
            area.value = picture()._repr_html_()
        except Exception as error:
            words = (
                str(error) if isinstance(error, LabError) else f"this did not work ({type(error).__name__})"
            )
            area.value = el("div", words, class_="lk")


def literal(typed: str) -> Any:
    """What was typed: a Python literal (`[0, 2]`, `{"access": "POP3"}`), else the text as it is."""
    try:
        return ast.literal_eval(typed.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return typed.strip()


def _button(words: str, act: Callable[[Any], None], style: str = "") -> Any:
    import ipywidgets as w

    button = w.Button(description=words, button_style=style, layout=w.Layout(width="auto"))
    button.on_click(act)
    return button
