"""Writes annotated octets as an HTML table and as text; what stands in them is decided in bytes.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from labkit.views.markup import Markup, el, text
from labkit.views.pieces import ENDINGS, LETTERS, MEANINGS, Piece
from labkit.views.words import exchange_class, visible

if TYPE_CHECKING:
    from labkit.views.bytes import Line, Note, Wire

WIDTH = 16  # octets in a row beside their numbers
_BRACKETS = {"only": "─", "first": "┌", "middle": "│", "last": "└"}
CARET = "▲"
_SPANS = {kind: f'<span class="lk-b-{kind}" title="{MEANINGS[kind]}">' for kind in LETTERS} | {
    "ending": '<span class="lk-eol">'
}
_ENDS = {
    octets: el("span", name, class_="lk-b-ending" if octets == b"\r\n" else "lk-b-ending lk-odd")
    for octets, name in ENDINGS.items()
}
_BODY = Markup("<!-- rows -->")  # text cannot hold it: it would be escaped
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
    used = _kinds(wire)
    names = [Markup(f"{_marked(kind, kind)} ") for kind in LETTERS if kind in used]
    sign = el("span", "0d 0a", class_="lk-eol") if hex else el("span", "CRLF", class_="lk-b-ending")
    table = el("table", el("thead", head), el("tbody", _BODY), aria_label=wire.alt)
    frame = el(
        "div",
        el("div", table, class_="lk-wire"),
        el("p", wire.note, class_="lk-legend") if wire.note else None,
        el("p", "Marks: ", *names, sign, " ends a line", class_="lk-legend"),
    )
    before, _, behind = frame.partition(_BODY)
    body = [row for line in wire.lines for row in rows(line, _whose(wire, line))]
    return Markup("".join([before, *body, behind]))  # once: every element around them would copy them


def _kinds(wire: Wire) -> set[str]:
    return {piece.kind for line in wire.lines for piece in line.pieces}


def _whose(wire: Wire, line: Line) -> str:
    """The attributes of a row: by its class a selection finds it, by its numbers a click is understood."""
    classes = exchange_class(line.connection, line.exchange)
    classes += _FIRST if line.begins else ""
    classes += " lk-chosen" if wire.selected == (line.connection, line.exchange) else ""
    return f'class="{classes}" data-connection="{line.connection}" data-exchange="{line.exchange}"'


def _rows(line: Line, whose: str) -> Iterator[str]:
    octets = text(line.folded) if line.folded else "".join(map(_span, line.pieces))
    yield f"<tr {whose}>{_margin(line)}<td>{octets}</td></tr>"
    for note in line.notes:
        yield _note_row(whose, 1, len(_words(_before(line.pieces, note.at))), note)


def _hex_rows(line: Line, whose: str) -> Iterator[str]:
    if line.folded:
        yield f"<tr {whose}>{_margin(line)}<td></td>{el('td', line.folded)}</tr>"
        return
    left = list(line.notes)
    for chunk in _chunks(line.pieces):
        numbers = " ".join(_marked(kind, data.hex(" ")) for kind, data in chunk.pieces)
        letters = "".join(_marked(kind, text(_letters(data))) for kind, data in chunk.pieces)
        margin = _margin(line) if not chunk.at else _more(line, chunk.at)
        yield f"<tr {whose}>{margin}<td>{numbers}</td><td>{letters}</td></tr>"
        whose = whose.replace(_FIRST, "")
        behind = chunk.at + WIDTH
        here = [note for note in left if note.at < behind or behind >= line.octets] if left else ()
        for note in here:
            left.remove(note)
            yield _note_row(whose, 2, 3 * (note.at - chunk.at), note)


def _margin(line: Line) -> str:
    who = line.sender[0].upper() if line.place in ("first", "only") else ""
    return (
        f'<td class="lk-off">{line.exchange if line.named else ""}</td><td class="lk-off">{line.offset}</td>'
        f'<td class="lk-who lk-{line.sender[0]} lk-f-{line.place}" title="{line.sender}">{who}</td>'
    )


def _more(line: Line, at: int) -> str:
    return f'<td></td><td class="lk-off">{line.offset + at}</td><td class="lk-who lk-{line.sender[0]}"></td>'


def _span(piece: Piece) -> str:
    kind, data = piece
    return _ENDS[data] if kind == "ending" else _marked(kind, text(_words(data)))


def _marked(kind: str, words: str) -> str:
    """Escaped words in the mark of their kind."""
    return f"{_SPANS[kind]}{words}</span>" if kind in _SPANS else words


def _note_row(whose: str, columns: int, at: int, note: Note) -> str:
    sign = el("b", f"{note.sign} {note.name}")
    caret = el("td", " " * at, sign, f": {note.said}", class_="lk-caret", colspan=columns)
    return f'<tr {whose.replace(_FIRST, "")}><td colspan="3"></td>{caret}</tr>'


# Text


def write(wire: Wire, hex: bool) -> str:
    out = ["exchange  offset"]
    for line in wire.lines:
        mark = "▸" if wire.selected == (line.connection, line.exchange) else " "
        number = line.exchange if line.named else ""
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
    yield start + "".join([word for _, word in words])
    if not _UNMARKED.issuperset([kind for kind, _ in words]):
        marks = "".join([LETTERS.get(kind, " ") * len(word) for kind, word in words])
        yield " " * len(start) + marks.rstrip()
    for note in line.notes:
        yield " " * (len(start) + len(_words(_before(line.pieces, note.at)))) + _noted(note)


def _hex_lines(line: Line, start: str) -> Iterator[str]:
    bracket = "│" if line.place in ("first", "middle") else " "
    data = b"".join([piece.data for piece in line.pieces])
    for at in range(0, len(data), WIDTH):
        row = data[at : at + WIDTH]
        margin = start if not at else f"{'':8} {line.offset + at:>7}    {bracket} "
        yield f"{margin}{row.hex(' '):{3 * WIDTH}}  {_letters(row)}"
    for note in line.notes:
        yield " " * len(start) + _noted(note, f"at {line.offset + note.at}, ")


def _noted(note: Note, where: str = "") -> str:
    sign = "^" if note.sign == CARET else note.sign
    return f"{sign} {where}{note.name}: {note.said}"


# Both

_UNMARKED = frozenset({"data", "dot", "ending", ""})  # a line of these alone needs no marks
_LETTERS = bytes(c if 0x20 <= c < 0x7F else 0xB7 for c in range(256))  # 0xB7: a dot at half height


def _words(data: bytes) -> str:
    return visible(data.decode("utf-8", "backslashreplace"))


def _before(pieces: Sequence[Piece], at: int) -> bytes:
    return b"".join([piece.data for piece in pieces])[:at]


def _letters(data: bytes) -> str:
    """One character for each octet."""
    return data.translate(_LETTERS).decode("latin-1")


def _chunks(pieces: Sequence[Piece]) -> Iterator[Chunk]:
    """The line in rows of sixteen octets, each with its pieces."""
    at = room = 0
    row: list[Piece] = []
    for kind, data in pieces:
        done = 0
        while done < len(data):
            if not room:
                if row:
                    yield Chunk(at, tuple(row))
                    at += WIDTH
                row, room = [], WIDTH
            part = data[done : done + room]
            row.append(Piece(kind, part))
            done += len(part)
            room -= len(part)
    if row:
        yield Chunk(at, tuple(row))
