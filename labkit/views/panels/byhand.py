"""A connection on which everything is typed by hand, without widgets: what the Console shows.

It adds to `labkit.clients.console` what a learner needs beside the line: which state the connection is
in, which commands may come now and why the others may not, where the RFC explains the last
reply, and the whole sitting as Python.  No call raises: `trouble` says in words what went wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from labkit import standards
from labkit.clients.console import Console as Line
from labkit.errors import LabError
from labkit.grammar.framing import dot_stuff
from labkit.states import imap, pop3, smtp
from labkit.states.machine import Machine
from labkit.views.panels.code import LINE_ENDS, asks_for_tls, canonical, code_of
from labkit.views.panels.forms import form
from labkit.views.panels.shell import words_of
from labkit.views.rows import Row, to_rows
from labkit.views.states import path
from labkit.views.words import listing

if TYPE_CHECKING:
    from labkit.world.devices import Device
    from labkit.world.world import World

MACHINES: dict[str, Machine[Any]] = {m.protocol: m for m in (smtp.MACHINE, pop3.MACHINE, imap.MACHINE)}
CLOSED = "closed"

Kind = Literal["connect", "line", "data", "literal", "hang up"]


class Typed(NamedTuple):
    """One thing that was done: a host and port, a line, a message, or a line and its literal."""

    kind: Kind
    text: str = ""
    more: str = ""


class Choice(NamedTuple):
    """A command, a line to begin with, and why it may not come now (empty: it may)."""

    verb: str
    line: str
    gist: str
    reason: str


class _NotSentError(LabError):
    """Nothing of it reached the wire, so there is nothing to do again."""


class ByHand:
    """What is typed on one host of a world, connection after connection.

    `done` is all that was typed; `keep` is called with it after each step.
    """

    def __init__(
        self, world: World, client: Device, keep: Callable[[list[Typed]], None] = lambda done: None
    ) -> None:
        self.world, self.client = world, client
        self.done: list[Typed] = []
        self.said = ""
        self.trouble = ""
        self.number: int | None = None  # of the connection, as the tables count
        self.awaits_letter = False  # 354 was said: lines have no replies until the dot
        self.keep = keep
        self._line: Line | None = None
        self._where = ("", 0)

    # What can be done

    def connect(self, server: str, port: int) -> None:
        """Open a connection; one that is open already is closed first."""
        self._do(Typed("connect", server, str(port)), lambda: self._connect(server, port))

    def type(self, text: str) -> None:
        """Send lines, each when the one before has its reply; what stands behind a failure is not sent."""
        lines = LINE_ENDS.split(text)
        for line in lines[:-1] if len(lines) > 1 and not lines[-1] else lines:
            self._do(Typed("line", line), lambda line=line: self._send_line(line))  # type: ignore[misc]
            if self.trouble:
                return

    def data(self, text: str) -> None:
        """Send a message as SMTP's DATA wants it: lines ended by CRLF, dots stuffed, a dot behind it."""
        self._do(Typed("data", text), lambda: self._send_data(text))

    def literal(self, line: str, text: str) -> None:
        """Send a line of IMAP that ends with a literal: its size in braces, and the octets when asked for."""
        self._do(Typed("literal", line, text), lambda: self._send_literal(line, text))

    def hang_up(self) -> None:
        """Close the connection without a word."""
        self._do(Typed("hang up"), self._close)

    def replay(self, typed: Iterable[Typed]) -> None:
        """Do again what was done before, failures included; nothing of it is kept twice."""
        keep, self.keep = self.keep, lambda done: None
        for step in typed:
            if step.kind == "connect":
                self.connect(step.text, int(step.more) if step.more.isdigit() else 0)
            elif step.kind == "line":
                self.type(step.text)
            elif step.kind == "data":
                self.data(step.text)
            elif step.kind == "literal":
                self.literal(step.text, step.more)
            else:
                self.hang_up()
        self.keep = keep

    def forget(self) -> None:
        """As if nothing had been typed; the capture keeps what was seen."""
        self.done.clear()
        self.said, self.trouble, self.number, self._line = "", "", None, None

    # What is seen

    @property
    def is_open(self) -> bool:
        """Whether there is a connection that neither end has closed."""
        if self._line is None or self.number is None:
            return False
        return self.world.network.tap.connections[self.number].closed is None

    @property
    def protocol(self) -> str:
        return self._line.protocol if self._line else "smtp"

    @property
    def machine(self) -> Machine[Any]:
        return MACHINES[self.protocol]

    def rows(self) -> list[Row]:
        """The exchanges of this connection."""
        if self.number is None:
            return []
        number = self.number
        table = self.world.call(lambda: self.world.capture.where(number).rows("exchanges"))
        return to_rows(table)

    def state(self, rows: list[Row]) -> str | None:
        """Where the connection is, from its rows; None when there is none."""
        if self.number is None:
            return None
        if not self.is_open:
            return CLOSED
        moves = path(self.machine, rows)
        return moves[-1].target if moves else str(self.machine.start.value)

    def choices(self, state: str | None) -> list[Choice]:
        """Every command of the protocol, with a line to begin with, and why it may not come now."""
        where: dict[str, list[str]] = {}
        for each in self.machine.table:
            for verb in self.machine.legal(each):
                where.setdefault(verb, []).append(str(each.value))
        return [
            Choice(
                command.verb,
                form(self.protocol, command.verb, self.client, self._tag()),
                command.gist,
                self._reason(command.verb, command.rfc, where.get(command.verb, []), state),
            )
            for command in standards.COMMANDS[self.protocol]
        ]

    def as_code(self) -> str:
        """All that was typed as a cell: the same steps on a world of the same seed give the same replies."""
        return code_of(self.client, self.done)

    def _reason(self, verb: str, rfc: str, states: list[str], now: str | None) -> str:
        if now is None:
            return "connect first"
        if now == CLOSED:
            return "the connection is closed; connect again"
        if now in states:
            return ""
        return f"comes only in state {listing(states, 'or')}, and this is {now} ({rfc})"

    def _tag(self) -> str:
        """The tag that the next command of IMAP can have."""
        since = next((i for i in range(len(self.done), 0, -1) if self.done[i - 1].kind == "connect"), 0)
        used = [step for step in self.done[since:] if step.kind in ("line", "literal")]
        return f"a{len(used) + 1}"

    # How it is done

    def _do(self, step: Typed, act: Callable[[], None]) -> None:
        self.done.append(step)
        self.trouble = ""
        try:
            act()
        except _NotSentError as error:
            self.done.pop()
            self.trouble = str(error)
        except (LabError, OSError) as error:
            self.trouble = self._words(error)
        except Exception as error:
            self.trouble = words_of(error)
        self.keep(self.done)

    def _words(self, error: Exception) -> str:
        server, port = self._where
        if isinstance(error, LabError):
            return str(error)
        if isinstance(error, ConnectionRefusedError):
            return f"nobody listens on {server}, port {port}"
        if isinstance(error, TimeoutError):
            return f"{server} does not answer"
        return f"{server} cannot be reached, or is gone ({type(error).__name__})"

    def _connect(self, server: str, port: int) -> None:
        self._close()
        self._where = (server, port)
        self.said, self.number, self.awaits_letter = "", None, False
        if not 0 < port < 65536:
            raise _NotSentError(f"{port} is no port: they go from 1 to 65535")
        before = len(self.world.network.tap.connections)
        self._line = self.client.console(server, port)
        try:
            self.said = self._line.connect()
        finally:
            opened = self.world.network.tap.connections[before:]
            mine = [c.number for c in opened if c.client_name == self.client.name and c.transport == "tcp"]
            self.number = mine[-1] if mine else None

    def _send_line(self, line: str) -> None:
        open_line = self._open()
        open_line.send(line.encode("utf-8", "replace"))
        if self.awaits_letter and line != ".":
            self.said = ""
            return
        self._hear(open_line)
        status = self.said.split("\n")[-1].split()[:2]
        if asks_for_tls(line) and not {"220", "+OK", "OK"}.isdisjoint(status):
            open_line.start_tls(self.world.trust())

    def _send_data(self, text: str) -> None:
        if not self.awaits_letter:
            raise _NotSentError("the server does not wait for a message; say DATA first")
        open_line = self._open()
        open_line.send_octets(dot_stuff(canonical(text)))
        self._hear(open_line)

    def _send_literal(self, line: str, text: str) -> None:
        open_line, octets = self._open(), canonical(text)
        open_line.send(line.encode("utf-8", "replace") + b" {%d}" % len(octets))
        self._hear(open_line)
        if not self.said.split("\n")[-1].startswith("+"):
            self.done[-1] = Typed("line", f"{line} {{{len(octets)}}}")
            raise LabError("the server did not ask for the octets, so they were not sent")
        open_line.send_octets(octets + b"\r\n")
        self._hear(open_line)

    def _hear(self, line: Line) -> None:
        self.said = ""
        self.said = line.reply()
        self.awaits_letter = line.protocol == "smtp" and self.said.startswith("354")

    def _open(self) -> Line:
        if self._line is None or self.number is None:
            raise _NotSentError("there is no connection; connect first")
        return self._line

    def _close(self) -> None:
        if self._line is not None:
            self._line.close()
