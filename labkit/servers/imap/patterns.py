"""Which names a pattern of LIST and LSUB means (RFC 3501 6.3.8)."""

from __future__ import annotations


def matches(pattern: str, name: str) -> bool:
    """Whether `name` is meant by `pattern`: "*" stands for anything, "%" for anything within a level.

    INBOX is found in any case of letters.  The work grows with the product of the lengths
    at most, whatever the pattern: all ways to match are followed at once.
    """
    if name == "INBOX":
        pattern = pattern.upper()
    places = _skip_wildcards(pattern, {0})
    for character in name:
        following = set()
        for place in places:
            wanted = pattern[place : place + 1]
            if wanted == "*" or (wanted == "%" and character != "/"):
                following.add(place)
            elif wanted == character:
                following.add(place + 1)
        places = _skip_wildcards(pattern, following)
    return len(pattern) in places


def _skip_wildcards(pattern: str, places: set[int]) -> set[int]:
    """The places and those behind wildcards there, each of which may stand for nothing."""
    found = set()
    for place in places:
        found.add(place)
        while pattern[place : place + 1] in ("*", "%"):
            place += 1
            found.add(place)
    return found
