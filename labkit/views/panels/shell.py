"""What all widgets share: when one appears, what stands in its place, and what an error becomes.

A widget appears only where a Jupyter server runs the kernel (or LABKIT_WIDGETS=1 says so);
under nbval, nbconvert or a plain shell the same object is its HTML and text, so committed
outputs hold no model ids.  A widget never raises into the notebook: what goes wrong is
said in the widget, in words.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from labkit.errors import LabError
from labkit.views.markup import Markup, el, join
from labkit.views.picture import Picture


def interactive() -> bool:
    """Whether somebody can click: LABKIT_WIDGETS says so (1 or 0), else a Jupyter server started us."""
    asked = os.environ.get("LABKIT_WIDGETS")
    if asked is not None:
        return asked not in ("", "0")
    return "JPY_SESSION_NAME" in os.environ


class Panel:
    """An object that is a widget where somebody can click, and a picture everywhere else.

    A panel says what it shows at present (`picture`) and how it is clicked (`_build`).
    """

    _box: Any = None
    _worker: ThreadPoolExecutor | None = None

    def picture(self) -> Picture:
        """What it shows at present, without widgets."""
        raise NotImplementedError

    def _build(self) -> Any:
        """The widgets, when they are first asked for."""
        raise NotImplementedError

    def widget(self) -> Any:
        """The widget, made when it is first asked for."""
        if self._box is None:
            self._box = self._build()
        return self._box

    def _errand(self, waits: bool, job: Callable[[], object], then: Callable[[], None]) -> None:
        """Do a job and then show what came of it; one that waits on real ports never blocks the kernel.

        On the simulated network waiting takes no time, and the clock is driven where it always is: here.
        Jobs that wait are done in a thread, one behind the other; `then` runs in the kernel's own.
        """
        import asyncio  # only where a widget runs: an exercise in a plain shell needs none

        loop = asyncio._get_running_loop()
        if not waits or loop is None:
            job()
            then()
            return
        self._worker = self._worker or ThreadPoolExecutor(1, thread_name_prefix="labkit panel")
        loop.run_in_executor(self._worker, job).add_done_callback(lambda _: then())

    def __str__(self) -> str:
        return str(drawn(self.picture))

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        face = drawn(self.picture)
        still = {"text/plain": str(face), "text/html": face._repr_html_()}
        if not interactive():
            return still
        try:
            view: dict[str, Any] = self.widget()._repr_mimebundle_()
        except ImportError:  # the extra `lab` is not installed
            return still
        return view | still


def words_of(error: Exception) -> str:
    """An error as a learner reads it; only those that labkit raises on purpose tell more than their kind."""
    if isinstance(error, LabError):
        return str(error)
    return f"this did not work ({type(error).__name__})"


def drawn(picture: Callable[[], Picture]) -> Picture:
    """The picture, or in its place what went wrong."""
    try:
        return picture()
    except Exception as error:
        return note(words_of(error))


def note(words: str, *, tag: str = "p") -> Picture:
    """A sentence on its own."""
    return Picture(words, words, html=el(tag, words) if words else Markup(""))


def stack(parts: Sequence[tuple[str, Picture]], alt: str) -> Picture:
    """Several pictures below each other, each under its heading (none: an empty word)."""
    pieces, texts = [], []
    for heading, part in parts:
        if heading:
            pieces.append(el("p", el("b", heading)))
        pieces.append(Markup(part._repr_html_()))
        texts.append("\n".join(filter(None, [heading, str(part)])))
    return Picture("\n\n".join(texts), alt, html=join(pieces))


def show(area: Any, picture: Callable[[], Picture]) -> None:
    """Put a picture, or what went wrong with it, into an HTML widget."""
    area.value = drawn(picture)._repr_html_()


def frame(children: Sequence[Any]) -> Any:
    """The widgets of a panel below each other; keys pressed in it are meant for it."""
    import ipywidgets as w

    from labkit.views.panels.keyboard import Keys

    box = w.VBox([*children, Keys()])
    box.add_class("lk-panel")
    return box


def row(*children: Any) -> Any:
    """Widgets side by side, in as many lines as they need."""
    import ipywidgets as w

    return w.HBox(children, layout=w.Layout(flex_flow="row wrap"))


def button(words: str, act: Callable[[Any], object], style: str = "", *, tip: str = "") -> Any:
    """A button as wide as its words."""
    import ipywidgets as w

    made = w.Button(description=words, button_style=style, tooltip=tip, layout=w.Layout(width="auto"))
    made.on_click(act)
    return made
