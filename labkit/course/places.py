"""Where in the course each word of the glossary is explained: made from the notebooks, kept in places.json.

A word belongs to the first notebook that lists it among its words, else to the first that uses it; there,
to the section in which it is set apart, else used first.  `make refresh` writes the file anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from labkit.course.shelf import shelf
from labkit.course.terms import TERMS

FILE = Path(__file__).with_name("places.json")
_CALL = re.compile(r"glossary\([^)]*\)")
Sections = list[tuple[str, str]]
"""Of one notebook: the title of each section, and its text."""


@cache
def _kept() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def place(term: str) -> str:
    """The notebook and the section that explain a word: `07, “Envelope and header”`; "" if none does yet."""
    found = _kept().get(term)
    return f"{found[0]}, “{found[1]}”" if found else ""


def find(folder: Path) -> dict[str, list[str]]:
    """By term: number of the notebook, title of the section."""
    course = {path.name[:2]: _sections(path) for path in sorted(folder.glob("[0-9][0-9]-*.ipynb"))}
    found = {term.term: _place(term.term, course) for term in TERMS}
    return {term: [*where] for term, where in found.items() if where}


def _place(term: str, course: dict[str, Sections]) -> tuple[str, str] | None:
    word = pattern(term)
    listed = re.compile(rf'glossary\([^)]*"{re.escape(term)}"', re.IGNORECASE)
    numbers = [n for n, sections in course.items() if any(listed.search(text) for _, text in sections)]
    for number in [*numbers, *course]:
        for wanted in (re.compile(rf"\*{word.pattern}\*", word.flags), word):
            for title, text in course[number]:
                if wanted.search(_CALL.sub("", text)):
                    return number, title
    return next(((n, title) for n in numbers for title, text in course[n] if listed.search(text)), None)


def pattern(term: str) -> re.Pattern[str]:
    """The word as it stands in a text, in the singular or the plural; capitals count where it has some."""
    single = re.escape(term[:-1]) + "(?:y|ies)" if term.endswith("y") else re.escape(term) + "(?:e?s)?"
    return re.compile(rf"(?<![\w-]){single}(?![\w-])", re.IGNORECASE if term == term.lower() else 0)


def _sections(path: Path) -> Sections:
    return list(_cut(json.loads(path.read_text(encoding="utf-8"))["cells"]))


def _cut(cells: list[dict[str, list[str] | str]]) -> Iterator[tuple[str, str]]:
    title, text = "", ""
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and (heading := re.match(r"##? (?:\d+\. )?(.+)", source)):
            yield title, text
            title, text = heading[1], ""
        text += f"\n{source}" if cell["cell_type"] == "markdown" or "glossary(" in source else ""
    yield title, text


def write() -> None:
    """Keep where the words are now."""
    kept = json.dumps(find(shelf()), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    FILE.write_text(kept, encoding="utf-8", newline="\n")
