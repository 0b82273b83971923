"""A capture as one page of its own: its figures, the journey, and every connection told in full.

The page needs no server, script or network; connections are folded, and a large capture is
shown as far as `limit` connections go.  Whoever wants every octet of all of them says `whole`.
"""

from __future__ import annotations

import sys
from typing import Any

from labkit.views.bytes import annotate
from labkit.views.ends import ends_of
from labkit.views.journey import journey, port_words, protocol_words
from labkit.views.ladder import ladder
from labkit.views.markup import Markup, el, join
from labkit.views.picture import Picture
from labkit.views.rows import Row, tables_of
from labkit.views.summary import summary
from labkit.views.words import plural

LIMIT = 400  # exchanges and lines of a connection, when not all are wanted


def report(
    source: Any, *, title: str = "A capture", limit: int = 50, plots: bool = True, whole: bool = False
) -> Picture:
    """Summary, journey, and for each of the first `limit` connections its ladder and its octets.

    `whole` leaves out no connection, no exchange and no octet.  `report(capture).save("capture.html")`
    writes the page, as `capture.to_html("capture.html")` does, whole.
    """
    connections, lookups = tables_of(source, "connections", "lookups")
    ends = [row for _, row in sorted(ends_of(connections, lookups).items()) if row["protocol"] != "dns"]
    overview, way = summary(source, title=title, plots=plots), journey(source)
    limit = len(ends) if whole else limit
    rest = len(ends) - limit
    note = f"{plural(rest, 'more connection')} not shown" if rest > 0 else ""
    body = el(
        "div",
        _whole(overview),
        el("h3", "The way of the mail"),
        _whole(way),
        el("h3", "Connections"),
        *(_connection(source, row, whole) for row in ends[:limit]),
        el("p", note, class_="lk-legend") if note else None,
        class_="lk-sum",
    )
    text = "\n\n".join(filter(None, [str(overview), str(way), note]))
    return Picture(text, overview.alt, html=body, parts=("summary", "fold"), title=title)


def _connection(source: Any, row: Row, whole: bool) -> Markup:
    number, limit = row["connection"], sys.maxsize if whole else LIMIT
    words = (
        f"{number}: {protocol_words(row)}, {row['client_name']} to {row['server_name']}, {port_words(row)}"
    )
    return el(
        "details",
        el("summary", words),
        _whole(ladder(source, connection=number, limit=limit)),
        _whole(annotate(source, connection=number, limit=limit, fold=not whole)),
    )


def _whole(picture: Picture) -> Markup:
    return join([Markup(picture._repr_html_())])
