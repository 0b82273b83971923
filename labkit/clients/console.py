"""A line console: whatever you type goes to the server as it is, and you see what it says.

    console = Console(network, client, "mx.example.org", 25)
    console.connect()                  # 220 mx.example.org ESMTP labkit
    console.ask("EHLO host.example.com")

It knows of each protocol only where a reply ends: SMTP's last line, POP3's line or block, the
line of IMAP that has a tag or asks for more.  It runs on both networks, blocks until the reply
is there, and says so when it can never come.
"""

from __future__ import annotations

import ssl
from typing import Any

from labkit import standards
from labkit.errors import LabError
from labkit.grammar.framing import CRLF, Buffer, literal_size
from labkit.net import sockets
from labkit.net.network import Host, Network
from labkit.net.simulated import SimulatedNetwork

LIMIT = 1 << 26
"""Octets of the longest line, block or literal that is read."""
PATIENCE = 30.0
"""Seconds to wait on loopback if nothing else is said; the simulated network knows when nothing can come."""

_BLOCKS = frozenset((b"CAPA", b"RETR", b"TOP"))
_LISTS = frozenset((b"LIST", b"UIDL"))  # a block when they stand alone


class Said(str):
    """What was said, shown in a notebook as it stands."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Console:
    """One connection from `client` to a server, named or by its address.

    `protocol` is found by the port, or given: smtp, pop3 or imap.  With `tls`, a client's
    context, TLS begins at once (implicit TLS).
    """

    def __init__(
        self,
        network: Network,
        client: Host,
        server: str,
        port: int,
        *,
        protocol: str | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float | None = None,
    ) -> None:
        known = standards.port(port)
        self.protocol = protocol or (known.protocol if known else "smtp")
        self._network = network
        self._client = client
        self._server = server
        self._port = port
        self._tls = tls
        simulated = isinstance(network, SimulatedNetwork)
        self._timeout = PATIENCE if timeout is None and not simulated else timeout
        self._socket: Any = None
        self._buffer = Buffer()
        self._asked: list[bytes] = []  # lines that a POP3 reply is still to come for
        self._log: list[str] = []
        self._in_letter = False  # SMTP's 354 was said: lines have no replies until the dot
        self._owed: int | None = None  # octets still to be typed of IMAP's literal, if one was announced

    def connect(self) -> Said:
        """Open the connection; returns the greeting."""
        if self._socket is not None:
            raise LabError("this console is connected already")
        self._socket = sockets.create(self._network, self._client, self._server, self._port, self._timeout)
        if self._tls is not None:
            self.start_tls(self._tls)
        return self.line() if self.protocol == "imap" else self.reply()

    def send(self, line: str | bytes) -> None:
        """Send one line, or several in one write; CRLF is put behind it."""
        data = line.encode() if isinstance(line, str) else line
        lines = data.replace(CRLF, b"\n").split(b"\n")
        self.send_octets(CRLF.join(lines) + CRLF)
        if self.protocol == "pop3":
            self._asked += lines

    def send_octets(self, data: bytes) -> None:
        """Send octets as they are, with no end of line."""
        self._open().sendall(data)
        self._note("C", data)

    def reply(self) -> Said:
        """The next whole reply, its lines joined; waits for it."""
        read = {"smtp": self._smtp, "pop3": self._pop3, "imap": self._imap}[self.protocol]
        said = self._show(read())
        self._in_letter = self.protocol == "smtp" and said.startswith("354")
        if not said.rpartition("\n")[2].startswith("+"):
            self._owed = None
        return said

    def ask(self, line: str | bytes) -> Said:
        """`send` and `reply`."""
        self.send(line)
        return self.reply()

    def type(self, text: str) -> Said:
        """Type as hands do, the next line when the one before has its reply; returns all that was said.

        After SMTP's 354 the lines are those of a letter, and only its dot has a reply; nor have lines
        inside a literal of IMAP.  Where no reply comes this does not raise: its last line says, in
        brackets, who waits for what.
        """
        before = len(self._log)
        trouble = ""
        try:
            for line in text.splitlines() or [""]:
                self.send(line)
                if self._has_reply(line):
                    self.reply()
            if self._in_letter:
                trouble = f"{self._server} still reads the letter, and waits for a line with only a dot"
            elif self._owed is not None and not self._log[-1].startswith("S: +"):
                rest = f"{self._owed} octets of the literal" if self._owed else "the rest of the command"
                trouble = f"{self._server} still reads the command, and waits for {rest}"
        except (LabError, OSError) as error:
            trouble = str(error) if isinstance(error, LabError) else f"{self._server} is gone"
        return Said("\n".join([*self._log[before:], *([f"[{trouble}]"] if trouble else [])]))

    def line(self) -> Said:
        """The next single line: what an idling IMAP server has to tell."""
        return self._show([self._line()])

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Go into TLS; what the server said before is forgotten (RFC 3207 4.2)."""
        host = self._network.hosts.at(self._server)
        name = host.name if host else self._server
        self._buffer.clear()
        self._socket = context.wrap_socket(self._open(), server_hostname=name)

    def close(self) -> None:
        """Close the connection without a word."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def transcript(self) -> str:
        """All that was said so far, `C:` and `S:`."""
        return "\n".join(self._log)

    def __enter__(self) -> Console:
        self.connect()
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def _has_reply(self, line: str) -> bool:
        """Whether a line that was typed here has a reply of its own."""
        if self.protocol != "imap":
            return not self._in_letter or line == "."
        data = line.encode() + CRLF
        if self._owed is not None and self._owed >= len(data):
            self._owed -= len(data)
            return False
        literal = literal_size(data[self._owed or 0 :])
        self._owed = literal[0] if literal else None
        return literal is None or literal[1]  # one that does not synchronise is sent at once (RFC 7888)

    # Where replies end

    def _smtp(self) -> list[bytes]:
        lines = [self._line()]
        while lines[-1][3:4] == b"-":
            lines.append(self._line())
        return lines

    def _pop3(self) -> list[bytes]:
        verb, *arguments = (self._asked.pop(0) if self._asked else b"").upper().split() or [b""]
        status = self._line()
        if status.startswith(b"+OK") and (verb in _BLOCKS or (verb in _LISTS and not arguments)):
            return [status, *self._take(self._buffer.block).splitlines(keepends=True)]
        return [status]

    def _imap(self) -> list[bytes]:
        lines: list[bytes] = []
        while True:
            line = self._line()
            lines.append(line)
            while (literal := literal_size(lines[-1])) is not None:
                lines += [self._octets(literal[0]), self._line()]
            if not line.startswith(b"* ") or line.startswith(b"* BAD "):  # to a line without a tag
                return lines

    # Octets

    def _line(self) -> bytes:
        return self._take(self._buffer.line)

    def _octets(self, size: int) -> bytes:
        return self._take(lambda limit: self._buffer.octets(size))

    def _take(self, read: Any) -> bytes:
        while (frame := read(LIMIT)) is None:
            try:
                data = self._open().recv(65536)
            except TimeoutError:
                raise LabError(f"{self._server} has not answered in {self._timeout:g} seconds") from None
            if not data:
                raise LabError(f"{self._server} has closed the connection")
            self._buffer.feed(data)
        octets: bytes = frame
        return octets

    def _open(self) -> Any:
        if self._socket is None:
            raise LabError("this console is not connected: call connect() first")
        return self._socket

    def _show(self, frames: list[bytes]) -> Said:
        data = b"".join(frames)
        self._note("S", data)
        text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
        return Said(text.removesuffix("\n"))

    def _note(self, side: str, data: bytes) -> None:
        text = data.decode("utf-8", "backslashreplace").removesuffix("\r\n")
        self._log += [f"{side}: {line}" for line in text.split("\r\n")]
