"""Console: be a mail program oneself, on any port of the world, and see what each line does.

    console = Console(world, "mail.example.com", 25)

Type a line, or choose one that may come now; the reply, the exchange, the ladder and the lit state
follow.  In a cell, `console.type("EHLO me")` does the same.  What was typed is kept under the
console's `name`, and typed again when the kernel was restarted (only where somebody can click: a
committed output depends on its cell alone).  Run again in the same world, the cell shows
the same console.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from labkit import standards
from labkit.clients.console import Said
from labkit.states.imap import MACHINE as IMAP
from labkit.views.bytes import annotate
from labkit.views.ladder import ladder
from labkit.views.markup import el, join
from labkit.views.panels import look
from labkit.views.panels.byhand import ByHand
from labkit.views.panels.explain import explain
from labkit.views.panels.saved import Saved
from labkit.views.panels.shell import (
    Panel,
    button,
    drawn,
    frame,
    interactive,
    note,
    pane,
    row,
    show,
    stack,
    words_of,
)
from labkit.views.picture import Picture
from labkit.views.rows import Row
from labkit.views.states import diagram
from labkit.views.words import listing, short, visible

if TYPE_CHECKING:
    from labkit.world.devices import Device
    from labkit.world.world import World

DRAWN = 24
"""Exchanges of the ladder: the last ones."""
OCTETS = 100  # lines of the selected exchange
STATUS = 200  # characters of the line that is read out

_known: WeakKeyDictionary[Any, dict[str, ByHand]] = WeakKeyDictionary()  # by world and name


class Console(Panel):
    """A connection typed by hand.

    `server` is a name or an address, `client` the host at which one sits: the world's first user, unless
    given.  Without `server` nothing is connected yet.
    """

    def __init__(
        self,
        world: World,
        server: str | Device | None = None,
        port: int = 25,
        *,
        client: Device | None = None,
        name: str = "console",
    ) -> None:
        here = client or next(iter(world.users.values()), None) or next(iter(world.servers.values()))
        self.world, self.name = world, name
        self._server = server if isinstance(server, str) else server.name if server else ""
        self._port = port
        self._saved = Saved()
        self._rows: list[Row] = []
        self._chosen: int | None = None  # exchange
        self._buttons: dict[str, Any] = {}
        self._protocol = ""
        known = _known.setdefault(world, {})
        if name in known and known[name].client is here:
            self.hand = known[name]
            self._look()
            return
        self.hand = known[name] = ByHand(world, here)
        before = self._saved.load(name) if interactive() else []
        if interactive():
            self.hand.keep = lambda done: self._saved.keep(name, done)
        if before:
            self._go(lambda: self.hand.replay(before))
        elif self._server:
            self._go(lambda: self.hand.connect(self._server, port))

    # What a cell can call

    def connect(self, server: str | Device | None = None, port: int | None = None) -> Console:
        """Connect, to another server and port if they are given."""
        self._server = server if isinstance(server, str) else server.name if server else self._server
        self._port = self._port if port is None else port
        return self._go(lambda: self.hand.connect(self._server, self._port))

    def type(self, text: str) -> Console:
        """Type one line or several, each when the one before has its reply."""
        return self._go(lambda: self.hand.type(text))

    def data(self, text: str) -> Console:
        """Send a message after DATA: its dots are stuffed, and the dot that ends it is put behind."""
        return self._go(lambda: self.hand.data(text))

    def literal(self, line: str, text: str) -> Console:
        """Send a line of IMAP with a literal: `console.literal("a1 APPEND INBOX", message)`."""
        return self._go(lambda: self.hand.literal(line, text))

    def hang_up(self) -> Console:
        """Close the connection without a word."""
        return self._go(self.hand.hang_up)

    def select(self, exchange: int | None) -> Console:
        """Select an exchange in all panes, and show its octets; None: no one."""
        known = any(row["exchange"] == exchange for row in self._rows)
        self._chosen = exchange if known else None
        self._draw()
        return self

    def explain(self) -> Picture:
        """What the last reply means, or that of the selected exchange, and where the RFC says so."""
        last = self._rows[-1] if self._rows else None
        return drawn(lambda: explain(self._chosen_row() or last))

    def as_code(self) -> Said:
        """What was typed as the text of a cell; in a running notebook the cell is put below as well."""
        code = self.hand.as_code()
        if interactive():
            _put_below(code)
        return Said(code)

    def start_afresh(self) -> Console:
        """Close the connection and forget what was typed."""
        self.hand.hang_up()
        self.hand.forget()
        self._saved.keep(self.name, [])
        return self._go(lambda: None)

    # What it shows

    def picture(self) -> Picture:
        rows, state = self._rows, self.hand.state(self._rows)
        head = [self._where(state), self._reply_and_trouble(), self._legal(state)]
        parts = [("", part) for part in head if str(part)]
        if rows:
            parts += [("", self._table()), ("", self._ladder()), ("", self._octets())]
            parts += [("", self._diagram(state))]
        return stack(parts, "A connection typed by hand")

    def _where(self, state: str | None) -> Picture:
        here = f"At {self.hand.client.name}"
        if state is None:
            return note(f"{here}; no connection.")
        return note(f"{here}, connected to {self._server}, port {self._port}; state {state}.")

    def _reply_and_trouble(self) -> Picture:
        """What the server said last, and what went wrong."""
        trouble = self.hand.trouble or self._saved.trouble
        words = [look.said(self.hand.said)] if self.hand.said else []
        words += [el("p", f"✗ {trouble}", class_="lk-trouble")] if trouble else []
        text = "\n".join(filter(None, [self.hand.said, f"✗ {trouble}" if trouble else ""]))
        return Picture(text, "The last reply", html=join([look.sheet(), *words]))

    def _legal(self, state: str | None) -> Picture:
        may = [choice.verb for choice in self.hand.choices(state) if not choice.reason]
        return note(f"May come now: {listing(may)}." if may else "Nothing may come now but a new connection.")

    def _chosen_row(self) -> Row | None:
        return next((row for row in self._rows if row["exchange"] == self._chosen), None)

    def _key(self) -> tuple[int, int] | None:
        row = self._chosen_row()
        return (row["connection"], row["exchange"]) if row is not None else None

    def _table(self) -> Picture:
        return look.exchanges(self._rows, chosen=self._key())

    def _ladder(self) -> Picture:
        number = self.hand.number
        connections = self.world.capture.rows("connections").where(connection=number)
        return ladder(self._rows[-DRAWN:], connections, connection=number, selected=self._key())

    def _octets(self) -> Picture:
        """Those of the selected exchange."""
        number, chosen = self.hand.number, self._chosen
        if number is None or chosen is None:
            return note("")
        capture = self.world.call(lambda: self.world.capture.where(number))
        return annotate(capture, connection=number, exchange=chosen, limit=OCTETS)

    def _diagram(self, state: str | None) -> Picture:
        return diagram(self.hand.machine, self._rows, connection=self.hand.number, current=state)

    # How it is clicked

    def _build(self) -> Any:
        import ipywidgets as w

        from labkit.views.panels.keyboard import Line

        wide = w.Layout(width="21em")
        self._host = w.Combobox(
            value=self._server, options=list(self.world.servers), description="Server", layout=wide,
            placeholder="a name or an address",
        )  # fmt: skip
        self._door = w.Combobox(
            value=str(self._port), options=[f"{p.number} {p.service}" for p in standards.PORTS],
            description="Port", layout=wide,
        )  # fmt: skip
        self._line = Line(
            name=self.name, label=f"{self.hand.client.name} types", placeholder="Enter sends it"
        )
        self._line.on_msg(self._on_line)
        self._commands = w.Box()
        self._commands.add_class("lk-commands")
        self._reasons, self._reply, self._extra = w.HTML(), w.HTML(), w.HTML()
        self._exchanges, self._drawing, self._wire = pane("Exchanges"), pane("Ladder"), w.HTML()
        self._lit = w.HTML()
        self._message = w.Textarea(
            description="Message", placeholder="Subject: …", rows=5, layout=w.Layout(width="auto")
        )
        self._send = [
            button("Send as data", self._on_data, tip="after SMTP's DATA: dots stuffed, a dot behind it"),
            button("Send as literal", self._on_literal, tip="in IMAP, behind the line that is typed above"),
        ]
        self._letter = w.VBox([self._message, row(*self._send)])
        panes = w.Box([self._drawing, self._lit])
        panes.add_class("lk-panes")
        top = row(self._host, self._door, button("Connect", self._on_connect, "primary"),
                  button("Hang up", lambda _: self.hang_up()))  # fmt: skip
        more = row(button("Explain the reply", lambda _: show(self._extra, self.explain)),
                   button("As code", lambda _: show(self._extra, self._code)),
                   button("Start afresh", lambda _: self.start_afresh()))  # fmt: skip
        box = frame([w.HTML(look.sheet()), top, self._line, self._commands, self._reasons, self._letter,
                     self._reply, more, self._extra, self._exchanges, self._wire, panes],
                    lambda _, exchange: self.select(exchange))  # fmt: skip
        self._box = box
        self._draw()
        return box

    def _on_connect(self, _: Any) -> None:
        words = self._door.value.split()
        self.connect(self._host.value.strip(), int(words[0]) if words and words[0].isdecimal() else 0)

    def _on_line(self, _: Any, content: Any, __: Any) -> None:
        if not isinstance(content, dict) or not isinstance(content.get("text"), str):
            return
        if content.get("asked") == "literal":
            self.literal(content["text"], self._message.value)
        else:
            self.type(content["text"])

    def _on_data(self, _: Any) -> None:
        self.data(self._message.value)

    def _on_literal(self, _: Any) -> None:
        self._line.send({"ask": "literal"})

    def _code(self) -> Picture:
        code = self.hand.as_code()
        return Picture(code, "What was typed, as Python", html=el("div", look.sheet(), look.said(code)))

    # How it follows

    def _go(self, act: Callable[[], None]) -> Console:
        """Do it, and show what came of it; on real ports the kernel goes on meanwhile."""
        if self._box is not None:
            self._line.status = "…"

        def job() -> None:
            act()
            self._chosen = None
            self._look()

        self._errand(self._box is not None and not self.world.is_simulated, job, self._draw)
        return self

    def _look(self) -> None:
        try:
            self._rows = self.hand.rows()
        except Exception as error:
            self.hand.trouble = words_of(error)

    def _draw(self) -> None:
        if self._box is None:
            return
        state = self.hand.state(self._rows)
        trouble = self.hand.trouble or self._saved.trouble
        self._choose(state)
        self._send[0].disabled = not self.hand.awaits_letter
        self._send[1].disabled = self.hand.machine is not IMAP or not self.hand.is_open
        needed = not all(made.disabled for made in self._send)
        self._letter.layout.display = None if needed else "none"
        show(self._reply, self._reply_and_trouble)
        if self._rows:
            show(self._exchanges, self._table)
            show(self._drawing, self._ladder)
            show(self._wire, self._octets)
            show(self._lit, lambda: self._diagram(state))
        else:
            for area in (self._exchanges, self._drawing, self._wire, self._lit):
                area.value = ""
        self._tell(trouble)
        self._follow()

    def _tell(self, trouble: str) -> None:
        """The status is read out, so it comes when all the rest is there, and with the history at once."""
        last = self.hand.said.split("\n")[-1]
        letter = "no reply until a line with only a dot" if self.hand.awaits_letter and not last else ""
        with self._line.hold_sync():
            self._line.history = [step.text for step in self.hand.done if step.kind == "line"]
            self._line.bad = bool(trouble)
            self._line.status = short(visible(trouble or last or letter), STATUS)

    def _choose(self, state: str | None) -> None:
        """A button for each command: those that may come now, and the others with the reason."""
        choices = self.hand.choices(state)
        if self.hand.protocol != self._protocol:
            self._protocol = self.hand.protocol
            self._buttons = {choice.verb: button(choice.verb, self._fill) for choice in choices}
            self._commands.children = list(self._buttons.values())
        for choice in choices:
            made = self._buttons[choice.verb]
            made.disabled = bool(choice.reason)
            made.tooltip = f"{choice.gist}: {choice.reason}" if choice.reason else choice.gist
        reasons = {choice.verb: choice.reason for choice in choices if choice.reason}
        items = [el("li", el("code", verb), f" {reason}") for verb, reason in reasons.items()]
        why = el("details", el("summary", f"Why not the other {len(items)}?"), el("ul", *items))
        if len(set(reasons.values())) == 1:
            why = el("p", f"Not now: {next(iter(reasons.values()))}.", class_="lk-note")
        where = el("p", str(self._where(state)), class_="lk-note")
        self._reasons.value = el("div", where, why if reasons else None, class_="lk")

    def _fill(self, pressed: Any) -> None:
        state = self.hand.state(self._rows)
        for choice in self.hand.choices(state):
            if choice.verb == pressed.description:
                self._line.send({"fill": choice.line})


def _put_below(code: str) -> None:
    """Ask the notebook for a new cell with this text."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        shell.set_next_input(code)
