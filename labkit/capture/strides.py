"""Where the packets of a classic pcap begin, found from many places at once.

Each packet says how long it is, so where the next one begins is known only from the one before it.  But
where a header could stand can be guessed, and is proved when the walk from the guess before it arrives
there; from a few hundred guesses numpy walks abreast.  Behind a guess that was wrong, or where there
are none, the walk goes from packet to packet.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labkit.capture.source import Octets

    Places = NDArray[np.int64]

HEADER = 16  # octets before each packet: seconds, fractions, octets captured, octets there were
APART = 1 << 15  # octets between two guesses
TRIES = 4  # to find a header behind the place where one is wanted
STEPS = 1 << 9  # from packet to packet, between two looks at how far that has come


def places(raw: Octets, at: int, order: str, longest: int) -> Places:
    """Where the packets from `at` on begin that are whole, and behind the last of them.

    `order` is that of the octets in a number, "<" or ">"; no packet has more than `longest` octets.
    """
    import numpy as np

    found, at = _abreast(raw, at, order, longest)
    found = np.append(found, _one_by_one(raw, at, order))
    behind = found[1:]
    wrong = np.flatnonzero((behind - found[:-1] > HEADER + longest) | (behind > len(raw)))
    return found[: wrong[0] + 1] if wrong.size else found


def _one_by_one(raw: Octets, at: int, order: str) -> list[int]:
    """`at`, and where each packet behind it ends; the last one may end beyond the octets."""
    length_at = struct.Struct(order + "I").unpack_from
    found = [at]
    try:
        while True:
            found += [at := at + HEADER + length_at(raw, at + 8)[0] for _ in range(STEPS)]
    except struct.error:  # that is beyond the octets: the last packets with more care
        while (at := found[-1]) <= len(raw) - HEADER:
            found.append(at + HEADER + length_at(raw, at + 8)[0])
    return found


def _abreast(raw: Octets, at: int, order: str, longest: int) -> tuple[Places, int]:
    """The packets up to the last guess that was right, and where that is."""
    import numpy as np

    guesses = np.array(_guesses(raw, at, order, longest), np.int64)
    if len(guesses) == 1:
        return np.zeros(0, np.int64), at
    length = np.ndarray((len(raw) - 11,), order + "u4", raw, 8, (1,))  # if a header began at each place
    place, limit, walk = guesses[:-1], guesses[1:], np.arange(len(guesses) - 1)
    arrived, seen = guesses[:-1].copy(), []
    while place.size:
        seen.append(place)
        place = place + HEADER + length[place]
        going = place < limit
        if not going.all():
            arrived[walk[~going]] = place[~going]
            place, limit, walk = place[going], limit[going], walk[going]
    right = int(np.append(arrived == guesses[1:], False).argmin())  # guesses that the one before arrived at
    found = np.sort(np.concatenate(seen))
    return found[: np.searchsorted(found, guesses[right])], int(guesses[right])


def _guesses(raw: Octets, at: int, order: str, longest: int) -> list[int]:
    """`at`, and from APART to APART a place where the header of a packet of that time could stand."""
    number_at = struct.Struct(order + "I").unpack_from
    high = 2 if order == "<" else 0  # where the two octets stand that change once in 18 hours
    hours, last = bytes(raw[at + high : at + high + 2]), len(raw) - HEADER
    guesses = [at]
    for wanted in range(at + APART, last, APART):
        guess = wanted
        for _ in range(TRIES):
            guess = raw.find(hours, guess + high) - high
            if not wanted <= guess <= last:
                break
            captured, whole = number_at(raw, guess + 8)[0], number_at(raw, guess + 12)[0]
            next_hours = guess + HEADER + captured + high
            if captured <= min(whole, longest) and raw[next_hours : next_hours + 2] == hours:
                guesses.append(guess)
                break
            guess += 1
    return guesses
