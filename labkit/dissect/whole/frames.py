"""What the readers of whole conversations share: a stream cut into frames, the states they lead through."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import add
from typing import Any, NamedTuple

from labkit.dissect.progress import Rules
from labkit.dissect.row import Sheet

REST = rb"|([\s\S]+)"
"""The last alternative of a pattern: what is no frame, up to the end."""
LONG = 256  # frames of a conversation that is not worth remembering


class Shape(NamedTuple):
    """What follows from words and statuses alone, the greeting's row first.

    `secretive` are the rows that may hold a secret, `marked` those that their protocol looks at again.
    """

    verbs: tuple[str | None, ...]
    states: tuple[str, ...]
    secretive: tuple[int, ...]
    marked: tuple[int, ...]


def frames(pattern: re.Pattern[bytes], data: bytes, start: int = 0) -> list[tuple[Any, ...]] | None:
    """The stream from `start` on, cut by a pattern: each of its groups as a column of all frames.

    The first group is the frame itself or begins it; the last is REST, and None is returned if anything
    is there.
    A group that did not take part is empty.
    """
    found = pattern.findall(data, start)
    if not found or found[-1][-1]:
        return None
    return list(zip(*found, strict=True))


def ends(frames: Sequence[bytes], start: int = 0, rests: Sequence[bytes] | None = None) -> list[int]:
    """`start`, and where each frame ends that stands behind it; `rests` are what follows each at once."""
    sizes = map(len, frames) if rests is None else map(add, map(len, frames), map(len, rests))
    return list(accumulate(sizes, initial=start))


def shape_of(
    rules: Rules,
    verbs: Sequence[str],
    answers: Sequence[Any],
    extensions: frozenset[str],
    secretive: frozenset[str],
    marked: frozenset[str],
) -> Shape | None:
    """The shape of commands with these verbs, answered so; None if one of them may not come there."""
    states = tuple(_states(rules, verbs, answers, extensions))
    if len(states) < len(verbs):
        return None
    return Shape(
        (None, *verbs),
        (str(rules.start.value), *states),
        *(
            tuple(row for row, verb in enumerate(verbs, 1) if verb in chosen)
            for chosen in (secretive, marked)
        ),
    )


def _states(
    rules: Rules, verbs: Sequence[str], answers: Sequence[Any], extensions: frozenset[str]
) -> Iterator[str]:
    """The state that each verb came in, up to the first that may not come there."""
    place = rules.places[rules.start]
    for step in zip(verbs, answers, strict=True):
        if step[0] not in place.legal and (step[0] in rules.known or step[0] not in extensions):
            return
        yield place.name
        place = place.steps.get(step, place)


def remembering(shape: Callable[..., Shape | None]) -> Callable[..., Shape | None]:
    """The function, asked once for what is the same: conversations are much alike."""
    remembered = lru_cache(maxsize=4096)(shape)

    def recalled(words: tuple[bytes, ...], *facts: tuple[Any, ...]) -> Shape | None:
        return (shape if len(words) > LONG else remembered)(words, *facts)

    return recalled


def sheet(
    shape: Shape,
    arguments: Sequence[bytes],
    places: list[int],
    statuses: Sequence[bytes],
    texts: Sequence[bytes],
    reply_places: list[int],
    **more: Sequence[Any],
) -> Sheet:
    """The rows: the greeting and each command, which ends at its place, with its reply, which does too."""
    columns = {
        "number": range(len(statuses)),
        "state": shape.states,
        "verb": shape.verbs,
        "argument": [None, *[argument or None for argument in arguments]],
        "start": [-1, *places[:-1]],
        "end": [-1, *places[1:]],
        "status": statuses,
        "text": texts,
        "reply_start": reply_places[:-1],
        "reply_end": reply_places[1:],
    }
    return Sheet(None, columns | more)
