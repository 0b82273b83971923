"""The catalogue of flaws: each has a meaning, an example, and the example has the flaw."""

from __future__ import annotations

import re

import pytest

from labkit.dissect.dissector import dissect
from labkit.dissect.examples import EXAMPLES
from labkit.dissect.flaws import CATALOGUE

# Of the capture or of who made it, not of what is said: no standard forbids them.
OF_NO_STANDARD = {
    *("unanswered", "truncated", "gap", "one-sided", "not-mail", "cipher-unsupported", "not-opened"),
}

# Flaws that come with another.
LEADS_TO = {
    "bare-dot": {"bare-lf"},
    "bad-size": {"out-of-order"},
    "bad-tag": {"unknown-command"},
    "truncated": {"unknown-command"},
    "gap": {"unanswered"},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_its_flaw(name: str) -> None:
    flow = EXAMPLES[name].flow()
    _, rows = dissect(flow)
    found = [flaw for row in rows for flaw in row.flaws]
    assert name in [flaw.name for flaw in found]
    assert {flaw.name for flaw in found} == {name} | LEADS_TO.get(name, set())
    for flaw in found:
        stream = flow.side(flaw.sender)
        assert 0 <= flaw.offset <= max(len(stream), len(stream.tls or b""))


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_an_entry_says_what_it_is(entry: object) -> None:
    flaw = CATALOGUE[entry.name]  # type: ignore[attr-defined]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", flaw.name)
    assert flaw.meaning
    assert not flaw.meaning.endswith(".")
    assert (flaw.rfc is None) == (flaw.name in OF_NO_STANDARD)


def test_every_flaw_has_an_example_and_every_example_a_flaw() -> None:
    assert list(EXAMPLES) == list(CATALOGUE)
