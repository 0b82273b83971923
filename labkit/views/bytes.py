"""The wire as annotated octets: what is verb, argument, code and text, and how each line ends.

The marks come from the rows, not from a grammar of this module's own: a row says which
verb, tag and status the dissector cut, and they stand at the start of its lines.  Where
the octets do not agree with the row, they are left unmarked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from labkit.views.markup import Markup, el, join
from labkit.views.picture import Picture
from labkit.views.rows import Row, tables_of
from labkit.views.words import plural, visible


class Piece(NamedTuple):
    """Octets of one kind: a key of LETTERS, "ending", or "" for what stands between."""

    kind: str
    data: bytes


LETTERS = {"verb": "V", "argument": "a", "code": "C", "text": "t", "tag": "g", "data": "d"}
"""The kinds, and the letter that marks each in the text twin."""

_ENDINGS = {b"\r\n": "CRLF", b"\n": "LF", b"\r": "CR"}
_FOLD, _HEAD, _TAIL = 10, 5, 3  # a run of more data lines than this is folded to its head and tail


@dataclass(frozen=True, slots=True)
class _Line:
    offset: int
    sender: str
    exchange: int
    pieces: tuple[Piece, ...]
    first: bool  # of its exchange
    folded: str = ""  # in place of pieces: what is left out here


def annotate(
    source: Any,
    *,
    connection: int | None = None,
    exchange: int | Iterable[int] | None = None,
    limit: int = 400,
) -> Picture:
    """The octets of one connection (the first, when not named), or of some of its exchanges.

    `source` is a world, a capture, or a `lines` table; from that table alone only line ends
    are marked.  Beyond `limit` lines the rest is counted and not shown.
    """
    lines, exchanges = tables_of(source, "lines", "exchanges")
    if connection is None:
        connection = lines[0]["connection"] if lines else 0
    lines = [line for line in lines if line["connection"] == connection]
    if exchange is not None:
        wanted = {exchange} if isinstance(exchange, int) else set(exchange)
        lines = [line for line in lines if line["exchange"] in wanted]
    rows = {row["exchange"]: row for row in exchanges if row["connection"] == connection}
    marked = list(_folded(_marked(lines, rows)))
    shown, rest = marked[:limit], len(marked) - limit
    note = f"{plural(rest, 'more line')} not shown" if rest > 0 else ""
    alt = f"The octets of connection {connection}, {plural(len(lines), 'line')}, each part named."
    return Picture(_write(shown, note), alt, html=_html(shown, note, alt), parts=("bytes",))


def pieces(line: Row, row: Row | None, *, first: bool) -> tuple[Piece, ...]:
    """One line in pieces; `first` says that it is the first its sender wrote in this exchange."""
    raw: bytes = line["raw"]
    ending = next((end for end in _ENDINGS if raw.endswith(end)), b"")
    body = raw[: len(raw) - len(ending)]
    if row is None:
        cut = [Piece("", body)]
    elif line["sender"] == "client":
        cut = _command(body, row, first)
    else:
        cut = _reply(body, row, first)
    return (*(piece for piece in cut if piece.data), *([Piece("ending", ending)] if ending else []))


def _command(body: bytes, row: Row, first: bool) -> list[Piece]:
    verb = (row.get("verb") or "").encode()
    if verb == b"(response)":
        return [Piece("argument", body)]
    if verb == b".":
        return [Piece("verb" if body == b"." else "data", body)]
    if not first:
        return [Piece("data", body)]
    cut, rest = [], body
    if row.get("tag") and (tag := row["tag"].encode()) == rest[: len(tag)]:
        cut, rest = [Piece("tag", tag), *_blank(rest[len(tag) :])], rest[len(tag) :].lstrip(b" ")
    if not verb or rest[: len(verb)].upper() != verb:
        return [*cut, Piece("", rest)]
    return [*cut, Piece("verb", rest[: len(verb)]), *_blank(rest[len(verb) :]),
            Piece("argument", rest[len(verb) :].lstrip(b" "))]  # fmt: skip


def _reply(body: bytes, row: Row, first: bool) -> list[Piece]:
    status, tag = (row.get("status") or "").encode(), (row.get("tag") or "").encode()
    if row["protocol"] == "pop3" and not first:
        return [Piece("data", body)]
    if tag and body.startswith(tag + b" " + status):
        return [Piece("tag", tag), Piece("", b" "), *_status(body[len(tag) + 1 :], status)]
    if row["protocol"] == "imap":
        if body[:2] not in (b"* ", b"+ "):
            return [Piece("data", body)]
        greeting = row.get("verb") is None and body[2:].startswith(status)
        rest = _status(body[2:], status) if greeting else [Piece("text", body[2:])]
        return [Piece("tag", body[:1]), Piece("", b" "), *rest]
    return _status(body, status)


def _status(body: bytes, status: bytes) -> list[Piece]:
    if not status or not body.startswith(status):
        return [Piece("text", body)]
    after = body[len(status) :]
    return [Piece("code", status), Piece("", after[:1]), Piece("text", after[1:])]


def _blank(rest: bytes) -> list[Piece]:
    return [Piece("", rest[: len(rest) - len(rest.lstrip(b" "))])]


def _marked(lines: list[Row], rows: dict[int, Row]) -> Iterator[_Line]:
    met: set[tuple[int, str]] = set()
    begun: set[int] = set()
    for line in lines:
        number, sender = line["exchange"], line["sender"]
        first = (number, sender) not in met
        met.add((number, sender))
        yield _Line(
            line["offset"], sender, number, pieces(line, rows.get(number), first=first), number not in begun
        )
        begun.add(number)


def _folded(lines: Iterator[_Line]) -> Iterator[_Line]:
    """Long runs of data, shortened."""
    for (is_data, _, _), group in groupby(
        lines, key=lambda line: (_is_data(line), line.exchange, line.sender)
    ):
        run = list(group)
        if not is_data or len(run) <= _FOLD:
            yield from run
            continue
        hidden = run[_HEAD:-_TAIL]
        octets = sum(len(piece.data) for line in hidden for piece in line.pieces)
        words = f"… {plural(len(hidden), 'line')} of data, {plural(octets, 'octet')}"
        yield from run[:_HEAD]
        yield _Line(hidden[0].offset, hidden[0].sender, hidden[0].exchange, (), False, words)
        yield from run[-_TAIL:]


def _is_data(line: _Line) -> bool:
    return all(piece.kind in ("data", "ending") for piece in line.pieces)


def _words(piece: Piece) -> str:
    return visible(piece.data.decode("utf-8", "backslashreplace"))


def _html(lines: list[_Line], note: str, alt: str) -> Markup:
    head = el("tr", *(el("th", word, scope="col") for word in ("exchange", "offset", "from", "octets")))
    body = join(_html_row(line) for line in lines)
    legend = join([*(el("span", kind, class_=f"lk-b-{kind}") if i % 2 else Markup(" ")
                     for pair in enumerate(LETTERS) for i, kind in ((0, ""), (1, pair[1]))),
                   Markup(" "), el("span", "CRLF", class_="lk-b-ending"), " ends a line"])  # fmt: skip
    return el(
        "div",
        el("div", el("table", el("thead", head), el("tbody", body), aria_label=alt), class_="lk-wire"),
        el("p", note, class_="lk-legend") if note else None,
        el("p", "Marks: ", legend, class_="lk-legend"),
    )


def _html_row(line: _Line) -> Markup:
    who = el("td", "C" if line.sender == "client" else "S", class_=f"lk-{line.sender[0]}", title=line.sender)
    octets = [line.folded] if line.folded else [_html_piece(piece) for piece in line.pieces]
    return el(
        "tr",
        el("td", str(line.exchange) if line.first else "", class_="lk-off"),
        el("td", str(line.offset), class_="lk-off"),
        who,
        el("td", *octets),
        class_="lk-first" if line.first else None,
    )


def _html_piece(piece: Piece) -> Markup:
    if piece.kind == "ending":
        odd = "" if piece.data == b"\r\n" else " lk-odd"
        return el("span", _ENDINGS[piece.data], class_=f"lk-b-ending{odd}")
    words = _words(piece)
    if not piece.kind:
        return join([words])
    return el("span", words, class_=f"lk-b-{piece.kind}", title=piece.kind)


def _write(lines: list[_Line], note: str) -> str:
    out = ["exchange  offset"]
    for line in lines:
        start = f"{line.exchange if line.first else '':>8} {line.offset:>7}  {line.sender[0].upper()}  "
        if line.folded:
            out.append(start + line.folded)
            continue
        words = [(piece.kind, _words(piece)) for piece in line.pieces]
        out.append(start + "".join(word for _, word in words))
        marks = "".join(LETTERS.get(kind, " ") * len(word) for kind, word in words)
        if not _is_data(line) and marks.strip():
            out.append(" " * len(start) + marks.rstrip())
    out.extend([note] if note else [])
    out.append(
        "Marks: " + ", ".join(f"{letter} {kind}" for kind, letter in LETTERS.items()) + r"; \r\n ends a line"
    )
    return "\n".join(out)
