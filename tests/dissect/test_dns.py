"""DNS over TCP: each message behind its length, in whatever pieces it comes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dns.message
import dns.rrset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.capture.stream import Gap
from labkit.capture.tape import Tape
from labkit.dissect.dissector import dissect
from labkit.tables import Capture, read_capture


def asked(name: str, number: int) -> Any:
    return dns.message.make_query(name, "MX", id=number)


def answered(question: Any) -> Any:
    found = dns.message.make_response(question)
    name = question.question[0].name.to_text()
    found.answer.append(dns.rrset.from_text(name, 60, "IN", "MX", "10 mx.example.org."))
    return found


def framed(*messages: Any) -> bytes:
    octets = [each if isinstance(each, bytes) else each.to_wire() for each in messages]
    return b"".join(len(each).to_bytes(2, "big") + each for each in octets)


ONE, TWO = asked("example.org", 7), asked("example.com", 8)
SAID = (
    ("C", framed(ONE)[:9]),
    ("C", framed(ONE)[9:] + framed(TWO)),
    ("S", framed(answered(TWO), answered(ONE))),
    ("C", framed(b"junk", asked("example.net", 9))),
)


def test_questions_and_answers(flow: Any, tmp_path: Path) -> None:
    talk = flow(*SAID, port=53)
    protocol, rows = dissect(talk)
    assert protocol == "dns"
    assert [(row.verb, row.argument, row.status, [flaw.name for flaw in row.flaws]) for row in rows] == [
        ("MX", b"example.com", b"NOERROR", []),
        ("MX", b"example.org", b"NOERROR", []),
        (None, None, None, ["bad-dns"]),
        ("MX", b"example.net", None, ["unanswered"]),
    ]
    tape = Tape("x", framed=True)
    tape.flows = [talk]
    capture = Capture(tape)
    (row,) = (row for row in capture.rows() if row.argument == "example.org")
    assert (row.text, row.latency_s) == ("10 mx.example.org.", 0.001)
    assert row.octets_sent == len(ONE.to_wire())
    lookups = [(each.name, each.answer, each.outcome) for each in capture.rows("lookups")]
    assert ("example.com", "10 mx.example.org.", "ok") in lookups
    assert ("example.net", None, "unanswered") in lookups
    assert [each.protocol for each in capture.rows("connections")] == ["dns"]
    for name in ("x.pcap", "x.jsonl"):
        capture.save(tmp_path / name)
        again = read_capture(tmp_path / name, name="x")
        assert [row.argument for row in again.rows()] == [row.argument for row in capture.rows()]


def test_octet_by_octet(flow: Any, bytewise: Any) -> None:
    talk = flow(*SAID, port=53)
    _, rows = dissect(talk)
    growing = bytewise(flow(*SAID, port=53))
    assert sorted(str((row.verb, row.argument, row.status)) for row in growing) == sorted(
        str((row.verb, row.argument, row.status)) for row in rows
    )


def test_behind_a_gap_nobody_knows_where_a_message_begins(flow: Any) -> None:
    talk = flow(("C", framed(ONE, TWO)), port=53)
    talk.client.gaps.append(Gap(len(framed(ONE)) + 5, 3))
    _, rows = dissect(talk)
    assert [row.argument for row in rows] == [b"example.org"]


@given(client=st.binary(max_size=80), server=st.binary(max_size=80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_octets(flow: Any, client: bytes, server: bytes) -> None:
    _, rows = dissect(flow(("C", client), ("S", server), port=53))
    assert all(row.flaws or row.status for row in rows)
