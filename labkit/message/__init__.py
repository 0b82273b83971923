"""What is carried: addresses, header fields, the MIME tree; and what is wrong with them.

- `address` (`mailbox`, `address_list`, `idn`, `historical`) raises ProtocolError;
- `fields` cuts a header into fields, `words`, `dates`, `trace` and `parameters` read what stands in them;
- `mime` finds the parts of a message by their offsets (`part`), `described` says what their Content-
  fields mean, `transfer` decodes their bodies, `defects` names what is wrong with them;
- `linting` lists what a message breaks, by `catalogue`, `grammars` and `lint_words`;
- `compose` and `reports` make new messages;
- `tokens` is what all of them share: folding and comments.

Reading with `fields` and `mime` never raises, whatever the octets: captured mail is what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.message.linting import Violation as Violation
    from labkit.message.linting import lint as lint

__all__ = ["Violation", "lint"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from labkit.message import linting

    return getattr(linting, name)
