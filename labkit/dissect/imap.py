"""IMAP: commands and their replies, by tag (RFC 3501, 9051, 7888, 4959, 2177).

A reply ends with the line that carries the command's tag; the untagged responses before
it, since the tagged line before that, belong to it.  A command whose line ends in "{n}" goes
on once the server has said "+"; refused, it ends there.  IDLE and its DONE are one row.  Each line
of a login behind AUTHENTICATE is a row of its own, with the verb `(response)`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Generator

from labkit.dissect.conversation import Conversation
from labkit.dissect.flaws import Found
from labkit.dissect.half import Half
from labkit.dissect.imap_lines import NO_STATUS, Block, Status, split, status_of
from labkit.dissect.progress import Progress, Rules
from labkit.dissect.row import Reply, Row, Rows, Span
from labkit.grammar.framing import literal_size
from labkit.grammar.imap_frames import response_ends_in_text
from labkit.net.tap import Side
from labkit.states.imap import AFTER_GREETING, MACHINE

LINE_LIMIT = 65536  # RFC 2683 3.2.1.5 asks for 8000; clients that list UIDs need more
SHOWN = 200  # a literal of at most so many octets stands in the argument

EXTENSIONS = frozenset(  # commands whose place the table of states does not know
    "ACL CANCELUPDATE COMPRESS CONVERSIONS CONVERT DELETEACL ENABLE ESEARCH GETACL GETJMAPACCESS "  # noqa: SIM905
    "GETMETADATA GETQUOTA GETQUOTAROOT GENURLAUTH LISTRIGHTS MYRIGHTS NOTIFY REPLACE RESETKEY "
    "SETACL SETMETADATA SETQUOTA SORT THREAD UIDBATCHES UNAUTHENTICATE URLFETCH XLIST".split()
) | {"UID REPLACE", "UID SORT", "UID THREAD"}

# astring = 1*ASTRING-CHAR / quoted / literal
_ASTRING = re.compile(rb"\"((?:[^\"\\]|\\.)*)\"?|[^ \r\n(]+")

RULES = Rules(MACHINE)


class Imap(Conversation):
    SECRETIVE = frozenset(("LOGIN", "AUTHENTICATE"))
    GREETING = re.compile(rb"\* (?:OK|PREAUTH|BYE)\b", re.IGNORECASE)
    REPLY = re.compile(rb"\* [A-Z0-9]|\+ |[!-)+-~]{1,100} (?:OK|NO|BAD) ", re.IGNORECASE)
    COMMAND = re.compile(
        rb"[!-)+-~]{1,100} (?:CAPABILITY|NOOP|LOGOUT|STARTTLS|LOGIN|AUTHENTICATE|ID|ENABLE|NAMESPACE"
        rb"|SELECT|EXAMINE|LIST|LSUB|CREATE|DELETE|RENAME|STATUS|APPEND|IDLE"
        rb"|UID|FETCH|STORE|COPY|MOVE|SEARCH|EXPUNGE|CLOSE)[ \r\n]",
        re.IGNORECASE,
    )
    OWN = COMMAND

    VERBS = RULES.known | EXTENSIONS

    def __init__(self, client: Half, server: Half, number: int = 1) -> None:
        super().__init__(client, server, Progress(RULES), number)
        self._block = Block()
        self._bye: Status = NO_STATUS
        self._early: dict[bytes, deque[Reply]] = {}  # replies to commands that we have not read yet
        self._mailbox: bytes | None = None

    def rows(self) -> Rows:
        yield from self._greeting()
        client, progress = self.client, self.progress
        while True:
            if (end := (yield from self.next_command())) is None:
                return
            if end == self.at:
                break
            row, reply = yield from self._command(end)
            verb = row.verb or ""
            if reply is None:
                reply = yield from self._reply_to(row.tag, verb in ("AUTHENTICATE", "IDLE"))
            if verb == "IDLE" and reply.status == b"+":
                reply = yield from self._idle(row, reply)
            flaw = self.judge(row, verb)
            if flaw is not None and not (flaw == "unknown-command" and verb in EXTENSIONS):
                row.flaws = (Found(flaw, "client", row.start), *row.flaws)
            if reply.status is None:
                reply = self._unanswered(row, reply)
            if verb == "COMPRESS" and reply.status == b"OK":
                row.flaws += self._unpacked()
            yield self.answered(row, reply)
            if verb == "AUTHENTICATE" and (reply.status == b"+" or self.server.absent()):
                reply = yield from self._login(row.tag)
            if verb in self.SECRETIVE:
                self.behind_login = True
            status = reply.status.decode() if reply.status else "OK" if self.is_lost(verb, reply) else ""
            progress.step(verb, status)
            self._mailbox = selected(self._mailbox, verb, status, row.argument)
            if verb == "STARTTLS" and (status == "OK" or client.tls_at == row.end) and not self.encrypted:
                if not (yield from self.enter_tls()):
                    return
                self._block.cut(self.reply_at, NO_STATUS)
        yield from self.unasked()

    # The client's side.

    def _command(self, end: int) -> Generator[Row | None, None, tuple[Row, Reply | None]]:
        """The command whose first line ends at `end`, with its literals; a reply that refused one."""
        client, at = self.client, self.at
        line = bytes(client.data[at:end])
        tag, verb, argument = split(line)
        if client.gaps and tag is not None and client.gap(at + 1, at + len(tag) + 1) is not None:
            tag, verb, argument = None, "", line.rstrip(b"\r\n")  # it may have a secret in it
        if self.behind_login and self.may_be_secret(verb if tag is not None else ""):
            tag, verb, argument = None, "(response)", line.rstrip(b"\r\n")
        row = Row(self.number, self.state, verb, None, at, end, tag=tag, mailbox=self._mailbox)
        self.number += 1
        if tag is None:
            row.flaws = (Found("bad-tag", "client", at),)
        if not client.tidy(at, end, LINE_LIMIT):
            row.flaws += self.line_flaws("client", at, end, LINE_LIMIT)
        shown, rest = [argument], line
        refused = None
        while line.endswith((b"}\r\n", b"}\n")) and (literal := literal_size(rest.rstrip(b"\r\n"))):
            size, waits = literal
            if waits and not self.server.absent():
                answer = yield from self._reply_to(tag, True)
                if answer.status != b"+":
                    refused = answer
                    break
            start = end
            while (end := client.octets(start, size)) < 0:
                yield None
            if row.body < 0:
                row.body = start
            if end - start < size:
                name = "truncated" if client.gap(start, end) is None else "gap"
                row.flaws += (Found(name, "client", end),)
                if name == "truncated":
                    break
            if verb != "APPEND" and size <= SHOWN:
                shown.append(bytes(client.data[start:end]))
            start = end
            while (end := client.line(start)) < 0:
                yield None
            rest = line = bytes(client.data[start:end])
            shown.append(rest.rstrip(b"\r\n"))
        self.at = row.end = end
        row.argument = b"".join(shown) or None
        row.secrets = secrets_of(row, client.data)
        if client.gaps:
            row.secrets = self.secrets_around_gap(row)
        return row, refused

    def _login(self, tag: bytes | None) -> Generator[Row | None, None, Reply]:
        """The lines of an exchange, for as long as the server says "+"."""
        while True:
            self._block.cut(self.reply_at, NO_STATUS)
            end = yield from self.next_line()
            at = self.at
            if (self.client.gaps or self.server.gaps) and self.COMMAND.match(self.client.data, at):
                reply = yield from self._reply_to(tag, False)
                if reply.status is not None:
                    yield self.orphan(reply)
                return reply
            line = bytes(self.client.data[at : max(end, at)])
            if not line or (self.server.absent() and not self.progress.may_be_response(line)):
                return Reply(self.reply_at, self.reply_at, None)
            self.at, line = end, line.rstrip(b"\r\n")
            row = Row(self.number, self.state, "(response)", line, at, end, tag=tag)
            row.secrets = ((at, at + len(line)),)
            self.number += 1
            reply = yield from self._reply_to(tag, True)
            if reply.status is None:
                row.flaws = (self.unanswered(at),)
            yield self.answered(row, reply)
            if reply.status != b"+" and not self.server.absent():
                return reply

    def _idle(self, row: Row, invited: Reply) -> Generator[Row | None, None, Reply]:
        """From "+" to DONE and the tagged reply (RFC 2177)."""
        end = yield from self.next_line()
        if bytes(self.client.data[self.at : max(end, self.at)]).strip().upper() == b"DONE":
            self.at = row.end = end
        reply = yield from self._reply_to(row.tag, False)
        return reply if reply.status else reply._replace(status=b"+", text=invited.text)

    # The server's side.

    def cut_reply(self, at: int) -> Reply | None:
        """One response, for the greeting."""
        found = self._response(at)
        if found is None:
            return None
        end, line = found
        status, code, text = status_of(line)
        return Reply(
            at, end, status, text, 1, None, code, 1, self._response_flaws(line, at, end) if end > at else ()
        )

    def _reply_to(self, tag: bytes | None, plus: bool) -> Generator[None, None, Reply]:
        """Waits for the tagged reply, or with `plus` for "+"; keeps those to other tags for later."""
        early = self._early.get(tag or b"")
        if early:
            return early.popleft()
        server, block = self.server, self._block
        while True:
            at = self.reply_at
            while (found := self._response(at)) is None:
                yield None
            end, line = found
            if end == at:
                return block.cut(at, self._parting())
            if line[:1] == b"+" and not plus and server.gaps and server.gap(block.first, end) is not None:
                return block.cut(at, NO_STATUS)  # it answers a later command: the reply is in the gap
            self.reply_at = end
            block.lines += 1
            if not server.tidy(at, at + len(line), LINE_LIMIT):
                block.note(*self._response_flaws(line, at, end))
            if line[:1] == b"+":
                if plus:
                    return block.snapshot(end, (b"+", None, line[1:].strip()))
                continue
            status = status_of(line)
            if line[:2] == b"* ":
                block.untagged += 1
                if status[0] == b"BYE":
                    self._bye = status
                if tag is not None or status[0] != b"BAD":
                    continue
            elif status[0] is None:
                block.note(Found("bad-reply", "server", at))
                continue
            reply, self._bye = block.cut(end, status), NO_STATUS
            replied = line.partition(b" ")[0]
            if replied == (tag or b"*"):
                return reply
            self._early.setdefault(replied, deque()).append(reply)

    def _parting(self) -> Status:
        """What the server said of itself before it fell silent: BYE, or nothing."""
        status, self._bye = self._bye, NO_STATUS
        return status

    def _response(self, at: int) -> tuple[int, bytes] | None:
        """Index behind the response at `at` with its literals, and its first line; None: not all here."""
        server = self.server
        end = server.line(at)
        if end < 0:
            return None
        line = bytes(server.data[at:end])
        if not line.endswith(b"}\r\n") or response_ends_in_text(line):
            return end, line
        start = at
        while (literal := literal_size(bytes(server.data[max(start, end - 40) : end]))) is not None:
            start = server.octets(end, literal[0])
            if start < 0 or (end := server.line(start)) < 0:
                return None
        return end, line

    def _response_flaws(self, line: bytes, at: int, end: int) -> tuple[Found, ...]:
        flaws = self.line_flaws("server", at, at + len(line), LINE_LIMIT)
        gap = self.server.gap(at + len(line), end)
        return flaws if gap is None else (*flaws, Found("gap", "server", gap))

    def _greeting(self) -> Rows:
        """What the server says first; a capture that begins later has none."""
        while (reply := self.cut_reply(0)) is None:
            yield None
        status = (reply.status or b"").decode()
        if status in AFTER_GREETING and self.server.data[:2] == b"* ":
            self.reply_at = self._block.first = reply.end
            yield self.answered(Row(0, self.state, None, None, -1, -1), reply)
            self.progress.enter(AFTER_GREETING[status])
        else:
            self.headless = reply.end > reply.start

    def unasked(self) -> Rows:
        """What the server said behind the last command, and replies to tags that nobody sent."""
        last = yield from self._reply_to(b"", False)
        for reply in (reply for replies in self._early.values() for reply in replies):
            yield self.orphan(reply)
        if last.end > last.start:  # a server may say untagged what it likes, when it likes
            row = Row(self.number, self.state, None, None, -1, -1, mailbox=self._mailbox)
            yield self.answered(row, last)

    def _unanswered(self, row: Row, reply: Reply) -> Reply:
        """A reply that never came, or is missing behind the command."""
        asked, server = self.client.order, self.server
        said, size = server.order, len(server.data)
        gaps = () if server.absent() else server.gaps
        first = 0
        if gaps and asked is not None and said is not None:
            sent = asked(row.start)
            first = bisect_right(gaps, sent, key=lambda gap: said(gap[0]) if gap[0] < size else sent + 1)
        if first < len(gaps):
            return reply._replace(flaws=(Found("gap", "server", gaps[first][0]), *reply.flaws))
        return reply._replace(flaws=(*reply.flaws, self.unanswered(row.start)))

    def _unpacked(self) -> tuple[Found, ...]:
        """Behind COMPRESS both streams are packed (RFC 4978); returns why they cannot be read on."""
        self.client.inflate(self.at)
        self.server.inflate(self.reply_at)
        halves: tuple[tuple[Side, Half], ...] = ("client", self.client), ("server", self.server)
        return tuple(Found(name, side, at, why) for side, half in halves for name, at, why in half.troubles)


def secrets_of(row: Row, data: bytes | bytearray) -> tuple[Span, ...]:
    """The spans of a command that nobody else should read; `data` are the client's octets."""
    if row.verb == "(response)":
        return ((row.start, row.start + len(data[row.start : row.end].rstrip(b"\r\n"))),)
    untagged = (row.tag or b"").upper() in (b"LOGIN", b"AUTHENTICATE")
    if row.verb not in ("LOGIN", "AUTHENTICATE") and not untagged:
        return ()
    at, spans = row.start, []
    while at < row.end and (found := _ASTRING.search(data, at, row.end)) is not None:
        if found[0].endswith(b"}") and (literal := literal_size(bytes(found[0]))):
            start = (data.find(b"\n", found.end(), row.end) + 1) or row.end
            at = min(start + literal[0], row.end)
            spans.append((start, at))
        else:
            quoted = 1 if found[1] is not None else 0
            spans.append((found.start() + quoted, found.end() - quoted))
            at = found.end()
    named = row.tag is not None and not untagged
    hidden = spans[3 if named else 2 :]  # behind tag, verb and user or mechanism
    return ((hidden[0][0], hidden[-1][1]),) if hidden else ()


def selected(mailbox: bytes | None, verb: str, status: str, argument: bytes | None) -> bytes | None:
    """The mailbox that is selected behind a command, where `mailbox` was before it."""
    if verb in ("SELECT", "EXAMINE") and status in ("OK", "NO"):
        return mailbox_of(argument) if status == "OK" else None
    return None if verb in ("CLOSE", "UNSELECT") and status == "OK" else mailbox


def mailbox_of(argument: bytes | None) -> bytes | None:
    """The name at the start of an argument, out of its quotes or behind its literal's size."""
    if argument is None:
        return None
    found = re.match(rb"\{(\d+)\+?\}", argument)
    if found is not None:
        return argument[found.end() : found.end() + int(found[1])]
    found = _ASTRING.match(argument)
    if found is None:
        return None
    return re.sub(rb"\\(.)", rb"\1", found[1]) if found[1] is not None else found[0]
