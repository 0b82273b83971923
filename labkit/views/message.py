"""One message, taken apart: its lines, fields, parts and segments, its way, and what it breaks.

Each function takes octets as they were received, or text as it was pasted, whose line ends become CRLF.
What is too long for a table's cell is a picture.  Nothing is sent anywhere, and nothing of the message is
believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill, indent
from typing import TYPE_CHECKING, Any

from labkit.message.catalogue import FIELDS
from labkit.message.fields import decode_words, unfold
from labkit.message.linting import Violation, lint
from labkit.message.mime import Part, parse
from labkit.message.trace import Received, parse_received
from labkit.views.markup import el
from labkit.views.picture import Picture
from labkit.views.words import plural, short, visible

if TYPE_CHECKING:
    import pandas as pd

GROUPS = {
    "RFC 5322 3.6.1": "date of origin",
    "RFC 5322 3.6.2": "originators",
    "RFC 5322 3.6.3": "destinations",
    "RFC 5322 3.6.4": "identification",
    "RFC 5322 3.6.5": "for information",
    "RFC 5322 3.6.6": "resent",
    "RFC 5321 4.4": "trace",
}
"""The groups of RFC 5322 3.6, by section; what is not here belongs to MIME or to an extension."""
HERE = "where it was written"
WIDTH = 72


def octets_of(message: str | bytes) -> bytes:
    """The octets of a message; of pasted text those that were probably sent."""
    if isinstance(message, bytes):
        return message
    return "\r\n".join(message.lstrip("\n").splitlines()).encode() + b"\r\n"


def lines(message: str | bytes, *, limit: int = 200) -> Picture:
    """Every line with its offset, what it is, and how it ends."""
    data = octets_of(message)
    rows = list(_lines(parse(data), limit))
    wide = max((len(what) for _, what, _ in rows), default=0)
    digits = len(str(len(data)))
    shown = [f"{at:>{digits}}  {what:<{wide}}  {words}".rstrip() for at, what, words in rows]
    rest = data.count(b"\n", rows[-1][0]) - 1 if len(rows) == limit else 0
    if rest > 0:
        shown.append(f"… {plural(rest, 'more line')}")
    return _picture(shown, f"A message of {plural(len(data), 'octet')}, line by line")


def _lines(root: Part, limit: int) -> Iterator[tuple[int, str, str]]:
    data, told = root.data, 0
    every = {part.path: part for part in root.walk()}
    for segment in root.segments():
        part = every[segment.path]
        place = "" if part is root else f"{segment.path} "
        names = {field.offset: field.name for field in part.fields}
        at = segment.start
        while at < segment.end and told < limit:
            behind = data.find(b"\n", at, segment.end) + 1 or segment.end
            line = data[at:behind]
            what = segment.kind
            if segment.kind == "header":
                what = names.get(at, "(empty line)" if not line.strip(b"\r\n") else "(folded)")
            yield at, place + what, _written(line)
            at, told = behind, told + 1


def _written(line: bytes) -> str:
    """The line as Python writes it, its end included."""
    text = line.rstrip(b"\r\n") if line.endswith(b"\n") else line
    words = short(visible(text.decode("utf-8", "backslashreplace").expandtabs(4)), WIDTH)
    return words + visible(line[len(text) :].decode())


def catalogue() -> pd.DataFrame:
    """Every field that RFC 5322 and MIME define: its group, and how often it may stand."""
    rows = [
        {
            "field": known.name,
            "group": GROUPS.get(known.rule, "MIME and later"),
            "how often": _often(known.needed, known.most),
            "rule": known.rule,
        }
        for known in FIELDS.values()
    ]
    return _frame(rows, ["field", "group", "how often", "rule"])


def _often(needed: bool, most: int | None) -> str:
    if needed:
        return "exactly once"
    return "any number" if most is None else "at most once"


def fields(message: str | bytes) -> pd.DataFrame:
    """The header, field by field, with its offsets; values unfolded and decoded."""
    rows = [
        {
            "start": field.offset,
            "end": field.end,
            "field": field.name,
            "value": visible(decode_words(field.value).replace("\t", " ")),
        }
        for field in parse(octets_of(message)).fields
    ]
    return _frame(rows, ["start", "end", "field", "value"])


def parts(message: str | bytes) -> pd.DataFrame:
    """The tree of parts: the header of each is start to body, its body is body to end."""
    rows = [
        {
            "part": part.path,
            "type": part.content_type,
            "encoding": part.encoding,
            "file": visible(part.filename or ""),
            "start": part.offset,
            "body": part.header_end,
            "end": part.end,
        }
        for part in parse(octets_of(message)).walk()
    ]
    return _frame(rows, ["part", "type", "encoding", "file", "start", "body", "end"])


def segments(message: str | bytes) -> pd.DataFrame:
    """What every octet belongs to, from the first to the last, without a gap."""
    data = octets_of(message)
    rows = [
        {
            "start": found.start,
            "end": found.end,
            "part": found.path,
            "what": found.kind,
            "octets": _excerpt(data[found.start : found.end]),
        }
        for found in parse(data).segments()
    ]
    return _frame(rows, ["start", "end", "part", "what", "octets"])


def _excerpt(octets: bytes) -> str:
    return short(visible(octets[:60].decode("utf-8", "backslashreplace")), 40)


def hops(message: str | bytes) -> pd.DataFrame:
    """The way, the first host first: who took the message from whom, when, how long after the one before."""
    before = None
    rows: list[dict[str, Any]] = []
    for number, hop in enumerate(reversed(list(_received(parse(octets_of(message))))), 1):
        delay = (hop.time - before).total_seconds() if hop.time and before else None
        rows.append(
            {
                "hop": number,
                "from": visible(hop.from_name or hop.from_address or "?"),
                "by": visible(hop.by or "?"),
                "with": visible(hop.with_ or ""),
                "time": f"{hop.time:%Y-%m-%d %H:%M:%S}" if hop.time else "?",
                "delay_s": delay,
            }
        )
        before = hop.time or before
    return _frame(rows, ["hop", "from", "by", "with", "time", "delay_s"])


def _received(root: Part) -> Iterator[Received]:
    return (parse_received(field.value) for field in root.fields if field.name.lower() == "received")


def added(message: str | bytes) -> Picture:
    """Who put which fields there, the last one first, as far as their order tells.

    A host puts its Received on top, and what else it adds above that.  A field of results
    names its host itself (RFC 8601 2.5).
    """
    layers: list[tuple[str, list[str]]] = []
    waiting: list[str] = []
    for field in parse(octets_of(message)).fields:
        if field.name.lower().endswith("authentication-results"):
            host = unfold(field.value).partition(b";")[0].split()[:1]
            layers.append((host[0].decode("utf-8", "backslashreplace") if host else "?", [field.name]))
            continue
        waiting.append(field.name)
        if field.name.lower() == "received":
            layers.append((parse_received(field.value).by or "?", waiting))
            waiting = []
    layers.append((HERE, waiting))
    told = [
        f"{host}\n{indent(fill(', '.join(names) or 'nothing', WIDTH, break_on_hyphens=False), '    ')}"
        for host, names in layers
    ]
    return _picture(told, f"The fields of {plural(len(layers), 'host')}, the last one first")


def complaints(message: str | bytes) -> Picture:
    """What the message breaks, each with its line and a caret."""
    data = octets_of(message)
    found = lint(data)
    told = [complaint(data, each) for each in found] or ["Nothing: no error, no warning."]
    return _picture(told, plural(len(found), "violation"))


def complaint(data: bytes, found: Violation, file: str = "") -> str:
    """One violation: `file:line:column: error: sentence (rule)`, the line, and a caret below the octet."""
    start = data.rfind(b"\n", 0, found.offset) + 1
    end = data.find(b"\n", found.offset) + 1 or len(data)
    line, column = data.count(b"\n", 0, start) + 1, found.offset - start
    first = max(0, column - WIDTH // 2)
    before = _shown(data[start + first : start + column])
    after = _shown(data[start + column : min(end, start + first + WIDTH)])
    where = f"{file}:{line}:{column + 1}" if file else f"line {line}, column {column + 1}"
    caret = " " * len(before) + "^"
    return f"{where}: {found.severity}: {found.sentence} ({found.rule})\n    {before}{after}\n    {caret}"


def _shown(octets: bytes) -> str:
    text = octets.decode("utf-8", "backslashreplace").removesuffix("\r\n")
    return visible(text)


def _picture(told: list[str], alt: str) -> Picture:
    """Lines under each other, letter below letter wherever they are shown."""
    text = "\n".join(told)
    style = (
        "font-family:var(--jp-code-font-family,monospace);white-space:pre;overflow-x:auto;line-height:1.35"
    )
    return Picture(text, alt, html=el("pre", text, style=style))


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    from labkit.tables.frame import mail_frame

    return mail_frame(pd.DataFrame(rows, columns=columns))
