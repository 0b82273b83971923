"""All of the widgets: thin shells around views, which do nothing a function cannot do as well.

shell.py     what they share: when a widget appears, and what stands in its place
card.py      Card: an exercise
"""

from __future__ import annotations

from labkit.views.panels.card import Card, literal
from labkit.views.panels.shell import interactive

__all__ = ["Card", "interactive", "literal"]
