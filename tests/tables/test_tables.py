"""What stands in the tables of a small lab."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256

import pytest

from labkit.errors import LabError
from labkit.tables import Capture


def column(capture: Capture, table: str, name: str) -> list[object]:
    return capture.rows(table)[name]


def test_exchanges_are_sorted_and_joined(capture: Capture) -> None:
    table = capture.rows("exchanges")
    keys = list(zip(table["time"], table["connection"], table["exchange"], strict=True))
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert {row.capture for row in table} == {"lab"}
    ehlo = next(row for row in table if row.verb == "EHLO")
    assert (ehlo.latency_s, ehlo.octets_sent, ehlo.octets_received) == (0.1, 23, 34)
    assert ehlo.time.isoformat() == "2026-01-05T09:00:00.050000+00:00"
    assert (ehlo.sent_at, ehlo.pipelined, ehlo.encrypted, ehlo.frame) == (ehlo.time, False, False, None)


def test_steps_states_and_outcomes(capture: Capture) -> None:
    submitted = [row for row in capture.rows() if row.connection == 0]
    assert {row.step for row in submitted} == {"submit"}
    assert [(row.verb, row.outcome, row.pipelined, row.encrypted) for row in submitted[3:]] == [
        ("TLS", "ok", False, False),
        ("EHLO", "ok", False, True),
        ("AUTH", "ok", False, True),
        ("MAIL", "ok", False, True),
        ("RCPT", "ok", True, True),
        ("RCPT", "permanent", True, True),
        ("DATA", "continue", True, True),
        (".", "ok", False, True),
        ("QUIT", "ok", False, True),
    ]
    assert [row.step for row in capture.rows() if row.connection in (1, 2)] == [None] + ["relay"] * 6
    fetched = [row for row in capture.rows() if row.connection == 4]
    assert [(row.verb, row.state, row.mailbox) for row in fetched[2:4]] == [
        ("SELECT", "authenticated", None),
        ("UID FETCH", "selected", "INBOX"),
    ]


def test_secrets_are_hidden_unless_asked_for(capture: Capture) -> None:
    def arguments(of: Capture) -> list[str]:
        return [row.argument for row in of.rows() if row.verb in ("AUTH", "PASS", "LOGIN")]

    assert arguments(capture) == ["PLAIN •••", "•••", 'bob "•••"']
    shown = capture.with_secrets()
    assert arguments(shown) == ["PLAIN AGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==", "hidden", 'bob "hid den"']
    raw = b"".join(capture.rows("lines")["raw"])
    assert b"hidden" not in raw
    assert b"PASS ******\r\n" in raw
    assert b"PASS hidden\r\n" in b"".join(shown.rows("lines")["raw"])


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b'a LOGIN bob "p w"', 'bob "•••"'),
        (b"a LOGIN {3+}\r\nbob {3+}\r\np\r\nw", "{3+}bob {3+}•••"),
        (b"a LOGIN bob p {2+}\r\nww", "•••"),
        (b"a LOGIN bob b", "bob •••"),
        (b"a AUTHENTICATE PLAIN AGJvYgBwdw==", "PLAIN •••"),
    ],
)
def test_secrets_in_all_their_forms(sent: bytes, shown: str) -> None:
    from labkit.capture.tape import Tape
    from labkit.net.tap import Connection, Record, Tap

    tap = Tap()
    tap.connections.append(Connection(0, "tcp", "192.0.2.1", 1, "192.0.2.2", 143, 0, closed=9))
    for at, (sender, data) in enumerate((("server", b"* OK a\r\n"), ("client", sent + b"\r\n"))):
        tap.records.append(Record(0, at, at, sender, data, "plain"))  # type: ignore[arg-type]
    assert Capture(Tape.from_tap(tap)).rows()["argument"][1] == shown


def test_messages_are_rebuilt_to_the_octet(capture: Capture, octets: dict[str, bytes]) -> None:
    table = capture.rows("messages")
    assert [(row.connection, row.direction, row.octets - len(octets["message"]) > 0) for row in table] == [
        (0, "sent", False),
        (2, "sent", True),
        (3, "retrieved", True),
        (4, "retrieved", True),
        (4, "appended", False),
    ]
    found = [capture.message_bytes(row.connection, row.exchange, row.message) for row in table]
    assert found[0] == found[4] == octets["message"]
    assert found[1] == octets["relayed"]
    assert found[2] == found[3] == b"Return-Path: <alice@example.com>\r\n" + octets["rested"]
    assert [row.sha256 for row in table] == [sha256(data).hexdigest() for data in found]
    assert len({row.trace_id for row in table}) == len({row.body_sha256 for row in table}) == 1
    assert [(row.queue_id, row.mailbox, row.uid) for row in table] == [
        ("q1", None, None),
        ("q2", None, None),
        (None, None, None),
        (None, "INBOX", 7),
        (None, "Sent", 3),
    ]
    first = next(iter(table))
    assert (first.subject, first.reverse_path, first.recipients) == ("Grüße", "alice@example.com", 1)
    assert (first.message_id, first.code, first.outcome) == ("<1@example.com>", 250, "ok")
    assert first.complete
    with pytest.raises(LabError, match="no message 5"):
        capture.message_bytes(0, 1, 5)


def test_recipients_and_logins(capture: Capture) -> None:
    assert [(row.address, row.outcome, row.message_exchange) for row in capture.rows("recipients")] == [
        ("bob@example.org", "ok", 10),
        ("nobody@", "permanent", None),
        ("bob@example.org", "ok", 5),
    ]
    assert [(row.user, row.mechanism, row.outcome, row.encrypted) for row in capture.rows("logins")] == [
        ("alice@example.com", "PLAIN", "ok", True),
        ("bob", "USER", "ok", False),
        ("bob", "LOGIN", "ok", False),
    ]


def test_lookups_hops_parts_flaws(capture: Capture) -> None:
    (lookup,) = capture.rows("lookups")
    assert (lookup.client, lookup.type, lookup.name) == ("mx.example.com", "MX", "example.org")
    assert (lookup.answer, lookup.outcome, lookup.latency_s) == ("10 mx.example.org.", "ok", 0.1)
    hops = [row for row in capture.rows("hops") if row.connection == 3]
    assert [(row.hop, row.by, row.delay_s) for row in hops] == [
        (2, "mx.example.org", 2.0),
        (1, "mx.example.com", None),
    ]
    assert [row.with_ for row in hops] == ["ESMTP", "ESMTPSA"]
    assert {row.path for row in capture.rows("parts")} == {"1"}
    assert [(row.connection, row.flaw) for row in capture.rows("flaws")] == [(4, "unknown-command")]


def test_connections(capture: Capture) -> None:
    rows = list(capture.rows("connections"))
    assert [(row.connection, row.stream, row.protocol, row.step) for row in rows] == [
        (0, 0, "smtp", "submit"),
        (2, 1, "smtp", "relay"),
        (3, 2, "pop3", "access"),
        (4, 3, "imap", "access"),
    ]
    first = rows[0]
    assert (first.client_name, first.client_role) == ("host.example.com", "sender's host")
    assert (first.user, first.mechanism, first.software) == ("alice@example.com", "PLAIN", "labkit")
    assert (first.greeting, first.exchanges, first.round_trips) == ("mx.example.com ESMTP labkit", 12, 8)
    assert (first.ended, first.closed_by, first.duration_s) == ("quit", "client", 0.85)


def test_lines_hold_every_octet(capture: Capture) -> None:
    shown = capture.with_secrets()
    for flow in shown.tape:
        lines = [row for row in shown.rows("lines") if row.connection == flow.number]
        for side in ("client", "server"):
            sent = sorted((row.offset, row.raw) for row in lines if row.sender == side)
            assert b"".join(raw for _, raw in sent) == flow.side(side).data  # type: ignore[arg-type]
    assert {row.ending for row in shown.rows("lines")} == {"crlf", "none"}  # a chunk may end anywhere


def test_parts_of_a_capture(capture: Capture) -> None:
    only = capture.where(keep=lambda connection: connection.service == "pop3")
    assert set(only.rows()["connection"]) == {3}
    assert set(capture.where(0, 4).rows("connections")["connection"]) == {0, 4}
    with pytest.raises(LabError, match="whole capture"):
        only.to_pcap("never.pcap")


def test_a_live_capture_looks_again() -> None:
    from labkit.capture.tape import Tape
    from labkit.net.tap import Connection, Record, Tap

    tap = Tap()
    capture = Capture(Tape.from_tap(tap))
    assert len(capture.exchanges) == 0
    tap.connections.append(Connection(0, "tcp", "192.0.2.1", 1, "192.0.2.2", 25, 0))
    tap.records.append(Record(0, 1, 2, "server", b"220 hi\r\n", "plain"))
    assert len(capture.exchanges) == 1
    frame = capture.exchanges
    frame["verb"] = "X"
    assert capture.exchanges.verb.isna().all()


def test_no_such_table(capture: Capture) -> None:
    with pytest.raises(LabError, match="there is no table 'mail'; the tables are exchanges, connections"):
        capture.rows("mail")


def test_pandas_waits_until_a_dataframe_is_asked_for() -> None:
    code = (
        "import sys; from labkit.tables import Capture; from labkit.capture.tape import Tape\n"
        "c = Capture(Tape('x')); repr(c); repr(c.rows()); c.rows('messages'); print('pandas' in sys.modules, "
        "'numpy' in sys.modules, 'pyarrow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]
