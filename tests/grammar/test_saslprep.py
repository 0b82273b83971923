"""SASLprep: the examples of RFC 4013 3, and the rules they do not show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import ProtocolError
from labkit.grammar.saslprep import saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("two\u00a0words", "two words"),
        ("J\u0075\u0308rgen", "J\u00fcrgen"),
        ("\u0627\u0661\u0627", "\u0627\u0661\u0627"),
        ("", ""),
    ],
)
def test_prepared(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "\u0627a\u0627", "a\ue000", "\ufeff\x00"])
def test_forbidden(text: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        saslprep(text)
    assert raised.value.rule
    assert raised.value.rule.startswith("RFC 4013")


@given(st.text())
def test_prepared_once_is_prepared(text: str) -> None:
    try:
        once = saslprep(text)
    except ProtocolError:
        return
    assert saslprep(once) == once
