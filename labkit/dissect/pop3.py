"""POP3: commands and replies, in order (RFC 1939, 2449, 2595, 5034).

Whether a reply has more lines is known from its command: RETR, TOP, CAPA always, LIST, UIDL,
LANG and AUTH without an argument, and only behind "+OK".  The lines behind the first are data,
not text.  Each line of a login behind AUTH is a row of its own, with the verb `(response)`.
"""

from __future__ import annotations

import re
from collections.abc import Generator

from labkit.dissect.conversation import Conversation
from labkit.dissect.flaws import Found
from labkit.dissect.half import MORE, Half, count_lines
from labkit.dissect.lines import split
from labkit.dissect.progress import Progress, Rules
from labkit.dissect.row import Reply, Row, Rows, Span
from labkit.grammar.framing import CRLF
from labkit.states.pop3 import MACHINE

COMMAND_LIMIT = 255  # RFC 2449 4
RESPONSE_LIMIT = 12288  # RFC 5034 4
REPLY_LIMIT = 512  # RFC 1939 3

MULTI_LINE = frozenset(("RETR", "TOP", "CAPA", "LIST", "UIDL", "AUTH", "LANG"))
ONE_LINE_WITH_ARGUMENT = frozenset(("LIST", "UIDL", "AUTH", "LANG"))
EXTENSIONS = frozenset(("XTND", "LAST"))
ALIASES = {"(response)": "AUTH"}

_STATUS = re.compile(rb"(\+OK|-ERR)(?=[ \r\n]|\Z) ?")
_STATUS_IN_LOGIN = re.compile(rb"(\+OK|-ERR|\+)(?=[ \r\n]|\Z) ?")
_CODE = re.compile(rb"\[([^\]\r\n]*)\] ?")
_LISTED = {"LIST": re.compile(rb"\.|[0-9]+ [0-9]"), "UIDL": re.compile(rb"\.|[0-9]+ [!-~]")}
_NEXT_STATUS = re.compile(rb"(?:\+OK|-ERR)[ \r\n]")

RULES = Rules(MACHINE)


class Pop3(Conversation):
    GREETING = re.compile(rb"\+OK\b")
    REPLY = re.compile(rb"(?:\+OK|-ERR|\+)(?: |\r?\n)")
    COMMAND = re.compile(
        rb"(?:USER|PASS|APOP|AUTH) [!-~]|(?:RETR|TOP|DELE|LIST|UIDL) [0-9]"
        rb"|(?:CAPA|STLS|AUTH|STAT|LIST|UIDL|QUIT|NOOP|RSET)\r?\n",
        re.IGNORECASE,
    )
    OWN = COMMAND

    VERBS = RULES.known | EXTENSIONS

    def __init__(self, client: Half, server: Half, number: int = 1) -> None:
        super().__init__(client, server, Progress(RULES), number)
        self._verb = ""  # of the command whose reply is read next
        self._argument: bytes | None = None

    def rows(self) -> Rows:
        yield from self._greeting()
        client, server, progress = self.client, self.server, self.progress
        in_login = False
        while True:
            if (end := (yield from self.next_command())) is None:
                return
            if end == self.at:
                break
            if self.is_broken:
                in_login = yield from self._lost(in_login)
            row = self._row(end, in_login)
            at, verb, argument = row.start, row.verb or "", row.argument
            self._verb, self._argument = verb, argument
            reply = yield from self.next_reply(at, end)
            flaw = None if in_login else self.judge(row, ALIASES.get(verb, verb))
            if flaw is not None and not (flaw == "unknown-command" and verb in EXTENSIONS):
                row.flaws = (Found(flaw, "client", at), *row.flaws)
            yield self.answered(row, reply)
            status = reply.status.decode() if reply.status else "+OK" if self.is_lost(verb, reply) else ""
            if verb in ("AUTH", "APOP"):
                self.behind_login = True
            in_login = verb in ("AUTH", "(response)") and (status == "+" or server.absent())
            if not (verb == "AUTH" and argument is None):  # that only asks for the mechanisms
                progress.step(ALIASES.get(verb, verb), status)
            begins = verb == "STLS" and (status == "+OK" or client.tls_at == end) and not self.encrypted
            if begins and not (yield from self.enter_tls()):
                return
        self._verb = ""
        yield from self.unasked()

    def _lost(self, in_login: bool) -> Generator[Row | None, None, bool]:
        """Rows of the replies to commands in a gap; returns whether a login goes on behind it."""
        self._verb = ""
        status = yield from self.lost_commands()
        if in_login and status:
            self.progress.step("(response)", status.decode())
        self.behind_login |= status == b"+"
        return status == b"+" or (in_login and status is None and not self.ends_login())

    def _row(self, end: int, in_login: bool) -> Row:
        """The row of the line up to `end`."""
        at, self.at = self.at, end
        line = bytes(self.client.data[at:end])
        if in_login and (not self.server.absent() or self.progress.may_be_response(line)):
            verb, argument = "(response)", line.rstrip(b"\r\n") or None
        else:
            verb, argument = split(line)
            if self.behind_login and self.may_be_secret(verb):
                verb, argument = "(response)", line.rstrip(b"\r\n") or None
        row = Row(self.number, self.state, verb, argument, at, end, secrets=secrets_of(verb, line, at))
        self.number += 1
        if self.client.gaps:
            row.secrets = self.secrets_around_gap(row)
        limit = RESPONSE_LIMIT if verb in ("AUTH", "(response)") else COMMAND_LIMIT
        row.flaws = self.line_flaws("client", at, end, limit)
        return row

    def cut_reply(self, at: int) -> Reply | None:
        """A status line and, if the command asks for them, the lines behind it."""
        server = self.server
        start = at
        flaws: tuple[Found, ...] = ()
        pattern = _STATUS_IN_LOGIN if self._verb in ("AUTH", "(response)", "") else _STATUS
        while True:
            end = server.line(at)
            if end < 0:
                return None
            line = bytes(server.data[at:end])
            found = pattern.match(line)
            if end == at or found is not None:
                break
            flaws = flaws or (Found("bad-reply", "server", at),)
            at = end
        if found is None:
            return Reply(start, at, None, flaws=flaws)
        if not server.tidy(at, end, REPLY_LIMIT):
            flaws += self.line_flaws("server", at, end, REPLY_LIMIT)
        text = line[found.end() : -2] if line.endswith(CRLF) else line[found.end() :].rstrip(b"\r\n")
        code = _CODE.match(text)
        if code is not None:
            text = text[code.end() :]
        lines = 1
        if found[1] == b"+OK" and self._is_unseen() and server.line(end) == MORE:
            return None  # whether it goes on, the next line tells
        if found[1] == b"+OK" and (self._is_multi_line() or self._goes_on(end)):
            first, end = end, self._block(end)
            if end == MORE:
                return None
            lines += count_lines(server.data, first, end)
            if not self._has_final_dot(first, end):
                flaws += (Found("no-final-dot", "server", end),)
            if server.gaps and (gap := server.gap(first, end)) is not None:
                flaws += (Found("gap", "server", gap),)
        return Reply(start, end, found[1], text, lines, response_code=code and code[1], flaws=flaws)

    def _has_final_dot(self, first: int, end: int) -> bool:
        return self.server.data[max(end - 5, first) : end] in (b"\r\n.\r\n", b".\r\n")

    def _is_multi_line(self) -> bool:
        return self._verb in MULTI_LINE and not (self._argument and self._verb in ONE_LINE_WITH_ARGUMENT)

    def _goes_on(self, end: int) -> bool:
        """Whether a reply to a command that nobody captured has more lines, by what stands there."""
        there = self._is_unseen() and self.server.line(end) > end
        return there and self.REPLY.match(self.server.data, end) is None

    def _is_unseen(self) -> bool:
        """Whether nobody captured the command whose reply is read."""
        behind_greeting = self.headless or self.reply_at > 0
        return self.client.absent() or (self.is_broken and behind_greeting and not self._verb)

    def _block(self, start: int) -> int:
        """The end of the data behind a status line; a listing also ends where its lines do."""
        server = self.server
        if self._verb in ("RETR", "TOP"):
            return server.block(start)
        listed, at = _LISTED.get(self._verb), start
        while True:
            end = server.line(at)
            if end < 0 or end == at:
                return end
            line = bytes(server.data[at:end])
            if (listed and listed.match(line) is None) or _NEXT_STATUS.match(line):
                return at
            at = end
            if line in (b".\r\n", b".\n"):
                return end

    def _greeting(self) -> Rows:
        """What the server says first; a capture that begins later has none."""
        while (reply := self.cut_reply(0)) is None:
            yield None
        if reply.status == b"+" or (reply.status and self.begins_later()):
            self.headless = True
        elif reply.status is not None:
            reply = yield from self.greeting(reply)
            yield self.answered(Row(0, self.state, None, None, -1, -1), reply)


def secrets_of(verb: str, line: bytes, at: int) -> tuple[Span, ...]:
    """The spans of a command that nobody else should read."""
    if verb == "PASS":
        found = re.match(rb"\S+ ([^\r\n]+)", line)
    elif verb in ("AUTH", "APOP"):
        found = re.match(rb"\S+ +\S+ +([^\r\n]+)", line)
    elif verb == "(response)":
        return ((at, at + len(line.rstrip(b"\r\n"))),)
    else:
        return ()
    return ((at + found.start(1), at + found.end(1)),) if found else ()
