"""Plots in the lab's style: matplotlib's drawing, in the colours of the one stylesheet.

matplotlib is asked for a figure without a window and for SVG in which text stays text.  Its
colours are then replaced by the stylesheet's variables, so that a plot follows the theme of the
page like every other view.  The same data give the same octets: no date, and ids from a fixed salt.
Kinds are told apart by hatching or markers as well as by colour.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labkit.errors import LabError
from labkit.views.markup import Markup, el
from labkit.views.picture import Picture
from labkit.views.style import SANS, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, DIM, RULE, PAPER = "#1b1f24", "#5a626b", "#c3cad1", "#fefefe"
COLOURS = {"client": "#005a9c", "server": "#00684a", "bad": "#a63c00", "warn": "#7a5200", "tls": "#7b3f74"}
"""By their names in the stylesheet; each protocol and each side has one, and a hatching beside it."""

PROTOCOLS = {"smtp": "client", "pop3": "server", "imap": "tls", "dns": "warn"}
HATCHES = {"smtp": "", "pop3": "////", "imap": "....", "dns": "xx"}

_VARIABLES = {INK: "ink", DIM: "dim", RULE: "rule", PAPER: "card", **{hex_: n for n, hex_ in COLOURS.items()}}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "labkit",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": DIM,
    "axes.labelcolor": DIM,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "figure.dpi": 96,
    "savefig.facecolor": "none",
    "text.color": INK,
    "xtick.color": DIM,
    "ytick.color": DIM,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "hatch.linewidth": 0.8,
    "path.simplify": False,
}


@contextmanager
def figure(width: float = 8.6, height: float = 2.6, panels: int = 1) -> Iterator[tuple[Figure, list[Any]]]:
    """A figure of so many inches in the lab's style, and its panels side by side.

    Everything has to be drawn within the block.  Raises LabError if matplotlib is not installed.
    """
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError:
        raise LabError("plots need matplotlib: pip install 'mail-labkit[lab]'") from None
    with style.context(["default", _STYLE]):  # whatever the user's own settings are
        made = Figure(figsize=(width, height), layout="constrained")
        yield made, list(made.subplots(1, panels, squeeze=False)[0])


def svg_of(figure: Figure, title: str, alt: str) -> Markup:
    """The figure as one SVG element that follows the theme; call it within the block."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    opening, _, body = drawing.partition(">")
    box = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', opening)
    assert box is not None  # matplotlib writes it
    width, height = (float(size) for size in box.groups())
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>", "", body, flags=re.DOTALL)
    body = body.removesuffix("\n").removesuffix("</svg>").replace("xlink:href", "href")
    for colour, name in _VARIABLES.items():
        body = body.replace(colour, f"var(--lk-{name})")
    body = body.replace("'DejaVu Sans'", SANS)
    body = re.sub(r'<g id="[^"]*">', "<g>", body)  # nothing refers to these, and pages hold several plots
    return el(
        "svg",
        el("title", title),
        el("desc", alt),
        sheet("svg", "plot"),
        Markup(re.sub(r"\s*\n\s*", "\n", body)),
        xmlns="http://www.w3.org/2000/svg",
        class_="lk lk-svg lk-plot",
        viewBox=f"0 0 {width:g} {height:g}",
        style=f"max-width:{width * 4 / 3:.0f}px",
        role="img",
    )


def picture(figure: Figure, title: str, alt: str, text: str) -> Picture:
    """The figure as what a view returns, with its twin in words; call it within the block."""
    return Picture(text, alt, svg=svg_of(figure, title, alt))
