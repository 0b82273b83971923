"""Capabilities and their code."""

from __future__ import annotations

import pytest

from labkit.errors import LabError
from labkit.servers.registry import Registry


def test_code_is_found_by_verb_and_capability() -> None:
    registry = Registry("pop3")

    @registry.provides("USER", "USER")
    def user() -> str:
        return "user"

    @registry.provides("USER", "PASS")
    def password() -> str:
        return "pass"

    @registry.provides("PIPELINING")
    def receive() -> str:
        return "receive"

    assert user() == "user"  # decorated code stays as it was
    assert registry.handlers == {"USER": user, "PASS": password}
    assert registry.capability == {"USER": "USER", "PASS": "USER"}
    assert registry.advertised() == ["USER", "PIPELINING"]
    assert {"TOP", "SASL", "STLS"} < set(registry.missing)
    assert not {"USER", "PASS", "PIPELINING"} & set(registry.missing)


def test_a_capability_with_half_its_commands_is_not_whole() -> None:
    registry = Registry("pop3")
    registry.provides("USER", "USER")(print)
    assert "PASS" in registry.missing


def test_what_the_standards_do_not_have_cannot_be_provided() -> None:
    registry = Registry("pop3")
    with pytest.raises(LabError, match="no pop3 capability XTND"):
        registry.provides("XTND")
    with pytest.raises(LabError, match="no command RETR with TOP"):
        registry.provides("TOP", "RETR")
    registry.provides("TOP", "TOP")(print)
    with pytest.raises(LabError, match="TOP has a handler already"):
        registry.provides("TOP", "TOP")
