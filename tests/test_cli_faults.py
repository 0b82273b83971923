"""`labkit faults`, and --fault of the tour and of serve."""

from __future__ import annotations

import json

import pytest

from labkit import cli
from labkit.world.faults import CATALOGUE
from labkit.world.serve import Options, serve


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_list_has_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "faults")
    assert code == 0
    for each in CATALOGUE.values():
        assert each.name in out
        assert each.rfc.removeprefix("RFC ") in out


def test_the_list_as_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in run(capsys, "faults", "--format", "jsonl")[1].splitlines()]
    assert [row["fault"] for row in rows] == list(CATALOGUE)
    (cut,) = (row for row in rows if row["fault"] == "cut-after")
    assert cut == {
        "fault": "cut-after",
        "place": "network",
        "what_happens": CATALOGUE["cut-after"].sentence,
        "rfc": "RFC 5321 3.8",
        "protocols": ["smtp", "pop3", "imap"],
        "usage": "cut-after:octets=100,sender=server",
        "parameters": {"octets": 100, "sender": "server"},
    }


def test_a_tour_with_two_faults(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys,
        *("tour", "--retrieve", "pop3", "--format", "jsonl"),
        *("--fault", "cut-before-final-reply@mail.example.org", "--fault", "latency:1@mail.example.org:pop3"),
    )
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["outcome"] for row in rows if row["verb"] == "." and row["step"] == "relay"] == [
        "unanswered",
        "ok",
    ]
    assert len([row for row in rows if row["verb"] == "RETR"]) == 2
    assert {row["latency_s"] for row in rows if row["protocol"] == "pop3" and row["verb"]} == {2.04}


@pytest.mark.parametrize(
    ("fault", "code", "sentence"),
    [
        ("blackhole@mail.example.org:imap", 1, "the journey ends here: 192.0.2.3 does not answer"),
        ("refuse@mail.example.org:smtp", 1, "the message did not arrive"),
        ("latency@mail.example.net", 1, "there is no host mail.example.net; there are mail.example.com"),
        ("latecny", 1, "did you mean latency?"),
        ("latency:soon@*", 1, "seconds must be a number"),
    ],
)
def test_what_cannot_go_on_is_said_in_a_sentence(
    fault: str, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, _, err = run(capsys, "tour", "--fault", fault)
    assert ended == code
    assert sentence in err
    assert err.count("\n") == 1


def test_serving_with_a_fault() -> None:
    ports = dict.fromkeys(("smtp", "pop3"), 0)
    faults = ["temporary-failure:1,EHLO@mail.example.org"]
    with serve(Options(ports=ports, faults=faults)) as served:
        console = served.world.user("alice@example.org").console("mail.example.org", 25)
        console.connect()
        assert console.ask("EHLO me.example.com").startswith("450")
        assert console.ask("EHLO me.example.com").startswith("250")
        console.close()
