"""What ipywidgets has no widget for: keys, and clicks on a drawing.

The entry line of the Console, who gets the arrow keys, and which exchange is chosen in a pane.
"""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

_HERE = Path(__file__).parent


class Line(anywidget.AnyWidget):
    """Sends `{"text": ...}` when Enter is pressed; `{"fill": ...}` puts a line into it.

    `{"ask": "literal"}` makes it send what stands in it as `{"text": ..., "asked": "literal"}`, in
    order with all that was typed before.  Screen readers read `status` out when it changes.
    """

    _esm = (_HERE / "line.js").read_text(encoding="utf-8")
    name = traitlets.Unicode("line").tag(sync=True)
    label = traitlets.Unicode("Line").tag(sync=True)
    placeholder = traitlets.Unicode().tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    bad = traitlets.Bool(False).tag(sync=True)
    history = traitlets.List(traitlets.Unicode()).tag(sync=True)


class Keys(anywidget.AnyWidget):
    """Invisible: keys pressed in its panel are no commands of the notebook, and sliders have names.

    Sends `{"connection": ..., "exchange": ...}` (or no exchange) when one is chosen in a pane.
    """

    _esm = (_HERE / "keys.js").read_text(encoding="utf-8")
