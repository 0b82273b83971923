"""The tables of what was on the wire: connections, lines, lookups; and octets without their secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from labkit.capture.stream import Stream
from labkit.dissect import tls
from labkit.dissect.row import Row
from labkit.net.tap import Side
from labkit.tables.dissected import Talk, column
from labkit.tables.exchanges import outcome, outcome_at
from labkit.tables.mail import attempts, text
from labkit.tables.moments import ABSENT, Times
from labkit.tables.table import Table

SOFTWARE = re.compile(
    r"\b(labkit|Postfix|Exim(?: [\d.]+)?|Sendmail(?: [\d.]+)?|Microsoft ESMTP MAIL Service|aiosmtpd"
    r"|OpenSMTPD|qmail|Haraka|gsmtp|MailHog|Mailpit|GreenMail|Dovecot|Cyrus \w+|Cyrus|Courier(?:-\w+)?"
    r"|Gimap|UW IMAP|Qpopper|Zimbra|Stalwart|hMailServer|Citadel|Kerio|MDaemon|CommuniGate Pro)\b"
)
SIDES: tuple[Side, Side] = ("client", "server")


def connections(talks: Iterable[Talk], capture: str) -> Table:
    found = [talk for talk in talks if talk.flow.connection.transport == "tcp"]
    rows = (_connection(*each, capture) for each in zip(found, round_trips(found), strict=True))
    return Table.of("connections", rows)


def lookups(talks: Iterable[Talk], capture: str) -> Table:
    rows = (
        (
            capture,
            talk.number,
            row.number,
            when.time,
            talk.flow.connection.client_name or talk.flow.connection.client,
            text(row.argument),
            row.verb,
            text(row.text) or None,
            outcome(row),
            None if when.sent is None or when.replied is None else (when.replied - when.sent) / 1e6,
        )
        for talk in talks
        if talk.protocol == "dns"
        for row, when in zip(talk.rows, talk.moments, strict=True)
    )
    return Table.of("lookups", rows, sort=True)


def lines(talks: Iterable[Talk], capture: str, secrets: bool) -> Table:
    return Table.of("lines", (row for talk in talks for row in _lines(talk, capture, secrets)), sort=True)


def octets_without_secrets(talk: Talk, side: Side = "client") -> bytes:
    """All that one side sent, each octet of a secret replaced by "*"."""
    flow = talk.flow
    data = flow.side(side).data
    begun = flow.client.begun and flow.server.begun
    if side == "client" and not talk.rows and (flow.client.gaps or flow.server.gaps or not begun):
        return b"*" * len(data)  # nobody knows what it is, and it may be a login
    spans = [span for row in talk.rows for span in (row.secrets if side == "client" else row.echoes)]
    if not spans:
        return data
    masked = bytearray(data)
    for start, end in spans:
        masked[start:end] = b"*" * (end - start)
    return bytes(masked)


def round_trips(talks: Sequence[Talk]) -> list[int]:
    """How often each client waited for a reply before it sent more."""
    if not talks:
        return []
    import numpy as np

    flow = np.repeat(np.arange(len(talks)), [len(talk.rows) for talk in talks])
    times = np.concatenate([Times.of(talk.moments).columns for talk in talks], axis=1)
    start, reply = (np.array(column(talks, name), np.int64) for name in ("start", "reply_start"))
    dns = np.array([talk.protocol == "dns" for talk in talks], bool)[flow]
    command = np.flatnonzero([verb is not None for verb in column(talks, "verb")])
    following = np.roll(command, -1)
    last = (flow[following] != flow[command]) | (following <= command)  # of its flow
    replied, sent = times[3, following - 1], times[0, following]  # to the row before it
    known = ~last & (start[following] >= 0) & ~dns[command] & (replied != ABSENT) & (sent != ABSENT)
    waited = (reply[command] >= 0) & ~(known & (sent < replied))
    found: list[int] = np.bincount(flow[command][waited], minlength=len(talks)).tolist()
    return found


def _connection(talk: Talk, waits: int, capture: str) -> tuple[Any, ...]:
    seen, flow, rows = talk.flow.connection, talk.flow, talk.rows
    numbers, closed = rows.column("number"), flow.closed_at
    said = text(rows.column("text")[numbers.index(0)]) if 0 in numbers else None
    software = SOFTWARE.search(said or "")
    login = next((found for found in attempts(talk) if outcome_at(rows, found[0]) == "ok"), None)
    version, cipher, sni = _tls_facts(talk)
    return (
        capture,
        talk.number,
        flow.stream,
        talk.protocol,
        talk.step,
        seen.client,
        seen.client_port,
        seen.client_name,
        seen.client_role,
        seen.server,
        seen.server_port,
        seen.server_name,
        seen.server_role,
        seen.opened,
        None if closed is None else (closed - seen.opened) / 1e6,
        len(rows),
        _on_wire(flow.client),
        _on_wire(flow.server),
        waits,
        seen.tls,
        version,
        cipher,
        sni,
        said,
        software[1] if software else None,
        login[2] if login else None,
        login[3] if login else None,
        seen.ended,
        seen.closed_by,
        sum(map(len, rows.column("flaws"))),
    )


def _tls_facts(talk: Talk) -> tuple[str | None, str | None, str | None]:
    """Version, cipher and server name: what the lab noted, else what the hellos say."""
    seen = talk.flow.connection
    hellos = [
        stream.tls and tls.read_hello(stream.tls.data, True)
        for stream in (talk.flow.client, talk.flow.server)
    ]
    asked, answered = hellos
    return (
        seen.tls_version or (answered.version if answered else None),
        seen.cipher or (answered.cipher if answered else None),
        seen.sni or (asked.server_name if asked else None),
    )


def _on_wire(stream: Stream) -> int:
    """Octets of a side: plain ones and TLS records; of a side inside TLS without records, what was inside."""
    if stream.tls is not None and not len(stream.tls):
        return len(stream)
    return sum(size for _, size in stream.sent)


def _lines(talk: Talk, capture: str, secrets: bool) -> Iterator[tuple[Any, ...]]:
    if talk.protocol == "dns":
        return
    client, server = (
        talk.flow.side(side).data if secrets else octets_without_secrets(talk, side) for side in SIDES
    )
    for row in talk.rows:
        if row.verb == "TLS":
            continue
        for side, data, start, end in (
            ("client", client, row.start, row.end),
            ("server", server, row.reply_start, row.reply_end),
        ):
            if start >= 0:
                yield from _cut(talk, capture, row, side, data, start, end)


def _cut(
    talk: Talk, capture: str, row: Row, side: Any, data: bytes, start: int, end: int
) -> Iterator[tuple[Any, ...]]:
    stream = talk.flow.side(side)
    while start < end:
        behind = data.find(b"\n", start, end) + 1 or end
        raw = data[start:behind]
        ending = next((name for name, octets in _ENDINGS if raw.endswith(octets)), "none")
        shown = raw.rstrip(b"\r\n") if ending == "crlf" else raw[: -1 if ending != "none" else None]
        place = (capture, talk.number, row.number, stream.time_at(start), side, start)
        yield (*place, raw, shown.decode("utf-8", "backslashreplace"), ending)
        start = behind


_ENDINGS = (("crlf", b"\r\n"), ("lf", b"\n"), ("cr", b"\r"))
