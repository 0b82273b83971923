"""What a learner has solved, kept in one small file beside the notebook.

The file is `.labkit/progress.json` in the working directory (Jupyter starts a kernel in
the notebook's folder), or what LABKIT_PROGRESS names.  It is written at once and whole; a
file that cannot be read is set aside under another name and reported, never overwritten.
Nothing here raises on a bad file or a folder without permission: `troubles` says it in words.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

VERSION = 1


class Progress:
    """The exercises solved, by number; every call reads or writes the file, so kernels can share it."""

    def __init__(self, path: Path | str | None = None) -> None:
        named = path or os.environ.get("LABKIT_PROGRESS")
        self.path = Path(named) if named else Path(".labkit", "progress.json")
        self.troubles: list[str] = []

    def solved(self) -> set[str]:
        return set(self._read())

    def record(self, number: str) -> None:
        """This exercise is solved."""
        before = self._read()
        if number not in before:
            self._write([*before, number])

    def reset(self, numbers: Iterable[str] | None = None) -> None:
        """Forget these exercises, or all."""
        forgotten = None if numbers is None else set(numbers)
        before = self._read()
        after = [] if forgotten is None else [number for number in before if number not in forgotten]
        if after != before:
            self._write(after)

    def _read(self) -> list[str]:
        self.troubles = []
        try:
            return _numbers(json.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return []
        except OSError as error:
            self.troubles.append(f"Progress cannot be read from {self.path}: {error.strerror}.")
            return []
        except ValueError:
            self._set_aside()
            return []

    def _write(self, numbers: list[str]) -> None:
        text = json.dumps({"version": VERSION, "solved": sorted(numbers)}, indent=1) + "\n"
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(text, encoding="utf-8", newline="\n")
            os.replace(fresh, self.path)  # a reader sees the old file or the new one, whole
        except OSError as error:
            self.troubles.append(f"Progress cannot be saved to {self.path}: {error.strerror}.")

    def _set_aside(self) -> None:
        aside = self.path.with_name(f"{self.path.name}.unreadable")
        count = 1
        while aside.exists():
            count += 1
            aside = self.path.with_name(f"{self.path.name}.unreadable-{count}")
        try:
            os.replace(self.path, aside)
        except OSError as error:
            self.troubles.append(f"{self.path} cannot be read, nor set aside: {error.strerror}.")
        else:
            self.troubles.append(f"{self.path} could not be read; it was set aside as {aside.name}.")


def _numbers(content: Any) -> list[str]:
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise ValueError("not a progress file")
    solved = content.get("solved")
    if not isinstance(solved, list) or not all(isinstance(number, str) for number in solved):
        raise ValueError("not a progress file")
    return solved
