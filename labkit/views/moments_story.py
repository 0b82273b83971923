"""What happens to the messages of a capture, exchange by exchange: see moments.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from labkit.views.journey import port_words, protocol_words
from labkit.views.moments import Letter, Lying, Moment, Place
from labkit.views.received import Fields
from labkit.views.rows import Row
from labkit.views.words import OUTCOME_MARKS, plural, short, visible


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
        for row in followed:
            self.carried.setdefault((row["connection"], row["exchange"]), []).append(row)
            self.by_trace.setdefault(row["trace_id"], []).append(row)
            self.by_connection.setdefault(row["connection"], []).append(row)
        self.fields = Fields(followed, hops)
        self.marked: dict[int, dict[str, str]] = {}  # POP3: connection -> number -> trace
        self.numbered: dict[int, dict[str, str]] = {}
        self.places: Lying = {}
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
                yield Moment(at, words, self.places, letter=letter)
        words = f"{_title(end, 'client')} connects to the {_title(end, 'server')}, {port_words(end)}"
        failed = end.get("ended") if not end.get("exchanges", 1) else None
        outcome = "unanswered" if failed in ("timeout", "cut") else "permanent" if failed else None
        words += ": nobody answers" if outcome == "unanswered" else ": it is refused" if outcome else ""
        yield Moment(at, words, self.places, client, server, protocol_words(end), outcome, connection=number)

    def _said(self, row: Row, end: Row, at: int) -> Iterator[Moment]:
        client, server = end["client_name"], end["server_name"]
        common = Moment(
            at, _exchange_words(row), self.places, client, server, protocol_words(end), row["outcome"],
            connection=row["connection"], exchange=row["exchange"], is_step=False,
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
            yield replace(common, words=f"{_title(end, 'client')} {words}", places=self.places, is_step=True)
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
                copies = self.places[server, "mailbox"].count(letter)
                self._put(client, "fetched", letter, copies)
                self.numbered.setdefault(row["connection"], {})[row.get("argument") or ""] = letter.trace
            way = self.way.get((letter.trace, server), ())
            return self._moved(common, words, letter, way, server, client, message)
        way = (*self.way.get((letter.trace, client), ()), server)
        if went:
            self.way[letter.trace, server] = way
            for place in self._after(letter, server, message, end):
                self._put(server, place, letter, copies=99)
            self._leaves(letter, client, message)
            words = f"{_title(end, 'server')} accepts {quoted}"
        else:
            words = f"{_title(end, 'server')} does not accept {quoted} ({message['outcome']})"
            if message["outcome"] in (None, "unanswered"):
                words = f"no reply: the {_title(end, 'client')} cannot know what became of {quoted}"
                if self._taken_unseen(letter, server):
                    self._put(server, "mailbox", letter, copies=99)
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
        return replace(common, words=words, places=self.places, source=source, target=target, letter=letter,
                       received=received, outcome=row["outcome"], is_step=True)  # fmt: skip

    def _taken_unseen(self, letter: Letter, server: str) -> bool:
        """Whether more copies are fetched later than the server is known to have accepted."""
        fetched: dict[int, int] = {}
        accepted = self.places.get((server, "mailbox"), ()).count(letter)
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
        later = [row for row in self.by_trace[letter.trace] if row["time"] > message["time"]]
        sides = [(self.ends[row["connection"]], row["direction"]) for row in later]
        found: list[Place] = []
        if any(way == "sent" and other["client_name"] == server for other, way in sides):
            found.append("queue")
        if any(way == "retrieved" and other["server_name"] == server for other, way in sides):
            found.append("mailbox")
        return found or (["queue"] if end.get("step") == "submit" else ["mailbox"])

    def _leaves(self, letter: Letter, client: str, message: Row) -> None:
        """The sender's side is done with a letter, unless it has to bring it to another server as well."""
        again = any(
            row["time"] > message["time"]
            and row["direction"] == "sent"
            and self.ends[row["connection"]]["client_name"] == client
            for row in self.by_trace[letter.trace]
        )
        if not again:
            self._take(client, ("outbox", "queue"), letter.trace)

    def _deleted(self, row: Row, server: str) -> list[str]:
        """POP3: what was marked goes when QUIT is answered (RFC 1939 6)."""
        if row["protocol"] != "pop3" or row["outcome"] != "ok":
            return []
        number, marked = row["connection"], self.marked.setdefault(row["connection"], {})
        argument = row.get("argument") or ""
        if row["verb"] == "DELE" and argument in self.numbered.get(number, {}):
            marked[argument] = self.numbered[number][argument]
        elif row["verb"] == "RSET":
            marked.clear()
        elif row["verb"] == "QUIT" and marked:
            gone = list(marked.values())
            for trace in gone:
                self._take(server, ("mailbox",), trace)
            marked.clear()
            return gone
        return []

    def _put(self, device: str, place: Place, letter: Letter, copies: int = 1) -> None:
        """One more, unless so many copies of it lie there."""
        lying = self.places.get((device, place), ())
        if lying.count(letter) < copies:
            self.places = {**self.places, (device, place): (*lying, letter)}

    def _take(self, device: str, places: Sequence[Place], trace: str) -> None:
        kept = {}
        for key, lying in self.places.items():
            if key[0] == device and key[1] in places:
                lying = tuple(letter for letter in lying if letter.trace != trace)
            kept[key] = lying
        self.places = kept


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
