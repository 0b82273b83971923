"""SASLprep: one form for a user's name or password, however it was typed (RFC 4013, RFC 3454).

Strict: text that SASLprep forbids (control characters, private use, mixed writing directions)
raises ProtocolError, and the error does not show it, since it may be a password.
"""

from __future__ import annotations

import stringprep
import unicodedata

from labkit.errors import ProtocolError

_FORBIDDEN = (  # RFC 4013 2.3
    *(stringprep.in_table_c12, stringprep.in_table_c21, stringprep.in_table_c22, stringprep.in_table_c3),
    *(stringprep.in_table_c4, stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7),
    *(stringprep.in_table_c8, stringprep.in_table_c9),
)


def saslprep(text: str) -> str:
    """The prepared form: spaces of all kinds are spaces, soft hyphens are gone, NFKC."""
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c))
    prepared = unicodedata.normalize("NFKC", mapped)
    if any(forbidden(c) for c in prepared for forbidden in _FORBIDDEN):
        raise ProtocolError("a character that cannot be in a name or password", rule="RFC 4013 2.3")
    _check_directions(prepared)
    return prepared


def on_file(password: str) -> str:
    """The prepared form of a password that a server knows; as it is, where SASLprep forbids that.

    A server's own password raises nothing: whose name is known would be answered in other words.
    """
    try:
        return saslprep(password)
    except ProtocolError:
        return password


def _check_directions(text: str) -> None:
    """Right-to-left text holds no left-to-right letter, and begins and ends with its own (RFC 3454 6)."""
    right = [stringprep.in_table_d1(c) for c in text]
    if any(right) and (not (right[0] and right[-1]) or any(map(stringprep.in_table_d2, text))):
        raise ProtocolError("writing directions that cannot be mixed", rule="RFC 4013 2.4")
