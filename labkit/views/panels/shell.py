"""What all widgets share: when one appears, what stands in its place, and what an error becomes.

A widget appears only where a Jupyter server runs the kernel (or LABKIT_WIDGETS=1 says so);
under nbval, nbconvert or a plain shell the same object is its HTML and text, so committed
outputs hold no model ids.  A widget never raises into the notebook: what goes wrong is
said in the widget, in words.

A notebook is saved without the state of its widgets, so a widget has a twin in its cell: the still
picture, which follows it and is hidden as long as the widget is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

from labkit.errors import LabError
from labkit.views.markup import Markup, el, join
from labkit.views.picture import Picture

_HIDDEN = Markup(
    ".jp-OutputArea:has(.lk-panel) > .jp-OutputArea-child:has(.lk-still), "
    ".jp-OutputArea:not(:has(.lk-panel)) > .jp-OutputArea-child:has(+ .jp-OutputArea-child .lk-still) "
    "{ display: none; }"
)
"""Of a widget and its twin, one is seen: in a notebook that is opened again there is no widget any more."""
_numbers = count(1)  # of the twins in this kernel; no notebook is saved with them


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
    _twin: Any = None

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
        return self._view() | self._bundle()

    def _ipython_display_(self) -> None:
        """The widget, and behind it its twin; without a widget, what the mimebundle has."""
        view = self._view()
        if not view:
            raise NotImplementedError
        from IPython.display import DisplayHandle, display

        # An update draws an output anew; the widget's own would lose what is being typed into it.
        display({**view, "text/plain": "", "text/html": ""}, raw=True)  # type: ignore[no-untyped-call]
        self._twin = self._twin or DisplayHandle(f"labkit-panel-{next(_numbers)}")  # type: ignore[no-untyped-call]
        self._twin.display(self._bundle(hidden=True), raw=True)

    def _follow(self) -> None:
        """What is saved with the notebook becomes what the widget shows now."""
        if self._twin is not None:
            self._twin.update(self._bundle(hidden=True), raw=True)

    def _bundle(self, hidden: bool = False) -> dict[str, Any]:
        face = drawn(self.picture)
        html = face._repr_html_()
        if hidden:
            html = el("div", el("style", _HIDDEN), Markup(html), class_="lk-still")
        return {"text/plain": str(face), "text/html": html}

    def _view(self) -> dict[str, Any]:
        """The widget's part of a mimebundle, if there is one."""
        if not interactive():
            return {}
        try:
            view: dict[str, Any] = self.widget()._repr_mimebundle_()
        except ImportError:  # the extra `lab` is not installed
            return {}
        return view


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


def frame(children: Sequence[Any], pick: Callable[[int, int | None], object] | None = None) -> Any:
    """The widgets of a panel below each other; keys pressed in it are meant for it.

    `pick` is called with the connection and the exchange that were chosen in one of its panes (no
    exchange: the connection as a whole).
    """
    import ipywidgets as w

    from labkit.views.panels.keyboard import Keys

    keys = Keys()
    if pick is not None:
        keys.on_msg(lambda _, content, __: _picked(content, pick))
    box = w.VBox([*children, keys])
    box.add_class("lk-panel")
    return box


def _picked(content: Any, pick: Callable[[int, int | None], object]) -> None:
    if not isinstance(content, dict):
        return
    connection, exchange = content.get("connection"), content.get("exchange")
    if isinstance(connection, int) and isinstance(exchange, int | None):
        pick(connection, exchange)


def pane(what: str) -> Any:
    """A place for a picture in which an exchange is chosen, by a click or with the arrow keys."""
    import ipywidgets as w

    made = w.HTML(tooltip=f"{what}: click on an exchange, or go to it with the arrow keys")
    made.add_class("lk-pane")
    return made


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
