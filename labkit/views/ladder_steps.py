"""Rows of the tables as the steps of a ladder, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from labkit.views.ends import SIDES
from labkit.views.meddled import SIGN, Mark
from labkit.views.rows import Row
from labkit.views.words import OUTCOME_MARKS, duration, plural, protocol_name, short, visible

Kind = Literal["open", "command", "reply", "missing", "tls", "close", "pause", "more"]
SLOW, LONG = 5, 1_000_000
"""A reply is late that took so many times as long as the quickest of all, and longer than so many µs."""

ENDINGS = {"cut": "the connection is cut", "reset": "the connection is reset", "timeout": "it timed out"}
IN_VAIN = {"cut": "nobody answers", "reset": "the connection is refused", "timeout": "nobody answers"}
Marks = dict[tuple[int, int, str], list[Mark]]
"""By connection, exchange and sender: what faults did."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the ladder: `source` and `target` are lifelines' positions, times µs.

    `at` is when the end that the capture watches, the client's, sent or received it; `left` and `came` are
    when it left its sender and came to the other end, one of them as reckoned.
    """

    kind: Kind
    at: int | None
    label: str
    source: int = 0
    target: int = 0
    connection: int | None = None
    exchange: int | None = None
    outcome: str | None = None
    encrypted: bool = False
    detail: str = ""  # the whole of what the label shortens
    waited: int | None = None  # µs from the command to this reply
    late: bool = False
    flaws: tuple[str, ...] = ()
    in_flight: int = 1  # commands that wait for a reply, this one among them
    left: int = 0
    came: int = 0
    meddled: str = ""  # in a word, what a fault did to it
    lost: bool = False  # nothing of it arrived


def steps_of(
    exchanges: Sequence[Row],
    ends: Mapping[int, Row],
    places: Mapping[int, tuple[int, int]],
    flaws: Iterable[Row],
    marks: Iterable[Mark] = (),
    broken: Collection[int] = (),
) -> list[Step]:
    """Every step, sorted by time, connection, exchange, and the order within it."""
    rows: dict[int, list[Row]] = {number: [] for number in ends}
    for row in exchanges:
        rows[row["connection"]].append(row)
    named: dict[tuple[int, int], dict[str, str]] = {}
    for flaw in flaws:
        said = "".join(filter(None, [flaw.get("meaning"), f" ({flaw['rfc']})" if flaw.get("rfc") else ""]))
        named.setdefault((flaw["connection"], flaw["exchange"]), {})[flaw["flaw"]] = said
    touched: Marks = {}
    for mark in marks:
        touched.setdefault((mark.connection, mark.exchange, mark.sender), []).append(mark)
    found: list[tuple[tuple[int, ...], Step]] = []
    quick = {number: _quickest(rows[number]) for number in ends}
    pairs: dict[frozenset[int], int] = {}  # by the two devices
    for number, wait in quick.items():
        if wait is not None:
            pair = frozenset(places[number])
            pairs[pair] = min(wait, pairs.get(pair, wait))
    usual = min(pairs.values(), default=0)
    for number, end in ends.items():
        way = pairs.get(frozenset(places[number]), 0) // 2
        talk = _Talk(number, end, places[number], rows[number], named, way, usual, touched, number in broken)
        found += talk.steps()
    return [step for _, step in sorted(found, key=lambda keyed: keyed[0])]


class _Talk:
    """One connection."""

    def __init__(
        self,
        number: int,
        end: Row,
        place: tuple[int, int],
        rows: list[Row],
        flaws: Mapping[tuple[int, int], Mapping[str, str]],
        way: int,
        usual: int,
        marks: Marks,
        is_broken: bool,
    ) -> None:
        self.number, self.end, self.rows, self.flaws, self.marks = number, end, rows, flaws, marks
        self.forth, self.back = place, place[::-1]
        self.way = way  # µs between the two ends, as reckoned
        self.is_broken = is_broken
        self.late = max(SLOW * usual, LONG)  # µs: a reply that took longer is late
        self.last = _first(end, "start") or (_first(rows[0], "time") if rows else None) or 0
        self.waiting: list[int] = []  # when the replies come to the commands that were sent

    def steps(self) -> Iterator[tuple[tuple[int, ...], Step]]:
        """Every step with what it is sorted by."""
        label = _opening(self.number, self.end, self.rows)
        opened = Step("open", self.last, label, *self.forth, self.number, left=self.last, came=self.last)
        yield (self.last, self.number, -1, 0), opened
        for row in self.rows:
            asked = _first(row, "sent_at", "time")
            for step in self._of_exchange(row, self.last if asked is None else asked):
                self.last = step.at if step.at is not None else self.last
                yield (self.last, self.number, row["exchange"], step.kind != "command"), step
        how = self._ending()
        if how is not None:
            length = self.end.get("duration_s")
            begun = self.end.get("start")
            at = self.last if length is None or begun is None else begun + round(length * 1e6)
            step = Step("close", at, how, *self.forth, self.number, outcome="closed", left=at, came=at)
            yield (at, self.number, 1 << 60, 0), step

    def _ending(self) -> str | None:
        """How it ended, if not in order."""
        ended, whom = self.end.get("ended") or "", self.end.get("closed_by")
        how = (ENDINGS if self.rows else IN_VAIN).get(ended)
        if self.is_broken:
            return f"{how} by a fault" if how else f"a fault ends what the {whom or 'client'} says"
        return f"{how} by the {whom}" if how and self.rows and whom and ended == "reset" else how

    def _of_exchange(self, row: Row, asked: int) -> Iterator[Step]:
        """The arrows of one row: the command, and its reply or that it is missing."""
        replied = _first(row, "replied_at", "first_reply_at")
        answered = _first(row, "first_reply_at", "replied_at")
        detail = _detail(row)
        flaws = self.flaws.get((self.number, row["exchange"]), {})
        names = tuple(flaws) or ((row["flaw"],) if row.get("flaw") else ())
        detail += "".join(f"\n⚠ {name}: {said}" for name, said in flaws.items())
        forth, back = (self.marks.get((self.number, row["exchange"], side), []) for side in SIDES)
        detail += "".join(f"\n{SIGN} {mark.name}: {mark.detail}" for mark in (*forth, *back))
        common: dict[str, Any] = {"connection": self.number, "exchange": row["exchange"], "detail": detail}
        if row.get("verb") == "TLS":
            words = " ".join(filter(None, ["TLS handshake", row.get("argument"), row.get("text")]))
            came = asked if replied is None else replied
            yield Step("tls", asked, visible(words), *self.forth, outcome=row["outcome"], flaws=names,
                       left=asked, came=came, **common)  # fmt: skip
            return
        common["encrypted"] = bool(row.get("encrypted"))
        arrived = asked + self.way
        if row.get("verb") is not None:
            self.waiting = [until for until in self.waiting if until > asked]
            self.waiting.append(replied if replied is not None else asked + 1)
            step = Step("command", asked, _command(row), *self.forth, flaws=names, left=asked, came=arrived,
                        in_flight=len(self.waiting), **common)  # fmt: skip
            yield _touched(step, forth, row.get("octets_sent"))
            names = ()
        if replied is not None and answered is not None:
            waited = replied - asked if row.get("verb") is not None else None
            late = waited is not None and waited > self.late
            left = min(max(answered - self.way, arrived if waited is not None else 0), replied)
            step = Step("reply", replied, _reply(row), *self.back, outcome=row["outcome"], waited=waited,
                        late=late, flaws=names, left=left, came=replied, **common)  # fmt: skip
            yield _touched(step, back, row.get("octets_received"))
        elif row["outcome"] == "unanswered":
            step = Step("missing", asked, "no reply arrived", *self.back, outcome="unanswered",
                        left=arrived, came=arrived, **common)  # fmt: skip
            yield _touched(step, back)


def _touched(step: Step, marks: Sequence[Mark], octets: int | None = None) -> Step:
    """A step of so many octets, with what faults did to it."""
    if not marks:
        return step
    words = dict.fromkeys(mark.word for mark in marks)
    lost = sum(mark.octets for mark in marks if mark.word == "lost")
    return replace(step, meddled=", ".join(words), lost=bool(lost) and lost == octets)


def _quickest(rows: Iterable[Row]) -> int | None:
    """µs: the shortest wait for a reply on a connection."""
    waits = [
        answered - row["sent_at"]
        for row in rows
        if row.get("verb") not in (None, "TLS")
        and row.get("sent_at") is not None
        and (answered := _first(row, "first_reply_at", "replied_at")) is not None
    ]
    return max(min(waits), 0) if waits else None


def _opening(number: int, end: Row, rows: Sequence[Row]) -> str:
    about = rows[0] if rows else end
    name = protocol_name(about["protocol"]) if about.get("protocol") else ""
    words = [" ".join(filter(None, [name, about.get("step")]))]
    if end.get("server_port"):
        words.append(f"port {end['server_port']}")
    if end.get("tls") == "implicit":
        words.append("TLS")
    return f"connection {number}: {', '.join(filter(None, words))}"


def _command(row: Row) -> str:
    if row["verb"] == ".":
        return f"message, {plural(row.get('octets_sent') or 0, 'octet')}, then ."
    words = [row.get("tag"), row["verb"] if row["verb"] != "(response)" else None, row.get("argument")]
    return visible(" ".join(str(word) for word in words if word))


def _reply(row: Row) -> str:
    first, *more = (row.get("text") or "").split("\n")
    extra = (row.get("untagged") or 0) or (row.get("reply_lines") or 1) - 1 or len(more)
    text = visible(" ".join(filter(None, [row.get("status"), short(first, 18) if extra else first])))
    return f"{OUTCOME_MARKS.get(row['outcome'], '')} {text}" + (
        f" (+{plural(extra, 'line')})" if extra else ""
    )


def _detail(row: Row) -> str:
    """What a pointer resting on the step shows: the whole command and reply."""
    latency = row.get("latency_s")
    waited = f"; answered after {duration(round(latency * 1e6))}" if latency is not None else ""
    said = visible(" ".join(str(row[name]) for name in ("verb", "argument") if row.get(name)))
    got = row.get("octets_received")
    size = f" with {plural(got, 'octet')}" if waited and got else ""
    return f"exchange {row['exchange']}: {said or 'the greeting'}{waited}{size}"


def _first(row: Row, *columns: str) -> int | None:
    return next((row[name] for name in columns if row.get(name) is not None), None)
