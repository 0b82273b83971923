"""Where a notebook is run: what must not matter to its outputs differs from one run to the other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Surroundings:
    """Variables of the environment, and what they stand for in words."""

    words: str
    variables: Mapping[str, str]

    def environment(self, folder: Path) -> dict[str, str]:
        """The environment of a kernel; what it keeps of itself goes to `folder`."""
        inherited = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
        kept = {"LABKIT_PROGRESS": str(folder / "progress.json"), "IPYTHONDIR": str(folder / "ipython")}
        return {**inherited, **_QUIET, **kept, **self.variables}


_LEFT_OUT = {"JPY_SESSION_NAME", "JPY_PARENT_PID", "PYTHONUTF8", "LC_CTYPE", "LC_TIME", "LANGUAGE", "LINES"}
_QUIET = {
    "LABKIT_WIDGETS": "0",  # nobody is there to click: pictures in their place
    "TQDM_DISABLE": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}

USUAL = Surroundings(
    "hash seed 0, UTC, plain locale, 80 columns",
    {"PYTHONHASHSEED": "0", "TZ": "UTC0", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "COLUMNS": "80"},
)
"""Where outputs are made anew."""

FIRST = Surroundings(
    "hash seed 1, 12 hours behind UTC, plain locale, 80 columns",
    {**USUAL.variables, "PYTHONHASHSEED": "1", "TZ": "LAB12"},
)
SECOND = Surroundings(
    "hash seed 4711, 14 hours ahead of UTC, Turkish locale, 203 columns",
    {
        "PYTHONHASHSEED": "4711",
        "TZ": "LAB-14",  # together: the two runs are never on the same day
        "LC_ALL": "tr_TR.UTF-8",  # where capital i has a dot, and decimals a comma
        "LANG": "tr_TR.UTF-8",
        "COLUMNS": "203",
    },
)
