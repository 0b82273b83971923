"""The registry agrees with itself: whatever names a command, a code or a port means one that exists."""

from __future__ import annotations

import re

import pytest

from labkit import standards

PROTOCOLS = sorted(standards.CAPABILITIES)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_command_comes_with_exactly_one_capability(protocol: str) -> None:
    brought = [verb for c in standards.CAPABILITIES[protocol] for verb in c.commands]
    described = [c.verb for c in standards.COMMANDS[protocol] if c.verb != "."]  # the end of DATA
    assert sorted(brought) == sorted(described)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_entry_names_its_rfc_and_is_there_once(protocol: str) -> None:
    capabilities, commands, codes = (
        standards.CAPABILITIES[protocol],
        standards.COMMANDS[protocol],
        standards.CODES[protocol],
    )
    for entry in (*capabilities, *commands, *codes):
        assert re.fullmatch(r"RFC \d{3,5}( [\d.]+)?", entry.rfc), entry
    for names in ([c.name for c in capabilities], [c.verb for c in commands], [c.code for c in codes]):
        assert len(names) == len(set(names))


def test_a_code_is_found_however_it_is_written() -> None:
    assert standards.code("smtp", "550") is not None
    assert standards.code("smtp", "5.1.1") is standards.code("smtp", "4.1.1")
    assert standards.code("imap", "UIDVALIDITY 3") is standards.code("imap", "uidvalidity")
    assert standards.code("pop3", "in-use") is not None
    assert standards.code("smtp", "599") is None
    assert standards.code("smtp", "5.99.1") is None


def test_a_port_is_known_by_both_its_numbers() -> None:
    submission = standards.service("submission")
    assert standards.port(587) is standards.port(2587) is submission
    assert (submission.protocol, submission.step, submission.implicit_tls) == ("smtp", "submit", False)
    assert standards.service("imaps").implicit_tls
    assert standards.port(80) is None
    with pytest.raises(KeyError):
        standards.service("gopher")
