"""Explorer: a capture as linked panes; what is selected in one is selected in all.

    Explorer(world)                    # or a capture, or the path of a pcap

Connections, exchanges and messages are lists, walked through with the arrow keys; the ladder, the octets and
the message follow, and lead: whatever is clicked on in them is selected too.  Filters say which exchanges
are shown.
"""

from __future__ import annotations

from typing import Any

from labkit.views.markup import el
from labkit.views.panels import look
from labkit.views.panels.finder import PAGE, Finder
from labkit.views.panels.shell import Panel, button, drawn, frame, note, pane, row, show, stack, words_of
from labkit.views.picture import Picture
from labkit.views.words import short, visible

FILTERS = ("protocol", "host", "verb", "flaw")


class Explorer(Panel):
    """Panes over a world, a capture or a file; what cannot be read is said in words."""

    def __init__(self, source: Any) -> None:
        self._trouble = ""
        self._finder: Finder | None = None
        self._quiet = False  # while lists are filled, their changes are not a learner's
        try:
            self._finder = Finder(source)
        except Exception as error:
            self._trouble = words_of(error)

    # What a cell can call

    def filter(
        self,
        *,
        protocol: str | None = None,
        host: str | None = None,
        verb: str | None = None,
        flaw: str | None = None,
    ) -> Explorer:
        """Show only these exchanges; `flaw="any flaw"` is those with one."""
        wanted = {"protocol": protocol, "host": host, "verb": verb, "flaw": flaw}
        return self._do(lambda finder: finder.filter(**wanted))

    def select(self, connection: int, exchange: int | None = None) -> Explorer:
        """Select an exchange, or the first of a connection, in all panes."""
        return self._do(lambda finder: finder.select(connection, exchange))

    def look_again(self) -> Explorer:
        """Read the tables of a world that went on."""
        return self._do(lambda finder: finder.look_again())

    # What it shows

    def picture(self) -> Picture:
        finder = self._finder
        if finder is None:
            return note(self._trouble)
        parts = [("", note("\n".join(filter(None, [self._trouble, finder.summary()]))))]
        if finder.row is not None:
            parts += [
                ("Exchanges", finder.table()),
                ("Ladder", drawn(finder.ladder)),
                ("Octets", drawn(finder.octets)),
                ("Message", drawn(finder.letter)),
            ]
        return stack(parts, "A capture, explored")

    # How it is clicked

    def _build(self) -> Any:
        import ipywidgets as w

        finder = self._finder
        if finder is None:
            return frame([w.HTML(note(self._trouble)._repr_html_())])
        self._filters = {name: self._dropdown(finder, name) for name in FILTERS}
        self._summary, self._letter = w.HTML(), w.HTML()
        self._ladder, self._octets = pane("Ladder"), pane("Octets")
        self._connections = self._list("Connections", 6)
        self._exchanges = self._list("Exchanges", 14)
        self._messages = self._list("Messages", 5)
        paging = [
            button("First", lambda _: self._step(-len(finder.shown))),
            button(f"Back {PAGE}", lambda _: self._step(-PAGE)),
            button("Previous", lambda _: self._step(-1)),
            button("Next", lambda _: self._step(1)),
            button(f"On {PAGE}", lambda _: self._step(PAGE)),
            button("Last", lambda _: self._step(len(finder.shown))),
            button("Look again", lambda _: self.look_again(), tip="read what has happened since"),
        ]
        box = frame([w.HTML(look.sheet()), row(*self._filters.values()), self._summary,
                     _heading("Connections"), self._connections, _heading("Exchanges"), self._exchanges,
                     row(*paging), _heading("Ladder"), self._ladder, _heading("Octets"), self._octets,
                     _heading("Messages"), self._messages, self._letter], self.select)  # fmt: skip
        self._box = box
        self._draw()
        return box

    def _dropdown(self, finder: Finder, name: str) -> Any:
        import ipywidgets as w

        made = w.Dropdown(options=_offered(finder, name), value="", description=name.capitalize())
        made.observe(self._on_filter, "value")
        return made

    def _list(self, label: str, rows: int) -> Any:
        import ipywidgets as w

        made = w.Select(options=[], rows=rows, layout=w.Layout(width="auto"), description=label)
        made.style.description_width = "0"
        made.add_class("lk-list")
        made.observe(self._on_select, "value")
        return made

    def _on_filter(self, _: Any) -> None:
        if not self._quiet:
            wanted = {name: made.value for name, made in self._filters.items()}
            self._do(lambda finder: finder.filter(**wanted))

    def _on_select(self, change: Any) -> None:
        if self._quiet or change["new"] is None:
            return
        picked, key = change["owner"], change["new"]

        def choose(finder: Finder) -> None:
            if picked is self._connections:
                finder.select(key)
            elif picked is self._exchanges:
                finder.select(*key)
            else:
                row = finder.messages[key]
                finder.select(row["connection"], row["exchange"])

        self._do(choose)

    def _step(self, by: int) -> None:
        self._do(lambda finder: finder.step(by))

    # How it follows

    def _do(self, act: Any) -> Explorer:
        if self._finder is not None:
            self._trouble = ""
            try:
                act(self._finder)
            except Exception as error:
                self._trouble = words_of(error)
            self._draw()
        return self

    def _draw(self) -> None:
        finder = self._finder
        if self._box is None or finder is None:
            return
        self._quiet = True
        try:
            for name, made in self._filters.items():
                if made.options != (offered := _offered(finder, name)):
                    made.options = offered
                made.value = finder.filters.get(name, "")
            _fill(self._connections, finder.connection_lines(), finder.selected and finder.selected[0])
            _fill(self._exchanges, finder.exchange_lines(), finder.selected)
            _fill(self._messages, finder.message_lines(), finder.message)
        finally:
            self._quiet = False
        words = "\n".join(filter(None, [self._trouble, finder.summary()]))
        self._summary.value = el("p", words, class_="lk lk-note", role="status")
        show(self._ladder, finder.ladder)
        show(self._octets, finder.octets)
        show(self._letter, finder.letter)
        self._follow()


def _offered(finder: Finder, name: str) -> tuple[tuple[str, str], ...]:
    """What a filter can be set to; also what it is set to, if nothing is so."""
    values = dict.fromkeys([*finder.choices(name), *filter(None, [finder.filters.get(name)])])
    return (("all", ""), *((short(visible(value), 40), value) for value in values))


def _fill(made: Any, lines: list[tuple[str, Any]], chosen: Any) -> None:
    """Another page in a list, if it is another, and the chosen line."""
    options = [(words.replace(" ", "\u00a0"), key) for words, key in lines]
    if tuple(options) != tuple(made.options):
        made.options = options
    made.value = chosen if any(key == chosen for _, key in options) else None


def _heading(words: str) -> Any:
    import ipywidgets as w

    return w.HTML(el("b", words, class_="lk"))
