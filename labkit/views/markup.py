"""Writes HTML and SVG, escaping whatever is not markup already.

`el("b", text)` escapes the text; only a `Markup`, which another call of `el` made, passes
as it is.  So forgetting to escape is not possible, and hostile mail stays text.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from textwrap import dedent

from labkit.views.words import visible

_CODE = "    "  # begins a line of code in prose
_VOID = frozenset({"br", "circle", "hr", "line", "path", "rect", "col", "use"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def el(name: str, *children: str | None, **attributes: str | float | bool | None) -> Markup:
    """An element; `class_` writes class, other underscores hyphens; None and False are left out."""
    written = "".join(
        f' {_name(key)}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    inner = join(child for child in children if child is not None)
    if not inner and name in _VOID:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{inner}</{name}>")


def join(children: Iterable[str]) -> Markup:
    """Several pieces of text and markup, one behind the other."""
    return Markup("".join(child if isinstance(child, Markup) else text(child) for child in children))


def text(words: str) -> Markup:
    """Escaped text, control characters made visible; a line feed stays what it is."""
    if not words.isprintable():
        words = "\n".join(visible(line) for line in words.split("\n"))
    return Markup(escape(words))


def prose(words: str) -> Markup:
    """Paragraphs of plain words, in which `…` stands for code; an indented paragraph is code as a whole."""
    return join(
        el("pre", dedent(part)) if part.startswith(_CODE) else el("p", codes(" ".join(part.split())))
        for part in paragraphs(words)
    )


def paragraphs(words: str) -> list[str]:
    """What blank lines divide, without the indentation that all lines share."""
    parts: list[str] = []
    for part in dedent(words.strip("\n")).rstrip().split("\n\n"):
        if part.startswith(_CODE) and parts and parts[-1].startswith(_CODE):
            parts[-1] += f"\n\n{part}"  # an empty line within code
        elif part.strip():
            parts.append(part.strip("\n"))
    return parts


def codes(words: str) -> Markup:
    """Words of one line, in which `…` stands for code."""
    pieces = words.split("`")
    return join(el("code", piece) if position % 2 else piece for position, piece in enumerate(pieces))


@cache
def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: str | float | bool) -> str:
    if value is True:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return text(value) if isinstance(value, str) else str(value)
