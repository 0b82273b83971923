"""The index of the course: its notebooks, what is known of each, and the tracks through them.

Title and minutes stand in the first cell of a notebook, its exercises in the catalogue, what is solved in the
progress file; the tracks stand here.  `page` makes a notebook of it all, which `labkit lab` opens first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.course import catalogue
from labkit.course.record import Progress
from labkit.course.validation.notebook import KERNEL

TRACKS: dict[str, tuple[str, ...]] = {
    "First evening": ("00", "01", "06", "07", "12"),
    "Developer": ("00", "06", "07", "08", "09", "10", "14", "15", "16", "17", "18"),
    "Analyst": ("00", "22", "23", "25"),
    "Security": ("00", "07", "09", "11", "20", "21", "24", "25"),
}
"""Ways through the course, by the numbers of notebooks.  The whole of it is read by number."""

MARK = {"start_page": True}
"""In the metadata of the page: it is ours, and may be written anew."""

_MINUTES = re.compile(r"\b(\d+) minutes\b")


@dataclass(frozen=True)
class Entry:
    """One notebook: its file's name, its title, and the exercises in it by number."""

    name: str
    title: str
    minutes: int | None
    exercises: tuple[str, ...]

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def link(self) -> str:
        title = re.sub(r"([|\[\]])", r"\\\1", self.title)
        return f"[{title}]({self.name})"


def entries(folder: Path, names: Iterable[str]) -> list[Entry]:
    """These notebooks of a folder; one that cannot be read is named by its file."""
    known = catalogue.notebooks()
    found = []
    for name in names:
        title, minutes = _heading(folder / name)
        exercises = catalogue.of(name[:2]) if name[:2] in known else []
        found.append(Entry(name, title, minutes, tuple(each.number for each in exercises)))
    return found


def page(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """The index as a notebook: what to do next, each notebook with its progress, and the tracks."""
    progress = Progress(folder / ".labkit" / "progress.json")
    solved, found = progress.solved(), entries(folder, names)
    following = next((entry for entry in found if not set(entry.exercises) <= solved), None)
    go = f"{'Go on' if solved else 'Begin'} with {following.link}." if following else None
    text = [
        "# The e-mail laboratory",
        "",
        "Every notebook runs on this machine alone, and each of its sections by itself.",
        f"**{go or 'All exercises are solved.'}**",
        "",
        "| | notebook | minutes | exercises solved | tracks |",
        "|---:|:---|---:|:---|:---|",
        *(
            f"| {entry.number} | {entry.link} | {entry.minutes or ''} | {_standing([entry], solved)} "
            f"| {', '.join(track for track, numbers in TRACKS.items() if entry.number in numbers)} |"
            for entry in found
        ),
        "",
        "**Tracks** are ways through the course; all of it is read by number.",
        "",
        "| track | notebooks | minutes | exercises solved |",
        "|:---|:---|---:|:---|",
        *_tracks(found, solved),
        *(f"\n{trouble}" for trouble in progress.troubles),
    ]
    cells = [
        {"cell_type": "markdown", "id": "start", "metadata": {}, "source": [f"{line}\n" for line in text]},
        {"cell_type": "code", "id": "progress", "metadata": {}, "outputs": [], "execution_count": None,
         "source": ["from labkit import course\n", "\n", "course.progress()  # exercise by exercise"]},
    ]  # fmt: skip
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}, "labkit": MARK}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _tracks(found: Sequence[Entry], solved: set[str]) -> Iterator[str]:
    for track, numbers in TRACKS.items():
        there = [entry for entry in found if entry.number in numbers]
        links = ", ".join(f"[{entry.number}]({entry.name})" for entry in there)
        coming = [number for number in numbers if number not in {entry.number for entry in there}]
        more = f" (to come: {', '.join(coming)})" if coming else ""
        minutes = sum(entry.minutes or 0 for entry in there)
        yield f"| {track} | {links}{more} | {minutes} | {_standing(there, solved)} |"


def _standing(chosen: Iterable[Entry], solved: set[str]) -> str:
    numbers = [number for entry in chosen for number in entry.exercises]
    done = sum(number in solved for number in numbers)
    if not numbers:
        return ""
    return f"{'✓ ' if done == len(numbers) else ''}{done} of {len(numbers)}"


def _heading(path: Path) -> tuple[str, int | None]:
    """Title and minutes, from the first cell."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "".join(cells[0]["source"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return path.stem, None
    title = next((line[2:] for line in text.splitlines() if line.startswith("# ")), path.stem)
    minutes = _MINUTES.search(text)
    return title, int(minutes[1]) if minutes else None
