"""The columns of the table `exchanges`, made of all rows at once.

Times and numbers are arrays, texts stay octets until somebody looks at them: a large capture has
more rows than anybody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from labkit.dissect.exchange import OUTCOMES, PROTOCOLS, STEPS
from labkit.dissect.row import Row
from labkit.tables.arrays import packed
from labkit.tables.dissected import Talk, column
from labkit.tables.exchanges import masked, outcome, outcome_of, without_echoes
from labkit.tables.moments import ABSENT, Times
from labkit.tables.values import Choices, Numbers, Same, Texts, Values, Words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

NO_NUMBER = -1
ALIKE = (
    *("state", "tag", "verb", "status", "enhanced", "response_code", "reply_lines", "untagged", "mailbox"),
    *("encrypted", "flaws"),
)
"""Fields in which conversations are much alike: those that say the same in all of them are looked at once."""
LOOK = -2  # in place of an outcome that the status does not tell


class Columns:
    """The rows of some flows, by time, connection and exchange, each with its flow and its moments."""

    def __init__(self, talks: Sequence[Talk]) -> None:
        import numpy as np

        self.talks = talks
        counts = [len(talk.rows) for talk in talks]
        first = np.cumsum([0, *counts])[:-1]
        flow = np.repeat(np.arange(len(talks)), counts)
        times = np.concatenate([Times.of(talk.moments).columns for talk in talks], axis=1)
        spans = _spans(talks, flow)
        numbers = np.array([talk.number for talk in talks], np.int64)[flow]
        number = packed(column(talks, "number"))
        time = np.where(times[0] == ABSENT, times[2], times[0])
        order = np.lexsort((number, numbers, time))
        self._models, like = _models(talks)
        begins = np.cumsum([0, *(len(talk.rows) for talk in self._models)])
        model = np.arange(len(flow)) + (begins[like] - first)[flow]
        is_command = np.array([verb is not None for verb in column(self._models, "verb")], np.bool_)
        pipelined = _pipelined(talks, flow, spans, times, is_command[model])
        self._order, self._first, self._model = order, first, model[order]
        self.number: Ints = number[order]
        self.flow: Ints = flow[order]
        self.time: Ints = time[order]
        self.connection: Ints = numbers[order]
        self.times: Ints = times[:, order]
        self.spans: Ints = spans[:, order]
        self.pipelined: Ints = pipelined[order]

    def __len__(self) -> int:
        return len(self._order)

    def alike(self, name: str, number: Callable[[Any], int]) -> Ints:
        """The `number` for a field, which is one of ALIKE."""
        found: Ints = packed(list(map(number, column(self._models, name))))[self._model]
        return found

    def words(self, name: str, word: Callable[[Any], Any] | None = None) -> Words:
        """A field with text, or the `word` for it; one of ALIKE."""
        import numpy as np

        places: dict[Any, int] = {None: -1}
        found = column(self._models, name)
        words = found if word is None else map(word, found)
        codes = packed([places.setdefault(each, len(places) - 1) for each in words])
        return Words(codes.astype(np.int32)[self._model], list(places)[1:])

    def per_flow(self, choose: Callable[[Talk], str | None], choices: tuple[str, ...]) -> Choices:
        """A choice that is the same in all rows of a flow."""
        import numpy as np

        places: dict[str | None, int] = {choice: place for place, choice in enumerate(choices)}
        codes = np.array([places.get(choose(talk), -1) for talk in self.talks], np.int8)
        return Choices(codes[self.flow], choices)

    def outcomes(self) -> Choices:
        """The outcome of each row: that of its status; a row without one is looked at."""
        import numpy as np

        known = zip(column(self._models, "status"), column(self._models, "response_code"), strict=True)
        places = packed(
            [LOOK if status is None else OUTCOMES.index(outcome_of(status, code)) for status, code in known]
        )[self._model]
        for index in np.flatnonzero(places == LOOK).tolist():
            found = outcome(self._row(index))
            places[index] = -1 if found is None else OUTCOMES.index(found)
        return Choices(places.astype(np.int8), OUTCOMES)

    def _row(self, index: int) -> Row:
        flow = int(self.flow[index])
        return self.talks[flow].rows[int(self._order[index] - self._first[flow])]

    def when(self, place: int) -> Numbers:
        """A field of Moments."""
        return Numbers(self.times[place], self.times[place] == ABSENT)

    def latency(self) -> Numbers:
        sent, replied = self.times[1], self.times[3]
        return Numbers((replied - sent) / 1e6, (sent == ABSENT) | (replied == ABSENT))

    def numbers(self, name: str) -> Numbers:
        """A field that is a number, or None; one of ALIKE."""
        found = self.alike(name, lambda value: NO_NUMBER if value is None else value)
        return Numbers(found, found == NO_NUMBER)

    def all_there(self, values: NDArray[Any]) -> Numbers:
        import numpy as np

        return Numbers(values, np.zeros(len(values), np.bool_))

    def octets(self, begin: int) -> Numbers:
        """How long a span is: of the command (0) or of the reply (2)."""
        import numpy as np

        start, end = self.spans[begin], self.spans[begin + 1]
        return self.all_there(np.where(start < 0, 0, end - start))

    def codes(self) -> Numbers:
        """SMTP's reply codes."""
        import numpy as np

        found = self.alike("status", lambda status: int(status) if status and status.isdigit() else NO_NUMBER)
        smtp = np.array([talk.protocol == "smtp" for talk in self.talks], np.bool_)[self.flow]
        return Numbers(found, ~smtp | (found == NO_NUMBER))

    def arguments(self, secrets: bool) -> Texts:
        """The arguments, without what is hidden in them unless secrets are asked for."""
        return self._texts("argument", "secrets", None if secrets else masked)

    def texts(self, secrets: bool) -> Texts:
        """The texts, without the secrets that a server repeats."""
        return self._texts("text", "echoes", None if secrets else without_echoes)

    def _texts(self, name: str, hidden: str, hide: Callable[[Talk, int], bytes | None] | None) -> Texts:
        """A field, but what `hide` makes of it in rows with spans in the field `hidden`."""
        found = column(self.talks, name)
        if hide is not None:
            for first, talk in zip(self._first.tolist(), self.talks, strict=True):
                spans = talk.rows.column(hidden)
                for index in [index for index, its in enumerate(spans) if its] if any(spans) else ():
                    found[first + index] = hide(talk, index)
        return Texts(list(map(found.__getitem__, self._order.tolist())))


def columns(talks: Sequence[Talk], capture: str, secrets: bool) -> dict[str, list[Any] | Values]:
    """All columns, in the schema's order."""
    found = Columns(talks)
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
        "state": found.words("state", lambda state: state or None),
        "tag": found.words("tag"),
        "verb": found.words("verb"),
        "argument": found.arguments(secrets),
        "status": found.words("status"),
        "outcome": found.outcomes(),
        "code": found.codes(),
        "enhanced": found.words("enhanced"),
        "response_code": found.words("response_code"),
        "text": found.texts(secrets),
        "reply_lines": Numbers(found.alike("reply_lines", int), found.spans[2] < 0),
        "untagged": found.numbers("untagged"),
        "octets_sent": found.octets(0),
        "octets_received": found.octets(2),
        "mailbox": found.words("mailbox"),
        "pipelined": Numbers(found.pipelined == 1, found.pipelined == -1),
        "encrypted": found.all_there(found.alike("encrypted", int) == 1),
        "flaw": found.words("flaws", lambda flaws: flaws[0].name if flaws else None),
        "frame": found.when(4),
        "reply_frame": found.when(5),
    }


def _models(talks: Sequence[Talk]) -> tuple[list[Talk], Ints]:
    """Talks that differ in ALIKE, and of all the index of the one that is like it."""
    import numpy as np

    models: list[Talk] = []
    known: dict[tuple[Any, ...], int] = {}
    like = []
    for talk in talks:
        told = talk.rows.told(ALIKE)
        if told not in known:
            known[told] = len(models)
            models.append(talk)
        like.append(known[told])
    return models, np.array(like, np.int64)


def _spans(talks: Sequence[Talk], flow: Ints) -> Ints:
    """Begin and end of each command, begin and end of each reply; -1 where there is none."""
    import numpy as np

    names = "start", "end", "reply_start", "reply_end"
    spans = np.array([packed(column(talks, name)) for name in names])
    for number, talk in enumerate(talks):
        if talk.protocol == "dns":  # offsets are numbers of datagrams
            for index in np.flatnonzero(flow == number).tolist():
                for begin in (0, 2):
                    if spans[begin, index] >= 0:
                        size = len(talk.flow.datagrams[spans[begin, index]].data)
                        spans[begin : begin + 2, index] = 0, size
    return spans


def _pipelined(talks: Sequence[Talk], flow: Ints, spans: Ints, times: Ints, commands: Flags) -> Ints:
    """Whether each command was sent before the reply to the one before it was there: 0, 1 or -1 (NA)."""
    import numpy as np

    dns = np.array([talk.protocol == "dns" for talk in talks], np.bool_)[flow]
    command = commands & (spans[0] >= 0) & ~dns
    first = np.r_[True, flow[1:] != flow[:-1]]
    replied, start = np.r_[ABSENT, times[3, :-1]], times[0]
    known = command & (first | ((replied != ABSENT) & (start != ABSENT)))
    return np.where(known, ~first & (start < replied), -1).astype(np.int64)
