"""SMTP, submission and LMTP: commands and replies, in order (RFC 5321, 2920, 3030, 3207, 4954, 2033).

The n-th command belongs to the n-th reply, pipelined or not.  A message's data begins
when 354 is seen, not because the state expects it: client octets behind DATA wait until its reply
is known.  The end of the data is a row of its own, with the verb `.`; so is each
line of a login, with the verb `(response)`.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from itertools import pairwise

from labkit.dissect.conversation import Conversation
from labkit.dissect.flaws import Found
from labkit.dissect.half import Half, tidy_throughout
from labkit.dissect.lines import ECHO, split
from labkit.dissect.progress import Progress, Rules
from labkit.dissect.row import FLAWS, Reply, Row, Rows
from labkit.grammar.framing import CRLF
from labkit.states.smtp import MACHINE, State

ZERO = 0x30  # the digit
COMMAND_LIMIT = 2048  # RFC 5321 4.5.3.1.4 says 512, and every extension may add to it
AUTH_LIMIT = 12288  # RFC 4954 4
REPLY_LIMIT = 512  # RFC 5321 4.5.3.1.5
GROUP = 1000  # commands sent at once that are counted where replies are missing
TEXT_LIMIT = 1000  # RFC 5321 4.5.3.1.6

EXTENSIONS = frozenset(  # commands whose place the table of states does not know
    "AUTH BDAT BURL LHLO ETRN ATRN TURN SEND SOML SAML XCLIENT XFORWARD XEXCH50 X-EXPS".split()  # noqa: SIM905
)
ALIASES = {"LHLO": "EHLO", "BDAT": "DATA"}

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]*={0,2}")
_CODE = re.compile(rb"[2-5][0-9][0-9](?=[ \-\r\n]|\Z)")
_ENHANCED = re.compile(rb"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |\Z)")
# bdat = "BDAT" SP chunk-size [SP "LAST"]
_CHUNK = re.compile(rb"([0-9]{1,19})( +LAST)?[ \t]*", re.IGNORECASE)

RULES = Rules(MACHINE)


class Smtp(Conversation):
    GREETING = re.compile(rb"220[ -]")
    REPLY = re.compile(rb"[2-5][0-9][0-9](?:[ -]|\r?\n)")
    OWN = re.compile(rb"(?:EHLO|HELO|LHLO) |MAIL FROM:|RCPT TO:|BDAT [0-9]|XCLIENT [A-Z]", re.IGNORECASE)
    COMMAND = re.compile(
        OWN.pattern + rb"|AUTH [A-Z]|(?:DATA|RSET|QUIT|NOOP|HELP|STARTTLS)\r?\n", re.IGNORECASE
    )

    VERBS = RULES.known | EXTENSIONS

    def __init__(self, client: Half, server: Half, number: int = 1) -> None:
        super().__init__(client, server, Progress(RULES), number)
        self._lmtp = False
        self._accepted = 0  # recipients of the transaction: LMTP answers for each

    def rows(self) -> Rows:
        yield from self._greeting()
        client, progress = self.client, self.progress
        while True:
            if (end := (yield from self.next_command())) is None:
                return
            if end == self.at:
                break
            if self.is_broken:
                lost = yield from self.lost_commands()
                if lost == b"354":  # to DATA
                    progress.enter(State.DATA)
                    yield from self._data()
                    continue
                if lost == b"334":  # to AUTH
                    self.behind_login = True
                    yield from self._login(lost)
                    continue
            row = self._row(end)
            at, verb = row.start, row.verb or ""
            if verb == "BDAT":
                yield from self._chunk(row)
            replied = self.reply_at
            if self._lmtp and self._accepted > 1 and _is_last(row):
                reply = yield from self._replies(at, end)
            else:
                reply = yield from self.next_reply(at, end)
            if (flaw := self._judge(row, replied)) is not None:
                row.flaws = (Found(flaw, "client", at), *row.flaws)
            yield self.answered(row, reply)
            status = reply.status
            code = status[0] - ZERO if status else 0
            if verb == "DATA" and code == 0 and (self.server.absent() or self._goes_on_with_text()):
                code = 3
            elif verb != "DATA" and self.is_lost(verb, reply):
                code = 2
            if code:
                progress.step(ALIASES.get(verb, verb), code)
            if verb == "DATA" and code == 3:
                progress.enter(State.DATA)
                yield from self._data()
            elif verb == "AUTH" or status == b"334":
                self.behind_login = True
                yield from self._login(status)
            elif verb == "RCPT" and code == 2:
                self._accepted += 1
            elif verb == "MAIL" and code == 2:
                self._accepted = 0
            elif verb in ("EHLO", "HELO", "LHLO", "RSET") and code == 2:
                self._lmtp, self._accepted = verb == "LHLO" or (self._lmtp and verb == "RSET"), 0
            elif verb == "STARTTLS" and (code == 2 or client.tls_at == end) and not self.encrypted:
                if not (yield from self.enter_tls()):
                    return
            elif verb == "BDAT" and (code == 2 or (code and _is_last(row) and progress.state is State.RCPT)):
                progress.enter(State.READY if _is_last(row) else State.RCPT)
        yield from self.unasked()

    def _row(self, end: int) -> Row:
        """The row of the line up to `end`."""
        at, self.at = self.at, end
        line = bytes(self.client.data[at:end])
        verb, argument = split(line)
        if self.behind_login and self.may_be_secret(verb):
            verb, argument = "(response)", line.rstrip(b"\r\n") or None
        row = Row(self.number, self.state, verb, argument, at, end)
        self.number += 1
        if verb == "AUTH":
            row.secrets = initial_response(line, at)
        elif verb == "(response)":
            row.secrets = ((at, at + len(line.rstrip())),)
        if self.client.gaps:
            row.secrets = self.secrets_around_gap(row)
        row.flaws = self.line_flaws("client", at, end, AUTH_LIMIT if row.secrets else COMMAND_LIMIT)
        return row

    def cut_reply(self, at: int) -> Reply | None:
        """Lines with one code; octets before it that are no reply come along, as a flaw."""
        server = self.server
        data = server.data
        start, lines, status = at, 0, b""
        text: list[bytes] = []
        enhanced = None
        flaws: tuple[Found, ...] = ()
        while True:
            end = server.line(at)
            if end < 0:
                return None
            if end == at:
                if lines and status and not flaws:
                    flaws = (Found("truncated", "server", end),)
                break
            line = bytes(data[at:end])
            code = line[:3]
            if _CODE.match(line) is None:
                if len(flaws) < FLAWS:
                    flaws += (Found("bad-reply", "server", at),)
                if status:  # a reply was begun, so this belongs to it
                    text.append(line.rstrip(b"\r\n"))
                    lines += 1
                at = end
                continue
            if status and code != status and len(flaws) < FLAWS:
                flaws += (Found("code-mismatch", "server", at, f"{code.decode()} behind {status.decode()}"),)
            status = code
            if not server.tidy(at, end, REPLY_LIMIT) and len(flaws) < FLAWS:
                flaws += self.line_flaws("server", at, end, REPLY_LIMIT)
            body = line[4:-2] if line.endswith(CRLF) else line[4:].rstrip(b"\r\n")
            found = _ENHANCED.match(body)
            if found is not None and found[1][0] == code[0]:
                enhanced, body = found[1], body[found.end() :]
            text.append(body)
            lines += 1
            at = end
            if line[3:4] != b"-":
                break
        return Reply(
            start, at, status or None, b"\n".join(text) if status else None, lines, enhanced, flaws=flaws
        )

    def _greeting(self) -> Rows:
        """What the server says first; a capture that begins later has none."""
        while (reply := self.cut_reply(0)) is None:
            yield None
        reply = yield from self.greeting(reply)
        greets = reply.status == b"220" or (
            reply.status is not None and reply.status[:1] in b"45" and not self.begins_later()
        )
        if not greets:
            self.reply_at = self.passed = 0
            self.headless = reply.status is not None
            return
        yield self.answered(Row(0, self.state, None, None, -1, -1), reply)

    def mended(self, reply: Reply, command: int | None, end: int) -> Reply | None:
        """The replies to commands sent at once, with DATA the last of them, came before the client went on
        (RFC 2920 3.1): if not as many are there, what is missing is those to the first."""
        asked, said, gap = self.client.order, self.server.order, reply.start
        if command is None or asked is None or said is None or self.server.gap(gap, gap + 1) is None:
            return super().mended(reply, command, end)
        waiting, at, line = 1, end, command
        while waiting < GROUP and at < len(self.client.data) and asked(at) == asked(command):
            waiting, line, at = waiting + 1, at, self.client.line(at)
        if self.client.data[line:at].strip().upper() == b"DATA" and at < len(self.client.data):
            until = self.said_before(asked(at))
            while waiting and gap < until and (seen := self.cut_reply(gap)) is not None:
                waiting, gap = waiting - 1, seen.end
            if waiting:
                self.passed = max(self.passed, self.gaps_before(reply.start + 1))
                return Reply(reply.start, reply.start, None, flaws=(Found("gap", "server", reply.start),))
        return super().mended(reply, command, end)

    def _may_be_rest_of_login(self, gap: int, end: int) -> bool:
        """Passwords are in base64 here; between gaps any part of it may be left, or the mechanism."""
        client, behind = self.client, [gap]
        while (following := client.gap(behind[-1] + 1, end)) is not None:
            behind.append(following)
        pieces = [bytes(client.data[a:b]).split() for a, b in pairwise([*behind, end])]
        return any(
            len(piece) < 2 or len(word) > ECHO
            for piece in pieces
            for word in piece or [b""]
            if _BASE64.fullmatch(word)
        )

    def _goes_on_with_text(self) -> bool:
        """Whether what follows a DATA whose reply is missing in the capture is a message."""
        follows = bytes(self.client.data[self.at : self.at + COMMAND_LIMIT])
        return bool(self.server.gaps and follows) and self.COMMAND.match(follows) is None

    def _judge(self, row: Row, replied: int) -> str | None:
        """The flaw of sending this command now.  DATA may follow RCPTs that turn out refused, if
        it was sent before their replies were known (RFC 2920 3.1)."""
        verb = row.verb or ""
        flaw = self.judge(row, ALIASES.get(verb, verb))
        if flaw == "unknown-command" and verb in EXTENSIONS:
            return None
        if flaw == "out-of-order" and verb in ("DATA", "BDAT") and self.progress.state is State.MAIL:
            return None if self._pipelined(row, replied) else flaw
        return flaw

    def _pipelined(self, row: Row, replied: int) -> bool:
        """Whether the command left before the reply to the one before it (ending at `replied`) came."""
        client, server = self.client, self.server
        if client.order is None or server.order is None or not replied:
            return False
        return client.order(row.end - 1) < server.order(replied - 1)

    def _chunk(self, row: Row) -> Generator[None, None, None]:
        """The octets behind BDAT, which come whatever the server will say (RFC 3030 2)."""
        found = _CHUNK.fullmatch(row.argument or b"")
        if found is None or int(found[1]) >= 1 << 63:
            row.flaws = (Found("bad-size", "client", row.start), *row.flaws)
            return
        row.body = row.end
        while (end := self.client.octets(row.body, int(found[1]))) < 0:
            yield None
        if end - row.body < int(found[1]):
            gap = self.client.gap(row.body, end + 1)
            flaw = Found("truncated", "client", end) if gap is None else Found("gap", "client", gap)
            row.flaws = (flaw, *row.flaws)
        self.at = row.end = end

    def _data(self) -> Rows:
        """The message behind 354, up to the line with only a dot."""
        client, at = self.client, self.at
        while (end := client.block(at)) < 0:
            yield None
        if end == at:
            return
        if client.gaps and client.gap(at, end) is not None:
            end = min(end, self.recognised(client.gap(at, end) or at))  # the gap may hold the dot
        row = Row(
            self.number, self.state, ".", None, at, end, body=at, flaws=tuple(self._data_flaws(at, end))
        )
        self.number += 1
        self.at = end
        sent = at if end > at else max(at - 1, 0)  # behind which the reply came: an octet of DATA's at least
        if self._lmtp and self._accepted > 1:
            reply = yield from self._replies(sent, end)
        else:
            reply = yield from self.next_reply(sent, end)
        self._accepted = 0
        yield self.answered(row, reply)
        if reply.status or self.server.absent():
            self.progress.enter(State.READY)

    def _replies(self, at: int, end: int) -> Generator[Row | None, None, Reply]:
        """LMTP: a reply for each recipient (RFC 2033 4.2), as one; the worst of them counts."""
        replies = []
        for _ in range(self._accepted):
            replies.append((yield from self.next_reply(at, end)))
        worst = max(replies, key=lambda reply: reply.status or b"")
        return worst._replace(
            start=replies[0].start,
            end=replies[-1].end,
            text=b"\n".join(reply.text or b"" for reply in replies),
            lines=sum(reply.lines for reply in replies),
            flaws=tuple(flaw for reply in replies for flaw in reply.flaws),
        )

    def _data_flaws(self, at: int, end: int) -> Generator[Found, None, None]:
        client = self.client
        block = client.data[at:end]
        is_closed = block.endswith(b"\r\n.\r\n") or block == b".\r\n"
        gap = client.gap(at, end if is_closed else end + 1)
        if gap is not None:
            yield Found("gap", "client", gap)
        if not is_closed and gap is None:
            yield Found("bare-dot" if block.endswith((b"\n.\n", b"\n.\r\n")) else "truncated", "client", end)
        yield from text_flaws(block, at)

    def _login(self, status: bytes | None) -> Rows:
        """The lines of an exchange, for as long as the server says 334 (RFC 4954 4)."""
        while status == b"334" or self.server.absent():
            end = yield from self.next_line()
            if self.is_broken and (lost := (yield from self.lost_commands())) not in (None, b"334"):
                return self.progress.step("(response)", int(lost) // 100)
            if self.is_broken and self.ends_login():
                return
            line = bytes(self.client.data[self.at : max(end, self.at)])
            if not line or not (status or self.progress.may_be_response(line)):
                return
            at, self.at, line = self.at, end, line.rstrip(b"\r\n")
            row = Row(self.number, self.state, "(response)", line, at, end, secrets=((at, at + len(line)),))
            row.flaws = self.line_flaws("client", at, end, AUTH_LIMIT)
            self.number += 1
            reply = yield from self.next_reply(at, end)
            status = reply.status
            yield self.answered(row, reply)
            if status:
                self.progress.step("(response)", int(status) // 100)


def text_flaws(block: bytes | bytearray, at: int) -> Generator[Found, None, None]:
    """What is wrong with the lines of a client's message that begins at `at` of its stream."""
    tidy = tidy_throughout(block)
    if not tidy and block.count(b"\n") != block.count(CRLF):
        bare = re.search(rb"(?<!\r)\n", block)
        assert bare is not None
        yield Found("bare-lf", "client", at + bare.start())
        dot = re.search(rb"(?:(?<!\r)\n|\A\n)\.\r?\n|\n\.\n", block)
        if dot is not None and dot.end() < len(block):
            yield Found("bare-dot", "client", at + dot.start())
    if not tidy and block.count(b"\r") != block.count(CRLF):
        bare = re.search(rb"\r(?!\n)", block)
        assert bare is not None
        yield Found("bare-cr", "client", at + bare.start())
    start = 0
    while len(block) - start > TEXT_LIMIT:
        end = block.rfind(b"\n", start, start + TEXT_LIMIT)
        if end < 0:
            yield Found("line-too-long", "client", at + start)
            break
        start = end + 1


def _is_last(row: Row) -> bool:
    """Whether a command is the BDAT that ends a message (RFC 3030 2)."""
    return row.verb == "BDAT" and (row.argument or b"").upper().rstrip().endswith(b"LAST")


def initial_response(line: bytes, at: int) -> tuple[tuple[int, int], ...]:
    """The span of what stands behind `AUTH mechanism`."""
    found = re.match(rb"\S+ +\S+ +([^\r\n]+)", line)
    return ((at + found.start(1), at + found.end(1)),) if found else ()
