"""What a view returns and a notebook shows: a drawing, its HTML, and its twin in plain text.

Every picture says the same in all three.  The HTML carries its own style, needs no
script and no network, and folds the text twin below the drawing, so that it still speaks
where a notebook viewer strips the drawing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labkit.errors import LabError
from labkit.views.markup import Markup, el
from labkit.views.style import sheet
from labkit.views.words import visible


@dataclass(frozen=True)
class Picture:
    """`text` is the twin, `alt` one sentence for those who cannot see it; `svg` or `html` the drawing.

    `title` is that of its page; if it has none, the sentence is.
    """

    text: str
    alt: str
    svg: Markup | None = None
    html: Markup | None = None
    parts: tuple[str, ...] = field(default=(), repr=False)  # which parts of the stylesheet `html` needs
    title: str | None = None

    def __post_init__(self) -> None:
        # Captured text must not reach a terminal as control characters.
        shown = "\n".join(visible(line) for line in self.text.split("\n"))
        object.__setattr__(self, "text", shown)
        object.__setattr__(self, "alt", visible(self.alt))

    def __str__(self) -> str:
        return self.text

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.text)

    def _repr_html_(self) -> str:
        if self.html is not None:
            return el("div", sheet(*self.parts), self.html, class_="lk")
        return el("div", self._drawing(), self._twin(), class_="lk")

    def save(self, path: str | Path) -> Path:
        """Write the drawing: by its suffix `.svg`, `.html` or `.txt`."""
        target = Path(path)
        content = {".svg": self.svg, ".html": self.page(), ".txt": self.text + "\n"}.get(target.suffix)
        if content is None:
            raise LabError(f"cannot write this picture as {target.suffix or 'a file without suffix'!r}")
        target.write_text(content, encoding="utf-8", newline="\n")
        return target

    def page(self) -> str:
        """A page of its own, for a browser."""
        title = el("title", visible(self.title or self.alt))
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f"{title}{sheet('page')}</head><body>{self._repr_html_()}</body></html>\n"
        )

    def _drawing(self) -> Markup | None:
        # Letters have no size here and their own in the drawing: a viewer that strips
        # the drawing's tags and keeps its words leaves no heap of words behind.
        return el("div", self.svg, style="font-size:0;overflow-x:auto") if self.svg is not None else None

    def _twin(self) -> Markup:
        fold = el("details", el("summary", "The same as text"), el("pre", self.text))
        return el("div", sheet("fold"), fold) if self.svg is not None else el("pre", self.text)
