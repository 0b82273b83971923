"""From a flow to its rows: which protocol is spoken, and what its module finds.

The protocol is told by what the two sides say and, where that is not enough, by port or by what
the lab's listener said it speaks.  A flow that still grows is dissected as far as its
octets go and resumed when there are more (`Dissection.advance`); the rows are the same in whatever
pieces the octets came.

Servers differ in what they take for the end of a line, of a message, and of what was
said before TLS.  Where a client made use of that, or a server said more than it was asked, the
reading is taken under which commands and replies fit best (`dissect`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from labkit.capture import proxy
from labkit.dissect import dns, tls, whole
from labkit.dissect.flaws import Found
from labkit.dissect.half import Half
from labkit.dissect.row import Row, Rows, Sheet
from labkit.dissect.whole import Protocol

if TYPE_CHECKING:
    from labkit.capture.tape import Flow, Stream
    from labkit.dissect.imap import Imap
    from labkit.dissect.pop3 import Pop3
    from labkit.dissect.smtp import Smtp

SERVICES: dict[str, Protocol] = {
    **dict.fromkeys(("smtp", "submission", "submissions", "smtps", "lmtp"), "smtp"),
    **dict.fromkeys(("pop3", "pop3s"), "pop3"),
    **dict.fromkeys(("imap", "imaps"), "imap"),
    "dns": "dns",
}
PORTS: dict[int, Protocol] = {
    **dict.fromkeys((24, 25, 465, 587), "smtp"),
    **dict.fromkeys((110, 995), "pop3"),
    **dict.fromkeys((143, 993), "imap"),
    53: "dns",
}
GREETINGS: dict[bytes, Protocol] = {b"220": "smtp", b"+OK": "pop3", b"* O": "imap"}
MAIL: tuple[Protocol, ...] = ("smtp", "pop3", "imap")

_ENOUGH = 1024  # octets after which a first line need not end to be judged


class Reading(NamedTuple):
    """How a server reads: see `Half`."""

    strict: bool = False
    lax: bool = False
    heeded: bool = False
    timely: bool = False


USUAL = Reading()
OTHERS = (Reading(strict=True), Reading(lax=True), Reading(heeded=True))
TIMELY = Reading(timely=True)  # not the usual one: captures have packets in the wrong order
LEAVE_A_CHOICE = frozenset(("bare-lf", "bare-dot", "behind-starttls"))
MISFITS = frozenset(("unanswered", "unsolicited-reply", "unknown-command", "out-of-order", "bad-reply"))


class Dissection:
    """The rows of one flow, as far as its octets go.

    `whole`: what is there is all there will be, so rows that are not whole are given as they are.
    """

    def __init__(self, flow: Flow, reading: Reading = USUAL, *, whole: bool = False) -> None:
        self.flow = flow
        self._whole = whole
        self.protocol: Protocol | None = None
        self.client, self.server = (
            Half(order=side.order_at, unpack=side.inflate, **asked._asdict())
            for side, asked in ((flow.client, reading), (flow.server, USUAL))
        )
        is_dns = "dns" in (flow.connection.service, PORTS.get(flow.connection.server_port))
        if is_dns:
            self.protocol = "dns"
            self._rows = self._questions()
        else:
            self._rows = iter(()) if flow.connection.transport == "udp" else self._streams()

    def advance(self) -> Iterator[Row]:
        """The rows that have become whole since the last call."""
        ended = self._whole or self.flow.closed
        _pull(self.client, self.flow.client, ended)
        _pull(self.server, self.flow.server, ended)
        for row in self._rows:
            if row is None:
                return
            yield row

    def _streams(self) -> Rows:
        client, server = self.client, self.server
        expected = expected_protocol(self.flow)
        number = 1
        while not (client.data or server.data or client.tls or server.tls):
            if client.ended and server.ended:
                self.protocol = expected
                return
            yield None
        while (proxied := proxy.read(client.data, client.ended)) is None:
            yield None
        begins = proxied.end
        if begins and expected is not None:
            yield _proxied(proxied)
            number += 1
        implicit = client.tls_at == begins or server.tls_at == 0
        if implicit:
            if expected is not None:
                self.protocol = expected
                if not (yield from tls.handshake(client, server, number, _start_of(expected), begins)):
                    return
                number += 1
            while not (client.data[begins : begins + 1] or server.data):
                if client.ended and server.ended:
                    return
                yield None
        while (found := recognise(client, server, expected, begins)) is None:
            yield None
        self.protocol = found or expected
        if found and begins and expected is None:
            yield _proxied(proxied)
            number += 1
        if found:
            conversation = conversations(found)(client, server, number)
            conversation.encrypted, conversation.at = implicit, begins
            yield from conversation.rows()
        elif expected is not None and (server.data or len(client.data) > begins):
            yield from _not_mail(client, server, number, begins)

    def _questions(self) -> Rows:
        """DNS, over UDP or TCP."""
        over_tcp = self.flow.connection.transport == "tcp"
        messages = dns.Messages(self.flow)
        given = 0
        while True:
            ended = self._whole or self.flow.closed
            if over_tcp:
                messages.take()
            rows = list(dns.questions(self.flow.datagrams, 1, ended))
            yield from rows[given:]
            given = len(rows)
            if ended:
                return
            yield None


def expected_protocol(flow: Flow) -> Protocol | None:
    """What the listener was said to speak, or what is usual on its port."""
    return SERVICES.get(flow.connection.service or "") or PORTS.get(flow.connection.server_port)


def dissect(flow: Flow) -> tuple[Protocol | None, Sheet]:
    """The protocol that a flow speaks, and all rows of what it holds, read the way that fits best."""
    protocol = expected_protocol(flow) or _shown(flow)
    usual = whole.read(flow, protocol)
    return frame_by_frame(flow) if usual is None else (protocol, usual)


def frame_by_frame(flow: Flow) -> tuple[Protocol | None, Sheet]:
    """The same, but for who may take what is usual for granted."""
    first = Dissection(flow, whole=True)
    rows = list(first.advance())
    flaws = [flaw for row in rows if row.flaws for flaw in row.flaws]
    if any(flaw.name in LEAVE_A_CHOICE and flaw.sender == "client" for flaw in flaws):
        for reading in OTHERS:
            if _misfits(rows):
                rows = min(rows, list(Dissection(flow, reading, whole=True).advance()), key=_misfits)
    elif any(flaw.name == "unsolicited-reply" for flaw in flaws):
        rows = min(list(Dissection(flow, TIMELY, whole=True).advance()), rows, key=_misfits)
    return first.protocol, Sheet(rows)


def _shown(flow: Flow) -> Protocol | None:
    """The mail protocol that shows in the first words of both sides, where none is expected."""
    protocol = GREETINGS.get(flow.server.data[:3])
    said = flow.server.data[:_ENOUGH].partition(b"\n")[0]
    return protocol if protocol and _is_own(protocol, flow.client.data, said) else None


def _is_own(protocol: Protocol, asked: bytes, said: bytes) -> bool:
    """Whether a client's first words are this protocol's and no other's.

    FTP says AUTH TLS behind 220 as well (RFC 4217), NNTP HELP behind 200 (RFC 3977): to be SMTP, the
    server has to name it.
    """
    module = conversations(protocol)
    own = module.OWN if b"SMTP" not in said.upper() else module.COMMAND
    return own.match(asked) is not None


def recognise(
    client: Half, server: Half, expected: Protocol | None, at: int = 0
) -> Protocol | Literal[""] | None:
    """The mail protocol that two streams speak; "" if it is none, None while that cannot be told.

    `at` is where the client's own words begin, behind those of a proxy.
    """
    said, asked = _first_line(server, 0), _first_line(client, at)
    if said is None:
        return None
    known = conversations(expected) if expected in MAIL else None
    if known and known.REPLY.match(said):
        return expected
    if asked is None:
        return None
    for protocol in sorted(MAIL, key=lambda protocol: protocol != expected):
        module = conversations(protocol)
        if asked:
            if module is known and module.COMMAND.match(asked):
                return protocol
            if _is_own(protocol, asked, said) and (not said or module.REPLY.match(said)):
                return protocol
        elif module.GREETING.match(said) and (protocol != "smtp" or b"SMTP" in said.upper()):
            return protocol
    return expected if known and (client.gaps or server.gaps) else ""


@cache
def conversations(protocol: Protocol) -> type[Smtp] | type[Pop3] | type[Imap]:
    """What finds the rows of one of the three, imported when somebody may be speaking it."""
    match protocol:
        case "smtp":
            from labkit.dissect.smtp import Smtp

            return Smtp
        case "pop3":
            from labkit.dissect.pop3 import Pop3

            return Pop3
        case _:
            from labkit.dissect.imap import Imap

            return Imap


def _first_line(half: Half, at: int) -> bytes | None:
    end = half.line(at)
    if end < 0 and len(half.data) < at + _ENOUGH:
        return None
    return bytes(half.data[at : end if end >= 0 else at + _ENOUGH])


def _proxied(header: proxy.Header) -> Row:
    """A proxy's header, which has no reply."""
    row = Row(1, "", "PROXY", header.argument, 0, header.end)
    if not header.valid:
        row.flaws = (Found("bad-proxy", "client", 0),)
    return row


def _not_mail(client: Half, server: Half, number: int, at: int) -> Rows:
    """One row for all that was said on a mail port and is no mail."""
    while not (client.ended and server.ended):
        yield None
    asked = len(client.data) > at
    row = Row(number, "", None, None, at if asked else -1, len(client.data) if asked else -1)
    if server.data:
        row.reply_start, row.reply_end = 0, len(server.data)
    row.flaws = (Found("not-mail", "client" if asked else "server", at if asked else 0),)
    if asked and not client.begun:  # what begins in the middle may be the rest of a login
        row.secrets = ((at, len(client.data)),)
    yield row


def _start_of(protocol: Protocol) -> str:
    return conversations(protocol)(Half(), Half(), 1).state if protocol in MAIL else ""


def _misfits(rows: list[Row]) -> int:
    return sum(flaw.name in MISFITS for row in rows for flaw in row.flaws)


def _pull(half: Half, stream: Stream, ended: bool) -> None:
    """Bring a half to where its stream is."""
    ended = ended or stream.ended
    if ended and not half.data:
        half.data = stream.data
    elif len(stream) > len(half.data):
        if not isinstance(half.data, bytearray):
            half.data = bytearray(half.data)
        half.data += stream.since(len(half.data))
    half.tls_at, half.gaps, half.troubles = stream.tls_at, stream.gaps, stream.troubles
    half.begun = stream.begun
    if stream.tls is not None:
        half.tls = half.tls or Half()
        half.tls.data, half.tls.ended, half.tls.troubles = stream.tls.data, ended, stream.tls.troubles
    half.ended = ended
