"""Writes annotated octets as an HTML table and as text; what stands in them is decided in bytes.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from labkit.views.markup import Markup, el, join
from labkit.views.pieces import ENDINGS, LETTERS, MEANINGS, Piece
from labkit.views.words import exchange_class, visible

if TYPE_CHECKING:
    from labkit.views.bytes import Flaw, Line, Wire

WIDTH = 16  # octets in a row beside their numbers
_BRACKETS = {"only": "─", "first": "┌", "middle": "│", "last": "└"}
_SPANS = {kind: (Markup(f'<span class="lk-b-{kind}" title="{MEANINGS[kind]}">')) for kind in LETTERS}
_OFF = Markup("</span>")
_FIRST = " lk-first"  # the class of the row that begins an exchange


class Chunk(NamedTuple):
    """Octets of a line that stand in one row of the view with numbers."""

    at: int  # in the line
    pieces: tuple[Piece, ...]


# HTML


def html(wire: Wire, hex: bool) -> Markup:
    heads = ("exchange", "offset", "from", *(("in hexadecimal", "as text") if hex else ("octets",)))
    head = el("tr", *(el("th", word, scope="col") for word in heads))
    rows = _hex_rows if hex else _rows
    body = Markup("".join(row for line in wire.lines for row in rows(line, _whose(wire, line))))
    used = _kinds(wire)
    names = [join([_SPANS[kind], kind, _OFF, " "]) for kind in LETTERS if kind in used]
    sign = el("span", "0d 0a", class_="lk-eol") if hex else el("span", "CRLF", class_="lk-b-ending")
    table = el("table", el("thead", head), el("tbody", body), aria_label=wire.alt)
    return el(
        "div",
        el("div", table, class_="lk-wire"),
        el("p", wire.note, class_="lk-legend") if wire.note else None,
        el("p", "Marks: ", *names, sign, " ends a line", class_="lk-legend"),
    )


def _kinds(wire: Wire) -> set[str]:
    return {piece.kind for line in wire.lines for piece in line.pieces}


def _whose(wire: Wire, line: Line) -> str:
    """The attributes of a row: by its class a selection finds it, by its numbers a click is understood."""
    classes = exchange_class(line.connection, line.exchange)
    classes += _FIRST if line.begins else ""
    classes += " lk-chosen" if wire.selected == (line.connection, line.exchange) else ""
    return f'class="{classes}" data-connection="{line.connection}" data-exchange="{line.exchange}"'


def _rows(line: Line, whose: str) -> Iterator[Markup]:
    octets = join([line.folded]) if line.folded else Markup("".join(map(_span, line.pieces)))
    yield Markup(f"<tr {whose}>{_margin(line)}<td>{octets}</td></tr>")
    for flaw in line.flaws:
        yield _caret_row(whose, 1, len(_words(_before(line.pieces, flaw.at))), flaw)


def _hex_rows(line: Line, whose: str) -> Iterator[Markup]:
    if line.folded:
        yield Markup(f"<tr {whose}>{_margin(line)}<td></td>{el('td', line.folded)}</tr>")
        return
    left = list(line.flaws)
    for chunk in _chunks(line.pieces):
        size = sum(len(piece.data) for piece in chunk.pieces)
        numbers = Markup(" ".join(_span(piece, piece.data.hex(" ")) for piece in chunk.pieces))
        letters = Markup("".join(_span(piece, _letters(piece.data)) for piece in chunk.pieces))
        margin = _margin(line) if not chunk.at else _more(line, chunk.at)
        yield Markup(f"<tr {whose}>{margin}<td>{numbers}</td><td>{letters}</td></tr>")
        is_last = chunk.at + size >= line.octets
        here = [flaw for flaw in left if flaw.at < chunk.at + size or is_last]
        left = [flaw for flaw in left if flaw not in here]
        for flaw in here:
            yield _caret_row(whose, 2, 3 * (flaw.at - chunk.at), flaw)
        whose = whose.replace(_FIRST, "")


def _margin(line: Line) -> Markup:
    who = line.sender[0].upper() if line.place in ("first", "only") else ""
    return Markup(
        f'<td class="lk-off">{line.exchange if line.begins else ""}</td><td class="lk-off">{line.offset}</td>'
        f'<td class="lk-who lk-{line.sender[0]} lk-f-{line.place}" title="{line.sender}">{who}</td>'
    )


def _more(line: Line, at: int) -> Markup:
    return Markup(
        f'<td></td><td class="lk-off">{line.offset + at}</td><td class="lk-who lk-{line.sender[0]}"></td>'
    )


def _span(piece: Piece, words: str | None = None) -> Markup:
    if piece.kind == "ending" and words is None:
        odd = "" if piece.data == b"\r\n" else " lk-odd"
        return el("span", ENDINGS[piece.data], class_=f"lk-b-ending{odd}")
    inner = join([_words(piece.data) if words is None else words])
    if piece.kind == "ending":
        return el("span", inner, class_="lk-eol")
    return Markup(f"{_SPANS[piece.kind]}{inner}</span>") if piece.kind in _SPANS else inner


def _caret_row(whose: str, columns: int, at: int, flaw: Flaw) -> Markup:
    caret = el(
        "td", " " * at, el("b", f"▲ {flaw.name}"), f": {flaw.said}", class_="lk-caret", colspan=columns
    )
    return Markup(f'<tr {whose.replace(_FIRST, "")}><td colspan="3"></td>{caret}</tr>')


# Text


def write(wire: Wire, hex: bool) -> str:
    out = ["exchange  offset"]
    for line in wire.lines:
        mark = "▸" if wire.selected == (line.connection, line.exchange) else " "
        number = line.exchange if line.begins else ""
        who = line.sender[0].upper() if line.place in ("first", "only") else " "
        start = f"{mark}{number:>7} {line.offset:>7}  {who} {_BRACKETS[line.place]} "
        if line.folded:
            out.append(start + line.folded)
        elif hex:
            out += _hex_lines(line, start)
        else:
            out += _text_lines(line, start)
    out.extend([wire.note] if wire.note else [])
    used = _kinds(wire)
    said = [f"{letter} {kind}" for kind, letter in LETTERS.items() if kind in used]
    ends = "0d 0a ends a line" if hex else r"\r\n ends a line"
    out.append("Marks: " + "; ".join(filter(None, ["" if hex else ", ".join(said), ends])))
    return "\n".join(out)


def _text_lines(line: Line, start: str) -> Iterator[str]:
    words = [(piece.kind, _words(piece.data)) for piece in line.pieces]
    yield start + "".join(word for _, word in words)
    is_data = all(kind in ("data", "dot", "ending", "") for kind, _ in words)
    marks = "".join(LETTERS.get(kind, " ") * len(word) for kind, word in words)
    if marks.strip() and not is_data:
        yield " " * len(start) + marks.rstrip()
    for flaw in line.flaws:
        yield " " * (len(start) + len(_words(_before(line.pieces, flaw.at)))) + f"^ {flaw.name}: {flaw.said}"


def _hex_lines(line: Line, start: str) -> Iterator[str]:
    for chunk in _chunks(line.pieces):
        data = b"".join(piece.data for piece in chunk.pieces)
        bracket = "│" if line.place in ("first", "middle") else " "
        margin = start if not chunk.at else f"{'':8} {line.offset + chunk.at:>7}    {bracket} "
        yield f"{margin}{data.hex(' '):{3 * WIDTH}}  {_letters(data)}"
    for flaw in line.flaws:
        yield " " * len(start) + f"^ at {line.offset + flaw.at}, {flaw.name}: {flaw.said}"


# Both


def _words(data: bytes) -> str:
    return visible(data.decode("utf-8", "backslashreplace"))


def _before(pieces: Sequence[Piece], at: int) -> bytes:
    return b"".join(piece.data for piece in pieces)[:at]


def _letters(data: bytes) -> str:
    """One character for each octet."""
    return "".join(chr(c) if 0x20 <= c < 0x7F else "·" for c in data)


def _chunks(pieces: Sequence[Piece]) -> Iterator[Chunk]:
    """The line in rows of sixteen octets, each with its pieces."""
    octets = ((piece.kind, octet) for piece in pieces for octet in piece.data)
    for number, row in groupby(enumerate(octets), key=lambda counted: counted[0] // WIDTH):
        cut = groupby((octet for _, octet in row), key=lambda octet: octet[0])
        yield Chunk(number * WIDTH, tuple(Piece(kind, bytes(o for _, o in run)) for kind, run in cut))
