"""How the command line tells that something is wrong: one sentence on stderr."""

from __future__ import annotations

import sys

from labkit.errors import LabError


def sentence_of(error: LabError) -> str:
    """What an error says, without the picture of the octets that some add on further lines."""
    return str(error).partition("\n")[0]


def complain(sentence: str) -> None:
    """Tell it on stderr, beside what the command writes."""
    print(f"labkit: {sentence}", file=sys.stderr)
