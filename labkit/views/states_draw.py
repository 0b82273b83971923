"""Writes a state diagram as SVG; what stands in it is decided in states.py."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from labkit.views.markup import Markup, el, join
from labkit.views.style import sheet

if TYPE_CHECKING:
    from labkit.views.states import Drawing, Edge, Node

_BOX, _WRAP, _GAP, _PORT, _LETTER, _TOP = 256, 33, 48, 21, 6.9, 16
_LANE = 16


def draw(drawing: Drawing) -> Markup:
    """The machine as one SVG element."""
    stubs = {edge.target: edge for edge in drawing.edges if edge.source is None}
    arcs = [edge for edge in drawing.edges if edge.source is not None and edge.target != edge.source + 1]
    ports = _ports(arcs)
    tops, heights = _places(drawing, ports)
    left = 20 + int(max((_stub_width(edge) for edge in stubs.values()), default=0))
    right = left + _BOX
    label = int(max((len(edge.label) * _LETTER + _coins_width(edge.taken) for edge in arcs), default=0)) + 26
    width = right + label + _LANE * len(arcs) + 20 if arcs else right + 20
    height = tops[-1] + heights[-1] + 16 if tops else 40
    parts = [_stub(edge, left, tops[edge.target] + heights[edge.target] / 2) for edge in stubs.values()]
    for edge in drawing.edges:
        if edge.source is not None and edge.target == edge.source + 1:
            parts.append(_down(edge, left + 50, tops[edge.source] + heights[edge.source], tops[edge.target]))
            width = max(width, int(left + 70 + len(edge.label) * _LETTER + _coins_width(edge.taken)) + 20)
    for i, edge in enumerate(sorted(arcs, key=_span)):
        y1, y2 = (
            tops[at] + 16 + _PORT * ports[at].index((edge, at == edge.source))
            for at in (edge.source or 0, edge.target)
        )
        parts.append(_arc(edge, right, right + label + _LANE * i, y1, y2))
    nodes = [_node(node, left, y, h) for node, y, h in zip(drawing.nodes, tops, heights, strict=True)]
    return el(
        "svg",
        el("title", drawing.title),
        el("desc", drawing.alt),
        sheet("svg", "states"),
        *parts,
        *nodes,
        xmlns="http://www.w3.org/2000/svg",
        class_="lk lk-svg",
        viewBox=f"0 0 {width} {height}",
        style=f"min-width:{width * 4 // 5}px;max-width:{width}px",
        role="img",
    )


def _span(edge: Edge) -> tuple[int, int, int]:
    source = edge.source or 0
    return abs(source - edge.target), min(source, edge.target), source


def _ports(arcs: list[Edge]) -> dict[int, list[tuple[Edge, bool]]]:
    """For each state the arc ends at its right side, from the top: (edge, whether it leaves here)."""
    ports: dict[int, list[tuple[Edge, bool]]] = {}
    for edge in sorted(arcs, key=_span):
        ports.setdefault(edge.source or 0, []).append((edge, True))
        ports.setdefault(edge.target, []).append((edge, False))
    return ports


def _places(drawing: Drawing, ports: dict[int, list[tuple[Edge, bool]]]) -> tuple[list[int], list[int]]:
    tops, heights, y = [], [], _TOP
    for i, node in enumerate(drawing.nodes):
        lines = len(_inside(node))
        heights.append(max(38 + 16 * lines, 12 + _PORT * len(ports.get(i, []))))
        tops.append(y)
        y += heights[-1] + _GAP
    return tops, heights


def _inside(node: Node) -> list[tuple[str, str]]:
    lines = (
        [("lk-mono lk-dim lk-small", line) for line in wrap(f"stays: {node.stays}", _WRAP)]
        if node.stays
        else []
    )
    if node.here:
        lines += [
            ("lk-small lk-strong", line) for line in wrap("exchanges here: " + _numbers(node.here), _WRAP)
        ]
    return lines


def _node(node: Node, x: int, y: int, height: int) -> Markup:
    class_ = "lk-box" + (" lk-been" if node.visited else "") + (" lk-now" if node.current else "")
    name = f"▶ {node.name} (now)" if node.current else node.name
    lines = [
        el("text", words, class_=kind, x=x + 14, y=y + 42 + 16 * i)
        for i, (kind, words) in enumerate(_inside(node))
    ]
    return el(
        "g",
        el("rect", class_=class_, x=x, y=y, width=_BOX, height=height, rx=8),
        el("text", name, class_="lk-strong", x=x + 14, y=y + 24),
        *lines,
    )


def _down(edge: Edge, x: int, y1: int, y2: int) -> Markup:
    kind = "lk-line lk-taken" if edge.taken else "lk-line"
    middle = (y1 + y2) / 2
    line = el("line", class_=kind, x1=x, y1=y1, x2=x, y2=y2 - 8)
    words = el("text", edge.label, class_="lk-mono lk-halo lk-small", x=x + 14, y=middle + 4)
    coins = _coins(edge.taken, x + 20 + len(edge.label) * _LETTER, middle)
    return el("g", line, _tip(x, y2 - 1, "l-5 -9h10z", edge), words, coins)


def _stub(edge: Edge, x: int, y: float) -> Markup:
    start = x - _stub_width(edge)
    kind = "lk-line lk-taken" if edge.taken else "lk-line"
    width = len(edge.label) * _LETTER
    return el(
        "g",
        el("line", class_=kind, x1=start, y1=y, x2=x - 8, y2=y),
        _tip(x - 1, y, "l-9 -5v10z", edge),
        el("text", edge.label, class_="lk-mono lk-small", x=start, y=y - 7),
        el("text", "from several states", class_="lk-dim lk-small", x=start, y=y + 16),
        _coins(edge.taken, start + width + 6, y - 11),
    )


def _arc(edge: Edge, x: int, lane: int, y1: int, y2: int) -> Markup:
    kind = "lk-line lk-taken" if edge.taken else "lk-line"
    bend = 6 if y2 > y1 else -6
    way = f"M{x} {y1}H{lane - 6}q6 0 6 {bend}V{y2 - bend}q0 {bend} -6 {bend}H{x + 8}"
    coins = _coins(edge.taken, x + 14 + len(edge.label) * _LETTER, y1 - 6)
    words = el("text", edge.label, class_="lk-mono lk-halo lk-small", x=x + 8, y=y1 - 6)
    return el("g", el("path", class_=kind, d=way), _tip(x + 1, y2, "l9 -5v10z", edge), words, coins)


def _tip(x: float, y: float, path: str, edge: Edge) -> Markup:
    colour = "lk-client-ink" if edge.taken else "lk-dim-ink"
    return el("path", class_=f"lk-fill {colour}", d=f"M{x:g} {y:g}{path}")


def _numbers(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers[:8])) + (" …" if len(numbers) > 8 else "")


def _coins_width(numbers: tuple[int, ...]) -> float:
    return len(_numbers(numbers)) * 6.6 + 14 if numbers else 0


def _stub_width(edge: Edge) -> float:
    return max(len(edge.label) * _LETTER + _coins_width(edge.taken), 120) + 20


def _coins(numbers: tuple[int, ...], x: float, y: float) -> Markup | None:
    """The numbers of the exchanges that went this way."""
    if not numbers:
        return None
    words, width = _numbers(numbers), _coins_width(numbers)
    return join(
        [
            el("rect", class_="lk-coin", x=x, y=y - 8, width=width, height=16, rx=8),
            el("text", words, class_="lk-coin-word", x=x + width / 2, y=y + 4, text_anchor="middle"),
        ]
    )
