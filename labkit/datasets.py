"""The captured sessions that come with labkit: `datasets.names()`, `datasets.load("postfix-relay")`.

Sessions of real mail software, recorded, and journeys through the simulated network; what each holds
and how it was made stands in their README (`datasets.path("README.md")`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labkit.errors import LabError

if TYPE_CHECKING:
    from labkit.tables import Capture

CAPTURES = (".pcap", ".pcapng")


def names() -> list[str]:
    """What there is to load."""
    return sorted(file.stem for file in folder().iterdir() if file.suffix in CAPTURES)


def load(name: str) -> Capture:
    """One of them as a capture of that name; TLS is open where its secrets are in the file.

    Raises LabError if there is none of that name.
    """
    from labkit.tables import read_capture

    return read_capture(path(name), name=name)


def path(name: str) -> Path:
    """The file of a dataset, by the dataset's name or its own; raises LabError if there is none."""
    for ending in ("", *CAPTURES):
        file = folder() / f"{name}{ending}"
        if file.is_file() and file.parent == folder():
            return file
    raise LabError(f"there is no dataset {name!r}; there are {', '.join(names())}")


def folder() -> Path:
    """Where they lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    for place in (package / "_datasets", package.parent / "datasets"):
        if place.is_dir():
            return place
    raise LabError("this installation has no datasets in it")
