"""Whether a check may have been given the world of another section.

After *Run All Cells* the name `world` means that of the last section.  Who then goes back to an exercise
types into one world and has another one checked, and the reason that the check gives is true and no help.
"""

from __future__ import annotations

import re

ELSEWHERE = (
    "If you have run the whole notebook, `world` is now that of its last section: run this section again, "
    "from its first cell."
)
_OWN_WORLD = re.compile(r"^\s*world\b[\w\s,]*=", re.MULTILINE)
_shown: dict[str, None] = {}  # what has been shown in this session; the last was shown last


def pass_by(what: str) -> None:
    """An exercise, or something else that belongs to a section, is shown."""
    _shown.pop(what, None)
    _shown[what] = None


def is_left(number: str) -> bool:
    """Whether another section has been run since this exercise was shown, and this cell makes no world."""
    cell = _running_cell()
    return cell is not None and number in _shown and [*_shown][-1] != number and not _OWN_WORLD.search(cell)


def _running_cell() -> str | None:
    """The source of the cell that runs now; None outside a notebook."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return None if shell is None else str(shell.user_ns["In"][-1])
