from __future__ import annotations

import pytest

from labkit.world.trials import Protocol, trial, trials


@pytest.mark.parametrize(
    ("fault", "protocol", "outcome", "attempts", "left"),
    [
        ("latency:0", "smtp", "arrived", 1, 1),
        ("temporary-failure:2", "smtp", "arrived at attempt 3", 3, 1),
        ("cut-before-final-reply", "smtp", "arrived 2 times", 2, 2),
        ("rewrite-line:Lunch,Dinner", "smtp", "arrived, changed", 1, 1),
        ("disk-full", "smtp", "returned to Alice", 34, 0),
        ("latency:0", "pop3", "fetched", 1, 0),
        ("rewrite-line:Lunch,Snack", "imap", "fetched, changed", 1, 0),
        ("refuse", "imap", "failed; still on the server", 1, 1),
        ("cut-before-final-reply", "pop3", "failed; gone from the server", 1, 0),
    ],
)
def test_what_became_of_it(fault: str, protocol: Protocol, outcome: str, attempts: int, left: int) -> None:
    done = trial(fault, protocol)
    with done.world:
        assert (done.outcome, done.attempts, done.left) == (outcome, attempts, left)
        assert bool(done.error) == outcome.startswith("failed")


def test_a_fault_may_name_its_host() -> None:
    done = trial("refuse@mail.example.com", "pop3")
    with done.world:
        assert done.outcome == "fetched"


def test_a_table_of_trials() -> None:
    table = trials(["refuse", "transaction-421"], protocols=["smtp", "pop3"])
    assert list(table.fault) == ["refuse", "refuse", "transaction-421"]
    assert list(table.protocol) == ["smtp", "pop3", "smtp"]
    assert table.seconds.max() > 4 * 24 * 3600


def test_both_ends_can_be_asked() -> None:
    with trial("rewrite-line:alice,mallory", "smtp").world as world:
        said = world.capture.exchanges.query("step == 'relay' and verb == 'MAIL'").argument.iloc[0]
        heard = (
            world.seen_from("server").exchanges.query("step == 'relay' and verb == 'MAIL'").argument.iloc[0]
        )
    assert "alice@example.com" in said
    assert "mallory@example.com" in heard
