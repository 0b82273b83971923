"""Player: a journey, moment by moment, forwards and backwards in lab time.

    Player(world)                      # or a capture; trace=... follows one message

Between two moments it waits as long as they are apart on the lab's clock, times the speed; a wait of more
than `LONGEST` is shortened.  It can pause at each exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from labkit.views.markup import el
from labkit.views.moments import Moment, Walk, moments, still
from labkit.views.panels import look
from labkit.views.panels.shell import Panel, button, drawn, frame, note, row, show, words_of
from labkit.views.picture import Picture

SPEEDS = {"1/20": 0.05, "1/10": 0.1, "1/4": 0.25, "1/2": 0.5, "1": 1.0, "2": 2.0, "10": 10.0, "60": 60.0}
"""Lab seconds that pass in a second, as they are written."""
SHORTEST, LONGEST = 0.1, 1.5  # seconds between two moments, whatever the clock of the lab says

Sleep = Callable[[float], Awaitable[None]]


class Player(Panel):
    """A journey that is at one of its moments; `index` says at which."""

    def __init__(self, source: Any, *, trace: str | None = None) -> None:
        self.index = 0
        self.speed = SPEEDS["1/10"]
        self.pauses = False  # at each exchange
        self.trouble = ""
        self._walk: Walk | None = None
        self._task: asyncio.Task[None] | None = None
        self._quiet = False
        try:
            self._walk = moments(source, trace=trace, every="exchange")
        except Exception as error:
            self.trouble = words_of(error)

    # What a cell can call

    def __len__(self) -> int:
        return len(self._walk or ())

    def go(self, index: int) -> Player:
        """Be at this moment, the nearest if there is none of that number."""
        self.index = min(max(index, 0), max(len(self) - 1, 0))
        self._draw()
        return self

    def forward(self) -> Player:
        return self.go(self.index + 1)

    def back(self) -> Player:
        return self.go(self.index - 1)

    def stop(self) -> None:
        """Stand still."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._draw()

    async def play(self, sleep: Sleep = asyncio.sleep) -> None:
        """Go on until the end, or until an exchange has been shown if it pauses at each."""
        while self.index < len(self) - 1:
            await sleep(self.wait_s())
            self.forward()
            if self.pauses and self._at_exchange():
                return

    def wait_s(self) -> float:
        """Seconds until the next moment."""
        here, after = self._moment(self.index), self._moment(self.index + 1)
        apart = (after.at - here.at) / 1e6 if here and after else 0.0
        return min(max(apart / self.speed, SHORTEST), LONGEST)

    # What it shows

    def picture(self) -> Picture:
        walk = self._walk
        if walk is None:
            return note(self.trouble)
        return still(walk, self.index) if len(walk) else note("There is no journey in this capture.")

    def _moment(self, index: int) -> Moment | None:
        return self._walk[index] if self._walk is not None and 0 <= index < len(self) else None

    def _at_exchange(self) -> bool:
        """Whether this moment is an exchange, and another one than the moment before."""
        here, before = self._moment(self.index), self._moment(self.index - 1)
        if here is None or here.exchange is None:
            return False
        return before is None or (here.connection, here.exchange) != (before.connection, before.exchange)

    # How it is clicked

    def _build(self) -> Any:
        import ipywidgets as w

        self._still, self._words = w.HTML(), w.HTML()
        self._place = w.IntSlider(
            min=0, max=max(len(self) - 1, 0), description="Moment", continuous_update=False, readout=False,
            layout=w.Layout(width="100%", max_width="60em"),
        )  # fmt: skip
        self._pace = w.SelectionSlider(
            options=list(SPEEDS.items()), value=self.speed, description="Speed", continuous_update=False
        )
        self._pausing = w.Checkbox(value=self.pauses, description="Pause at each exchange", indent=False)
        self._place.observe(self._on_place, "value")
        self._pace.observe(lambda change: setattr(self, "speed", change["new"]), "value")
        self._pausing.observe(lambda change: setattr(self, "pauses", change["new"]), "value")
        self._play = button("Play", self._on_play, "primary")
        self._ends = [
            button("First", lambda _: self.go(0)),
            button("Back", lambda _: self.back()),
            button("Forward", lambda _: self.forward()),
            button("Last", lambda _: self.go(len(self) - 1)),
        ]
        controls = row(*self._ends[:2], self._play, *self._ends[2:], self._pace, self._pausing)
        box = frame([w.HTML(look.sheet()), controls, self._place, self._words, self._still])
        self._box = box
        self._draw()
        return box

    def _on_place(self, change: Any) -> None:
        if not self._quiet:
            self.go(change["new"])

    def _on_play(self, _: Any) -> None:
        if self._task is not None:
            self.stop()
            return
        loop = asyncio._get_running_loop()
        if loop is None:
            self.trouble = "nothing plays by itself here; step forward instead"
            self._draw()
            return
        if self.index == len(self) - 1:
            self.go(0)
        self._task = loop.create_task(self.play())
        self._task.add_done_callback(self._on_end)
        self._draw()

    def _on_end(self, task: asyncio.Task[None]) -> None:
        if task is self._task:
            self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self.trouble = words_of(error) if isinstance(error, Exception) else str(error)
        self._draw()

    # How it follows

    def _draw(self) -> None:
        if self._box is None:
            return
        self._quiet = True
        self._place.value = self.index
        self._quiet = False
        self._play.description = "Play" if self._task is None else "Pause"
        self._play.disabled = len(self) < 2
        for place, made in enumerate(self._ends):
            made.disabled = self.index == 0 if place < 2 else self.index >= len(self) - 1
        here = f"Moment {self.index + 1} of {len(self)}" if len(self) else ""
        words = ". ".join(filter(None, [self.trouble, here]))
        self._words.value = el("p", words, class_="lk lk-note", role="status")
        show(self._still, lambda: drawn(self.picture))
        if self._task is None:
            self._follow()
