"""What the dissections of SMTP, POP3 and IMAP share: two streams, a place in each, a state.

Octets are read in order, so the rows do not depend on the pieces they came in.  Which
direction spoke first matters only where octets are missing or a reply comes unasked, and is
then looked up (`Half.order`).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Generator
from operator import itemgetter

from labkit.dissect import tls
from labkit.dissect.flaws import Found
from labkit.dissect.half import MORE, Half
from labkit.dissect.lines import ECHO, echoes, line_flaws
from labkit.dissect.progress import Progress
from labkit.dissect.row import Reply, Row, Rows, Span
from labkit.net.tap import Side

TLS_BEGINS = -2
_LOGIN = re.compile(rb"^(?:\S+ +)?(?:AUTH|AUTHENTICATE|PASS|APOP|LOGIN) +", re.IGNORECASE | re.MULTILINE)
_LOGINS = frozenset(("AUTH", "PASS", "APOP", "LOGIN", "AUTHENTICATE"))


class Conversation:
    """One connection that speaks one protocol; the subclasses are the protocols."""

    GREETING: re.Pattern[bytes]
    """How the server's first words begin, if they are this protocol's."""
    REPLY: re.Pattern[bytes]
    """How any reply of a server begins."""
    COMMAND: re.Pattern[bytes]
    """How a command begins; behind a gap, the dissection goes on where this matches a line."""
    OWN: re.Pattern[bytes]
    """The same, of commands that no other protocol has."""
    VERBS: frozenset[str]
    """Every command there is."""

    def __init__(self, client: Half, server: Half, progress: Progress, number: int = 1) -> None:
        self.client = client
        self.server = server
        self.progress = progress
        self.number = number  # of the next row with a command
        self.at = 0  # in the client's stream: where the next command begins
        self.reply_at = 0  # in the server's stream: where the next reply begins
        self.encrypted = False
        self.behind_login = False  # and no command has come since
        self._expected_tls = False  # and plain octets came
        self.headless = False  # the capture begins later than the conversation
        self.passed = 0  # gaps of the server's stream that are behind us
        self._excused = 0  # gaps of the client's stream behind which a command came out of order
        self._pipelines = False  # the client does not wait for replies; known only where there are gaps

    @property
    def is_broken(self) -> bool:
        """Whether commands may be missing."""
        return self.headless or bool(self.client.gaps) or not self.client.begun

    @property
    def state(self) -> str:
        return self.progress.name

    def rows(self) -> Rows:
        raise NotImplementedError

    def cut_reply(self, at: int) -> Reply | None:
        """The reply that begins at `at` of the server's stream; None: not all here yet."""
        raise NotImplementedError

    def line(self) -> int:
        """The end of the client's next line, `self.at` if there is none, MORE or TLS_BEGINS."""
        client = self.client
        if client.tls_at == self.at and not self.encrypted:
            return TLS_BEGINS
        end = client.line(self.at)
        return self._behind_gap(end) if client.gaps and end >= 0 else end

    def next_line(self) -> Generator[None, None, int]:
        """Waits for the client's next line: its end, `self.at` if there is none, or TLS_BEGINS."""
        while (end := self.line()) == MORE:
            yield None
        return end

    def next_command(self) -> Generator[Row | None, None, int | None]:
        """Waits for the client's next command: where its first line ends, `self.at` if there is none.

        None: TLS begins here that nobody can read.
        """
        while (end := (yield from self.next_line())) == TLS_BEGINS:
            if not (yield from self.enter_tls()):
                return None
        if self.is_broken:  # the AUTH may be what is missing, or the beginning of this very line
            gap = self.at if self.is_behind_gap(self.at) else self.client.gap(self.at, end)
            self.behind_login |= gap is not None and self._may_be_rest_of_login(gap, end)
        return end

    def next_reply(self, command: int, end: int) -> Generator[Row | None, None, Reply]:
        """Waits for the reply to the command at `command`; yields what came unasked before it."""
        while True:
            while (reply := self.cut_reply(self.reply_at)) is None:
                yield None
            if reply.status is None and reply.end == reply.start:
                return reply._replace(flaws=(self.unanswered(command),))
            behind = self.gaps_before(reply.end) if self.server.gaps else 0
            doubted = self.client.timely or self.client.gaps or behind or reply.status == b"421"
            if doubted and self._came_before(reply, command):
                self.passed = max(self.passed, behind)
                self.reply_at = reply.end
                yield self.orphan(reply)
                continue
            if self.server.gaps:
                yield from self._heard_next(end)
                mended = self.mended(reply, command, end)
                if mended is not None:
                    return mended
            self.reply_at = reply.end
            return reply

    def may_be_secret(self, verb: str) -> bool:
        """Whether a line that begins with `verb` may be one of a login that the server did not want.

        Clients send all lines of a login at once; after a refusal the server takes them for
        commands, and whoever reads the capture must not see them either.
        """
        self.behind_login = self.behind_login and verb not in self.VERBS
        return self.behind_login

    def unanswered(self, command: int) -> Found:
        """The flaw of the command at `command`, which has no reply."""
        return Found("one-sided" if self.server.absent() else "unanswered", "client", command)

    def unasked(self) -> Rows:
        """Rows of what the server said behind the last command."""
        while True:
            while (reply := self.cut_reply(self.reply_at)) is None:
                yield None
            if reply.end == reply.start:
                return
            self.reply_at = reply.end
            yield self.orphan(reply)

    def orphan(self, reply: Reply) -> Row:
        """The row of a reply without a command."""
        row = Row(self.number, self.state, None, None, -1, -1)
        self.number += 1
        flaw = "one-sided" if self.client.absent() else "gap" if self.is_broken else "unsolicited-reply"
        return self.answered(row, reply._replace(flaws=(Found(flaw, "server", reply.start), *reply.flaws)))

    def answered(self, row: Row, reply: Reply) -> Row:
        """`row` with its reply."""
        start, end, status, text, lines, enhanced, code, untagged, flaws = reply
        row.status, row.text, row.reply_lines = status, text, lines
        row.enhanced, row.response_code, row.untagged = enhanced, code, untagged
        row.encrypted = self.encrypted
        if end > start:
            row.reply_start, row.reply_end = start, end
            if row.secrets:
                row.echoes = echoes(self.client.data, row.secrets, self.server.data[start:end], start)
        if self._expected_tls and row.start >= 0:
            row.flaws = (Found("not-tls", "client", row.start), *row.flaws)
            self._expected_tls = False
        if flaws:
            row.flaws += flaws
        return row

    def enter_tls(self) -> Generator[Row | None, None, bool]:
        """The handshake, at `self.at`; returns whether the conversation goes on behind it."""
        client, server = self.client, self.server
        while client.tls_at is None and server.tls_at is None:
            if (client.ended and server.ended) or len(server.data) > self.reply_at:
                self._expected_tls = len(client.data) > self.at
                return True
            yield None
        begins = len(client.data) if client.tls_at is None else client.tls_at
        flaws: tuple[Found, ...] = ()
        secrets: tuple[Span, ...] = ()
        if begins > self.at:
            injected = bytes(client.data[self.at : begins])
            login, gap = _LOGIN.search(injected), client.gap(self.at, begins)
            hidden = min(login.end() if login else begins, begins if gap is None else gap - self.at)
            shown = injected[:hidden].decode("utf-8", "backslashreplace")
            is_secret = hidden < len(injected)
            flaws = (Found("behind-starttls", "client", self.at, shown + "•••" * is_secret),)
            secrets = ((self.at + hidden, begins),) if is_secret else ()
        number, self.number = self.number, self.number + 1
        goes_on = yield from tls.handshake(client, server, number, self.state, begins, flaws, secrets)
        if not client.heeded:
            self.at = begins
        self.reply_at = len(server.data) if server.tls_at is None else server.tls_at
        self.encrypted = True
        return goes_on

    def line_flaws(self, side: Side, start: int, end: int, limit: int) -> tuple[Found, ...]:
        """What is wrong with the octets of one line."""
        half = self.client if side == "client" else self.server
        if half.tidy(start, end, limit):
            return ()
        return tuple(line_flaws(half, side, start, bytes(half.data[start:end]), limit))

    # Where octets are missing.

    def _behind_gap(self, end: int) -> int:
        """The end of a command that a gap runs through: where the next one is recognised."""
        at = self.at
        whole = self.client.gap(at, end) is None or self._is_command(at) or self._may_be_response(end)
        if whole and self.client.gap(at + 1, end) is None:
            return end
        end = self.recognised(self._following(at))
        return MORE if end == len(self.client.data) and not self.client.ended else end

    def is_behind_gap(self, at: int) -> bool:
        """Whether commands may be missing before the one at `at`."""
        later = self.headless or not self.client.begun
        return (later and at == 0) or self.client.gap(at, at + 1) is not None

    def judge(self, row: Row, verb: str) -> str | None:
        """The name of the flaw of sending the command now, or None; what is missing may have led to it."""
        flaw = self.progress.judge(verb)
        if flaw == "out-of-order" and self.is_broken:
            behind = bisect_right(self.client.gaps, row.start, key=itemgetter(0)) + self.headless
            if behind > self._excused:  # each gap is an excuse once
                self._excused = behind
                self.progress.resume(verb)
                row.state, flaw = self.state, None
        return flaw

    def secrets_around_gap(self, row: Row) -> tuple[Span, ...]:
        """The secrets of a line; from a gap in it on, all is one that may be a login's."""
        gap = self.client.gap(row.start + 1, row.end if row.body < 0 or row.secrets else row.body)
        if gap is None or not (
            row.verb in _LOGINS or row.secrets or self._may_be_rest_of_login(gap, row.end)
        ):
            return row.secrets
        line = bytes(self.client.data[row.start : row.end]).rstrip(b"\r\n")
        return ((min([gap, *map(min, row.secrets)]), max(gap, row.start + len(line))),)

    def ends_login(self) -> bool:
        """Whether the client's next line, behind a gap in the middle of a login, is no line of that."""
        return self.is_behind_gap(self.at) and self._is_command(self.at)

    def _is_command(self, at: int) -> bool:
        found = self.COMMAND.match(self.client.data, at)
        return found is not None and self.client.gap(at + 1, found.end()) is None

    def _may_be_response(self, end: int) -> bool:
        line = bytes(self.client.data[self.at : end])
        return len(line) > ECHO and self.progress.may_be_response(line)

    def _may_be_rest_of_login(self, gap: int, end: int) -> bool:
        """Whether what stands behind a gap up to `end` may have a password in it."""
        return not self._is_command(gap) or self.client.gap(gap + 1, end) is not None

    def is_lost(self, verb: str, reply: Reply) -> bool:
        """Whether there was a reply, which nobody captured: then the server is taken to have agreed.

        Whether it agreed to TLS, what follows tells.
        """
        if reply.status is not None or self.server.absent():
            return reply.status is None
        return verb not in ("STARTTLS", "STLS") and any(flaw.name == "gap" for flaw in reply.flaws)

    def lost_commands(self) -> Generator[Row | None, None, bytes | None]:
        """Rows of the replies to commands that a gap at `self.at` swallowed; returns the status of the last.

        They are what the server said before the client sent what stands behind the gap.
        """
        status = None
        while self.is_behind_gap(self.at):
            while (reply := self.cut_reply(self.reply_at)) is None:
                yield None
            if reply.end == reply.start or not self._came_before(reply, self.at):
                break
            self.passed = max(self.passed, self.gaps_before(reply.end))
            self.reply_at, status = reply.end, reply.status
            yield self.orphan(reply)
        return status

    def recognised(self, at: int) -> int:
        """Where the first line at or behind `at` begins that looks like a command; TLS is none."""
        while at < self._plain_end(at) and not self._is_command(at):
            at = self._following(at)
        return at

    def _following(self, at: int) -> int:
        """Where the line behind that at `at` begins, be it right behind a gap that swallowed its end."""
        client, until = self.client, self._plain_end(at)
        end = client.data.find(b"\n", at, until) + 1 or until
        gap = client.gap(at + 1, end)
        while gap is not None and not self._is_command(gap):
            gap = client.gap(gap + 1, end)
        return end if gap is None else gap

    def _plain_end(self, at: int) -> int:
        client = self.client
        return client.tls_at if client.tls_at is not None and at < client.tls_at else len(client.data)

    def _heard_next(self, at: int) -> Generator[None, None, None]:
        """Waits for what the client says next, which tells how much of a damaged reply it had."""
        while self.client.line(at) == MORE:
            yield None

    def greeting(self, reply: Reply) -> Generator[None, None, Reply]:
        """What the server said first, not beyond what the client waited for where octets are missing."""
        if self.server.gaps:
            yield from self._heard_next(self.at)
        mended = self.mended(reply, None, self.at) if self.server.gaps else None
        reply = mended if mended is not None and mended.end > mended.start else reply
        self.reply_at = reply.end
        return reply

    def mended(self, reply: Reply, command: int | None, end: int) -> Reply | None:
        """The reply to a command when octets of the server are missing; None: `reply` is it.

        Of a client that waits for each reply, what the server said before the next command is the
        reply to this one, and there is none if it said nothing.
        """
        server = self.server
        first = bisect_left(server.gaps, reply.start, self.passed, key=itemgetter(0))
        gap = server.gaps[first][0] if first < len(server.gaps) else reply.end
        said = self._said_before_next(command, end)
        self.passed = max(self.passed, self.gaps_before(reply.start))
        if gap >= reply.end:
            if self.passed == 0:
                self._pipelines |= said is None or said < reply.end
            if said is None or self._pipelines or said >= reply.end or self.passed == 0:
                return None
            gap = server.gaps[self.passed - 1][0]
        else:
            self.passed = first + 1
        flaws = (Found("gap", "server", gap),)
        until = reply.end if said is None or self._pipelines else min(max(said, reply.start), reply.end)
        self.reply_at = until
        if until == reply.end:
            return reply._replace(flaws=(*flaws, *reply.flaws))
        self.passed = max(self.passed, self.gaps_before(until))
        status = self._status_between(reply.start, until, gap)
        return Reply(reply.start, until, status, b"" if status else None, flaws=flaws)

    def gaps_before(self, end: int) -> int:  # of the server's stream
        return bisect_left(self.server.gaps, end, key=itemgetter(0))

    def _said_before_next(self, command: int | None, end: int) -> int | None:
        """How far the server had come when the client sent what stands behind its command, at `end`.

        None if it sent both at once, or nothing more.
        """
        client, server = self.client, self.server
        if client.order is None or server.order is None or client.line(end) <= end:
            return None
        sent = client.order(end)
        if command is not None and sent == client.order(command):
            return None
        return self.said_before(sent)

    def begins_later(self) -> bool:
        """Whether the first that is there of the server was said behind the client's first."""
        asked, said = self.client.order, self.server.order
        if asked is None or said is None or not self.server.data or len(self.client.data) <= self.at:
            return False
        whole = self.server.begun and self.server.gap(0, 1) is None
        return not whole and asked(self.at) < said(0)

    def said_before(self, sent: int) -> int:
        """How far the server had come at a place in the capture."""
        order = self.server.order
        assert order is not None
        return bisect_left(range(len(self.server.data)), sent, key=order)

    def _status_between(self, start: int, end: int, gap: int) -> bytes | None:
        """The status in what is left of a reply in which, or before which, octets are missing."""
        behind = self.server.line(gap) if start <= gap else end
        for at in (start, gap, behind):
            found = self.REPLY.match(self.server.data, at, end) if start <= at < end else None
            if found is not None:
                return found[0].rstrip(b" -\r\n")
        return None

    def _came_before(self, reply: Reply, command: int) -> bool:
        if self.client.order is None or self.server.order is None or command >= len(self.client.data):
            return False
        return self.server.order(reply.end - 1) < self.client.order(command)
