"""Build a server in stages: each stage is a transcript, and a session that says the same passes it.

A transcript is played line by line against a session of `labkit.net.session`, without a network:

    C: LIST 2               the client says this
    S: +OK 2 200 …          the server must say this; … stands for any words, or none
    S: 1 $first             $first stands for one word, and for the same word from here on
    > closed                the server must have closed the connection
    > cut                   the connection breaks, without a word
    2 C: USER mrose         a second connection, at the same time or after the first
    # …                     why, for whoever reads; told when the lines below it go wrong

Where the two part, `first_departure` says so in words.  A session that raises, that returns
something odd or that never ends gets words too.
"""

from __future__ import annotations

import linecache
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from types import FrameType
from typing import Any, TypeVar

from labkit.course.cards import card, plain
from labkit.course.pop_server import NoReply
from labkit.net.session import Close, Delay, Send
from labkit.servers.site import Site
from labkit.store.accounts import Store
from labkit.views.markup import el, prose
from labkit.views.picture import Picture
from labkit.views.words import short

T = TypeVar("T")
PATIENCE = 1_000_000
"""Steps of Python that a session may run for one command; then it is taken to run for ever."""
_LINE = re.compile(r"(?:(?P<client>\d) )?(?:(?P<kind>[CS]): ?|> (?P<event>closed|cut)$)(?P<text>.*)")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a transcript: `kind` is C, S, closed or cut; `why` the comment it stands under."""

    client: int
    kind: str
    text: str
    why: str

    def __str__(self) -> str:
        said = f"{self.kind}: {self.text}".rstrip() if self.kind in "CS" else f"> {self.kind}"
        return said if self.client == 1 else f"{self.client} {said}"


@dataclass(frozen=True)
class Stage:
    """One step on the way to a server; `mail` is what lies in the maildrop of `mrose` when it begins."""

    number: int
    title: str
    source: str  # RFC and section
    script: str
    mail: tuple[bytes, ...] = ()

    @property
    def lines(self) -> list[Line]:
        found: list[Line] = []
        why: list[str] = []
        fresh = True  # the next comment begins a new one
        for text in self.script.strip().splitlines():
            if text.startswith("#"):
                why = [] if fresh else why
                why.append(text[1:].strip())
                fresh = False
            elif part := _LINE.fullmatch(text):
                kind = part["kind"] or part["event"]
                found.append(Line(int(part["client"] or 1), kind, part["text"] or "", " ".join(why)))
                fresh = True
            elif text:
                raise ValueError(f"stage {self.number}: no line of a transcript: {text!r}")
        return found

    def site(self) -> Site:
        """A host with one user and the stage's mail, the same every time."""
        store = Store(lambda: datetime(1996, 5, 1, 9, tzinfo=UTC))  # the month of RFC 1939
        numbers = count(1)
        account = store.add_user("mrose@dewey.example.org", "tanstaaf")
        for message in self.mail:
            account.inbox.append(message)
        return Site("dewey.example.org", store, store.now, lambda length: f"{next(numbers):0{length}}")


@dataclass(frozen=True, slots=True)
class Departure:
    """Where a session left the transcript: at the line with this index, and what happened in words."""

    stage: Stage
    at: int
    words: str


def first_departure(server: Any, stages: Iterable[Stage]) -> Departure | None:
    """Play the stages in turn, each from its beginning; None if the server says all its lines."""
    return next(filter(None, (_play(server, stage) for stage in stages)), None)


class Ended(BaseException):
    """Raised in a session that ran too long.  Not an Exception: no `except Exception` may keep it."""


class _End:
    """The server's end of one connection: what it said that nobody has compared yet."""

    def __init__(self, server: Callable[[Site], Any], site: Site) -> None:
        self.said: list[str] = []
        self.closed = False
        self._rest = b""
        self.session = patiently(lambda: server(site))
        self._do(lambda: self.session.connected("192.0.2.7", False))

    def hear(self, line: str) -> None:
        self._do(lambda: self.session.receive(line.encode() + b"\r\n"))

    def cut(self) -> None:
        self._do(lambda: self.session.eof())
        patiently(self.session.lost)
        self._look()

    def _do(self, call: Callable[[], Iterable[Any]]) -> None:
        for action in patiently(lambda: list(call())):
            if isinstance(action, Send):
                *lines, self._rest = (self._rest + action.data).split(b"\r\n")
                self.said += [line.decode("utf-8", "backslashreplace") for line in lines]
            elif isinstance(action, Delay):
                self._do(self.session.wake)
            elif isinstance(action, Close) and not self.closed:
                self.closed = True
                patiently(self.session.lost)
        self._look()

    def _look(self) -> None:
        trouble = getattr(self.session, "trouble", None)
        if isinstance(trouble, Exception):
            raise trouble


@dataclass
class _Course:
    """One stage while it is played."""

    ends: dict[int, _End] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    asked: str = ""


def _play(server: Any, stage: Stage) -> Departure | None:
    site, course, at = stage.site(), _Course(), 0
    for at, line in enumerate(stage.lines):
        try:
            words = _step(server, site, course, line)
        except Ended:
            words = f"{_after(course)} your server never came to an end: look for a loop that nothing stops."
        except NoReply as error:
            words = f"{_after(course)} your server {error}."
        except Exception as error:
            words = f"{_after(course)} your server stopped with {_place(error)}"
        if words is not None:
            return Departure(stage, at, " ".join(filter(None, [words, line.why])))
    over = [end.said[0] for end in course.ends.values() if end.said]
    return Departure(stage, at, _too_much(course, over[0])) if over else None


def _step(server: Any, site: Site, course: _Course, line: Line) -> str | None:
    """Play one line; None if the server kept to it, else what went wrong."""
    if line.client not in course.ends:
        course.asked = f"connection {line.client} began" if course.ends else ""
        course.ends[line.client] = _End(server, site)
    end = course.ends[line.client]
    if line.kind == "S":
        return _compare(course, end, line)
    if end.said:
        return _too_much(course, end.said[0])
    if line.kind == "closed":
        return None if end.closed else f"{_after(course)} your server keeps the connection open."
    if line.kind == "cut":
        course.asked = "the connection broke"
        end.cut()
    elif end.closed:
        return "Your server has closed the connection; the client had more to say."
    else:
        course.asked = f"`{line}`"
        end.hear(line.text)
    return None


def _compare(course: _Course, end: _End, line: Line) -> str | None:
    wanted = line.text
    if not end.said:
        if wanted == ".":
            return "The end is missing: a reply of several lines ends with a line that is only a dot."
        hung = " and closed the connection" if end.closed else ""
        return f"{_after(course)} the transcript has `{wanted}`; your server said nothing{hung}."
    said = end.said.pop(0)
    if _matches(wanted, said, course.names):
        return None
    shown = short(said, 60) or "an empty line"
    words = (
        f"{_after(course)} the transcript has `{_bound(wanted, course.names)}`; your server said `{shown}`."
    )
    if wanted == "." and said == "":
        words += " There is an empty line too many: the CRLF at the end of a letter ends its last line."
    elif wanted[:1] in ("+", "-") and not said.startswith(("+OK", "-ERR")):
        words += " A reply begins with `+OK` or `-ERR`."
    return words


def _after(course: _Course) -> str:
    return f"After {course.asked}" if course.asked else "At the beginning"


def _too_much(course: _Course, said: str) -> str:
    return f"{_after(course)} your server also said `{short(said, 60)}`, which is not in the transcript."


def _matches(wanted: str, said: str, names: dict[str, str]) -> bool:
    pattern, bound = "", []
    for word in wanted.removesuffix("…").rstrip().split(" "):
        if word.startswith("$") and word[1:] not in names:
            bound.append(word[1:])
            word = r"([!-~]{1,70})"
        else:
            word = re.escape(names.get(word[1:], word) if word.startswith("$") else word)
        pattern += f" {word}" if pattern else word
    found = re.fullmatch(pattern + ("(?: .*)?" if wanted.endswith("…") else ""), said)
    if found is None or len(set(found.groups()[: len(bound)])) < len(bound):
        return False
    fresh = dict(zip(bound, found.groups(), strict=False))
    if set(fresh.values()) & set(names.values()):  # two names never stand for the same word
        return False
    names.update(fresh)
    return True


def _bound(wanted: str, names: dict[str, str]) -> str:
    return " ".join(names.get(word[1:], word) if word.startswith("$") else word for word in wanted.split(" "))


def patiently(call: Callable[[], T]) -> T:
    """Call this, and raise `Ended` in it if it runs too long.  Counts steps, not time."""
    left = PATIENCE
    before = sys.gettrace()

    def watch(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        frame.f_trace_opcodes = True  # a loop on one line has no other events
        left -= 1
        if left < 0:
            raise Ended
        return watch

    sys.settrace(watch)
    try:
        return call()
    finally:
        sys.settrace(before)


def _place(error: BaseException) -> str:
    """An error in words, with the learner's line that led to it."""
    words = f"{type(error).__name__}: {short(str(error), 90)}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "labkit" not in f.filename]
    if frames and frames[-1].lineno is not None:
        line = linecache.getline(frames[-1].filename, frames[-1].lineno).strip()
        words += f", in line {frames[-1].lineno} of your cell: `{line}`" if line else ""
    return f"{words}."


# ---- What a notebook shows -----------------------------------------------------------


def play(server: Any, stages: Iterable[Stage] | None = None) -> Picture:
    """Play the stages of a POP3 server, or others, against a class; shows the first it does not pass."""
    if stages is None:
        from labkit.course.stages_pop3 import STAGES

        stages = STAGES
    known = list(stages)
    parted = first_departure(server, known) if callable(server) else None
    if not callable(server):
        head, rows, words = "Nothing played", [], "Hand over your class itself, such as `play(MyServer)`."
    else:
        reached = parted.stage.number if parted else len(known) + 1
        head = f"{reached - 1} of {len(known)} stages passed"
        rows = [f"{_mark(each.number, reached)} {each.number} {each.title}" for each in known]
        words = parted.words if parted else "Your server says every line of every transcript."
    excerpt = "\n".join(_excerpt(parted)) if parted else ""
    html = card(
        "" if parted or not rows else "lk-yes",
        el("p", head, class_="lk-head"),
        el("ul", *(el("li", row) for row in rows), style="list-style:none") if rows else None,
        el("p", f"Stage {parted.stage.number}, {parted.stage.source}:") if parted else None,
        el("pre", excerpt) if excerpt else None,
        prose(words),
    )
    title = [f"\nStage {parted.stage.number}, {parted.stage.source}:", excerpt, ""] if parted else [""]
    return Picture("\n".join([head, *rows, *title, plain(words)]), head, html=html, parts=("card",))


def _mark(number: int, reached: int) -> str:
    return "✓" if number < reached else "✗" if number == reached else "·"


def _excerpt(parted: Departure) -> Iterator[str]:
    """The lines of the transcript that led there; the last is where they part."""
    lines = parted.stage.lines[: parted.at + 1]
    if len(lines) > 8:
        yield f"  … {len(lines) - 8} lines that went well"
        lines = lines[-8:]
    for line in lines[:-1]:
        yield f"  {line}"
    yield f"✗ {lines[-1]}"
