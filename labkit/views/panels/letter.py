"""A message as a reader shows it: the fields people look at, the tree of its parts, the first text.

Nothing of it is believed: whatever stands in a message is shown as text, HTML included.
"""

from __future__ import annotations

from collections.abc import Iterator

from labkit.message.fields import decode_words
from labkit.message.mime import Part, parse
from labkit.views.markup import el, join
from labkit.views.panels import look
from labkit.views.picture import Picture
from labkit.views.words import plural, short, visible

FIELDS = ("From", "To", "Cc", "Subject", "Date", "Message-ID")
WIDTH = 300  # characters of a field's value
LETTERS = 3000  # of the text
PARTS = 40


def letter(data: bytes) -> Picture:
    """The octets of a message as a picture."""
    message = parse(data)
    facts = [(name, _value(message, name)) for name in FIELDS if message.get(name) is not None]
    parts = list(_tree(message))
    facts.append(("Size", plural(len(data), "octet")))
    shown = [_part_words(part, depth) for part, depth in parts[:PARTS]]
    shown += [f"… {plural(len(parts) - PARTS, 'more part')}"] if len(parts) > PARTS else []
    text = next((part.text() for part, _ in parts if part.content_type.startswith("text/")), "")
    heads = join(el("tr", el("th", name, scope="row"), el("td", value)) for name, value in facts)
    tree = [el("pre", "\n".join(shown))] if len(parts) > 1 else []
    html = join(
        [look.sheet(), el("div", el("table", heads, aria_label="Header"), class_="lk-rows lk-wrap"), *tree,
         look.said(text.replace("\r\n", "\n"), limit=LETTERS)]
    )  # fmt: skip
    lines = [f"{name}: {value}" for name, value in facts] + (shown if len(parts) > 1 else [])
    words = "\n".join([*lines, "", short(text.replace("\r\n", "\n"), LETTERS)])
    return Picture(words, "The message", html=el("div", html))


def _value(message: Part, name: str) -> str:
    return short(visible(decode_words(message.get(name) or b"")), WIDTH)


def _tree(root: Part) -> Iterator[tuple[Part, int]]:
    waiting = [(root, 0)]
    while waiting:
        part, depth = waiting.pop()
        yield part, depth
        waiting += [(child, depth + 1) for child in reversed(part.children)]


def _part_words(part: Part, depth: int) -> str:
    words = [part.path, part.content_type, part.encoding, part.filename or ""]
    return "  " * depth + "  ".join(visible(word) for word in words if word)
