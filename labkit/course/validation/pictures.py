"""Whether images have a text for those who do not see them (WCAG 1.1.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from labkit.course.validation.notebook import is_bitmap, shortened

_MARKDOWN_IMAGE = re.compile(r"!\[\s*\]\(([^)\s]+)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_NO_WORDS = ("<Figure size", "<IPython.core.display.", "<PIL.")


def in_prose(source: str) -> Iterator[str]:
    """The images of a Markdown cell that have no text."""
    source = _CODE.sub("", source)
    for found in _MARKDOWN_IMAGE.finditer(source):
        yield f"the image {shortened(found[1])}"
    yield from without_words(source)


def in_output(output: Any) -> Iterator[str]:
    """The images of an output that have no text."""
    data = output.get("data", {})
    for kind, content in data.items():
        if is_bitmap(kind):
            alt = output.get("metadata", {}).get(kind, {}).get("alt", "")
            words = alt or data.get("text/plain", "")
            if not words.strip() or words.startswith(_NO_WORDS):
                yield f"an {kind}"
        elif kind in ("text/html", "image/svg+xml"):
            yield from without_words(content if isinstance(content, str) else "".join(content))


def without_words(html: str) -> list[str]:
    """The <img> and <svg> in a piece of HTML that have no text."""
    if "<img" not in html and "<svg" not in html:
        return []
    parser = _Images()
    parser.feed(html)
    parser.close()
    return parser.silent


class _Images(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.silent: list[str] = []
        self._drawing = 0  # how deep in <svg>
        self._parents: list[str] = []
        self._pending = False  # a drawing without a word so far

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attributes}
        hidden = said.get("aria-hidden") == "true" or said.get("role") in ("presentation", "none")
        words = said.get("aria-label", "").strip() or said.get("aria-labelledby", "").strip()
        if tag == "img" and not (hidden or words or said.get("alt", "").strip()):
            self.silent.append(f"the image {shortened(said.get('src', ''))}")
        elif tag == "svg":
            self._drawing += 1
            if self._drawing == 1:
                self._pending = not (hidden or words)
        elif tag in ("title", "desc") and self._drawing == 1 and self._parents[-1:] == ["svg"]:
            self._pending = False
        if self._drawing:
            self._parents.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if self._drawing:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._drawing:
            return
        while self._parents and self._parents.pop() != tag:
            pass
        if tag == "svg":
            self._drawing -= 1
            if not self._drawing and self._pending:
                self.silent.append("a drawing (svg)")
                self._pending = False
