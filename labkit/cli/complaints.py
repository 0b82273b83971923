"""How the command line tells that something is wrong: one sentence on stderr."""

from __future__ import annotations

import sys

from labkit.errors import LabError


def sentence_of(error: LabError) -> str:
    """What an error says, without the picture of the octets that some add on further lines."""
    return str(error).partition("\n")[0]


def complain(sentence: str) -> None:
    """Tell it on stderr; what a server said in it gets no hold of the terminal."""
    from labkit.views.words import visible

    print(f"labkit: {visible(sentence)}", file=sys.stderr)
