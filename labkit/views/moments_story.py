"""What happens to the messages of a capture, exchange by exchange: see moments.py."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from labkit.views.deletions import Deletions
from labkit.views.journey import port_words, protocol_words
from labkit.views.moments import Ledger, Letter, Moment, Place
from labkit.views.received import Fields
from labkit.views.rows import Row
from labkit.views.words import OUTCOME_MARKS, plural, short, visible

MANY = 1 << 30


class Story:
    """Goes through the exchanges in order of time, and keeps account of what lies where."""

    def __init__(
        self,
        ends: Mapping[int, Row],
        messages: Iterable[Row],
        hops: Iterable[Row],
        exchanges: Sequence[Row],
        trace: str | None,
    ) -> None:
        self.ends, self.exchanges = ends, exchanges
        ordered = sorted(messages, key=lambda row: (row["time"], row["connection"], row["exchange"]))
        self.letters: dict[str, Letter] = {}
        for row in ordered:
            if trace in (None, row["trace_id"]):
                letter = Letter(len(self.letters) + 1, row["trace_id"], visible(row.get("subject") or ""))
                self.letters.setdefault(row["trace_id"], letter)
        self.carried: dict[tuple[int, int], list[Row]] = {}
        followed = [row for row in ordered if row["trace_id"] in self.letters]
        self.by_trace: dict[str, list[Row]] = {}
        self.by_connection: dict[int, list[Row]] = {}
        self.last: dict[tuple[str, str, str], int] = {}  # trace, direction, device that gives it away -> when
        for row in followed:
            self.carried.setdefault((row["connection"], row["exchange"]), []).append(row)
            self.by_trace.setdefault(row["trace_id"], []).append(row)
            self.by_connection.setdefault(row["connection"], []).append(row)
            end = ends[row["connection"]]
            whose = end["server_name"] if row["direction"] == "retrieved" else end["client_name"]
            self.last[row["trace_id"], row["direction"], whose] = row["time"]
        self.fields = Fields(followed, hops)
        self.deletions: defaultdict[int, Deletions] = defaultdict(Deletions)  # by connection
        self.ledger = Ledger()
        self.copies: Counter[tuple[str, Place, str]] = Counter()  # device, place, trace
        self.way: dict[tuple[str, str], tuple[str, ...]] = {}  # trace, device -> servers that took it

    def told(self) -> Iterator[Moment]:
        opened: set[int] = set()
        acts: list[tuple[tuple[int, int, int], partial[Iterator[Moment]]]] = []
        for row in self.exchanges:
            number = row["connection"]
            end = self.ends.get(number)
            if end is None:
                continue
            if number not in opened and end["protocol"] != "dns":
                opened.add(number)
                begun = end["start"] if end.get("start") is not None else row["time"]
                acts.append(((begun, number, -1), partial(self._opened, number, end, begun)))
            at = next(row[name] for name in ("replied_at", "sent_at", "time") if row.get(name) is not None)
            acts.append(((at, number, row["exchange"]), partial(self._said, row, end, at)))
        for number, end in self.ends.items():
            if number not in opened and end["protocol"] != "dns" and end.get("start") is not None:
                acts.append(((end["start"], number, -1), partial(self._opened, number, end, end["start"])))
        for _, act in sorted(acts, key=lambda keyed: keyed[0]):
            yield from act()

    def _opened(self, number: int, end: Row, at: int) -> Iterator[Moment]:
        client, server = end["client_name"], end["server_name"]
        for row in self.by_connection.get(number, ()):
            if row["direction"] == "sent" and (row["trace_id"], client) not in self.way:
                letter = self.letters[row["trace_id"]]
                place: Place = "queue" if end.get("step") == "relay" else "outbox"
                self._put(client, place, letter)
                self.way[letter.trace, client] = ()
                words = f"“{short(letter.subject, 40)}” is ready on the {_title(end, 'client')}"
                yield self._moment(at, words, letter=letter)
        words = f"{_title(end, 'client')} connects to the {_title(end, 'server')}, {port_words(end)}"
        failed = end.get("ended") if not end.get("exchanges", 1) else None
        outcome = "unanswered" if failed in ("timeout", "cut") else "permanent" if failed else None
        words += ": nobody answers" if outcome == "unanswered" else ": it is refused" if outcome else ""
        yield self._moment(
            at,
            words,
            source=client,
            target=server,
            protocol=protocol_words(end),
            outcome=outcome,
            connection=number,
        )

    def _said(self, row: Row, end: Row, at: int) -> Iterator[Moment]:
        client, server = end["client_name"], end["server_name"]
        common = self._moment(
            at, _exchange_words(row), source=client, target=server, protocol=protocol_words(end),
            outcome=row["outcome"], connection=row["connection"], exchange=row["exchange"], is_step=False,
        )  # fmt: skip
        found = self.carried.get((row["connection"], row["exchange"]), [])
        if end["protocol"] == "dns":
            words = f"{_title(end, 'client')} asks the DNS: {_exchange_words(row)}"
            yield replace(common, words=words, is_step=True)
        elif found:
            for message in found:
                yield self._carried(common, message, end, row)
        elif gone := self._deleted(row, server):
            words = f"deletes {plural(len(gone), 'message')} from the mailbox at the {_title(end, 'server')}"
            yield replace(
                common, words=f"{_title(end, 'client')} {words}", until=len(self.ledger.entries), is_step=True
            )
        else:
            yield common

    def _carried(self, common: Moment, message: Row, end: Row, row: Row) -> Moment:
        """A message crosses, or does not."""
        letter = self.letters[message["trace_id"]]
        client, server = end["client_name"], end["server_name"]
        went = message["outcome"] == "ok"
        quoted = f"“{short(letter.subject, 40)}”"
        if message["direction"] == "retrieved":
            words = f"{_title(end, 'client')} fetches {quoted} from the {_title(end, 'server')}"
            if went:
                self._put(server, "mailbox", letter)
                self._put(client, "fetched", letter, self.copies[server, "mailbox", letter.trace])
                self.deletions[row["connection"]].fetched(row, message)
            way = self.way.get((letter.trace, server), ())
            return self._moved(common, words, letter, way, server, client, message)
        way = (*self.way.get((letter.trace, client), ()), server)
        if went:
            self.way[letter.trace, server] = way
            for place in self._after(letter, server, message, end):
                self._put(server, place, letter, copies=MANY)
            self._leaves(letter, client, message)
            words = f"{_title(end, 'server')} accepts {quoted}"
        else:
            words = f"{_title(end, 'server')} does not accept {quoted} ({message['outcome']})"
            if message["outcome"] in (None, "unanswered"):
                words = f"no reply: the {_title(end, 'client')} cannot know what became of {quoted}"
                if self._taken_unseen(letter, server):
                    self._put(server, "mailbox", letter, copies=MANY)
                    words = f"{_title(end, 'server')} takes {quoted}, but its reply does not arrive"
            elif message["outcome"] == "permanent":
                self._leaves(letter, client, message)
            way = way[:-1]
        return self._moved(common, words, letter, way, client, server, message)

    def _moved(
        self,
        common: Moment,
        words: str,
        letter: Letter,
        way: tuple[str, ...],
        source: str,
        target: str,
        row: Row,
    ) -> Moment:
        received = self.fields.of(letter.trace, way)
        until = len(self.ledger.entries)
        return replace(common, words=words, until=until, source=source, target=target, letter=letter,
                       received=received, outcome=row["outcome"], is_step=True)  # fmt: skip

    def _taken_unseen(self, letter: Letter, server: str) -> bool:
        """Whether more copies are fetched later than the server is known to have accepted."""
        fetched: dict[int, int] = {}
        accepted = self.copies[server, "mailbox", letter.trace]
        for row in self.by_trace[letter.trace]:
            if self.ends[row["connection"]]["server_name"] != server or row["outcome"] != "ok":
                continue
            if row["direction"] == "retrieved":
                fetched[row["connection"]] = fetched.get(row["connection"], 0) + 1
            else:
                accepted += 1
        return max(fetched.values(), default=0) > accepted

    def _after(self, letter: Letter, server: str, message: Row, end: Row) -> list[Place]:
        """Where a server puts what it accepted, by what it does with it later."""
        found: list[Place] = []
        if self._later(letter, "sent", server, message):
            found.append("queue")
        if self._later(letter, "retrieved", server, message):
            found.append("mailbox")
        return found or (["queue"] if end.get("step") == "submit" else ["mailbox"])

    def _leaves(self, letter: Letter, client: str, message: Row) -> None:
        """The sender's side is done with a letter, unless it has to bring it to another server as well."""
        if not self._later(letter, "sent", client, message):
            for place in ("outbox", "queue"):
                for _ in range(self.copies[client, place, letter.trace]):
                    self._take(client, place, letter)

    def _later(self, letter: Letter, direction: str, device: str, message: Row) -> bool:
        """Whether the device sends the letter, or has it fetched, after this message."""
        when = self.last.get((letter.trace, direction, device))
        return when is not None and when > message["time"]

    def _deleted(self, row: Row, server: str) -> list[str]:
        """What this exchange takes out of the mailbox."""
        gone = self.deletions[row["connection"]].gone(row)
        for trace in gone:
            self._take(server, "mailbox", self.letters[trace])
        return gone

    def _moment(self, at: int, words: str, **more: Any) -> Moment:
        return Moment(at, words, self.ledger, len(self.ledger.entries), **more)

    def _put(self, device: str, place: Place, letter: Letter, copies: int = 1) -> None:
        """One more, unless so many copies of it lie there."""
        if self.copies[device, place, letter.trace] < copies:
            self.copies[device, place, letter.trace] += 1
            self.ledger.put(device, place, letter)

    def _take(self, device: str, place: Place, letter: Letter) -> None:
        if self.copies[device, place, letter.trace]:
            self.copies[device, place, letter.trace] -= 1
            self.ledger.take(device, place, letter)


def _title(end: Row, side: str) -> str:
    return visible(str(end.get(f"{side}_role") or end[f"{side}_name"]))


def _exchange_words(row: Row) -> str:
    if row.get("verb") is None:
        said = "the server greets"
    elif row["verb"] == ".":
        said = "the message"
    else:
        said = " ".join(filter(None, [row["verb"], row.get("argument")]))
    first = (row.get("text") or "").split("\n")[0]
    reply = " ".join(filter(None, [OUTCOME_MARKS.get(row["outcome"] or "", ""), row.get("status"), first]))
    return visible(f"{short(said, 44)}: {short(reply, 44)}")
