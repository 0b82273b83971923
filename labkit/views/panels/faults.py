"""Faults: switch what can go wrong on and off in a running world, and see what a letter makes of it.

    faults = Faults(world)
    faults.on("latency:0.5@mail.example.org").send()

A fault is written as on the command line: NAME[:ARGUMENTS]@HOST.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.errors import LabError
from labkit.views.markup import el
from labkit.views.panels import look
from labkit.views.panels.probe import Probe, comparison, send_letter, way
from labkit.views.panels.shell import Panel, button, drawn, frame, note, row, show, stack, words_of
from labkit.views.picture import Picture
from labkit.views.words import visible
from labkit.world.faults import CATALOGUE, Chosen, parse

if TYPE_CHECKING:
    from labkit.world.world import World

PLACES = {"network": "The network", "middle": "On the line", "server": "The server"}
EVERYWHERE = "*"


class Faults(Panel):
    """The faults of one world: those that are on, and the letters that were sent meanwhile."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.trouble = ""
        self.letters: list[Probe] = []
        self._on: dict[str, Chosen] = {}
        self._quiet = False

    # What a cell can call

    def on(self, fault: str) -> Faults:
        """Switch a fault on: `latency:0.5@mail.example.org`."""
        self.trouble = ""
        try:
            chosen = parse(fault, seed=self.world.seed)
            self._known(chosen.host)
            self._take_off(chosen.fault.name)
            self.world.call(lambda: self.world.network.faults.append(chosen.rule))
            self._on[chosen.fault.name] = chosen
        except Exception as error:
            self.trouble = words_of(error)
        self._draw()
        return self

    def off(self, name: str | None = None) -> Faults:
        """Switch a fault off by its name; without one, all."""
        for found in list(self._on) if name is None else [name.partition("@")[0].partition(":")[0]]:
            self._take_off(found)
        self._draw()
        return self

    def send(self) -> Faults:
        """Send a letter and fetch it, with the faults that are on."""
        self.trouble = ""
        named = [str(chosen) for chosen in self._on.values()]

        def job() -> None:
            try:
                self.letters.append(send_letter(self.world, named))
            except Exception as error:
                self.trouble = words_of(error)

        if self._box is not None:
            self._status.value = el("p", "The letter is on its way …", class_="lk lk-note")
        self._errand(self._box is not None and not self.world.is_simulated, job, self._draw)
        return self

    def _take_off(self, name: str) -> None:
        chosen = self._on.pop(name, None)
        if chosen is not None and chosen.rule in self.world.network.faults:
            self.world.call(lambda: self.world.network.faults.remove(chosen.rule))

    def _known(self, host: str) -> None:
        if host != EVERYWHERE and self.world.network.hosts.at(host) is None:
            raise LabError(f"there is no host {host!r} in this world")

    # What it shows

    def picture(self) -> Picture:
        parts = [("", self._standing())]
        if self.letters:
            parts += [
                ("", comparison(self.letters)),
                ("The way of the last letter", drawn(lambda: way(self.world, self.letters[-1]))),
            ]
        return stack(parts, "Faults of this world")

    def _standing(self) -> Picture:
        lines = [f"✗ {self.trouble}"] if self.trouble else []
        lines += [_words(chosen) for chosen in self._on.values()]
        return note("\n".join(lines) if lines else "No fault is on.")

    # How it is clicked

    def _build(self) -> Any:
        import ipywidgets as w

        hosts = [("everywhere", EVERYWHERE), *((name, name) for name in self.world.servers)]
        self._host = w.Dropdown(options=hosts, value=EVERYWHERE, description="At")
        self._switches: dict[str, Any] = {}
        self._arguments: dict[str, Any] = {}
        self._status, self._table, self._ladder = w.HTML(), w.HTML(), w.HTML()
        pages = []
        for place in PLACES:
            rows = [self._row(name) for name, fault in CATALOGUE.items() if fault.place == place]
            pages.append(w.VBox(rows))
        tabs = w.Tab(children=pages, titles=list(PLACES.values()))
        actions = row(button("Send a letter", lambda _: self.send(), "primary"),
                      button("All faults off", lambda _: self.off()))  # fmt: skip
        box = frame(
            [w.HTML(look.sheet()), self._host, tabs, actions, self._status, self._table, self._ladder]
        )
        self._box = box
        self._draw()
        return box

    def _row(self, name: str) -> Any:
        import ipywidgets as w

        fault = CATALOGUE[name]
        switch = w.Checkbox(value=False, description=name, indent=False, layout=w.Layout(width="14em"))
        entry = w.Text(
            placeholder=fault.usage.partition(":")[2],
            description="with",
            layout=w.Layout(width="19em", visibility="visible" if fault.parameters else "hidden"),
        )
        entry.style.description_width = "3em"
        switch.observe(lambda change: self._on_switch(name, change["new"]), "value")
        self._switches[name], self._arguments[name] = switch, entry
        words = el("div", fault.sentence, " ", el("small", f"({fault.rfc})"), class_="lk lk-sentence")
        made = row(switch, entry, w.HTML(words))
        made.add_class("lk-fault")
        return made

    def _on_switch(self, name: str, is_on: bool) -> None:
        if self._quiet:
            return
        if not is_on:
            self.off(name)
            return
        arguments = self._arguments[name].value.strip()
        self.on(f"{name}{':' if arguments else ''}{arguments}@{self._host.value}")

    # How it follows

    def _draw(self) -> None:
        if self._box is None:
            return
        self._quiet = True
        for name, switch in self._switches.items():
            switch.value = name in self._on
        self._quiet = False
        show(self._status, self._standing)
        if self.letters:
            show(self._table, lambda: comparison(self.letters))
            show(self._ladder, lambda: way(self.world, self.letters[-1]))
        self._follow()


def _words(chosen: Chosen) -> str:
    return f"{visible(str(chosen))}: {chosen.fault.sentence} ({chosen.fault.rfc})"
