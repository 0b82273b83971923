"""All of the widgets: thin shells around views, which do nothing a function cannot do as well.

shell.py     what they share: when a widget appears, and what stands in its place
look.py      their stylesheet (look.css) and small tables
card.py      Card: an exercise
console.py   Console: a connection typed by hand.  byhand.py is what it does without widgets, forms.py the
             lines to begin with, explain.py the last reply in words, code.py the sitting as Python,
             saved.py the file it is kept in, keyboard.py (line.js, keys.js) what is typed
explorer.py  Explorer: a capture as linked panes.  finder.py is what it does without widgets, letter.py a
             message as a reader shows it
player.py    Player: a journey, moment by moment
faults.py    Faults: what can go wrong, switched on and off.  probe.py sends a letter through it
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from labkit.views.panels.shell import interactive

if TYPE_CHECKING:
    from labkit.views.panels.card import Card, literal
    from labkit.views.panels.console import Console
    from labkit.views.panels.explorer import Explorer
    from labkit.views.panels.faults import Faults
    from labkit.views.panels.player import Player

__all__ = ["Card", "Console", "Explorer", "Faults", "Player", "interactive", "literal"]

_HOME = {
    "Card": "card",
    "Console": "console",
    "Explorer": "explorer",
    "Faults": "faults",
    "Player": "player",
    "literal": "card",
}


def __getattr__(name: str) -> Any:
    # A notebook without widgets, and the course's tests, pay for none of them.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
