"""The columns of the table `exchanges`, made of all rows at once.

Times and numbers are arrays, texts stay octets until somebody looks at them: a large capture has
more rows than anybody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from labkit.dissect.exchange import OUTCOMES, PROTOCOLS, STEPS
from labkit.dissect.row import Row
from labkit.tables.dissected import Talk, column
from labkit.tables.exchanges import masked, outcome, outcome_of, without_echoes
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
        counts = [len(talk.rows) for talk in talks]
        flow = np.repeat(np.arange(len(talks)), counts)
        times = np.concatenate([Times.of(talk.moments).columns for talk in talks], axis=1)
        spans = _spans(talks, flow)
        pipelined = _pipelined(talks, flow, spans, times)
        time = np.where(times[0] == ABSENT, times[2], times[0])
        numbers = np.array([talk.number for talk in talks], np.int64)[flow]
        number = np.array(column(talks, "number"), np.int64)
        order = np.lexsort((number, numbers, time))
        self._order: list[int] = order.tolist()
        self._pick = itemgetter(*self._order) if len(order) > 1 else tuple
        self._first = np.cumsum([0, *counts])
        self.number: Ints = number[order]
        self.flow: Ints = flow[order]
        self.time: Ints = time[order]
        self.connection: Ints = numbers[order]
        self.times: Ints = times[:, order]
        self.spans: Ints = spans[:, order]
        self.pipelined: Ints = pipelined[order]

    def __len__(self) -> int:
        return len(self._order)

    def field(self, name: str) -> Sequence[Any]:
        """A field of the rows."""
        found: Sequence[Any] = self._pick(column(self.talks, name))
        return found

    def row(self, index: int) -> tuple[Talk, Row]:
        """One row, with its talk."""
        flow = self.flow[index]
        return self.talks[flow], self.talks[flow].rows[self._order[index] - int(self._first[flow])]

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

    def numbers(self, values: Sequence[int | None]) -> Numbers:
        import numpy as np

        data = np.array([NO_NUMBER if value is None else value for value in values], np.int64)
        return Numbers(data, data == NO_NUMBER)

    def all_there(self, values: Ints) -> Numbers:
        import numpy as np

        return Numbers(values, np.zeros(len(values), np.bool_))

    def octets(self, begin: int) -> Numbers:
        """How long a span is: of the command (0) or of the reply (2)."""
        import numpy as np

        start, end = self.spans[begin], self.spans[begin + 1]
        return self.all_there(np.where(start < 0, 0, end - start))

    def codes(self, statuses: Sequence[bytes | None]) -> Numbers:
        """SMTP's reply codes."""
        import numpy as np

        known = {
            status: int(status) if status and status.isdigit() else NO_NUMBER for status in set(statuses)
        }
        data = np.array([known[status] for status in statuses], np.int64)
        smtp = np.array([talk.protocol == "smtp" for talk in self.talks], np.bool_)[self.flow]
        return Numbers(data, ~smtp | (data == NO_NUMBER))

    def arguments(self, verbs: Sequence[str | None], secrets: bool) -> Texts:
        """The arguments, without what is hidden in them unless secrets are asked for."""
        found, hidden = list(self.field("argument")), () if secrets else self.field("secrets")
        for index in [index for index, spans in enumerate(hidden) if spans]:
            talk = self.talks[self.flow[index]]
            found[index] = masked(talk, found[index], hidden[index], verbs[index])
        return Texts(found)

    def texts(self, secrets: bool) -> Texts:
        """The texts, without the secrets that a server repeats."""
        found, hidden = list(self.field("text")), () if secrets else self.field("echoes")
        for index in [index for index, spans in enumerate(hidden) if spans]:
            found[index] = without_echoes(self.talks[self.flow[index]], found[index], hidden[index])
        return Texts(found)


def columns(talks: Sequence[Talk], capture: str, secrets: bool) -> dict[str, list[Any] | Values]:
    """All columns, in the schema's order."""
    import numpy as np

    found = Columns(talks)
    status, code, verbs = found.field("status"), found.field("response_code"), found.field("verb")
    flags = np.array(found.field("encrypted"), np.bool_)
    return {
        "capture": Same(capture, len(found)),
        "connection": found.all_there(found.connection),
        "exchange": found.all_there(found.number),
        "protocol": found.per_flow(lambda talk: talk.protocol, PROTOCOLS),
        "step": found.per_flow(lambda talk: talk.step, STEPS),
        "time": found.all_there(found.time),
        "sent_at": found.when(1),
        "first_reply_at": found.when(2),
        "replied_at": found.when(3),
        "latency_s": found.latency(),
        "state": [state or None for state in found.field("state")],
        "tag": Texts(list(found.field("tag"))),
        "verb": list(verbs),
        "argument": found.arguments(verbs, secrets),
        "status": Texts(list(status)),
        "outcome": found.chosen(_outcomes(found, status, code), OUTCOMES),
        "code": found.codes(status),
        "enhanced": Texts(list(found.field("enhanced"))),
        "response_code": Texts(list(code)),
        "text": found.texts(secrets),
        "reply_lines": Numbers(np.array(found.field("reply_lines"), np.int64), found.spans[2] < 0),
        "untagged": found.numbers(found.field("untagged")),
        "octets_sent": found.octets(0),
        "octets_received": found.octets(2),
        "mailbox": Texts(list(found.field("mailbox"))),
        "pipelined": Numbers(found.pipelined == 1, found.pipelined == -1),
        "encrypted": Numbers(flags, np.zeros_like(flags)),
        "flaw": [flaws[0].name if flaws else None for flaws in found.field("flaws")],
        "frame": found.when(4),
        "reply_frame": found.when(5),
    }


def _spans(talks: Sequence[Talk], flow: Ints) -> Ints:
    """Begin and end of each command, begin and end of each reply; -1 where there is none."""
    import numpy as np

    names = "start", "end", "reply_start", "reply_end"
    spans = np.array([column(talks, name) for name in names], np.int64)
    for number, talk in enumerate(talks):
        if talk.protocol == "dns":  # offsets are numbers of datagrams
            for index in np.flatnonzero(flow == number).tolist():
                for begin in (0, 2):
                    if spans[begin, index] >= 0:
                        size = len(talk.flow.datagrams[spans[begin, index]].data)
                        spans[begin : begin + 2, index] = 0, size
    return spans


def _pipelined(talks: Sequence[Talk], flow: Ints, spans: Ints, times: Ints) -> Ints:
    """Whether each command was sent before the reply to the one before it was there: 0, 1 or -1 (NA)."""
    import numpy as np

    dns = np.array([talk.protocol == "dns" for talk in talks], np.bool_)[flow]
    command = np.array([verb is not None for verb in column(talks, "verb")], np.bool_)
    command &= (spans[0] >= 0) & ~dns
    first = np.r_[True, flow[1:] != flow[:-1]]
    replied, start = np.r_[ABSENT, times[3, :-1]], times[0]
    known = command & (first | ((replied != ABSENT) & (start != ABSENT)))
    return np.where(known, ~first & (start < replied), -1).astype(np.int64)


def _outcomes(
    rows: Columns, statuses: Sequence[bytes | None], codes: Sequence[bytes | None]
) -> list[str | None]:
    """The outcome of each row: that of its status, but without one, or with a code, it is looked at."""
    known: dict[bytes | None, str] = {
        status: outcome_of(status, None) for status in set(statuses) if status is not None
    }
    found = [known.get(status) for status in statuses]
    for index in [index for index, code in enumerate(codes) if code is not None]:
        found[index] = outcome_of(statuses[index] or b"", codes[index])
    for index in [index for index, status in enumerate(statuses) if status is None]:
        found[index] = outcome(rows.row(index)[1])
    return found
