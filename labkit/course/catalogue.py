"""Finds exercises by number; a notebook's module in `exercises/` is imported when it is asked for."""

from __future__ import annotations

import pkgutil
from difflib import get_close_matches
from importlib import import_module

from labkit.course import exercises
from labkit.course.model import Exercise
from labkit.errors import LabError


def notebooks() -> dict[str, str]:
    """The notebooks that have exercises: "00" -> the name of their module."""
    names = sorted(module.name for module in pkgutil.iter_modules(exercises.__path__))
    return {
        name[1:3]: f"{exercises.__name__}.{name}" for name in names if name[0] == "n" and name[1:3].isdigit()
    }


def of(notebook: str) -> list[Exercise]:
    """The exercises of one notebook ("00"), in order."""
    known = notebooks()
    if notebook not in known and str(notebook) in known:
        raise LabError(f"the number of a notebook is text, and stands in quotes: {str(notebook)!r}")
    if notebook not in known:
        raise LabError(f"there is no notebook {notebook!r} with exercises; there are {', '.join(known)}")
    module = import_module(known[notebook])
    return sorted((x for x in vars(module).values() if isinstance(x, Exercise)), key=lambda x: x.number)


def every() -> list[Exercise]:
    return [found for notebook in notebooks() for found in of(notebook)]


def get(number: str) -> Exercise:
    """One exercise by its number ("00.1")."""
    notebook = str(number).partition(".")[0]
    there = {found.number: found for found in (of(notebook) if notebook in notebooks() else every())}
    if number not in there:
        if str(number) in there:
            raise LabError(f"the number of an exercise is text, and stands in quotes: {str(number)!r}")
        near = get_close_matches(str(number), there, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(there)}"
        raise LabError(f"there is no exercise {number!r}{hint}")
    return there[number]
