"""The golden transcripts through the dissector: every octet belongs to a row, and tags find their replies."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support import transcript

from labkit.dissect.dissector import dissect

PORTS = {"smtp": 25, "submission": 587, "pop3": 110, "imap": 143}
ALL = [
    (each, client)
    for each in transcript.transcripts()
    for client in sorted({turn.client for turn in each.turns})
]
PLAIN = [pair for pair in ALL if not any(turn.kind == "tls" for turn in pair[0].turns)]


def rows_of(flow: Any, golden: Any, client: int) -> tuple[bytes, bytes, list[Any]]:
    asked, answered = golden.streams(client)
    said = [("S", answered), ("C", asked)]
    _, rows = dissect(flow(*[pair for pair in said if pair[1]], port=PORTS[golden.service.removesuffix("s")]))
    return asked, answered, rows


@pytest.mark.parametrize(("golden", "client"), PLAIN, ids=[f"{g.name}-{c}" for g, c in PLAIN])
def test_every_octet_belongs_to_a_row(flow: Any, golden: Any, client: int) -> None:
    asked, answered, rows = rows_of(flow, golden, client)
    assert rows
    assert sum(row.end - row.start for row in rows if row.start >= 0) == len(asked)
    assert sum(row.reply_end - row.reply_start for row in rows if row.reply_start >= 0) == len(answered)
    assert [row.number for row in rows if row.start >= 0] == sorted(
        row.number for row in rows if row.start >= 0
    )


@pytest.mark.parametrize(("golden", "client"), PLAIN, ids=[f"{g.name}-{c}" for g, c in PLAIN])
def test_each_reply_belongs_to_its_command(flow: Any, golden: Any, client: int) -> None:
    _, answered, rows = rows_of(flow, golden, client)
    for row in rows:
        reply = answered[row.reply_start : row.reply_end] if row.reply_start >= 0 else b""
        if row.tag and row.status not in (None, b"+", b"BYE"):
            assert re.search(rb"^" + re.escape(row.tag) + rb" " + row.status, reply, re.MULTILINE)
        if row.verb == "DATA":
            assert row.status in (b"354", b"421", b"503", b"554", b"501", b"530", b"451", b"452", b"550")
        if row.verb == "QUIT" and row.status:
            assert row.status in (b"221", b"+OK", b"-ERR", b"501")
