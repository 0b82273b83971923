"""Reads golden transcripts and plays them; the format is told in tests/transcripts/README.md.

`Transcript.streams` gives the two byte streams of a connection to whoever dissects them, `play` holds
the conversation with our server octet by octet, `type_in` does so through the console.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NoReturn

import pytest
from support.office import Office
from support.wire import A_MOMENT, Wire

from labkit import standards
from labkit.clients.console import Console
from labkit.errors import LabError

FOLDER = Path(__file__).parents[1] / "transcripts"

_HEAD = re.compile(r"(service|host|domain|user|mail|tls): (.*)")
_SAID = re.compile(r"(?:([0-9]+) )?([CS])([:~])(?: (.*))?")
_HAPPENED = re.compile(r"(?:([0-9]+) )?> (tls|cut|closed|wait) ?([0-9.]*)")
_NAME = re.compile(r"\$(\$|[A-Za-z_][A-Za-z0-9_]*)")

Names = dict[str, str]


@dataclass(frozen=True)
class Turn:
    """One line of the conversation: `kind` is C, S, tls, cut, closed or wait."""

    where: str  # file and line
    client: int
    kind: str
    text: str = ""
    raw: bool = False  # octets, written with `~`
    seconds: float = 0

    def octets(self, names: Names) -> bytes:
        """What is said, each name replaced by what it stands for, or else by itself."""
        if self.raw:
            return self.text.encode("latin-1")
        return (
            _NAME.sub(lambda n: "$" if n[1] == "$" else names.get(n[1], n[1]), self.text).encode() + b"\r\n"
        )

    def check(self, line: str, names: Names) -> None:
        """Compare a line, without CRLF, with what must be said; binds the names that appear first here."""
        pattern, known, at = "", set(names), 0
        for name in _NAME.finditer(self.text):
            pattern += re.escape(self.text[at : name.start()]) + _pattern(name[1], names, known)
            at = name.end()
        found = re.fullmatch(pattern + re.escape(self.text[at:]), line, re.DOTALL)
        if not found:
            self.fail(f"expected {self.text!r}, got {line!r}")
        names.update(found.groupdict())

    def fail(self, why: str) -> NoReturn:
        pytest.fail(f"{self.where}: {why}", pytrace=False)


def _pattern(name: str, names: Names, known: set[str]) -> str:
    if name == "$":
        return r"\$"
    if name == "_":
        return r".*?"
    if name in names:
        return re.escape(names[name])
    if name in known:
        return f"(?P={name})"
    known.add(name)
    return rf"(?P<{name}>\S+?)"


@dataclass
class Transcript:
    """A file of tests/transcripts: the host it needs, and the conversation."""

    name: str
    service: str = ""
    host: str = "mx.example.org"
    domains: list[str] = field(default_factory=list)
    users: list[tuple[str, str]] = field(default_factory=list)
    mails: list[tuple[str, str, list[str], bytes]] = field(default_factory=list)
    """Address, mailbox, flags, message."""
    tls: bool = True
    turns: list[Turn] = field(default_factory=list)

    @property
    def protocol(self) -> str:
        return standards.service(self.service).protocol

    @property
    def clients(self) -> list[int]:
        return list(dict.fromkeys(turn.client for turn in self.turns))

    def streams(self, client: int = 1) -> tuple[bytes, bytes]:
        """All that one client and the server said to each other; TLS is left out."""
        said: dict[str, list[bytes]] = {"C": [], "S": []}
        for turn in self.turns:
            if turn.client == client and turn.kind in said:
                said[turn.kind].append(turn.octets({}))
        return b"".join(said["C"]), b"".join(said["S"])

    def office(self) -> Office:
        """The host as the conversation finds it, its server running."""
        office = Office(self.host, domains=self.domains or [self.host], users=self.users, tls=self.tls)
        for address, mailbox, flags, data in self.mails:
            account = office.store.account(address)
            assert account is not None, f"{self.name}: no user {address}"
            names = [entry.name for entry in account.entries()]
            box = account.mailbox(mailbox) if mailbox in names else account.create(mailbox)
            box.append(data, flags)
        office.serve(self.service)
        return office


def transcripts() -> list[Transcript]:
    """Those that are played."""
    return [read(path) for path in sorted(FOLDER.glob("*.txt"))]


def verbatim() -> list[Transcript]:
    """Those that only the dissector reads."""
    return [read(path) for path in sorted((FOLDER / "verbatim").glob("*.txt"))]


def read(path: Path) -> Transcript:
    return parse(path.read_text(encoding="utf-8"), path.name)


def parse(text: str, name: str) -> Transcript:
    """Raises ValueError, with the line's number, for a line that is none of the format's."""
    transcript = Transcript(name)
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{name}:{number}"
        if not line or line.startswith("#"):
            continue
        if turn := _turn(line, where):
            transcript.turns.append(turn)
        elif transcript.turns or not _head(line, transcript):
            raise ValueError(f"{where}: not a line of a transcript: {line!r}")
    if not transcript.service:
        raise ValueError(f"{name}: no service is named")
    return transcript


def _turn(line: str, where: str) -> Turn | None:
    if said := _SAID.fullmatch(line):
        client, kind, colon, text = said.groups()
        raw = colon == "~"
        if raw:
            text = (text or "").encode().decode("unicode_escape")
        return Turn(where, int(client or 1), kind, text or "", raw)
    if happened := _HAPPENED.fullmatch(line):
        client, kind, seconds = happened.groups()
        return Turn(where, int(client or 1), kind, seconds=float(seconds or 0))
    return None


def _head(line: str, transcript: Transcript) -> bool:
    if line.startswith("|") and transcript.mails:
        *which, data = transcript.mails[-1]
        address, mailbox, flags = which
        data += line[1:].removeprefix(" ").encode() + b"\r\n"
        transcript.mails[-1] = (address, mailbox, flags, data)
        return True
    found = _HEAD.fullmatch(line)
    if not found:
        return False
    key, value = found[1], found[2].split()
    if key == "domain":
        transcript.domains += value
    elif key == "user":
        transcript.users.append((value[0], value[1]))
    elif key == "mail":
        transcript.mails.append((value[0], (value[1:] or ["INBOX"])[0], value[2:], b""))
    elif key == "tls":
        transcript.tls = value != ["no"]
    else:
        setattr(transcript, key, found[2])
    return True


def _runs(turns: list[Turn]) -> Iterator[list[Turn]]:
    """Lines that one side says without the other between them; anything else alone."""
    for (_, kind), run in groupby(turns, key=lambda turn: (turn.client, turn.kind)):
        lines = list(run)
        yield from [lines] if kind in "CS" else ([turn] for turn in lines)


class _Listening:
    """What a server says to one client, and how much of it has been read."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.unread = b""

    def collect(self) -> bytes:
        self.unread += b"".join(self.wire.chunks)
        self.wire.chunks.clear()
        return self.unread

    def expect(self, turn: Turn, names: Names) -> None:
        unread = self.collect()
        if turn.raw:
            octets = turn.octets(names)
            if not unread.startswith(octets):
                turn.fail(f"expected {octets!r}, got {unread[: len(octets)]!r}")
            self.unread = unread[len(octets) :]
            return
        line, crlf, self.unread = unread.partition(b"\r\n")
        if not crlf:
            turn.fail(f"expected {turn.text!r}, got {line!r} and no more")
        turn.check(line.decode("utf-8", "backslashreplace"), names)

    def expect_no_more(self, turn: Turn) -> None:
        if self.collect():
            turn.fail(f"the server has also said {self.unread!r}")


def play(transcript: Transcript) -> None:
    """Hold the conversation with our server, on the simulated network."""
    names: Names = {}
    ends: dict[int, _Listening] = {}
    with transcript.office() as office:
        for run in _runs(transcript.turns):
            turn = run[0]
            if turn.client not in ends:
                ends[turn.client] = _Listening(office.wire(transcript.service, turn.client))
                office.network.wait(A_MOMENT)
            end = ends[turn.client]
            if turn.kind == "S":
                for line in run:
                    end.expect(line, names)
                continue
            end.expect_no_more(turn)
            if turn.kind == "C":
                end.wire.transport.write(b"".join(line.octets(names) for line in run))
                office.network.wait(A_MOMENT)
            elif turn.kind == "tls":
                end.wire.start_tls(office.authority.client_context(), transcript.host)
            elif turn.kind == "wait":
                office.network.wait(turn.seconds)
            elif turn.kind == "cut":
                end.wire.cut()
            elif not end.wire.closed:
                turn.fail("the connection is still open")
        office.network.wait(A_MOMENT)
        for client, end in ends.items():
            end.expect_no_more([turn for turn in transcript.turns if turn.client == client][-1])


def can_be_typed(transcript: Transcript) -> bool:
    """The console shows lines: octets that are none are not for it."""
    return not any(turn.raw and turn.kind == "S" for turn in transcript.turns)


class _Typist:
    """One client's console, and what it has shown that was not yet compared."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.unread = console.connect().split("\n")
        self.awaited = 0  # replies

    def type(self, run: list[Turn], names: Names) -> None:
        self.awaited = len(run)
        for raw, lines in groupby(run, key=lambda turn: turn.raw):
            octets = b"".join(line.octets(names) for line in lines)
            if raw:
                self.console.send_octets(octets)
            else:
                self.console.send(octets.removesuffix(b"\r\n"))

    def expect(self, turn: Turn, names: Names) -> None:
        if not self.unread:
            # an IMAP server also speaks unasked, one line at a time
            unasked = self.console.protocol == "imap" and not self.awaited
            said = self.console.line() if unasked else self.console.reply()
            self.awaited = 0 if said.startswith("+") else max(0, self.awaited - 1)
            self.unread = said.split("\n")
        turn.check(self.unread.pop(0), names)


def type_in(transcript: Transcript) -> None:
    """Hold the conversation through the console, which must find where each reply ends."""
    names: Names = {}
    typists: dict[int, _Typist] = {}
    port = standards.service(transcript.service)
    with transcript.office() as office:
        trust = office.authority.client_context
        for run in _runs(transcript.turns):
            turn = run[0]
            if turn.client not in typists:
                where = office.network, office.client(turn.client), transcript.host, port.number
                typists[turn.client] = _Typist(Console(*where, tls=trust() if port.implicit_tls else None))
            typist = typists[turn.client]
            if turn.kind == "S":
                for line in run:
                    typist.expect(line, names)
                continue
            if typist.unread:
                turn.fail(f"the reply has also {typist.unread!r}")
            if turn.kind == "C":
                typist.type(run, names)
            elif turn.kind == "tls":
                typist.console.start_tls(trust())
            elif turn.kind == "wait":
                office.network.wait(turn.seconds)
            elif turn.kind == "cut":
                typist.console.close()
                office.network.wait(A_MOMENT)
            else:
                with pytest.raises(LabError, match="closed the connection"):
                    typist.console.line()
        for typist in typists.values():
            typist.console.close()
