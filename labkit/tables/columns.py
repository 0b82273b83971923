"""The columns of the table `exchanges`, made of all rows at once.

Times and numbers are arrays, texts stay octets until somebody looks at them: a large capture has
more rows than anybody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from labkit.dissect.exchange import OUTCOMES, PROTOCOLS, STEPS
from labkit.dissect.row import Row
from labkit.tables.dissected import Talk
from labkit.tables.exchanges import masked, outcome, without_echoes
from labkit.tables.moments import ABSENT, Times
from labkit.tables.values import Choices, Numbers, Same, Texts, Values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

NO_NUMBER = -1


class Columns:
    """The rows of some flows, by time, connection and exchange, each with its flow and its moments."""

    def __init__(self, talks: Sequence[Talk]) -> None:
        import numpy as np

        self.talks = talks
        rows = [row for talk in talks for row in talk.rows]
        flow = np.repeat(np.arange(len(talks)), [len(talk.rows) for talk in talks])
        times = np.concatenate([Times.of(talk.moments).columns for talk in talks], axis=1)
        spans = _spans(talks, rows, flow)
        pipelined = _pipelined(talks, rows, flow, spans, times)
        time = np.where(times[0] == ABSENT, times[2], times[0])
        numbers = np.array([talk.number for talk in talks], np.int64)[flow]
        order = np.lexsort((np.array([row.number for row in rows], np.int64), numbers, time))
        self.rows: list[Row] = [rows[index] for index in order.tolist()]
        self.flow: Ints = flow[order]
        self.time: Ints = time[order]
        self.connection: Ints = numbers[order]
        self.times: Ints = times[:, order]
        self.spans: Ints = spans[:, order]
        self.pipelined: Ints = pipelined[order]

    def per_flow(self, choose: Callable[[Talk], str | None], choices: tuple[str, ...]) -> Choices:
        """A choice that is the same in all rows of a flow."""
        return self.chosen([choose(talk) for talk in self.talks], choices, self.flow)

    def chosen(self, values: list[str | None], choices: tuple[str, ...], of: Ints | None = None) -> Choices:
        import numpy as np

        places: dict[str | None, int] = {choice: place for place, choice in enumerate(choices)}
        codes = np.array([places.get(value, -1) for value in values], np.int8)
        return Choices(codes if of is None else codes[of], choices)

    def when(self, place: int) -> Numbers:
        """A field of Moments."""
        return Numbers(self.times[place], self.times[place] == ABSENT)

    def latency(self) -> Numbers:
        sent, replied = self.times[1], self.times[3]
        return Numbers((replied - sent) / 1e6, (sent == ABSENT) | (replied == ABSENT))

    def numbers(self, values: list[int | None]) -> Numbers:
        import numpy as np

        data = np.array([NO_NUMBER if value is None else value for value in values], np.int64)
        return Numbers(data, data == NO_NUMBER)

    def all_there(self, values: Ints) -> Numbers:
        import numpy as np

        return Numbers(values, np.zeros(len(values), np.bool_))

    def reply_lines(self) -> Numbers:
        import numpy as np

        return Numbers(np.array([row.reply_lines for row in self.rows], np.int64), self.spans[2] < 0)

    def octets(self, begin: int) -> Numbers:
        """How long a span is: of the command (0) or of the reply (2)."""
        import numpy as np

        start, end = self.spans[begin], self.spans[begin + 1]
        return self.all_there(np.where(start < 0, 0, end - start))

    def codes(self) -> Numbers:
        """SMTP's reply codes."""
        smtp = [talk.protocol == "smtp" for talk in self.talks]
        known: dict[bytes | None, int | None] = {None: None}
        found: list[int | None] = []
        for row, flow in zip(self.rows, self.flow.tolist(), strict=True):
            status = row.status if smtp[flow] else None
            if status not in known:
                known[status] = int(status) if status and status.isdigit() else None
            found.append(known[status])
        return self.numbers(found)

    def masked(
        self, text: Callable[[Row], bytes | None], hidden: Callable[[Row], Any], mask: Any, secrets: bool
    ) -> Texts:
        """A text, without what `hidden` says is secret unless secrets are asked for."""
        found = [text(row) for row in self.rows]
        if not secrets:
            for index, row in enumerate(self.rows):
                if hidden(row):
                    found[index] = mask(self.talks[self.flow[index]], row)
        return Texts(found)


def columns(talks: Sequence[Talk], capture: str, secrets: bool) -> dict[str, list[Any] | Values]:
    """All columns, in the schema's order."""
    import numpy as np

    found = Columns(talks)
    rows = found.rows
    flags = np.array([row.encrypted for row in rows], np.bool_)
    return {
        "capture": Same(capture, len(rows)),
        "connection": found.all_there(found.connection),
        "exchange": found.all_there(np.array([row.number for row in rows], np.int64)),
        "protocol": found.per_flow(lambda talk: talk.protocol, PROTOCOLS),
        "step": found.per_flow(lambda talk: talk.step, STEPS),
        "time": found.all_there(found.time),
        "sent_at": found.when(1),
        "first_reply_at": found.when(2),
        "replied_at": found.when(3),
        "latency_s": found.latency(),
        "state": [row.state or None for row in rows],
        "tag": Texts([row.tag for row in rows]),
        "verb": [row.verb for row in rows],
        "argument": found.masked(lambda row: row.argument, lambda row: row.secrets, masked, secrets),
        "status": Texts([row.status for row in rows]),
        "outcome": found.chosen(_outcomes(rows), OUTCOMES),
        "code": found.codes(),
        "enhanced": Texts([row.enhanced for row in rows]),
        "response_code": Texts([row.response_code for row in rows]),
        "text": found.masked(lambda row: row.text, lambda row: row.echoes, without_echoes, secrets),
        "reply_lines": found.reply_lines(),
        "untagged": found.numbers([row.untagged for row in rows]),
        "octets_sent": found.octets(0),
        "octets_received": found.octets(2),
        "mailbox": Texts([row.mailbox for row in rows]),
        "pipelined": Numbers(found.pipelined == 1, found.pipelined == -1),
        "encrypted": Numbers(flags, np.zeros_like(flags)),
        "flaw": [row.flaws[0].name if row.flaws else None for row in rows],
        "frame": found.when(4),
        "reply_frame": found.when(5),
    }


def _spans(talks: Sequence[Talk], rows: list[Row], flow: Ints) -> Ints:
    """Begin and end of each command, begin and end of each reply; -1 where there is none."""
    import numpy as np

    spans = np.array(
        [
            [row.start for row in rows],
            [row.end for row in rows],
            [row.reply_start for row in rows],
            [row.reply_end for row in rows],
        ],
        np.int64,
    )
    for number, talk in enumerate(talks):
        if talk.protocol == "dns":  # offsets are numbers of datagrams
            for index in np.flatnonzero(flow == number).tolist():
                for begin in (0, 2):
                    if spans[begin, index] >= 0:
                        size = len(talk.flow.datagrams[spans[begin, index]].data)
                        spans[begin : begin + 2, index] = 0, size
    return spans


def _pipelined(talks: Sequence[Talk], rows: list[Row], flow: Ints, spans: Ints, times: Ints) -> Ints:
    """Whether each command was sent before the reply to the one before it was there: 0, 1 or -1 (NA)."""
    import numpy as np

    dns = np.array([talk.protocol == "dns" for talk in talks], np.bool_)[flow]
    command = np.array([row.verb is not None for row in rows], np.bool_) & (spans[0] >= 0) & ~dns
    first = np.r_[True, flow[1:] != flow[:-1]]
    replied, start = np.r_[ABSENT, times[3, :-1]], times[0]
    known = command & (first | ((replied != ABSENT) & (start != ABSENT)))
    return np.where(known, ~first & (start < replied), -1).astype(np.int64)


def _outcomes(rows: list[Row]) -> list[str | None]:
    """The outcome of each row; the same status and response code have the same, once there is a status."""
    known: dict[tuple[bytes | None, bytes | None], str | None] = {}
    found: list[str | None] = []
    for row in rows:
        key = row.status, row.response_code
        if row.status is None:
            found.append(outcome(row))
            continue
        if key not in known:
            known[key] = outcome(row)
        found.append(known[key])
    return found
