"""What was typed by hand, kept in a file beside the notebook, so that a restarted kernel can type it again.

The file is `consoles.json` in `.labkit`, or beside the file that LABKIT_PROGRESS names.  It is written at
once and whole.  Nothing here raises on a bad file or a folder without permission: `trouble` says
it in words, and a file that cannot be read is set aside, never overwritten.  Passwords that were typed
are in it as they were typed: those of a lab.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from labkit.views.panels.byhand import Kind, Typed

VERSION = 1
_KINDS = get_args(Kind)


class Saved:
    """All consoles of a folder, by name; every call reads or writes the file."""

    def __init__(self, path: Path | None = None) -> None:
        progress = os.environ.get("LABKIT_PROGRESS")
        folder = Path(progress).parent if progress else Path(".labkit")
        self.path = path or folder / "consoles.json"
        self.trouble = ""

    def load(self, name: str) -> list[Typed]:
        """What was typed in this console."""
        return self._read().get(name, [])

    def keep(self, name: str, typed: Sequence[Typed]) -> None:
        """This, and nothing else, was typed in it."""
        consoles: dict[str, list[Typed]] = {**self._read(), name: list(typed)}
        content = {"version": VERSION, "consoles": {key: steps for key, steps in consoles.items() if steps}}
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")
            os.replace(fresh, self.path)
        except OSError as error:
            self.trouble = f"What you type cannot be saved to {self.path}: {error.strerror}."

    def _read(self) -> dict[str, list[Typed]]:
        self.trouble = ""
        try:
            return _consoles(json.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.trouble = f"What was typed cannot be read from {self.path}: {error.strerror}."
        except (ValueError, RecursionError):
            self._set_aside()
        return {}

    def _set_aside(self) -> None:
        aside = self.path.with_name(f"{self.path.name}.unreadable")
        try:
            os.replace(self.path, aside)
        except OSError as error:
            self.trouble = f"{self.path} cannot be read, nor set aside: {error.strerror}."
        else:
            self.trouble = f"{self.path} could not be read; it was set aside as {aside.name}."


def _consoles(content: Any) -> dict[str, list[Typed]]:
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise ValueError("not a file of consoles")
    consoles = content.get("consoles")
    if not isinstance(consoles, dict) or not all(isinstance(steps, list) for steps in consoles.values()):
        raise ValueError("not a file of consoles")
    return {str(name): [_typed(step) for step in steps] for name, steps in consoles.items()}


def _typed(step: Any) -> Typed:
    if not isinstance(step, list) or len(step) != 3 or not all(isinstance(part, str) for part in step):
        raise ValueError("not a step")
    if step[0] not in _KINDS:
        raise ValueError("not a step")
    return Typed(*step)
