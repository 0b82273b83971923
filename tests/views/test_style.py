"""The palette: readable in both themes, and never the only thing that says something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import labkit
from labkit.views.style import chosen, css

THEMES = [dict(re.findall(r"--lk-([a-z-]+):\s*(?:var\([^,]+,\s*)?(#[0-9a-f]{3,6})", theme))
          for theme in re.findall(r"--lk-ink.*?}", css())[:2]]  # fmt: skip


def luminance(colour: str) -> float:
    """WCAG 2 relative luminance."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=["light", "dark"])
def test_words_can_be_read_on_every_ground_they_stand_on(theme: dict[str, str]) -> None:
    grounds = {"paper": ("ink", "dim", "client", "server", "bad", "warn", "tls")}
    grounds |= {
        "card": ("ink", "dim"),
        "band": ("ink",),
        "tls-soft": ("ink", "tls", "client", "server", "bad"),
    }
    grounds |= {"client-soft": ("ink", "dim", "client"), "warn-soft": ("warn",)}
    for ground, words in grounds.items():
        for word in words:
            assert contrast(theme[word], theme[ground]) >= 4.5, f"{word} on {ground}"


def test_both_themes_have_the_same_names() -> None:
    light, dark = THEMES
    assert light.keys() == dark.keys()


def test_a_selection_is_one_style_for_all_views() -> None:
    style = chosen(4, 2)
    assert style.count(".lk-x-4-2") == 3
    assert "font-weight" in style  # not by colour alone
    assert ".lk-hit { stroke" in style


def test_no_sign_needs_a_font_of_emoji() -> None:
    """Few fonts for text have the clocks among the technical signs: an empty box is seen instead."""
    views = Path(labkit.__file__).parent / "views"
    used = {sign for module in views.rglob("*.py") for sign in module.read_text(encoding="utf-8")}
    assert not [sign for sign in sorted(used) if "\u2300" <= sign <= "\u23ff" or sign > "\uffff"]
