"""The promise of tables.schema, pinned: a change here is a change for everybody who uses the tables."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.tables import TABLES, Capture
from labkit.tables.schema import columns_of

TEXT, NUMBER, TIME, SECONDS, FLAG, CHOICE = (
    "str",
    "Int64",
    "datetime64[us, UTC]",
    "float64",
    "boolean",
    "category",
)

EXCHANGES = {
    "capture": TEXT,
    "connection": NUMBER,
    "exchange": NUMBER,
    "protocol": CHOICE,
    "step": CHOICE,
    "time": TIME,
    "sent_at": TIME,
    "first_reply_at": TIME,
    "replied_at": TIME,
    "latency_s": SECONDS,
    "state": TEXT,
    "tag": TEXT,
    "verb": TEXT,
    "argument": TEXT,
    "status": TEXT,
    "outcome": CHOICE,
    "code": NUMBER,
    "enhanced": TEXT,
    "response_code": TEXT,
    "text": TEXT,
    "reply_lines": NUMBER,
    "untagged": NUMBER,
    "octets_sent": NUMBER,
    "octets_received": NUMBER,
    "mailbox": TEXT,
    "pipelined": FLAG,
    "encrypted": FLAG,
    "flaw": TEXT,
    "frame": NUMBER,
    "reply_frame": NUMBER,
}
COLUMNS = {
    "connections": (
        "capture connection stream protocol step client client_port client_name client_role server "
        "server_port server_name server_role start duration_s exchanges octets_sent octets_received "
        "round_trips tls tls_version cipher sni greeting software user mechanism ended closed_by "
        "flaws"
    ),
    "messages": (
        "capture connection exchange message time step direction reverse_path recipients outcome "
        "code queue_id mailbox uid header_from header_to subject header_date message_id octets "
        "sha256 body_sha256 trace_id parts complete"
    ),
    "recipients": "capture connection exchange message_exchange time address outcome code enhanced text",
    "logins": "capture connection exchange time user mechanism outcome encrypted",
    "lookups": "capture connection exchange time client name type answer outcome latency_s",
    "lines": "capture connection exchange time sender offset raw text ending",
    "parts": (
        "capture connection exchange message path content_type charset encoding disposition "
        "filename offset octets sha256"
    ),
    "headers": "capture connection exchange message position name value raw offset",
    "hops": (
        "capture connection exchange message hop by from_name from_address with id for_address time delay_s"
    ),
    "flaws": "capture connection exchange sender offset flaw detail meaning rfc",
}
OTHERS: dict[str, dict[str, str]] = {
    TIME: {"time": "", "start": "", "header_date": ""},
    SECONDS: {"duration_s": "", "latency_s": "", "delay_s": ""},
    FLAG: {"encrypted": "", "complete": ""},
    "object": {"raw": ""},
}
CHOICES = [
    "protocol",
    "step",
    "client_role",
    "server_role",
    "tls",
    "ended",
    "closed_by",
    "direction",
    "outcome",
    "sender",
    "ending",
]


def dtypes(frame: Any) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


@pytest.fixture(params=["capture", "empty"])
def any_capture(request: pytest.FixtureRequest) -> Capture:
    found: Capture = request.getfixturevalue(request.param)
    return found


def test_exchanges(any_capture: Capture) -> None:
    assert dtypes(any_capture.exchanges) == EXCHANGES


@pytest.mark.parametrize("table", COLUMNS)
def test_other_tables(any_capture: Capture, table: str) -> None:
    found = dtypes(getattr(any_capture, table))
    assert list(found) == COLUMNS[table].split()
    for name, dtype in found.items():
        special = next((kind for kind, names in OTHERS.items() if name in names), None)
        assert dtype == (CHOICE if name in CHOICES else special or dtype), name
        assert dtype in (TEXT, NUMBER, CHOICE, special), name


@pytest.mark.parametrize("table", TABLES)
def test_categories_are_fixed_and_every_column_is_documented(any_capture: Capture, table: str) -> None:
    frame = getattr(any_capture, table)
    for column in columns_of(TABLES[table]):
        assert column.meaning.endswith((".", "…")) or "…" in column.meaning
        if column.kind == "choice":
            assert list(frame[column.name].cat.categories) == list(column.choices)
            assert not frame[column.name].cat.ordered


def test_vocabularies(empty: Capture) -> None:
    frame = empty.exchanges
    assert list(frame.outcome.cat.categories) == [
        "ok",
        "continue",
        "temporary",
        "permanent",
        "closed",
        "unanswered",
    ]
    assert list(frame.protocol.cat.categories) == ["smtp", "pop3", "imap", "dns"]
    assert list(frame.step.cat.categories) == ["submit", "relay", "deliver", "access"]
