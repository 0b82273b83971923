"""Addresses that stand for others: aliases and mailing lists (RFC 5321 3.9).

An alias puts its members in its own place, and whatever fails is still told to the sender.  A list
sends an envelope of its own, and what fails is told to its owner: a thousand readers' full mailboxes
are no business of who wrote to the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from labkit.servers.smtp_policy import Envelope


@dataclass(frozen=True, slots=True)
class Expansion:
    """What an address stands for; with an `owner`, the reverse-path of what is sent on, it is a list."""

    members: tuple[str, ...]
    owner: str | None = None


def expanded(envelope: Envelope, expansions: Mapping[str, Expansion]) -> list[Envelope]:
    """The envelope with every alias replaced by its members, and one more envelope for each list.

    `expansions` has addresses in lower case.  Each is taken once, so that aliases which name each
    other come to an end.
    """
    return _expanded(envelope, expansions, set())


def _expanded(envelope: Envelope, expansions: Mapping[str, Expansion], taken: set[str]) -> list[Envelope]:
    paths: dict[str, None] = {}
    lists: list[Envelope] = []
    waiting = list(envelope.forward_paths)
    while waiting:
        path = waiting.pop(0)
        found = expansions.get(path.lower())
        if found is None:
            paths[path] = None
        elif path.lower() not in taken:
            taken.add(path.lower())
            if found.owner is None:
                waiting = [*found.members, *waiting]
            else:
                onward = replace(envelope, reverse_path=found.owner, forward_paths=found.members)
                lists += _expanded(onward, expansions, taken)
    direct = [replace(envelope, forward_paths=tuple(paths))] if paths else []
    return direct + lists
