"""A protocol's table of states itself: which verb may come when, and where it leads.

`matrix` shows it as a learner reads it, a row for each verb and a column for each state;
`transitions` is the same as a DataFrame, a row for each entry.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from labkit import standards
from labkit.states.machine import Machine, Status
from labkit.views.markup import Markup, el
from labkit.views.picture import Picture
from labkit.views.states import SUCCESS, path_of, state_name
from labkit.views.words import protocol_name

if TYPE_CHECKING:
    import pandas as pd

STAYS, NOT_HERE = "stays", "·"


def matrix(
    machine: Machine[Any],
    source: Any = (),
    *,
    connection: int | None = None,
    current: Enum | str | None = None,
) -> Picture:
    """Verbs by states: where each verb leads when it is answered with yes, and when it may not come.

    `source` and `connection` are as for `diagram`: the state that the connection is in now is marked.
    """
    moves = path_of(machine, source, connection)
    now = state_name(current) if current is not None else moves[-1].target if moves else None
    states = [state for state in machine.table if machine.legal(state)]
    verbs = list(dict.fromkeys(verb for state in states for verb in machine.legal(state)))
    cells = [[_cell(machine, state, verb) for state in states] for verb in verbs]
    heads = [state_name(state) for state in states]
    title = f"{protocol_name(machine.protocol)}: which command may come in which state"
    where = f" The connection is now in state {now}." if now else ""
    alt = f"Table. {title}, and the state it leads to.{where}"
    return Picture(
        _write(title, heads, verbs, cells, now),
        alt,
        html=_html(title, machine.protocol, heads, verbs, cells, now),
        parts=("matrix",),
    )


def transitions(machine: Machine[Any]) -> pd.DataFrame:
    """Every entry of the table: state, verb, status, next state, and what the verb is for."""
    import pandas as pd

    from labkit.tables.frame import mail_frame

    rows = []
    for state, verb, status, after in machine.edges():
        about = standards.command(machine.protocol, verb)
        rows.append(
            {
                "state": state_name(state),
                "verb": verb,
                "status": _status(machine, status),
                "next": state_name(after),
                "gist": about.gist if about else "",
                "rfc": about.rfc if about else "",
            }
        )
    columns = ["state", "verb", "status", "next", "gist", "rfc"]
    return mail_frame(pd.DataFrame(rows, columns=columns))


def _cell(machine: Machine[Any], state: Enum, verb: str) -> str:
    """Where the verb leads from here; a refusal is told only where it leads elsewhere."""
    entries = {status: after for (name, status), after in machine.table[state].items() if name == verb}
    if not entries:
        return NOT_HERE
    good = [after for status, after in entries.items() if status in SUCCESS]
    others = {after: status for status, after in entries.items() if after is not state and after not in good}
    words = [STAYS if after is state else f"→ {state_name(after)}" for after in dict.fromkeys(good)]
    words += [f"→ {state_name(after)} ({_status(machine, status)})" for after, status in others.items()]
    return ", ".join(words) or STAYS


def _status(machine: Machine[Any], status: Status) -> str:
    return f"{status}xx" if machine.protocol == "smtp" else str(status)


def _html(
    title: str, protocol: str, heads: list[str], verbs: list[str], cells: list[list[str]], now: str | None
) -> Markup:
    def head(name: str) -> Markup:
        words = f"▶ {name} (now)" if name == now else name
        return el("th", words, scope="col", class_="lk-now-cell" if name == now else None)

    def cell(words: str, name: str) -> Markup:
        kind = {STAYS: "lk-stays", NOT_HERE: "lk-not"}.get(words, "lk-leads")
        said = el("td", words, class_=f"{kind} lk-now-cell" if name == now else kind,
                  title="not permitted here" if words == NOT_HERE else None)  # fmt: skip
        return said

    def verb_head(verb: str) -> Markup:
        about = standards.command(protocol, verb)
        return el("th", verb, scope="row", title=f"{about.gist} ({about.rfc})" if about else None)

    rows = [
        el("tr", verb_head(verb), *(cell(words, name) for words, name in zip(row, heads, strict=True)))
        for verb, row in zip(verbs, cells, strict=True)
    ]
    table = el(
        "table",
        el("caption", title),
        el("thead", el("tr", el("th", "command", scope="col"), *map(head, heads))),
        el("tbody", *rows),
    )
    return el(
        "div",
        table,
        el("p", f"{NOT_HERE} not permitted in this state", class_="lk-legend"),
        class_="lk-matrix",
    )


def _write(title: str, heads: list[str], verbs: list[str], cells: list[list[str]], now: str | None) -> str:
    marked = [f"> {name}" if name == now else name for name in heads]
    grid = [["command", *marked], *([verb, *row] for verb, row in zip(verbs, cells, strict=True))]
    widths = [max(len(row[i]) for row in grid) for i in range(len(grid[0]))]
    lines = [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in grid
    ]
    return "\n".join([title, "", *lines, f"{NOT_HERE} not permitted in this state"])
