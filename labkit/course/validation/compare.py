"""Outputs beside each other, as strictly as nbval compares them; and in what they differ, in words.

Everything counts but what no notebook can keep the same: bitmaps (their octets depend on fonts), tracebacks,
metadata, widgets (their ids are drawn by lot) and bars of progress.  LaTeX and the order of outputs count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from labkit.course.validation.notebook import WIDGET, is_bitmap, shortened, texts
from labkit.errors import LabError

Replacements = Sequence[tuple[re.Pattern[str], str]]

_BAR = re.compile(r"^.*(?:\d%\|.*\| |[━╸╺]{5}).*\n?", re.MULTILINE)
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?!\n)", re.MULTILINE)
_RUBBED_OUT = re.compile(r"[^\n\x08]\x08")
_WORD = re.compile(r"[\w:.+-]*$"), re.compile(r"[\w:.+-]*")
_CLOCK = re.compile(r"\d{1,2}:\d\d|\d{4}-\d\d-\d\d|\b1[6-9]\d{8}\b|\d{8}T\d{4}|\b(?:19|20)\d\d\b")
_ID = re.compile(r"0x[0-9a-f]{5}|\w{8}-\w{4}-\w{4}-\w{4}-\w{12}|(?=[A-Za-z_-]*\d)(?=\d*[A-Za-z])[\w-]{6}")
AROUND = 25
"""Characters of an output that a sentence shows before and after a difference."""


class Difference(NamedTuple):
    """What one output was and the other is; `kind` is a stream's name or a MIME type."""

    kind: str
    was: str | None  # None: it was not there
    now: str | None

    def rule(self) -> str:
        """Which rule it breaks when two runs differ so."""
        if self.was is None or self.now is None:
            return "steady"
        words = [_word_at(text, _first_difference(self.was, self.now)) for text in (self.was, self.now)]
        if all(_CLOCK.search(word) for word in words):
            return "clock"
        return "random" if all(_ID.search(word) for word in words) else "steady"

    def told(self, was: str, now: str) -> str:
        """`was` and `now` say whose outputs these are."""
        if self.was is None or self.now is None:
            there, other = (now, was) if self.was is None else (was, now)
            return f"{self.kind} is there {there} and not {other}: “{shortened(self.was or self.now or '')}”"
        place = _first_difference(self.was, self.now)
        return f"{self.kind} is “{_around(self.was, place)}” {was} and “{_around(self.now, place)}” {now}"


def comparable(outputs: Sequence[Any], replacements: Replacements = ()) -> list[tuple[str, str]]:
    """What counts of a cell's outputs, in order; the pieces of a stream are one."""
    found: list[tuple[str, str]] = []
    streams: dict[str, int] = {}
    for output in outputs:
        if WIDGET in output.get("data", {}):
            continue
        if output.output_type == "stream" and output.name in streams:
            place = streams[output.name]
            found[place] = (output.name, found[place][1] + output.text)
            continue
        if output.output_type == "stream":
            streams[output.name] = len(found)
        found += [
            (kind, text) for kind, text in texts([output]) if kind != "text/plain" or not _drawn(output)
        ]
        found += [(kind, "") for kind in output.get("data", {}) if is_bitmap(kind)]
    for name, place in streams.items():
        found[place] = (name, _as_on_screen(found[place][1]))
    return [(kind, replaced(text, replacements)) for kind, text in found if kind not in streams or text]


def _drawn(output: Any) -> bool:
    """Whether the text is that which stands in for a bitmap: the size of a figure in dots."""
    return any(map(is_bitmap, output.get("data", {}))) and output.data.get("text/plain", "").startswith("<")


def difference(was: Iterable[tuple[str, str]], now: Iterable[tuple[str, str]]) -> Difference | None:
    """The first difference of two lists of outputs."""
    before, after = list(was), list(now)
    for (a_kind, a), (b_kind, b) in zip(before, after, strict=False):
        if a_kind != b_kind:
            return Difference(b_kind, None, b)
        if a != b:
            return Difference(a_kind, a, b)
    for kind, text in after[len(before) :]:
        return Difference(kind, None, text)
    for kind, text in before[len(after) :]:
        return Difference(kind, text, None)
    return None


def read_replacements(path: Path) -> Replacements:
    """The pairs of a sanitise file in nbval's form: `regex: …` on a line, `replace: …` on the next."""
    try:
        text = path.read_text(encoding="utf-8")
        pairs = re.findall(r"^regex: (.*)\n^replace: (.*)$", text, flags=re.MULTILINE)
        return [(re.compile(pattern), replacement) for pattern, replacement in pairs]
    except OSError as error:
        raise LabError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, re.error) as error:
        raise LabError(f"{path} is no sanitise file: {error}") from error


def replaced(text: str, replacements: Replacements) -> str:
    """The text with all replacements made, one after the other."""
    for pattern, replacement in replacements:
        text = pattern.sub(replacement, text)
    return text


def _as_on_screen(text: str) -> str:
    """A stream as it stands there in the end, bars of progress taken out."""
    while (shorter := _RUBBED_OUT.sub("", text)) != text:
        text = shorter
    return _BAR.sub("", _OVERWRITTEN.sub("", text))


def _first_difference(a: str, b: str) -> int:
    if a == b:
        return len(a)
    low, high = 0, min(len(a), len(b))
    while low < high:  # outputs may be long: halve instead of comparing letter by letter
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a.startswith(b[:middle]) else (low, middle - 1)
    return low


def _word_at(text: str, place: int) -> str:
    before, behind = _WORD[0].search(text[max(place - 99, 0) : place]), _WORD[1].match(text, place)
    return (before[0] if before else "") + (behind[0] if behind else "")


def _around(text: str, place: int) -> str:
    start, end = max(place - AROUND, 0), place + AROUND
    shown = " ".join(text[start:end].split())
    return f"{'…' if start else ''}{shown}{'…' if end < len(text) else ''}"
